/** Values of a record's fields from text (CSV cells, command-line parameters) and from JSON. */

import type { Field } from "../../model/field.js";

/** Why a value was refused; thrown by readers, and turned into a rejected row or a message. */
export class ValueError extends Error {}

/** Makes a field's value of text. Never called with an empty text, except for strings. */
export type ReadText = (text: string) => unknown;

const ZERO = 48;
const NINE = 57;
const MINUS = 45;
const POINT = 46;
const WHOLE = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const DECIMAL = /^(-?)0*(\d+)(?:\.(\d*))?$/;
/** RFC 3339 with what people leave out: the time, the seconds. A time without a zone would be a guess, so it needs one. */
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The reader of a field's text. */
export function textReader(field: Field): ReadText {
  switch (field.kind) {
    case "string":
      return (text) => text;
    case "enum": {
      const values = new Set(field.values);
      return (text) => {
        if (!values.has(text)) throw new ValueError(`${show(text)} is none of ${field.values.join(", ")}`);
        return text;
      };
    }
    case "int":
      return readInt;
    case "int64":
      return readInt64;
    case "double":
      return (text) => {
        const number = NUMBER.test(text) ? Number(text) : Number.NaN;
        if (!Number.isFinite(number)) throw new ValueError(`${show(text)} is not a finite number`);
        return number;
      };
    case "decimal":
      return (text) => readDecimal(text, field.scale);
    case "boolean":
      return (text) => {
        if (text === "true" || text === "1") return true;
        if (text === "false" || text === "0") return false;
        throw new ValueError(`${show(text)} is not a boolean: true, false, 1 or 0`);
      };
    case "date":
      return readDate;
    case "bytes":
      return (text) => {
        if (!BASE64.test(text)) throw new ValueError(`${show(text)} is not base64`);
        return new Uint8Array(Buffer.from(text, "base64"));
      };
    case "uuid":
      return (text) => {
        if (!UUID.test(text)) throw new ValueError(`${show(text)} is not a UUID`);
        return text.toLowerCase();
      };
    case "array":
    case "object":
    case "map":
    case "json": {
      return (text) => {
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          throw new ValueError(
            `${show(text)} is not JSON, which ${field.kind === "json" ? "this field" : `an ${field.kind}`} is written in`,
          );
        }
        return fromJson(field, value);
      };
    }
    default:
      return field satisfies never;
  }
}

function readInt(text: string): number {
  // Short plain digits, which nearly all are, are read without a regular expression: a load reads millions of them.
  const size = text.length;
  const negative = text.charCodeAt(0) === MINUS;
  if (size > 0 && size <= 15 && !(negative && size === 1)) {
    let number = 0;
    let at = negative ? 1 : 0;
    for (; at < size; at++) {
      const digit = text.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    if (at === size) return negative && number !== 0 ? -number : number;
  }
  const number = WHOLE.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number;
  throw new ValueError(
    Number.isNaN(number)
      ? `${show(text)} is not a whole number`
      : `${text} is beyond ±(2^53 - 1): declare the field as int64`,
  );
}

function readInt64(text: string): bigint {
  if (!WHOLE.test(text)) throw new ValueError(`${show(text)} is not a whole number`);
  const number = BigInt(text.startsWith("+") ? text.slice(1) : text);
  if (BigInt.asIntN(64, number) !== number) throw new ValueError(`${text} is beyond the signed 64-bit range`);
  return number;
}

const ZEROS = "000000000000000000";

/** Spells a decimal with exactly `scale` digits after the point; never rounds. */
function readDecimal(text: string, scale: number): string {
  // As above: digits, perhaps a point, no leading zero that would have to go.
  const size = text.length;
  let point = -1;
  let at = 0;
  for (; at < size; at++) {
    const code = text.charCodeAt(at);
    if (code === POINT && point === -1 && at > 0) point = at;
    else if (code < ZERO || code > NINE) break;
  }
  const whole = point === -1 ? size : point;
  if (at === size && size > 0 && scale > 0 && (whole === 1 || text.charCodeAt(0) !== ZERO)) {
    const digits = point === -1 ? 0 : size - point - 1;
    if (digits === scale) return text;
    if (digits < scale) return (point === -1 ? `${text}.` : text) + ZEROS.slice(0, scale - digits);
  }
  const parts = DECIMAL.exec(text);
  if (parts === null) throw new ValueError(`${show(text)} is not a decimal such as 2.5`);
  const fraction = (parts[3] ?? "").replace(/0+$/, "");
  if (fraction.length > scale) {
    throw new ValueError(`${text} has more than ${scale} digits after the point, and nothing is rounded`);
  }
  const digits = scale === 0 ? (parts[2] as string) : `${parts[2]}.${fraction.padEnd(scale, "0")}`;
  return parts[1] === "-" && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

function readDate(text: string): Date {
  const date = DATE.test(text) ? new Date(text.replace(" ", "T")) : undefined;
  // Date repairs "2011-02-30" into March 2nd; the day must come back as it was written.
  const day =
    date === undefined || Number.isNaN(date.getTime()) ? undefined : new Date(`${text.slice(0, 10)}T00:00:00Z`);
  if (
    date === undefined ||
    day === undefined ||
    Number.isNaN(day.getTime()) ||
    day.toISOString().slice(0, 10) !== text.slice(0, 10)
  ) {
    throw new ValueError(`${show(text)} is not a date as in 2010-12-01 or 2010-12-01T08:26:00Z`);
  }
  return date;
}

/** Makes a field's value of JSON as {@link toJson} writes it, and of what other programs write for the same type. */
export function fromJson(field: Field, value: unknown): unknown {
  if (value === null) {
    if (field.nullable) return null;
    if (field.optional) return undefined;
    throw new ValueError("null is not a value of this field");
  }
  switch (field.kind) {
    case "string":
      if (typeof value !== "string") throw new ValueError(`${show(value)} is not a string`);
      return value;
    case "boolean":
      if (typeof value !== "boolean") throw new ValueError(`${show(value)} is not a boolean`);
      return value;
    case "enum":
    case "date":
    case "bytes":
    case "uuid":
      if (typeof value !== "string") throw new ValueError(`${show(value)} is not a string`);
      return textReader(field)(value);
    case "int":
    case "double":
      if (typeof value !== "number") throw new ValueError(`${show(value)} is not a number`);
      return field.kind === "int" ? readInt(String(value)) : value;
    case "int64":
      if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
      if (typeof value === "string") return readInt64(value);
      throw new ValueError(`${show(value)} is not exact: write a 64-bit number as a string`);
    case "decimal":
      if (typeof value === "string") return readDecimal(value, field.scale);
      // Up to 15 significant digits a JSON number says what was written; beyond that it may be off.
      if (
        typeof value === "number" &&
        /^-?\d*\.?\d*$/.test(String(value)) &&
        String(value).replace(/[-.]/g, "").length <= 15
      ) {
        return readDecimal(String(value), field.scale);
      }
      throw new ValueError(`${show(value)} is not exact: write a decimal as a string`);
    case "array":
      if (!Array.isArray(value)) throw new ValueError(`${show(value)} is not an array`);
      return value.map((element) => fromJson(field.element, element));
    case "object": {
      const object = plainObject(value);
      const result: Record<string, unknown> = {};
      for (const [name, inner] of Object.entries(object)) {
        const known = field.fields[name];
        // An unknown member goes on to the schema, which decides whether that is an error.
        result[name] = known === undefined ? inner : within(name, () => fromJson(known, inner));
      }
      return result;
    }
    case "map": {
      const object = plainObject(value);
      return Object.fromEntries(
        Object.entries(object).map(([name, inner]) => [name, within(name, () => fromJson(field.value, inner))]),
      );
    }
    case "json":
      return value;
    default:
      return field satisfies never;
  }
}

function plainObject(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ValueError(`${show(value)} is not an object`);
}

function within<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ValueError) throw new ValueError(`${name}: ${error.message}`);
    throw error;
  }
}

/** A value as it is shown in a message: short, on one line. */
export function show(value: unknown): string {
  const text = typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
