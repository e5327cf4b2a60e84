import type { BucketUnit } from "./bucket.js";
import type { Consistency } from "./consistency.js";
import type { Fields } from "./field.js";
import type { PhysicalData } from "./physical.js";

/**
 * What a model is at run time: plain readonly data with a literal `kind` on each node.
 * `describe(model)` gives it; plans and adapters are made from it alone.
 */
export interface ModelData {
  readonly kind: "model";
  /** Version of this data's shape. */
  readonly format: 1;
  readonly entities: { readonly [name: string]: EntityData };
  readonly patterns: { readonly [name: string]: PatternData };
  readonly workload: WorkloadData;
  /** What it says of single engines. */
  readonly physical: PhysicalData;
}

export interface EntityData {
  readonly kind: "entity";
  readonly name: string;
  /** Name of the table or collection; the entity's name unless the model says otherwise. */
  readonly storedAs: string;
  /** Fields that identify a record: top level, always present, in order. */
  readonly key: readonly string[];
  readonly fields: Fields;
  /** Sets of fields whose values no two records share. Records without one of the fields are exempt. */
  readonly unique: readonly (readonly string[])[];
  /** Date field at the top of the record: from that moment on the record is not there. Undefined: records stay. */
  readonly expires: string | undefined;
  /** Records are inserted and deleted, never changed. */
  readonly appendOnly: boolean;
  /**
   * `fields`: the schema says no more than `fields` do, so that a codec that checks each field's type may stand in for
   * `parse`. `schema`: it has defaults, refinements, transforms or unions, so that every record must pass `parse`.
   */
  readonly validation: "fields" | "schema";
  /** Checks a record against the schema and fills in defaults. */
  readonly parse: (input: unknown) => Parsed;
}

export type Parsed =
  | { readonly ok: true; readonly record: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly issues: readonly ParseIssue[] };

/** One reason for which a record does not fit the schema. */
export interface ParseIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** One part of a question that is answered by equality: a field's value, or the bucket in which a date lies. */
export type By =
  | { readonly kind: "field"; readonly field: string; readonly param: string }
  | { readonly kind: "bucket"; readonly unit: BucketUnit; readonly field: string; readonly param: string };

/**
 * The half-open range [from, to) of a question: parameters `from` and `to`, both optional.
 * With a `unit` the bounds are bucket names ("2010-12-01") that stand for the bucket's first moment; without, values of the field.
 */
export interface Range {
  readonly field: string;
  readonly unit: BucketUnit | undefined;
}

export type Direction = "asc" | "desc";
export interface OrderTerm {
  readonly field: string;
  readonly direction: Direction;
}

export type Operator = "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "exists";
/** A fixed condition of a pattern. `ne` also holds for records without the field; `exists` means neither missing nor null. `value` is as in a record (a Date, a decimal string …); for `in` a list, for `exists` a boolean. */
export interface Condition {
  readonly field: string;
  readonly operator: Operator;
  readonly value: unknown;
}

export type PatternData = GetPattern | ListPattern | RankPattern | TopPattern | SearchPattern | TogetherPattern;

interface PatternFacts {
  readonly name: string;
  readonly entity: string;
  /** The strongest level at which it will be read, and the level of a call that names none. */
  readonly consistency: Consistency;
}

/** One record by its key. */
export interface GetPattern extends PatternFacts {
  readonly kind: "get";
  readonly by: readonly By[];
  /** Top-level fields of the row, in the schema's order; undefined: the whole record. */
  readonly select: readonly string[] | undefined;
}

/** Records that are equal in `by`, in a total order. `listByKey` when `by` is a prefix of the entity's key. */
export interface ListPattern extends PatternFacts {
  readonly kind: "list" | "listByKey";
  readonly by: readonly By[];
  readonly where: readonly Condition[];
  readonly range: Range | undefined;
  /** As declared, made total: the key's fields that are missing follow, in the direction of the last term. A cursor holds one value of each. */
  readonly order: readonly OrderTerm[];
  /** Top-level fields of a row, in the schema's order; undefined: the whole record. */
  readonly select: readonly string[] | undefined;
}

/**
 * One record's place, from 1, among those that are equal to it in `by`, in a total order. Asked for by the record's key.
 * A record that does not meet `where`, or lacks a field of `by`, has none.
 */
export interface RankPattern extends PatternFacts {
  readonly kind: "rank";
  readonly by: readonly By[];
  readonly where: readonly Condition[];
  /** As declared, made total: the key's fields that are missing follow, in the direction of the last term. */
  readonly order: readonly OrderTerm[];
}

/**
 * Sum and count per value of `by`, the largest first; ties by `by` ascending. Records without `by` are left out.
 * A cursor holds the sum (or the count, without `sum`) and the value of `by`.
 */
export interface TopPattern extends PatternFacts {
  readonly kind: "top";
  readonly by: string;
  /** Field to add up; undefined: only counted, and ordered by the count. */
  readonly sum: string | undefined;
  readonly where: readonly Condition[];
  readonly range: Range | undefined;
}

/**
 * Records of several entities that are equal in `by`, in one answer: entity by entity in the order of their names, each
 * in the order of its key. A row is `{ entity, record }`. A cursor holds the entity's name and the record's key.
 */
export interface TogetherPattern extends PatternFacts {
  readonly kind: "together";
  /** All of them; `entity` is the first one. */
  readonly entities: readonly string[];
  /** Fields that every entity has, of one type. */
  readonly by: readonly By[];
}

/** Records whose text matches words, best first. */
export interface SearchPattern extends PatternFacts {
  readonly kind: "search";
  readonly text: readonly string[];
  readonly filter: readonly string[];
  readonly facets: readonly string[];
}

/** Numbers that estimates and findings are computed from; all optional. */
export interface EntityWorkload {
  /** Records at the size to plan for. */
  readonly records?: number;
  /**
   * Bytes of a typical record as a document, names and all (its JSON); estimated from the fields when left out. Where an
   * engine stores no names, it tells how long the texts are.
   */
  readonly bytes?: number;
  readonly writesPerSecond?: number;
  /** Share (0–1) of records and writes that belong to the most frequent key or group. */
  readonly hottestKeyShare?: number;
  /** How many different values a field has: `{ customerId: 4_000 }`. */
  readonly distinct?: { readonly [field: string]: number };
}

export interface PatternWorkload {
  readonly readsPerSecond?: number;
  /** Rows that a typical call asks for; 100 when left out. */
  readonly rows?: number;
}

export interface WorkloadData {
  readonly entities: { readonly [name: string]: EntityWorkload };
  readonly patterns: { readonly [name: string]: PatternWorkload };
}
