/** The tables that Cassandra has about itself, as far as the engine can answer them. */
import { createHash } from "node:crypto";
import type { CqlType } from "../types/type.js";
import { type Column, type ColumnKind, Table } from "./table.js";
import { typeFromText } from "./types.js";

interface SystemTable {
  readonly keyspace: string;
  readonly name: string;
  readonly comment: string;
  /** Each `name type`, separated by commas. */
  readonly partitionKey: string;
  readonly clustering: string;
  readonly others: string;
}

function system(
  keyspace: string,
  name: string,
  comment: string,
  partitionKey: string,
  clustering: string,
  others: string,
): SystemTable {
  return { keyspace, name, comment, partitionKey, clustering, others };
}

const tables: readonly SystemTable[] = [
  system("system", "built_views", "built views", "keyspace_name text", "view_name text", "status_replicated boolean"),
  system("system", "IndexInfo", "built column indexes", "table_name text", "index_name text", "value blob"),
  system(
    "system",
    "local",
    "information about the local node",
    "key text",
    "",
    "bootstrapped text, broadcast_address inet, broadcast_port int, cluster_name text, cql_version text, data_center text, gossip_generation int, host_id uuid, listen_address inet, listen_port int, native_protocol_version text, partitioner text, rack text, release_version text, rpc_address inet, rpc_port int, schema_version uuid, tokens set<text>, truncated_at map<uuid, blob>",
  ),
  system(
    "system",
    "peers",
    "information about known peers in the cluster",
    "peer inet",
    "",
    "data_center text, host_id uuid, preferred_ip inet, rack text, release_version text, rpc_address inet, schema_version uuid, tokens set<text>",
  ),
  system(
    "system",
    "peers_v2",
    "information about known peers in the cluster",
    "peer inet",
    "peer_port int",
    "data_center text, host_id uuid, native_address inet, native_port int, preferred_ip inet, preferred_port int, rack text, release_version text, schema_version uuid, tokens set<text>",
  ),
  system(
    "system",
    "size_estimates",
    "per-table primary range size estimates, table is deprecated in favor of table_estimates",
    "keyspace_name text",
    "table_name text, range_start text, range_end text",
    "mean_partition_size bigint, partitions_count bigint",
  ),
  system(
    "system",
    "table_estimates",
    "per-table range size estimates",
    "keyspace_name text",
    "table_name text, range_type text, range_start text, range_end text",
    "mean_partition_size bigint, partitions_count bigint",
  ),
  system(
    "system_schema",
    "aggregates",
    "user defined aggregate definitions",
    "keyspace_name text",
    "aggregate_name text, argument_types frozen<list<text>>",
    "final_func text, initcond text, return_type text, state_func text, state_type text",
  ),
  system(
    "system_schema",
    "column_masks",
    "column dynamic data masks",
    "keyspace_name text",
    "table_name text, column_name text",
    "function_argument_nulls frozen<list<boolean>>, function_argument_types frozen<list<text>>, function_argument_values frozen<list<text>>, function_keyspace text, function_name text",
  ),
  system(
    "system_schema",
    "columns",
    "column definitions",
    "keyspace_name text",
    "table_name text, column_name text",
    "clustering_order text, column_name_bytes blob, kind text, position int, type text",
  ),
  system(
    "system_schema",
    "dropped_columns",
    "dropped column registry",
    "keyspace_name text",
    "table_name text, column_name text",
    "dropped_time timestamp, kind text, type text",
  ),
  system(
    "system_schema",
    "functions",
    "user defined function definitions",
    "keyspace_name text",
    "function_name text, argument_types frozen<list<text>>",
    "argument_names frozen<list<text>>, body text, called_on_null_input boolean, language text, return_type text",
  ),
  system(
    "system_schema",
    "indexes",
    "secondary index definitions",
    "keyspace_name text",
    "table_name text, index_name text",
    "kind text, options frozen<map<text, text>>",
  ),
  system(
    "system_schema",
    "keyspaces",
    "keyspace definitions",
    "keyspace_name text",
    "",
    "durable_writes boolean, replication frozen<map<text, text>>",
  ),
  system(
    "system_schema",
    "tables",
    "table definitions",
    "keyspace_name text",
    "table_name text",
    "additional_write_policy text, allow_auto_snapshot boolean, bloom_filter_fp_chance double, caching frozen<map<text, text>>, cdc boolean, comment text, compaction frozen<map<text, text>>, compression frozen<map<text, text>>, crc_check_chance double, dclocal_read_repair_chance double, default_time_to_live int, extensions frozen<map<text, blob>>, flags frozen<set<text>>, gc_grace_seconds int, id uuid, incremental_backups boolean, max_index_interval int, memtable text, memtable_flush_period_in_ms int, min_index_interval int, read_repair text, read_repair_chance double, speculative_retry text",
  ),
  system(
    "system_schema",
    "triggers",
    "trigger definitions",
    "keyspace_name text",
    "table_name text, trigger_name text",
    "options frozen<map<text, text>>",
  ),
  system(
    "system_schema",
    "types",
    "user defined type definitions",
    "keyspace_name text",
    "type_name text",
    "field_names frozen<list<text>>, field_types frozen<list<text>>",
  ),
  system(
    "system_schema",
    "views",
    "view definitions",
    "keyspace_name text",
    "view_name text",
    "additional_write_policy text, allow_auto_snapshot boolean, base_table_id uuid, base_table_name text, bloom_filter_fp_chance double, caching frozen<map<text, text>>, cdc boolean, comment text, compaction frozen<map<text, text>>, compression frozen<map<text, text>>, crc_check_chance double, dclocal_read_repair_chance double, default_time_to_live int, extensions frozen<map<text, blob>>, gc_grace_seconds int, id uuid, include_all_columns boolean, incremental_backups boolean, max_index_interval int, memtable text, memtable_flush_period_in_ms int, min_index_interval int, read_repair text, read_repair_chance double, speculative_retry text, where_clause text",
  ),
  system(
    "system_virtual_schema",
    "columns",
    "virtual column definitions",
    "keyspace_name text",
    "table_name text, column_name text",
    "clustering_order text, column_name_bytes blob, kind text, position int, type text",
  ),
  system("system_virtual_schema", "keyspaces", "virtual keyspace definitions", "keyspace_name text", "", ""),
  system(
    "system_virtual_schema",
    "tables",
    "virtual table definitions",
    "keyspace_name text",
    "table_name text",
    "comment text",
  ),
  system(
    "system_views",
    "clients",
    "currently connected clients",
    "address inet",
    "port int",
    "client_options frozen<map<text, text>>, connection_stage text, driver_name text, driver_version text, hostname text, keyspace_name text, protocol_version int, request_count bigint, ssl_cipher_suite text, ssl_enabled boolean, ssl_protocol text, username text",
  ),
  system("system_views", "settings", "current settings", "name text", "", "value text"),
  system(
    "system_traces",
    "events",
    "tracing events",
    "session_id uuid",
    "event_id timeuuid",
    "activity text, source inet, source_elapsed int, source_port int, thread text",
  ),
  system(
    "system_traces",
    "sessions",
    "tracing sessions",
    "session_id uuid",
    "",
    "client inet, command text, coordinator inet, coordinator_port int, duration int, request text, started_at timestamp, parameters map<text, text>",
  ),
];

/** `a int, m map<int, text>` to pairs; commas within `<>` are part of a type. */
function columnsOf(text: string): [string, string][] {
  const pairs: [string, string][] = [];
  let depth = 0;
  let start = 0;
  const end = (at: number): void => {
    const part = text.slice(start, at).trim();
    if (part !== "") pairs.push([part.slice(0, part.indexOf(" ")), part.slice(part.indexOf(" ") + 1)]);
    start = at + 1;
  };
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "<") depth++;
    else if (text[at] === ">") depth--;
    else if (text[at] === "," && depth === 0) end(at);
  }
  end(text.length);
  return pairs;
}

/** A UUID that is the same for the same name. */
function idOf(name: string): Buffer {
  const bytes = createHash("md5").update(name).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x30;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

function make(facts: SystemTable, tree: number): Table {
  const columns: Column[] = [];
  const add = (text: string, kind: ColumnKind): void => {
    columnsOf(text).forEach(([name, type], position) => {
      const resolved: CqlType = typeFromText(type, facts.keyspace, () => undefined);
      columns.push({
        id: columns.length,
        name: name.replaceAll('"', ""),
        type: resolved,
        kind,
        position: kind === "regular" ? -1 : position,
        descending: false,
      });
    });
  };
  add(facts.partitionKey, "partition_key");
  add(facts.clustering, "clustering");
  add(facts.others, "regular");
  return new Table({
    keyspace: facts.keyspace,
    name: facts.name,
    id: idOf(`${facts.keyspace}.${facts.name}`),
    tree,
    columns,
    options: new Map([
      ["comment", facts.comment],
      ["gc_grace_seconds", "0"],
    ]),
    indexes: [],
    dropped: [],
    nextColumn: columns.length,
    compact: undefined,
    isVirtual: true,
  });
}

/** Keyspaces that nobody may change. */
export const systemNames: readonly string[] = [
  "system",
  "system_schema",
  "system_traces",
  "system_views",
  "system_virtual_schema",
];

/** Those whose tables are virtual to clients too. */
export const virtualNames: readonly string[] = ["system_views", "system_virtual_schema"];

/** A number for each system table, for its tree. */
export function systemKeyspaces(): {
  name: string;
  replication: Map<string, string>;
  durableWrites: boolean;
  isVirtual: boolean;
  tables: Map<string, Table>;
  types: Map<string, never>;
}[] {
  return systemNames.map((name) => ({
    name,
    replication:
      name === "system_traces"
        ? new Map([
            ["class", "org.apache.cassandra.locator.SimpleStrategy"],
            ["replication_factor", "2"],
          ])
        : new Map([["class", "org.apache.cassandra.locator.LocalStrategy"]]),
    durableWrites: true,
    isVirtual: virtualNames.includes(name),
    tables: new Map(
      tables.flatMap((facts, at) =>
        facts.keyspace === name ? [[facts.name, make(facts, at + 1)] as [string, Table]] : [],
      ),
    ),
    types: new Map<string, never>(),
  }));
}
