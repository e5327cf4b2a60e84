import type { BucketUnit } from "../../model/bucket.js";
import type { Consistency } from "../../model/consistency.js";
import type { Condition, Direction } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import type { DesignFacts, PlanFacts, PlannedPattern, UnservedPattern } from "../types.js";
import type { KeyDirection } from "./key-encoding.js";

/** The physical design of a model on DynamoDB, one table: all that a client needs. */
export interface DynamoTableDesign extends DesignFacts {
  readonly engine: "dynamodb";
  readonly table: DynamoTable;
  /** By entity name. */
  readonly entities: { readonly [entity: string]: DynamoEntity };
  /** By pattern name. */
  readonly patterns: { readonly [pattern: string]: DynamoPatternPlan | UnservedPattern };
}

/** The design with what it costs and what is wrong with it. */
export interface DynamoPlan extends PlanFacts {
  readonly engine: "dynamodb";
  readonly table: DynamoTable & { readonly estimate: DynamoTableEstimate };
  /** By entity name. */
  readonly entities: { readonly [entity: string]: EstimatedEntity };
  /** By pattern name. */
  readonly patterns: { readonly [pattern: string]: EstimatedPattern | UnservedPattern };
  readonly grants: DynamoGrants;
}

export type EstimatedEntity = DynamoEntity & { readonly estimate: DynamoEntityEstimate };
export type EstimatedPattern = DynamoPatternPlan & { readonly estimate: DynamoPatternEstimate };

export interface DynamoTable {
  /** Attributes of the table's key, both strings. */
  readonly partition: string;
  readonly sort: string;
  /** Global ones. */
  readonly indexes: readonly DynamoIndex[];
  /** Those that share the table's partitions, and are made with it alone. */
  readonly localIndexes: readonly DynamoIndex[];
  /** Attribute of the table's time to live; undefined: no record expires. */
  readonly expires: string | undefined;
}

/** A secondary index; entries of several entities share it. */
export interface DynamoIndex {
  readonly name: string;
  readonly partition: string;
  readonly sort: string;
  /** What an entry holds beside the keys: all of the item, the attributes in `includes`, or nothing. */
  readonly projection: "ALL" | "INCLUDE" | "KEYS_ONLY";
  readonly includes?: readonly string[];
  /** Patterns that are served by it. */
  readonly serves: readonly string[];
}

/** One component of a key. */
export type KeyPart =
  /** The same in every key: what tells the kinds of items of one table apart. */
  | { readonly kind: "text"; readonly text: string }
  /** A field of the record. */
  | { readonly kind: "field"; readonly field: string; readonly type: Field; readonly direction: KeyDirection }
  /** The bucket in which a date field of the record lies; `walked`: nobody asks for it, a list goes from one to the next. */
  | { readonly kind: "bucket"; readonly field: string; readonly unit: BucketUnit; readonly walked?: true }
  /** One of `count` write shards, by the record's key. */
  | { readonly kind: "shard"; readonly count: number };

/** How a key is made of a record. */
export interface KeyRecipe {
  readonly partition: readonly KeyPart[];
  readonly sort: readonly KeyPart[];
}

/** A place beside the home item where records of an entity are found by another key. */
export interface DynamoEntry {
  /** Name of the place: the first text of its partition. */
  readonly name: string;
  readonly key: KeyRecipe;
  /** Only records that have these fields and meet the conditions are there: the index is sparse. */
  readonly has: readonly string[];
  readonly where: readonly Condition[];
  /** Of a place that is cut by time: the item that says that a group has a bucket, which lists go by. */
  readonly listed?: KeyRecipe;
  /** Patterns that read it. */
  readonly serves: readonly string[];
}

/** An entry in an index: attributes on the home item. */
export interface DynamoIndexEntry extends DynamoEntry {
  readonly index: string;
  /** Attributes that hold its key; `partition` undefined: a local index, whose partitions are the table's. */
  readonly attributes: { readonly partition: string | undefined; readonly sort: string };
}

/** What a `top` adds up: one small item for each record that counts. */
export interface DynamoContribution extends DynamoEntry {
  readonly pattern: string;
  /** The bucket is the partition's second component. Undefined: one bucket for all time, which is never folded. */
  readonly bucket: { readonly field: string; readonly unit: BucketUnit } | undefined;
  readonly shards: number;
  readonly by: string;
  readonly sum: string | undefined;
}

/** An item that holds a unique value. */
export interface DynamoUnique extends DynamoEntry {
  readonly fields: readonly string[];
}

/** An attribute of an item: a field under its own name, unless that name is one of ours. */
export interface StoredAttribute {
  readonly field: string;
  readonly attribute: string;
  readonly type: Field;
}

export interface DynamoEntity {
  readonly entity: string;
  /** Fields of the record's key. */
  readonly key: readonly string[];
  /** Where a record lies. */
  readonly home: KeyRecipe;
  /** In the schema's order, the key's fields first. */
  readonly attributes: readonly StoredAttribute[];
  /** Date field from whose moment on a record is not there; all its items carry it as the table's time to live. */
  readonly expires: string | undefined;
  /** Records are never changed, and who inserts a key gives it the same record each time. */
  readonly appendOnly: boolean;
  readonly indexed: readonly DynamoIndexEntry[];
  readonly copies: readonly DynamoEntry[];
  readonly contributions: readonly DynamoContribution[];
  readonly uniques: readonly DynamoUnique[];
}

export interface DynamoEntityEstimate {
  /** Bytes of a typical home item, as DynamoDB counts them. */
  readonly itemBytes: number;
  readonly records: number | undefined;
  /** Items that one record is written to, the home item included; index entries apart. */
  readonly items: number;
  /** Write units of one insert: in the table and in its indexes. */
  readonly insertUnits: { readonly table: number; readonly indexes: number };
  /** All items and index entries, with DynamoDB's 100 bytes for each. */
  readonly storageBytes: number | undefined;
  readonly writesPerSecond: number | undefined;
  readonly money: DynamoMoney | undefined;
}

export interface DynamoTableEstimate {
  readonly storageBytes: number | undefined;
  readonly writeUnitsPerSecond: number | undefined;
  readonly readUnitsPerSecond: number | undefined;
  readonly money: DynamoMoney | undefined;
}

/** Money in a month of 730 hours, in the currency of the price table. */
export interface DynamoMoney {
  readonly reads: number;
  readonly writes: number;
  readonly storage: number;
}

/** Prices of on-demand capacity and storage in a region, in one currency. */
export interface DynamoPrices {
  /** A million read request units. */
  readonly millionReadUnits: number;
  /** A million write request units. */
  readonly millionWriteUnits: number;
  /** A GiB of storage for a month. */
  readonly gibMonth: number;
}

/** What one request costs, at the declared workload. */
export interface DynamoPatternEstimate {
  readonly rows: number;
  readonly requests: number;
  /** Read units of one call at the pattern's own level. */
  readonly readUnits: number | undefined;
  /** Of a `top` whose closed buckets are folded. */
  readonly readUnitsFolded?: number | undefined;
  readonly requestsPerSecond: number | undefined;
  readonly moneyPerMonth: number | undefined;
}

/** Part of a key that a request asks for. */
export type AskedPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "param"; readonly param: string; readonly type: Field; readonly direction: KeyDirection }
  | { readonly kind: "bucket"; readonly param: string; readonly unit: BucketUnit }
  /** The bucket that a walk has come to. */
  | { readonly kind: "walked"; readonly unit: BucketUnit }
  /** First moment of the bucket that the parameter names; `next`: of the one after it. */
  | { readonly kind: "bucketMoment"; readonly param: string; readonly unit: BucketUnit; readonly next: boolean }
  /** The cursor's value at this position. */
  | { readonly kind: "after"; readonly position: number; readonly type: Field; readonly direction: KeyDirection }
  | { readonly kind: "shard"; readonly count: number };

/**
 * A text of a request. The last part may be a parameter that is left out: then the text ends before it.
 *
 * - `key`: a partition's key, whole.
 * - `from`: the least sort key that begins so.
 * - `to`: above all sort keys that are less in the last part; with that left out, as `through`.
 * - `through`: above all sort keys that begin so.
 * - `above`, `below`: right above or below the sort key of a cursor.
 */
export interface AskedKey {
  readonly bound: "key" | "from" | "to" | "through" | "above" | "below";
  readonly parts: readonly AskedPart[];
}

/** One Query request: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html */
export interface DynamoQuery {
  readonly kind: "query";
  readonly index: string | undefined;
  /** The index is local: it can be read strongly. */
  readonly local?: true;
  readonly partitionAttribute: string;
  readonly sortAttribute: string;
  readonly partition: AskedKey;
  /** Both or neither; inclusive. */
  readonly from: AskedKey | undefined;
  readonly to: AskedKey | undefined;
  readonly forward: boolean;
  /** Shards that are asked at once and merged. */
  readonly shards: number;
  /** Tested on what was read. */
  readonly filter: DynamoFilter | undefined;
  /** Attributes that are sent; left out: all that there are. */
  readonly projection?: readonly string[];
}

/** Where a field of a row comes from, where a pattern reads some of a record: an attribute, or a component of a key. */
export interface DynamoFieldSource {
  readonly field: string;
  readonly type: Field;
  readonly attribute: string;
  /** Of a key: which of its components. */
  readonly component?: { readonly at: number; readonly direction: KeyDirection };
}

export interface DynamoFilter {
  readonly where: readonly Condition[];
  /** Parameters `from` and `to` on a field that the key does not order by. */
  readonly range: { readonly field: string; readonly unit: BucketUnit | undefined } | undefined;
}

interface DynamoPatternFacts extends Pick<PlannedPattern, "select"> {
  readonly pattern: string;
  readonly entity: string;
  readonly consistency: Consistency;
  /** What is read: the table's own key, an index by its name, or copies in the table by the name of their place. */
  readonly reads:
    | { readonly kind: "table" }
    | { readonly kind: "index"; readonly index: string; readonly place: string }
    | { readonly kind: "copies"; readonly place: string }
    | { readonly kind: "contributions"; readonly place: string };
}

export type DynamoPatternPlan = DynamoGetPlan | DynamoListPlan | DynamoTogetherPlan | DynamoTopPlan;

/** One record: GetItem. Many at once: BatchGetItem. */
export interface DynamoGetPlan extends DynamoPatternFacts {
  readonly kind: "get";
}

/** A page of records. */
export interface DynamoListPlan extends DynamoPatternFacts {
  readonly kind: "list";
  readonly request: DynamoQuery;
  readonly next: DynamoQuery;
  /** Where the place is cut by time: its buckets, in the list's order. */
  readonly walk?: DynamoWalk;
  /** The fields that are read; left out: whole records. */
  readonly fields?: readonly DynamoFieldSource[];
  /** What the cursor holds, in the pattern's order. */
  readonly position: readonly { readonly field: string; readonly type: Field; readonly direction: Direction }[];
}

/** How a list goes from bucket to bucket of a group. */
export interface DynamoWalk {
  readonly unit: BucketUnit;
  readonly direction: Direction;
  /** Where the group's buckets are listed, by name. */
  readonly partition: AskedKey;
  /** Parameters `from` and `to` bound the buckets; with a `unit` they are bucket names themselves. */
  readonly range: { readonly unit: BucketUnit | undefined } | undefined;
}

/** A page of records of several entities. */
export interface DynamoTogetherPlan extends DynamoPatternFacts {
  readonly kind: "together";
  readonly entities: readonly string[];
  readonly request: DynamoQuery;
  /** By the entity that the cursor stands in. */
  readonly next: { readonly [entity: string]: DynamoQuery };
}

/** A page of groups, from contributions and sums. */
export interface DynamoTopPlan extends DynamoPatternFacts {
  readonly kind: "top";
  /** Where the buckets are listed, with their sums where they are folded. */
  readonly buckets: { readonly partition: readonly AskedPart[]; readonly unit: BucketUnit | undefined };
  readonly by: { readonly name: string; readonly type: Field };
  readonly sum: { readonly name: string; readonly type: Field } | undefined;
}

/** Statements of an IAM policy, without the table's name. */
export interface DynamoGrants {
  readonly run: readonly DynamoStatement[];
  readonly apply: readonly DynamoStatement[];
}
export interface DynamoStatement {
  readonly actions: readonly string[];
  /** `table`, or all of its indexes. */
  readonly on: "table" | "indexes";
}
