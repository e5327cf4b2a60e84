import { Decimal128 } from "bson";

/**
 * Arithmetic on IEEE 754-2008 decimal128 as MongoDB does it: 34 digits, round half to even, exponents from -6176 to 6111,
 * signed zeros, infinities, NaN; a sum keeps the smaller exponent, a product the sum of both. Coefficients below 2^53 go
 * a way without BigInt.
 * @see https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md
 */

/** A decimal128 taken apart. `special` is 0 for a finite value, 1 for an infinity, 2 for NaN. */
export interface DecimalParts {
  readonly special: 0 | 1 | 2;
  readonly negative: boolean;
  readonly coefficient: bigint;
  readonly exponent: number;
}

const bias = 6176;
const minExponent = -6176;
const maxExponent = 6111;
const digits = 34;
const limit = 10n ** 34n;

const powers: bigint[] = [1n];
/** 10^n. */
export function pow10(n: number): bigint {
  if (n > 512) return 10n ** BigInt(n);
  for (let i = powers.length; i <= n; i++) powers.push(powers[i - 1]! * 10n);
  return powers[n]!;
}
const smallPowers = [1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Takes a decimal apart; a coefficient that is not canonical counts as zero. */
export function unpack(value: Decimal128): DecimalParts {
  const { bytes } = value;
  const top = word(bytes, 12);
  const negative = top >>> 31 === 1;
  if (((top >>> 29) & 3) === 3) {
    if (((top >>> 26) & 31) === 31) return { special: 2, negative, coefficient: 0n, exponent: 0 };
    if (((top >>> 26) & 31) === 30) return { special: 1, negative, coefficient: 0n, exponent: 0 };
    return { special: 0, negative, coefficient: 0n, exponent: ((top >>> 15) & 0x3fff) - bias };
  }
  const exponent = ((top >>> 17) & 0x3fff) - bias;
  const high = (top & 0x1ffff) * 4294967296 + word(bytes, 8);
  const low = (BigInt(word(bytes, 4)) << 32n) | BigInt(word(bytes, 0));
  const coefficient = high === 0 ? low : (BigInt(high) << 64n) | low;
  return { special: 0, negative, coefficient: coefficient >= limit ? 0n : coefficient, exponent };
}

/** Puts exact parts together; they must be in range (see {@link finish} for those that may not be). */
function pack(negative: boolean, coefficient: bigint, exponent: number): Decimal128 {
  const bytes = new Uint8Array(16);
  const low = BigInt.asUintN(64, coefficient);
  const high = coefficient >> 64n;
  setWord(bytes, 0, Number(low & 0xffffffffn));
  setWord(bytes, 4, Number(low >> 32n));
  setWord(bytes, 8, Number(high & 0xffffffffn));
  setWord(bytes, 12, Number(high >> 32n) | ((exponent + bias) << 17) | (negative ? 0x80000000 : 0));
  return new Decimal128(bytes);
}

function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** A decimal of an integer coefficient below 2^53 in magnitude and an exponent in range. */
export function packSmall(coefficient: number, exponent: number, negative = coefficient < 0): Decimal128 {
  const magnitude = Math.abs(coefficient);
  const bytes = new Uint8Array(16);
  const high = Math.floor(magnitude / 4294967296);
  setWord(bytes, 0, magnitude - high * 4294967296);
  setWord(bytes, 4, high);
  setWord(bytes, 12, ((exponent + bias) << 17) | (negative ? 0x80000000 : 0));
  return new Decimal128(bytes);
}

const nan = new Decimal128(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7c));
const infinity = new Decimal128(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x78));
const minusInfinity = new Decimal128(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf8));

/** The decimals that are not finite. */
export const decimalNaN = nan;
export const decimalInfinity = infinity;
export const decimalMinusInfinity = minusInfinity;
function digitCount(coefficient: bigint): number {
  if (coefficient < 9007199254740992n) {
    const small = Number(coefficient);
    let count = 1;
    while (count < 16 && small >= smallPowers[count]!) count++;
    return count;
  }
  return coefficient.toString().length;
}

/** `coefficient / 10^drop`, rounded half to even; `sticky` says that something below the last digit was cut before. */
function roundDown(coefficient: bigint, drop: number, sticky: boolean): bigint {
  const divisor = pow10(drop);
  const quotient = coefficient / divisor;
  const twice = (coefficient - quotient * divisor) * 2n;
  if (twice > divisor || (twice === divisor && (sticky || (quotient & 1n) === 1n))) return quotient + 1n;
  return quotient;
}

/** The decimal nearest to ±coefficient × 10^exponent (plus something smaller than its last digit, if `sticky`). */
export function finish(negative: boolean, coefficient: bigint, exponent: number, sticky = false): Decimal128 {
  let c = coefficient;
  let e = exponent;
  let drop = 0;
  if (c >= limit) drop = digitCount(c) - digits;
  if (e + drop < minExponent) drop = minExponent - e;
  if (drop > 0) {
    // Beyond 60 digits everything is cut; the power must not grow with a wild exponent.
    if (drop > digitCount(c) + 1) c = 0n;
    else c = roundDown(c, drop, sticky);
    e += drop;
    if (c === limit) {
      c /= 10n;
      e += 1;
    }
  }
  if (e > maxExponent) {
    if (c === 0n) return pack(negative, 0n, maxExponent);
    const shift = e - maxExponent;
    if (shift > digits || c * pow10(shift) >= limit) return negative ? minusInfinity : infinity;
    c *= pow10(shift);
    e = maxExponent;
  }
  return pack(negative, c, e);
}

/** Whether a decimal is NaN. */
export function isNaNDecimal(value: Decimal128): boolean {
  return (value.bytes[15]! & 0x7c) === 0x7c;
}

/** Whether a decimal is an infinity. */
export function isInfiniteDecimal(value: Decimal128): boolean {
  return (value.bytes[15]! & 0x7c) === 0x78;
}

// The fast path: the signed coefficient and exponent of the decimal that `small` was asked about last.
let smallExponent = 0;
/** The signed coefficient if it is below 2^53 (and no negative zero), else NaN; the exponent is left in `smallExponent`. */
function small(value: Decimal128): number {
  const { bytes } = value;
  const top = word(bytes, 12);
  if ((top & 0x1ffff) !== 0 || ((top >>> 29) & 3) === 3) return Number.NaN;
  if ((bytes[8]! | bytes[9]! | bytes[10]! | bytes[11]!) !== 0) return Number.NaN;
  const high = word(bytes, 4);
  if (high >= 0x200000) return Number.NaN;
  smallExponent = ((top >>> 17) & 0x3fff) - bias;
  const magnitude = high * 4294967296 + word(bytes, 0);
  if (top >>> 31 === 0) return magnitude;
  return magnitude === 0 ? Number.NaN : -magnitude;
}

export function addDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  let ca = small(a);
  const ea = smallExponent;
  let cb = small(b);
  const eb = smallExponent;
  if (!Number.isNaN(ca) && !Number.isNaN(cb)) {
    let e = ea;
    if (ea > eb) {
      ca = ea - eb <= 15 ? ca * smallPowers[ea - eb]! : Number.NaN;
      e = eb;
    } else if (eb > ea) {
      cb = eb - ea <= 15 ? cb * smallPowers[eb - ea]! : Number.NaN;
    }
    const sum = ca + cb;
    if (Math.abs(sum) <= Number.MAX_SAFE_INTEGER && Math.abs(ca) <= Number.MAX_SAFE_INTEGER) return packSmall(sum, e);
  }
  return addParts(unpack(a), unpack(b));
}

function addParts(a: DecimalParts, b: DecimalParts): Decimal128 {
  if (a.special !== 0 || b.special !== 0) {
    if (a.special === 2 || b.special === 2) return nan;
    if (a.special === 1 && b.special === 1 && a.negative !== b.negative) return nan;
    return (a.special === 1 ? a.negative : b.negative) ? minusInfinity : infinity;
  }
  const [high, low] = a.exponent >= b.exponent ? [a, b] : [b, a];
  let exponent = low.exponent;
  let lowCoefficient = low.coefficient;
  let difference = high.exponent - low.exponent;
  if (difference > 80) {
    if (high.coefficient === 0n)
      return finish(low.negative && (low.coefficient !== 0n || high.negative), low.coefficient, exponent);
    // The lower one only decides which way to round.
    difference = 40;
    exponent = high.exponent - 40;
    if (lowCoefficient !== 0n) lowCoefficient = 1n;
  }
  const highCoefficient = high.coefficient * pow10(difference);
  const sum = (high.negative ? -highCoefficient : highCoefficient) + (low.negative ? -lowCoefficient : lowCoefficient);
  if (sum === 0n) return finish(high.negative && low.negative, 0n, exponent);
  return sum < 0n ? finish(true, -sum, exponent) : finish(false, sum, exponent);
}

export function negateDecimal(value: Decimal128): Decimal128 {
  const bytes = Uint8Array.prototype.slice.call(value.bytes);
  bytes[15] = bytes[15]! ^ 0x80;
  return new Decimal128(bytes);
}

export function absDecimal(value: Decimal128): Decimal128 {
  return value.bytes[15]! & 0x80 ? negateDecimal(value) : value;
}

export function subtractDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  return isNaNDecimal(b) ? nan : addDecimals(a, negateDecimal(b));
}

export function multiplyDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  const ca = small(a);
  const ea = smallExponent;
  const cb = small(b);
  const e = ea + smallExponent;
  const product = ca * cb;
  if (Math.abs(product) <= Number.MAX_SAFE_INTEGER && product !== 0 && e >= minExponent && e <= maxExponent) {
    return packSmall(product, e);
  }
  const x = unpack(a);
  const y = unpack(b);
  const negative = x.negative !== y.negative;
  if (x.special !== 0 || y.special !== 0) {
    if (x.special === 2 || y.special === 2) return nan;
    if ((x.special === 0 && x.coefficient === 0n) || (y.special === 0 && y.coefficient === 0n)) return nan;
    return negative ? minusInfinity : infinity;
  }
  return finish(negative, x.coefficient * y.coefficient, x.exponent + y.exponent);
}

/** a / b; x / 0 is an infinity and 0 / 0 NaN, callers who want an error check first. */
export function divideDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  const x = unpack(a);
  const y = unpack(b);
  const negative = x.negative !== y.negative;
  if (x.special !== 0 || y.special !== 0) {
    if (x.special === 2 || y.special === 2 || (x.special === 1 && y.special === 1)) return nan;
    if (x.special === 1) return negative ? minusInfinity : infinity;
    return pack(negative, 0n, minExponent);
  }
  if (y.coefficient === 0n) {
    if (x.coefficient === 0n) return nan;
    return negative ? minusInfinity : infinity;
  }
  const preferred = x.exponent - y.exponent;
  if (x.coefficient === 0n) return finish(negative, 0n, preferred);
  const scale = Math.max(0, digits + 2 + digitCount(y.coefficient) - digitCount(x.coefficient));
  const dividend = x.coefficient * pow10(scale);
  let quotient = dividend / y.coefficient;
  const exact = quotient * y.coefficient === dividend;
  let exponent = preferred - scale;
  if (exact) {
    while (exponent < preferred && quotient % 10n === 0n) {
      quotient /= 10n;
      exponent++;
    }
  }
  return finish(negative, quotient, exponent, !exact);
}

/** The remainder that has the sign of the dividend (C's fmod). */
export function remainderDecimals(a: Decimal128, b: Decimal128): Decimal128 {
  const x = unpack(a);
  const y = unpack(b);
  if (x.special !== 0 || y.special === 2) return nan;
  if (y.special === 1) return a;
  if (y.coefficient === 0n) return nan;
  const exponent = Math.min(x.exponent, y.exponent);
  if (x.coefficient === 0n) return finish(x.negative, 0n, exponent);
  const divisor = y.coefficient * pow10(y.exponent - exponent);
  const shift = x.exponent - exponent;
  let remainder: bigint;
  if (shift <= 100) {
    remainder = (x.coefficient * pow10(shift)) % divisor;
  } else {
    // 10^shift by squaring, modulo the divisor: the exponents may lie 12,000 apart.
    let power = 1n;
    let base = 10n % divisor;
    for (let n = shift; n > 0; n = Math.floor(n / 2)) {
      if (n % 2 === 1) power = (power * base) % divisor;
      base = (base * base) % divisor;
    }
    remainder = (x.coefficient * power) % divisor;
  }
  return finish(x.negative, remainder, exponent);
}

/** MongoDB's order: NaN below everything and equal to itself; -0 equals 0; 1.0 equals 1.00. */
export function compareDecimals(a: Decimal128, b: Decimal128): number {
  const ca = small(a);
  const ea = smallExponent;
  const cb = small(b);
  if (!Number.isNaN(ca) && !Number.isNaN(cb) && ea === smallExponent) return ca < cb ? -1 : ca > cb ? 1 : 0;
  return compareParts(unpack(a), unpack(b));
}

export function compareParts(a: DecimalParts, b: DecimalParts): number {
  if (a.special === 2 || b.special === 2) return a.special === b.special ? 0 : a.special === 2 ? -1 : 1;
  const signA = a.special === 0 && a.coefficient === 0n ? 0 : a.negative ? -1 : 1;
  const signB = b.special === 0 && b.coefficient === 0n ? 0 : b.negative ? -1 : 1;
  if (signA !== signB) return signA < signB ? -1 : 1;
  if (signA === 0) return 0;
  if (a.special === 1 || b.special === 1) return a.special === b.special ? 0 : (a.special === 1) === signA > 0 ? 1 : -1;
  const magnitudeA = digitCount(a.coefficient) + a.exponent;
  const magnitudeB = digitCount(b.coefficient) + b.exponent;
  if (magnitudeA !== magnitudeB) return magnitudeA < magnitudeB === signA > 0 ? -1 : 1;
  // Equal magnitudes: the exponents lie at most 33 apart.
  const exponent = Math.min(a.exponent, b.exponent);
  const x = a.coefficient * pow10(a.exponent - exponent);
  const y = b.coefficient * pow10(b.exponent - exponent);
  return x === y ? 0 : x < y === signA > 0 ? -1 : 1;
}

/** The decimal of an integer of at most 64 bits: exact. */
export function decimalOfInteger(value: number | bigint): Decimal128 {
  if (typeof value === "number") return packSmall(value, 0);
  return value < 0n ? pack(true, -value, 0) : pack(false, value, 0);
}

/** The decimal that MongoDB's arithmetic takes for a double: 15 significant digits, never fewer. */
export function decimalOfDouble(value: number): Decimal128 {
  if (Number.isNaN(value)) return nan;
  if (value === Number.POSITIVE_INFINITY) return infinity;
  if (value === Number.NEGATIVE_INFINITY) return minusInfinity;
  if (value === 0) return packSmall(0, 0, Object.is(value, -0));
  const [mantissa, exponent] = Math.abs(value).toExponential(14).split("e") as [string, string];
  return packSmall(Number(mantissa.replace(".", "")), Number(exponent) - 14, value < 0);
}

/** The parts of a double's exact value, rounded to 34 digits: what MongoDB compares with a decimal. */
export function exactParts(value: number): DecimalParts {
  if (Number.isNaN(value)) return { special: 2, negative: false, coefficient: 0n, exponent: 0 };
  if (!Number.isFinite(value)) return { special: 1, negative: value < 0, coefficient: 0n, exponent: 0 };
  return unpack(exactDecimalOfDouble(value));
}

/** The decimal nearest to a double's exact value, with 34 digits. */
export function exactDecimalOfDouble(value: number): Decimal128 {
  if (!Number.isFinite(value) || value === 0) return decimalOfDouble(value);
  const negative = value < 0;
  const magnitude = Math.abs(value);
  if (Number.isInteger(magnitude)) return finish(negative, BigInt(magnitude), 0);
  // magnitude = mantissa / 2^shift exactly, and 1 / 2^n = 5^n / 10^n.
  let mantissa = magnitude;
  let shift = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    shift++;
  }
  return finish(negative, BigInt(mantissa) * 5n ** BigInt(shift), -shift);
}

/** The nearest double. */
export function doubleOfDecimal(value: Decimal128): number {
  const c = small(value);
  // A coefficient below 2^53 and a power of ten below 10^22 are both exact: one operation rounds once.
  if (!Number.isNaN(c) && smallExponent >= -15 && smallExponent <= 15) {
    return smallExponent < 0 ? c / smallPowers[-smallExponent]! : c * smallPowers[smallExponent]!;
  }
  const parts = unpack(value);
  if (parts.special === 2) return Number.NaN;
  if (parts.special === 1) return parts.negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(`${parts.negative ? "-" : ""}${parts.coefficient}e${parts.exponent}`);
}

/** How {@link quantize} rounds. */
export type DecimalRounding = "half-even" | "down" | "floor" | "ceiling";

/** The value at the exponent `-places`, as `$round`, `$trunc`, `$floor` and `$ceil` need it; NaN and infinities stay. */
export function quantize(value: Decimal128, places: number, rounding: DecimalRounding): Decimal128 {
  const parts = unpack(value);
  if (parts.special !== 0) return parts.special === 1 && (rounding === "floor" || rounding === "ceiling") ? nan : value;
  const target = -places;
  if (parts.exponent >= target) {
    const shift = parts.exponent - target;
    if (parts.coefficient === 0n || (shift <= digits && parts.coefficient * pow10(shift) < limit)) {
      return finish(parts.negative, parts.coefficient === 0n ? 0n : parts.coefficient * pow10(shift), target);
    }
    // 34 digits do not reach down to the target. MongoDB's own $floor and $ceil answer NaN here; the others keep the
    // value, written with all of its digits.
    if (rounding === "floor" || rounding === "ceiling") return nan;
    const pad = digits - digitCount(parts.coefficient);
    return finish(parts.negative, parts.coefficient * pow10(pad), parts.exponent - pad);
  }
  const drop = Math.min(target - parts.exponent, digits + 2);
  const divisor = pow10(drop);
  let quotient = parts.coefficient / divisor;
  const rest = parts.coefficient - quotient * divisor;
  if (rest !== 0n) {
    if (rounding === "half-even") quotient = roundDown(parts.coefficient, drop, false);
    else if (rounding === "floor" ? parts.negative : rounding === "ceiling" && !parts.negative) quotient += 1n;
  }
  return finish(parts.negative, quotient, target);
}

/** The integer part as a BigInt, rounded toward zero, or `undefined` of NaN and infinities. */
export function integerOfDecimal(value: Decimal128): bigint | undefined {
  const parts = unpack(value);
  if (parts.special !== 0) return undefined;
  const magnitude =
    parts.exponent >= 0
      ? parts.coefficient * pow10(parts.exponent)
      : parts.exponent < -digits
        ? 0n
        : parts.coefficient / pow10(-parts.exponent);
  return parts.negative ? -magnitude : magnitude;
}

/** Whether a finite decimal has no fraction. */
export function isIntegerDecimal(value: Decimal128): boolean {
  const parts = unpack(value);
  if (parts.special !== 0) return false;
  if (parts.exponent >= 0 || parts.coefficient === 0n) return true;
  return parts.exponent >= -digits && parts.coefficient % pow10(-parts.exponent) === 0n;
}

/** The square root, correctly rounded; NaN of a negative value. */
export function sqrtDecimal(value: Decimal128): Decimal128 {
  const parts = unpack(value);
  if (parts.special === 2) return nan;
  if (parts.special === 0 && parts.coefficient === 0n)
    return finish(parts.negative, 0n, Math.floor(parts.exponent / 2));
  if (parts.negative) return nan;
  if (parts.special === 1) return infinity;
  const preferred = Math.floor(parts.exponent / 2);
  let scale = 2 * (digits + 2) - digitCount(parts.coefficient);
  if (scale < 0) scale = 0;
  if ((parts.exponent - scale) % 2 !== 0) scale++;
  const radicand = parts.coefficient * pow10(scale);
  let root = BigInt(Math.floor(Math.sqrt(Number(radicand))));
  for (;;) {
    const next = (root + radicand / root) >> 1n;
    const step = next - root;
    root = next;
    if (step >= -1n && step <= 1n) break;
  }
  while (root * root > radicand) root -= 1n;
  while ((root + 1n) * (root + 1n) <= radicand) root += 1n;
  const exact = root * root === radicand;
  let exponent = (parts.exponent - scale) / 2;
  if (exact) {
    while (exponent < preferred && root % 10n === 0n) {
      root /= 10n;
      exponent++;
    }
  }
  return finish(false, root, exponent, !exact);
}

/**
 * A running sum of decimals, the same as adding one after the other with {@link addDecimals} but without an object for
 * each step while the coefficients stay below 2^53.
 */
export class DecimalSum {
  #coefficient = 0;
  #exponent = 0;
  #large: Decimal128 | null = null;

  add(value: Decimal128): void {
    if (this.#large === null) {
      let c = small(value);
      let sum = this.#coefficient;
      const difference = smallExponent - this.#exponent;
      if (!Number.isNaN(c) && difference <= 15 && difference >= -15) {
        if (difference > 0) c *= smallPowers[difference]!;
        else if (difference < 0) sum *= smallPowers[-difference]!;
        const next = sum + c;
        // Where an addend was scaled past 2^53, the sum may still be small but no longer exact.
        if (
          Math.abs(next) <= Number.MAX_SAFE_INTEGER &&
          Math.abs(c) <= Number.MAX_SAFE_INTEGER &&
          Math.abs(sum) <= Number.MAX_SAFE_INTEGER
        ) {
          this.#coefficient = next;
          if (difference < 0) this.#exponent = smallExponent;
          return;
        }
      }
      this.#large = packSmall(this.#coefficient, this.#exponent, this.#coefficient < 0);
    }
    this.#large = addDecimals(this.#large, value);
  }

  /** The sum so far. */
  get total(): Decimal128 {
    return this.#large ?? packSmall(this.#coefficient, this.#exponent, this.#coefficient < 0);
  }
}
