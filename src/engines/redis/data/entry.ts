import { Bytes } from "./bytes.js";
import type { HashData } from "./hash.js";
import type { ListData } from "./list.js";
import { parseInt64 } from "./numbers.js";
import type { SetData } from "./set.js";
import type { SortedSetData } from "./sorted-set.js";
import type { StreamData } from "./stream.js";

/** Types as Redis numbers them. */
export const TYPE_STRING = 0;
export const TYPE_LIST = 1;
export const TYPE_SET = 2;
export const TYPE_ZSET = 3;
export const TYPE_HASH = 4;
export const TYPE_STREAM = 5;

export type TypeNumber = 0 | 1 | 2 | 3 | 4 | 5;
export const typeNames = ["string", "list", "set", "zset", "hash", "stream"] as const;

/** A string's value: bytes one for each character, an integer that was counted, or bytes that change in place. */
export type StringValue = string | number | Bytes;
export type Value = StringValue | ListData | SetData | SortedSetData | HashData | StreamData;

/** One key of a database. */
export class Entry {
  readonly key: string;
  type: TypeNumber;
  value: Value;
  /** Milliseconds since 1970; 0 for never. */
  expireAt = 0;
  /** Seconds of the last access, or with an LFU policy minutes and a counter (see data/eviction.ts). */
  access: number;
  /** Place in the database's dense array. */
  index = 0;
  /** Bytes that were last counted for it. */
  bytes = 0;

  constructor(key: string, type: TypeNumber, value: Value, access: number) {
    this.key = key;
    this.type = type;
    this.value = value;
    this.access = access;
  }
}

/** The bytes of a string's value. */
export function stringOf(value: StringValue): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : value.toString();
}

export function stringLength(value: StringValue): number {
  if (typeof value === "string") return value.length;
  return typeof value === "number" ? String(value).length : value.length;
}

/** Fixed costs in bytes, measured on 64-bit V8: an entry with its map and array slots, a member of a collection. */
const entryBytes = 136;
const memberBytes = 48;

/** An estimate of the memory that an entry takes. */
export function sizeOfEntry(entry: Entry): number {
  const base = entryBytes + entry.key.length;
  const { value } = entry;
  switch (entry.type) {
    case TYPE_STRING:
      if (typeof value === "string") return base + value.length;
      return typeof value === "number" ? base : base + 96 + (value as Bytes).data.length;
    case TYPE_LIST: {
      const list = value as ListData;
      return base + 64 + list.bytes + list.length * 24;
    }
    case TYPE_SET: {
      const set = value as SetData;
      return base + 64 + set.bytes + set.size * memberBytes;
    }
    case TYPE_ZSET: {
      const zset = value as SortedSetData;
      return base + 128 + zset.bytes + zset.size * (memberBytes + 40);
    }
    case TYPE_HASH:
      return base + 64 + (value as HashData).heldBytes;
    default: {
      const stream = value as StreamData;
      return base + 256 + stream.bytes + stream.length * 48;
    }
  }
}

/** What OBJECT ENCODING answers. */
export function encodingOf(entry: Entry, listMaxEntries: (list: ListData) => boolean): string {
  const { value } = entry;
  switch (entry.type) {
    case TYPE_STRING:
      if (typeof value === "number") return "int";
      if (value instanceof Bytes) return "raw";
      if (parseInt64(value as string) !== undefined) return "int";
      return (value as string).length <= 44 ? "embstr" : "raw";
    case TYPE_LIST:
      return listMaxEntries(value as ListData) ? "listpack" : "quicklist";
    case TYPE_SET:
      return (value as SetData).encoding;
    case TYPE_ZSET:
      return (value as SortedSetData).compact ? "listpack" : "skiplist";
    case TYPE_HASH:
      return (value as HashData).compact ? "listpack" : "hashtable";
    default:
      return "stream";
  }
}
