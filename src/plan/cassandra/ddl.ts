/** Definitions as text: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/ddl.html */

import { limitsOf } from "./limits.js";
import { identifier } from "./names.js";
import type { Qualify } from "./statements.js";
import { unqualified } from "./statements.js";
import type { CqlColumn, CqlPlan, CqlTable, CqlUserType, OwnTable } from "./types.js";

/** How a keyspace is replicated: a number of replicas for each data centre, or for all at once. */
export type Replication = { readonly [datacenter: string]: number } | number;

/** What a table is made of, whoever planned it. */
export interface TableShape {
  readonly name: string;
  readonly partition: readonly CqlColumn[];
  readonly clustering: readonly (CqlColumn & { readonly direction: "asc" | "desc" })[];
  readonly columns: readonly CqlColumn[];
  readonly comment: string;
  readonly options: CqlTable["options"];
}

/** All tables of a plan, in the order in which they are made: keyfold's own first, an entity's home before its others. */
export function shapesOf(plan: CqlPlan): readonly TableShape[] {
  const none = { compaction: undefined, gcGraceSeconds: undefined, why: undefined };
  const own = plan.own.map(({ why, ...table }: OwnTable): TableShape => ({ ...table, comment: why, options: none }));
  const tables = Object.values(plan.entities).flatMap(({ entity, tables }) =>
    tables.flatMap((table): TableShape[] => {
      const shape: TableShape = {
        name: table.name,
        partition: table.partition,
        clustering: table.clustering,
        columns: table.columns,
        comment: commentOf(entity, table),
        options: table.options,
      };
      if (table.bucketsTable === undefined) return [shape];
      const bucket = table.partition.find(({ source }) => source.kind === "bucket" && !source.asked) as CqlColumn;
      const buckets: TableShape = {
        name: table.bucketsTable,
        partition: table.partition.filter(
          ({ source }) => source.kind === "field" || (source.kind === "bucket" && source.asked),
        ),
        clustering: [{ name: bucket.name, cql: bucket.cql, direction: table.clustering[0]?.direction ?? "asc" }],
        columns: [],
        comment: `buckets that groups of ${table.name} have`,
        options: none,
      };
      return [shape, buckets];
    }),
  );
  return [...own, ...tables];
}

function commentOf(entity: string, table: CqlTable): string {
  switch (table.role) {
    case "home":
      return `${entity}, by key`;
    case "query":
      return `${entity}, for ${table.serves.join(", ")}`;
    case "contributions":
      return `what each ${entity} adds to ${table.serves.join(", ")}`;
    case "unique":
      return `who has a unique value of ${entity}`;
    default:
      return table.role satisfies never;
  }
}

export function createTypeText(type: CqlUserType, qualify: Qualify = unqualified): string {
  const fields = type.fields.map(({ name, cql }) => `${identifier(name)} ${cql}`);
  return `CREATE TYPE IF NOT EXISTS ${qualify(type.name)} (${fields.join(", ")})`;
}

export function createTableText(table: TableShape, qualify: Qualify = unqualified): string {
  const columns = [...table.partition, ...table.clustering, ...table.columns].map(
    ({ name, cql }) => `  ${identifier(name)} ${cql},`,
  );
  const partition = table.partition.map(({ name }) => identifier(name)).join(", ");
  const clustering = table.clustering.map(({ name }) => identifier(name));
  const key = [`(${partition})`, ...clustering].join(", ");
  const options = [
    ...(table.clustering.some(({ direction }) => direction === "desc")
      ? [
          `CLUSTERING ORDER BY (${table.clustering.map(({ name, direction }) => `${identifier(name)} ${direction.toUpperCase()}`).join(", ")})`,
        ]
      : []),
    ...optionTexts(table),
    `comment = '${table.comment.replaceAll("'", "''")}'`,
  ];
  return `CREATE TABLE IF NOT EXISTS ${qualify(table.name)} (\n${columns.join("\n")}\n  PRIMARY KEY (${key})\n) WITH ${options.join("\n  AND ")}`;
}

function optionTexts({ options }: TableShape): readonly string[] {
  const { compaction, gcGraceSeconds } = options;
  return [
    ...(compaction === undefined
      ? []
      : [
          `compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': '${compaction.unit}', 'compaction_window_size': '${compaction.size}'}`,
        ]),
    ...(gcGraceSeconds === undefined ? [] : [`gc_grace_seconds = ${gcGraceSeconds}`]),
  ];
}

/**
 * ScyllaDB cuts tables into tablets by default, and up to 2025.3 refuses lightweight transactions there
 * (https://docs.scylladb.com/manual/stable/architecture/tablets.html): `tablets: false` keeps a keyspace by vnodes.
 */
export function createKeyspaceText(keyspace: string, replication: Replication, tablets?: false): string {
  const factors =
    typeof replication === "number"
      ? `'class': 'SimpleStrategy', 'replication_factor': ${replication}`
      : [
          "'class': 'NetworkTopologyStrategy'",
          ...Object.entries(replication).map(
            ([datacenter, factor]) => `'${datacenter.replaceAll("'", "''")}': ${factor}`,
          ),
        ].join(", ");
  return `CREATE KEYSPACE IF NOT EXISTS ${identifier(keyspace)} WITH replication = {${factors}}${tablets === false ? " AND tablets = {'enabled': false}" : ""}`;
}

/** The whole design as a file for cqlsh: for people who run their migrations by hand. */
export function renderCql(plan: CqlPlan, keyspace: string): string {
  const lines = [
    `-- design ${plan.design} for ${plan.engine}, by keyfold plan --emit cql`,
    "-- The keyspace is yours to make, with the replication that your data centres need; for a laptop:",
    `-- ${createKeyspaceText(keyspace, 1, limitsOf(plan.engine).tablets ? false : undefined)};`,
    "",
    `USE ${identifier(keyspace)};`,
    "",
    ...plan.types.map((type) => `${createTypeText(type)};\n`),
    ...shapesOf(plan).map((table) => {
      const why = table.options.why;
      return `${why === undefined ? "" : `-- ${why}\n`}${createTableText(table)};\n`;
    }),
    "-- Patterns over records that are there already are filled by keyfold apply.",
  ];
  return `${lines.join("\n")}\n`;
}
