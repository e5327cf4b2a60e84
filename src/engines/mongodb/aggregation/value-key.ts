import { Binary, BSONRegExp, BSONSymbol, Code, DBRef, Decimal128, Int32, ObjectId, Timestamp } from "bson";
import { Doc, scopeOf } from "../bson/doc.js";
import { DateTime, UNDEFINED, type Value } from "../bson/values.js";

/**
 * A key for JavaScript's Map that two values share exactly when MongoDB's order calls them equal: numbers of different
 * types that are the same number, symbols and strings. A missing value has the key `undefined`.
 */
export function valueKey(value: Value | undefined): unknown {
  switch (typeof value) {
    case "number":
      return value;
    case "string":
      return `s${value}`;
    case "boolean":
    case "undefined":
      return value;
    case "symbol":
      return UNDEFINED;
    case "bigint":
      return integerKey(value);
    default:
  }
  if (value === null) return null;
  if (value instanceof Int32) return value.value;
  if (value instanceof Decimal128) return decimalKey(value);
  return compositeKey(value);
}

/** As {@link valueKey}, but always a string, for composing. */
function textKey(value: Value): string {
  const key = valueKey(value);
  switch (typeof key) {
    case "string":
      return `${key.length}:${key}`;
    case "number":
      return `n${key === 0 ? 0 : key};`;
    case "boolean":
      return key ? "t" : "f";
    case "symbol":
      return "u";
    default:
      return "z";
  }
}

function compositeKey(value: Exclude<Value, number | string | boolean | bigint | symbol | null>): string {
  if (value instanceof Doc) {
    let text = "O{";
    for (const [name, each] of value) text += `${name.length}:${name}${textKey(each)}`;
    return `${text}}`;
  }
  if (Array.isArray(value)) {
    let text = "A[";
    for (const each of value) text += textKey(each);
    return `${text}]`;
  }
  if (value instanceof ObjectId) return `I${value.toHexString()}`;
  if (value instanceof DateTime) return `D${value.ms}`;
  if (value instanceof Timestamp) return `T${value.toString()}`;
  if (value instanceof Binary) return `B${value.sub_type}:${Buffer.from(value.value()).toString("latin1")}`;
  if (value instanceof BSONSymbol) return `s${value.value}`;
  if (value instanceof BSONRegExp) return `R${value.pattern.length}:${value.pattern}${value.options}`;
  if (value instanceof Code) {
    const scope = scopeOf(value);
    return scope === undefined
      ? `C${String(value.code)}`
      : `W${String(value.code).length}:${String(value.code)}${textKey(scope)}`;
  }
  if (value instanceof DBRef) return `P${value.collection.length}:${value.collection}${value.oid.toHexString()}`;
  return (value as { _bsontype?: string })._bsontype === "MinKey" ? "<" : ">";
}

function integerKey(value: bigint): unknown {
  const double = Number(value);
  return BigInt(double) === value ? double : `n${value}`;
}

/** A decimal that is exactly a double has that double's key, any other the key of its shortest form. */
function decimalKey(value: Decimal128): unknown {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:E([+-]?\d+))?$/.exec(value.toString());
  if (match === null) {
    const text = value.toString();
    return text === "NaN" ? Number.NaN : text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const fraction = match[3] ?? "";
  let exponent = Number(match[4] ?? "0") - fraction.length;
  let digits = (match[2]! + fraction).replace(/^0+/, "");
  if (digits === "") return 0;
  const zeros = /0*$/.exec(digits)![0].length;
  digits = digits.slice(0, digits.length - zeros);
  exponent += zeros;
  const double = Number(`${match[1]}${digits}e${exponent}`);
  if (Number.isFinite(double) && isExactly(double, digits, exponent)) return double;
  return `n${match[1]}${digits}E${exponent}`;
}

function isExactly(double: number, digits: string, exponent: number): boolean {
  if (exponent >= 0) {
    if (exponent > 308) return false;
    return BigInt(Math.abs(double)) === BigInt(digits) * 10n ** BigInt(exponent);
  }
  if (exponent < -400) return false;
  // digits / 10^k is a double only when 5^k divides digits and what is left has at most 53 bits.
  const five = 5n ** BigInt(-exponent);
  let rest = BigInt(digits);
  if (rest % five !== 0n) return false;
  rest /= five;
  while ((rest & 1n) === 0n) rest >>= 1n;
  return rest < 9007199254740992n && double !== 0;
}
