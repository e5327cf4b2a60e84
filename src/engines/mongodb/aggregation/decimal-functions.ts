import { Decimal128 } from "bson";
import {
  type DecimalParts,
  decimalInfinity,
  decimalMinusInfinity,
  decimalNaN,
  decimalOfInteger,
  finish,
  integerOfDecimal,
  isIntegerDecimal,
  pow10,
  unpack,
} from "../bson/decimal128.js";

/**
 * Transcendental functions of decimals, computed in fixed point with enough digits behind those that a decimal keeps.
 * MongoDB's own (Intel's library) differ from the correctly rounded value in the last digit at most.
 */

const places = 60;
const one = pow10(places);

/** A finite decimal in fixed point: value × 10^places. */
function fixedOf({ negative, coefficient, exponent }: DecimalParts): bigint {
  const shift = exponent + places;
  const magnitude = shift >= 0 ? coefficient * pow10(shift) : coefficient / pow10(Math.min(-shift, 500));
  return negative ? -magnitude : magnitude;
}

/** Fixed point × 10^power as a decimal. */
function decimalOf(fixed: bigint, power = 0): Decimal128 {
  return fixed === 0n ? decimalOfInteger(0) : finish(fixed < 0n, fixed < 0n ? -fixed : fixed, power - places, true);
}

function times(a: bigint, b: bigint): bigint {
  return (a * b) / one;
}

/** e^x for small x, by its series. */
function expSeries(x: bigint): bigint {
  // Halved ten times, then squared as often.
  const reduced = x / 1024n;
  let term = one;
  let sum = one;
  for (let n = 1n; term !== 0n; n++) {
    term = times(term, reduced) / n;
    sum += term;
  }
  for (let i = 0; i < 10; i++) sum = times(sum, sum);
  return sum;
}

/** ln of a fixed-point number between 0.1 and 10, by the series of 2·artanh((x−1)/(x+1)). */
function lnNear(x: bigint): bigint {
  // Square roots bring x close to 1, where the series is short.
  let root = x;
  let factor = 2n;
  for (let i = 0; i < 6; i++) {
    root = squareRoot(root * one);
    factor *= 2n;
  }
  const y = ((root - one) * one) / (root + one);
  const square = times(y, y);
  let term = y;
  let sum = 0n;
  for (let n = 1n; term !== 0n; n += 2n) {
    sum += term / n;
    term = times(term, square);
  }
  return sum * factor;
}

function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

const ln10 = lnNear(10n * one);

/** ln in fixed point of a positive decimal. */
function lnFixed({ coefficient, exponent }: DecimalParts): bigint {
  const length = coefficient.toString().length;
  const mantissa = (coefficient * one) / pow10(length - 1);
  return lnNear(mantissa) + BigInt(exponent + length - 1) * ln10;
}

/** e to the power of a decimal. */
export function decimalExp(value: Decimal128): Decimal128 {
  const parts = unpack(value);
  if (parts.special === 2) return decimalNaN;
  if (parts.special === 1) return parts.negative ? decimalOfInteger(0) : decimalInfinity;
  if (parts.coefficient === 0n) return decimalOfInteger(1);
  return expFixed(fixedOf(parts));
}

function expFixed(x: bigint): Decimal128 {
  // e^x = 10^k · e^r with r = x − k·ln 10.
  const k = x / ln10;
  if (k > 6200n) return decimalInfinity;
  if (k < -6300n) return finish(false, 0n, -6176);
  return decimalOf(expSeries(x - k * ln10), Number(k));
}

/** The natural logarithm of a positive decimal. */
export function decimalLn(value: Decimal128): Decimal128 {
  const parts = unpack(value);
  if (parts.special === 2) return decimalNaN;
  if (parts.special === 1) return decimalInfinity;
  return decimalOf(lnFixed(parts));
}

/** The logarithm to the base 10 of a positive decimal; exact for powers of ten. */
export function decimalLog10(value: Decimal128): Decimal128 {
  const parts = unpack(value);
  if (parts.special === 2) return decimalNaN;
  if (parts.special === 1) return decimalInfinity;
  const text = parts.coefficient.toString();
  if (/^10*$/.test(text)) return decimalOfInteger(parts.exponent + text.length - 1);
  return decimalOf((lnFixed(parts) * one) / ln10);
}

/** A decimal to the power of another. */
export function decimalPow(base: Decimal128, exponent: Decimal128): Decimal128 {
  const x = unpack(base);
  const y = unpack(exponent);
  if (y.special === 0 && y.coefficient === 0n) return decimalOfInteger(1);
  if (x.special === 2 || y.special === 2) return decimalNaN;
  if (x.special === 0 && x.coefficient === 0n) return y.negative ? decimalInfinity : decimalOfInteger(0);
  const whole = y.special === 0 && isIntegerDecimal(exponent) ? integerOfDecimal(exponent) : undefined;
  const odd = whole !== undefined && whole % 2n !== 0n;
  if (y.special === 1) {
    const magnitude = x.special === 1 ? 1 : lnFixed(x) > 0n ? 1 : lnFixed(x) < 0n ? -1 : 0;
    if (magnitude === 0) return decimalOfInteger(1);
    return magnitude > 0 !== y.negative ? decimalInfinity : decimalOfInteger(0);
  }
  if (x.special === 1) {
    if (y.negative) return decimalOfInteger(0);
    return x.negative && odd ? decimalMinusInfinity : decimalInfinity;
  }
  if (x.negative && whole === undefined) return decimalNaN;
  const negative = x.negative && odd;
  if (whole !== undefined && whole > 0n && whole <= 64n && x.coefficient.toString().length * Number(whole) < 400) {
    const digits = x.coefficient ** whole;
    const length = digits.toString().length;
    const padded = length < 34 ? 34 - length : 0;
    return finish(negative, digits * pow10(padded), x.exponent * Number(whole) - padded);
  }
  const result = expFixed(times(lnFixed(x), fixedOf(y)));
  return negative ? new Decimal128(withSign(result)) : result;
}

function withSign(value: Decimal128): Uint8Array {
  const bytes = Uint8Array.from(value.bytes);
  bytes[15] = bytes[15]! | 0x80;
  return bytes;
}

/** arctan in fixed point, by halving the angle until its series is short. */
function atanFixed(x: bigint): bigint {
  if (x < 0n) return -atanFixed(-x);
  if (x > one) return pi / 2n - atanFixed((one * one) / x);
  let y = x;
  let factor = 1n;
  for (let i = 0; i < 5; i++) {
    y = (y * one) / (one + squareRoot((one + times(y, y)) * one));
    factor *= 2n;
  }
  const square = times(y, y);
  let term = y;
  let sum = 0n;
  for (let n = 1n, sign = 1n; term !== 0n; n += 2n, sign = -sign) {
    sum += (sign * term) / n;
    term = times(term, square);
  }
  return sum * factor;
}

function arctanOfInverse(n: bigint): bigint {
  let term = one / n;
  let sum = 0n;
  for (let k = 1n, sign = 1n; term !== 0n; k += 2n, sign = -sign) {
    sum += (sign * term) / k;
    term /= n * n;
  }
  return sum;
}

// Machin's formula.
const pi = 4n * (4n * arctanOfInverse(5n) - arctanOfInverse(239n));

function sinCosFixed(x: bigint): { sin: bigint; cos: bigint } {
  const turns = x / (2n * pi);
  const angle = x - turns * 2n * pi;
  const small = angle / 256n;
  const square = times(small, small);
  let sin = 0n;
  let cos = 0n;
  let term = one;
  for (let n = 0n; term !== 0n; n += 2n) {
    cos += term;
    sin += times(term, small) / (n + 1n);
    term = -times(term, square) / ((n + 1n) * (n + 2n));
  }
  for (let i = 0; i < 8; i++) {
    const doubled = 2n * times(sin, cos);
    cos = times(cos, cos) - times(sin, sin);
    sin = doubled;
  }
  return { sin, cos };
}

function hyperbolic(x: bigint): { sinh: bigint; cosh: bigint } {
  const up = expSeries(x);
  const down = (one * one) / up;
  return { sinh: (up - down) / 2n, cosh: (up + down) / 2n };
}

/** ln in fixed point of a positive fixed-point number. */
function lnOfFixed(x: bigint): bigint {
  return lnFixed({ special: 0, negative: false, coefficient: x, exponent: -places });
}

function root(x: bigint): bigint {
  return squareRoot(x * one);
}

function asinFixed(x: bigint): bigint {
  const cosine = root(one - times(x, x));
  return cosine === 0n ? (x < 0n ? -pi / 2n : pi / 2n) : atanFixed((x * one) / cosine);
}

const fixedFunctions: Readonly<Record<string, (x: bigint) => bigint>> = {
  $sin: (x) => sinCosFixed(x).sin,
  $cos: (x) => sinCosFixed(x).cos,
  $tan: (x) => {
    const { sin, cos } = sinCosFixed(x);
    return (sin * one) / cos;
  },
  $asin: asinFixed,
  $acos: (x) => pi / 2n - asinFixed(x),
  $atan: atanFixed,
  $sinh: (x) => hyperbolic(x).sinh,
  $cosh: (x) => hyperbolic(x).cosh,
  $tanh: (x) => {
    const { sinh, cosh } = hyperbolic(x);
    return (sinh * one) / cosh;
  },
  $asinh: (x) => {
    const positive = lnOfFixed((x < 0n ? -x : x) + root(times(x, x) + one));
    return x < 0n ? -positive : positive;
  },
  $acosh: (x) => lnOfFixed(x + root(times(x, x) - one)),
  $atanh: (x) => lnOfFixed(((one + x) * one) / (one - x)) / 2n,
  $degreesToRadians: (x) => times(x, pi) / 180n,
  $radiansToDegrees: (x) => (x * 180n * one) / pi,
};

/** Whether a decimal is so large or small that fixed point would lose its digits. */
function isExtreme(parts: DecimalParts): boolean {
  const size = parts.coefficient.toString().length + parts.exponent;
  return parts.coefficient !== 0n && (size > 4 || size < -20);
}

/**
 * A trigonometric function of a decimal, or `undefined` where the fixed point of this file does not reach: infinities,
 * NaN, magnitudes above 10^4 or below 10^-20.
 */
export function decimalTrigonometry(name: string, value: Decimal128): Decimal128 | undefined {
  const parts = unpack(value);
  if (parts.special !== 0 || isExtreme(parts)) return undefined;
  return decimalOf(fixedFunctions[name]!(fixedOf(parts)));
}

/** The angle of a point, of two decimals; `undefined` as in {@link decimalTrigonometry}. */
export function decimalAtan2(y: Decimal128, x: Decimal128): Decimal128 | undefined {
  const a = unpack(y);
  const b = unpack(x);
  if (a.special !== 0 || b.special !== 0 || isExtreme(a) || isExtreme(b)) return undefined;
  const ordinate = fixedOf(a);
  const abscissa = fixedOf(b);
  if (abscissa === 0n || ordinate === 0n) return undefined;
  const angle = atanFixed((ordinate * one) / abscissa);
  return decimalOf(abscissa > 0n ? angle : ordinate > 0n ? angle + pi : angle - pi);
}
