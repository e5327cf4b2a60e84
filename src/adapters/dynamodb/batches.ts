import type { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import type { Doc, Item, Operation } from "./driver.js";
import { failureOf } from "./errors.js";
import { itemSize } from "./item-size.js";
import type { Requests } from "./requests.js";

/** Keys of a BatchGetItem and writes of a BatchWriteItem that DynamoDB takes at once. */
export const GETS_PER_BATCH = 100;
export const WRITES_PER_BATCH = 25;
/** Bytes of one BatchWriteItem: the limit is 16 MB, and large requests are slow to repeat. */
const BATCH_BYTES = 4_000_000;
const CAP_MS = 2_000;
const BASE_MS = 25;

/** A put or a delete of one item. */
export type BatchWrite =
  | { readonly PutRequest: { readonly Item: Item } }
  | { readonly DeleteRequest: { readonly Key: Item } };

/**
 * Why something of a batch was not done before its time was over.
 *
 * - `unprocessed`: the server answered without doing it, and said so.
 * - `throttled`: the server refused the whole request for load.
 * - `failed`: the request failed in another way; `sent` tells whether it may have been done all the same.
 */
export interface Leftover<T> {
  readonly item: T;
  readonly position: number;
  readonly reason: "unprocessed" | "throttled" | "failed";
  readonly sent: boolean;
  readonly error: KeyfoldError | undefined;
}

interface Entry<T> {
  readonly item: T;
  readonly position: number;
}

interface Chunk<T> {
  readonly entries: readonly Entry<T>[];
  readonly attempt: number;
}

interface BatchOptions {
  /** Requests under way at once. */
  readonly inFlight: number;
}

/**
 * Writes any number of items through BatchWriteItem. What comes back unprocessed and what is refused for load is sent
 * again, with full jitter, from the client's retry budget, until the deadline; what is left then is returned. Each key
 * may occur once.
 */
export async function writeBatches(
  writes: readonly BatchWrite[],
  requests: Requests,
  deadline: Deadline,
  options: BatchOptions = { inFlight: 8 },
): Promise<readonly Leftover<BatchWrite>[]> {
  const chunks = chunksOf(writes, WRITES_PER_BATCH, (write) => sizeOfWrite(write));
  return run(
    chunks,
    requests,
    deadline,
    options,
    "BatchWriteItem",
    async (entries, output) => {
      const left = (output["UnprocessedItems"] as { readonly [table: string]: readonly BatchWrite[] } | undefined)?.[
        requests.table
      ];
      return matchWrites(entries, left ?? []);
    },
    (entries) => ({ RequestItems: { [requests.table]: entries.map(({ item }) => item) } }),
  );
}

/**
 * Reads any number of items by their keys through BatchGetItem; each key may occur once. `found` is told of each item.
 * What is neither told nor returned is not there.
 */
export async function readBatches(
  keys: readonly Item[],
  consistent: boolean,
  found: (item: Item) => void,
  requests: Requests,
  deadline: Deadline,
  options: BatchOptions = { inFlight: 8 },
): Promise<readonly Leftover<Item>[]> {
  const chunks = chunksOf(keys, GETS_PER_BATCH, () => 0);
  return run(
    chunks,
    requests,
    deadline,
    options,
    "BatchGetItem",
    async (entries, output) => {
      for (const item of (output["Responses"] as { readonly [table: string]: readonly Item[] } | undefined)?.[
        requests.table
      ] ?? []) {
        found(item);
      }
      const left = (
        output["UnprocessedKeys"] as { readonly [table: string]: { readonly Keys?: readonly Item[] } } | undefined
      )?.[requests.table]?.Keys;
      return matchKeys(entries, left ?? [], (item) => item);
    },
    (entries) => ({
      RequestItems: { [requests.table]: { Keys: entries.map(({ item }) => item), ConsistentRead: consistent } },
    }),
  );
}

function chunksOf<T>(items: readonly T[], most: number, size: (item: T) => number): Chunk<T>[] {
  const chunks: Chunk<T>[] = [];
  let entries: Entry<T>[] = [];
  let bytes = 0;
  items.forEach((item, position) => {
    const own = size(item);
    if (entries.length === most || (entries.length > 0 && bytes + own > BATCH_BYTES)) {
      chunks.push({ entries, attempt: 1 });
      entries = [];
      bytes = 0;
    }
    entries.push({ item, position });
    bytes += own;
  });
  if (entries.length > 0) chunks.push({ entries, attempt: 1 });
  return chunks;
}

async function run<T>(
  chunks: Chunk<T>[],
  requests: Requests,
  deadline: Deadline,
  { inFlight }: BatchOptions,
  operation: Operation,
  leftOf: (entries: readonly Entry<T>[], output: Doc) => Promise<readonly Entry<T>[]>,
  inputOf: (entries: readonly Entry<T>[]) => Doc,
): Promise<readonly Leftover<T>[]> {
  const leftovers: Leftover<T>[] = [];
  /** What was sent and not answered: should its time end, it may have been done. */
  const unanswered = new Set<number>();

  const give = (entries: readonly Entry<T>[], reason: Leftover<T>["reason"], error: KeyfoldError | undefined): void => {
    for (const { item, position } of entries)
      leftovers.push({ item, position, reason, sent: unanswered.has(position), error });
  };

  /** Whether there is time and budget for another attempt; waits before it. */
  const again = async (attempt: number, cost: number, baseMs: number): Promise<boolean> => {
    if (deadline.over || !requests.budget.spend(cost)) return false;
    const waitMs = fullJitterMs(attempt - 1, baseMs, CAP_MS, () => requests.clock.random());
    if (waitMs >= deadline.remainingMs()) return false;
    try {
      await requests.clock.sleep(waitMs, deadline.signal);
      return true;
    } catch {
      return false;
    }
  };

  const settle = async (first: Chunk<T>): Promise<void> => {
    let { entries, attempt } = first;
    let reason: Leftover<T>["reason"] = "failed";
    for (; entries.length > 0; attempt++) {
      if (deadline.over) return give(entries, attempt === 1 ? "failed" : reason, deadline.error());
      let output: Doc;
      try {
        output = await requests.once(operation, inputOf(entries), attempt, deadline, entries.length);
      } catch (thrown) {
        const failure = failureOf(thrown);
        const late = failure.error.code === "DEADLINE_EXCEEDED" || failure.error.code === "ABORTED";
        if (failure.mayHaveRun || late) for (const { position } of entries) unanswered.add(position);
        reason = failure.overloaded ? "throttled" : "failed";
        if (!failure.retry || !(await again(attempt, 5, failure.overloaded ? 50 : BASE_MS))) {
          return give(entries, reason, failure.error);
        }
        continue;
      }
      const left = await leftOf(entries, output);
      const progress = left.length < entries.length;
      entries = left;
      if (left.length === 0) {
        requests.budget.refund();
        return;
      }
      reason = "unprocessed";
      // An answer that did some of it tells of a server that is busy, not of one that refuses: it costs nothing.
      if (progress) requests.budget.refund();
      if (!(await again(progress ? 1 : attempt, progress ? 0 : 5, BASE_MS))) return give(left, reason, undefined);
    }
  };

  let next = 0;
  const worker = async (): Promise<void> => {
    for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) await settle(chunk);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, chunks.length) }, worker));
  return leftovers.sort((a, b) => a.position - b.position);
}

/** The entries that came back. The server sends them as they were sent, in any order. */
function matchWrites(entries: readonly Entry<BatchWrite>[], left: readonly BatchWrite[]): readonly Entry<BatchWrite>[] {
  if (left.length === 0) return [];
  if (left.length === entries.length) return entries;
  const texts = new Map<string, number>();
  for (const write of left) {
    const text = stableText("PutRequest" in write ? write.PutRequest.Item : write.DeleteRequest.Key);
    texts.set(text, (texts.get(text) ?? 0) + 1);
  }
  return entries.filter(({ item }) => {
    const text = stableText("PutRequest" in item ? item.PutRequest.Item : item.DeleteRequest.Key);
    const count = texts.get(text) ?? 0;
    if (count > 0) texts.set(text, count - 1);
    return count > 0;
  });
}

function matchKeys<T>(
  entries: readonly Entry<T>[],
  left: readonly Item[],
  keyOf: (item: T) => Item,
): readonly Entry<T>[] {
  if (left.length === 0) return [];
  const texts = new Set(left.map(stableText));
  return entries.filter(({ item }) => texts.has(stableText(keyOf(item))));
}

/** Equal for equal items, whatever the order of their attributes and the spelling of their numbers. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (name, member: unknown) => {
    if (member instanceof Uint8Array) return Buffer.from(member).toString("base64");
    if (name === "N" && typeof member === "string") return String(Number(member));
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function sizeOfWrite(write: BatchWrite): number {
  return "PutRequest" in write ? itemSize(write.PutRequest.Item) : 128;
}
