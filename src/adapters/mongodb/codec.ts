import { KeyfoldError } from "../../internal/errors.js";
import type { Fields } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { RecordData } from "../port/adapter.js";
import { asBuffer } from "./bson-reader.js";
import type { BsonValues } from "./bson-values.js";
import { Misfit, MissingMember, missing, type Slot, slotOf, slotReader } from "./decode.js";
import type { Doc } from "./driver.js";
import { compileEncoder, type Encode, size } from "./encode.js";

/** Field of the document that holds the ids of writes that were given one, newest last. */
export const WRITES = "_w";

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
