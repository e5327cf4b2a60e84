import { Decimal128, Int32 } from "bson";
import {
  addDecimals,
  decimalOfDouble,
  decimalOfInteger,
  divideDecimals,
  doubleOfDecimal,
  multiplyDecimals,
  remainderDecimals,
  subtractDecimals,
} from "./decimal128.js";
import { int32 } from "./doc.js";
import type { Value } from "./values.js";

/** One of BSON's four kinds of numbers: double, int32, int64, decimal128. */
export type NumberValue = number | Int32 | bigint | Decimal128;

/** The kinds of numbers, from the narrowest to the widest; an operation's result has the wider one of its operands. */
export const NumberRank = { int: 0, long: 1, double: 2, decimal: 3 } as const;

/** Whether a value is a number of any kind. */
export function isNumber(value: Value | undefined): value is NumberValue {
  return (
    typeof value === "number" || value instanceof Int32 || typeof value === "bigint" || value instanceof Decimal128
  );
}

/** Where a number stands in {@link NumberRank}. */
export function numberRank(value: NumberValue): 0 | 1 | 2 | 3 {
  if (typeof value === "number") return 2;
  if (typeof value === "bigint") return 1;
  return value instanceof Int32 ? 0 : 3;
}

/** The number as a double: exact for int32, rounded for the others. */
export function toDouble(value: NumberValue): number {
  if (typeof value === "number") return value;
  if (value instanceof Int32) return value.value;
  return typeof value === "bigint" ? Number(value) : doubleOfDecimal(value);
}

/** The number as a decimal, as MongoDB's arithmetic takes it: a double with 15 digits. */
export function toDecimal(value: NumberValue): Decimal128 {
  if (typeof value === "number") return decimalOfDouble(value);
  if (value instanceof Int32) return decimalOfInteger(value.value);
  return typeof value === "bigint" ? decimalOfInteger(value) : value;
}

/** An int32 or int64 as a BigInt. */
export function toBigInt(value: Int32 | bigint): bigint {
  return typeof value === "bigint" ? value : BigInt(value.value);
}

/** Whether a BigInt fits an int64. */
export function fitsLong(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** An int32 if it fits, else an int64. */
export function intOrLong(value: number): NumberValue {
  return (value | 0) === value ? int32(value) : BigInt(value);
}

/** What happens when an int64 result overflows: aggregation goes on with doubles, updates fail (`undefined`). */
export type LongOverflow = "double" | "fail";

/** a + b with the wider type of both; an int32 that overflows becomes an int64. */
export function add(a: NumberValue, b: NumberValue): NumberValue;
export function add(a: NumberValue, b: NumberValue, overflow: LongOverflow): NumberValue | undefined;
export function add(a: NumberValue, b: NumberValue, overflow: LongOverflow = "double"): NumberValue | undefined {
  if (a instanceof Int32 && b instanceof Int32) return intOrLong(a.value + b.value);
  const rank = Math.max(numberRank(a), numberRank(b));
  if (rank === NumberRank.decimal) return addDecimals(toDecimal(a), toDecimal(b));
  if (rank === NumberRank.double) return toDouble(a) + toDouble(b);
  const sum = toBigInt(a as Int32 | bigint) + toBigInt(b as Int32 | bigint);
  if (fitsLong(sum)) return sum;
  return overflow === "double" ? toDouble(a) + toDouble(b) : undefined;
}

/** a - b, typed as {@link add}. */
export function subtract(a: NumberValue, b: NumberValue): NumberValue {
  if (a instanceof Int32 && b instanceof Int32) return intOrLong(a.value - b.value);
  const rank = Math.max(numberRank(a), numberRank(b));
  if (rank === NumberRank.decimal) return subtractDecimals(toDecimal(a), toDecimal(b));
  if (rank === NumberRank.double) return toDouble(a) - toDouble(b);
  const difference = toBigInt(a as Int32 | bigint) - toBigInt(b as Int32 | bigint);
  return fitsLong(difference) ? difference : toDouble(a) - toDouble(b);
}

/** a × b, typed as {@link add}. */
export function multiply(a: NumberValue, b: NumberValue): NumberValue;
export function multiply(a: NumberValue, b: NumberValue, overflow: LongOverflow): NumberValue | undefined;
export function multiply(a: NumberValue, b: NumberValue, overflow: LongOverflow = "double"): NumberValue | undefined {
  const rank = Math.max(numberRank(a), numberRank(b));
  if (rank === NumberRank.decimal) return multiplyDecimals(toDecimal(a), toDecimal(b));
  if (rank === NumberRank.double) return toDouble(a) * toDouble(b);
  if (rank === NumberRank.int) {
    const exact = BigInt((a as Int32).value) * BigInt((b as Int32).value);
    const product = Number(exact);
    return (product | 0) === product ? int32(product) : exact;
  }
  const product = toBigInt(a as Int32 | bigint) * toBigInt(b as Int32 | bigint);
  if (fitsLong(product)) return product;
  return overflow === "double" ? toDouble(a) * toDouble(b) : undefined;
}

/** a / b as `$divide` has it: a decimal if one of them is, else a double. The caller refuses a divisor of zero. */
export function divide(a: NumberValue, b: NumberValue): NumberValue {
  if (a instanceof Decimal128 || b instanceof Decimal128) return divideDecimals(toDecimal(a), toDecimal(b));
  return toDouble(a) / toDouble(b);
}

/** The remainder with the sign of the dividend, typed as {@link add}. The caller refuses a divisor of zero. */
export function remainder(a: NumberValue, b: NumberValue): NumberValue {
  const rank = Math.max(numberRank(a), numberRank(b));
  if (rank === NumberRank.decimal) return remainderDecimals(toDecimal(a), toDecimal(b));
  if (rank === NumberRank.double) return toDouble(a) % toDouble(b);
  if (rank === NumberRank.int) return int32(((a as Int32).value % (b as Int32).value) | 0);
  return toBigInt(a as Int32 | bigint) % toBigInt(b as Int32 | bigint);
}

/** Whether a number is zero of either sign. */
export function isZero(value: NumberValue): boolean {
  if (typeof value === "number") return value === 0;
  if (typeof value === "bigint") return value === 0n;
  return value instanceof Int32 ? value.value === 0 : doubleOfDecimal(value) === 0 && isExactZero(value);
}

// The smallest decimals are zero as doubles.
function isExactZero(value: Decimal128): boolean {
  return value.bytes.every((byte, i) => (i < 14 ? byte === 0 : i === 14 ? (byte & 1) === 0 : true));
}
