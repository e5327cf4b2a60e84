import type { Deadline } from "../../internal/deadline.js";
import { type BatchSender, type Entry, type Leftover, runBatches } from "./batch-run.js";
import type { Doc } from "./driver.js";

/** Keys of a BatchGetItem and writes of a BatchWriteItem that DynamoDB takes at once. */
const GETS_PER_BATCH = 100;
const WRITES_PER_BATCH = 25;

/** A put or a delete of one item, as BatchWriteItem takes it. */
export type BatchWrite<Item> =
  | { readonly PutRequest: { readonly Item: Item } }
  | { readonly DeleteRequest: { readonly Key: Item } };

/** How the items of a batch are written: as attribute values, or as a document client's plain values. */
export interface ItemForm<Item> {
  /** Bytes, as DynamoDB counts them. */
  size(item: Item): number;
  /** Text of an item's key, or of a key: equal for equal keys only. */
  key(item: Item): string;
}

/** How a batch is read. */
export interface ReadOptions {
  readonly consistent: boolean;
  /** ProjectionExpression and its names. */
  readonly projection?: Doc;
}

/** Requests under way at once, where a caller does not say. */
export const BATCHES_IN_FLIGHT = 8;

/**
 * Writes any number of items through BatchWriteItem. What comes back unprocessed and what is refused for load is sent
 * again, with full jitter, from the sender's retry budget, until the deadline; what is left then is returned. Of a
 * request that is refused for one of its items the others are sent without it. Each key may occur once.
 */
export async function writeBatches<Item>(
  writes: readonly BatchWrite<Item>[],
  form: ItemForm<Item>,
  sender: BatchSender,
  deadline: Deadline,
  inFlight = BATCHES_IN_FLIGHT,
): Promise<readonly Leftover<BatchWrite<Item>>[]> {
  const keyOf = (write: BatchWrite<Item>): string =>
    form.key("PutRequest" in write ? write.PutRequest.Item : write.DeleteRequest.Key);
  return runBatches<BatchWrite<Item>>(writes, sender, deadline, inFlight, {
    operation: "BatchWriteItem",
    most: WRITES_PER_BATCH,
    sizeOf: (write) => ("PutRequest" in write ? form.size(write.PutRequest.Item) : form.size(write.DeleteRequest.Key)),
    inputOf: (entries) => ({ RequestItems: { [sender.table]: entries.map(({ item }) => item) } }),
    leftOf: (entries, output) => {
      const left = (
        output["UnprocessedItems"] as { readonly [table: string]: readonly BatchWrite<Item>[] } | undefined
      )?.[sender.table];
      return givenBack(entries, left ?? [], keyOf);
    },
  });
}

/**
 * Reads any number of items by their keys through BatchGetItem; each key may occur once. `found` is told of each item.
 * What is neither told nor returned is not there.
 */
export async function readBatches<Item>(
  keys: readonly Item[],
  { consistent, projection }: ReadOptions,
  found: (item: Item) => void,
  form: ItemForm<Item>,
  sender: BatchSender,
  deadline: Deadline,
  inFlight = BATCHES_IN_FLIGHT,
): Promise<readonly Leftover<Item>[]> {
  return runBatches<Item>(keys, sender, deadline, inFlight, {
    operation: "BatchGetItem",
    most: GETS_PER_BATCH,
    sizeOf: () => 0,
    inputOf: (entries) => ({
      RequestItems: {
        [sender.table]: { Keys: entries.map(({ item }) => item), ConsistentRead: consistent, ...projection },
      },
    }),
    leftOf: (entries, output) => {
      for (const item of (output["Responses"] as { readonly [table: string]: readonly Item[] } | undefined)?.[
        sender.table
      ] ?? []) {
        found(item);
      }
      const left = (
        output["UnprocessedKeys"] as { readonly [table: string]: { readonly Keys?: readonly Item[] } } | undefined
      )?.[sender.table]?.Keys;
      return givenBack(entries, left ?? [], (item) => form.key(item));
    },
  });
}

/** The entries that came back: in any order, and told by their keys. */
function givenBack<T>(
  entries: readonly Entry<T>[],
  left: readonly T[],
  keyOf: (item: T) => string,
): readonly Entry<T>[] {
  if (left.length === 0) return [];
  const keys = new Set(left.map(keyOf));
  return entries.filter(({ item }) => keys.has(keyOf(item)));
}
