/* Numbers as Redis reads and writes them. Integers are 64-bit; a JavaScript number serves while it is exact. */

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;
export const UINT64_MAX = 18446744073709551615n;

/** An integer: a number while that is exact, else a bigint. Compare with `<`, `>` and `==` only. */
export type Int = number | bigint;

/** The number for a bigint that is exactly representable, else the bigint itself. */
export function normalInt(value: bigint): Int {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

/** Exactly an integer in Redis' canonical form that a number holds exactly; else NaN. The quick path of all parsing. */
export function parseSmallInt(text: string): number {
  const { length } = text;
  if (length === 0 || length > 16) return Number.NaN;
  let at = 0;
  let code = text.charCodeAt(0);
  const negative = code === 45;
  if (negative) {
    if (length === 1) return Number.NaN;
    at = 1;
    code = text.charCodeAt(1);
  } else if (length === 16) return Number.NaN;
  if (code === 48) return length === 1 ? 0 : Number.NaN;
  let value = 0;
  for (; at < length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** A canonical 64-bit integer, exact; undefined when the text is none. */
export function parseInt64(text: string): Int | undefined {
  const small = parseSmallInt(text);
  if (!Number.isNaN(small)) return small;
  if (text.length < 16 || text.length > 20 || !/^-?[1-9][0-9]*$/.test(text)) return undefined;
  const big = BigInt(text);
  return big > INT64_MAX || big < INT64_MIN ? undefined : normalInt(big);
}

/** A canonical 64-bit integer as a number, rounded when it is large; NaN when the text is none. For counts and limits. */
export function parseLong(text: string): number {
  const small = parseSmallInt(text);
  if (!Number.isNaN(small)) return small;
  const value = parseInt64(text);
  return value === undefined ? Number.NaN : Number(value);
}

/** A canonical unsigned 64-bit integer; undefined when the text is none. */
export function parseUint64(text: string): Int | undefined {
  const small = parseSmallInt(text);
  if (!Number.isNaN(small)) return small < 0 ? undefined : small;
  if (text.length > 20 || !/^[0-9]+$/.test(text)) return undefined;
  const big = BigInt(text);
  return big > UINT64_MAX ? undefined : normalInt(big);
}

const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power);

/**
 * Digits, perhaps with a point among them, so few that both the digits and the power of ten are exact, and their quotient
 * hence the nearest double (W. D. Clinger, How to Read Floating Point Numbers Accurately, 1990); else NaN. What scores
 * nearly always are, and several times as fast as a pattern and Number().
 */
function parseShortDecimal(text: string): number {
  const { length } = text;
  if (length > 17) return Number.NaN;
  const negative = text.charCodeAt(0) === 45;
  let value = 0;
  let digits = 0;
  let point = length;
  for (let at = negative ? 1 : 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46 && point === length) point = at;
    else if (code < 48 || code > 57) return Number.NaN;
    else {
      value = value * 10 + code - 48;
      digits++;
    }
  }
  if (digits === 0 || digits > 15) return Number.NaN;
  const fraction = length - 1 - point;
  if (fraction > 0) value /= powersOfTen[fraction]!;
  return negative ? -value : value;
}

const decimalShape = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const hexShape = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?[0-9]+))?$/;

/** A double as `strtod` reads it, infinities included; NaN when the text is none, or out of the type's range. */
export function parseDouble(text: string): number {
  const short = parseShortDecimal(text);
  if (!Number.isNaN(short)) return short;
  if (decimalShape.test(text)) {
    const value = Number(text);
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return Number.NaN;
    if (value === 0 && /[1-9]/.test(text.split(/[eE]/)[0]!)) return Number.NaN;
    return value;
  }
  const sign = text.charCodeAt(0) === 45 ? -1 : 1;
  const bare = (text[0] === "-" || text[0] === "+" ? text.slice(1) : text).toLowerCase();
  if (bare === "inf" || bare === "infinity") return sign * Number.POSITIVE_INFINITY;
  const hex = hexShape.exec(text);
  if (hex !== null && (hex[2] !== "" || (hex[3] ?? "") !== "")) {
    let value = 0;
    for (const digit of hex[2]!) value = value * 16 + Number.parseInt(digit, 16);
    let scale = 1 / 16;
    for (const digit of hex[3] ?? "") {
      value += Number.parseInt(digit, 16) * scale;
      scale /= 16;
    }
    value *= 2 ** Number(hex[4] ?? 0);
    return sign * value;
  }
  return Number.NaN;
}

/** A double in the shortest form that reads back the same, laid out as Redis does. */
export function formatDouble(value: number): string {
  if (Number.isInteger(value)) {
    if (Number.isSafeInteger(value)) return value === 0 && 1 / value < 0 ? "-0" : String(value);
    if (Math.abs(value) < 2 ** 62) return BigInt(value).toString();
  } else if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
  const sign = value < 0 ? "-" : "";
  const [mantissa, exponent] = Math.abs(value).toExponential().split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  const count = digits.length;
  const k = Number(exponent) - count + 1;
  const magnitude = Math.abs(k + count - 1);
  if (k >= 0 && magnitude < count + 7) return sign + digits + "0".repeat(k);
  if (k < 0 && (k > -7 || magnitude < 4)) {
    const offset = count + k;
    if (offset <= 0) return `${sign}0.${"0".repeat(-offset)}${digits}`;
    return `${sign}${digits.slice(0, offset)}.${digits.slice(offset)}`;
  }
  const power = k + count - 1;
  return `${sign}${digits[0]}${count > 1 ? `.${digits.slice(1)}` : ""}e${power < 0 ? "-" : "+"}${Math.abs(power)}`;
}
