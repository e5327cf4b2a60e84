/**
 * The lowest layer over BSON bytes: sizes and names of elements, nothing decoded. Everything here trusts its input;
 * bytes from outside pass validate.ts first.
 * @see https://bsonspec.org/spec.html
 */

/** The type bytes of BSON elements. */
export const BsonType = {
  double: 0x01,
  string: 0x02,
  document: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  dbPointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
  decimal128: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
} as const;

/** Node's direct string readers and writers, which `toString` and `write` reach only after looking up the encoding. */
interface DirectBuffer {
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

/** A little-endian int32; faster than `Buffer#readInt32LE`, which checks its arguments. */
export function int32At(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** How many bytes the value of an element of this type takes; `at` is where the value begins. */
export function valueSize(bytes: Buffer, type: number, at: number): number {
  switch (type) {
    case BsonType.int32:
      return 4;
    case BsonType.double:
    case BsonType.date:
    case BsonType.int64:
    case BsonType.timestamp:
      return 8;
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return 4 + int32At(bytes, at);
    case BsonType.document:
    case BsonType.array:
    case BsonType.codeWithScope:
      return int32At(bytes, at);
    case BsonType.objectId:
      return 12;
    case BsonType.boolean:
      return 1;
    case BsonType.decimal128:
      return 16;
    case BsonType.binary:
      return 5 + int32At(bytes, at);
    case BsonType.regex: {
      const patternEnd = bytes.indexOf(0, at);
      return bytes.indexOf(0, patternEnd + 1) + 1 - at;
    }
    case BsonType.dbPointer:
      return 4 + int32At(bytes, at) + 12;
    case BsonType.null:
    case BsonType.undefined:
    case BsonType.minKey:
    case BsonType.maxKey:
      return 0;
    default:
      throw new Error(`unvalidated BSON: type ${type}`);
  }
}

/** Where the NUL of a name lies that begins at `at`. */
export function nameEnd(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end] !== 0) end++;
  return end;
}

/**
 * The offset of the type byte of the element with this name, or -1. `start` is where the document begins, `name` its
 * UTF-8 bytes without the NUL.
 */
export function findElement(bytes: Buffer, start: number, name: Uint8Array): number {
  const length = name.length;
  let at = start + 4;
  for (;;) {
    const type = bytes[at]!;
    if (type === 0) return -1;
    const nameAt = at + 1;
    let i = 0;
    while (i < length && bytes[nameAt + i] === name[i]) i++;
    let end = nameAt + i;
    if (i === length && bytes[end] === 0) return at;
    while (bytes[end] !== 0) end++;
    at = end + 1;
    at += valueSize(bytes, type, at);
  }
}

/** Text between two offsets. */
export function textAt(bytes: Buffer, start: number, end: number): string {
  if (end - start <= 10) {
    let text = "";
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte > 0x7f) return (bytes as unknown as DirectBuffer).utf8Slice(start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return (bytes as unknown as DirectBuffer).utf8Slice(start, end);
}

/** Bytes between two offsets as a string of one character for each. */
export function latin1At(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as DirectBuffer).latin1Slice(start, end);
}

// Field names come again and again: the last name of each hash is kept, so that reading one rarely makes a new string.
const nameCache: (string | undefined)[] = new Array<string | undefined>(2048).fill(undefined);

/** The name between two offsets, without the NUL. */
export function nameAt(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > 32) return textAt(bytes, start, end);
  let hash = length;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return (bytes as unknown as DirectBuffer).utf8Slice(start, end);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = hash & 2047;
  const cached = nameCache[slot];
  if (cached !== undefined && cached.length === length) {
    let i = 0;
    while (i < length && cached.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return cached;
  }
  const name = (bytes as unknown as DirectBuffer).latin1Slice(start, end);
  nameCache[slot] = name;
  return name;
}

const nameBytesCache = new Map<string, Uint8Array>();

/** The UTF-8 bytes of a name that is looked for; those of short names are kept. */
export function bytesOfName(name: string): Uint8Array {
  const cached = nameBytesCache.get(name);
  if (cached !== undefined) return cached;
  const bytes = new Uint8Array(Buffer.from(name, "utf8"));
  if (name.length <= 64) {
    if (nameBytesCache.size >= 4096) nameBytesCache.clear();
    nameBytesCache.set(name, bytes);
  }
  return bytes;
}
