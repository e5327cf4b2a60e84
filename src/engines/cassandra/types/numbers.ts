/** Whole numbers and decimals of any size, as IntegerType and DecimalType write them. */

export function readVarint(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  if (bytes.length <= 6) return BigInt(bytes.readIntBE(0, bytes.length));
  const value = BigInt(`0x${bytes.toString("hex")}`);
  return (bytes[0]! & 0x80) === 0 ? value : value - (1n << BigInt(bytes.length * 8));
}

export function writeVarint(value: bigint): Buffer {
  if (value >= -128n && value <= 127n) return Buffer.from([Number(value) & 0xff]);
  const bits = (value < 0n ? -value - 1n : value).toString(2).length + 1;
  const size = Math.ceil(bits / 8);
  const unsigned = value < 0n ? value + (1n << BigInt(size * 8)) : value;
  return Buffer.from(unsigned.toString(16).padStart(size * 2, "0"), "hex");
}

/** unscaled × 10^-scale */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

export function readDecimal(bytes: Buffer): Decimal {
  return { scale: bytes.readInt32BE(0), unscaled: readVarint(bytes.subarray(4)) };
}

export function writeDecimal({ unscaled, scale }: Decimal): Buffer {
  const digits = writeVarint(unscaled);
  const bytes = Buffer.allocUnsafe(4 + digits.length);
  bytes.writeInt32BE(scale, 0);
  digits.copy(bytes, 4);
  return bytes;
}

/** Reads what Java's BigDecimal reads; undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,10}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", part = "", exponent] = match;
  if (whole === "" && part === "") return undefined;
  const scale = part.length - (exponent === undefined ? 0 : Number(exponent));
  if (scale > 0x7fffffff || scale < -0x80000000) return undefined;
  const unscaled = BigInt(`${whole}${part}`);
  return { unscaled: sign === "-" ? -unscaled : unscaled, scale };
}

/** As Java's BigDecimal.toString writes it: scientific where the exponent is below -6 or the scale is negative. */
export function decimalText({ unscaled, scale }: Decimal): string {
  const sign = unscaled < 0n ? "-" : "";
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  if (scale === 0) return sign + digits;
  const adjusted = digits.length - 1 - scale;
  if (scale > 0 && adjusted >= -6) {
    const point = digits.length - scale;
    if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
    return `${sign}0.${"0".repeat(-point)}${digits}`;
  }
  const head = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${sign}${head}E${adjusted >= 0 ? "+" : ""}${adjusted}`;
}

/** Both with the greater scale of the two. */
export function sameScale(a: Decimal, b: Decimal): [bigint, bigint, number] {
  if (a.scale === b.scale) return [a.unscaled, b.unscaled, a.scale];
  if (a.scale > b.scale) return [a.unscaled, b.unscaled * 10n ** BigInt(a.scale - b.scale), a.scale];
  return [a.unscaled * 10n ** BigInt(b.scale - a.scale), b.unscaled, b.scale];
}

/** a / b rounded half up (away from zero) to this scale. */
export function divideHalfUp(a: bigint, b: bigint): bigint {
  const negative = a < 0n !== b < 0n;
  const x = a < 0n ? -a : a;
  const y = b < 0n ? -b : b;
  const quotient = (x * 2n + y) / (y * 2n);
  return negative ? -quotient : quotient;
}

/** A double as Java's Double.toString writes it, which is what a decimal is made from. */
export function javaDouble(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    const text = String(value);
    return text.includes(".") ? text : `${text}.0`;
  }
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

/** The shortest text that reads back as this float. */
export function javaFloat(value: number): string {
  if (!Number.isFinite(value) || value === 0) return javaDouble(value);
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return javaDouble(Number(text));
  }
  return javaDouble(value);
}
