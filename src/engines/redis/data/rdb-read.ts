import { crc64 } from "./crc64.js";
import { TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING, TYPE_ZSET, type TypeNumber } from "./entry.js";
import { type Int, normalInt, parseDouble } from "./numbers.js";
import { readPacked } from "./packed.js";
import { rdbVersion } from "./rdb-write.js";
import { Consumer, Group, type Pending, StreamData } from "./stream.js";
import { parseId, type StreamId, zeroId } from "./stream-ids.js";

/** A value that was read, in pieces that the caller puts together under its own limits. */
export type LoadedValue =
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "set"; readonly items: readonly string[] }
  | { readonly kind: "zset"; readonly items: readonly { member: string; score: number }[] }
  | { readonly kind: "hash"; readonly items: readonly string[] }
  | { readonly kind: "stream"; readonly stream: StreamData };

export class BadData extends Error {}

/** Reads lengths, strings and numbers; throws {@link BadData} where the bytes end too soon. */
export class RdbReader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes < 0 || at + bytes > this.#data.length) throw new BadData("too short");
    this.#at += bytes;
    return at;
  }

  /** Whether all bytes are read. */
  get ended(): boolean {
    return this.#at >= this.#data.length;
  }

  /** How many bytes are read. */
  get position(): number {
    return this.#at;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  byte(): number {
    return this.#data[this.#take(1)]!;
  }

  double(): number {
    return this.#data.readDoubleLE(this.#take(8));
  }

  millis(): number {
    return Number(this.#data.readBigInt64LE(this.#take(8)));
  }

  id(): StreamId {
    const at = this.#take(16);
    return {
      ms: normalInt(this.#data.readBigUInt64BE(at)),
      seq: normalInt(this.#data.readBigUInt64BE(at + 8)),
    };
  }

  /** A length, or the code of a specially encoded string. */
  #lengthOrCode(): { length: Int } | { code: number } {
    const first = this.byte();
    switch (first >> 6) {
      case 0:
        return { length: first & 63 };
      case 1:
        return { length: ((first & 63) << 8) | this.byte() };
      case 2:
        if (first === 0x80) return { length: this.#data.readUInt32BE(this.#take(4)) };
        if (first === 0x81) return { length: normalInt(this.#data.readBigUInt64BE(this.#take(8))) };
        throw new BadData("bad length");
      default:
        return { code: first & 63 };
    }
  }

  int(): Int {
    const one = this.#lengthOrCode();
    if (!("length" in one)) throw new BadData("bad length");
    return one.length;
  }

  /** A count of things of which each takes a byte at least. */
  count(): number {
    const value = this.int();
    if (typeof value !== "number" || value > this.#data.length) throw new BadData("bad count");
    return value;
  }

  text(): string {
    const one = this.#lengthOrCode();
    if ("length" in one) {
      if (typeof one.length !== "number") throw new BadData("bad length");
      const at = this.#take(one.length);
      return this.#data.toString("latin1", at, at + one.length);
    }
    switch (one.code) {
      case 0:
        return String(this.#data.readInt8(this.#take(1)));
      case 1:
        return String(this.#data.readInt16LE(this.#take(2)));
      case 2:
        return String(this.#data.readInt32LE(this.#take(4)));
      case 3: {
        const packed = this.count();
        const length = Number(this.int());
        const at = this.#take(packed);
        return unpackLzf(this.#data.subarray(at, at + packed), length).toString("latin1");
      }
      default:
        throw new BadData("bad string");
    }
  }
}

/** LZF as liblzf writes it. */
function unpackLzf(input: Buffer, length: number): Buffer {
  if (!(length >= 0 && length < 2 ** 31)) throw new BadData("bad length");
  const out = Buffer.alloc(length);
  let from = 0;
  let to = 0;
  while (from < input.length) {
    const control = input[from++]!;
    if (control < 32) {
      const size = control + 1;
      if (from + size > input.length || to + size > length) throw new BadData("bad lzf");
      input.copy(out, to, from, from + size);
      from += size;
      to += size;
      continue;
    }
    let size = control >> 5;
    if (size === 7) size += input[from++] ?? 0;
    let back = to - ((control & 31) << 8) - 1 - (input[from++] ?? 0);
    size += 2;
    if (back < 0 || to + size > length) throw new BadData("bad lzf");
    for (let i = 0; i < size; i++) out[to++] = out[back++]!;
  }
  if (to !== length) throw new BadData("bad lzf");
  return out;
}

/** Whether a dump's checksum is right and its version known. */
export function verifyDump(data: Buffer): boolean {
  if (data.length < 10) return false;
  if (data.readUInt16LE(data.length - 10) > rdbVersion) return false;
  return data.readBigUInt64LE(data.length - 8) === crc64(data, data.length - 8);
}

function pairs(items: readonly string[]): { member: string; score: number }[] {
  const out: { member: string; score: number }[] = [];
  for (let i = 0; i + 1 < items.length; i += 2) out.push({ member: items[i]!, score: parseDouble(items[i + 1]!) });
  return out;
}

function texts(reader: RdbReader, count: number): string[] {
  return Array.from({ length: count }, () => reader.text());
}

/** Reads a value of any encoding that Redis has written since 2.6; throws {@link BadData}. */
export function readValue(reader: RdbReader, type: number): LoadedValue {
  switch (type) {
    case 0:
      return { kind: "string", text: reader.text() };
    case 1:
      return { kind: "list", items: texts(reader, reader.count()) };
    case 2:
      return { kind: "set", items: texts(reader, reader.count()) };
    case 3: {
      const count = reader.count();
      return {
        kind: "zset",
        items: Array.from({ length: count }, () => ({ member: reader.text(), score: oldDouble(reader) })),
      };
    }
    case 4:
      return { kind: "hash", items: texts(reader, reader.count() * 2) };
    case 5: {
      const count = reader.count();
      return {
        kind: "zset",
        items: Array.from({ length: count }, () => ({ member: reader.text(), score: reader.double() })),
      };
    }
    case 10:
      return { kind: "list", items: readPacked(reader.text(), "ziplist") };
    case 11:
      return { kind: "set", items: readPacked(reader.text(), "intset") };
    case 12:
      return { kind: "zset", items: pairs(readPacked(reader.text(), "ziplist")) };
    case 13:
      return { kind: "hash", items: readPacked(reader.text(), "ziplist") };
    case 14: {
      const nodes = texts(reader, reader.count());
      return { kind: "list", items: nodes.flatMap((node) => readPacked(node, "ziplist")) };
    }
    case 16:
      return { kind: "hash", items: readPacked(reader.text(), "listpack") };
    case 17:
      return { kind: "zset", items: pairs(readPacked(reader.text(), "listpack")) };
    case 18: {
      const items: string[] = [];
      for (let left = reader.count(); left > 0; left--) {
        const plain = Number(reader.int()) === 1;
        const node = reader.text();
        if (plain) items.push(node);
        else items.push(...readPacked(node, "listpack"));
      }
      return { kind: "list", items };
    }
    case 20:
      return { kind: "set", items: readPacked(reader.text(), "listpack") };
    case 15:
    case 19:
    case 21:
      return { kind: "stream", stream: readStream(reader, type) };
    default:
      throw new BadData("unknown type");
  }
}

/** Doubles of the oldest form: a length and digits. */
function oldDouble(reader: RdbReader): number {
  const length = reader.byte();
  if (length === 253) return Number.NaN;
  if (length === 254) return Number.POSITIVE_INFINITY;
  if (length === 255) return Number.NEGATIVE_INFINITY;
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(reader.byte());
  return Number(text);
}

function readId(reader: RdbReader): StreamId {
  return { ms: reader.int(), seq: reader.int() };
}

function readNode(stream: StreamData, key: string, node: string): void {
  const bytes = Buffer.from(key, "latin1");
  if (bytes.length !== 16) throw new BadData("bad stream key");
  const ms = bytes.readBigUInt64BE(0);
  const seq = bytes.readBigUInt64BE(8);
  const items = readPacked(node, "listpack");
  let at = 0;
  const next = (): string => {
    const item = items[at++];
    if (item === undefined) throw new BadData("bad stream node");
    return item;
  };
  const total = Number(next()) + Number(next());
  const fields: string[] = Array.from({ length: Number(next()) }, next);
  next();
  for (let i = 0; i < total; i++) {
    const flags = Number(next());
    const id = parseId(`${ms + BigInt(next())}-${seq + BigInt(next())}`, 0);
    if (id === undefined) throw new BadData("bad stream id");
    const values: string[] = [];
    if (flags & 2) for (const field of fields) values.push(field, next());
    else {
      const count = Number(next());
      for (let k = 0; k < count * 2; k++) values.push(next());
    }
    next();
    if (!(flags & 1)) stream.append(id, values, 100, 4096);
  }
}

function readStream(reader: RdbReader, type: number): StreamData {
  const stream = new StreamData();
  for (let left = reader.count(); left > 0; left--) readNode(stream, reader.text(), reader.text());
  const length = Number(reader.int());
  if (length !== stream.length) throw new BadData("bad stream length");
  stream.lastId = readId(reader);
  if (type >= 19) {
    stream.firstId = readId(reader);
    stream.maxDeletedId = readId(reader);
    stream.entriesAdded = reader.int();
  } else {
    stream.entriesAdded = length;
    if (length === 0) stream.firstId = zeroId;
  }
  for (let groups = reader.count(); groups > 0; groups--) {
    const name = reader.text();
    const lastId = readId(reader);
    let entriesRead: Int = -1;
    if (type >= 19) {
      const read = reader.int();
      entriesRead = read === 18446744073709551615n ? -1 : read;
    } else entriesRead = stream.distanceFromFirst(lastId);
    const group = new Group(name, lastId, entriesRead);
    const waiting = new Map<string, { id: StreamId; deliveredAt: number; deliveries: number }>();
    for (let left = reader.count(); left > 0; left--) {
      const id = reader.id();
      waiting.set(`${id.ms}-${id.seq}`, { id, deliveredAt: reader.millis(), deliveries: Number(reader.int()) });
    }
    for (let left = reader.count(); left > 0; left--) {
      const consumer = new Consumer(reader.text(), reader.millis());
      consumer.activeAt = type >= 21 ? reader.millis() : consumer.seenAt;
      group.consumers.set(consumer.name, consumer);
      for (let own = reader.count(); own > 0; own--) {
        const id = reader.id();
        const known = waiting.get(`${id.ms}-${id.seq}`);
        if (known === undefined) throw new BadData("bad pending entry");
        const pending: Pending = { consumer, deliveredAt: known.deliveredAt, deliveries: known.deliveries };
        group.pending.set(id, pending);
        consumer.pending.set(id, pending);
      }
    }
    stream.groups.set(name, group);
  }
  return stream;
}

/** The type of a loaded value, as the keyspace numbers it. */
export const loadedTypes: Readonly<Record<LoadedValue["kind"], TypeNumber>> = {
  string: TYPE_STRING,
  list: TYPE_LIST,
  set: TYPE_SET,
  zset: TYPE_ZSET,
  hash: TYPE_HASH,
  stream: TYPE_STREAM,
};
