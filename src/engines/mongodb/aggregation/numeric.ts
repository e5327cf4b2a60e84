import { Decimal128, Int32 } from "bson";
import {
  type DecimalRounding,
  decimalOfInteger,
  doubleOfDecimal,
  exactDecimalOfDouble,
  integerOfDecimal,
  isIntegerDecimal,
  quantize,
} from "../bson/decimal128.js";
import { fitsLong } from "../bson/numbers.js";
import type { Value } from "../bson/values.js";

/** The integer that a number stands for when it has no fraction and fits 64 bits. */
export function toInt64(value: Value | undefined): bigint | undefined {
  if (value instanceof Int32) return BigInt(value.value);
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < -(2 ** 63) || value >= 2 ** 63) return undefined;
    return BigInt(value);
  }
  if (value instanceof Decimal128 && isIntegerDecimal(value)) {
    const whole = integerOfDecimal(value);
    return whole !== undefined && fitsLong(whole) ? whole : undefined;
  }
  return undefined;
}

/** The integer that a number stands for when it has no fraction and fits 32 bits. */
export function toInt32(value: Value | undefined): number | undefined {
  if (value instanceof Int32) return value.value;
  if (typeof value === "number") return (value | 0) === value ? value | 0 : undefined;
  const wide = toInt64(value);
  return wide !== undefined && BigInt.asIntN(32, wide) === wide ? Number(wide) : undefined;
}

/** Rounds or cuts a double at a number of places, through its decimal digits as MongoDB does. */
export function roundDouble(value: number, places: number, rounding: DecimalRounding): number {
  if (!Number.isFinite(value) || value === 0) return value;
  return doubleOfDecimal(quantize(exactDecimalOfDouble(value), places, rounding));
}

/** Rounds or cuts an integer at a place left of its last digit; the result may be wider than 64 bits. */
export function roundInteger(value: bigint, places: number, rounding: DecimalRounding): bigint {
  if (places >= 0) return value;
  return integerOfDecimal(quantize(decimalOfInteger(value), places, rounding))!;
}
