/** Reading BSON bytes in place (https://bsonspec.org/spec.html). Bytes come from the server through the driver, whole. */

/** Element types that the readers name. */
export const BSON = {
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binary: 5,
  undefined: 6,
  objectId: 7,
  boolean: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int32: 16,
  timestamp: 17,
  int64: 18,
  decimal: 19,
} as const;

const names: { readonly [type: number]: string } = Object.fromEntries(
  Object.entries(BSON).map(([name, type]) => [type, name]),
);

/** The type's name, for messages. */
export function bsonTypeName(type: number): string {
  return names[type] ?? `type ${type}`;
}

const float = new Float64Array(1);
const floatBytes = new Uint8Array(float.buffer);

export function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

export function readDouble(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) floatBytes[i] = bytes[at + i]!;
  return float[0]!;
}

/** An int64 as a number: exact within ±2^53. */
export function readInt64AsNumber(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 4) * 4_294_967_296 + (readInt32(bytes, at) >>> 0);
}

export function readInt64(bytes: Uint8Array, at: number): bigint {
  const high = readInt32(bytes, at + 4);
  const low = readInt32(bytes, at) >>> 0;
  // Small values are common and building them from two halves is four times as slow.
  if (high === 0) return BigInt(low);
  if (high >= -2_097_152 && high < 2_097_152) return BigInt(high * 4_294_967_296 + low);
  return (BigInt(high) << 32n) | BigInt(low);
}

/** A string's characters; `at` is where its length stands. */
export function readString(bytes: Buffer, at: number): string {
  const length = readInt32(bytes, at) - 1;
  const from = at + 4;
  if (length <= 12) {
    // Short ASCII: a loop is faster than a call into C++.
    let text = "";
    for (let i = from; i < from + length; i++) {
      const code = bytes[i]!;
      if (code > 127) return bytes.toString("utf8", from, from + length);
      text += String.fromCharCode(code);
    }
    return text;
  }
  return bytes.toString("utf8", from, from + length);
}

/** Where the name that begins at `at` ends (the position of its NUL). */
export function nameEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end] !== 0) end++;
  return end;
}

/** The position after a value of this type. */
export function skipValue(bytes: Uint8Array, type: number, at: number): number {
  switch (type) {
    case BSON.double:
    case BSON.date:
    case BSON.timestamp:
    case BSON.int64:
      return at + 8;
    case BSON.string:
    case BSON.code:
    case BSON.symbol:
      return at + 4 + readInt32(bytes, at);
    case BSON.object:
    case BSON.array:
    case BSON.codeWithScope:
      return at + readInt32(bytes, at);
    case BSON.binary:
      return at + 5 + readInt32(bytes, at);
    case BSON.objectId:
      return at + 12;
    case BSON.boolean:
      return at + 1;
    case BSON.int32:
      return at + 4;
    case BSON.decimal:
      return at + 16;
    case BSON.dbPointer:
      return at + 4 + readInt32(bytes, at) + 12;
    case BSON.regex:
      return nameEnd(bytes, nameEnd(bytes, at) + 1) + 1;
    default:
      // null, undefined, MinKey (255) and MaxKey (127) have no bytes.
      return at;
  }
}

/** A `Buffer` over the same bytes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
