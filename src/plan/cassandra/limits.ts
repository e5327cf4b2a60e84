import type { CqlEngine } from "./types.js";

/** What one engine bears, and what it has. */
export interface EngineLimits {
  /** Bytes above which a partition is slow to read, compact and repair. */
  readonly partitionBytes: number;
  /** Rows above which it is. */
  readonly partitionRows: number;
  /** Elements above which a collection is slow: it is always read whole. */
  readonly collectionItems: number;
  /** Bytes above which a batch is refused by default. */
  readonly batchBytes: number;
  /** Its own word for how a table is kept in small pieces. */
  readonly tablets: boolean;
  /** Tables take `per_partition_rate_limit`. */
  readonly perPartitionRateLimit: boolean;
  readonly sources: string;
}

/** A megabyte as both manuals count it. */
export const MEGABYTE = 1024 * 1024;

/**
 * Apache Cassandra: the 100 MB and 100,000 rows of its data modelling guide; `batch_size_fail_threshold` 50 KiB by
 * cassandra.yaml.
 * ScyllaDB: the thresholds of its large partition, row and collection tables (scylla.yaml:
 * `compaction_large_partition_warning_threshold_mb` 1000, `compaction_rows_count_warning_threshold` 100,000,
 * `compaction_collection_elements_count_warning_threshold` 10,000, `batch_size_fail_threshold_in_kb` 1024).
 */
const limits: { readonly [E in CqlEngine]: EngineLimits } = {
  cassandra: {
    partitionBytes: 100 * MEGABYTE,
    partitionRows: 100_000,
    collectionItems: 1_000,
    batchBytes: 50 * 1024,
    tablets: false,
    perPartitionRateLimit: false,
    sources: "100 MB and 100,000 rows",
  },
  scylladb: {
    partitionBytes: 1_000 * MEGABYTE,
    partitionRows: 100_000,
    collectionItems: 10_000,
    batchBytes: 1024 * 1024,
    tablets: true,
    perPartitionRateLimit: true,
    sources: "1,000 MB and 100,000 rows",
  },
};

/** The limits of one of the two engines. */
export function limitsOf(engine: CqlEngine): EngineLimits {
  return limits[engine];
}

/** The engine's name in a sentence. */
export function engineName(engine: CqlEngine): string {
  return engine === "cassandra" ? "Cassandra" : "ScyllaDB";
}
