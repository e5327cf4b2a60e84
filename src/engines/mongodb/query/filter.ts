import type { Value } from "../bson/values.js";

/** A parsed filter: what the planner reads and the matcher is made from. `$ne`, `$nin` and `$exists: false` are `not`. */
export type FilterNode =
  | { readonly kind: "and" | "or" | "nor"; readonly children: readonly FilterNode[] }
  | { readonly kind: "not"; readonly child: FilterNode }
  | ComparisonNode
  | InNode
  | RegexNode
  | { readonly kind: "exists"; readonly path: string }
  | { readonly kind: "type"; readonly path: string; readonly types: ReadonlySet<string> }
  | { readonly kind: "mod"; readonly path: string; readonly divisor: bigint; readonly remainder: bigint }
  | { readonly kind: "size"; readonly path: string; readonly size: number }
  /** An array element that is a document (or array) and matches a filter of its own. */
  | { readonly kind: "elemMatchObject"; readonly path: string; readonly child: FilterNode }
  /** An array element of which all predicates hold; their paths are empty. */
  | { readonly kind: "elemMatchValue"; readonly path: string; readonly child: FilterNode }
  | BitsNode
  | { readonly kind: "expr"; readonly expression: Value }
  | { readonly kind: "always"; readonly value: boolean };

export interface ComparisonNode {
  readonly kind: "comparison";
  readonly path: string;
  readonly op: "eq" | "gt" | "gte" | "lt" | "lte";
  readonly value: Value;
}

export interface InNode {
  readonly kind: "in";
  readonly path: string;
  /** Without the regular expressions. */
  readonly values: readonly Value[];
  readonly regexes: readonly RegexNode[];
}

export interface RegexNode {
  readonly kind: "regex";
  readonly path: string;
  readonly pattern: string;
  /** Of i, m, s, x, u. */
  readonly flags: string;
}

export interface BitsNode {
  readonly kind: "bits";
  readonly path: string;
  readonly op: "allSet" | "allClear" | "anySet" | "anyClear";
  /** Positions of the bits, ascending. */
  readonly positions: readonly number[];
}

/** A query operator, as the support page lists it. */
export interface QueryOperator {
  readonly name: string;
  readonly summary: string;
  readonly supported: boolean;
}

const yes = (name: string, summary: string): QueryOperator => ({ name, summary, supported: true });
const no = (name: string, summary: string): QueryOperator => ({ name, summary, supported: false });

/** The query operators that MongoDB has; those that are not supported are refused like unknown ones. */
export const queryOperators: readonly QueryOperator[] = [
  yes("$all", "the array holds all of these values"),
  yes("$alwaysFalse", "matches nothing"),
  yes("$alwaysTrue", "matches everything"),
  yes("$and", "all of these filters match"),
  yes("$bitsAllClear", "all of these bits are 0"),
  yes("$bitsAllSet", "all of these bits are 1"),
  yes("$bitsAnyClear", "one of these bits is 0"),
  yes("$bitsAnySet", "one of these bits is 1"),
  no("$box", "a rectangle, for $geoWithin"),
  no("$center", "a circle on a plane, for $geoWithin"),
  no("$centerSphere", "a circle on a sphere, for $geoWithin"),
  yes("$comment", "a note for whoever reads the query"),
  yes("$elemMatch", "one element of the array meets all of these conditions"),
  yes("$eq", "equal"),
  yes("$exists", "the field is there, or is not"),
  yes("$expr", "an aggregation expression is true"),
  no("$geoIntersects", "shapes that meet"),
  no("$geoWithin", "shapes inside another"),
  yes("$gt", "greater"),
  yes("$gte", "greater or equal"),
  yes("$in", "equal to one of these values"),
  no("$jsonSchema", "the document is valid under a schema"),
  yes("$lt", "less"),
  yes("$lte", "less or equal"),
  yes("$mod", "the remainder of a division"),
  yes("$ne", "not equal"),
  no("$near", "points by their distance"),
  no("$nearSphere", "points by their distance on a sphere"),
  yes("$nin", "equal to none of these values"),
  yes("$nor", "none of these filters matches"),
  yes("$not", "these conditions do not hold"),
  yes("$options", "the flags of $regex"),
  yes("$or", "one of these filters matches"),
  yes("$regex", "a regular expression matches"),
  yes("$sampleRate", "a random share of the documents"),
  yes("$size", "the array has this many elements"),
  no("$text", "words in a text index"),
  yes("$type", "the type of the value is one of these"),
  no("$where", "a JavaScript expression is true"),
];
