import {
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
import { Doc } from "../bson/doc.js";
import { DateTime, type Value } from "../bson/values.js";

/** A value as MongoDB's server prints a BSON element: in messages about keys, indexes and updates. */
export function elementText(value: Value | undefined): string {
  switch (typeof value) {
    case "undefined":
      return "EOO";
    case "string":
      return JSON.stringify(value);
    case "number":
      return doubleText(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "symbol":
      return "undefined";
    default:
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `[ ${value.map(elementText).join(", ")} ]`;
  if (value instanceof Doc) return documentText(value);
  if (value instanceof Int32) return String(value.value);
  if (value instanceof Decimal128) return value.toString();
  if (value instanceof DateTime) return `new Date(${value.ms})`;
  if (value instanceof ObjectId) return `ObjectId('${value.toHexString()}')`;
  if (value instanceof Timestamp) return `Timestamp(${value.t}, ${value.i})`;
  if (value instanceof Binary) {
    const hex = Buffer.from(value.value()).toString("hex").toUpperCase();
    if (value.sub_type === 4 && hex.length === 32) {
      const uuid = hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
      return `UUID("${uuid}")`;
    }
    return `BinData(${value.sub_type}, ${hex})`;
  }
  if (value instanceof BSONRegExp) return `/${value.pattern}/${value.options}`;
  if (value instanceof BSONSymbol) return JSON.stringify(value.value);
  if (value instanceof Code) return String(value.code);
  if (value instanceof DBRef) return `DBRef('${value.collection}',${value.oid.toHexString()})`;
  if (value instanceof MinKey) return "MinKey";
  if (value instanceof MaxKey) return "MaxKey";
  return "undefined";
}

/** A document in the same form: `{ a: 1, b: "x" }`. */
export function documentText(doc: Doc): string {
  if (doc.isEmpty) return "{}";
  return `{ ${[...doc].map(([name, value]) => `${name}: ${elementText(value)}`).join(", ")} }`;
}

/** A double with the digits that tell it from others, and always a point or an exponent. */
function doubleText(value: number): string {
  if (Number.isNaN(value)) return "nan.0";
  if (!Number.isFinite(value)) return value > 0 ? "inf.0" : "-inf.0";
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${Object.is(value, -0) ? "-0" : value}.0`;
  return String(value);
}
