import { BsonWriter } from "../bson/doc.js";
import { BsonType, int32At, nameEnd, valueSize } from "../bson/raw.js";
import type { Value } from "../bson/values.js";

/**
 * Index keys as byte strings whose order is MongoDB's order of values: a tag for the group of types, then bytes that
 * compare as the values do. Equal numbers of the four types have equal bytes. Every encoding ends itself, so fields
 * follow each other without a separator, and no encoding begins with 0x00 or 0xFF, upside down neither.
 *
 * A number is the greatest double that is not above it, then 0 when that is the number itself, else 1 and the number's
 * exact digits; so long and decimal values between two doubles keep their places.
 */
const tag = {
  minKey: 0x02,
  undefined: 0x05,
  null: 0x08,
  number: 0x10,
  string: 0x20,
  object: 0x28,
  array: 0x30,
  binary: 0x38,
  objectId: 0x40,
  boolean: 0x48,
  date: 0x50,
  timestamp: 0x58,
  regex: 0x60,
  dbPointer: 0x68,
  code: 0x70,
  codeWithScope: 0x78,
  maxKey: 0xe0,
} as const;

const tagOfType = new Uint8Array(256);
for (const [type, of] of [
  [BsonType.minKey, tag.minKey],
  [BsonType.undefined, tag.undefined],
  [BsonType.null, tag.null],
  [BsonType.double, tag.number],
  [BsonType.int32, tag.number],
  [BsonType.int64, tag.number],
  [BsonType.decimal128, tag.number],
  [BsonType.string, tag.string],
  [BsonType.symbol, tag.string],
  [BsonType.document, tag.object],
  [BsonType.array, tag.array],
  [BsonType.binary, tag.binary],
  [BsonType.objectId, tag.objectId],
  [BsonType.boolean, tag.boolean],
  [BsonType.date, tag.date],
  [BsonType.timestamp, tag.timestamp],
  [BsonType.regex, tag.regex],
  [BsonType.dbPointer, tag.dbPointer],
  [BsonType.code, tag.code],
  [BsonType.codeWithScope, tag.codeWithScope],
  [BsonType.maxKey, tag.maxKey],
] as const) {
  tagOfType[type] = of;
}

/** The tag byte of a BSON type, as a one-character key: a bound below all values of its group of types. */
export function typeFloor(type: number): string {
  return String.fromCharCode(tagOfType[type]!);
}

const double = new Float64Array(1);
const doubleBits = new Uint8Array(double.buffer);
const doubleInt = new BigInt64Array(double.buffer);

/** The double just below a finite one. */
function doubleBelow(value: number): number {
  if (value === Number.NEGATIVE_INFINITY) return value;
  if (value === 0) return -Number.MIN_VALUE;
  double[0] = value;
  doubleInt[0]! += value > 0 ? -1n : 1n;
  return double[0];
}

/** How a double compares with `coefficient * 10^exponent`, exactly. */
function compareExact(value: number, coefficient: bigint, exponent: number): number {
  if (value === Number.POSITIVE_INFINITY) return 1;
  if (value === Number.NEGATIVE_INFINITY) return -1;
  double[0] = value;
  const bits = BigInt.asUintN(64, doubleInt[0]!);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  let left = biased === 0 ? fraction : fraction | 0x10000000000000n;
  if (value < 0) left = -left;
  const power = (biased === 0 ? 1 : biased) - 1075;
  let right = coefficient;
  if (power >= 0) left <<= BigInt(power);
  else right <<= BigInt(-power);
  if (exponent >= 0) right *= 10n ** BigInt(exponent);
  else left *= 10n ** BigInt(-exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

interface Latin1Buffer {
  latin1Slice(start: number, end: number): string;
}

/** Builds one key at a time. */
export class KeyBuilder {
  #out: Buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  /** Begins a new key. */
  reset(): this {
    this.#length = 0;
    return this;
  }

  /** The length so far, for {@link truncate}. */
  get length(): number {
    return this.#length;
  }

  /** Goes back to a shorter key. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** The key that was built. */
  key(from = 0): string {
    return (this.#out as unknown as Latin1Buffer).latin1Slice(from, this.#length);
  }

  /** Adds bytes that are given as a byte string. */
  raw(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#out[this.#length++] = text.charCodeAt(i);
  }

  /** Adds a field's value upside down or not: the element of type `type` whose value begins at `at`. */
  field(bytes: Buffer, type: number, at: number, descending: boolean): void {
    const from = this.#length;
    this.value(bytes, type, at);
    if (descending) this.#invert(from);
  }

  /** Adds `null`, which also stands for a missing field. */
  nullField(descending: boolean): void {
    this.#byte(descending ? ~tag.null & 0xff : tag.null);
  }

  /** Adds `undefined`, which also stands for an empty array. */
  undefinedField(descending: boolean): void {
    this.#byte(descending ? ~tag.undefined & 0xff : tag.undefined);
  }

  #invert(from: number): void {
    const out = this.#out;
    for (let at = from; at < this.#length; at++) out[at] = ~out[at]! & 0xff;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#length + bytes, this.#out.length * 2));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }

  #byte(byte: number): void {
    if (this.#length >= this.#out.length) this.#reserve(1);
    this.#out[this.#length++] = byte;
  }

  /** Adds one value, ascending. */
  value(bytes: Buffer, type: number, at: number): void {
    this.#byte(tagOfType[type]!);
    switch (type) {
      case BsonType.int32:
        this.#number(int32At(bytes, at));
        this.#byte(0);
        return;
      case BsonType.double:
        this.#number(bytes.readDoubleLE(at));
        this.#byte(0);
        return;
      case BsonType.int64:
        this.#long(bytes, at);
        return;
      case BsonType.decimal128:
        this.#decimal(bytes, at);
        return;
      case BsonType.string:
      case BsonType.symbol:
      case BsonType.code:
        this.#text(bytes, at + 4, at + 3 + int32At(bytes, at));
        return;
      case BsonType.objectId:
        this.#copy(bytes, at, at + 12);
        return;
      case BsonType.boolean:
        this.#byte(bytes[at]! + 1);
        return;
      case BsonType.date:
        // A signed integer: the sign bit turned, high byte first.
        this.#byte(bytes[at + 7]! ^ 0x80);
        for (let i = 6; i >= 0; i--) this.#byte(bytes[at + i]!);
        return;
      case BsonType.timestamp:
        for (let i = 7; i >= 0; i--) this.#byte(bytes[at + i]!);
        return;
      case BsonType.document: {
        let element = at + 4;
        while (bytes[element] !== 0) {
          const elementType = bytes[element]!;
          const end = nameEnd(bytes, element + 1);
          this.#byte(tagOfType[elementType]!);
          this.#copy(bytes, element + 1, end + 1);
          this.value(bytes, elementType, end + 1);
          element = end + 1;
          element += valueSize(bytes, elementType, element);
        }
        this.#byte(0);
        return;
      }
      case BsonType.array: {
        let element = at + 4;
        while (bytes[element] !== 0) {
          const elementType = bytes[element]!;
          element = nameEnd(bytes, element + 1) + 1;
          this.value(bytes, elementType, element);
          element += valueSize(bytes, elementType, element);
        }
        this.#byte(0);
        return;
      }
      case BsonType.binary: {
        const length = int32At(bytes, at);
        this.#uint32(length);
        this.#byte(bytes[at + 4]!);
        this.#copy(bytes, at + 5, at + 5 + length);
        return;
      }
      case BsonType.regex: {
        const pattern = nameEnd(bytes, at);
        this.#copy(bytes, at, pattern + 1);
        this.#copy(bytes, pattern + 1, nameEnd(bytes, pattern + 1) + 1);
        return;
      }
      case BsonType.dbPointer: {
        const length = int32At(bytes, at);
        this.#uint32(length);
        this.#copy(bytes, at + 4, at + 4 + length + 12);
        return;
      }
      case BsonType.codeWithScope: {
        const length = int32At(bytes, at + 4);
        this.#text(bytes, at + 8, at + 7 + length);
        this.value(bytes, BsonType.document, at + 8 + length);
        return;
      }
      default:
    }
  }

  #uint32(value: number): void {
    this.#byte(value >>> 24);
    this.#byte(value >>> 16);
    this.#byte(value >>> 8);
    this.#byte(value);
  }

  #copy(bytes: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    const out = this.#out;
    let to = this.#length;
    if (end - start > 64) {
      bytes.copy(out, to, start, end);
      this.#length += end - start;
      return;
    }
    for (let from = start; from < end; from++) out[to++] = bytes[from]!;
    this.#length = to;
  }

  /** A NUL inside a text is followed by 0xFF, which no field begins with; a NUL alone ends it. */
  #text(bytes: Buffer, start: number, end: number): void {
    this.#reserve((end - start) * 2 + 1);
    const out = this.#out;
    let to = this.#length;
    for (let from = start; from < end; from++) {
      const byte = bytes[from]!;
      out[to++] = byte;
      if (byte === 0) out[to++] = 0xff;
    }
    out[to++] = 0;
    this.#length = to;
  }

  #number(value: number): void {
    this.#reserve(9);
    const out = this.#out;
    let to = this.#length;
    this.#length += 8;
    if (Number.isNaN(value)) {
      // Below every number, -Infinity included.
      out.fill(0, to, to + 8);
      return;
    }
    double[0] = value === 0 ? 0 : value;
    if (doubleBits[7]! < 0x80) {
      out[to++] = doubleBits[7]! | 0x80;
      for (let i = 6; i >= 0; i--) out[to++] = doubleBits[i]!;
    } else for (let i = 7; i >= 0; i--) out[to++] = ~doubleBits[i]! & 0xff;
  }

  #long(bytes: Buffer, at: number): void {
    const high = int32At(bytes, at + 4);
    if (high >= -0x200000 && high < 0x200000) {
      this.#number(high * 4294967296 + (int32At(bytes, at) >>> 0));
      this.#byte(0);
    } else this.#exact(bytes.readBigInt64LE(at), 0);
  }

  #decimal(bytes: Buffer, at: number): void {
    const top = bytes[at + 15]!;
    const negative = (top & 0x80) !== 0;
    if ((top & 0x78) === 0x78) {
      const infinite = (top & 0x7c) === 0x78;
      this.#number(!infinite ? Number.NaN : negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
      this.#byte(0);
      return;
    }
    const high = bytes.readBigUInt64LE(at + 8);
    const low = bytes.readBigUInt64LE(at);
    let coefficient: bigint;
    let exponent: number;
    if ((top & 0x60) === 0x60) {
      // The second form holds only coefficients that are too large, which count as zero.
      coefficient = 0n;
      exponent = 0;
    } else {
      exponent = Number((high >> 49n) & 0x3fffn) - 6176;
      coefficient = ((high & 0x1ffffffffffffn) << 64n) | low;
      if (coefficient > 9999999999999999999999999999999999n) coefficient = 0n;
    }
    if (coefficient === 0n) {
      this.#number(0);
      this.#byte(0);
      return;
    }
    this.#exact(negative ? -coefficient : coefficient, exponent);
  }

  /** A number that may lie between two doubles. */
  #exact(coefficient: bigint, exponent: number): void {
    let nearest = Number(exponent === 0 ? coefficient : `${coefficient}e${exponent}`);
    let compared = compareExact(nearest, coefficient, exponent);
    if (compared > 0) {
      nearest = nearest === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : doubleBelow(nearest);
      compared = -1;
    }
    this.#number(nearest);
    if (compared === 0) {
      this.#byte(0);
      return;
    }
    this.#byte(1);
    const from = this.#length;
    const negative = coefficient < 0n;
    let digits = String(negative ? -coefficient : coefficient);
    const point = digits.length + exponent + 0x4000;
    let end = digits.length;
    while (end > 1 && digits.charCodeAt(end - 1) === 48) end--;
    digits = digits.slice(0, end);
    this.#byte(point >>> 8);
    this.#byte(point);
    for (let i = 0; i < digits.length; i += 2) {
      this.#byte(1 + (digits.charCodeAt(i) - 48) * 10 + (i + 1 < digits.length ? digits.charCodeAt(i + 1) - 48 : 0));
    }
    this.#byte(0);
    if (negative) this.#invert(from);
  }
}

const writer = new BsonWriter(4096);
const builder = new KeyBuilder();

/** The encoding of one decoded value. */
export function encodeValue(value: Value, descending = false): string {
  writer.reset();
  writer.writeElement("", value);
  builder.reset().field(writer.buffer, writer.buffer[0]!, 2, descending);
  return builder.key();
}

/** The encoding of one element of raw bytes. */
export function encodeElement(bytes: Buffer, type: number, at: number): string {
  builder.reset().value(bytes, type, at);
  return builder.key();
}

/** The same bytes upside down: turns an ascending bound into one of a descending field. */
export function inverted(key: string): string {
  let out = "";
  for (let i = 0; i < key.length; i++) out += String.fromCharCode(~key.charCodeAt(i) & 0xff);
  return out;
}

/** Bytes of a record's id in keys. */
export const recordIdLength = 6;

/** The id of a record as bytes; the first is between 0x01 and 0xFE, so that it never looks like an escaped NUL. */
export function recordId(number: number): string {
  const high = Math.floor(number / 0x100000000);
  const low = number >>> 0;
  return String.fromCharCode(
    1 + ((high >>> 8) & 0xff),
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  );
}

/** The number of a record's id. */
export function recordNumber(id: string): number {
  const high = ((id.charCodeAt(0) - 1) << 8) | id.charCodeAt(1);
  const low = ((id.charCodeAt(2) << 24) | (id.charCodeAt(3) << 16) | (id.charCodeAt(4) << 8) | id.charCodeAt(5)) >>> 0;
  return high * 0x100000000 + low;
}
