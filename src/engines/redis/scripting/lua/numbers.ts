/** Numbers and strings into each other, as Lua 5.1's `%.14g` and `strtod` do. */

/** A number as `tostring` and `..` write it. */
export function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e14) return Object.is(value, -0) ? "-0" : String(value);
  return formatG(value, 14);
}

/** C's `%.{precision}g`. */
export function formatG(value: number, precision: number, alternate = false): string {
  if (Number.isNaN(value)) return Object.is(Math.sign(value), -1) ? "-nan" : "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const digits = precision === 0 ? 1 : precision;
  if (value === 0) {
    const zero = Object.is(value, -0) ? "-0" : "0";
    return alternate ? `${zero}.${"0".repeat(digits - 1)}` : zero;
  }
  const [mantissa, power] = exponentialText(value, digits - 1).split("e") as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) {
    const shown = alternate ? mantissa : trimZeros(mantissa);
    return `${shown}e${exponentText(exponent)}`;
  }
  const fixed = fixedText(value, digits - 1 - exponent);
  // toFixed gives up on large values; with at most 17 digits asked for they are integers there.
  const text = fixed.includes("e") ? BigInt(value).toString() : fixed;
  return alternate ? text : trimZeros(text);
}

/**
 * `toFixed` with C's rounding: an exact tie goes to the even digit, where JavaScript takes the larger number. More
 * digits than a tie can have tell whether it is one.
 */
export function fixedText(value: number, precision: number): string {
  const digits = Math.min(Math.max(precision, 0), 100);
  const text = value.toFixed(digits);
  if (digits > 70 || text.includes("e")) return text;
  const [whole, fraction] = value.toFixed(digits + 30).split(".") as [string, string];
  return tieToEven(text, digits === 0 ? whole : `${whole}.${fraction.slice(0, digits)}`, fraction.slice(digits));
}

/** `toExponential` with C's rounding. */
export function exponentialText(value: number, precision: number): string {
  const digits = Math.min(precision, 100);
  const text = value.toExponential(digits);
  if (digits > 70) return text;
  const [mantissa, power] = value.toExponential(digits + 30).split("e") as [string, string];
  const [whole, fraction] = mantissa.split(".") as [string, string];
  const cut = digits === 0 ? whole : `${whole}.${fraction.slice(0, digits)}`;
  return tieToEven(text, `${cut}e${power}`, fraction.slice(digits), cut);
}

/** The rounded text, or the one cut off when what was cut is exactly a half after an even digit. */
function tieToEven(rounded: string, cut: string, rest: string, digits = cut): string {
  return /^50*$/.test(rest) && Number(digits.at(-1)) % 2 === 0 ? cut : rounded;
}

/** C's two-digit exponent with its sign. */
export function exponentText(exponent: number): string {
  return `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const decimalForm = /^[ \t\n\v\f\r]*[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)[ \t\n\v\f\r]*$/;
const hexForm = /^[ \t\n\v\f\r]*([+-]?)0[xX]([0-9a-fA-F]+)[ \t\n\v\f\r]*$/;
const wordForm = /^[ \t\n\v\f\r]*([+-]?)(inf|infinity|nan)[ \t\n\v\f\r]*$/i;

/** The number that a string spells, or undefined. */
export function parseNumber(text: string): number | undefined {
  if (decimalForm.test(text)) return Number(text);
  const hex = hexForm.exec(text);
  if (hex !== null) return (hex[1] === "-" ? -1 : 1) * Number(`0x${hex[2]}`);
  const word = wordForm.exec(text);
  if (word === null) return undefined;
  const value = word[2]!.toLowerCase() === "nan" ? Number.NaN : Number.POSITIVE_INFINITY;
  return word[1] === "-" ? -value : value;
}

/** `tonumber(text, base)`. */
export function parseInBase(text: string, base: number): number | undefined {
  const match = /^[ \t\n\v\f\r]*(-?)([0-9a-zA-Z]+)[ \t\n\v\f\r]*$/.exec(
    base === 16 ? text.replace(/^(\s*-?)0[xX]/, "$1") : text,
  );
  if (match === null) return undefined;
  let value = 0;
  for (const char of match[2]!.toLowerCase()) {
    const digit = Number.parseInt(char, 36);
    if (digit >= base) return undefined;
    value = value * base + digit;
  }
  return match[1] === "-" ? -value : value;
}
