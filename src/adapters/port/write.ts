import { randomFillSync } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import type { ConditionalCall, WriteCall } from "./adapter.js";

/** One write in progress. */
export interface Write {
  readonly call: ConditionalCall;
  /** Until here attempts are made. */
  readonly attempts: Deadline;
  /** Until here the outcome is settled. */
  readonly whole: Deadline;
  /** The record remembers it: that is how a write whose answer was lost is found again. */
  readonly id: string;
}

/** Part of a write's time that is kept to settle its outcome by a read. */
const SETTLE_SHARE = 0.15;
const SETTLE_MAX_MS = 2_000;

/** Bytes of a write's id; random ones are fetched for many ids at once. */
const ID_BYTES = 9;
const pool = Buffer.alloc(ID_BYTES * 128);
let used = pool.length;

function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.toString("base64url", used - ID_BYTES, used);
}

/** Begins a write: its id and its time. */
export async function runWrite<T>(call: WriteCall, whole: Deadline, work: (write: Write) => Promise<T>): Promise<T> {
  const remaining = whole.remainingMs();
  using attempts = whole.part(remaining - Math.min(SETTLE_MAX_MS, remaining * SETTLE_SHARE));
  const id = call.writeId ?? newId();
  return await work({ call, attempts, whole, id });
}
