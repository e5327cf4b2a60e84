/**
 * Keys of a table's tree: token (8), length of the partition key (2), partition key, kind, clustering. So partitions lie
 * in the order of their tokens, and rows within them in clustering order.
 */
import { invalid } from "../errors.js";
import type { Column } from "../schema/table.js";
import { inverted } from "../types/comparable.js";
import { keyPart, type Value } from "../types/type.js";
import { murmur3, token } from "./murmur3.js";

/** What follows a partition's prefix. */
export const kind = {
  /** Deletions of the partition and of ranges in it. */
  deletions: "\x00",
  /** The row of static columns. */
  staticRow: "\x01",
  row: "\x03",
} as const;

/** The longest partition key, in bytes. */
export const longestKey = 65_535;

function tokenText(): string {
  const { high, low } = token;
  return String.fromCharCode(
    ((high >>> 24) ^ 0x80) & 0xff,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    (low >>> 24) & 0xff,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  );
}

/** The 8 bytes of a token, in their order. */
export function tokenPrefix(value: bigint): string {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  bytes[0] = bytes[0]! ^ 0x80;
  return bytes.latin1Slice(0, 8);
}

/** The prefix of all keys of a partition. */
export function partitionPrefix(key: Buffer): string {
  murmur3(key);
  const { length } = key;
  return tokenText() + String.fromCharCode(length >> 8, length & 0xff) + key.latin1Slice(0, length);
}

/** Where the prefix of a partition ends in a key of its tree. */
export function prefixLength(key: string): number {
  return 10 + ((key.charCodeAt(8) << 8) | key.charCodeAt(9));
}

/** The partition key that a prefix holds. */
export function partitionKeyOf(prefix: string): Buffer {
  return Buffer.from(prefix.slice(10), "latin1");
}

/** The values of a partition key as one: a single one as it is, several as a composite. */
export function composeKey(values: readonly Buffer[]): Buffer {
  if (values.length === 1) return values[0]!;
  let size = 0;
  for (const value of values) {
    if (value.length > longestKey) throw invalid(`Key length of ${value.length} is longer than maximum of 65535`);
    size += 3 + value.length;
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const value of values) {
    at = bytes.writeUInt16BE(value.length, at);
    at += value.copy(bytes, at);
    bytes[at++] = 0;
  }
  return bytes;
}

export function splitKey(key: Buffer, count: number): Buffer[] {
  if (count === 1) return [key];
  const values: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const length = key.readUInt16BE(at);
    values.push(key.subarray(at + 2, at + 2 + length));
    at += 3 + length;
  }
  return values;
}

/** One clustering value as a part of a key, in the column's order. */
export function clusteringPart(column: Column, value: Value): string {
  const text = keyPart(column.type, value);
  return column.descending ? inverted(text) : text;
}

/** Clustering values as a key; fewer than the table has make a prefix. */
export function clusteringKey(columns: readonly Column[], values: readonly Value[]): string {
  let text = "";
  for (let at = 0; at < values.length; at++) text += clusteringPart(columns[at]!, values[at]!);
  return text;
}

/** The later of two byte strings. */
export function later(a: string, b: string): string {
  if (a > b) return a;
  return b;
}

/** The earlier of two byte strings. */
export function earlier(a: string, b: string): string {
  if (a < b) return a;
  return b;
}

/** Above every key of a tree: tokens may begin with 0xFF. */
export const endOfRing = "\xff".repeat(11);

/** Above every key that begins with this prefix: no part begins with 0xFF. */
export const above = "\xff";
