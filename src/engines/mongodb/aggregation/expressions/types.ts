import { Binary, BSONSymbol, Decimal128, Int32, ObjectId, Timestamp } from "bson";
import { bsonTypeName, typeNumbers } from "../../bson/compare.js";
import {
  decimalOfInteger,
  doubleOfDecimal,
  integerOfDecimal,
  isInfiniteDecimal,
  isNaNDecimal,
} from "../../bson/decimal128.js";
import { Doc, encodeDoc, int32 } from "../../bson/doc.js";
import { fitsLong, isNumber, type NumberValue, toDecimal, toDouble } from "../../bson/numbers.js";
import { DateTime, type Value } from "../../bson/values.js";
import { badValue, failedToParse, MongoError, mongoError } from "../../errors.js";
import { formatDate } from "../dates/format.js";
import { utc } from "../dates/time-zone.js";
import { toInt32 } from "../numeric.js";
import { doubleText, showDouble, showValue } from "../show.js";
import { dateOf } from "./date-arguments.js";
import { dateFromText } from "./dates.js";
import {
  type Expression,
  type ExpressionOperator,
  isNullish,
  isTrue,
  namedArguments,
  operator,
  pure,
  type Result,
  unary,
} from "./expression.js";

function failure(message: string): MongoError {
  return new MongoError(241, "ConversionFailure", message);
}

function notSupported(value: Value, to: string): MongoError {
  return failure(`Unsupported conversion from ${bsonTypeName(value)} to ${to} in $convert with no onError value`);
}

function overflow(shown: string): MongoError {
  return failure(`Conversion would overflow target type in $convert with no onError value: ${shown}`);
}

function parseFailure(text: string, why: string): MongoError {
  return failure(`Failed to parse number '${text}' in $convert with no onError value: ${why}`);
}

function checkHexadecimal(text: string): void {
  if (/^0[xX]/.test(text)) {
    throw failure(`Illegal hexadecimal input in $convert with no onError value: ${text}`);
  }
}

/** The integer part of a number for int and long. */
function integerFrom(value: NumberValue): bigint {
  if (value instanceof Int32) return BigInt(value.value);
  if (typeof value === "bigint") return value;
  const double = toDouble(value);
  const notANumber = value instanceof Decimal128 ? isNaNDecimal(value) : Number.isNaN(double);
  if (notANumber) throw failure("Attempt to convert NaN value to integer type in $convert with no onError value");
  if (value instanceof Decimal128 ? isInfiniteDecimal(value) : !Number.isFinite(double)) {
    throw failure("Attempt to convert infinity value to integer type in $convert with no onError value");
  }
  if (Math.abs(double) > 1e19) throw overflow(value instanceof Decimal128 ? value.toString() : showDouble(double));
  return value instanceof Decimal128 ? integerOfDecimal(value)! : BigInt(Math.trunc(double));
}

function integerFromText(text: string): bigint {
  checkHexadecimal(text);
  if (!/^[+-]?\d+$/.test(text)) {
    throw parseFailure(text, /^[+-]?$/.test(text) ? "No digits" : "Did not consume whole string.");
  }
  return BigInt(text.startsWith("+") ? text.slice(1) : text);
}

function toInt(value: Value): Value {
  if (value instanceof Int32) return value;
  let whole: bigint;
  if (isNumber(value)) {
    // A double is compared before its fraction is cut off.
    if (typeof value === "number" && (value > 2147483647 || value < -2147483648)) throw overflow(showDouble(value));
    whole = integerFrom(value);
  } else if (typeof value === "boolean") whole = value ? 1n : 0n;
  else if (typeof value === "string") whole = integerFromText(value);
  else throw notSupported(value, "int");
  if (BigInt.asIntN(32, whole) !== whole) {
    throw typeof value === "string" ? parseFailure(value, "Overflow") : overflow(String(whole));
  }
  return int32(Number(whole));
}

function toLong(value: Value): Value {
  if (typeof value === "bigint") return value;
  let whole: bigint;
  if (isNumber(value)) whole = integerFrom(value);
  else if (typeof value === "boolean") whole = value ? 1n : 0n;
  else if (typeof value === "string") whole = integerFromText(value);
  else if (value instanceof DateTime) whole = BigInt(value.ms);
  else throw notSupported(value, "long");
  if (!fitsLong(whole)) {
    throw typeof value === "string"
      ? parseFailure(value, "Overflow")
      : overflow(typeof value === "number" ? showDouble(value) : String(whole));
  }
  return whole;
}

const doubleForm = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)$/;

function convertToDouble(value: Value): Value {
  if (value instanceof Decimal128) {
    const double = doubleOfDecimal(value);
    if (!Number.isFinite(double) && !isNaNDecimal(value) && !isInfiniteDecimal(value)) throw overflow(value.toString());
    return double;
  }
  if (isNumber(value)) return toDouble(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof DateTime) return value.ms;
  if (typeof value !== "string") throw notSupported(value, "double");
  checkHexadecimal(value);
  if (value === "") throw parseFailure(value, "Empty string");
  if (/^\s/.test(value)) throw parseFailure(value, "Leading whitespace");
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(value);
  if (special !== null) {
    if (special[2]!.toLowerCase() === "nan") return Number.NaN;
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (!doubleForm.test(value)) throw parseFailure(value, "Did not consume whole string.");
  const double = Number(value);
  if (!Number.isFinite(double)) throw parseFailure(value, "Out of range");
  return double;
}

function convertToDecimal(value: Value): Value {
  if (isNumber(value)) return toDecimal(value);
  if (typeof value === "boolean") return decimalOfInteger(value ? 1 : 0);
  if (value instanceof DateTime) return decimalOfInteger(BigInt(value.ms));
  if (typeof value !== "string") throw notSupported(value, "decimal");
  checkHexadecimal(value);
  if (value === "") throw parseFailure(value, "Empty string");
  try {
    return Decimal128.fromStringWithRounding(value);
  } catch {
    throw parseFailure(value, "Failed to parse string to decimal");
  }
}

function convertToDate(value: Value): Value {
  if (typeof value === "number" || value instanceof Decimal128) {
    const whole = integerFrom(value);
    if (!fitsLong(whole)) throw overflow(showValue(value));
    return new DateTime(Number(whole));
  }
  if (typeof value === "bigint") return new DateTime(Number(value));
  if (typeof value === "string") return dateFromText(value);
  const ms = dateOf(value);
  if (ms === undefined) throw notSupported(value, "date");
  return value instanceof DateTime ? value : new DateTime(ms);
}

function convertToObjectId(value: Value): Value {
  if (value instanceof ObjectId) return value;
  if (typeof value !== "string") throw notSupported(value, "objectId");
  if (value.length !== 24) {
    throw failure(
      `Failed to parse objectId '${value}' in $convert with no onError value: Invalid string length for parsing to OID, expected 24 but found ${value.length}`,
    );
  }
  if (!/^[0-9a-fA-F]{24}$/.test(value)) {
    throw failure(
      `Failed to parse objectId '${value}' in $convert with no onError value: Invalid character found in hex string: '${/[^0-9a-fA-F]/.exec(value)![0]}'`,
    );
  }
  return ObjectId.createFromHexString(value);
}

function convertToString(value: Value): Value {
  if (typeof value === "string") return value;
  if (typeof value === "number") return doubleText(value);
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value instanceof Int32) return String(value.value);
  if (value instanceof Decimal128) return value.toString();
  if (value instanceof ObjectId) return value.toHexString();
  if (value instanceof DateTime) return formatDate(value.ms, "%Y-%m-%dT%H:%M:%S.%LZ", utc);
  if (value instanceof BSONSymbol) return value.value;
  throw notSupported(value, "string");
}

const converters: Readonly<Record<string, (value: Value) => Value>> = {
  bool: (value) => isTrue(value),
  date: convertToDate,
  decimal: convertToDecimal,
  double: convertToDouble,
  int: toInt,
  long: toLong,
  objectId: convertToObjectId,
  string: convertToString,
};

const typesByNumber = new Map(Object.entries(typeNumbers).map(([name, number]) => [number, name]));

/** The name of the type that `$convert`'s `to` says. */
function targetType(to: Value): string {
  if (typeof to === "string") {
    if (!(to in typeNumbers)) throw badValue(`Unknown type name: ${to}`);
    return to;
  }
  if (!isNumber(to)) {
    throw failedToParse(`$convert's 'to' argument must be a string or number, but is ${bsonTypeName(to)}`);
  }
  const number = toInt32(to);
  if (number === undefined) throw failedToParse("In $convert, numeric 'to' argument is not an integer");
  const name = typesByNumber.get(number);
  if (name === undefined) {
    throw failedToParse(`In $convert, numeric value for 'to' does not correspond to a BSON type: ${number}`);
  }
  return name;
}

function convertTo(value: Value, type: string): Value {
  const converter = converters[type];
  if (converter === undefined) throw notSupported(value, type);
  return converter(value);
}

const convert = operator("$convert", "A value in another type.", (argument, scope) => {
  const given = namedArguments(
    argument,
    {
      notAnObject: (value) =>
        failedToParse(`$convert expects an object of named arguments but found: ${bsonTypeName(value)}`),
      unknown: (name) => failedToParse(`$convert found an unknown argument: ${name}`),
    },
    ["input", "to", "onError", "onNull"],
  );
  if (!given.has("input")) throw failedToParse("Missing 'input' parameter to $convert");
  if (!given.has("to")) throw failedToParse("Missing 'to' parameter to $convert");
  const compiled = new Map<string, Expression>();
  for (const [name, value] of given) compiled.set(name, scope.compile(value));
  const input = compiled.get("input")!;
  const to = compiled.get("to")!;
  const onNull = compiled.get("onNull");
  const onError = compiled.get("onError");
  return pure(scope, [...compiled.values()], (root, vars) => {
    const wanted = to.evaluate(root, vars);
    const type = isNullish(wanted) ? undefined : targetType(wanted);
    const value = input.evaluate(root, vars);
    if (isNullish(value)) return onNull === undefined ? null : onNull.evaluate(root, vars);
    if (type === undefined) return null;
    try {
      return convertTo(value, type);
    } catch (error) {
      if (onError !== undefined && error instanceof MongoError && error.code === 241) {
        return onError.evaluate(root, vars);
      }
      throw error;
    }
  });
});

function shortConversion(name: string, type: string): ExpressionOperator {
  return operator(name, `A value as ${type}.`, (argument, scope) => {
    if (Array.isArray(argument) && argument.length !== 1) {
      throw mongoError(50723, `${name} requires a single argument, got ${argument.length}`);
    }
    const input = scope.compile(Array.isArray(argument) ? argument[0]! : argument);
    return pure(scope, [input], (root, vars) => {
      const value = input.evaluate(root, vars);
      return isNullish(value) ? null : convertTo(value, type);
    });
  });
}

function binarySize(value: Result): Result {
  if (isNullish(value)) return null;
  if (typeof value === "string") return int32(Buffer.byteLength(value));
  if (value instanceof Binary) return int32(value.length());
  throw mongoError(51276, `$binarySize requires a string or BinData argument, found: ${bsonTypeName(value)}`);
}

function bsonSize(value: Result): Result {
  if (isNullish(value)) return null;
  if (!(value instanceof Doc)) {
    throw mongoError(31393, `$bsonSize requires a document input, found: ${bsonTypeName(value)}`);
  }
  return int32(value.isRaw ? value.toBytes().length : encodeDoc(value).length);
}

function timestampPart(name: string, code: number, read: (value: Timestamp) => number): (value: Result) => Result {
  return (value) => {
    if (isNullish(value)) return null;
    if (!(value instanceof Timestamp)) {
      throw mongoError(code, ` Argument to ${name} must be a timestamp, but is ${bsonTypeName(value)}`);
    }
    return BigInt(read(value));
  };
}

const rand = operator("$rand", "A random number between 0 and 1.", (argument) => {
  const empty = Array.isArray(argument) ? argument.length === 0 : argument instanceof Doc && argument.isEmpty;
  if (!empty) {
    if (!(argument instanceof Doc) && !Array.isArray(argument)) {
      throw mongoError(10065, "invalid parameter: expected an object ($rand)");
    }
    throw mongoError(3040501, "$rand does not currently accept arguments");
  }
  return { evaluate: (_root, vars) => vars.random() };
});

/** The operators on types, and sizes in bytes. */
export const typeOperators: readonly ExpressionOperator[] = [
  unary("$binarySize", "The size of a string or of binary data in bytes.", binarySize),
  unary("$bsonSize", "The size of a document as BSON in bytes.", bsonSize),
  convert,
  unary("$isNumber", "Whether a value is a number.", (value) => isNumber(value)),
  rand,
  shortConversion("$toBool", "bool"),
  shortConversion("$toDate", "date"),
  shortConversion("$toDecimal", "decimal"),
  shortConversion("$toDouble", "double"),
  shortConversion("$toInt", "int"),
  shortConversion("$toLong", "long"),
  shortConversion("$toObjectId", "objectId"),
  shortConversion("$toString", "string"),
  unary(
    "$tsIncrement",
    "The ordinal of a timestamp.",
    timestampPart("$tsIncrement", 5687302, (value) => value.i),
  ),
  unary(
    "$tsSecond",
    "The seconds of a timestamp.",
    timestampPart("$tsSecond", 5687301, (value) => value.t),
  ),
  unary("$type", "The name of a value's type.", (value) => bsonTypeName(value)),
];
