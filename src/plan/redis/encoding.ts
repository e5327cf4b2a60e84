/**
 * Values as text whose bytes sort like the values: what keys are named by, what members of sorted sets begin with, and
 * what conditions are compared as. The library's Lua has the same code (library.ts); a property test holds them together.
 *
 * - A whole number: a letter for how many digits it has, then the digits: 5 is "A5", 541909 is "F541909". A negative one:
 *   "-", the letter from the other end, the digits' complements. Decimals are their digits without the point.
 * - A double: the sixteen hexadecimal digits of its IEEE 754 bits, turned so that they sort.
 * - Text: itself, in UTF-8; the three bytes that separate values are escaped.
 * - Reversed, where one field of an order runs against the others: numbers negated, text as the complements of its
 *   bytes in hexadecimal, closed by "~".
 */

import { KeyfoldError } from "../../internal/errors.js";
import { normalizeDecimal } from "../../model/decimal.js";
import type { Field } from "../../model/field.js";

/** Between the parts of a key. */
export const PART = "\u0001";

/** Ends the name of a key that is never there, in each partition. */
export const NO_KEY = "/~";

/** How the library reads a field: by one letter. `r`: only whether it is there, or is equal as JSON. */
export type Form = "s" | "i" | "t" | "c" | "d" | "b" | "r";

const forms = {
  string: "s",
  enum: "s",
  uuid: "s",
  int: "i",
  date: "i",
  int64: "t",
  decimal: "c",
  double: "d",
  boolean: "b",
  bytes: "r",
  array: "r",
  object: "r",
  map: "r",
  json: "r",
} as const satisfies Record<Field["kind"], Form>;

/** The form of a field's values in a stored record. */
export function formOf(field: Field): Form {
  return forms[field.kind];
}

const RANKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A whole number, given as its decimal digits, as text that sorts. */
export function wholeText(number: string, reversed = false): string {
  // The common case at once: keys are named by it.
  if (!reversed && number.charCodeAt(0) > 48 && number.length <= RANKS.length)
    return RANKS[number.length - 1]! + number;
  const minus = number.startsWith("-");
  const digits = number.replace(/^-?0*(?=\d)/, "");
  if (digits.length > RANKS.length) {
    throw new KeyfoldError("OUT_OF_RANGE", `A number of ${digits.length} digits cannot be in an index.`);
  }
  const negative = digits !== "0" && minus !== reversed;
  if (!negative) return `${RANKS[digits.length - 1]}${digits}`;
  return `-${RANKS[RANKS.length - digits.length]}${digits.replace(/\d/g, (digit) => String(9 - Number(digit)))}`;
}

function wholeOf(text: string): string {
  if (!text.startsWith("-")) return text.slice(1);
  return `-${text.slice(2).replace(/\d/g, (digit) => String(9 - Number(digit)))}`;
}

const bits = new DataView(new ArrayBuffer(8));

function doubleText(value: number, reversed: boolean): string {
  // Minus zero equals zero, and must be the same text.
  bits.setFloat64(0, (reversed ? -value : value) + 0);
  const raw = bits.getBigUint64(0);
  const turned = raw >> 63n === 1n ? raw ^ 0xffff_ffff_ffff_ffffn : raw ^ 0x8000_0000_0000_0000n;
  return turned.toString(16).padStart(16, "0");
}

function doubleOf(text: string): number {
  const turned = BigInt(`0x${text}`);
  bits.setBigUint64(0, turned >> 63n === 1n ? turned ^ 0x8000_0000_0000_0000n : turned ^ 0xffff_ffff_ffff_ffffn);
  return bits.getFloat64(0);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what separates values
const escaped = /[\0-\u0002]/g;

function stringText(value: string, reversed: boolean): string {
  if (!reversed)
    return value.replace(escaped, (character) => `\u0002${String.fromCharCode(character.charCodeAt(0) + 1)}`);
  let text = "";
  for (const byte of new TextEncoder().encode(value)) text += (255 - byte).toString(16).padStart(2, "0");
  return `${text}~`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what the escape begins with
const escapes = /\u0002(.)/gs;

function stringOf(text: string): string {
  return text.replace(escapes, (_, next: string) => String.fromCharCode(next.charCodeAt(0) - 1));
}

/** Digits of a decimal without its point: "-2.5" at scale 3 is "-2500". */
export function scaledDigits(value: string, scale: number): string {
  const text = normalizeDecimal(value, scale);
  if (text === undefined) {
    throw new KeyfoldError("INPUT_INVALID", `${JSON.stringify(value)} is no decimal with ${scale} digits.`);
  }
  return text.replace(".", "");
}

/** The decimal whose digits without the point these are. */
export function decimalOfDigits(digits: string, scale: number): string {
  const minus = digits.startsWith("-") ? "-" : "";
  const padded = digits.slice(minus.length).padStart(scale + 1, "0");
  return scale === 0 ? minus + padded : `${minus}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

/** Makes the encoder of a field's values; null and undefined are not its business. */
export function textEncoder(field: Field, reversed = false): (value: unknown) => string {
  switch (field.kind) {
    case "string":
    case "enum":
      return (value) => stringText(value as string, reversed);
    case "uuid":
      return (value) => stringText((value as string).toLowerCase(), reversed);
    case "int":
      return (value) => wholeText(String(value), reversed);
    case "int64":
      return (value) => wholeText(String(value), reversed);
    case "date":
      return (value) => wholeText(String((value as Date).getTime()), reversed);
    case "decimal":
      return (value) => wholeText(scaledDigits(value as string, field.scale), reversed);
    case "double":
      return (value) => doubleText(value as number, reversed);
    case "boolean":
      return (value) => ((value as boolean) !== reversed ? "1" : "0");
    default:
      throw new KeyfoldError("INPUT_INVALID", `A field of type ${field.kind} has no order.`);
  }
}

/** An encoded value as people read it. */
export function readableText(form: Form, scale: number | undefined, text: string): string {
  switch (form) {
    case "i":
    case "t":
      return wholeOf(text);
    case "c":
      return decimalOfDigits(wholeOf(text), scale ?? 0);
    case "d":
      return String(doubleOf(text));
    case "b":
      return String(text === "1");
    case "s":
      return JSON.stringify(stringOf(text));
    case "r":
      return text;
    default:
      return form satisfies never;
  }
}

/** Makes the decoder of texts that {@link textEncoder} made, not reversed. */
export function textDecoder(field: Field): (text: string) => unknown {
  switch (field.kind) {
    case "string":
    case "enum":
    case "uuid":
      return stringOf;
    case "int":
      return (text) => Number(wholeOf(text));
    case "int64":
      return (text) => BigInt(wholeOf(text));
    case "date":
      return (text) => new Date(Number(wholeOf(text)));
    case "decimal":
      return (text) => decimalOfDigits(wholeOf(text), field.scale);
    case "double":
      return doubleOf;
    case "boolean":
      return (text) => text === "1";
    default:
      throw new KeyfoldError("INPUT_INVALID", `A field of type ${field.kind} has no order.`);
  }
}

/** Text between the braces of a key, by which Redis Cluster places it: braces of its own are escaped. */
export function tagText(text: string): string {
  return text.replace(/[%{}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
