/** What the tables about the system hold: one object a row, by column name, as the values' texts or bytes. */

import { dataCenter } from "../cluster/cluster.js";
import type { Node } from "../cluster/node.js";
import { emptyRow, never } from "../data/cells.js";
import { clusteringKey, composeKey, partitionPrefix } from "../data/keys.js";
import type { PartitionChange } from "../data/replica.js";
import { sortedMap, sortedSet } from "../query/terms.js";
import { parseInet } from "../types/native.js";
import {
  type CqlType,
  type ListType,
  type MapType,
  NativeType,
  SetType,
  type Value,
  writeParts,
} from "../types/type.js";
import type { Catalog, Keyspace } from "./catalog.js";
import { optionOf, tableOptionFacts } from "./options.js";
import type { Table } from "./table.js";

/** A value as it is easily written: texts are read by the type. */
export type Plain = string | number | boolean | Buffer | null | readonly Plain[] | ReadonlyMap<string, Plain>;

export type PlainRow = Readonly<Record<string, Plain>>;

/** The version that the engine says it is. */
export const releaseVersion = "5.0.9";
export const cqlVersion = "3.4.7";

/** What the rows are made from. */
export interface SystemFacts {
  readonly catalog: Catalog;
  readonly nodes: readonly Node[];
  readonly self: Node;
  readonly port: number;
  readonly clusterName: string;
  readonly clients: () => readonly PlainRow[];
  readonly traces: () => { readonly sessions: readonly PlainRow[]; readonly events: readonly PlainRow[] };
}

function encode(type: CqlType, value: Plain): Value {
  if (value === null) return null;
  if (value instanceof Map) {
    const { keys, values } = type as MapType;
    return sortedMap(
      keys,
      [...value].map(([key, item]) => [encode(keys, key)!, encode(values, item as Plain)!] as const),
    );
  }
  if (Array.isArray(value)) {
    const { element } = type as ListType | SetType;
    const items = (value as readonly Plain[]).map((item) => encode(element, item)!);
    return type instanceof SetType ? sortedSet(element, items) : writeParts(items, 1);
  }
  if (Buffer.isBuffer(value)) return value;
  if (type.name === "inet") return parseInet(value as string);
  return type instanceof NativeType ? type.facts.parse(String(value)) : null;
}

/** Rows as changes of a replica. */
export function changesOf(table: Table, rows: readonly PlainRow[]): PartitionChange[] {
  return rows.map((plain) => {
    const value = (name: string, type: CqlType) => encode(type, plain[name] ?? null);
    const key = composeKey(table.partitionKey.map((column) => value(column.name, column.type)!));
    const clustering = table.clustering.map((column) => value(column.name, column.type));
    const row = emptyRow();
    row.liveness = { timestamp: 1, ttl: 0, deletedAt: never };
    for (const column of table.regulars) {
      const bytes = value(column.name, column.type);
      if (bytes === null) continue;
      if (!column.type.isMultiCell) {
        row.cells.set(column.id, { timestamp: 1, ttl: 0, deletedAt: never, value: bytes });
        continue;
      }
      const cells = new Map();
      const items = plain[column.name] as readonly Plain[] | ReadonlyMap<string, Plain>;
      if (items instanceof Map) {
        const { keys, values } = column.type as MapType;
        for (const [each, item] of items)
          cells.set(encode(keys, each)!.latin1Slice(), {
            timestamp: 1,
            ttl: 0,
            deletedAt: never,
            value: encode(values, item as Plain),
          });
      } else
        for (const item of items as readonly Plain[])
          cells.set(encode((column.type as SetType).element, item)!.latin1Slice(), {
            timestamp: 1,
            ttl: 0,
            deletedAt: never,
            value: Buffer.alloc(0),
          });
      row.cells.set(column.id, { deletion: undefined, cells });
    }
    return {
      table,
      prefix: partitionPrefix(key),
      rows: [{ key: clusteringKey(table.clustering, clustering), clustering, row }],
    };
  });
}

function* userTables(catalog: Catalog, virtual: boolean): Generator<Table> {
  for (const keyspace of catalog.keyspaces()) if (keyspace.isVirtual === virtual) yield* keyspace.tables.values();
}

function keyspacesOf(catalog: Catalog, virtual: boolean): Keyspace[] {
  return [...catalog.keyspaces()].filter((keyspace) => keyspace.isVirtual === virtual);
}

function tableRow(table: Table): PlainRow {
  const options: Record<string, Plain> = {};
  for (const name of tableOptionFacts.keys()) options[name] = optionOf(table, name) as Plain;
  const flags =
    table.compact === "static"
      ? []
      : table.compact === "dense"
        ? table.clustering.length > 1
          ? ["compound", "dense"]
          : ["dense"]
        : ["compound"];
  if (table.isCounter) flags.push("counter");
  const unlessSet = (name: string) => (table.facts.options.has(name) ? (options[name] as Plain) : null);
  return {
    ...options,
    keyspace_name: table.keyspace,
    table_name: table.name,
    id: table.facts.id,
    flags,
    dclocal_read_repair_chance: 0,
    read_repair_chance: 0,
    extensions: new Map(),
    allow_auto_snapshot: unlessSet("allow_auto_snapshot"),
    cdc: null,
    incremental_backups: unlessSet("incremental_backups"),
    memtable: null,
  };
}

function columnRows(table: Table): PlainRow[] {
  return table.facts.columns.map((column) => ({
    keyspace_name: table.keyspace,
    table_name: table.name,
    column_name: column.name,
    clustering_order: column.kind === "clustering" ? (column.descending ? "desc" : "asc") : "none",
    column_name_bytes: Buffer.from(column.name),
    kind: column.kind,
    position: column.position,
    type: column.type.name,
  }));
}

function nodeRow(node: Node, facts: SystemFacts): PlainRow {
  return {
    data_center: dataCenter,
    rack: "rack1",
    host_id: node.hostId,
    release_version: releaseVersion,
    rpc_address: node.host,
    schema_version: facts.catalog.version,
    tokens: [node.token.toString()],
  };
}

const storagePort = 7000;

/** The rows of a system table, as a node tells them. */
export function systemRows(table: Table, facts: SystemFacts): readonly PlainRow[] {
  const { catalog, self, nodes, port } = facts;
  const peers = nodes.filter((node) => node !== self);
  switch (`${table.keyspace}.${table.name}`) {
    case "system.local":
      return [
        {
          ...nodeRow(self, facts),
          key: "local",
          bootstrapped: "COMPLETED",
          broadcast_address: self.host,
          broadcast_port: storagePort,
          cluster_name: facts.clusterName,
          cql_version: cqlVersion,
          gossip_generation: 1,
          listen_address: self.host,
          listen_port: storagePort,
          native_protocol_version: "4",
          partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
          rpc_port: port,
        },
      ];
    case "system.peers":
      return peers.map((node) => ({ ...nodeRow(node, facts), peer: node.host, preferred_ip: null }));
    case "system.peers_v2":
      return peers.map((node) => ({
        ...nodeRow(node, facts),
        peer: node.host,
        peer_port: storagePort,
        native_address: node.host,
        native_port: port,
      }));
    case "system.IndexInfo":
      return [...userTables(catalog, false)].flatMap((each) =>
        each.facts.indexes.map((index) => ({
          table_name: each.keyspace,
          index_name: index.name,
          value: null,
        })),
      );
    case "system_schema.keyspaces":
      return keyspacesOf(catalog, false).map((keyspace) => ({
        keyspace_name: keyspace.name,
        durable_writes: keyspace.durableWrites,
        replication: keyspace.replication,
      }));
    case "system_schema.tables":
      return [...userTables(catalog, false)].map(tableRow);
    case "system_schema.columns":
      return [...userTables(catalog, false)].flatMap(columnRows);
    case "system_schema.dropped_columns":
      return [...userTables(catalog, false)].flatMap((each) =>
        each.facts.dropped.map((column) => ({
          keyspace_name: each.keyspace,
          table_name: each.name,
          column_name: column.name,
          dropped_time: Number(column.droppedAt / 1000n),
          kind: column.isStatic ? "static" : "regular",
          type: column.type.name,
        })),
      );
    case "system_schema.indexes":
      return [...userTables(catalog, false)].flatMap((each) =>
        each.facts.indexes.map((index) => ({
          keyspace_name: each.keyspace,
          table_name: each.name,
          index_name: index.name,
          kind: index.kind,
          options: index.options,
        })),
      );
    case "system_schema.types":
      return keyspacesOf(catalog, false).flatMap((keyspace) =>
        [...keyspace.types.values()].map((type) => ({
          keyspace_name: keyspace.name,
          type_name: type.typeName,
          field_names: type.fields.names,
          field_types: type.fields.types.map((field) => field.name),
        })),
      );
    case "system_virtual_schema.keyspaces":
      return keyspacesOf(catalog, true).map((keyspace) => ({ keyspace_name: keyspace.name }));
    case "system_virtual_schema.tables":
      return [...userTables(catalog, true)].map((each) => ({
        keyspace_name: each.keyspace,
        table_name: each.name,
        comment: optionOf(each, "comment") as string,
      }));
    case "system_virtual_schema.columns":
      return [...userTables(catalog, true)].flatMap(columnRows);
    case "system_views.clients":
      return facts.clients();
    case "system_views.settings":
      return [
        { name: "cluster_name", value: facts.clusterName },
        { name: "native_transport_max_frame_size", value: "16MiB" },
        { name: "native_transport_port", value: String(port) },
        { name: "batch_size_warn_threshold", value: "5KiB" },
        { name: "batch_size_fail_threshold", value: "50KiB" },
        { name: "materialized_views_enabled", value: "false" },
        { name: "user_defined_functions_enabled", value: "false" },
        { name: "sasi_indexes_enabled", value: "false" },
      ];
    case "system_traces.sessions":
      return facts.traces().sessions;
    case "system_traces.events":
      return facts.traces().events;
    default:
      return [];
  }
}

/** Whether its rows change without a change of the schema. */
export function isVolatile(table: Table): boolean {
  return table.keyspace === "system_traces" || (table.keyspace === "system_views" && table.name === "clients");
}
