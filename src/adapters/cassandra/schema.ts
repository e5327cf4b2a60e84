import type { Deadline } from "../../internal/deadline.js";
import type { ClientFacts } from "./driver.js";
import { levelCodes } from "./levels.js";
import type { Requests, Statement } from "./requests.js";

/** A column as the server has it. */
interface FoundColumn {
  readonly name: string;
  readonly cql: string;
  readonly kind: string;
  readonly position: number;
  readonly order: string;
}

export interface FoundTable {
  readonly partition: readonly FoundColumn[];
  readonly clustering: readonly FoundColumn[];
  readonly columns: ReadonlyMap<string, FoundColumn>;
}

/** A keyspace as the server has it. */
export interface FoundSchema {
  /** Undefined: there is no such keyspace. */
  readonly replication: Readonly<Record<string, string>> | undefined;
  readonly tables: ReadonlyMap<string, FoundTable>;
  /** Fields of user-defined types. */
  readonly types: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

const select = (columns: string, table: string, where = " WHERE keyspace_name = ?"): Statement => ({
  query: `SELECT ${columns} FROM ${table}${where}`,
  operation: "SELECT",
  table,
});
const keyspaces = select("replication", "system_schema.keyspaces");
const tables = select("table_name", "system_schema.tables");
const columns = select("table_name, column_name, clustering_order, kind, position, type", "system_schema.columns");
const types = select("type_name, field_names, field_types", "system_schema.types");
const local = select("data_center, schema_version", "system.local", "");
const peers = select("data_center, schema_version", "system.peers", "");

/** Reads what a keyspace has. */
export async function readSchema(requests: Requests, deadline: Deadline): Promise<FoundSchema> {
  const read = async (statement: Statement) =>
    (await requests.read(statement, [requests.keyspace], levelCodes.ONE, deadline, { fetchSize: 10_000 })).rows ?? [];
  const [space] = await read(keyspaces);
  if (space === undefined) return { replication: undefined, tables: new Map(), types: new Map() };
  const [tableRows, columnRows, typeRows] = await Promise.all([read(tables), read(columns), read(types)]);
  const found = new Map<string, FoundColumn[]>(tableRows.map((row) => [row["table_name"] as string, []]));
  for (const row of columnRows) {
    found.get(row["table_name"] as string)?.push({
      name: row["column_name"] as string,
      cql: plainType(row["type"] as string),
      kind: row["kind"] as string,
      position: row["position"] as number,
      order: row["clustering_order"] as string,
    });
  }
  const replication = space["replication"] as Record<string, string> | Map<string, string>;
  return {
    replication: replication instanceof Map ? Object.fromEntries(replication) : replication,
    tables: new Map([...found].map(([name, own]) => [name, tableOf(own)])),
    types: new Map(
      typeRows.map((row) => {
        const names = row["field_names"] as readonly string[];
        const kinds = row["field_types"] as readonly string[];
        return [row["type_name"] as string, new Map(names.map((name, at) => [name, plainType(kinds[at] as string)]))];
      }),
    ),
  };
}

function tableOf(own: readonly FoundColumn[]): FoundTable {
  const of = (kind: string): FoundColumn[] =>
    own.filter((column) => column.kind === kind).sort((a, b) => a.position - b.position);
  return {
    partition: of("partition_key"),
    clustering: of("clustering"),
    columns: new Map(own.map((column) => [column.name, column])),
  };
}

/** A type's name as a plan writes it. */
export function plainType(cql: string): string {
  return cql.replaceAll(/\s+/g, "").replaceAll('"', "").replaceAll("varchar", "text");
}

/** Replicas by data centre; SimpleStrategy counts as one. */
export function replicasOf(replication: Readonly<Record<string, string>>): Readonly<Record<string, number>> {
  const { class: strategy = "", ...rest } = replication;
  // "3/1" is three, one of them transient.
  const factors = Object.fromEntries(Object.entries(rest).map(([name, factor]) => [name, Number.parseInt(factor, 10)]));
  return strategy.endsWith("SimpleStrategy") ? { all: factors["replication_factor"] ?? 1 } : factors;
}

/** Nodes by data centre, as one node sees them. */
export async function nodesByDatacenter(
  requests: Requests,
  deadline: Deadline,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const statement of [local, peers]) {
    const { rows } = await requests.read(statement, [], levelCodes.ONE, deadline);
    for (const row of rows ?? []) {
      const name = (row["data_center"] as string | null) ?? "datacenter1";
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return counts;
}

/** Whether all nodes that are up have one version of the schema; a client that does not say which are up counts all. */
export async function isSchemaAgreed(requests: Requests, deadline: Deadline): Promise<boolean> {
  const { metadata } = requests.client as ClientFacts;
  if (metadata?.checkSchemaAgreement !== undefined) {
    try {
      return await deadline.run(async () => metadata.checkSchemaAgreement!());
    } catch {
      // ScyllaDB's driver has the method and has not written it yet: its nodes are asked.
      deadline.throwIfOver();
    }
  }
  const versions = new Set<string>();
  for (const statement of [local, peers]) {
    const { rows } = await requests.read(statement, [], levelCodes.ONE, deadline);
    for (const row of rows ?? []) {
      const version = row["schema_version"];
      if (version !== null && version !== undefined) versions.add(String(version));
    }
  }
  return versions.size <= 1;
}
