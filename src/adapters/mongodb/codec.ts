import { KeyfoldError } from "../../internal/errors.js";
import type { Field, Fields } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { RecordData } from "../port/adapter.js";
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
import type { BsonValues, DecimalValue } from "./bson-values.js";
import { decodeDecimal, encodeDecimal } from "./decimal128.js";
import type { Doc } from "./driver.js";

/** Field of the document that holds the ids of writes that were given one, newest last. */
export const WRITES = "_w";
/** MongoDB's limit for one document. */
export const MAX_DOCUMENT_BYTES = 16_777_216;

/** Turns a value of a record into what the driver serializes. Adds an upper bound of its bytes to `size.bytes`. */
export type Encode = (value: unknown) => unknown;

/** Bytes that the encoders of the current document have asked for, at most. One document is encoded at a time. */
const size = { bytes: 0 };

/** A value that does not fit the field, found while reading. `path` grows on the way out. */
class Misfit {
  readonly expected: string;
  readonly found: string;
  readonly path: (string | number)[] = [];
  constructor(expected: string, found: string) {
    this.expected = expected;
    this.found = found;
  }
}

// ---------------------------------------------------------------- writing

/** Compiles the encoder of a field's type. */
export function compileEncoder(field: Field, values: BsonValues): Encode {
  const encode = compileValue(field, values);
  if (!field.nullable) return encode;
  return (value) => {
    if (value !== null) return encode(value);
    size.bytes += 1;
    return null;
  };
}

function compileValue(field: Field, values: BsonValues): Encode {
  switch (field.kind) {
    case "string":
    case "enum":
      return (value) => {
        // Three bytes are the most that one UTF-16 unit takes in UTF-8.
        size.bytes += 5 + 3 * (value as string).length;
        return value;
      };
    case "int":
      return (value) => {
        size.bytes += 8;
        const number = value as number;
        return (number | 0) === number ? number | 0 : values.longOfNumber(number);
      };
    case "int64":
      return (value) => {
        size.bytes += 8;
        return values.longOfBigInt(value as bigint);
      };
    case "double":
      return (value) => {
        size.bytes += 8;
        // The driver would store a whole number as an int32.
        return Number.isInteger(value) ? values.double(value as number) : value;
      };
    case "decimal":
      return compileDecimal(field.scale, values);
    case "boolean":
      return (value) => {
        size.bytes += 1;
        return value;
      };
    case "date":
      return (value) => {
        size.bytes += 8;
        return value;
      };
    case "bytes":
      return (value) => {
        size.bytes += 5 + (value as Uint8Array).length;
        return values.binary(value as Uint8Array);
      };
    case "uuid":
      return (value) => {
        size.bytes += 21;
        return values.uuid(Buffer.from((value as string).replaceAll("-", ""), "hex"));
      };
    case "array": {
      const element = compileEncoder(field.element, values);
      return (value) => {
        const items = value as readonly unknown[];
        size.bytes += 5 + 12 * items.length;
        return items.map(element);
      };
    }
    case "object":
      return compileFields(field.fields, values);
    case "map": {
      const inner = compileEncoder(field.value, values);
      return (value) => {
        const doc: Doc = Object.create(null);
        size.bytes += 5;
        for (const [name, item] of Object.entries(value as object)) {
          if (item === undefined) continue;
          doc[checkName(name)] = inner(item);
          size.bytes += 2 + 3 * name.length;
        }
        return doc;
      };
    }
    case "json":
      return encodeJson;
    default:
      return field satisfies never;
  }
}

function compileDecimal(scale: number, values: BsonValues): Encode {
  // Prices and amounts repeat; the values are immutable and may be shared.
  const recent = new Map<string, DecimalValue>();
  return (value) => {
    size.bytes += 16;
    const text = value as string;
    const known = recent.get(text);
    if (known !== undefined) return known;
    const bytes = encodeDecimal(text, scale);
    if (bytes === undefined) {
      throw new KeyfoldError(
        "OUT_OF_RANGE",
        `${JSON.stringify(text)} does not fit a decimal with ${scale} digits after the point and 34 digits in all.`,
        {
          fix: "Round the amount, or give the field a larger scale.",
        },
      );
    }
    const decimal = values.decimal(bytes);
    if (recent.size >= 2_048) recent.clear();
    recent.set(text, decimal);
    return decimal;
  };
}

function compileFields(fields: Fields, values: BsonValues): Encode {
  const names = Object.keys(fields);
  const encoders = names.map((name) => compileEncoder(fields[name]!, values));
  const bytes = names.reduce((sum, name) => sum + 2 + 3 * name.length, 5);
  return (value) => {
    const record = value as RecordData;
    const doc: Doc = {};
    size.bytes += bytes;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const item = record[name];
      if (item !== undefined) doc[name] = encoders[i]!(item);
    }
    return doc;
  };
}

function encodeJson(value: unknown): unknown {
  switch (typeof value) {
    case "string":
      size.bytes += 5 + 3 * value.length;
      return value;
    case "object": {
      if (value === null) return null;
      if (Array.isArray(value)) {
        size.bytes += 5 + 12 * value.length;
        return value.map(encodeJson);
      }
      const doc: Doc = Object.create(null);
      size.bytes += 5;
      for (const [name, item] of Object.entries(value)) {
        if (item === undefined) continue;
        doc[checkName(name)] = encodeJson(item);
        size.bytes += 2 + 3 * name.length;
      }
      return doc;
    }
    default:
      size.bytes += 8;
      return value;
  }
}

function checkName(name: string): string {
  if (name.includes("\0")) {
    throw new KeyfoldError(
      "INPUT_INVALID",
      `The name ${JSON.stringify(name)} holds a NUL character, which BSON cannot store in names.`,
    );
  }
  return name;
}

// ---------------------------------------------------------------- reading

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
interface Slot {
  readonly name: string;
  /** The element's name in UTF-8. */
  readonly bytes: Uint8Array;
  readonly decode: Decode;
  readonly required: boolean;
}

/** Reads documents whose members are mostly in the order in which keyfold writes them. */
function slotReader(slots: readonly Slot[]) {
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
class MissingMember {}

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

function slotOf(stored: string, field: Field): Slot {
  return {
    name: stored,
    bytes: new TextEncoder().encode(stored),
    decode: compileDecoder(field),
    required: !field.optional,
  };
}

function missing(names: readonly string[], fields: Fields, object: Readonly<Record<string, unknown>>): Misfit {
  const name = names.find((each) => !fields[each]!.optional && !Object.hasOwn(object, each)) ?? names[0]!;
  const misfit = new Misfit(`a value of type ${fields[name]!.kind}`, "nothing");
  misfit.path.unshift(name);
  return misfit;
}

// ---------------------------------------------------------------- a collection

/** A stored document, read. */
export interface StoredDocument {
  readonly record: Record<string, unknown>;
  /** 0: written by someone who keeps no version. */
  readonly version: number;
  /** Ids of writes and the versions that they made. */
  readonly writes: readonly { readonly id: string; readonly version: number }[];
}

/** Records of one entity ↔ documents of its collection. */
export interface Codec {
  /** The document without version; throws OUT_OF_RANGE, TOO_LARGE, INPUT_INVALID. */
  encode(record: RecordData): Doc;
  /** Most bytes that the last encoded document can have. */
  lastSize(): number;
  /** The `_id` of a key. */
  encodeId(key: RecordData): unknown;
  /** Equal for equal keys only. */
  keyText(key: RecordData): string;
  /** Encoder of a top-level field. */
  encoder(field: string): Encode | undefined;
  /** The record alone. */
  decode(bytes: Uint8Array): Record<string, unknown>;
  decodeStored(bytes: Uint8Array): StoredDocument;
}

const metaFields: Fields = {
  version: { kind: "int", optional: true, nullable: true },
  writes: {
    kind: "array",
    optional: true,
    nullable: true,
    element: {
      kind: "object",
      optional: false,
      nullable: false,
      fields: {
        i: { kind: "string", optional: false, nullable: false },
        v: { kind: "int", optional: false, nullable: false },
      },
    },
  },
};

/** Compiles the codec of a collection once. */
export function compileCodec(collection: MongoCollection, values: BsonValues): Codec {
  const { id, entity } = collection;
  const keyNames = id.kind === "value" ? [id.field] : id.parts.map((part) => part.field);
  const typeOf = new Map(collection.fields.map((stored) => [stored.field, stored.type]));
  const encoders = new Map(collection.fields.map((stored) => [stored.field, compileEncoder(stored.type, values)]));
  const keyEncoders = keyNames.map((name) => encoders.get(name)!);
  const keyFields: Fields = Object.fromEntries(keyNames.map((name) => [name, typeOf.get(name)!]));
  const rest = collection.fields.filter((stored) => !keyNames.includes(stored.field));
  const restNames = rest.map((stored) => stored.path);
  const restEncoders = rest.map((stored) => encoders.get(stored.field)!);
  const overhead = 64 + restNames.reduce((sum, name) => sum + 2 + 3 * name.length, 0);

  const encodeId = (key: RecordData): unknown => {
    if (id.kind === "value") return keyEncoders[0]!(key[id.field]);
    const doc: Doc = {};
    for (let i = 0; i < keyNames.length; i++) {
      size.bytes += 2 + 3 * keyNames[i]!.length;
      doc[keyNames[i]!] = keyEncoders[i]!(key[keyNames[i]!]);
    }
    return doc;
  };

  const encode = (record: RecordData): Doc => {
    size.bytes = overhead;
    const doc: Doc = { _id: encodeId(record) };
    for (let i = 0; i < restNames.length; i++) {
      const name = restNames[i]!;
      const value = record[name];
      if (value !== undefined) doc[name] = restEncoders[i]!(value);
    }
    return doc;
  };

  // Members in the order in which `encode` and the writes put them: _id, fields, version, writes.
  const idSlot: Slot =
    id.kind === "value"
      ? slotOf("_id", typeOf.get(id.field)!)
      : slotOf("_id", { kind: "object", optional: false, nullable: false, fields: keyFields });
  const slots: Slot[] = [idSlot, ...rest.map((stored) => slotOf(stored.path, stored.type))];
  const read = slotReader(slots);
  const versionSlot = slots.length;
  const readStored = slotReader([
    ...slots,
    slotOf(collection.version.path, metaFields["version"]!),
    slotOf(WRITES, metaFields["writes"]!),
  ]);
  const allFields: Fields = Object.fromEntries(collection.fields.map((stored) => [stored.field, stored.type]));
  const allNames = Object.keys(allFields);

  const into = (record: Record<string, unknown>) => (slot: number, value: unknown) => {
    if (value === undefined) return;
    if (slot > 0) record[restNames[slot - 1]!] = value;
    else if (id.kind === "value") record[id.field] = value;
    else Object.assign(record, value);
  };
  const guarded = <T>(record: Record<string, unknown>, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof Misfit) throw mismatch(collection, keyNames, record, error);
      if (error instanceof MissingMember)
        throw mismatch(collection, keyNames, record, missing(allNames, allFields, record));
      throw error;
    }
  };

  const keyText =
    keyNames.length === 1
      ? (key: RecordData) => partText(key[keyNames[0]!])
      : (key: RecordData) => keyNames.map((name) => partText(key[name])).join("\0");

  return {
    encode,
    lastSize: () => size.bytes,
    encodeId,
    keyText,
    encoder: (field) => encoders.get(field),
    decode(bytes) {
      const record: Record<string, unknown> = {};
      return guarded(record, () => {
        read(asBuffer(bytes), 0, into(record));
        return record;
      });
    },
    decodeStored(bytes) {
      const record: Record<string, unknown> = {};
      const put = into(record);
      let version = 0;
      let writes: StoredDocument["writes"] = [];
      return guarded(record, () => {
        readStored(asBuffer(bytes), 0, (slot, value) => {
          if (slot < versionSlot) put(slot, value);
          else if (slot === versionSlot) version = (value as number | null | undefined) ?? 0;
          else {
            const stored = (value ?? []) as readonly { readonly i: string; readonly v: number }[];
            writes = stored.map(({ i, v }) => ({ id: i, version: v }));
          }
        });
        return { record, version, writes };
      });
    },
  };

  function mismatch(of: MongoCollection, names: readonly string[], record: RecordData, misfit: Misfit): KeyfoldError {
    const path = misfit.path[0] === "_id" ? (id.kind === "value" ? [id.field] : misfit.path.slice(1)) : misfit.path;
    const key = Object.fromEntries(
      names.filter((name) => record[name] !== undefined).map((name) => [name, record[name]]),
    );
    const shown = names.map((name) => `${name} ${showKey(key[name])}`).join(", ");
    return new KeyfoldError(
      "SCHEMA_MISMATCH",
      `A stored record of ${entity} (collection ${of.name}, ${shown}) does not fit the schema at ${path.join(".")}: expected ${misfit.expected}, found ${misfit.found}.`,
      {
        fix: "Correct the stored document, or make the schema admit what is stored.",
        issues: [
          {
            code: "stored-mismatch",
            path,
            message: `expected ${misfit.expected}, found ${misfit.found}`,
            fix: "Correct the stored document.",
          },
        ],
        data: { entity, collection: of.name, key, path },
      },
    );
  }
}

function showKey(value: unknown): string {
  if (value === undefined) return "unknown";
  return typeof value === "bigint" ? `${value}` : (JSON.stringify(value) ?? String(value));
}

/** A key's part as text: equal for equal values of one type. */
function partText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return String(value.getTime());
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return String(value);
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
