import { validation } from "../errors.js";

/**
 * DynamoDB's numbers: up to 38 significant digits, magnitudes from 1E-130 to 9.99…E+125. They travel and are kept as
 * text in plain notation.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes.Number
 */

const mostDigits = 38;
const greatestExponent = 125;
const leastExponent = -130;

/** A number taken apart: `0` has no digits; else the value is d.ddd × 10^exponent with neither end of the digits a 0. */
export interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

const zero: Decimal = { negative: false, digits: "", exponent: 0 };
const plainInteger = /^(?:0|-?[1-9][0-9]{0,37})$/;
const plainFraction = /^-?(?:0|[1-9][0-9]{0,17})\.[0-9]{0,17}[1-9]$/;
const anyNumber = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/;

/** Takes a number's text apart. Throws what DynamoDB says of a text that is none, or of one beyond its range. */
export function parseNumber(text: string): Decimal {
  const match = anyNumber.exec(text);
  const whole = match?.[2] ?? "";
  const fraction = match?.[3] ?? "";
  if (match === null || whole.length + fraction.length === 0) {
    throw validation(
      text === ""
        ? "The parameter cannot be converted to a numeric value"
        : `The parameter cannot be converted to a numeric value: ${text}`,
    );
  }
  const all = whole + fraction;
  let start = 0;
  while (start < all.length && all.charCodeAt(start) === 48) start++;
  if (start === all.length) return zero;
  let end = all.length;
  while (all.charCodeAt(end - 1) === 48) end--;
  const exponent = Number(match[4] ?? 0) + whole.length - 1 - start;
  return checked({ negative: match[1] === "-", digits: all.slice(start, end), exponent });
}

/** Throws when a number is beyond what DynamoDB stores. */
function checked(number: Decimal): Decimal {
  if (number.digits === "") return number;
  if (number.exponent > greatestExponent) {
    throw validation("Number overflow. Attempting to store a number with magnitude larger than supported range");
  }
  if (number.exponent < leastExponent) {
    throw validation("Number underflow. Attempting to store a number with magnitude smaller than supported range");
  }
  if (number.digits.length > mostDigits) {
    throw validation("Attempting to store more than 38 significant digits in a Number");
  }
  return number;
}

/** The text of a number as DynamoDB gives it back: plain, without needless zeros. */
export function numberText({ negative, digits, exponent }: Decimal): string {
  if (digits === "") return "0";
  const sign = negative ? "-" : "";
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = exponent + 1;
  if (digits.length <= whole) return sign + digits + "0".repeat(whole - digits.length);
  return `${sign}${digits.slice(0, whole)}.${digits.slice(whole)}`;
}

/** The one text of a number, for any text of it. Throws as {@link parseNumber} does. */
export function canonicalNumber(text: string): string {
  if (plainInteger.test(text) || plainFraction.test(text)) return text;
  return numberText(parseNumber(text));
}

/** Below, at or above 0 as `a` is below, at or above `b`; both canonical. */
export function compareNumbers(a: string, b: string): number {
  if (a === b) return 0;
  // Texts of up to 15 digits are told apart by their doubles.
  if (a.length <= 15 && b.length <= 15) return Number(a) - Number(b);
  return compareDecimals(parseNumber(a), parseNumber(b));
}

function compareDecimals(a: Decimal, b: Decimal): number {
  const signA = a.digits === "" ? 0 : a.negative ? -1 : 1;
  const signB = b.digits === "" ? 0 : b.negative ? -1 : 1;
  if (signA !== signB) return signA - signB;
  if (signA === 0) return 0;
  if (a.exponent !== b.exponent) return (a.exponent - b.exponent) * signA;
  // Digits of the same magnitude are in the order of their text.
  return (a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0) * signA;
}

/** `a + b`, or `a - b` with `minus`; both canonical. Throws when the exact result cannot be stored. */
export function addNumbers(a: string, b: string, minus = false): string {
  if (a.length <= 15 && b.length <= 15 && plainInteger.test(a) && plainInteger.test(b)) {
    const sum = minus ? Number(a) - Number(b) : Number(a) + Number(b);
    return String(sum);
  }
  const left = parseNumber(a);
  const right = parseNumber(b);
  // The power of ten of each one's last digit.
  const last = Math.min(left.exponent - left.digits.length + 1, right.exponent - right.digits.length + 1);
  const scaled = ({ negative, digits, exponent }: Decimal): bigint => {
    if (digits === "") return 0n;
    const value = BigInt(digits) * 10n ** BigInt(exponent - digits.length + 1 - last);
    return negative ? -value : value;
  };
  const sum = minus ? scaled(left) - scaled(right) : scaled(left) + scaled(right);
  if (sum === 0n) return "0";
  const text = (sum < 0n ? -sum : sum).toString();
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end--;
  // DynamoDB says so of a result with too many digits too.
  if (end > mostDigits) {
    throw validation("Number overflow. Attempting to store a number with magnitude larger than supported range");
  }
  return numberText(checked({ negative: sum < 0n, digits: text.slice(0, end), exponent: last + text.length - 1 }));
}

/** Bytes that a number counts for in an item's size: about one for two digits, one more, one for the sign. */
export function numberSize(text: string): number {
  const { negative, digits, exponent } = parseNumber(text);
  if (digits === "") return 2;
  // Pairs of digits begin at even powers of ten.
  const lead = exponent % 2 === 0 ? 1 : 0;
  return Math.ceil((digits.length + lead) / 2) + 1 + (negative ? 1 : 0);
}

/**
 * The bytes of a number in an index, in the order of the numbers: sign, exponent, pairs of digits; a negative number's
 * bytes are inverted and end with 0xFF.
 */
export function numberKey(text: string): string {
  const { negative, digits, exponent } = parseNumber(text);
  if (digits === "") return "\x02";
  const biased = exponent - leastExponent;
  let key = negative ? `\x01${String.fromCharCode(255 - biased)}` : `\x03${String.fromCharCode(biased)}`;
  for (let at = 0; at < digits.length; at += 2) {
    const high = digits.charCodeAt(at) - 48;
    const low = at + 1 < digits.length ? digits.charCodeAt(at + 1) - 48 : 0;
    const pair = high * 10 + low + 1;
    key += String.fromCharCode(negative ? 254 - pair : pair);
  }
  return negative ? `${key}\xff` : key;
}
