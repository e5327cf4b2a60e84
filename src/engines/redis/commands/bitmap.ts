import type { Client } from "../client.js";
import { Bytes } from "../data/bytes.js";
import { NOTIFY_GENERIC, NOTIFY_STRING } from "../data/database.js";
import { type Entry, type StringValue, stringOf, TYPE_STRING } from "../data/entry.js";
import { err, type Reply, SYNTAX } from "../protocol/reply.js";
import { long, longIn, stringAt } from "./arguments.js";

const BAD_OFFSET = err("bit offset is not an integer or out of range");
const BAD_BIT = err("bit is not an integer or out of range");

/** The offset of a bit, or with `#` of the n-th integer of a width. */
export function bitOffset(c: Client, text: string, width: number): number {
  const counted = width > 0 && text.startsWith("#");
  let offset = long(counted ? text.slice(1) : text, BAD_OFFSET);
  if (counted) offset *= width;
  if (offset < 0 || (!c.trusted && offset >= c.server.config.protoMaxBulkLen * 8)) throw BAD_OFFSET;
  return offset;
}

/** The string at a key in the form that changes in place, at least so long. */
export function bytesForWrite(c: Client, key: string, length: number): Bytes {
  const entry = stringAt(c.db.write(key));
  let bytes: Bytes;
  if (entry === undefined) {
    bytes = new Bytes(Buffer.alloc(0));
    c.db.add(key, TYPE_STRING, bytes);
  } else {
    const value = entry.value as StringValue;
    bytes = value instanceof Bytes ? value : Bytes.of(stringOf(value));
    entry.value = bytes;
  }
  bytes.grow(length);
  return bytes;
}

/** The bytes of a string that is only read. */
export function bytesOf(entry: Entry | undefined): Buffer {
  if (entry === undefined) return Buffer.alloc(0);
  const value = entry.value as StringValue;
  return value instanceof Bytes ? value.data.subarray(0, value.length) : Buffer.from(stringOf(value), "latin1");
}

export function setbit(c: Client, a: string[]): Reply {
  const offset = bitOffset(c, a[2]!, 0);
  const bit = longIn(a[3]!, 0, 1, BAD_BIT);
  const at = Math.floor(offset / 8);
  const before = stringAt(c.db.peek(a[1]!));
  const oldLength = before === undefined ? -1 : bytesLength(before);
  const bytes = bytesForWrite(c, a[1]!, at + 1);
  const mask = 128 >> (offset % 8);
  const old = bytes.data[at]! & mask ? 1 : 0;
  if (old !== bit || bytes.length !== oldLength) {
    if (bit === 1) bytes.data[at]! |= mask;
    else bytes.data[at]! &= ~mask;
    c.db.changed(a[1]!, c);
    c.server.notify(NOTIFY_STRING, "setbit", a[1]!, c.db);
    c.server.dirty++;
  }
  return old;
}

function bytesLength(entry: Entry): number {
  const value = entry.value as StringValue;
  return value instanceof Bytes ? value.length : stringOf(value).length;
}

export function getbit(c: Client, a: string[]): Reply {
  const offset = bitOffset(c, a[2]!, 0);
  const entry = stringAt(c.db.read(a[1]!));
  if (entry === undefined) return 0;
  const at = Math.floor(offset / 8);
  const value = entry.value as StringValue;
  if (at >= bytesLength(entry)) return 0;
  const byte = value instanceof Bytes ? value.data[at]! : stringOf(value).charCodeAt(at);
  return byte & (128 >> (offset % 8)) ? 1 : 0;
}

const popcounts = new Uint8Array(256);
for (let i = 1; i < 256; i++) popcounts[i] = (i & 1) + popcounts[i >> 1]!;

/** A range of bytes or bits as BITCOUNT and BITPOS take it; undefined when it is empty. */
function rangeOf(length: number, startText: string, endText: string | undefined, inBits: boolean) {
  const total = inBits ? length * 8 : length;
  let start = long(startText);
  let end = endText === undefined ? total - 1 : long(endText);
  if (start < 0) start = Math.max(0, start + total);
  if (end < 0) end = Math.max(0, end + total);
  if (end >= total) end = total - 1;
  return start > end ? undefined : inBits ? { start, end } : { start: start * 8, end: end * 8 + 7 };
}

function unitOf(text: string | undefined): boolean {
  const unit = text?.toUpperCase();
  if (unit !== undefined && unit !== "BIT" && unit !== "BYTE") throw SYNTAX;
  return unit === "BIT";
}

export function bitcount(c: Client, a: string[]): Reply {
  if (a.length === 3 || a.length > 5) return SYNTAX;
  if (a.length > 2) {
    long(a[2]!);
    long(a[3]!);
  }
  const inBits = unitOf(a[4]);
  const entry = stringAt(c.db.read(a[1]!));
  if (entry === undefined) return 0;
  const bytes = bytesOf(entry);
  // Unlike BITPOS, a range that runs backwards from the end is empty here.
  if (a.length > 2 && long(a[2]!) < 0 && long(a[3]!) < 0 && long(a[2]!) > long(a[3]!)) return 0;
  const range = a.length === 2 ? { start: 0, end: bytes.length * 8 - 1 } : rangeOf(bytes.length, a[2]!, a[3]!, inBits);
  if (range === undefined) return 0;
  const first = Math.floor(range.start / 8);
  const last = Math.floor(range.end / 8);
  let count = 0;
  for (let i = first; i <= last; i++) {
    let byte = bytes[i]!;
    if (i === first) byte &= 255 >> (range.start % 8);
    if (i === last) byte &= (255 << (7 - (range.end % 8))) & 255;
    count += popcounts[byte]!;
  }
  return count;
}

export function bitpos(c: Client, a: string[]): Reply {
  const bit = longIn(a[2]!, 0, 1, err("The bit argument must be 1 or 0."));
  if (a.length > 6) return SYNTAX;
  if (a.length > 3) long(a[3]!);
  if (a.length > 4) long(a[4]!);
  const inBits = unitOf(a[5]);
  const entry = stringAt(c.db.read(a[1]!));
  if (entry === undefined) return bit === 1 ? -1 : 0;
  const bytes = bytesOf(entry);
  const range =
    a.length === 3 ? rangeOf(bytes.length, "0", undefined, false) : rangeOf(bytes.length, a[3]!, a[4], inBits);
  if (range === undefined || bytes.length === 0) return -1;
  const skip = bit === 1 ? 0 : 255;
  for (let at = range.start; at <= range.end; ) {
    const byte = bytes[Math.floor(at / 8)]!;
    if (at % 8 === 0 && byte === skip && at + 8 <= range.end + 1) {
      at += 8;
      continue;
    }
    if (((byte >> (7 - (at % 8))) & 1) === bit) return at;
    at++;
  }
  // Beyond a string's end there are zeros, unless an end was given.
  return bit === 0 && a.length < 5 ? bytes.length * 8 : -1;
}

export function bitop(c: Client, a: string[]): Reply {
  const operation = a[1]!.toUpperCase();
  if (operation !== "AND" && operation !== "OR" && operation !== "XOR" && operation !== "NOT") return SYNTAX;
  const target = a[2]!;
  if (operation === "NOT" && a.length !== 4) return err("BITOP NOT must be called with a single source key.");
  const sources = a.slice(3).map((key) => bytesOf(stringAt(c.db.read(key))));
  const length = Math.max(...sources.map((source) => source.length));
  const { db, server } = c;
  if (length === 0) {
    const existing = db.peek(target);
    if (existing !== undefined) {
      db.delete(existing);
      db.signal(target, c);
      server.notify(NOTIFY_GENERIC, "del", target, db);
      server.dirty++;
    }
    return 0;
  }
  const out = Buffer.alloc(length);
  const [first, ...others] = sources as [Buffer, ...Buffer[]];
  first.copy(out);
  if (operation === "NOT") for (let i = 0; i < length; i++) out[i] = ~out[i]!;
  for (const source of others) {
    for (let i = 0; i < length; i++) {
      const byte = i < source.length ? source[i]! : 0;
      if (operation === "AND") out[i]! &= byte;
      else if (operation === "OR") out[i]! |= byte;
      else out[i]! ^= byte;
    }
  }
  db.peek(target);
  db.set(target, TYPE_STRING, new Bytes(out));
  db.changed(target, c);
  server.notify(NOTIFY_STRING, "set", target, db);
  server.dirty++;
  return length;
}
