/**
 * Keys as text that sorts as the values do. DynamoDB compares strings by their UTF-8 bytes
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html), so:
 *
 * - A key is its components, each followed by "#". No component holds "#" or a smaller character: those of a string
 *   are escaped with "$", which comes right after "#", so that "a" < "a b" < "ab" holds for keys too.
 * - A number is a letter for sign and length, then its digits: 86903 is "U86903". Negative numbers have the nines'
 *   complement of their digits. Decimals are written in units of their last digit.
 * - A double is its IEEE 754 bits, turned so that they sort, in hexadecimal.
 * - A date is ISO 8601 in UTC.
 * - Against the direction of its key a component is the complement of its bytes, in hexadecimal, ended by "~".
 */

import { KeyfoldError } from "../../internal/errors.js";
import type { Field } from "../../model/field.js";

/** Ends each component of a key. */
export const END = "#";
/** The character after {@link END}: greater than all that begins with a component and its end. */
const AFTER_END = "$";

/** A component's direction, against that of the whole key. */
export type KeyDirection = "asc" | "desc";

/** Value of a field → component of a key, without its end. */
export function encodeComponent(field: Field, direction: KeyDirection, value: unknown): string {
  const text = encodeValue(field, value);
  return direction === "asc" ? text : complement(text);
}

/** The value of a component. */
export function decodeComponent(field: Field, direction: KeyDirection, component: string): unknown {
  return decodeValue(field, direction === "asc" ? component : uncomplement(component));
}

/** Components, each with its end. */
export function joinKey(components: readonly string[]): string {
  let key = "";
  for (const component of components) key += component + END;
  return key;
}

/** The components of a key. */
export function splitKey(key: string): readonly string[] {
  return key.split(END).slice(0, -1);
}

/** Greater than every key that begins with this one; `key` ends with {@link END} or is empty. */
export function beyond(key: string): string {
  return key === "" ? "\u{10ffff}" : key.slice(0, -1) + AFTER_END;
}

function encodeValue(field: Field, value: unknown): string {
  switch (field.kind) {
    case "string":
    case "enum":
      return escapeText(value as string);
    case "uuid":
      return (value as string).toLowerCase();
    case "boolean":
      return value === true ? "1" : "0";
    case "int":
      return encodeInteger(String(value === 0 ? 0 : value));
    case "int64":
      return encodeInteger(String(value));
    case "decimal":
      return encodeInteger(unscaled(value as string, field.scale));
    case "double":
      return encodeDouble(value as number);
    case "date":
      return encodeDate(value as Date);
    default:
      throw new TypeError(`a field of type ${field.kind} cannot be part of a key`);
  }
}

function decodeValue(field: Field, text: string): unknown {
  switch (field.kind) {
    case "string":
    case "enum":
      return unescapeText(text);
    case "uuid":
      return text;
    case "boolean":
      return text === "1";
    case "int":
      return Number(decodeInteger(text));
    case "int64":
      return BigInt(decodeInteger(text));
    case "decimal":
      return rescaled(decodeInteger(text), field.scale);
    case "double":
      return decodeDouble(text);
    case "date":
      return decodeDate(text);
    default:
      throw new TypeError(`a field of type ${field.kind} cannot be part of a key`);
  }
}

const ESCAPE = "$";
const special = /[\0-$]/;
const everySpecial = /[\0-$]/g;

/** Characters up to "$" become "$" and a character that sorts alike: " " is "$`". */
function escapeText(text: string): string {
  if (!special.test(text)) return text;
  return text.replace(everySpecial, (character) => ESCAPE + String.fromCharCode(character.charCodeAt(0) + 0x40));
}

function unescapeText(text: string): string {
  return text.replace(/\$(.)/gs, (_, character: string) => String.fromCharCode(character.charCodeAt(0) - 0x40));
}

/** The letter of a positive number with no digits: one digit is "Q", 38 are "v". Negative ones go down from "O" to "*". */
const ZERO_LETTER = 0x50;
/** Digits of the longest number that DynamoDB holds. */
const MOST_DIGITS = 38;

function encodeInteger(text: string): string {
  const negative = text.charCodeAt(0) === 0x2d;
  const digits = negative ? text.slice(1) : text;
  if (digits.length > MOST_DIGITS) {
    throw new KeyfoldError("OUT_OF_RANGE", `A number of ${digits.length} digits is beyond DynamoDB's ${MOST_DIGITS}.`);
  }
  if (!negative) return String.fromCharCode(ZERO_LETTER + digits.length) + digits;
  let nines = "";
  for (let i = 0; i < digits.length; i++) nines += String(9 - (digits.charCodeAt(i) - 0x30));
  return String.fromCharCode(ZERO_LETTER - digits.length) + nines;
}

function decodeInteger(text: string): string {
  const digits = text.slice(1);
  if (text.charCodeAt(0) >= ZERO_LETTER) return digits;
  let nines = "-";
  for (let i = 0; i < digits.length; i++) nines += String(9 - (digits.charCodeAt(i) - 0x30));
  return nines;
}

/** "-2.5" at scale 3 is "-2500". */
function unscaled(text: string, scale: number): string {
  const negative = text.startsWith("-");
  const [whole = "0", fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const digits = (whole + fraction.slice(0, scale).padEnd(scale, "0")).replace(/^0+(?=\d)/, "");
  return negative && digits !== "0" ? `-${digits}` : digits;
}

function rescaled(text: string, scale: number): string {
  const negative = text.startsWith("-");
  const digits = (negative ? text.slice(1) : text).padStart(scale + 1, "0");
  const sign = negative ? "-" : "";
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const bits = new DataView(new ArrayBuffer(8));

function encodeDouble(value: number): string {
  // -0 and 0 are equal: they have one key.
  bits.setFloat64(0, value === 0 ? 0 : value);
  const raw = bits.getBigUint64(0);
  const sortable = raw >> 63n === 1n ? ~raw & 0xffff_ffff_ffff_ffffn : raw | (1n << 63n);
  return sortable.toString(16).padStart(16, "0");
}

function decodeDouble(text: string): number {
  const sortable = BigInt(`0x${text}`);
  bits.setBigUint64(0, sortable >> 63n === 1n ? sortable & ~(1n << 63n) : ~sortable & 0xffff_ffff_ffff_ffffn);
  return bits.getFloat64(0);
}

/** Years of four digits as they are; later ones with "A" before them, earlier ones as milliseconds. */
function encodeDate(value: Date): string {
  const text = value.toISOString();
  if (text.startsWith("+")) return `A${text.slice(1)}`;
  return text.startsWith("-") ? `-${encodeInteger(String(value.getTime()))}` : text;
}

function decodeDate(text: string): Date {
  if (text.startsWith("A")) return new Date(`+${text.slice(1)}`);
  return text.startsWith("-") ? new Date(Number(decodeInteger(text.slice(1)))) : new Date(text);
}

function complement(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  for (let i = 0; i < bytes.length; i++) bytes[i] = 255 - bytes[i]!;
  return `${bytes.toString("hex")}~`;
}

function uncomplement(text: string): string {
  const bytes = Buffer.from(text.slice(0, -1), "hex");
  for (let i = 0; i < bytes.length; i++) bytes[i] = 255 - bytes[i]!;
  return bytes.toString("utf8");
}

/** The name of a shard as a key's component. */
export function shardName(shard: number): string {
  return String(shard).padStart(3, "0");
}
