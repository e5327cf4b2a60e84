import type { BucketUnit } from "../../model/bucket.js";
import type { Consistency } from "../../model/consistency.js";
import type { Condition, Direction, Range } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import type { PlanFacts, PlannedPattern, UnservedPattern } from "../types.js";

/** Two engines of one protocol and language, with limits and options of their own. */
export type CqlEngine = "cassandra" | "scylladb";

/** The physical design of a model on Cassandra or ScyllaDB: tables in one keyspace. */
export interface CqlPlan<E extends CqlEngine = CqlEngine> extends PlanFacts {
  readonly engine: E;
  /** User-defined types, in the order in which they can be created. */
  readonly types: readonly CqlUserType[];
  /** By entity name. */
  readonly entities: { readonly [entity: string]: CqlEntity };
  /** keyfold's own: what is whole, buckets and their sums. */
  readonly own: readonly OwnTable[];
  /** By pattern name. */
  readonly patterns: { readonly [pattern: string]: CqlPatternPlan | UnservedPattern };
  readonly grants: CqlGrants;
}
export type CassandraPlan = CqlPlan<"cassandra">;
export type ScyllaPlan = CqlPlan<"scylladb">;

/** A user-defined type: an object of the schema. */
export interface CqlUserType {
  readonly name: string;
  readonly fields: readonly { readonly name: string; readonly cql: string }[];
}

/** A column and what its values are. */
export interface CqlColumn {
  readonly name: string;
  /** Its type as CQL writes it. */
  readonly cql: string;
}

/** A field as it is stored. */
export interface StoredColumn extends CqlColumn {
  readonly field: string;
  readonly type: Field;
  /** `json`: as text, since CQL has no type that keeps all its values apart. */
  readonly as: "native" | "json";
}

/** Where the value of a key's column comes from. */
export type KeySource =
  | { readonly kind: "field"; readonly field: string; readonly type: Field }
  /** `asked`: the question names it; else the plan cut the table by time. */
  | { readonly kind: "bucket"; readonly field: string; readonly unit: BucketUnit; readonly asked: boolean }
  /** One of `count` write shards, by the record's key. */
  | { readonly kind: "shard"; readonly count: number };

export interface KeyColumn extends CqlColumn {
  readonly source: KeySource;
}
export interface ClusteringColumn extends KeyColumn {
  readonly direction: Direction;
}

/** One table and where its rows come from. */
export interface CqlTable {
  readonly name: string;
  /** `home`: one row for each record, by its key; `query`: copies by another key; `contributions`: what records add to a `top`; `unique`: values and who has them. */
  readonly role: "home" | "query" | "contributions" | "unique";
  readonly partition: readonly KeyColumn[];
  readonly clustering: readonly ClusteringColumn[];
  /** The columns beside the key. */
  readonly columns: readonly CqlColumn[];
  /** Only records that have these fields and meet the conditions are there. */
  readonly has: readonly string[];
  readonly where: readonly Condition[];
  /** Patterns that read it. */
  readonly serves: readonly string[];
  /** A table of which buckets a group has, where the plan cut it by time. */
  readonly bucketsTable: string | undefined;
  readonly options: CqlTableOptions;
  readonly estimate: CqlTableEstimate;
}

export interface CqlTableOptions {
  /** Buckets of time for the compaction window, where rows go by their age. */
  readonly compaction:
    | { readonly kind: "time-window"; readonly unit: "HOURS" | "DAYS"; readonly size: number }
    | undefined;
  /** Seconds that a tombstone is kept; undefined: the engine's ten days. */
  readonly gcGraceSeconds: number | undefined;
  /** Why these. */
  readonly why: string | undefined;
}

/** What a table becomes at the declared workload. */
export interface CqlTableEstimate {
  readonly rowBytes: number;
  /** Rows of the table, all partitions. */
  readonly rows: number | undefined;
  /** Of the largest partition that the workload speaks of; undefined: it says too little. */
  readonly partitionRows: number | undefined;
  readonly partitionBytes: number | undefined;
  /** How that was computed, in words and numbers. */
  readonly arithmetic: string;
  readonly storageBytes: number | undefined;
}

/** What a `top` adds up: one small row for each record that counts. */
export interface CqlContribution {
  readonly pattern: string;
  readonly table: string;
  /** Undefined: one bucket for all time, which is never folded. */
  readonly bucket: { readonly field: string; readonly unit: BucketUnit } | undefined;
  readonly shards: number;
  readonly by: string;
  readonly sum: string | undefined;
}

export interface CqlUnique {
  readonly table: string;
  readonly fields: readonly string[];
}

export interface CqlEntity {
  readonly entity: string;
  readonly key: readonly string[];
  /** `plain`: records are only ever inserted, and an insert writes without looking; `conditional`: by lightweight transactions on the home row. */
  readonly writes: "plain" | "conditional";
  /** In the schema's order, the key's fields first. */
  readonly columns: readonly StoredColumn[];
  /** The home table first. */
  readonly tables: readonly CqlTable[];
  readonly contributions: readonly CqlContribution[];
  readonly uniques: readonly CqlUnique[];
  readonly estimate: CqlEntityEstimate;
}

export interface CqlEntityEstimate {
  readonly recordBytes: number;
  readonly records: number | undefined;
  readonly writesPerSecond: number | undefined;
  /** Statements of one insert. */
  readonly statements: number;
  readonly storageBytes: number | undefined;
}

/** A table that keyfold keeps its own facts in. */
export interface OwnTable {
  readonly name: string;
  readonly partition: readonly CqlColumn[];
  readonly clustering: readonly (CqlColumn & { readonly direction: Direction })[];
  readonly columns: readonly CqlColumn[];
  readonly why: string;
}

/** A value that a statement is given. */
export type CqlSlot =
  | { readonly kind: "param"; readonly param: string; readonly type: Field; readonly cql: string }
  /** The name of the bucket that the parameter names. */
  | { readonly kind: "bucketName"; readonly param: string; readonly unit: BucketUnit }
  /** First moment of the bucket that the parameter names. */
  | { readonly kind: "bucketStart"; readonly param: string; readonly unit: BucketUnit }
  /** The cursor's value at this position. */
  | { readonly kind: "after"; readonly position: number; readonly type: Field; readonly cql: string }
  /** The shard that is asked. */
  | { readonly kind: "shard" }
  /** The bucket that is asked, of those that there are. */
  | { readonly kind: "bucket" };

/** One relation of a WHERE: columns on the left are in clustering order. `optional`: left out when its parameter is. */
export interface CqlRelation {
  readonly columns: readonly string[];
  readonly operator: "=" | "<" | "<=" | ">" | ">=";
  readonly slots: readonly CqlSlot[];
  readonly optional: boolean;
}

/** One SELECT of one partition. */
export interface CqlSelect {
  readonly table: string;
  readonly columns: readonly string[];
  readonly where: readonly CqlRelation[];
  /** ORDER BY, where it is read against the table's order. */
  readonly order: readonly { readonly column: string; readonly direction: Direction }[];
}

export interface CqlPatternEstimate {
  readonly rows: number;
  /** Requests of one call. */
  readonly requests: number;
  readonly bytes: number | undefined;
  readonly requestsPerSecond: number | undefined;
}

interface CqlPatternFacts extends Pick<PlannedPattern, "select"> {
  readonly pattern: string;
  readonly entity: string;
  readonly consistency: Consistency;
  readonly table: string;
  readonly estimate: CqlPatternEstimate;
}

export type CqlPatternPlan = CqlGetPlan | CqlListPlan | CqlTopPlan;

/** One record by its key. */
export interface CqlGetPlan extends CqlPatternFacts {
  readonly kind: "get";
  readonly request: CqlSelect;
}

/** A page of records: of one partition, or of several merged in order. */
export interface CqlListPlan extends CqlPatternFacts {
  readonly kind: "list";
  readonly request: CqlSelect;
  /** Fields of the record that are read; left out: all. */
  readonly reads?: readonly string[];
  /** Behind a cursor: one after the other, until the page is full. More than one where the order turns. */
  readonly next: readonly CqlSelect[];
  /** Partitions that are asked at once and merged. */
  readonly shards: number;
  /** Where the plan cut the table by time: which buckets a group has. */
  readonly buckets:
    | { readonly unit: BucketUnit; readonly field: string; readonly request: CqlSelect; readonly direction: Direction }
    | undefined;
  /** Tested on what was read. */
  readonly filter: Range | undefined;
  /** What the cursor holds, in the pattern's order. */
  readonly position: readonly { readonly field: string; readonly type: Field; readonly direction: Direction }[];
}

/** A page of groups, from contributions and sums. */
export interface CqlTopPlan extends CqlPatternFacts {
  readonly kind: "top";
  readonly unit: BucketUnit | undefined;
  readonly shards: number;
  /** The contributions of one bucket and shard. */
  readonly request: CqlSelect;
  readonly by: { readonly name: string; readonly type: Field };
  readonly sum: { readonly name: string; readonly type: Field } | undefined;
}

/** Permissions: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/security.html#permissions */
export interface CqlGrants {
  readonly run: readonly CqlGrant[];
  readonly apply: readonly CqlGrant[];
}
export interface CqlGrant {
  readonly permission: "SELECT" | "MODIFY" | "CREATE" | "ALTER";
  /** A table by its name; undefined: the keyspace. */
  readonly table: string | undefined;
}
