/** Arithmetic, sums and averages over all types of numbers. */

import type { ArithmeticOperator } from "../../cql/ast.js";
import { CqlError, errorCode, invalid } from "../../errors.js";
import { doubleValue, fixedInteger, floatValue, readInteger } from "../../types/native.js";
import {
  type Decimal,
  divideHalfUp,
  javaDouble,
  javaFloat,
  parseDecimal,
  readDecimal,
  readVarint,
  sameScale,
  writeDecimal,
  writeVarint,
} from "../../types/numbers.js";
import { addDuration, readDuration } from "../../types/time.js";
import { type CqlType, native } from "../../types/type.js";
import { type AggregateFunction, aggregateOf, type ScalarFunction, strict } from "./function.js";

/** From the narrowest to the widest; the counter counts as bigint. */
export const numericTypes = ["tinyint", "smallint", "int", "bigint", "counter", "float", "double", "varint", "decimal"];
const sizes: Readonly<Record<string, number>> = { tinyint: 1, smallint: 2, int: 4, bigint: 8, counter: 8 };

export function isNumeric(type: CqlType): boolean {
  return numericTypes.includes(type.name);
}

/** A number of any type as one of another; whole parts are cut as Java's conversions do. */
export function toNumber(type: string, bytes: Buffer): number {
  if (type in sizes) return Number(readInteger(bytes));
  if (type === "float") return bytes.readFloatBE(0);
  if (type === "double") return bytes.readDoubleBE(0);
  if (type === "varint") return Number(readVarint(bytes));
  const { unscaled, scale } = readDecimal(bytes);
  return Number(`${unscaled}e${-scale}`);
}

function cutToInteger(value: number, size: number): bigint {
  if (Number.isNaN(value)) return 0n;
  const bits = BigInt(Math.max(size, 4) * 8 - 1);
  const most = (1n << bits) - 1n;
  if (value >= Number(most)) return most;
  if (value <= -Number(most)) return -most - 1n;
  return BigInt(Math.trunc(value));
}

export function toWhole(type: string, bytes: Buffer, size: number): bigint {
  if (type in sizes) return readInteger(bytes);
  if (type === "varint") return readVarint(bytes);
  if (type === "decimal") {
    const { unscaled, scale } = readDecimal(bytes);
    return scale >= 0 ? unscaled / 10n ** BigInt(scale) : unscaled * 10n ** BigInt(-scale);
  }
  return cutToInteger(toNumber(type, bytes), size);
}

export function toDecimal(type: string, bytes: Buffer): Decimal {
  if (type === "decimal") return readDecimal(bytes);
  if (type in sizes) return { unscaled: readInteger(bytes), scale: 0 };
  if (type === "varint") return { unscaled: readVarint(bytes), scale: 0 };
  const value = toNumber(type, bytes);
  const text = type === "float" ? javaFloat(value) : javaDouble(value);
  const decimal = parseDecimal(text);
  if (decimal === undefined)
    throw invalid(`${Number.isNaN(value) ? "A NaN" : "An infinite number"} cannot be converted into a decimal`);
  return decimal;
}

/** A number of one type as the bytes of another. */
export function convertNumber(from: string, to: string, bytes: Buffer): Buffer {
  if (from === to) return bytes;
  const size = sizes[to];
  if (size !== undefined) return fixedInteger(BigInt.asIntN(size * 8, toWhole(from, bytes, size)), size);
  if (to === "float") return floatValue(toNumber(from, bytes));
  if (to === "double") return doubleValue(toNumber(from, bytes));
  if (to === "varint") {
    if (from === "float" || from === "double") {
      const { unscaled, scale } = toDecimal(from, bytes);
      return writeVarint(scale >= 0 ? unscaled / 10n ** BigInt(scale) : unscaled * 10n ** BigInt(-scale));
    }
    return writeVarint(toWhole(from, bytes, 8));
  }
  return writeDecimal(toDecimal(from, bytes));
}

/** The type of a result of arithmetic over two types. */
export function resultType(a: string, b: string): string {
  const left = a === "counter" ? "bigint" : a;
  const right = b === "counter" ? "bigint" : b;
  if (left === "decimal" || right === "decimal") return "decimal";
  const isFloating = (name: string) => name === "float" || name === "double";
  if (left === "varint" || right === "varint") return isFloating(left) || isFloating(right) ? "decimal" : "varint";
  if (isFloating(left) || isFloating(right)) {
    if (left === "double" || right === "double" || left === "bigint" || right === "bigint") return "double";
    return "float";
  }
  return sizes[left]! >= sizes[right]! ? left : right;
}

/** Digits after the point that a quotient of decimals may have, and digits that count (DecimalType.divide). */
const mostDigits = 1000;
const fewestDigits = 32;

function divideDecimals(a: Decimal, b: Decimal): Decimal {
  const digits = (value: bigint) => (value < 0n ? -value : value).toString().length;
  const wanted = Math.min(
    Math.max(
      fewestDigits,
      fewestDigits - (digits(a.unscaled) - a.scale) + (digits(b.unscaled) - b.scale),
      a.scale,
      b.scale,
    ),
    mostDigits,
  );
  // a / b × 10^wanted, rounded half up.
  const shift = wanted - a.scale + b.scale;
  const numerator = shift >= 0 ? a.unscaled * 10n ** BigInt(shift) : a.unscaled;
  const denominator = shift >= 0 ? b.unscaled : b.unscaled * 10n ** BigInt(-shift);
  let unscaled = divideHalfUp(numerator, denominator);
  let scale = wanted;
  if (unscaled === 0n) return { unscaled, scale: 0 };
  // No zeros at the end, before the point neither: 100 / 1 is 1E+2.
  while (unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return { unscaled, scale };
}

function compute(operator: ArithmeticOperator, type: string, a: Buffer, b: Buffer): Buffer {
  const size = sizes[type];
  if (size !== undefined || type === "varint") {
    const x = size === undefined ? readVarint(a) : readInteger(a);
    const y = size === undefined ? readVarint(b) : readInteger(b);
    if ((operator === "/" || operator === "%") && y === 0n)
      throw new Error(size !== undefined ? "/ by zero" : "BigInteger divide by zero");
    const value =
      operator === "+" ? x + y : operator === "-" ? x - y : operator === "*" ? x * y : operator === "/" ? x / y : x % y;
    return size === undefined ? writeVarint(value) : fixedInteger(BigInt.asIntN(size * 8, value), size);
  }
  if (type === "decimal") {
    const x = readDecimal(a);
    const y = readDecimal(b);
    if (operator === "*") return writeDecimal({ unscaled: x.unscaled * y.unscaled, scale: x.scale + y.scale });
    if (operator === "/" || operator === "%") {
      if (y.unscaled === 0n) throw new Error(operator === "/" ? "BigInteger divide by zero" : "Division by zero");
      if (operator === "/") return writeDecimal(divideDecimals(x, y));
    }
    const [left, right, scale] = sameScale(x, y);
    return writeDecimal({
      unscaled: operator === "+" ? left + right : operator === "-" ? left - right : left % right,
      scale,
    });
  }
  const x = toNumber(type, a);
  const y = toNumber(type, b);
  const value =
    operator === "+" ? x + y : operator === "-" ? x - y : operator === "*" ? x * y : operator === "/" ? x / y : x % y;
  return type === "float" ? floatValue(value) : doubleValue(value);
}

const operatorNames: Readonly<Record<ArithmeticOperator, string>> = {
  "+": "_add",
  "-": "_substract",
  "*": "_multiply",
  "/": "_divide",
  "%": "_modulo",
};

function failure(operator: ArithmeticOperator, left: CqlType, right: CqlType, reason: string): CqlError {
  const message = `the operation '${left.name} ${operator} ${right.name}' failed: ${reason}`;
  return new CqlError(errorCode.functionFailure, message, {
    kind: "function-failure",
    keyspace: "system",
    name: operatorNames[operator],
    args: [left.name, right.name],
  });
}

/** A duration that moves a moment by less than it can tell. */
function imprecise(unit: "millisecond" | "day", duration: Buffer): string {
  return `The duration must have a ${unit} precision. Was: ${native("duration").facts.text(duration)}`;
}

/** The function for an operator between two types, where there is one. */
export function arithmeticFunction(
  operator: ArithmeticOperator,
  left: CqlType,
  right: CqlType,
): ScalarFunction | undefined {
  if (isNumeric(left) && isNumeric(right)) {
    const type = resultType(left.name, right.name);
    return strict(operatorNames[operator], [left, right], native(type), ([a, b]) => {
      try {
        return compute(operator, type, convertNumber(left.name, type, a!), convertNumber(right.name, type, b!));
      } catch (error) {
        throw failure(operator, left, right, (error as Error).message);
      }
    });
  }
  const sign = operator === "+" ? 1n : -1n;
  if ((operator === "+" || operator === "-") && right.name === "duration") {
    const scaled = (bytes: Buffer) => {
      const { months, days, nanos } = readDuration(bytes);
      return { months: months * sign, days: days * sign, nanos: nanos * sign };
    };
    if (left.name === "timestamp" || left.name === "timeuuid")
      return strict(operatorNames[operator], [left, right], left, ([a, b]) => {
        const duration = scaled(b!);
        if (duration.nanos % 1_000_000n !== 0n) throw failure(operator, left, right, imprecise("millisecond", b!));
        return fixedInteger(addDuration(a!.readBigInt64BE(0), duration), 8);
      });
    if (left.name === "date")
      return strict(operatorNames[operator], [left, right], left, ([a, b]) => {
        const duration = scaled(b!);
        if (duration.nanos !== 0n) throw failure(operator, left, right, imprecise("day", b!));
        const millis = addDuration(BigInt(a!.readUInt32BE(0) - 0x80000000) * 86_400_000n, duration);
        const bytes = Buffer.allocUnsafe(4);
        bytes.writeUInt32BE(Number(millis / 86_400_000n) + 0x80000000);
        return bytes;
      });
  }
  if (operator === "+" && ["text", "ascii"].includes(left.name) && ["text", "ascii"].includes(right.name)) {
    const type = left.name === "ascii" && right.name === "ascii" ? left : native("text");
    return strict("_add", [left, right], type, ([a, b]) => Buffer.concat([a!, b!]));
  }
  return undefined;
}

export function negateFunction(type: CqlType): ScalarFunction | undefined {
  if (!isNumeric(type)) return undefined;
  const { name } = type;
  return strict("_negate", [type], type, ([a]) => {
    if (name === "float") return floatValue(-a!.readFloatBE(0));
    if (name === "double") return doubleValue(-a!.readDoubleBE(0));
    if (name === "varint") return writeVarint(-readVarint(a!));
    if (name === "decimal") {
      const { unscaled, scale } = readDecimal(a!);
      return writeDecimal({ unscaled: -unscaled, scale });
    }
    return fixedInteger(BigInt.asIntN(a!.length * 8, -readInteger(a!)), a!.length);
  });
}

function sumOf(type: string): { add(bytes: Buffer): void; sum(): Buffer; average(count: number): Buffer } {
  const size = sizes[type];
  if (size !== undefined || type === "varint") {
    let sum = 0n;
    const write = (value: bigint) =>
      size === undefined ? writeVarint(value) : fixedInteger(BigInt.asIntN(size * 8, value), size);
    return {
      add: (bytes) => {
        sum += size === undefined ? readVarint(bytes) : readInteger(bytes);
      },
      sum: () => write(sum),
      average: (count) => write(count === 0 ? 0n : sum / BigInt(count)),
    };
  }
  if (type === "decimal") {
    let sum: Decimal = { unscaled: 0n, scale: 0 };
    return {
      add: (bytes) => {
        const [a, b, scale] = sameScale(sum, readDecimal(bytes));
        sum = { unscaled: a + b, scale };
      },
      sum: () => writeDecimal(sum),
      average: (count) => {
        if (count === 0) return writeDecimal({ unscaled: 0n, scale: 0 });
        // Rounded to the sum's own scale, half to even, as BigDecimal.divide(…, RoundingMode.HALF_EVEN) does.
        const by = BigInt(count);
        const negative = sum.unscaled < 0n;
        const magnitude = negative ? -sum.unscaled : sum.unscaled;
        let quotient = magnitude / by;
        const rest = (magnitude % by) * 2n;
        if (rest > by || (rest === by && quotient % 2n === 1n)) quotient += 1n;
        return writeDecimal({ unscaled: negative ? -quotient : quotient, scale: sum.scale });
      },
    };
  }
  // Kahan and Babuška's sum, with the plain one for what is not finite.
  let sum = 0;
  let compensation = 0;
  let plain = 0;
  const total = () => {
    const value = sum + compensation;
    return Number.isNaN(value) && !Number.isNaN(plain) ? plain : value;
  };
  const write = (value: number) => (type === "float" ? floatValue(value) : doubleValue(value));
  return {
    add: (bytes) => {
      const value = toNumber(type, bytes);
      plain += value;
      const t = sum + value;
      compensation += Math.abs(sum) >= Math.abs(value) ? sum - t + value : value - t + sum;
      sum = t;
    },
    sum: () => write(total()),
    average: (count) => write(count === 0 ? 0 : total() / count),
  };
}

export function sumFunction(type: CqlType): AggregateFunction | undefined {
  if (!isNumeric(type)) return undefined;
  return aggregateOf("sum", [type], type, () => {
    const sum = sumOf(type.name);
    return {
      add: ([value]) => {
        if (value !== null && value!.length > 0) sum.add(value!);
      },
      result: () => sum.sum(),
    };
  });
}

export function averageFunction(type: CqlType): AggregateFunction | undefined {
  if (!isNumeric(type)) return undefined;
  return aggregateOf("avg", [type], type, () => {
    const sum = sumOf(type.name);
    let count = 0;
    return {
      add: ([value]) => {
        if (value === null || value!.length === 0) return;
        count++;
        sum.add(value!);
      },
      result: () => sum.average(count),
    };
  });
}

/** Sum and average of the elements of one collection. */
export function foldNumbers(type: CqlType, values: readonly Buffer[], what: "sum" | "avg"): Buffer {
  const sum = sumOf(type.name);
  for (const value of values) sum.add(value);
  return what === "sum" ? sum.sum() : sum.average(values.length);
}

/** abs, exp, log, log10, round. */
export function mathFunction(name: string, type: CqlType): ScalarFunction | undefined {
  if (!isNumeric(type)) return undefined;
  const isFloating = type.name === "float" || type.name === "double";
  return strict(name, [type], type, ([bytes]) => {
    if (name === "abs" || name === "round") {
      if (isFloating) {
        const value = toNumber(type.name, bytes!);
        const result = name === "abs" ? Math.abs(value) : Math.floor(value + 0.5);
        return type.name === "float" ? floatValue(result) : doubleValue(result);
      }
      if (type.name === "decimal") {
        const { unscaled, scale } = readDecimal(bytes!);
        if (name === "abs") return writeDecimal({ unscaled: unscaled < 0n ? -unscaled : unscaled, scale });
        return writeDecimal({
          unscaled: scale <= 0 ? unscaled * 10n ** BigInt(-scale) : divideHalfUp(unscaled, 10n ** BigInt(scale)),
          scale: 0,
        });
      }
      if (name === "round") return bytes!;
      const value = toWhole(type.name, bytes!, 8);
      return convertNumber("varint", type.name, writeVarint(value < 0n ? -value : value));
    }
    const value = toNumber(type.name, bytes!);
    const result = name === "exp" ? Math.exp(value) : name === "log" ? Math.log(value) : Math.log10(value);
    return convertNumber("double", type.name, doubleValue(result));
  });
}
