import { shapesOf } from "./ddl.js";
import { identifier } from "./names.js";
import { inKeyspace } from "./statements.js";
import type { CqlGrant, CqlGrants, CqlPlan } from "./types.js";

/** The least rights: reading and writing the tables to run; making and changing them, and filling them, to apply. */
export function grantsOf(plan: Pick<CqlPlan, "entities" | "own" | "types">): CqlGrants {
  const tables = shapesOf(plan as CqlPlan).map(({ name }) => name);
  const each: readonly CqlGrant[] = tables.flatMap((table): CqlGrant[] => [
    { permission: "SELECT", table },
    { permission: "MODIFY", table },
  ]);
  return {
    run: each,
    apply: [
      { permission: "CREATE", table: undefined },
      { permission: "ALTER", table: undefined },
      { permission: "SELECT", table: undefined },
      { permission: "MODIFY", table: undefined },
    ],
  };
}

/** GRANT statements for two roles that exist: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/security.html */
export function renderGrants(grants: CqlGrants, keyspace: string): string {
  const on = inKeyspace(keyspace);
  const lines = (role: string, list: readonly CqlGrant[]): string[] =>
    list.map(
      ({ permission, table }) =>
        `GRANT ${permission} ON ${table === undefined ? `KEYSPACE ${identifier(keyspace)}` : `TABLE ${on(table)}`} TO ${role};`,
    );
  return `${["-- to run", ...lines("keyfold_run", grants.run), "-- to apply", ...lines("keyfold_apply", grants.apply)].join("\n")}\n`;
}
