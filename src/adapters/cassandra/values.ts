/** Values of fields ↔ what the driver takes and gives (https://docs.datastax.com/en/developer/nodejs-driver/4.8/features/datatypes/). */

import { normalizeDecimal } from "../../model/decimal.js";
import type { Field } from "../../model/field.js";
import { fits } from "../../model/values.js";
import { columnsOf } from "../../plan/cassandra/names.js";
import { compileJsonDecoder, compileJsonEncoder } from "../port/json-values.js";
import { Misfit, typeName, within } from "../port/misfit.js";

/** Value of a field → parameter of a statement. */
export type Encode = (value: unknown) => unknown;
/** Value of a cell → value of a field; throws {@link Misfit}. */
export type Decode = (raw: unknown) => unknown;

/** Compiles the encoder of a field's own type; `bigints`: the client takes whole numbers as BigInt. */
export function compileEncoder(field: Field, bigints: boolean): Encode {
  const encode = encoderOf(field, bigints);
  return (value) => (value === null ? null : encode(value));
}

function encoderOf(field: Field, bigints: boolean): Encode {
  switch (field.kind) {
    case "string":
    case "enum":
    case "double":
    case "boolean":
    case "date":
      return (value) => value;
    case "uuid":
      return (value) => (value as string).toLowerCase();
    case "int":
      return bigints ? (value) => BigInt(value as number) : (value) => value;
    // A text is taken by every client; its own class would be one of a certain copy of the driver.
    case "int64":
      return bigints ? (value) => value : (value) => String(value);
    case "decimal":
      return (value) => normalizeDecimal(value as string, field.scale);
    case "bytes":
      return (value) => {
        const bytes = value as Uint8Array;
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      };
    case "json":
      return compileJsonEncoder(field);
    case "array": {
      const element = encoderOf(field.element, bigints);
      return (value) => (value as readonly unknown[]).map(element);
    }
    case "map": {
      const inner = encoderOf(field.value, bigints);
      return (value) =>
        Object.fromEntries(
          Object.entries(value as object).flatMap(([name, one]) => (one === undefined ? [] : [[name, inner(one)]])),
        );
    }
    case "object": {
      const columns = columnsOf(field.fields);
      const members = Object.entries(field.fields).map(
        ([name, one]) => [name, columns.get(name) as string, compileEncoder(one, bigints)] as const,
      );
      return (value) => {
        const made: Record<string, unknown> = {};
        for (const [name, column, encode] of members) {
          const member = (value as Record<string, unknown>)[name];
          made[column] = member === undefined ? null : encode(member);
        }
        return made;
      };
    }
    default:
      return field satisfies never;
  }
}

/** Compiles the decoder of a field's own type. What is null is the caller's to tell: absent or null. */
export function compileDecoder(field: Field): Decode {
  const misfit = (raw: unknown): Misfit => new Misfit(`a value of type ${field.kind}`, typeName(raw));
  switch (field.kind) {
    case "string":
      return (raw) => {
        if (typeof raw !== "string") throw misfit(raw);
        return raw;
      };
    case "enum":
      return checked(field, (raw) => raw);
    case "uuid":
      return (raw) => {
        const text = typeof raw === "string" ? raw : String(raw);
        if (text.length !== 36) throw misfit(raw);
        return text;
      };
    case "int":
      return (raw) => {
        const value = typeof raw === "number" ? raw : Number(wholeText(raw));
        if (!Number.isSafeInteger(value)) throw misfit(raw);
        return value;
      };
    case "int64":
      return checked(field, (raw) => (typeof raw === "bigint" ? raw : BigInt(wholeText(raw))));
    case "double":
    case "boolean":
    case "date":
      return checked(field, (raw) => raw);
    case "decimal":
      return (raw) => {
        const text = normalizeDecimal(String(raw), field.scale);
        if (text === undefined) throw new Misfit(`a decimal of scale ${field.scale}`, String(raw));
        return text;
      };
    case "bytes":
      return checked(field, (raw) => (raw instanceof Uint8Array ? new Uint8Array(raw) : raw));
    case "json":
      return jsonText(field);
    case "array": {
      const element = compileDecoder(field.element);
      return (raw) => {
        if (!Array.isArray(raw)) throw misfit(raw);
        return raw.map((one, at) => within(at, () => element(one)));
      };
    }
    case "map": {
      const inner = compileDecoder(field.value);
      return (raw) => {
        if (typeof raw !== "object" || raw === null) throw misfit(raw);
        const entries = raw instanceof Map ? [...(raw as Map<string, unknown>)] : Object.entries(raw);
        return Object.fromEntries(entries.map(([name, one]) => [name, within(name as string, () => inner(one))]));
      };
    }
    case "object": {
      const columns = columnsOf(field.fields);
      const members = Object.entries(field.fields).map(([name, type]) => ({
        name,
        column: columns.get(name) as string,
        type,
        decode: compileDecoder(type),
      }));
      return (raw) => {
        if (typeof raw !== "object" || raw === null) throw misfit(raw);
        const made: Record<string, unknown> = {};
        for (const { name, column, type, decode } of members) {
          within(name, () => put(made, name, (raw as Record<string, unknown>)[column], type, decode));
        }
        return made;
      };
    }
    default:
      return field satisfies never;
  }
}

/** Puts a cell's value into a record: nothing is absent, or null where the field may be null. */
export function put(record: Record<string, unknown>, name: string, raw: unknown, type: Field, decode: Decode): void {
  if (raw !== null && raw !== undefined) record[name] = decode(raw);
  else if (type.nullable) record[name] = null;
  // The driver sends a list without elements as null.
  else if (type.kind === "array" && !type.optional) record[name] = [];
  else if (!type.optional) throw new Misfit(`a value of type ${type.kind}`, "nothing");
}

/** A field that is stored as JSON in text. */
export function jsonText(field: Field): Decode {
  const decode = compileJsonDecoder(field);
  return (raw) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(raw as string);
    } catch {
      throw new Misfit("JSON", "other text");
    }
    return decode(parsed);
  };
}

function checked(field: Field, make: (raw: unknown) => unknown): Decode {
  return (raw) => {
    let value: unknown;
    try {
      value = make(raw);
    } catch {
      throw new Misfit(`a value of type ${field.kind}`, typeName(raw));
    }
    if (!fits(field, value)) throw new Misfit(`a value of type ${field.kind}`, typeName(raw));
    return value;
  };
}

/** The driver's Long, or a BigInt, as digits; a small Long without the way over text. */
function wholeText(raw: unknown): string | number {
  if (typeof raw === "object" && raw !== null && typeof (raw as { toNumber?: unknown }).toNumber === "function") {
    const number = (raw as { toNumber(): number }).toNumber();
    return Number.isSafeInteger(number) ? number : String(raw);
  }
  return String(raw);
}

/** A whole number of keyfold's own: a version. */
export function wholeNumber(raw: unknown): number {
  return raw === null || raw === undefined ? 0 : Number(wholeText(raw));
}
