/** Values of fields as JSON. Numbers that JSON readers would round are texts. */

import { normalizeDecimal } from "../../model/decimal.js";
import type { Field, Fields } from "../../model/field.js";
import { fits } from "../../model/values.js";
import type { RecordData } from "./adapter.js";
import { Misfit, typeName, within } from "./misfit.js";

type Encode = (value: unknown) => string;
type Decode = (raw: unknown) => unknown;

/** Makes the JSON of a field's values. Numbers that JSON readers would round are texts. */
export function compileJsonEncoder(field: Field): Encode {
  const encode = encoderOf(field);
  return field.nullable ? (value) => (value === null ? "null" : encode(value)) : encode;
}

function encoderOf(field: Field): Encode {
  switch (field.kind) {
    case "string":
    case "enum":
    case "boolean":
    case "json":
      return JSON.stringify as Encode;
    case "uuid":
      return (value) => `"${(value as string).toLowerCase()}"`;
    case "int":
      return (value) => String(value);
    case "double":
      return (value) => (Object.is(value, -0) ? "-0" : String(value));
    case "int64":
      return (value) => `"${String(value)}"`;
    case "decimal":
      return (value) => `"${normalizeDecimal(value as string, field.scale)}"`;
    case "date":
      return (value) => String((value as Date).getTime());
    case "bytes":
      return (value) => `"${Buffer.from(value as Uint8Array).toString("base64")}"`;
    case "array": {
      const element = compileJsonEncoder(field.element);
      return (value) => `[${(value as unknown[]).map(element).join(",")}]`;
    }
    case "object": {
      const members = Object.entries(field.fields).map(([name, one]) => ({
        name,
        head: `${JSON.stringify(name)}:`,
        encode: compileJsonEncoder(one),
      }));
      return (value) => {
        const parts: string[] = [];
        for (const { name, head, encode } of members) {
          const member = (value as RecordData)[name];
          if (member !== undefined) parts.push(head + encode(member));
        }
        return `{${parts.join(",")}}`;
      };
    }
    case "map": {
      const inner = compileJsonEncoder(field.value);
      return (value) =>
        `{${Object.entries(value as object)
          .filter(([, member]) => member !== undefined)
          .map(([name, member]) => `${JSON.stringify(name)}:${inner(member)}`)
          .join(",")}}`;
    }
    default:
      return field satisfies never;
  }
}

/** Reads the JSON of a field's values, parsed; throws {@link Misfit} where it is none. */
export function compileJsonDecoder(field: Field): Decode {
  const decode = decoderOf(field);
  if (field.kind === "json") return decode;
  return (raw) => {
    if (raw === null) {
      if (field.nullable) return null;
      throw new Misfit(`a value of type ${field.kind}`, "null");
    }
    return decode(raw);
  };
}

function decoderOf(field: Field): Decode {
  const misfit = (raw: unknown): Misfit => new Misfit(`a value of type ${field.kind}`, typeName(raw));
  /** A value that JSON has as text, made into the field's and checked. */
  const made =
    (make: (raw: string) => unknown): Decode =>
    (raw) => {
      if (typeof raw !== "string") throw misfit(raw);
      let value: unknown;
      try {
        value = make(raw);
      } catch {
        throw misfit(raw);
      }
      if (!fits(field, value)) throw misfit(raw);
      return value;
    };
  switch (field.kind) {
    case "string":
      return (raw) => {
        if (typeof raw !== "string") throw misfit(raw);
        return raw;
      };
    case "enum":
    case "uuid":
      return made((raw) => raw);
    case "decimal": {
      // As it is written: with all its digits, and none too many.
      const shape = new RegExp(field.scale === 0 ? "^-?\\d+$" : `^-?\\d+\\.\\d{${field.scale}}$`);
      return (raw) => {
        if (typeof raw !== "string" || !shape.test(raw)) throw misfit(raw);
        return raw;
      };
    }
    case "int":
      return (raw) => {
        if (!Number.isSafeInteger(raw)) throw misfit(raw);
        return raw;
      };
    case "double":
      return (raw) => {
        if (!Number.isFinite(raw)) throw misfit(raw);
        return raw;
      };
    case "boolean":
      return (raw) => {
        if (typeof raw !== "boolean") throw misfit(raw);
        return raw;
      };
    case "int64":
      return made((raw) => BigInt(raw));
    case "date":
      return (raw) => {
        const date = new Date(raw as number);
        if (typeof raw !== "number" || Number.isNaN(date.getTime())) throw misfit(raw);
        return date;
      };
    case "bytes":
      return made((raw) => new Uint8Array(Buffer.from(raw, "base64")));
    case "array": {
      const element = compileJsonDecoder(field.element);
      return (raw) => {
        if (!Array.isArray(raw)) throw misfit(raw);
        return raw.map((one, i) => within(i, () => element(one)));
      };
    }
    case "object":
      return compileObject(field.fields, misfit);
    case "map": {
      const inner = compileJsonDecoder(field.value);
      return (raw) => {
        if (!isObject(raw)) throw misfit(raw);
        return Object.fromEntries(Object.entries(raw).map(([name, one]) => [name, within(name, () => inner(one))]));
      };
    }
    case "json":
      return (raw) => raw;
    default:
      return field satisfies never;
  }
}

function compileObject(fields: Fields, misfit: (raw: unknown) => Misfit): Decode {
  const members = Object.entries(fields).map(([name, type]) => ({ name, type, decode: compileJsonDecoder(type) }));
  return (raw) => {
    if (!isObject(raw)) throw misfit(raw);
    const made: Record<string, unknown> = {};
    for (const { name, type, decode } of members) {
      const one = raw[name];
      if (one !== undefined) made[name] = within(name, () => decode(one));
      else if (!type.optional) throw new Misfit(`a value of type ${type.kind}`, "nothing").at(name);
    }
    return made;
  };
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}
