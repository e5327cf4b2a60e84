/** How a setting's value is written. */
export type SettingKind =
  | { readonly kind: "bool" }
  | { readonly kind: "int"; readonly min: number; readonly max: number }
  /** Bytes, with the units b, k, kb, m, mb, g and gb. */
  | { readonly kind: "memory"; readonly min: number; readonly max: number }
  /** Bytes, or a share of maxmemory. */
  | { readonly kind: "memory-or-percent" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "string" }
  | { readonly kind: "events" }
  | { readonly kind: "percentiles" }
  | { readonly kind: "buffer-limits" }
  | { readonly kind: "save" };

/** One entry of CONFIG. */
export interface Setting {
  readonly name: string;
  /** A second name that always has the same value. */
  readonly alias?: string;
  readonly type: SettingKind;
  readonly initial: string;
  /** It can be read only: the embedded server does not do otherwise. Setting it to what it is succeeds. */
  readonly fixed?: true;
  /** Why nothing follows it here, where that is so. */
  readonly idle?: string;
  /** Shown by CONFIG GET only when it is asked for by its whole name. */
  readonly hidden?: true;
  /** CONFIG SET replaces, and answers are not shown by SLOWLOG or MONITOR. */
  readonly secret?: true;
}

const bool: SettingKind = { kind: "bool" };
const text: SettingKind = { kind: "string" };
const big = Number.MAX_SAFE_INTEGER;
const int = (min: number, max: number = big): SettingKind => ({ kind: "int", min, max });
const memory = (min: number, max: number = big): SettingKind => ({ kind: "memory", min, max });
const oneOf = (...values: string[]): SettingKind => ({ kind: "enum", values });

/** Every setting that CONFIG GET shows, by name. What Redis has and this list lacks, this server does not have. */
export const settings: readonly Setting[] = [
  { name: "acl-pubsub-default", type: oneOf("resetchannels", "allchannels"), initial: "allchannels", fixed: true },
  { name: "acllog-max-len", type: int(0), initial: "128" },
  {
    name: "active-expire-effort",
    type: int(1, 10),
    initial: "1",
    idle: "keys expire when they are due: there is no effort to choose",
  },
  { name: "activedefrag", type: bool, initial: "no", fixed: true },
  { name: "aof-load-truncated", type: bool, initial: "yes", fixed: true },
  // Bases are written as commands, which every version reads.
  { name: "aof-use-rdb-preamble", type: bool, initial: "no", fixed: true },
  { name: "appenddirname", type: text, initial: "appendonlydir", fixed: true },
  { name: "appendfilename", type: text, initial: "appendonly.aof", fixed: true },
  { name: "appendfsync", type: oneOf("everysec", "always", "no"), initial: "everysec" },
  { name: "appendonly", type: bool, initial: "no" },
  { name: "auto-aof-rewrite-min-size", type: memory(0), initial: "67108864" },
  { name: "auto-aof-rewrite-percentage", type: int(0, 2147483647), initial: "100" },
  { name: "bind", type: text, initial: "127.0.0.1", fixed: true },
  { name: "busy-reply-threshold", alias: "lua-time-limit", type: int(0), initial: "5000" },
  {
    name: "client-output-buffer-limit",
    type: { kind: "buffer-limits" },
    initial: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
  },
  { name: "client-query-buffer-limit", type: memory(1024 * 1024), initial: "1073741824" },
  { name: "cluster-enabled", type: bool, initial: "no", fixed: true },
  { name: "daemonize", type: bool, initial: "no", fixed: true },
  { name: "databases", type: int(1), initial: "16", fixed: true },
  { name: "dbfilename", type: text, initial: "dump.rdb", fixed: true },
  { name: "dir", type: text, initial: "", fixed: true },
  { name: "hash-max-listpack-entries", alias: "hash-max-ziplist-entries", type: int(0), initial: "512" },
  { name: "hash-max-listpack-value", alias: "hash-max-ziplist-value", type: int(0), initial: "64" },
  { name: "hll-sparse-max-bytes", type: memory(0), initial: "3000" },
  { name: "hz", type: int(1, 500), initial: "10", idle: "what is due is looked for ten times a second" },
  { name: "key-load-delay", type: int(0, 2147483647), initial: "0", fixed: true, hidden: true },
  { name: "latency-monitor-threshold", type: int(0), initial: "0" },
  { name: "latency-tracking", type: bool, initial: "yes" },
  { name: "latency-tracking-info-percentiles", type: { kind: "percentiles" }, initial: "50 99 99.9" },
  {
    name: "lazyfree-lazy-eviction",
    type: bool,
    initial: "no",
    idle: "memory is freed by the collector, beside the clients",
  },
  { name: "lazyfree-lazy-expire", type: bool, initial: "no" },
  { name: "lazyfree-lazy-server-del", type: bool, initial: "no" },
  { name: "lazyfree-lazy-user-del", type: bool, initial: "no" },
  {
    name: "lazyfree-lazy-user-flush",
    type: bool,
    initial: "no",
    idle: "memory is freed by the collector, beside the clients",
  },
  { name: "lfu-decay-time", type: int(0, 2147483647), initial: "1" },
  { name: "lfu-log-factor", type: int(0, 2147483647), initial: "10" },
  { name: "list-compress-depth", type: int(0, 2147483647), initial: "0", idle: "lists are not compressed" },
  { name: "list-max-listpack-size", alias: "list-max-ziplist-size", type: int(-2147483648, 2147483647), initial: "-2" },
  { name: "loglevel", type: oneOf("debug", "verbose", "notice", "warning", "nothing"), initial: "notice" },
  { name: "maxclients", type: int(1, 4294967295), initial: "10000" },
  { name: "maxmemory", type: memory(0), initial: "0" },
  { name: "maxmemory-clients", type: { kind: "memory-or-percent" }, initial: "0" },
  {
    name: "maxmemory-eviction-tenacity",
    type: int(0, 100),
    initial: "10",
    idle: "eviction goes on until the memory is within its limit",
  },
  {
    name: "maxmemory-policy",
    type: oneOf(
      "volatile-lru",
      "volatile-lfu",
      "volatile-random",
      "volatile-ttl",
      "allkeys-lru",
      "allkeys-lfu",
      "allkeys-random",
      "noeviction",
    ),
    initial: "noeviction",
  },
  { name: "maxmemory-samples", type: int(1, 64), initial: "5" },
  {
    name: "min-replicas-max-lag",
    alias: "min-slaves-max-lag",
    type: int(0, 2147483647),
    initial: "10",
    idle: "there are no replicas",
  },
  { name: "min-replicas-to-write", alias: "min-slaves-to-write", type: int(0, 2147483647), initial: "0" },
  { name: "no-appendfsync-on-rewrite", type: bool, initial: "no", idle: "a rewrite does not hold the syncs" },
  { name: "notify-keyspace-events", type: { kind: "events" }, initial: "" },
  { name: "port", type: int(0, 65535), initial: "0", fixed: true },
  { name: "proto-max-bulk-len", type: memory(1024 * 1024), initial: "536870912" },
  // There are no replicas: the size of what would be kept for them is noted and no more.
  { name: "repl-backlog-size", type: memory(1), initial: "1048576", idle: "there are no replicas" },
  {
    name: "replica-serve-stale-data",
    alias: "slave-serve-stale-data",
    type: bool,
    initial: "yes",
    idle: "there are no replicas",
  },
  { name: "replicaof", alias: "slaveof", type: text, initial: "", fixed: true },
  { name: "requirepass", type: text, initial: "", secret: true },
  {
    name: "sanitize-dump-payload",
    type: oneOf("no", "yes", "clients"),
    initial: "no",
    idle: "what RESTORE gets is always checked",
  },
  { name: "save", type: { kind: "save" }, initial: "" },
  { name: "set-max-intset-entries", type: int(0), initial: "512" },
  { name: "set-max-listpack-entries", type: int(0), initial: "128" },
  { name: "set-max-listpack-value", type: int(0), initial: "64" },
  { name: "slowlog-log-slower-than", type: int(-1), initial: "10000" },
  { name: "slowlog-max-len", type: int(0), initial: "128" },
  { name: "stop-writes-on-bgsave-error", type: bool, initial: "yes" },
  { name: "stream-node-max-bytes", type: memory(0), initial: "4096" },
  { name: "stream-node-max-entries", type: int(0), initial: "100" },
  { name: "tcp-keepalive", type: int(0, 2147483647), initial: "300", idle: "the system's own interval is used" },
  { name: "timeout", type: int(0, 2147483647), initial: "0" },
  { name: "tracking-table-max-keys", type: int(0), initial: "1000000" },
  { name: "zset-max-listpack-entries", alias: "zset-max-ziplist-entries", type: int(0), initial: "128" },
  { name: "zset-max-listpack-value", alias: "zset-max-ziplist-value", type: int(0), initial: "64" },
];
