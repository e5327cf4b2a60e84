/*
 * INCRBYFLOAT counts in C's 80-bit long double: a 64-bit mantissa, and results printed with 17 digits after the point.
 * Doubles would answer 0.1 + 0.2 with 0.30000000000000004; Redis answers 0.3. So the same arithmetic is done here, on
 * a bigint mantissa and a power of two.
 */

/** mantissa × 2^exponent, the mantissa below 2^64 in size. */
export interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const mantissaBits = 64;

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Rounds half to even to 64 bits; `sticky` says that nonzero bits follow below. */
function round(value: bigint, exponent: number, sticky: boolean): LongDouble {
  const negative = value < 0n;
  const size = negative ? -value : value;
  const excess = bitLength(size) - mantissaBits;
  if (excess <= 0) return { mantissa: value, exponent };
  const shift = BigInt(excess);
  let kept = size >> shift;
  const rest = size & ((1n << shift) - 1n);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && (sticky || (kept & 1n) === 1n))) kept += 1n;
  return { mantissa: negative ? -kept : kept, exponent: exponent + excess };
}

const shape = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/;

const hexShape = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?[0-9]+))?$/;

/** Reads a number in base 16, as C does. */
function parseHex(text: string): LongDouble | undefined {
  const match = hexShape.exec(text);
  if (match === null) return undefined;
  const digits = (match[2] ?? "") + (match[3] ?? "");
  const exponent = Number(match[4] ?? 0) - 4 * (match[3] ?? "").length;
  if (digits === "" || digits.length > 5000 || Math.abs(exponent) > 16_000) return undefined;
  return round(BigInt(`0x${digits}`) * (match[1] === "-" ? -1n : 1n), exponent, false);
}

/** Reads a number; undefined when the text is none or beyond what the server accepts. */
export function parseLongDouble(text: string): LongDouble | undefined {
  const match = shape.exec(text);
  if (match === null) return parseHex(text);
  const digits = (match[2] ?? "") + (match[3] ?? "");
  if (digits === "") return undefined;
  const power = Number(match[4] ?? 0) - (match[3] ?? "").length;
  if (digits.length > 5000 || Math.abs(power) > 5000) return undefined;
  const value = BigInt(digits) * (match[1] === "-" ? -1n : 1n);
  if (power >= 0) return round(value * 10n ** BigInt(power), 0, false);
  const divisor = 10n ** BigInt(-power);
  // Enough bits in the quotient that only its remainder decides between neighbours.
  const extra = Math.max(0, bitLength(divisor) - bitLength(value < 0n ? -value : value) + mantissaBits + 2);
  const scaled = value << BigInt(extra);
  const quotient = scaled / divisor;
  return round(quotient, -extra, quotient * divisor !== scaled);
}

/** The double as a long double. */
export function longDoubleOf(value: number): LongDouble {
  if (Number.isInteger(value)) return round(BigInt(value), 0, false);
  let exponent = 0;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    exponent--;
  }
  return { mantissa: BigInt(scaled), exponent };
}

export function addLongDouble(a: LongDouble, b: LongDouble): LongDouble {
  if (a.mantissa === 0n) return b;
  if (b.mantissa === 0n) return a;
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  return round(sum, exponent, false);
}

/** C's `%.17Lf` without trailing zeros. */
export function formatLongDouble(value: LongDouble): string {
  const negative = value.mantissa < 0n;
  let size = negative ? -value.mantissa : value.mantissa;
  const scale = 10n ** 17n;
  if (value.exponent >= 0) size = (size << BigInt(value.exponent)) * scale;
  else {
    const shift = BigInt(-value.exponent);
    const product = size * scale;
    size = product >> shift;
    const rest = product & ((1n << shift) - 1n);
    const half = 1n << (shift - 1n);
    if (rest > half || (rest === half && (size & 1n) === 1n)) size += 1n;
  }
  const whole = size / scale;
  const fraction = (size % scale).toString().padStart(17, "0").replace(/0+$/, "");
  const text = fraction === "" ? whole.toString() : `${whole}.${fraction}`;
  return negative && text !== "0" ? `-${text}` : text;
}
