import { Binary, BSONRegExp, BSONSymbol, Code, DBRef, Decimal128, Int32, MinKey, ObjectId, Timestamp } from "bson";
import { compareDecimals, compareParts, decimalOfInteger, exactParts, unpack } from "./decimal128.js";
import { Doc, scopeOf } from "./doc.js";
import type { NumberValue } from "./numbers.js";
import { DateTime, type Value } from "./values.js";

/**
 * MongoDB's order of types; values of different orders never compare equal.
 * @see https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
 */
export const TypeOrder = {
  minKey: -1,
  undefined: 0,
  null: 5,
  number: 10,
  string: 15,
  object: 20,
  array: 25,
  binData: 30,
  objectId: 35,
  bool: 40,
  date: 45,
  timestamp: 47,
  regex: 50,
  dbPointer: 55,
  code: 60,
  codeWithScope: 65,
  maxKey: 127,
} as const;

/** Where a value's type stands in MongoDB's order; a missing value stands with BSON's undefined, below null. */
export function typeOrder(value: Value | undefined): number {
  switch (typeof value) {
    case "string":
      return TypeOrder.string;
    case "number":
    case "bigint":
      return TypeOrder.number;
    case "boolean":
      return TypeOrder.bool;
    case "undefined":
    case "symbol":
      return TypeOrder.undefined;
    default:
  }
  if (value === null) return TypeOrder.null;
  if (value instanceof Int32) return TypeOrder.number;
  if (value instanceof Doc) return TypeOrder.object;
  if (Array.isArray(value)) return TypeOrder.array;
  if (value instanceof ObjectId) return TypeOrder.objectId;
  if (value instanceof DateTime) return TypeOrder.date;
  if (value instanceof Decimal128) return TypeOrder.number;
  if (value instanceof Binary) return TypeOrder.binData;
  if (value instanceof BSONRegExp) return TypeOrder.regex;
  if (value instanceof Timestamp) return TypeOrder.timestamp;
  if (value instanceof BSONSymbol) return TypeOrder.string;
  if (value instanceof Code) return scopeOf(value) === undefined ? TypeOrder.code : TypeOrder.codeWithScope;
  if (value instanceof DBRef) return TypeOrder.dbPointer;
  return value instanceof MinKey ? TypeOrder.minKey : TypeOrder.maxKey;
}

/** The alias of a value's type as `$type` names it: "int", "long", "double", "decimal", "object", …; "missing" of none. */
export function bsonTypeName(value: Value | undefined): string {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
      return "double";
    case "bigint":
      return "long";
    case "boolean":
      return "bool";
    case "undefined":
      return "missing";
    case "symbol":
      return "undefined";
    default:
  }
  if (value === null) return "null";
  if (value instanceof Int32) return "int";
  if (value instanceof Doc) return "object";
  if (Array.isArray(value)) return "array";
  if (value instanceof ObjectId) return "objectId";
  if (value instanceof DateTime) return "date";
  if (value instanceof Decimal128) return "decimal";
  if (value instanceof Binary) return "binData";
  if (value instanceof BSONRegExp) return "regex";
  if (value instanceof Timestamp) return "timestamp";
  if (value instanceof BSONSymbol) return "symbol";
  if (value instanceof Code) return scopeOf(value) === undefined ? "javascript" : "javascriptWithScope";
  if (value instanceof DBRef) return "dbPointer";
  return value instanceof MinKey ? "minKey" : "maxKey";
}

/** The numbers of BSON's types by their aliases, as `$type` takes them. */
export const typeNumbers: Readonly<Record<string, number>> = {
  minKey: -1,
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binData: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  javascript: 13,
  symbol: 14,
  javascriptWithScope: 15,
  int: 16,
  timestamp: 17,
  long: 18,
  decimal: 19,
  maxKey: 127,
};

/** MongoDB's order over all values: negative, zero or positive. Missing and BSON's undefined are equal, below null. */
export function compareValues(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  if (a instanceof Int32 && b instanceof Int32) return a.value - b.value;
  const order = typeOrder(a);
  const difference = order - typeOrder(b);
  if (difference !== 0) return difference;
  switch (order) {
    case TypeOrder.number:
      return compareNumbers(a as NumberValue, b as NumberValue);
    case TypeOrder.string:
      return compareStrings(stringOf(a as string | BSONSymbol), stringOf(b as string | BSONSymbol));
    case TypeOrder.object:
      return compareDocs(a as Doc, b as Doc);
    case TypeOrder.array:
      return compareArrays(a as Value[], b as Value[]);
    case TypeOrder.binData: {
      const x = a as Binary;
      const y = b as Binary;
      return x.position - y.position || x.sub_type - y.sub_type || compareBytes(x.buffer, y.buffer, x.position);
    }
    case TypeOrder.objectId:
      return compareBytes((a as ObjectId).id, (b as ObjectId).id, 12);
    case TypeOrder.bool:
      return Number(a) - Number(b);
    case TypeOrder.date:
      return (a as DateTime).ms - (b as DateTime).ms;
    case TypeOrder.timestamp: {
      const x = a as Timestamp;
      const y = b as Timestamp;
      return x.getHighBitsUnsigned() - y.getHighBitsUnsigned() || x.getLowBitsUnsigned() - y.getLowBitsUnsigned();
    }
    case TypeOrder.regex: {
      const x = a as BSONRegExp;
      const y = b as BSONRegExp;
      return compareStrings(x.pattern, y.pattern) || compareStrings(x.options, y.options);
    }
    case TypeOrder.dbPointer: {
      const x = a as DBRef;
      const y = b as DBRef;
      return (
        Buffer.byteLength(x.collection) - Buffer.byteLength(y.collection) ||
        compareStrings(x.collection, y.collection) ||
        compareBytes(x.oid.id, y.oid.id, 12)
      );
    }
    case TypeOrder.code:
      return compareStrings(String((a as Code).code), String((b as Code).code));
    case TypeOrder.codeWithScope: {
      const x = a as Code;
      const y = b as Code;
      return compareStrings(String(x.code), String(y.code)) || compareDocs(scopeOf(x)!, scopeOf(y)!);
    }
    default:
      return 0;
  }
}

/** Whether MongoDB takes two values for equal: 1 equals 1.0 and Decimal 1.00; documents need the same order of fields. */
export function equalValues(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (typeof a === "string" && typeof b === "string") return false;
  return compareValues(a, b) === 0;
}

function stringOf(value: string | BSONSymbol): string {
  return typeof value === "string" ? value : value.value;
}

/** The order of the strings' UTF-8 bytes, which is that of their code points. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      // Surrogates stand for code points above every other UTF-16 unit.
      if (x >= 0xd800 && y >= 0xd800) {
        const xHigh = x < 0xe000;
        if (xHigh !== y < 0xe000) return xHigh ? 1 : -1;
      }
      return x - y;
    }
  }
  return a.length - b.length;
}

function compareBytes(a: Uint8Array, b: Uint8Array, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Fields in their order: the types first, then the names, then the values; a document that ends first is the smaller. */
export function compareDocs(a: Doc, b: Doc): number {
  if (a.bytes !== null && b.bytes !== null && a.bytes === b.bytes && a.start === b.start) return 0;
  const keysA = a.keys();
  const keysB = b.keys();
  const valuesA = a.values();
  const valuesB = b.values();
  const length = Math.min(keysA.length, keysB.length);
  for (let i = 0; i < length; i++) {
    const difference =
      typeOrder(valuesA[i]) - typeOrder(valuesB[i]) ||
      compareStrings(keysA[i]!, keysB[i]!) ||
      compareValues(valuesA[i], valuesB[i]);
    if (difference !== 0) return difference;
  }
  return keysA.length - keysB.length;
}

function compareArrays(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = compareValues(a[i], b[i]);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  // NaN is the smallest number and equals itself.
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : 1;
}

/** The order of numbers of any kinds, exact: no int64 is rounded to a double on the way. */
export function compareNumbers(a: NumberValue, b: NumberValue): number {
  const x = a instanceof Int32 ? a.value : a;
  const y = b instanceof Int32 ? b.value : b;
  if (typeof x === "number" && typeof y === "number") return compareDoubles(x, y);
  if (typeof x === "bigint" && typeof y === "bigint") return x < y ? -1 : x > y ? 1 : 0;
  if (x instanceof Decimal128) {
    if (y instanceof Decimal128) return compareDecimals(x, y);
    return compareWithDecimal(x, y);
  }
  if (y instanceof Decimal128) return -compareWithDecimal(y, x);
  // One BigInt, one double: JavaScript compares them by their mathematical values.
  if (Number.isNaN(x as number)) return -1;
  if (Number.isNaN(y as number)) return 1;
  return x < y ? -1 : x > y ? 1 : 0;
}

function compareWithDecimal(decimal: Decimal128, other: number | bigint): number {
  if (typeof other === "bigint" || Number.isSafeInteger(other)) {
    return compareDecimals(decimal, decimalOfInteger(other));
  }
  return compareParts(unpack(decimal), exactParts(other));
}
