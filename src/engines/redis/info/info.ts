import { cpus, platform, release, totalmem } from "node:os";
import type { Command } from "../commands/spec.js";
import type { RedisServer } from "../state.js";

const defaultSections = [
  "server",
  "clients",
  "memory",
  "persistence",
  "stats",
  "replication",
  "cpu",
  "modules",
  "errorstats",
  "cluster",
  "keyspace",
];
const furtherSections = ["commandstats", "latencystats"];

/** Bytes as people read them: 923.44K. */
export function human(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const units = ["K", "M", "G", "T"];
  let value = bytes;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)}${units[unit]}`;
}

type Fields = (readonly [string, string | number])[];

/** All commands with their subcommands. */
export function allCommands(server: RedisServer): Command[] {
  const out: Command[] = [];
  for (const command of server.commands.values()) {
    out.push(command);
    if (command.subcommands !== undefined) out.push(...command.subcommands.values());
  }
  return out;
}

/** An upper bound of the time within which this share of a command's calls was done. */
export function percentile(histogram: readonly number[], calls: number, share: number): number {
  let seen = 0;
  const wanted = Math.max(1, Math.ceil((calls * share) / 100));
  for (let i = 0; i < histogram.length; i++) {
    seen += histogram[i]!;
    if (seen >= wanted) return 2 ** i;
  }
  return 2 ** histogram.length;
}

function section(server: RedisServer, name: string): Fields {
  const { stats, config } = server;
  const seconds = Math.max(0, Math.floor((server.now - server.startedAt) / 1000));
  switch (name) {
    case "server":
      return [
        ["redis_version", server.version],
        ["redis_mode", "standalone"],
        ["server_name", "keyfold"],
        ["os", `${platform()} ${release()} ${process.arch}`],
        ["arch_bits", 64],
        ["multiplexing_api", "libuv"],
        ["process_id", process.pid],
        ["run_id", server.runId],
        ["tcp_port", server.port],
        ["server_time_usec", Math.floor(server.now * 1000)],
        ["uptime_in_seconds", seconds],
        ["uptime_in_days", Math.floor(seconds / 86_400)],
        ["hz", 10],
        ["configured_hz", 10],
        ["lru_clock", Math.floor(server.now / 1000) & 0xffffff],
        ["executable", process.execPath],
        ["config_file", ""],
        ["node_version", process.version],
      ];
    case "clients": {
      let blockingKeys = 0;
      let onGone = 0;
      const gone = new Set<string>();
      for (const db of server.dbs) blockingKeys += db.waiting.size;
      for (const { blocked } of server.blocking.clients) {
        if (blocked?.onGone) for (const key of blocked.keys) gone.add(`${blocked.db.index} ${key}`);
      }
      onGone = gone.size;
      let blocked = 0;
      let timed = 0;
      for (const client of server.blocking.clients) {
        const kind = client.blocked?.kind;
        if (kind !== "delayed" && kind !== "script") blocked++;
        if (client.timer !== undefined) timed++;
      }
      return [
        ["connected_clients", server.clients.size],
        ["cluster_connections", 0],
        ["maxclients", config.maxclients],
        ["client_recent_max_input_buffer", 0],
        ["client_recent_max_output_buffer", 0],
        ["blocked_clients", blocked],
        ["tracking_clients", server.tracking.clients.size],
        ["clients_in_timeout_table", timed],
        ["total_blocking_keys", blockingKeys],
        ["total_blocking_keys_on_nokey", onGone],
      ];
    }
    case "memory": {
      const used = server.usedMemory();
      const { rss, heapUsed, heapTotal } = process.memoryUsage();
      const data = server.dataBytes();
      const peak = Math.max(used, stats.peakMemory);
      const scripts = server.scripting?.info() ?? { scripts: 0, functions: 0, libraries: 0, bytes: 0 };
      const { clients } = memoryOfClients(server);
      return [
        ["used_memory", used],
        ["used_memory_human", human(used)],
        ["used_memory_rss", rss],
        ["used_memory_rss_human", human(rss)],
        ["used_memory_peak", peak],
        ["used_memory_peak_human", human(peak)],
        ["used_memory_peak_perc", `${((used / peak) * 100).toFixed(2)}%`],
        ["used_memory_overhead", used - data],
        ["used_memory_startup", 1_000_000],
        ["used_memory_dataset", data],
        ["used_memory_dataset_perc", `${((data / Math.max(1, used - 1_000_000)) * 100).toFixed(2)}%`],
        ["allocator_allocated", heapUsed],
        ["allocator_active", heapTotal],
        ["allocator_resident", rss],
        ["total_system_memory", totalmem()],
        ["total_system_memory_human", human(totalmem())],
        ["used_memory_lua", scripts.bytes],
        ["used_memory_vm_eval", scripts.bytes],
        ["used_memory_lua_human", human(scripts.bytes)],
        ["used_memory_scripts_eval", scripts.bytes],
        ["number_of_cached_scripts", scripts.scripts],
        ["number_of_functions", scripts.functions],
        ["number_of_libraries", scripts.libraries],
        ["used_memory_vm_functions", 0],
        ["used_memory_vm_total", scripts.bytes],
        ["used_memory_functions", 0],
        ["used_memory_scripts", scripts.bytes],
        ["used_memory_scripts_human", human(scripts.bytes)],
        ["maxmemory", config.maxmemory],
        ["maxmemory_human", human(config.maxmemory)],
        ["maxmemory_policy", config.maxmemoryPolicy],
        ["mem_fragmentation_ratio", (rss / used).toFixed(2)],
        ["mem_fragmentation_bytes", rss - used],
        ["mem_not_counted_for_evict", server.freeBytes()],
        ["mem_replication_backlog", 0],
        ["mem_total_replication_buffers", 0],
        ["mem_clients_slaves", 0],
        ["mem_clients_normal", clients],
        ["mem_cluster_links", 0],
        ["mem_aof_buffer", server.persistence?.bufferedBytes ?? 0],
        ["mem_allocator", "v8"],
        ["active_defrag_running", 0],
        ["lazyfree_pending_objects", 0],
        ["lazyfreed_objects", stats.lazyFreed],
      ];
    }
    case "persistence":
      return [
        ["loading", server.loading ? 1 : 0],
        ["async_loading", 0],
        ...(server.persistence?.info() ?? [
          ["rdb_changes_since_last_save", server.dirty] as const,
          ["rdb_bgsave_in_progress", 0] as const,
          ["rdb_last_save_time", server.lastSave] as const,
          ["rdb_last_bgsave_status", "ok"] as const,
          ["rdb_last_bgsave_time_sec", -1] as const,
          ["rdb_current_bgsave_time_sec", -1] as const,
          ["rdb_saves", 0] as const,
          ["rdb_last_cow_size", 0] as const,
          ["aof_enabled", 0] as const,
          ["aof_rewrite_in_progress", 0] as const,
          ["aof_rewrite_scheduled", 0] as const,
          ["aof_last_rewrite_time_sec", -1] as const,
          ["aof_current_rewrite_time_sec", -1] as const,
          ["aof_last_bgrewrite_status", "ok"] as const,
          ["aof_last_write_status", "ok"] as const,
          ["aof_last_cow_size", 0] as const,
        ]),
      ];
    case "stats":
      return [
        ["total_connections_received", stats.connections],
        ["total_commands_processed", stats.commands],
        ["instantaneous_ops_per_sec", stats.opsPerSecond],
        ["total_net_input_bytes", stats.netInputBytes],
        ["total_net_output_bytes", stats.netOutputBytes],
        ["total_net_repl_input_bytes", 0],
        ["total_net_repl_output_bytes", 0],
        ["instantaneous_input_kbps", (stats.inputPerSecond / 1024).toFixed(2)],
        ["instantaneous_output_kbps", (stats.outputPerSecond / 1024).toFixed(2)],
        ["rejected_connections", stats.rejectedConnections],
        ["sync_full", 0],
        ["sync_partial_ok", 0],
        ["sync_partial_err", 0],
        ["expired_keys", stats.expiredKeys],
        ["expired_stale_perc", "0.00"],
        ["expired_time_cap_reached_count", 0],
        ["evicted_keys", stats.evictedKeys],
        ["evicted_clients", stats.evictedClients],
        ["keyspace_hits", stats.keyspaceHits],
        ["keyspace_misses", stats.keyspaceMisses],
        ["pubsub_channels", server.pubsub.channels.size],
        ["pubsub_patterns", server.pubsub.patterns.size],
        ["pubsubshard_channels", server.pubsub.shardChannels.size],
        ["latest_fork_usec", 0],
        ["total_forks", 0],
        ["migrate_cached_sockets", 0],
        ["slave_expires_tracked_keys", 0],
        ["tracking_total_keys", server.tracking.keyCount],
        ["tracking_total_items", server.tracking.itemCount],
        ["tracking_total_prefixes", server.tracking.prefixCount],
        ["unexpected_error_replies", stats.unexpectedErrors],
        ["total_error_replies", stats.errorReplies],
        ["dump_payload_sanitizations", 0],
        ["total_reads_processed", stats.reads],
        ["total_writes_processed", stats.writes],
        ["client_query_buffer_limit_disconnections", stats.queryLimitDrops],
        ["client_output_buffer_limit_disconnections", stats.outputLimitDrops],
        ["acl_access_denied_auth", stats.authDenied],
        ["acl_access_denied_cmd", 0],
        ["acl_access_denied_key", 0],
        ["acl_access_denied_channel", 0],
      ];
    case "replication":
      return [
        ["role", "master"],
        ["connected_slaves", 0],
        ["master_failover_state", "no-failover"],
        ["master_replid", server.replicationId],
        ["master_replid2", "0".repeat(40)],
        ["master_repl_offset", 0],
        ["second_repl_offset", -1],
        ["repl_backlog_active", 0],
        ["repl_backlog_size", 0],
        ["repl_backlog_first_byte_offset", 0],
        ["repl_backlog_histlen", 0],
      ];
    case "cpu": {
      const { user, system } = process.cpuUsage();
      return [
        ["used_cpu_sys", (system / 1e6).toFixed(6)],
        ["used_cpu_user", (user / 1e6).toFixed(6)],
        ["used_cpu_sys_children", "0.000000"],
        ["used_cpu_user_children", "0.000000"],
        ["cpu_count", cpus().length],
      ];
    }
    case "commandstats":
      return allCommands(server)
        .filter(({ stats: s }) => s.calls > 0 || s.rejected > 0 || s.failed > 0)
        .map(({ fullName, stats: s }) => [
          `cmdstat_${fullName}`,
          `calls=${s.calls},usec=${Math.round(s.microseconds)},usec_per_call=${(s.calls === 0 ? 0 : s.microseconds / s.calls).toFixed(2)},rejected_calls=${s.rejected},failed_calls=${s.failed}`,
        ]);
    case "latencystats":
      return allCommands(server)
        .filter(({ stats: s }) => s.histogram !== undefined)
        .map(({ fullName, stats: s }) => [
          `latency_percentiles_usec_${fullName}`,
          config.percentiles.map((p) => `p${p}=${percentile(s.histogram!, s.calls, p).toFixed(3)}`).join(","),
        ]);
    case "errorstats":
      return [...stats.errors].sort().map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
    case "cluster":
      return [["cluster_enabled", 0]];
    case "keyspace":
      return server.dbs
        .filter((db) => db.size > 0)
        .map((db) => [
          `db${db.index}`,
          `keys=${db.size},expires=${db.expiries.size},avg_ttl=${averageTtl(server, db)}`,
        ]);
    default:
      return [];
  }
}

function memoryOfClients(server: RedisServer): { clients: number } {
  let clients = 0;
  for (const client of server.clients.values()) {
    clients += 2048 + (client.transport?.bufferBytes ?? 0) + (client.transport?.unsentBytes ?? 0);
  }
  return { clients };
}

/** The mean time left of keys that expire, of up to a thousand of them. */
function averageTtl(
  server: RedisServer,
  db: { expiries: { size: number; at(i: number): { expireAt: number } } },
): number {
  const count = Math.min(1000, db.expiries.size);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.max(0, db.expiries.at(i).expireAt - server.now);
  return count === 0 ? 0 : Math.floor(sum / count);
}

/** The text of INFO for the sections asked for. */
export function info(server: RedisServer, asked: readonly string[]): string {
  const wanted = new Set<string>();
  const names = asked.length === 0 ? ["default"] : asked.map((name) => name.toLowerCase());
  for (const name of names) {
    if (name === "default") for (const one of defaultSections) wanted.add(one);
    else if (name === "all" || name === "everything") {
      for (const one of [...defaultSections, ...furtherSections]) wanted.add(one);
    } else wanted.add(name);
  }
  const order = [
    ...defaultSections.slice(0, 8),
    "commandstats",
    "errorstats",
    "latencystats",
    ...defaultSections.slice(9),
  ];
  const parts: string[] = [];
  for (const name of order) {
    if (!wanted.has(name)) continue;
    const title = name === "cpu" ? "CPU" : name[0]!.toUpperCase() + name.slice(1);
    const lines = section(server, name).map(([key, value]) => `${key}:${value}\r\n`);
    parts.push(`# ${title}\r\n${lines.join("")}`);
  }
  return parts.join("\r\n");
}
