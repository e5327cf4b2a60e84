import type { Deadline } from "../../internal/deadline.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import { conditionFailed } from "../../patterns/dynamodb/errors.js";
import { checkSize, itemSize } from "../../patterns/dynamodb/item-size.js";
import { ENTITY, VERSION, WRITES } from "../../plan/dynamodb/names.js";
import type { RecordData, WriteCall } from "../port/adapter.js";
import { failed, MAX_RACES, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import { sameRecord } from "../port/same-record.js";
import { runWrite, type Write } from "../port/write.js";
import type { StoredItem } from "./codec.js";
import { living } from "./expiry.js";
import { Placeholders } from "./expressions.js";
import { listBuckets } from "./listed-buckets.js";
import { sameVersion } from "./seen-change.js";
import { besides, blockers, putBeside, transact } from "./transaction.js";
import { readHome, type StoredEntity, settle, versionOfWrite } from "./write.js";

/** The home item of a new record. */
export function homeItem(record: RecordData, version: number, id: string, { codec }: StoredEntity): Item {
  // Assigned one by one: an object that is spread together takes several times as long to make and to send.
  const item = codec.keyItem(record);
  item[ENTITY] = { S: codec.entity.entity };
  codec.attributes(record, item);
  const entries = codec.entries(record);
  for (const attribute in entries) {
    const value = entries[attribute];
    if (value !== undefined) item[attribute] = value;
  }
  item[VERSION] = { N: String(version) };
  item[WRITES[0]] = { S: id };
  checkSize(itemSize(item), codec.entity.entity);
  return item;
}

/** Inserts one record; where its key is taken, what is stored there decides. */
export async function insertOne(
  record: RecordData,
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(call, whole, async (write) => {
    const { requests, codec } = entity;
    const version = requests.nextVersion();
    const item = homeItem(record, version, write.id, entity);
    const derived = codec.derive(record);
    /** What has expired, and lies there yet: it is replaced. */
    let expired: StoredItem | undefined;
    const applied: WriteOutcome = { kind: "applied", version };
    await listBuckets([record], entity, write.attempts);
    if (derived.length > 0) await entity.buckets.open(besides(derived), write.attempts);
    for (let race = 0; race < MAX_RACES; race++) {
      const to = new Placeholders();
      const put = {
        TableName: requests.table,
        Item: item,
        ConditionExpression: sameVersion(expired, requests.key, to),
        ...to.members(),
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      };
      const reply =
        derived.length === 0
          ? await requests.write("PutItem", put, write.attempts)
          : await transact([{ Put: put }, ...derived.map((one) => putBeside(one, requests))], entity, write.attempts);
      if (reply.kind === "reply") return applied;
      if (reply.kind === "failed") {
        if (!reply.mayHaveRun) return failed(reply.error);
        return settle(record, write, entity, reply.error, (stored) =>
          living(stored, entity) && stored ? compareStored(record, stored, entity, write, true) : undefined,
        );
      }
      const block = blockers(reply.thrown, derived);
      if (block !== undefined) return block;
      const seen = conditionFailed(reply.thrown)?.item;
      const stored = seen === undefined ? await readHome(record, entity, write.whole) : codec.stored(seen);
      // Nothing there any more: another writer deleted it in between.
      if (stored === undefined) expired = undefined;
      else if (living(stored, entity) === undefined && versionOfWrite(stored, write.id) === undefined) expired = stored;
      else return compareStored(record, stored, entity, write, reply.mayHaveRun);
    }
    return raced(codec.entity.entity);
  });
}

/** What an insert came to when an item is there already. */
export function compareStored(
  record: RecordData,
  stored: StoredItem,
  { codec }: StoredEntity,
  write: Write,
  resent: boolean,
): WriteOutcome {
  const version = versionOfWrite(stored, write.id);
  if (version !== undefined) return { kind: "applied", version };
  if (sameRecord(codec.fields, record, stored.record))
    return { kind: "notApplied", reason: "present", version: stored.version };
  if (resent) return unknown("The insert may have been done and changed by another writer since.", undefined);
  return { kind: "notApplied", reason: "conflict", version: stored.version };
}
