import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { RecordData } from "../port/adapter.js";
import type { BucketLeases } from "../port/bucket-leases.js";
import type { KnownBuckets } from "../port/known-buckets.js";
import type { Codec, StoredRow } from "./codec.js";
import type { HomeStatements } from "./home.js";
import type { KeyQueue } from "./key-queue.js";
import { levelCodes } from "./levels.js";
import type { Requests } from "./requests.js";
import { endOf } from "./tables.js";

/** One entity's records and all that reading and writing them takes. */
export interface StoredEntity {
  readonly requests: Requests;
  readonly codec: Codec;
  readonly home: HomeStatements;
  readonly leases: BucketLeases;
  /** Writes of one record by this process wait for each other. */
  readonly queue: KeyQueue;
  /** Buckets that this process has told of. */
  readonly known: KnownBuckets;
}

/** Writes that a record remembers. */
export const REMEMBERED = 8;

/** What is stored under a key: as a quorum has it, or settled by a SERIAL read, which decides what is under way. */
export async function readHome(
  key: RecordData,
  entity: StoredEntity,
  serial: boolean,
  deadline: Deadline,
): Promise<StoredRow | undefined> {
  const { requests, codec, home } = entity;
  const { levels } = requests;
  const params = codec.home.key(key, codec.identity(key));
  const level = levelCodes[serial ? levels.serial : levels.read];
  const { rows } = await requests.read(home.read, params, level, deadline);
  const row = rows?.[0];
  return row === undefined ? undefined : codec.stored(row, requests.clock.now());
}

/** The record's memory of writes, with this one before the others. */
export function remember(id: string, version: number, stored: StoredRow | undefined): readonly string[] {
  return [`${version}:${id}`, ...(stored?.writes ?? [])].slice(0, REMEMBERED);
}

/** The version that a write made, where the record remembers it. */
export function versionOfWrite(stored: StoredRow | undefined, id: string): number | undefined {
  for (const one of stored?.writes ?? []) {
    const colon = one.indexOf(":");
    if (one.slice(colon + 1) === id) return Number(one.slice(0, colon));
  }
  return undefined;
}

/** Bytes that a record may have: a write holds 16 MiB, with keys and copies. */
const MOST_BYTES = 15 * 1024 * 1024;

/** Refuses a record that no server takes, before it is sent. */
export function checkSize(values: readonly unknown[], entity: string): void {
  const bytes = sizeOf(values);
  if (bytes <= MOST_BYTES) return;
  throw new KeyfoldError("TOO_LARGE", `A record of ${entity} has ${bytes} bytes, and a write holds 16 MiB.`, {
    fix: "Store less in one record, or keep large values elsewhere.",
  });
}

/** About the bytes of values: exact where they are large. */
export function sizeOf(values: readonly unknown[]): number {
  let bytes = 0;
  for (const value of values) {
    if (typeof value === "string") bytes += value.length > 1_000 ? Buffer.byteLength(value) : value.length;
    else if (value instanceof Uint8Array) bytes += value.byteLength;
    else if (Array.isArray(value)) bytes += sizeOf(value);
    else if (typeof value === "object" && value !== null && !(value instanceof Date))
      bytes += sizeOf(Object.values(value));
    else bytes += 8;
  }
  return bytes;
}

/** The longest TTL that the server takes: twenty years. */
const MOST_SECONDS = 630_720_000;

/** Cassandra up to 5 counts a TTL's end in signed 32-bit seconds: it refuses what ends in 2038. */
const LAST_END_MS = 2_147_483_600_000;

/**
 * Seconds until a record is over, and one more, as a node counts from the second that has begun; 0: none, and reads alone
 * tell that it is over.
 */
export function ttlOf(record: RecordData, { expires }: Codec, now: number): number {
  return ttlUntil(endOf(record, expires), now);
}

/** Seconds until a moment, as {@link ttlOf} counts them. */
export function ttlUntil(until: Date | undefined, now: number): number {
  if (until === undefined || until.getTime() >= LAST_END_MS) return 0;
  const seconds = Math.max(1, Math.ceil((until.getTime() - now) / 1_000) + 1);
  return seconds > MOST_SECONDS ? 0 : seconds;
}
