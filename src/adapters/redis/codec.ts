import { KeyfoldError } from "../../internal/errors.js";
import { normalizeDecimal } from "../../model/decimal.js";
import type { Field, Fields } from "../../model/field.js";
import { fits } from "../../model/values.js";
import type { RedisEntity } from "../../plan/redis/types.js";
import type { RecordData } from "../port/adapter.js";

/** A stored record, read. */
export interface StoredRecord {
  readonly record: Record<string, unknown>;
  readonly version: number;
  /** Ids of writes that their callers named, and the versions that they made. */
  readonly writes: readonly { readonly id: string; readonly version: number }[];
}

/** Records of one entity ↔ the JSON in their keys: a member a line. */
export interface RedisCodec {
  /** The members, without keyfold's own; throws OUT_OF_RANGE, INPUT_INVALID. */
  encode(record: RecordData): string;
  /** One member's value as JSON. */
  encodeMember(field: string, value: unknown): string;
  /** Name of a field's member. */
  nameOf(field: string): string;
  decode(text: string): StoredRecord;
}

type Encode = (value: unknown) => string;
type Decode = (raw: unknown) => unknown;

/** Compiles the codec of an entity once. */
export function compileCodec(entity: RedisEntity): RedisCodec {
  const members = entity.fields.map(({ field, name, type }) => ({
    field,
    name,
    head: `${JSON.stringify(name)}:`,
    encode: compileEncoder(type),
    decode: compileDecoder(type),
    type,
  }));
  const byField = new Map(members.map((member) => [member.field, member]));
  return {
    encode(record) {
      let text = "";
      for (const { field, head, encode } of members) {
        const value = record[field];
        if (value === undefined) continue;
        text += text === "" ? head + encode(value) : `,\n${head}${encode(value)}`;
      }
      return text;
    },
    encodeMember: (field, value) => byField.get(field)!.encode(value),
    nameOf: (field) => byField.get(field)!.name,
    decode(text) {
      let stored: Record<string, unknown>;
      try {
        stored = JSON.parse(text) as Record<string, unknown>;
      } catch {
        throw mismatch(entity, {}, new Misfit("JSON", "other text"));
      }
      const record: Record<string, unknown> = {};
      let at = 0;
      try {
        for (; at < members.length; at++) {
          const { field, name, type, decode } = members[at]!;
          const raw = stored[name];
          if (raw !== undefined) record[field] = decode(raw);
          else if (!type.optional) throw new Misfit(`a value of type ${type.kind}`, "nothing");
        }
      } catch (error) {
        throw error instanceof Misfit ? mismatch(entity, record, error.at(members[at]!.field)) : error;
      }
      return { record, version: (stored["_v"] as number | undefined) ?? 0, writes: writesOf(stored["_w"]) };
    },
  };
}

function writesOf(text: unknown): StoredRecord["writes"] {
  if (typeof text !== "string") return [];
  return text.split(",").map((one) => {
    const [id = "", version = "0"] = one.split(":");
    return { id, version: Number(version) };
  });
}

/** Makes the JSON of a field's values. Numbers that JSON readers would round are texts. */
export function compileEncoder(field: Field): Encode {
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
      const element = compileEncoder(field.element);
      return (value) => `[${(value as unknown[]).map(element).join(",")}]`;
    }
    case "object": {
      const members = Object.entries(field.fields).map(([name, one]) => ({
        name,
        head: `${JSON.stringify(name)}:`,
        encode: compileEncoder(one),
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
      const inner = compileEncoder(field.value);
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

/** What is stored does not fit the field. `path` grows on the way out. */
class Misfit extends Error {
  readonly path: (string | number)[] = [];
  readonly expected: string;
  readonly found: string;

  constructor(expected: string, found: string) {
    super("misfit");
    this.expected = expected;
    this.found = found;
  }

  at(step: string | number): this {
    this.path.unshift(step);
    return this;
  }
}

function compileDecoder(field: Field): Decode {
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
      const element = compileDecoder(field.element);
      return (raw) => {
        if (!Array.isArray(raw)) throw misfit(raw);
        return raw.map((one, i) => within(i, () => element(one)));
      };
    }
    case "object":
      return compileObject(field.fields, misfit);
    case "map": {
      const inner = compileDecoder(field.value);
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
  const members = Object.entries(fields).map(([name, type]) => ({ name, type, decode: compileDecoder(type) }));
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

function within<T>(step: string | number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Misfit ? error.at(step) : error;
  }
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}

function typeName(raw: unknown): string {
  if (raw === null) return "null";
  return Array.isArray(raw) ? "array" : typeof raw;
}

function mismatch(entity: RedisEntity, record: RecordData, misfit: Misfit): KeyfoldError {
  const { path, expected, found } = misfit;
  const key = Object.fromEntries(
    entity.key.filter((name) => record[name] !== undefined).map((name) => [name, record[name]]),
  );
  const shown = entity.key
    .map(
      (name) =>
        `${name} ${key[name] === undefined ? "unknown" : typeof key[name] === "bigint" ? key[name] : JSON.stringify(key[name])}`,
    )
    .join(", ");
  return new KeyfoldError(
    "SCHEMA_MISMATCH",
    `A stored record of ${entity.entity} (${shown}) does not fit the schema at ${path.join(".")}: expected ${expected}, found ${found}.`,
    {
      fix: "Correct the stored record, or make the schema admit what is stored.",
      issues: [
        {
          code: "stored-mismatch",
          path,
          message: `expected ${expected}, found ${found}`,
          fix: "Correct the stored record.",
        },
      ],
      data: { entity: entity.entity, key, path },
    },
  );
}
