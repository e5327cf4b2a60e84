/**
 * Decimal strings of a fixed scale ↔ IEEE 754 decimal128 in its binary integer encoding, as BSON has it
 * (https://bsonspec.org, https://en.wikipedia.org/wiki/Decimal128_floating-point_format). The scale is kept: "2.50" at
 * scale 3 is stored as 2500E-3 and read as "2.500".
 */

const BIAS = 6176;
const MAX_COEFFICIENT = 10n ** 34n - 1n;
/** Longest run of digits that a double holds exactly. */
const EXACT_DIGITS = 15;

const SHAPE = /^(-?)(\d+)(?:\.(\d*))?$/;

/** Sign, digits without the point, padded to `scale`; undefined when it is no plain decimal or has more digits after the point. */
function digitsOf(text: string, scale: number): { negative: boolean; digits: string } | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  let fraction = match[3] ?? "";
  if (fraction.length > scale) {
    for (let i = scale; i < fraction.length; i++) if (fraction.charCodeAt(i) !== 48) return undefined;
    fraction = fraction.slice(0, scale);
  }
  return { negative: match[1] === "-", digits: match[2] + fraction.padEnd(scale, "0") };
}

/** The decimal with exactly `scale` digits after the point and no leading zeros: "007.5" is "7.50" at scale 2. */
export function normalizeDecimal(text: string, scale: number): string | undefined {
  const parts = digitsOf(text, scale);
  if (parts === undefined) return undefined;
  return place(parts.digits.replace(/^0+(?=\d)/, ""), scale, parts.negative);
}

/** The 16 bytes of a decimal string, or undefined when it does not fit 34 digits at this scale. */
export function encodeDecimal(text: string, scale: number): Uint8Array | undefined {
  const parts = digitsOf(text, scale);
  if (parts === undefined) return undefined;
  const bytes = new Uint8Array(16);
  const biased = BIAS - scale;
  let low = 0;
  let mid = 0;
  let high = 0;
  let top = 0;
  if (parts.digits.length <= EXACT_DIGITS) {
    const coefficient = Number(parts.digits);
    low = coefficient >>> 0;
    mid = Math.floor(coefficient / 4_294_967_296);
  } else {
    const coefficient = BigInt(parts.digits);
    if (coefficient > MAX_COEFFICIENT) return undefined;
    low = Number(coefficient & 0xffffffffn);
    mid = Number((coefficient >> 32n) & 0xffffffffn);
    high = Number((coefficient >> 64n) & 0xffffffffn);
    top = Number((coefficient >> 96n) & 0x1ffffn);
  }
  const negative = parts.negative && (low !== 0 || mid !== 0 || high !== 0 || top !== 0);
  put(bytes, 0, low);
  put(bytes, 4, mid);
  put(bytes, 8, high);
  put(bytes, 12, (negative ? 0x80000000 : 0) | (biased << 17) | top);
  return bytes;
}

/**
 * The decimal string at `scale` of the 16 bytes at `offset`, or undefined for NaN, infinities and values that have
 * more digits after the point.
 */
export function decodeDecimal(bytes: Uint8Array, offset: number, scale: number): string | undefined {
  const low = take(bytes, offset);
  const mid = take(bytes, offset + 4);
  const high = take(bytes, offset + 8);
  const top = take(bytes, offset + 12);
  // With the two highest bits set the number is NaN, infinite, or not canonical (which counts as zero).
  if ((top & 0x60000000) === 0x60000000)
    return (top & 0x78000000) === 0x78000000 ? undefined : place("0", scale, false);
  const exponent = ((top >>> 17) & 0x3fff) - BIAS;
  const topBits = top & 0x1ffff;
  let digits: string;
  if (high === 0 && topBits === 0 && mid < 2_097_152) {
    digits = String(mid * 4_294_967_296 + low);
  } else {
    digits = String((BigInt(topBits) << 96n) | (BigInt(high) << 64n) | (BigInt(mid) << 32n) | BigInt(low));
  }
  const zero = digits === "0";
  const shift = exponent + scale;
  if (!zero && shift > 0) {
    // No field of this scale can have been written with more digits than decimal128 holds.
    if (digits.length + shift > 34) return undefined;
    digits += "0".repeat(shift);
  } else if (!zero && shift < 0) {
    const kept = digits.length + shift;
    for (let i = Math.max(0, kept); i < digits.length; i++) if (digits.charCodeAt(i) !== 48) return undefined;
    if (kept <= 0) return undefined;
    digits = digits.slice(0, kept);
  }
  return place(digits, scale, !zero && (top & 0x80000000) !== 0);
}

/** Puts the point `scale` digits from the right. */
function place(digits: string, scale: number, negative: boolean): string {
  const sign = negative && !/^0*$/.test(digits) ? "-" : "";
  if (scale === 0) return sign + digits;
  const padded = digits.length > scale ? digits : digits.padStart(scale + 1, "0");
  const point = padded.length - scale;
  return `${sign}${padded.slice(0, point)}.${padded.slice(point)}`;
}

function put(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function take(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
