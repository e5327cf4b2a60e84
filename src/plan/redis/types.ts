import type { BucketUnit } from "../../model/bucket.js";
import type { Consistency } from "../../model/consistency.js";
import type { Operator } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import type { RequestValue, Slot } from "../template.js";
import type { PlanFacts, PlannedPattern, UnservedPattern } from "../types.js";
import type { Level } from "./buckets.js";
import type { Form } from "./encoding.js";

/** The physical design of a model on Redis or Valkey. */
export interface RedisPlan extends PlanFacts {
  readonly engine: "redis";
  /** By entity name. */
  readonly entities: { readonly [entity: string]: RedisEntity };
  /** By pattern name. */
  readonly patterns: { readonly [pattern: string]: RedisPatternPlan | UnservedPattern };
  readonly grants: RedisGrants;
}

/** Where one field of a record is in the stored text. */
export interface RedisField {
  /** Top-level name in the record. */
  readonly field: string;
  /** Name of its member in the stored JSON. */
  readonly name: string;
  readonly type: Field;
}

/** How the library finds a value in a stored record: member, path within it, form, digits after the point. */
export interface RedisValueSpec {
  readonly f: string;
  readonly p?: readonly string[];
  readonly k: Form;
  readonly c?: number;
}

/** A condition as the library tests it: values are compared as encoded text. */
export interface RedisCondition extends RedisValueSpec {
  readonly o: Operator;
  readonly v: string | boolean | readonly string[];
}

/** One part of the group that a list or a sum belongs to. */
export interface RedisGroupPart extends RedisValueSpec {
  /** The bucket of a date, in place of the date. */
  readonly b?: BucketUnit;
}

/** A sorted set per group, all scores 0: members sort as the list is ordered, and end with what names the record. */
export interface RedisListIndex {
  /** Made from what it holds, so that another index never takes its place: "customerId|at,seq". */
  readonly name: string;
  readonly by: readonly RedisGroupPart[];
  /** Terms before the record's own name; `r`: against the direction of the others. */
  readonly terms: readonly (RedisValueSpec & { readonly r?: boolean })[];
  readonly where: readonly RedisCondition[];
  readonly serves: readonly string[];
  readonly estimate: { readonly entryBytes: number; readonly bytes: number | undefined };
}

/** A hash per bucket: group → exact sum and count. */
export interface RedisTopIndex {
  readonly name: string;
  readonly by: RedisValueSpec;
  readonly sum: RedisValueSpec | undefined;
  /** The field whose buckets the sums are kept by. */
  readonly range: RedisValueSpec | undefined;
  /** Levels that are kept, finest first; "all" is the sum of all. */
  readonly levels: readonly Level[];
  readonly where: readonly RedisCondition[];
  readonly serves: readonly string[];
  readonly estimate: { readonly bytes: number | undefined };
}

/** A string per value, which holds the record that has it. */
export interface RedisUnique {
  readonly name: string;
  /** Fields of the record. */
  readonly fields: readonly string[];
  readonly parts: readonly RedisValueSpec[];
}

/** A sorted set per partition: when each record ends, in milliseconds since 1970, by the record's own name. */
export interface RedisExpiry {
  readonly name: string;
  readonly field: string;
  /** Name of the record's member that says it. */
  readonly member: string;
}

export interface RedisEntity {
  readonly entity: string;
  /** First part of its keys' hash tag. */
  readonly storedAs: string;
  /** Fields of the key whose values are in the hash tag too: a partition each. Empty: all records are in one. */
  readonly partition: readonly string[];
  /** The key's other fields, which name the record within its partition. */
  readonly rest: readonly string[];
  readonly key: readonly string[];
  readonly fields: readonly RedisField[];
  readonly lists: readonly RedisListIndex[];
  readonly tops: readonly RedisTopIndex[];
  readonly uniques: readonly RedisUnique[];
  /** Undefined: records do not end. */
  readonly expires: RedisExpiry | undefined;
  readonly estimate: RedisEntityEstimate;
}

export interface RedisEntityEstimate {
  readonly recordBytes: number;
  readonly records: number | undefined;
  /** Records, with their keys. */
  readonly dataBytes: number | undefined;
  /** Sorted sets, sums and unique values. */
  readonly indexBytes: number | undefined;
}

/** What one request costs, at the declared workload. */
export interface RedisPatternEstimate {
  readonly rows: number;
  /** Members or fields of a hash that the server reads. */
  readonly entriesRead: number | undefined;
  readonly bytesReturned: number | undefined;
  readonly requestsPerSecond: number | undefined;
}

/**
 * `text`: as in keys and members; `reversed`: the same the other way round; `tag`: as text, between the braces of a key;
 * `plain`: as it is.
 */
export type RedisForm = "text" | "reversed" | "tag" | "plain";

export interface RedisRequestValue extends RequestValue {
  readonly form: RedisForm;
}

/** One argument: parts put together; `otherwise` stands in when an optional part is not given. */
export interface RedisArgument {
  readonly parts: readonly (string | Slot)[];
  readonly otherwise?: string;
}

/** A condition on records that are read, whose value a call gives. */
export interface RedisFilter extends RedisValueSpec {
  readonly o: "gte" | "lt";
  readonly v: Slot;
}

/** A command. `<prefix>` and `<library>` stand for the adapter's own: what its keys and functions begin with. */
export interface RedisCommand {
  readonly command: "MGET" | "FCALL_RO";
  readonly args: readonly RedisArgument[];
  /** The last argument, where records are filtered as they are read. */
  readonly filter?: readonly RedisFilter[];
}

interface RedisPatternFacts extends Pick<PlannedPattern, "select"> {
  readonly pattern: string;
  readonly entity: string;
  readonly consistency: Consistency;
  /** The index that serves it; undefined: the record's own key does. */
  readonly index: string | undefined;
  readonly values: readonly RedisRequestValue[];
  readonly request: RedisCommand;
  readonly estimate: RedisPatternEstimate;
}

export type RedisPatternPlan = RedisGetPlan | RedisListPlan | RedisTopPlan | RedisRankPlan;

export interface RedisGetPlan extends RedisPatternFacts {
  readonly kind: "get";
}

/** A page of records, in one round trip. A cursor holds the member at which the page ended. */
export interface RedisListPlan extends RedisPatternFacts {
  readonly kind: "list";
  readonly next: RedisCommand;
}

/** A record's place in the sorted set of its group, in one round trip. */
export interface RedisRankPlan extends RedisPatternFacts {
  readonly kind: "rank";
}

/** A page of groups: the sums of whole buckets, added up and ordered by the client. */
export interface RedisTopPlan extends RedisPatternFacts {
  readonly kind: "top";
  readonly range: RedisTopRange;
  readonly row: {
    readonly by: { readonly name: string; readonly type: Field };
    readonly sum: { readonly name: string; readonly type: Field } | undefined;
  };
}

export type RedisTopRange =
  | { readonly kind: "none" }
  /** Bounds name buckets. */
  | { readonly kind: "bucket"; readonly unit: BucketUnit }
  /** Bounds are moments at which a bucket begins. */
  | { readonly kind: "moment"; readonly unit: BucketUnit }
  /** Bounds are any values: each value that occurs is a bucket. */
  | { readonly kind: "value"; readonly type: Field };

/** The least rights: commands for `ACL SETUSER`, the keys' pattern is put in. */
export interface RedisGrants {
  readonly run: readonly string[];
  readonly apply: readonly string[];
}
