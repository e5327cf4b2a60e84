import type {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Int32,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "bson";
import type { Doc } from "./doc.js";

/**
 * A BSON value inside the engine. Each BSON type has exactly one JavaScript form, so that int32, int64, double and
 * decimal stay four different things and embedded documents keep the order of their fields:
 *
 * | BSON | here |
 * | --- | --- |
 * | double | `number` |
 * | int32, decimal128 | `Int32`, `Decimal128` of bson |
 * | int64 | `bigint` |
 * | string, bool, null | `string`, `boolean`, `null` |
 * | document, array | {@link Doc} (never a plain object), array of values |
 * | date | {@link DateTime} |
 * | undefined (deprecated type 6) | {@link UNDEFINED} |
 * | objectId, binData, regex, timestamp, javascript (with scope too), symbol, dbPointer, minKey, maxKey | bson's classes |
 *
 * JavaScript's own `undefined` is never a value: it means that the field is missing.
 */
export type Value =
  | number
  | Int32
  | bigint
  | Decimal128
  | string
  | boolean
  | null
  | Doc
  | Value[]
  | DateTime
  | ObjectId
  | Binary
  | BSONRegExp
  | Timestamp
  | Code
  | BSONSymbol
  | DBRef
  | MinKey
  | MaxKey
  | typeof UNDEFINED;

/** A BSON date: milliseconds since the epoch, exact within ±2^53, so dates that a JavaScript Date cannot hold survive. */
export class DateTime {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

/** The value of BSON's deprecated type 6. */
export const UNDEFINED: unique symbol = Symbol("bson undefined");
