import { KeyfoldError } from "../../internal/errors.js";
import type { Field, Fields } from "../../model/field.js";
import {
  asBuffer,
  BSON,
  bsonTypeName,
  nameEnd,
  readDouble,
  readInt32,
  readInt64,
  readInt64AsNumber,
  readString,
  skipValue,
} from "./bson-reader.js";
import { decodeDecimal } from "./decimal128.js";

/** A value that does not fit the field, found while reading. `path` grows on the way out. */
export class Misfit {
  readonly expected: string;
  readonly found: string;
  readonly path: (string | number)[] = [];
  constructor(expected: string, found: string) {
    this.expected = expected;
    this.found = found;
  }
}

/** Reads a value of one BSON type at a position; throws a {@link Misfit}. */
type Decode = (bytes: Buffer, type: number, at: number) => unknown;

function compileDecoder(field: Field): Decode {
  const decode = compileRead(field);
  const { nullable, optional } = field;
  return (bytes, type, at) => {
    if (type === BSON.null) {
      if (nullable) return null;
      // Other writers store null where keyfold leaves the field out.
      if (optional) return undefined;
    }
    return decode(bytes, type, at);
  };
}

function compileRead(field: Field): Decode {
  switch (field.kind) {
    case "string":
      return (bytes, type, at) => {
        if (type !== BSON.string) throw new Misfit("a string", bsonTypeName(type));
        return readString(bytes, at);
      };
    case "enum": {
      const known = new Set(field.values);
      const expected = `one of ${field.values
        .slice(0, 10)
        .map((value) => JSON.stringify(value))
        .join(", ")}`;
      return (bytes, type, at) => {
        if (type !== BSON.string) throw new Misfit(expected, bsonTypeName(type));
        const value = readString(bytes, at);
        if (!known.has(value)) throw new Misfit(expected, JSON.stringify(value.slice(0, 40)));
        return value;
      };
    }
    case "int":
      return (bytes, type, at) => {
        if (type === BSON.int32) return readInt32(bytes, at);
        if (type !== BSON.int64 && type !== BSON.double) throw new Misfit("a whole number", bsonTypeName(type));
        const value = type === BSON.int64 ? readInt64AsNumber(bytes, at) : readDouble(bytes, at);
        if (!Number.isSafeInteger(value)) throw new Misfit("a whole number within ±(2^53 − 1)", `${value}`);
        return value + 0;
      };
    case "int64":
      return (bytes, type, at) => {
        if (type === BSON.int64) return readInt64(bytes, at);
        if (type === BSON.int32) return BigInt(readInt32(bytes, at));
        if (type === BSON.double) {
          const value = readDouble(bytes, at);
          if (Number.isSafeInteger(value)) return BigInt(value);
        }
        throw new Misfit("a 64-bit whole number", bsonTypeName(type));
      };
    case "double":
      return (bytes, type, at) => {
        if (type === BSON.double) {
          const value = readDouble(bytes, at);
          if (!Number.isFinite(value)) throw new Misfit("a finite number", `${value}`);
          return value;
        }
        if (type === BSON.int32) return readInt32(bytes, at);
        if (type === BSON.int64) {
          const value = readInt64AsNumber(bytes, at);
          if (Number.isSafeInteger(value)) return value;
        }
        throw new Misfit("a number", bsonTypeName(type));
      };
    case "decimal": {
      const { scale } = field;
      return (bytes, type, at) => {
        if (type === BSON.decimal) {
          const value = decodeDecimal(bytes, at, scale);
          if (value === undefined)
            throw new Misfit(`a decimal with ${scale} digits after the point`, "more digits, or NaN or infinity");
          return value;
        }
        if (type === BSON.int32 || type === BSON.int64) {
          const whole = type === BSON.int32 ? String(readInt32(bytes, at)) : String(readInt64(bytes, at));
          return scale === 0 ? whole : `${whole}.${"0".repeat(scale)}`;
        }
        throw new Misfit("a decimal", bsonTypeName(type));
      };
    }
    case "boolean":
      return (bytes, type, at) => {
        if (type !== BSON.boolean) throw new Misfit("a boolean", bsonTypeName(type));
        return bytes[at] !== 0;
      };
    case "date":
      return (bytes, type, at) => {
        if (type !== BSON.date) throw new Misfit("a date", bsonTypeName(type));
        const date = new Date(readInt64AsNumber(bytes, at));
        if (Number.isNaN(date.getTime())) throw new Misfit("a date of JavaScript's range", "a moment outside it");
        return date;
      };
    case "bytes":
      return (bytes, type, at) => {
        if (type !== BSON.binary) throw new Misfit("bytes", bsonTypeName(type));
        const length = readInt32(bytes, at);
        // A copy: the reply's buffer is large and must not be kept alive by one field.
        return new Uint8Array(bytes.subarray(at + 5, at + 5 + length));
      };
    case "uuid":
      return (bytes, type, at) => {
        if (type === BSON.binary && readInt32(bytes, at) === 16 && bytes[at + 4] === 4) {
          const hex = bytes.toString("hex", at + 5, at + 21);
          return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
        }
        throw new Misfit("a UUID (binary of subtype 4)", bsonTypeName(type));
      };
    case "array": {
      const element = compileDecoder(field.element);
      return (bytes, type, at) => {
        if (type !== BSON.array) throw new Misfit("an array", bsonTypeName(type));
        const items: unknown[] = [];
        let position = at + 4;
        for (let kind = bytes[position]!; kind !== 0; kind = bytes[position]!) {
          const value = nameEnd(bytes, position + 1) + 1;
          try {
            items.push(element(bytes, kind, value));
          } catch (error) {
            if (error instanceof Misfit) error.path.unshift(items.length);
            throw error;
          }
          position = skipValue(bytes, kind, value);
        }
        return items;
      };
    }
    case "object": {
      const read = compileObjectReader(field.fields);
      return (bytes, type, at) => {
        if (type !== BSON.object) throw new Misfit("an object", bsonTypeName(type));
        return read(bytes, at);
      };
    }
    case "map": {
      const inner = compileDecoder(field.value);
      return (bytes, type, at) => {
        if (type !== BSON.object) throw new Misfit("an object", bsonTypeName(type));
        return readEntries(bytes, at, inner);
      };
    }
    case "json":
      return decodeJson;
    default:
      return field satisfies never;
  }
}

function readEntries(bytes: Buffer, at: number, inner: Decode): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  let position = at + 4;
  for (let kind = bytes[position]!; kind !== 0; kind = bytes[position]!) {
    const end = nameEnd(bytes, position + 1);
    const name = bytes.toString("utf8", position + 1, end);
    let value: unknown;
    try {
      value = inner(bytes, kind, end + 1);
    } catch (error) {
      if (error instanceof Misfit) error.path.unshift(name);
      throw error;
    }
    if (name === "__proto__")
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    else object[name] = value;
    position = skipValue(bytes, kind, end + 1);
  }
  return object;
}

function decodeJson(bytes: Buffer, type: number, at: number): unknown {
  switch (type) {
    case BSON.null:
      return null;
    case BSON.string:
      return readString(bytes, at);
    case BSON.boolean:
      return bytes[at] !== 0;
    case BSON.int32:
      return readInt32(bytes, at);
    case BSON.double: {
      const value = readDouble(bytes, at);
      if (Number.isFinite(value)) return value;
      break;
    }
    case BSON.int64: {
      const value = readInt64AsNumber(bytes, at);
      if (Number.isSafeInteger(value)) return value;
      break;
    }
    case BSON.array: {
      const items: unknown[] = [];
      let position = at + 4;
      for (let kind = bytes[position]!; kind !== 0; kind = bytes[position]!) {
        const value = nameEnd(bytes, position + 1) + 1;
        items.push(decodeJson(bytes, kind, value));
        position = skipValue(bytes, kind, value);
      }
      return items;
    }
    case BSON.object:
      return readEntries(bytes, at, decodeJson);
  }
  throw new Misfit("a JSON value", bsonTypeName(type));
}

/** How a member of a document is put into the record. */
export interface Slot {
  readonly name: string;
  /** The element's name in UTF-8. */
  readonly bytes: Uint8Array;
  readonly decode: Decode;
  readonly required: boolean;
}

/** Reads documents whose members are mostly in the order in which keyfold writes them. */
export function slotReader(slots: readonly Slot[]) {
  const byName = new Map(slots.map((slot, index) => [slot.name, index]));
  const requiredCount = slots.filter((slot) => slot.required).length;
  return (bytes: Buffer, at: number, put: (slot: number, value: unknown) => void): void => {
    let position = at + 4;
    let next = 0;
    let required = 0;
    for (let kind = bytes[position]!; kind !== 0; kind = bytes[position]!) {
      const from = position + 1;
      let index = -1;
      let end = 0;
      for (let ahead = next; ahead < slots.length; ahead++) {
        const name = slots[ahead]!.bytes;
        let i = 0;
        while (i < name.length && bytes[from + i] === name[i]) i++;
        if (i === name.length && bytes[from + i] === 0) {
          index = ahead;
          end = from + i;
          break;
        }
      }
      if (index < 0) {
        end = nameEnd(bytes, from);
        index = byName.get(bytes.toString("utf8", from, end)) ?? -1;
      }
      if (index >= 0) {
        const slot = slots[index]!;
        let value: unknown;
        try {
          value = slot.decode(bytes, kind, end + 1);
        } catch (error) {
          if (error instanceof Misfit) error.path.unshift(slot.name);
          throw error;
        }
        put(index, value);
        if (slot.required) required++;
        next = index + 1;
      }
      position = skipValue(bytes, kind, end + 1);
    }
    if (required < requiredCount) throw new MissingMember();
  };
}

/** Thrown by a slot reader that did not meet all required members; the caller knows which. */
export class MissingMember {}

function compileObjectReader(fields: Fields): (bytes: Buffer, at: number) => Record<string, unknown> {
  const names = Object.keys(fields);
  const read = slotReader(names.map((name) => slotOf(name, fields[name]!)));
  return (bytes, at) => {
    const object: Record<string, unknown> = {};
    try {
      read(bytes, at, (slot, value) => {
        if (value !== undefined) object[names[slot]!] = value;
      });
    } catch (error) {
      if (error instanceof MissingMember) throw missing(names, fields, object);
      throw error;
    }
    return object;
  };
}

export function slotOf(stored: string, field: Field): Slot {
  return {
    name: stored,
    bytes: new TextEncoder().encode(stored),
    decode: compileDecoder(field),
    required: !field.optional,
  };
}

export function missing(names: readonly string[], fields: Fields, object: Readonly<Record<string, unknown>>): Misfit {
  const name = names.find((each) => !fields[each]!.optional && !Object.hasOwn(object, each)) ?? names[0]!;
  const misfit = new Misfit(`a value of type ${fields[name]!.kind}`, "nothing");
  misfit.path.unshift(name);
  return misfit;
}

/** Reads one value of a type from a document member; for results of aggregations. */
export function readMember(bytes: Uint8Array, members: { readonly [name: string]: Field }): Record<string, unknown> {
  const names = Object.keys(members);
  const buffer = asBuffer(bytes);
  const object: Record<string, unknown> = {};
  let position = 4;
  for (let kind = buffer[position]!; kind !== 0; kind = buffer[position]!) {
    const end = nameEnd(buffer, position + 1);
    const name = buffer.toString("utf8", position + 1, end);
    if (names.includes(name)) {
      let decode = memberDecoders.get(members[name]!);
      if (decode === undefined) {
        decode = compileDecoder(members[name]!);
        memberDecoders.set(members[name]!, decode);
      }
      try {
        object[name] = decode(buffer, kind, end + 1);
      } catch (error) {
        if (!(error instanceof Misfit)) throw error;
        throw new KeyfoldError(
          "SCHEMA_MISMATCH",
          `A result does not fit its type at ${[name, ...error.path].join(".")}: expected ${error.expected}, found ${error.found}.`,
        );
      }
    }
    position = skipValue(buffer, kind, end + 1);
  }
  return object;
}

const memberDecoders = new WeakMap<Field, Decode>();
