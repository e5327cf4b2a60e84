import type { Deadline } from "../../internal/deadline.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import { WRITES } from "../../plan/dynamodb/names.js";
import type { RecordData } from "../port/adapter.js";
import type { BucketLeases } from "../port/bucket-leases.js";
import type { KnownBuckets } from "../port/known-buckets.js";
import { unknown, type WriteOutcome } from "../port/outcome.js";
import type { Write } from "../port/write.js";
import type { Codec, StoredItem } from "./codec.js";
import type { Requests } from "./requests.js";
import type { TableKey } from "./table-key.js";

/** One entity's records and all that reading and writing them takes. */
export interface StoredEntity {
  readonly requests: Requests;
  readonly codec: Codec;
  readonly buckets: BucketLeases;
  /** Buckets of places that are cut by time which this process has listed. */
  readonly known: KnownBuckets;
}

/** What is stored under a key, by a strong read. */
export async function readHome(
  key: RecordData,
  entity: StoredEntity,
  deadline: Deadline,
): Promise<StoredItem | undefined> {
  const { requests, codec } = entity;
  const output = await requests.send(
    "GetItem",
    { TableName: requests.table, Key: codec.keyItem(key), ConsistentRead: true },
    deadline,
  );
  const item = output["Item"] as Item | undefined;
  return item === undefined ? undefined : codec.stored(item);
}

/** The version that a write made, where the item remembers it. */
export function versionOfWrite(stored: StoredItem | undefined, id: string): number | undefined {
  if (stored === undefined) return undefined;
  const at = stored.writes.indexOf(id);
  // Each write raises the version by one and moves the ids on by one.
  return at === -1 ? undefined : stored.version - at;
}

/** Whether so many writes came after that the item could have forgotten this one. */
export function mayBeForgotten(stored: StoredItem | undefined): boolean {
  return stored !== undefined && stored.writes.length === WRITES.length;
}

/** Reads what became of a write that was sent and not answered. */
export async function settle(
  key: RecordData,
  write: Write,
  entity: StoredEntity,
  cause: unknown,
  otherwise?: (stored: StoredItem | undefined) => WriteOutcome | undefined,
): Promise<WriteOutcome> {
  entity.buckets.doubt();
  let stored: StoredItem | undefined;
  try {
    stored = await readHome(key, entity, write.whole);
  } catch (thrown) {
    return unknown("The write was sent, and no read could tell what became of it.", thrown);
  }
  const version = versionOfWrite(stored, write.id);
  if (version !== undefined) return { kind: "applied", version };
  return otherwise?.(stored) ?? unknown("The write was sent and not answered; the record does not show it yet.", cause);
}

/** The condition that nothing is stored under a key. */
export function absent({ partition }: TableKey): Doc {
  return { ConditionExpression: "attribute_not_exists(#pk)", ExpressionAttributeNames: { "#pk": partition } };
}
