/** The visible table of CQL's statements: what is served, and with what the others are refused. */
import type { RefusedStatement } from "./cql/ast.js";
import { type CqlError, invalid, unauthorized } from "./errors.js";

export interface StatementEntry {
  readonly name: string;
  readonly summary: string;
  readonly supported: boolean;
}

interface Refusal {
  readonly summary: string;
  readonly refuse: (statement: RefusedStatement) => CqlError | undefined;
}

const notLoggedIn = () => unauthorized("You have to be logged in and not anonymous to perform this request");
const noPassword = () => invalid("org.apache.cassandra.auth.CassandraRoleManager doesn't support PASSWORD");

function missing(what: string): Refusal["refuse"] {
  return ({ name, ifExists }) => {
    if (ifExists) return undefined;
    const full = `${name?.keyspace === undefined ? "" : `${name.keyspace}.`}${name?.name ?? ""}`;
    return invalid(`${what} '${full}' doesn't exist`);
  };
}

/** What is refused: the error of a Cassandra where the feature is off, as it is unless cassandra.yaml says otherwise. */
const refusals: ReadonlyMap<string, Refusal> = new Map<string, Refusal>([
  [
    "CREATE MATERIALIZED VIEW",
    {
      summary: "materialized views are off",
      refuse: () => invalid("Materialized views are disabled. Enable in cassandra.yaml to use."),
    },
  ],
  ["ALTER MATERIALIZED VIEW", { summary: "there is none", refuse: missing("Materialized view") }],
  ["DROP MATERIALIZED VIEW", { summary: "there is none", refuse: missing("Materialized view") }],
  [
    "CREATE FUNCTION",
    {
      summary: "user functions are off",
      refuse: () =>
        invalid(
          "User-defined functions are disabled in cassandra.yaml - set user_defined_functions_enabled=true to enable",
        ),
    },
  ],
  ["DROP FUNCTION", { summary: "there is none", refuse: missing("Function") }],
  [
    "CREATE AGGREGATE",
    {
      summary: "user functions are off",
      refuse: () =>
        invalid(
          "User-defined functions are disabled in cassandra.yaml - set user_defined_functions_enabled=true to enable",
        ),
    },
  ],
  ["DROP AGGREGATE", { summary: "there is none", refuse: missing("Aggregate") }],
  [
    "CREATE TRIGGER",
    {
      summary: "no trigger class can be loaded",
      refuse: ({ name }) => invalid(`Trigger class '${name?.name ?? ""}' couldn't be loaded`),
    },
  ],
  ["DROP TRIGGER", { summary: "there is none", refuse: missing("Trigger") }],
  ["CREATE ROLE", { summary: "roles beyond the login", refuse: noPassword }],
  ["ALTER ROLE", { summary: "roles beyond the login", refuse: noPassword }],
  ["DROP ROLE", { summary: "roles beyond the login", refuse: notLoggedIn }],
  ["CREATE USER", { summary: "roles beyond the login", refuse: noPassword }],
  ["ALTER USER", { summary: "roles beyond the login", refuse: noPassword }],
  ["DROP USER", { summary: "roles beyond the login", refuse: notLoggedIn }],
  ["ADD IDENTITY", { summary: "roles beyond the login", refuse: notLoggedIn }],
  ["DROP IDENTITY", { summary: "roles beyond the login", refuse: notLoggedIn }],
  ["GRANT", { summary: "permissions", refuse: notLoggedIn }],
  ["REVOKE", { summary: "permissions", refuse: notLoggedIn }],
  ["LIST PERMISSIONS", { summary: "permissions", refuse: notLoggedIn }],
  ["LIST ROLES", { summary: "roles beyond the login", refuse: notLoggedIn }],
  ["LIST USERS", { summary: "roles beyond the login", refuse: notLoggedIn }],
]);

/** The error for a statement that is refused; undefined where IF EXISTS makes it nothing to do. */
export function refusalOf(statement: RefusedStatement): CqlError | undefined {
  return refusals.get(statement.statement)!.refuse(statement);
}

const served: readonly (readonly [string, string])[] = [
  [
    "SELECT",
    "columns, functions, aggregates, arithmetic, CAST; WHERE with IN, slices, several columns, token(), CONTAINS; GROUP BY, ORDER BY, DISTINCT, LIMIT, PER PARTITION LIMIT, ALLOW FILTERING, paging",
  ],
  ["INSERT", "with IF NOT EXISTS, USING TTL and TIMESTAMP"],
  ["UPDATE", "with IF, USING TTL and TIMESTAMP, collections, counters, fields of user types"],
  ["DELETE", "partitions, rows, ranges, columns, elements and fields, with IF and USING TIMESTAMP"],
  ["BATCH", "logged, unlogged, counter, conditional"],
  ["USE", "the keyspace of the connection"],
  ["TRUNCATE", "all rows of a table"],
  ["CREATE KEYSPACE", "SimpleStrategy, NetworkTopologyStrategy"],
  ["ALTER KEYSPACE", "replication and durable_writes"],
  ["DROP KEYSPACE", "with IF EXISTS"],
  ["CREATE TABLE", "all types but custom ones, static columns, COMPACT STORAGE, properties"],
  ["ALTER TABLE", "ADD, DROP, RENAME, WITH"],
  ["DROP TABLE", "with IF EXISTS"],
  ["CREATE TYPE", "user types"],
  ["ALTER TYPE", "ADD, RENAME"],
  ["DROP TYPE", "where nothing uses it"],
  ["CREATE INDEX", "built-in indexes and SAI: equality, ranges (SAI), collections' keys, values, entries and full"],
  ["DROP INDEX", "with IF EXISTS"],
  ["DESCRIBE", "CLUSTER, SCHEMA, KEYSPACE, TABLE, TYPE, INDEX and their lists"],
];

/** All statements of CQL 3.4. */
export const statements: readonly StatementEntry[] = [
  ...served.map(([name, summary]) => ({ name, summary, supported: true })),
  ...[...refusals].map(([name, { summary }]) => ({ name, summary, supported: false })),
];
