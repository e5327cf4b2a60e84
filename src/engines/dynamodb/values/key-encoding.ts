import { createHash } from "node:crypto";
import { binaryBytes, type Item, type TypeName, utf8Bytes, type Value } from "./attribute-value.js";
import { numberKey } from "./number.js";

/**
 * Keys of the trees. A table's key is the hash of its partition key, the partition key, the sort key's bytes. An index's
 * is the hash of its partition key, that key, the sort key in groups, and the key of the record in the table. So a
 * partition is one range in the order of its sort key, and partitions lie in the order of hashes, as DynamoDB scans
 * them.
 */

/** An attribute that is part of a key. */
export interface KeyAttribute {
  readonly name: string;
  readonly type: TypeName;
}

/** The attributes of a table's or an index's key. */
export interface KeySchema {
  readonly partition: KeyAttribute;
  readonly sort: KeyAttribute | undefined;
}

/** Longer parts are told apart by a digest: LMDB's keys have less than 2,000 bytes. */
const longestWhole = 250;
const digestBytes = 32;

/** The bytes of a key attribute's value, in the order of the values. */
export function keyBytes(value: Value): string {
  if (value.S !== undefined) return utf8Bytes(value.S as string);
  if (value.N !== undefined) return numberKey(value.N as string);
  return binaryBytes(value.B as string);
}

/** FNV-1a with the last steps of murmur3, so that near keys lie far apart. */
export function hashOf(bytes: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

/** A hash as the four bytes that keys begin with. */
export function hashKey(hash: number): string {
  return String.fromCharCode(hash >>> 24, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff);
}

/** Bytes with their length before them; of many bytes a digest, marked as such. */
function sized(bytes: string): string {
  if (bytes.length <= longestWhole) return String.fromCharCode(bytes.length) + bytes;
  return `\xff${createHash("sha256").update(bytes, "latin1").digest().toString("latin1", 0, digestBytes)}`;
}

/** What every key of one partition begins with. */
export function partitionPrefix(value: Value): string {
  const bytes = keyBytes(value);
  return hashKey(hashOf(bytes)) + sized(bytes);
}

const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00";

/**
 * Bytes in groups of eight, each followed by how full it is, so that something can follow: the order of what is
 * encoded is the order of the bytes (as in https://github.com/facebook/mysql-5.6/wiki/MyRocks-record-format).
 */
export function grouped(bytes: string): string {
  let out = "";
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) out += `${bytes.slice(at, at + 8)}\xff`;
  const rest = bytes.length - at;
  return out + bytes.slice(at) + zeros.slice(rest) + String.fromCharCode(247 + rest);
}

/** The key of an item in its table. The key attributes are there and of their types. */
export function tableKey(schema: KeySchema, item: Item): string {
  const prefix = partitionPrefix(item[schema.partition.name]!);
  return schema.sort === undefined ? prefix : prefix + keyBytes(item[schema.sort.name]!);
}

/** The key of an item in an index; `own` is its key in the table. */
export function indexKey(schema: KeySchema, item: Item, own: string): string {
  const prefix = partitionPrefix(item[schema.partition.name]!);
  const sort = schema.sort === undefined ? "" : grouped(keyBytes(item[schema.sort.name]!));
  return prefix + sort + sized(own);
}

/** The bytes right above a text of bytes and all that begin with it; undefined when there are none. */
export function afterPrefix(bytes: string): string | undefined {
  for (let at = bytes.length - 1; at >= 0; at--) {
    const byte = bytes.charCodeAt(at);
    if (byte < 0xff) return bytes.slice(0, at) + String.fromCharCode(byte + 1);
  }
  return undefined;
}
