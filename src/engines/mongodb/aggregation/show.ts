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
import { DateTime, UNDEFINED, type Value } from "../bson/values.js";

/** A value as MongoDB writes it into the text of an error. */
export function showValue(value: Value | undefined): string {
  switch (typeof value) {
    case "undefined":
      return "MISSING";
    case "string":
      return `"${value}"`;
    case "number":
      return showDouble(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "symbol":
      return "undefined";
    default:
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(showValue).join(", ")}]`;
  if (value instanceof Doc) {
    return value.isEmpty ? "{}" : `{${[...value].map(([name, each]) => `${name}: ${showValue(each)}`).join(", ")}}`;
  }
  if (value instanceof Int32) return String(value.value);
  if (value instanceof Decimal128) return value.toString();
  if (value instanceof DateTime) return showDate(value.ms);
  if (value instanceof ObjectId) return value.toHexString();
  if (value instanceof Timestamp) return `Timestamp(${value.t}, ${value.i})`;
  if (value instanceof Binary) {
    return `BinData(${value.sub_type}, "${Buffer.from(value.value()).toString("hex").toUpperCase()}")`;
  }
  if (value instanceof BSONRegExp) return `/${value.pattern}/${value.options}`;
  if (value instanceof BSONSymbol) return `Symbol("${value.value}")`;
  if (value instanceof Code) return `Code("${String(value.code)}")`;
  if (value instanceof DBRef) return `DBRef("${value.collection}", ${value.oid.toHexString()})`;
  if (value instanceof MinKey) return "MinKey";
  if (value instanceof MaxKey) return "MaxKey";
  return value === UNDEFINED ? "undefined" : String(value);
}

/** A double as C++ streams print it: six significant digits. */
export function showDouble(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent >= 6) {
    const [digits, power] = value.toExponential(5).split("e") as [string, string];
    const sign = power.startsWith("-") ? "-" : "+";
    return `${digits.replace(/\.?0+$/, "")}e${sign}${power.slice(1).padStart(2, "0")}`;
  }
  return String(Number(value.toPrecision(6)));
}

/** A double as `$toString` writes it: the shortest digits that read back, an exponent of at least two digits. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  if (!Number.isFinite(value)) return String(value);
  const exponent = value === 0 ? 0 : Number(value.toExponential().split("e")[1]);
  if (exponent >= -4 && exponent < 17) return String(value);
  const [digits, power] = value.toExponential().split("e") as [string, string];
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** A date as `2020-01-01T00:00:00.000Z`; dates that JavaScript's Date cannot hold show their milliseconds. */
export function showDate(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `Date(${ms})` : date.toISOString();
}
