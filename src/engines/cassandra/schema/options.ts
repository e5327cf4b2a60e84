/** Properties after WITH: which there are, what they default to, what they may be. */
import type { OptionValue } from "../cql/ast.js";
import { configError, syntaxError } from "../errors.js";
import type { Table } from "./table.js";

const compactionPackage = "org.apache.cassandra.db.compaction";
const compressionPackage = "org.apache.cassandra.io.compress";
const locatorPackage = "org.apache.cassandra.locator";

type Kind = "text" | "integer" | "double" | "boolean" | "map";

interface OptionFacts {
  readonly kind: Kind;
  readonly initial: OptionValue;
}

/** In the order in which DESCRIBE shows them. */
export const tableOptionFacts: ReadonlyMap<string, OptionFacts> = new Map<string, OptionFacts>([
  ["additional_write_policy", { kind: "text", initial: "99p" }],
  ["allow_auto_snapshot", { kind: "boolean", initial: "true" }],
  ["bloom_filter_fp_chance", { kind: "double", initial: "0.01" }],
  [
    "caching",
    {
      kind: "map",
      initial: new Map([
        ["keys", "ALL"],
        ["rows_per_partition", "NONE"],
      ]),
    },
  ],
  ["cdc", { kind: "boolean", initial: "false" }],
  ["comment", { kind: "text", initial: "" }],
  [
    "compaction",
    {
      kind: "map",
      initial: new Map([
        ["class", `${compactionPackage}.SizeTieredCompactionStrategy`],
        ["max_threshold", "32"],
        ["min_threshold", "4"],
      ]),
    },
  ],
  [
    "compression",
    {
      kind: "map",
      initial: new Map([
        ["chunk_length_in_kb", "16"],
        ["class", `${compressionPackage}.LZ4Compressor`],
      ]),
    },
  ],
  ["memtable", { kind: "text", initial: "default" }],
  ["crc_check_chance", { kind: "double", initial: "1.0" }],
  ["default_time_to_live", { kind: "integer", initial: "0" }],
  ["extensions", { kind: "map", initial: new Map() }],
  ["gc_grace_seconds", { kind: "integer", initial: "864000" }],
  ["incremental_backups", { kind: "boolean", initial: "true" }],
  ["max_index_interval", { kind: "integer", initial: "2048" }],
  ["memtable_flush_period_in_ms", { kind: "integer", initial: "0" }],
  ["min_index_interval", { kind: "integer", initial: "128" }],
  ["read_repair", { kind: "text", initial: "BLOCKING" }],
  ["speculative_retry", { kind: "text", initial: "99p" }],
]);

/** Read and without effect in Cassandra 5, with a warning. */
const obsolete = new Set([
  "dclocal_read_repair_chance",
  "read_repair_chance",
  "populate_io_cache_on_flush",
  "replicate_on_write",
]);

export function optionOf(table: Table, name: string): OptionValue {
  const initial = tableOptionFacts.get(name)!.initial;
  // Compact tables without clustering columns and the like have the same defaults.
  return table.facts.options.get(name) ?? initial;
}

const thresholds = ["min_threshold", "max_threshold"];
const commonCompaction = [
  "class",
  "enabled",
  "tombstone_threshold",
  "tombstone_compaction_interval",
  "unchecked_tombstone_compaction",
  "only_purge_repaired_tombstones",
  "provide_overlapping_tombstones",
  "log_all",
];
const sizeTiered = ["min_sstable_size", "bucket_low", "bucket_high", ...thresholds];
const strategies: Readonly<Record<string, readonly string[]>> = {
  SizeTieredCompactionStrategy: sizeTiered,
  LeveledCompactionStrategy: ["sstable_size_in_mb", "fanout_size", "single_sstable_uplevel", ...sizeTiered],
  TimeWindowCompactionStrategy: [
    "compaction_window_unit",
    "compaction_window_size",
    "timestamp_resolution",
    "expired_sstable_check_frequency_seconds",
    "unsafe_aggressive_sstable_expiration",
    ...sizeTiered,
  ],
  UnifiedCompactionStrategy: [
    "scaling_parameters",
    "min_sstable_size",
    "flush_size_override",
    "base_shard_count",
    "sstable_growth",
    "target_sstable_size",
    "expired_sstable_check_frequency_seconds",
    "unsafe_aggressive_sstable_expiration",
    "overlap_inclusion_method",
    "parallelize_output_shards",
    "max_sstables_to_compact",
    ...thresholds,
  ],
};

function number(value: string | undefined, name: string, kind: "int" | "double" | "long"): number | undefined {
  if (value === undefined) return undefined;
  const wanted = kind === "double" ? /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/ : /^[+-]?\d+$/;
  if (!wanted.test(value))
    throw configError(`${value} is not a parsable ${kind === "double" ? "float" : `${kind} (base10)`} for ${name}`);
  return Number(value);
}

function checkCompaction(options: ReadonlyMap<string, string>): Map<string, string> {
  const given = options.get("class");
  if (given === undefined) throw configError("Missing sub-option 'class' for the 'compaction' option.");
  const full = given.includes(".") ? given : `${compactionPackage}.${given}`;
  const short = full.slice(full.lastIndexOf(".") + 1);
  const known = strategies[short];
  if (known === undefined) throw configError(`Unable to find compaction strategy class '${full}'`);
  const unknown = [...options.keys()].filter((name) => !known.includes(name) && !commonCompaction.includes(name));
  if (unknown.length > 0)
    throw configError(`Properties specified [${unknown.join(", ")}] are not understood by ${short}`);
  const ratio = number(options.get("tombstone_threshold"), "tombstone_threshold", "double");
  if (ratio !== undefined && ratio < 0)
    throw configError(`tombstone_threshold must be greater than 0, but was ${ratio.toFixed(6)}`);
  const interval = number(options.get("tombstone_compaction_interval"), "tombstone_compaction_interval", "long");
  if (interval !== undefined && interval < 0)
    throw configError(`tombstone_compaction_interval must be greater than 0, but was ${interval}`);
  for (const name of ["unchecked_tombstone_compaction", "only_purge_repaired_tombstones"]) {
    const value = options.get(name);
    if (value !== undefined && !/^(true|false)$/i.test(value))
      throw configError(`'${name}' should be either 'true' or 'false', not '${value}'`);
  }
  const low = number(options.get("bucket_low"), "bucket_low", "double") ?? 0.5;
  const high = number(options.get("bucket_high"), "bucket_high", "double") ?? 1.5;
  if (high <= low)
    throw configError(`bucket_high value (${high}) is less than or equal to the bucket_low value (${low})`);
  const size = number(options.get("min_sstable_size"), "min_sstable_size", "long");
  if (size !== undefined && size < 0) throw configError(`min_sstable_size must be non negative: ${size}`);
  for (const name of thresholds) {
    const given = options.get(name);
    if (given !== undefined && !/^\d+$/.test(given))
      throw configError(`Invalid value ${given} for '${name}' compaction sub-option - must be an integer`);
    const value = number(options.get(name), name, "int");
    if (value !== undefined && value < 2)
      throw configError(
        name === "min_threshold"
          ? `Min compaction threshold cannot be less than 2 (got ${value})`
          : `Max compaction threshold cannot be less than 2 (got ${value})`,
      );
  }
  const minimum = Number(options.get("min_threshold") ?? 4);
  const maximum = Number(options.get("max_threshold") ?? 32);
  if (minimum > maximum)
    throw configError(`Min compaction threshold cannot be greater than max (got ${minimum} > ${maximum})`);
  const resolution = options.get("timestamp_resolution");
  if (resolution !== undefined && !["NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS"].includes(resolution))
    throw configError(`${resolution} is not valid for timestamp_resolution`);
  const checked = number(
    options.get("expired_sstable_check_frequency_seconds"),
    "expired_sstable_check_frequency_seconds",
    "long",
  );
  if (checked !== undefined && checked < 0)
    throw configError(`expired_sstable_check_frequency_seconds must not be negative, but was ${checked}`);
  const unit = options.get("compaction_window_unit");
  if (unit !== undefined && !["MINUTES", "HOURS", "DAYS"].includes(unit.toUpperCase()))
    throw configError(`${unit} is not valid for compaction_window_unit`);
  const window = number(options.get("compaction_window_size"), "compaction_window_size", "int");
  if (window !== undefined && window < 1)
    throw configError(`${window} must be greater than 1 for compaction_window_size`);
  const megabytes = number(options.get("sstable_size_in_mb"), "sstable_size_in_mb", "int");
  if (megabytes !== undefined && megabytes < 1)
    throw configError(`sstable_size_in_mb must be larger than 0, but was ${megabytes}`);
  const result = new Map([["class", full]]);
  for (const [name, value] of options) if (name !== "class") result.set(name, value);
  if (short !== "UnifiedCompactionStrategy") {
    if (!result.has("max_threshold")) result.set("max_threshold", "32");
    if (!result.has("min_threshold")) result.set("min_threshold", "4");
  }
  return new Map([...result].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const compressors = ["LZ4Compressor", "SnappyCompressor", "DeflateCompressor", "ZstdCompressor", "NoopCompressor"];

function checkCompression(options: ReadonlyMap<string, string>): Map<string, string> {
  if (options.size === 0 || options.get("enabled")?.toLowerCase() === "false") return new Map([["enabled", "false"]]);
  const given = options.get("class");
  if (given === undefined || given === "")
    throw configError("Missing sub-option 'class' for the 'compression' option.");
  const full = given.includes(".") ? given : `${compressionPackage}.${given}`;
  if (!compressors.includes(full.slice(full.lastIndexOf(".") + 1)))
    throw configError(`Could not create Compression for type ${full}`);
  if (options.has("chunk_length_kb")) throw configError("Unknown compression options chunk_length_kb");
  const chunk = options.get("chunk_length_in_kb") ?? "16";
  if (!/^-?\d+$/.test(chunk)) throw configError(`Invalid value for chunk_length_in_kb: ${chunk}`);
  const length = Number(chunk);
  if (length <= 0) throw configError("Invalid negative or null chunk_length_in_kb");
  if ((length & (length - 1)) !== 0) throw configError("chunk_length_in_kb must be a power of 2");
  if (length > 2 ** 21) throw configError(`Value of chunk_length_in_kb is too large (${chunk})`);
  const allowed = [
    "class",
    "chunk_length_in_kb",
    "enabled",
    "min_compress_ratio",
    "crc_check_chance",
    "max_compressed_length",
    "compression_level",
    "lz4_compressor_type",
    "lz4_high_compressor_level",
  ];
  const unknown = [...options.keys()].filter((name) => !allowed.includes(name));
  if (unknown.length > 0) throw configError(`Unknown compression options ${unknown.join(", ")}`);
  const result = new Map([
    ["chunk_length_in_kb", chunk],
    ["class", full],
  ]);
  for (const [name, value] of options)
    if (!["class", "chunk_length_in_kb", "enabled"].includes(name)) result.set(name, value);
  return result;
}

function checkCaching(options: ReadonlyMap<string, string>): Map<string, string> {
  const keys = (options.get("keys") ?? "ALL").toUpperCase();
  const rows = (options.get("rows_per_partition") ?? "NONE").toUpperCase();
  for (const name of options.keys())
    if (name !== "keys" && name !== "rows_per_partition")
      throw configError(`Invalid caching sub-options [${name}]: only 'keys' and 'rows_per_partition' are allowed`);
  if (keys !== "ALL" && keys !== "NONE")
    throw configError(`Invalid value for caching sub-option 'keys': only 'ALL' and 'NONE' are allowed`);
  if (rows !== "ALL" && rows !== "NONE" && !/^\d+$/.test(rows))
    throw configError(
      "Invalid value for caching sub-option 'rows_per_partition': only 'NONE', 'ALL' and integers are allowed",
    );
  return new Map([
    ["keys", keys],
    ["rows_per_partition", rows],
  ]);
}

/** Checks the properties of a table; gives those that are set, over what was set before. */
export function checkTableOptions(
  given: ReadonlyMap<string, OptionValue>,
  before: ReadonlyMap<string, OptionValue>,
  isCounter: boolean,
  warnings: string[],
): Map<string, OptionValue> {
  const result = new Map(before);
  for (const [name, value] of given) {
    if (obsolete.has(name)) {
      warnings.push(`Ignoring obsolete property ${name}`);
      continue;
    }
    if (name === "id") continue;
    const facts = tableOptionFacts.get(name);
    if (facts === undefined) throw syntaxError(`Unknown property '${name}'`);
    if (facts.kind === "map") {
      if (typeof value === "string") throw syntaxError(`Invalid value for property '${name}'. It should be a map.`);
      result.set(
        name,
        name === "compaction"
          ? checkCompaction(value)
          : name === "compression"
            ? checkCompression(value)
            : name === "caching"
              ? checkCaching(value)
              : value,
      );
      continue;
    }
    if (typeof value !== "string") throw syntaxError(`Invalid value for property '${name}'. It should be a string`);
    if (facts.kind === "integer" && !/^[+-]?\d+$/.test(value))
      throw syntaxError(`Invalid integer value ${value} for '${name}'`);
    if (facts.kind === "double" && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value))
      throw syntaxError(`Invalid double value ${value} for '${name}'`);
    if (facts.kind === "boolean" && !/^(true|false|yes|no|0|1)$/i.test(value))
      throw syntaxError(`Invalid boolean value ${value} for '${name}'. Positive numbers, 'true' or 'yes' are accepted`);
    const amount = Number(value);
    const atLeast = (least: number): void => {
      if (amount < least) throw configError(`${name} must be greater than or equal to ${least} (got ${amount})`);
    };
    if (name === "bloom_filter_fp_chance" && (amount <= 6.71e-5 || amount > 1))
      throw configError(
        `bloom_filter_fp_chance must be larger than 6.71e-05 and less than or equal to 1.0 (got ${value})`,
      );
    if (name === "crc_check_chance" && (amount < 0 || amount > 1))
      throw configError(
        `crc_check_chance must be larger than or equal to 0 and smaller than or equal to 1.0 (got ${value})`,
      );
    if (name === "default_time_to_live") {
      atLeast(0);
      if (amount > 630_720_000)
        throw configError(`default_time_to_live must be less than or equal to 630720000 (got ${amount})`);
      if (isCounter && amount > 0) throw configError("Cannot set default_time_to_live on a table with counters");
    }
    if (name === "gc_grace_seconds" || name === "memtable_flush_period_in_ms") atLeast(0);
    if (name === "min_index_interval") atLeast(1);
    if (name === "read_repair") {
      if (!["BLOCKING", "NONE"].includes(value.toUpperCase()))
        throw configError(`'${value}' is not a valid read repair strategy. Valid values: [NONE, BLOCKING]`);
      result.set(name, value.toUpperCase());
      continue;
    }
    if (name === "cdc" && /^(true|yes|1)$/i.test(value))
      throw configError("CDC is not supported by the embedded engine");
    if (name === "memtable" && value !== "default") throw configError(`Memtable configuration "${value}" not found.`);
    if (
      (name === "speculative_retry" || name === "additional_write_policy") &&
      !/^(\d+(\.\d+)?(p|ms|percentile)|always|never|none|min\(.*\)|max\(.*\))$/i.test(value)
    )
      throw configError(`Specified Speculative Retry Policy [${value}] is not supported`);
    result.set(name, value);
  }
  const minimum = Number(result.get("min_index_interval") ?? 128);
  const maximum = Number(result.get("max_index_interval") ?? 2048);
  if (maximum < minimum)
    throw configError(
      `max_index_interval must be greater than or equal to min_index_interval (${minimum}) (got ${maximum}).`,
    );
  return result;
}

/** Checks `replication`; gives it as the schema keeps it. */
export function checkReplication(
  options: ReadonlyMap<string, OptionValue>,
  keyspace: string,
  dataCenter: string,
  before?: ReadonlyMap<string, string>,
): { replication: Map<string, string>; durableWrites: boolean | undefined } {
  for (const name of options.keys())
    if (name !== "replication" && name !== "durable_writes") throw syntaxError(`Unknown property '${name}'`);
  const durable = options.get("durable_writes");
  if (durable !== undefined && (typeof durable !== "string" || !/^(true|false)$/i.test(durable)))
    throw syntaxError(
      `Invalid boolean value ${typeof durable === "string" ? durable : ""} for 'durable_writes'. Positive numbers, 'true' or 'yes' are accepted`,
    );
  const durableWrites = durable === undefined ? undefined : (durable as string).toLowerCase() === "true";
  const given = options.get("replication");
  if (given === undefined) {
    if (before !== undefined) return { replication: new Map(before), durableWrites };
    throw configError("Missing mandatory replication strategy class");
  }
  if (typeof given === "string") throw syntaxError("Invalid value for property 'replication'. It should be a map.");
  const className = given.get("class");
  if (className === undefined || className === "") throw configError("Missing mandatory replication strategy class");
  const full = className.includes(".") ? className : `${locatorPackage}.${className}`;
  const short = full.slice(full.lastIndexOf(".") + 1);
  if (!["SimpleStrategy", "NetworkTopologyStrategy", "LocalStrategy"].includes(short))
    throw configError(`Unable to find replication strategy class '${full}'`);
  if (short === "LocalStrategy")
    throw configError("Unable to use given strategy class: LocalStrategy is reserved for internal use.");
  const checkFactor = (value: string): void => {
    if (!/^[+-]?\d+(\/\d+)?$/.test(value)) throw configError(`Replication factor must be numeric; found ${value}`);
    if (value.includes("/")) throw configError("Transient replication is not enabled on this node");
    if (Number(value) < 0) throw configError(`Replication factor must be non-negative; found ${value}`);
  };
  const replication = new Map([["class", full]]);
  for (const [name, value] of given) {
    if (name === "class") continue;
    if (short === "SimpleStrategy") {
      if (name !== "replication_factor")
        throw configError(`Unrecognized strategy option {${name}} passed to SimpleStrategy for keyspace ${keyspace}`);
      checkFactor(value);
      replication.set(name, value);
      continue;
    }
    checkFactor(value);
    if (name === "replication_factor") {
      if (!given.has(dataCenter)) replication.set(dataCenter, value);
      continue;
    }
    if (name !== dataCenter)
      throw configError(
        `Unrecognized strategy option {${name}} passed to NetworkTopologyStrategy for keyspace ${keyspace}`,
      );
    replication.set(name, value);
  }
  if (short === "SimpleStrategy" && !replication.has("replication_factor")) replication.set("replication_factor", "1");
  if (short === "NetworkTopologyStrategy" && replication.size === 1 && given.size === 1)
    replication.set(dataCenter, "1");
  return { replication, durableWrites };
}
