import { crc64 } from "./crc64.js";
import {
  type Entry,
  type StringValue,
  stringOf,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_SET,
  TYPE_STRING,
  TYPE_ZSET,
} from "./entry.js";
import type { HashData } from "./hash.js";
import type { ListData } from "./list.js";
import type { Int } from "./numbers.js";
import type { SetData } from "./set.js";
import type { SortedSetData } from "./sorted-set.js";
import type { StreamData } from "./stream.js";
import { maxId, type StreamId, zeroId } from "./stream-ids.js";

/*
 * Values in Redis' own file format, as DUMP gives them: the plain encodings, which every version reads.
 * Version 11 is that of Redis 7.2.
 */

export const rdbVersion = 11;
export const RDB_STRING = 0;
export const RDB_LIST = 1;
export const RDB_SET = 2;
export const RDB_HASH = 4;
export const RDB_ZSET_2 = 5;
export const RDB_STREAM_3 = 21;

/** Collects bytes of Redis' file format. */
export class RdbWriter {
  #data = Buffer.alloc(256);
  #length = 0;

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#data.length) return;
    const data = Buffer.alloc(Math.max(this.#data.length * 2, this.#length + bytes));
    this.#data.copy(data, 0, 0, this.#length);
    this.#data = data;
  }

  byte(value: number): void {
    this.#room(1);
    this.#data[this.#length++] = value;
  }

  bytes(source: Buffer): void {
    this.#room(source.length);
    source.copy(this.#data, this.#length);
    this.#length += source.length;
  }

  length(value: Int): void {
    if (value < 64) this.byte(Number(value));
    else if (value < 16_384) {
      this.byte(0x40 | (Number(value) >> 8));
      this.byte(Number(value) & 255);
    } else if (value <= 0xffffffff) {
      this.byte(0x80);
      this.#room(4);
      this.#length = this.#data.writeUInt32BE(Number(value), this.#length);
    } else {
      this.byte(0x81);
      this.#room(8);
      this.#length = this.#data.writeBigUInt64BE(BigInt(value), this.#length);
    }
  }

  text(value: string): void {
    this.length(value.length);
    this.#room(value.length);
    this.#length += this.#data.write(value, this.#length, "latin1");
  }

  double(value: number): void {
    this.#room(8);
    this.#length = this.#data.writeDoubleLE(value, this.#length);
  }

  millis(value: number): void {
    this.#room(8);
    this.#length = this.#data.writeBigInt64LE(BigInt(Math.floor(value)), this.#length);
  }

  uint64(value: Int): void {
    this.#room(8);
    this.#length = this.#data.writeBigUInt64LE(BigInt(value), this.#length);
  }

  /** 128 bits, the greater first: an id as a key of Redis' radix trees. */
  id(id: StreamId): void {
    this.#room(16);
    this.#length = this.#data.writeBigUInt64BE(BigInt(id.ms), this.#length);
    this.#length = this.#data.writeBigUInt64BE(BigInt(id.seq), this.#length);
  }

  /** How many bytes have gathered. */
  get size(): number {
    return this.#length;
  }

  /** What has gathered, which is begun anew. */
  take(): Buffer {
    const bytes = Buffer.from(this.whole());
    this.#length = 0;
    return bytes;
  }

  whole(): Buffer {
    return this.#data.subarray(0, this.#length);
  }
}

/** One element of a listpack: an integer or a string, with its length behind it for reading backwards. */
function listpackElement(out: number[], value: string | number): void {
  const from = out.length;
  if (typeof value === "number" && value >= 0 && value < 128) out.push(value);
  else {
    const text = String(value);
    if (text.length < 64) out.push(0x80 | text.length);
    else if (text.length < 4096) out.push(0xe0 | (text.length >> 8), text.length & 255);
    else {
      const n = text.length;
      out.push(0xf0, n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24);
    }
    for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i));
  }
  const size = out.length - from;
  // The length in groups of seven bits, the last group first when read backwards.
  const groups: number[] = [];
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    groups.push(rest & 127);
    if (rest < 128) break;
  }
  groups.reverse();
  groups.forEach((group, i) => {
    out.push(i === 0 ? group : group | 128);
  });
}

function listpack(elements: readonly (string | number)[]): string {
  const body: number[] = [];
  for (const element of elements) listpackElement(body, element);
  const total = body.length + 7;
  const head = Buffer.alloc(6);
  head.writeUInt32LE(total, 0);
  head.writeUInt16LE(Math.min(elements.length, 65_535), 4);
  return Buffer.concat([head, Buffer.from(body), Buffer.from([255])]).toString("latin1");
}

function idBytes(id: StreamId): string {
  const out = Buffer.alloc(16);
  out.writeBigUInt64BE(BigInt(id.ms), 0);
  out.writeBigUInt64BE(BigInt(id.seq), 8);
  return out.toString("latin1");
}

/** Entries in listpacks of up to a hundred, fields named in each entry. */
function writeStream(out: RdbWriter, stream: StreamData): void {
  const entries = stream.range(zeroId, maxId, 0, false);
  const nodes: (typeof entries)[] = [];
  for (let i = 0; i < entries.length; i += 100) nodes.push(entries.slice(i, i + 100));
  out.length(nodes.length);
  for (const node of nodes) {
    const master = node[0]!.id;
    const elements: (string | number)[] = [node.length, 0, 0, 0];
    for (const { id, fields } of node) {
      elements.push(0, String(BigInt(id.ms) - BigInt(master.ms)), String(BigInt(id.seq) - BigInt(master.seq)));
      elements.push(fields.length / 2, ...fields, String(fields.length + 4));
    }
    out.text(idBytes(master));
    out.text(listpack(elements));
  }
  const pair = (id: StreamId): void => {
    out.length(id.ms);
    out.length(id.seq);
  };
  out.length(stream.length);
  pair(stream.lastId);
  pair(stream.firstId);
  pair(stream.maxDeletedId);
  out.length(stream.entriesAdded);
  const groups = stream.sortedGroups();
  out.length(groups.length);
  for (const group of groups) {
    out.text(group.name);
    pair(group.lastId);
    // −1 is written as an unsigned number of 64 bits.
    out.length(group.entriesRead < 0 ? 18446744073709551615n : group.entriesRead);
    out.length(group.pending.size);
    group.pending.each((id, pending) => {
      out.id(id);
      out.millis(pending.deliveredAt);
      out.length(pending.deliveries);
      return true;
    });
    const consumers = group.sortedConsumers();
    out.length(consumers.length);
    for (const consumer of consumers) {
      out.text(consumer.name);
      out.millis(consumer.seenAt);
      out.millis(consumer.activeAt);
      out.length(consumer.pending.size);
      consumer.pending.each((id) => {
        out.id(id);
        return true;
      });
    }
  }
}

/** A value's type. */
function typeOf(entry: Entry): number {
  switch (entry.type) {
    case TYPE_STRING:
      return RDB_STRING;
    case TYPE_LIST:
      return RDB_LIST;
    case TYPE_SET:
      return RDB_SET;
    case TYPE_ZSET:
      return RDB_ZSET_2;
    case TYPE_HASH:
      return RDB_HASH;
    default:
      return RDB_STREAM_3;
  }
}

function writeValue(out: RdbWriter, entry: Entry): void {
  const { value } = entry;
  switch (entry.type) {
    case TYPE_STRING:
      out.text(stringOf(value as StringValue));
      return;
    case TYPE_LIST: {
      const list = value as ListData;
      out.length(list.length);
      for (let i = 0; i < list.length; i++) out.text(list.at(i));
      return;
    }
    case TYPE_SET: {
      const set = value as SetData;
      out.length(set.size);
      for (const item of set.items) out.text(item);
      return;
    }
    case TYPE_ZSET: {
      const zset = value as SortedSetData;
      out.length(zset.size);
      for (const { member, score } of zset.entries()) {
        out.text(member);
        out.double(score);
      }
      return;
    }
    case TYPE_HASH: {
      const hash = value as HashData;
      out.length(hash.size);
      for (let i = 0; i < hash.size; i++) {
        out.text(hash.fieldAt(i));
        out.text(hash.valueAt(i));
      }
      return;
    }
    default:
      writeStream(out, value as StreamData);
  }
}

/** A key as a file of all keys holds it: its expiry, its type, its name, its value. */
export function writeKey(out: RdbWriter, entry: Entry): void {
  if (entry.expireAt !== 0) {
    out.byte(0xfc);
    out.millis(entry.expireAt);
  }
  out.byte(typeOf(entry));
  out.text(entry.key);
  writeValue(out, entry);
}

/** What DUMP answers: the value, the format's version, and a checksum of both. */
export function dumpValue(entry: Entry): string {
  const out = new RdbWriter();
  out.byte(typeOf(entry));
  writeValue(out, entry);
  out.byte(rdbVersion);
  out.byte(0);
  const body = out.whole();
  out.uint64(crc64(body, body.length));
  return out.whole().toString("latin1");
}
