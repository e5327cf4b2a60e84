import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Consistency } from "../../model/consistency.js";
import type { Leftover } from "../../patterns/dynamodb/batch-run.js";
import { type ItemForm, readBatches } from "../../patterns/dynamodb/batches.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import { itemSize } from "../../patterns/dynamodb/item-size.js";
import type { DynamoFieldSource } from "../../plan/dynamodb/types.js";
import type { ReadCall, RecordData, Versioned } from "../port/adapter.js";
import { living } from "./expiry.js";
import type { Requests } from "./requests.js";
import { keyText } from "./table-key.js";
import type { StoredEntity } from "./write.js";

/** Whether a level asks for a strongly consistent read: every level but `eventual`, since DynamoDB has no other bound. */
export function isConsistent(level: Consistency): boolean {
  return level !== "eventual";
}

/** Items of a table in a batch. */
export function storedForm({ key }: Requests): ItemForm<Item> {
  return { size: itemSize, key: (item) => key.text(item) };
}

/** Reads records by their keys; one answer for each, in order. */
export async function readMany(
  keys: readonly RecordData[],
  entity: StoredEntity,
  call: ReadCall,
  deadline: Deadline,
): Promise<readonly (Versioned | undefined)[]> {
  const { requests, codec } = entity;
  const consistent = isConsistent(call.consistency);
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) {
    const output = await requests.send(
      "GetItem",
      consistent
        ? { TableName: requests.table, Key: codec.keyItem(only), ConsistentRead: true }
        : { TableName: requests.table, Key: codec.keyItem(only) },
      deadline,
    );
    const item = output["Item"] as Item | undefined;
    return [versioned(item, entity)];
  }
  const found = await readItems(keys, consistent, entity, deadline);
  return keys.map((key) => {
    return versioned(found.get(keyText(codec.key(key))), entity);
  });
}

function versioned(item: Item | undefined, entity: StoredEntity): Versioned | undefined {
  const stored = living(item && entity.codec.stored(item), entity);
  return stored && { record: stored.record, version: stored.version };
}

/** The record of an item; none: it has expired. */
export function recordsOf(item: Item, entity: StoredEntity): readonly RecordData[] {
  const { codec } = entity;
  if (codec.entity.expires === undefined) return [codec.record(item)];
  const stored = living(codec.stored(item), entity);
  return stored === undefined ? [] : [stored.record];
}

/** The records of items; those that have expired are left out. */
function recordsOfAll(items: readonly Item[], entity: StoredEntity): readonly RecordData[] {
  const { codec } = entity;
  if (codec.entity.expires === undefined) return items.map((item) => codec.record(item));
  return items.flatMap((item) => recordsOf(item, entity));
}

/** Compiles how rows are made of items: whole records, or some of their fields. Those that have expired are left out. */
export function rowsOf(
  sources: readonly DynamoFieldSource[] | undefined,
  entity: StoredEntity,
): (items: readonly Item[]) => readonly RecordData[] {
  if (sources === undefined) return (items) => recordsOfAll(items, entity);
  const read = entity.codec.reading(sources);
  const { expires } = entity.codec.entity;
  return (items) => {
    const rows = items.map(read);
    if (expires === undefined) return rows;
    const now = entity.requests.clock.now();
    return rows.filter((row) => !(row[expires] instanceof Date && row[expires].getTime() <= now));
  };
}

/** Home items by their keys' text. What could not be read in time is an error, never an absence. */
export async function readItems(
  keys: readonly RecordData[],
  consistent: boolean,
  { requests, codec }: StoredEntity,
  deadline: Deadline,
): Promise<ReadonlyMap<string, Item>> {
  // A batch may name each key once.
  const distinct = new Map<string, Item>();
  for (const key of keys) {
    const item = codec.keyItem(key);
    distinct.set(requests.key.text(item), item);
  }
  const found = new Map<string, Item>();
  const left = await readBatches(
    [...distinct.values()],
    { consistent },
    (item) => found.set(requests.key.text(item), item),
    storedForm(requests),
    requests,
    deadline,
  );
  if (left.length > 0) throw unread(left, distinct.size, deadline);
  return found;
}

/** The error of a read that was not answered for all keys. */
export function unread(left: readonly Leftover<Item>[], all: number, deadline: Deadline): KeyfoldError {
  const [first] = left;
  const count = (reason: string): number => left.filter((each) => each.reason === reason).length;
  const data = { unprocessed: count("unprocessed"), throttled: count("throttled"), failed: count("failed") };
  if (first?.reason === "failed" && first.error !== undefined) {
    return new KeyfoldError(first.error.code, first.error.message, { cause: first.error, data });
  }
  return new KeyfoldError(
    deadline.over ? "DEADLINE_EXCEEDED" : "THROTTLED",
    `DynamoDB answered ${all - left.length} of ${all} keys; ${data.unprocessed} came back unprocessed and ${data.throttled} were refused for load.`,
    { fix: "Ask for fewer at once, give the call more time, or raise the table's capacity.", data },
  );
}
