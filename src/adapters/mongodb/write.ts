import { randomBytes } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import type { Fields } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { Call, ConditionalCall, ReadCall, RecordData, WriteCall } from "../port/adapter.js";
import type { BsonValues } from "./bson-values.js";
import type { Codec, StoredDocument } from "./codec.js";
import type { Doc } from "./driver.js";
import { readOne } from "./read-records.js";
import { asNumber } from "./reply.js";
import type { Requests } from "./requests.js";

/** Part of a write's time that is kept to settle its outcome by a read. */
const SETTLE_SHARE = 0.15;
const SETTLE_MAX_MS = 2_000;

/** One collection's records and all that reading and writing them takes. */
export interface StoredEntity {
  readonly requests: Requests;
  readonly collection: MongoCollection;
  readonly fields: Fields;
  readonly codec: Codec;
  readonly values: BsonValues;
  /** Conditions by which a record that has ended is told from others; undefined: records do not end. */
  readonly ends: { readonly no: Doc; readonly yes: Doc } | undefined;
  /** The server keeps a record of each session's last write. */
  readonly exactResend: boolean;
}

/** One write in progress. */
export interface Write {
  readonly call: WriteCall;
  /** Until here attempts are made. */
  readonly attempts: Deadline;
  /** Until here the outcome is settled. */
  readonly whole: Deadline;
  /** Set where the document must remember the write: the caller named it, or the server keeps no record. */
  readonly writeId: string | undefined;
  readonly version: number;
}

/** Part of a write's time in which attempts are made; the rest settles its outcome. */
export function attemptsOf(whole: Deadline): Deadline {
  const remaining = whole.remainingMs();
  return whole.part(remaining - Math.min(SETTLE_MAX_MS, remaining * SETTLE_SHARE));
}

/** Begins a write: its version, its id where the document must remember one, and its time. */
export async function runWrite<T>(
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
  needsId: boolean,
  work: (write: Write) => Promise<T>,
): Promise<T> {
  using attempts = attemptsOf(whole);
  const writeId = call.writeId ?? (needsId && !entity.exactResend ? randomBytes(12).toString("base64url") : undefined);
  return await work({ call, attempts, whole, writeId, version: entity.requests.nextVersion() });
}

/** A settling read: what a majority has, on the primary, whatever the call itself asks. */
export function settleCall(call: Call): ReadCall {
  const { session } = call;
  return { consistency: "session", ...(session === undefined ? {} : { session }) };
}

/** What is stored under a key, by a majority read on the primary. */
export async function storedUnder(
  key: RecordData,
  write: Write,
  entity: StoredEntity,
): Promise<StoredDocument | undefined> {
  return readOne(key, entity, settleCall(write.call), write.whole);
}

/**
 * Removes a record that has ended and stands in an insert's way: under its key, or as the holder of a unique value.
 * Whether there was one; else what stands there is no leftover.
 */
export async function removeEnded(taken: Doc | undefined, write: Write, entity: StoredEntity): Promise<boolean> {
  if (entity.ends === undefined || taken === undefined) return false;
  const { name } = entity.collection;
  const deletes = [{ q: { ...taken, ...entity.ends.yes }, limit: 1 }];
  const result = await entity.requests.write({ delete: name, deletes }, name, write.call, write.attempts);
  return result.kind === "reply" && asNumber(result.reply["n"]) > 0;
}

/** The query of a write on one record: its key, and what the call demands of it. */
export function recordQuery(
  key: RecordData,
  conditions: readonly Doc[],
  call: ConditionalCall,
  entity: StoredEntity,
  /** It stores the record where there is none: one that has ended is written over. */
  mayMakeIt = false,
): Doc {
  const query: Doc = { _id: entity.codec.encodeId(key) };
  if (call.ifVersion !== undefined) {
    // Records of other writers have no version: they count as version 0.
    query[entity.collection.version.path] =
      call.ifVersion === 0
        ? { $in: [null, entity.values.longOfNumber(0)] }
        : entity.values.longOfNumber(call.ifVersion);
  }
  if (conditions.length > 0) query["$and"] = conditions;
  return entity.ends === undefined || mayMakeIt ? query : { ...query, ...entity.ends.no };
}
