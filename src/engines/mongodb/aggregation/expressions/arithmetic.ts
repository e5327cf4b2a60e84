import { Decimal128, Int32 } from "bson";
import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import {
  absDecimal,
  type DecimalRounding,
  decimalNaN,
  integerOfDecimal,
  isNaNDecimal,
  quantize,
  sqrtDecimal,
  unpack,
} from "../../bson/decimal128.js";
import { int32 } from "../../bson/doc.js";
import {
  add as addNumbers,
  divide as divideNumbers,
  fitsLong,
  isNumber,
  isZero,
  multiply as multiplyNumbers,
  type NumberValue,
  remainder,
  subtract as subtractNumbers,
  toDecimal,
  toDouble,
} from "../../bson/numbers.js";
import { DateTime, type Value } from "../../bson/values.js";
import { badValue, type MongoError, mongoError, typeMismatch } from "../../errors.js";
import { decimalExp, decimalLn, decimalLog10, decimalPow } from "../decimal-functions.js";
import { roundDouble, roundInteger, toInt64 } from "../numeric.js";
import { showValue } from "../show.js";
import {
  binary,
  type ExpressionOperator,
  isNullish,
  operandsOf,
  operator,
  pure,
  type Result,
  requireBetween,
  unary,
  variadic,
} from "./expression.js";

const dateOverflow = () => mongoError(15, "date overflow");

/** How many milliseconds a number adds to a date: doubles are rounded away from zero at the half. */
function millisecondsOf(value: NumberValue): bigint {
  if (value instanceof Int32) return BigInt(value.value);
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value) || Math.abs(value) >= 9.2e18) throw dateOverflow();
    return BigInt(value < 0 ? -Math.floor(-value + 0.5) : Math.floor(value + 0.5));
  }
  const whole = integerOfDecimal(quantize(value, 0, "half-even"));
  if (whole === undefined || !fitsLong(whole)) throw dateOverflow();
  return whole;
}

function dateFrom(ms: bigint): DateTime {
  if (!fitsLong(ms)) throw dateOverflow();
  return new DateTime(Number(ms));
}

const add = operator("$add", "The sum of numbers, or a date and milliseconds.", (argument, scope) => {
  const operands = operandsOf(argument, scope);
  return pure(scope, operands, (root, vars) => {
    let total: NumberValue = int32(0);
    let date: bigint | undefined;
    for (const each of operands) {
      const value = each.evaluate(root, vars);
      if (isNumber(value)) {
        if (date === undefined) total = addNumbers(total, value);
        else date += millisecondsOf(value);
      } else if (value instanceof DateTime) {
        if (date !== undefined) throw mongoError(16612, "only one date allowed in an $add expression");
        date = BigInt(value.ms) + millisecondsOf(total);
      } else if (isNullish(value)) {
        return null;
      } else {
        throw typeMismatch(`$add only supports numeric or date types, not ${typeNameOf(value)}`);
      }
    }
    return date === undefined ? total : dateFrom(date);
  });
});

function subtract(left: Result, right: Result): Result {
  if (isNullish(left) || isNullish(right)) return null;
  if (isNumber(left) && isNumber(right)) return subtractNumbers(left, right);
  if (left instanceof DateTime) {
    if (right instanceof DateTime) return BigInt(left.ms) - BigInt(right.ms);
    if (isNumber(right)) return dateFrom(BigInt(left.ms) - millisecondsOf(right));
  }
  throw typeMismatch(`can't $subtract ${typeNameOf(right)} from ${typeNameOf(left)}`);
}

const multiply = operator("$multiply", "The product of numbers.", (argument, scope) => {
  const operands = operandsOf(argument, scope);
  return pure(scope, operands, (root, vars) => {
    let product: NumberValue = int32(1);
    for (const each of operands) {
      const value = each.evaluate(root, vars);
      if (isNullish(value)) return null;
      if (!isNumber(value)) throw typeMismatch(`$multiply only supports numeric types, not ${typeNameOf(value)}`);
      product = multiplyNumbers(product, value);
    }
    return product;
  });
});

function divide(left: Result, right: Result): Result {
  if (isNullish(left) || isNullish(right)) return null;
  if (!isNumber(left) || !isNumber(right)) {
    throw typeMismatch(`$divide only supports numeric types, not ${typeNameOf(left)} and ${typeNameOf(right)}`);
  }
  if (isZero(right)) throw badValue("can't $divide by zero");
  return divideNumbers(left, right);
}

function modulo(left: Result, right: Result): Result {
  if (isNullish(left) || isNullish(right)) return null;
  if (!isNumber(left) || !isNumber(right)) {
    throw mongoError(16611, `$mod only supports numeric types, not ${typeNameOf(left)} and ${typeNameOf(right)}`);
  }
  if (isZero(right)) throw mongoError(right instanceof Decimal128 ? 5733415 : 16610, "can't $mod by zero");
  return remainder(left, right);
}

/** An operator of one number; null stays null. */
export function numeric(name: string, summary: string, run: (value: NumberValue) => Value): ExpressionOperator {
  return unary(name, summary, (value) => {
    if (isNullish(value)) return null;
    if (!isNumber(value)) {
      throw mongoError(28765, `${name} only supports numeric types, not ${typeNameOf(value)}`);
    }
    return run(value);
  });
}

function abs(value: NumberValue): Value {
  if (value instanceof Int32) {
    const positive = Math.abs(value.value);
    return positive > 0x7fffffff ? BigInt(positive) : int32(positive);
  }
  if (typeof value === "bigint") {
    if (value === -9223372036854775808n) throw mongoError(28680, "can't take $abs of long long min");
    return value < 0n ? -value : value;
  }
  return value instanceof Decimal128 ? absDecimal(value) : Math.abs(value);
}

function whole(rounding: "floor" | "ceiling"): (value: NumberValue) => Value {
  return (value) => {
    if (value instanceof Decimal128) return quantizeToInteger(value, rounding);
    if (typeof value === "number") return rounding === "floor" ? Math.floor(value) : Math.ceil(value);
    return value;
  };
}

function quantizeToInteger(value: Decimal128, rounding: DecimalRounding): Decimal128 {
  const parts = unpack(value);
  return parts.special !== 0 || parts.exponent >= 0 ? value : quantize(value, 0, rounding);
}

/** The place is not even looked at where there is no number. */
function rounding(name: "$round" | "$trunc", summary: string, mode: DecimalRounding): ExpressionOperator {
  const round = rounder(name, mode);
  return operator(name, summary, (argument, scope) => {
    requireBetween(name, 1, 2, argument);
    const operands = operandsOf(argument, scope);
    const [number, place] = operands;
    return pure(scope, operands, (root, vars) => {
      const value = number!.evaluate(root, vars);
      return isNullish(value) ? null : round([value, place?.evaluate(root, vars)], operands.length);
    });
  });
}

function rounder(name: "$round" | "$trunc", rounding: DecimalRounding): (operands: Result[], count: number) => Result {
  return (operands, count) => {
    const [value, precision] = operands;
    if (isNullish(value)) return null;
    if (!isNumber(value)) throw mongoError(51081, `${name} only supports numeric types, not ${typeNameOf(value)}`);
    let places = 0;
    if (count === 2) {
      if (isNullish(precision)) return null;
      if (!isNumber(precision)) {
        throw mongoError(16004, `can't convert from BSON type ${typeNameOf(precision)} to long`);
      }
      const given = toInt64(precision);
      if (given === undefined) throw mongoError(51082, `precision argument to  ${name} must be a integral value`);
      if (given < -20n || given > 100n) {
        throw mongoError(51083, `cannot apply ${name} with precision value ${given} value must be in [-20, 100]`);
      }
      places = Number(given);
    }
    if (typeof value === "number") return roundDouble(value, places, rounding);
    if (value instanceof Decimal128) {
      return count === 1 ? quantizeToInteger(value, rounding) : quantize(value, places, rounding);
    }
    if (places >= 0) return value;
    const rounded = roundInteger(typeof value === "bigint" ? value : BigInt(value.value), places, rounding);
    if (value instanceof Int32 && BigInt.asIntN(32, rounded) === rounded) return int32(Number(rounded));
    if (!fitsLong(rounded)) {
      throw mongoError(
        51080,
        `invalid conversion from Decimal128 result in ${name} resulting from arguments: [${showValue(value)}, ${showValue(precision)}]`,
      );
    }
    return rounded;
  };
}

/** A function of doubles with its twin for decimals. */
function real(
  name: string,
  summary: string,
  double: (value: number) => number,
  decimal: (value: Decimal128) => Decimal128,
  domain?: { readonly holds: (value: number) => boolean; readonly error: (value: NumberValue) => MongoError },
): ExpressionOperator {
  return numeric(name, summary, (value) => {
    const approximate = toDouble(value);
    if (domain !== undefined && !Number.isNaN(approximate) && !domain.holds(approximate)) throw domain.error(value);
    if (!(value instanceof Decimal128)) return double(approximate);
    return isNaNDecimal(value) ? decimalNaN : decimal(value);
  });
}

function log(value: Result, base: Result): Result {
  if (isNullish(value) || isNullish(base)) return null;
  if (!isNumber(value)) {
    throw mongoError(28756, `$log's argument must be numeric, not ${typeNameOf(value)}`);
  }
  if (!isNumber(base)) throw mongoError(28757, `$log's base must be numeric, not ${typeNameOf(base)}`);
  const x = toDouble(value);
  const b = toDouble(base);
  if (x <= 0) throw mongoError(28758, `$log's argument must be a positive number, but is ${showValue(value)}`);
  if (b <= 0 || b === 1) {
    throw mongoError(28759, `$log's base must be a positive number not equal to 1, but is ${showValue(base)}`);
  }
  if (value instanceof Decimal128 || base instanceof Decimal128) {
    const logs = [toDecimal(value), toDecimal(base)].map(decimalLn) as [Decimal128, Decimal128];
    return divideNumbers(logs[0], logs[1]);
  }
  return Math.log(x) / Math.log(b);
}

function pow(base: Result, exponent: Result): Result {
  if (isNullish(base) || isNullish(exponent)) return null;
  if (!isNumber(base)) throw mongoError(28762, `$pow's base must be numeric, not ${typeNameOf(base)}`);
  if (!isNumber(exponent)) throw mongoError(28763, `$pow's exponent must be numeric, not ${typeNameOf(exponent)}`);
  if (isZero(base) && toDouble(exponent) < 0) {
    throw mongoError(28764, "$pow cannot take a base of 0 and a negative exponent");
  }
  if (base instanceof Decimal128 || exponent instanceof Decimal128) {
    return decimalPow(toDecimal(base), toDecimal(exponent));
  }
  if (typeof base === "number" || typeof exponent === "number") return power(toDouble(base), toDouble(exponent));
  const b = typeof base === "bigint" ? base : BigInt(base.value);
  const e = typeof exponent === "bigint" ? exponent : BigInt(exponent.value);
  const bothInts = base instanceof Int32 && exponent instanceof Int32;
  const exact = integerPower(b, e);
  if (exact === undefined) return power(Number(b), Number(e));
  if (bothInts && BigInt.asIntN(32, exact) === exact) return int32(Number(exact));
  return exact;
}

/** As C's pow: where JavaScript says NaN for 1 to an infinite power, C says 1. */
function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent))) return 1;
  return base ** exponent;
}

function integerPower(base: bigint, exponent: bigint): bigint | undefined {
  if (base === 1n || base === -1n) return exponent % 2n === 0n ? 1n : base;
  if (exponent < 0n) return undefined;
  if (base === 0n) return exponent === 0n ? 1n : 0n;
  if (exponent > 63n) return undefined;
  const result = base ** exponent;
  return BigInt.asIntN(64, result) === result ? result : undefined;
}

const notNegative = (code: number, text: string) => ({
  holds: (value: number) => value >= 0,
  error: () => mongoError(code, text),
});

const positive = (code: number, name: string) => ({
  holds: (value: number) => value > 0,
  error: (value: NumberValue) =>
    mongoError(code, `${name}'s argument must be a positive number, but is ${showValue(value)}`),
});

function bitwise(
  name: "$bitAnd" | "$bitOr" | "$bitXor",
  summary: string,
  identity: number,
  run: (a: bigint, b: bigint) => bigint,
): ExpressionOperator {
  return variadic(name, summary, (operands) => {
    let result = BigInt(identity);
    let long = false;
    const values = [...operands];
    // A null anywhere comes before a wrong type.
    if (values.some(isNullish)) return null;
    for (const value of values) {
      if (typeof value === "bigint") long = true;
      else if (!(value instanceof Int32)) throw typeMismatch(`${name} only supports int and long operands.`);
      result = run(result, typeof value === "bigint" ? value : BigInt(value.value));
    }
    return long ? BigInt.asIntN(64, result) : int32(Number(BigInt.asIntN(32, result)));
  });
}

const bitNot = unary("$bitNot", "The bits of an integer turned over.", (value) => {
  if (isNullish(value)) return null;
  if (value instanceof Int32) return int32(~value.value);
  if (typeof value === "bigint") return BigInt.asIntN(64, ~value);
  if (isNumber(value)) throw typeMismatch(`$bitNot only supports int and long, not: ${typeNameOf(value)}.`);
  throw mongoError(28765, `$bitNot only supports numeric types, not ${typeNameOf(value)}`);
});

/** The operators on numbers. */
export const arithmeticOperators: readonly ExpressionOperator[] = [
  numeric("$abs", "A number without its sign.", abs),
  add,
  bitwise("$bitAnd", "The bits that all integers have.", -1, (a, b) => a & b),
  bitNot,
  bitwise("$bitOr", "The bits that any of the integers has.", 0, (a, b) => a | b),
  bitwise("$bitXor", "The bits that an odd number of the integers have.", 0, (a, b) => a ^ b),
  numeric("$ceil", "The smallest integer that is not less than a number.", whole("ceiling")),
  binary("$divide", "The quotient of two numbers.", divide),
  real("$exp", "e to the power of a number.", Math.exp, decimalExp),
  numeric("$floor", "The largest integer that is not greater than a number.", whole("floor")),
  real("$ln", "The natural logarithm of a number.", Math.log, decimalLn, positive(28766, "$ln")),
  binary("$log", "The logarithm of a number to a base.", log),
  real("$log10", "The logarithm of a number to the base 10.", Math.log10, decimalLog10, positive(28761, "$log10")),
  binary("$mod", "What is left of a number after division by another.", modulo),
  multiply,
  binary("$pow", "A number to the power of another.", pow),
  rounding("$round", "A number rounded to a place, half to even.", "half-even"),
  real(
    "$sqrt",
    "The square root of a number.",
    Math.sqrt,
    sqrtDecimal,
    notNegative(28714, "$sqrt's argument must be greater than or equal to 0"),
  ),
  binary("$subtract", "The difference of two numbers, two dates, or a date and milliseconds.", subtract),
  rounding("$trunc", "A number cut off at a place.", "down"),
];
