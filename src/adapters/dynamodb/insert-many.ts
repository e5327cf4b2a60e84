import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Doc } from "../../patterns/dynamodb/driver.js";
import { cancellationOf, failureOf } from "../../patterns/dynamodb/errors.js";
import type { RecordData, WriteCall } from "../port/adapter.js";
import { failed, type WriteOutcome } from "../port/outcome.js";
import { runWrite, type Write } from "../port/write.js";
import type { Derived } from "./codec.js";
import { living } from "./expiry.js";
import { compareStored, homeItem, insertOne } from "./insert.js";
import { insertInBatches } from "./insert-batches.js";
import { listBuckets } from "./listed-buckets.js";
import { readItems } from "./read-records.js";
import { keyText } from "./table-key.js";
import { besides, putBeside, TRANSACTION_ITEMS, transact } from "./transaction.js";
import { absent, type StoredEntity } from "./write.js";

/** Transactions of one call under way at once. */
const TRANSACTIONS_IN_FLIGHT = 8;
/** Bytes of a transaction stay below DynamoDB's 4 MB; a record's items are small against this. */
const TRANSACTION_RECORDS = 25;

/** Inserts any number of records; one outcome for each, in order. */
export async function insertMany(
  records: readonly RecordData[],
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<readonly WriteOutcome[]> {
  const outcomes: WriteOutcome[] = new Array(records.length);
  await runWrite(call, whole, async (write) => {
    const todo = distinctKeys(records, entity, outcomes);
    try {
      const fresh = todo.first.map((position) => records[position] as RecordData);
      await listBuckets(fresh, entity, write.attempts);
    } catch (thrown) {
      const { error } = failureOf(thrown);
      for (let position = 0; position < records.length; position++) outcomes[position] ??= failed(error);
      return;
    }
    const { copies, contributions, uniques } = entity.codec.entity;
    if (copies.length + contributions.length + uniques.length > 0) {
      await insertInTransactions(todo.first, records, outcomes, write, entity);
    } else await insertInBatches({ positions: todo.first, records, outcomes, write, entity });
    // A key that occurs twice: the later record meets the earlier one, as if they had come one after the other.
    for (const position of todo.again) {
      outcomes[position] ??= await insertOne(records[position] as RecordData, entity, call, whole);
    }
  });
  return outcomes;
}

/** Positions of the first record of each key, and of those whose key came before; what cannot be encoded has its outcome. */
function distinctKeys(
  records: readonly RecordData[],
  { codec }: StoredEntity,
  outcomes: WriteOutcome[],
): { readonly first: readonly number[]; readonly again: readonly number[] } {
  const seen = new Set<string>();
  const first: number[] = [];
  const again: number[] = [];
  records.forEach((record, position) => {
    let identity: string;
    try {
      identity = codec.identity(record);
    } catch (error) {
      if (!(error instanceof KeyfoldError)) throw error;
      outcomes[position] = failed(error);
      return;
    }
    if (seen.has(identity)) again.push(position);
    else {
      seen.add(identity);
      first.push(position);
    }
  });
  return { first, again };
}

interface Prepared {
  readonly position: number;
  readonly items: readonly Doc[];
  readonly derived: readonly Derived[];
  readonly version: number;
}

/** What the transactions of one call share. */
interface Job {
  readonly records: readonly RecordData[];
  readonly outcomes: WriteOutcome[];
  readonly write: Write;
  readonly entity: StoredEntity;
  /** Most records of the last transaction were there already: the next ones are looked for first. */
  lookFirst: boolean;
}

/** Records of several items: as many records in a transaction as fit, each there wholly or not at all. */
async function insertInTransactions(
  positions: readonly number[],
  records: readonly RecordData[],
  outcomes: WriteOutcome[],
  write: Write,
  entity: StoredEntity,
): Promise<void> {
  const job: Job = { records, outcomes, write, entity, lookFirst: false };
  const version = entity.requests.nextVersion();
  const groups: Prepared[][] = [];
  const clashing: Prepared[] = [];
  let group: Prepared[] = [];
  let count = 0;
  let values = new Set<string>();
  for (const position of positions) {
    let prepared: Prepared;
    try {
      prepared = prepare(position, records[position] as RecordData, version, write, entity);
    } catch (error) {
      outcomes[position] = failed(failureOf(error).error);
      continue;
    }
    if (group.length === TRANSACTION_RECORDS || count + prepared.items.length > TRANSACTION_ITEMS) {
      if (group.length > 0) groups.push(group);
      group = [];
      count = 0;
      values = new Set();
    }
    // A transaction may name an item once: the second record with a unique value comes after the first one's.
    const own = prepared.derived.filter(({ kind }) => kind === "unique").map(({ key }) => key.pk);
    if (own.some((value) => values.has(value))) {
      clashing.push(prepared);
      continue;
    }
    for (const value of own) values.add(value);
    group.push(prepared);
    count += prepared.items.length;
  }
  if (group.length > 0) groups.push(group);

  let next = 0;
  const worker = async (): Promise<void> => {
    for (let one = groups[next++]; one !== undefined; one = groups[next++]) await insertGroup(one, job);
  };
  await Promise.all(Array.from({ length: Math.min(TRANSACTIONS_IN_FLIGHT, groups.length) }, worker));
  for (const one of clashing) await insertAlone(one, job);
}

function prepare(position: number, record: RecordData, version: number, write: Write, entity: StoredEntity): Prepared {
  const { requests, codec } = entity;
  const derived = codec.derive(record);
  const put = {
    TableName: requests.table,
    Item: homeItem(record, version, write.id, entity),
    ...absent(requests.key),
  };
  return { position, derived, version, items: [{ Put: put }, ...derived.map((one) => putBeside(one, requests))] };
}

/** By the same id: what this call's transaction has inserted after all is told from what others did. */
async function insertAlone({ position }: Prepared, { records, outcomes, write, entity }: Job): Promise<void> {
  const call = { ...write.call, writeId: write.id };
  outcomes[position] = await insertOne(records[position] as RecordData, entity, call, write.whole).catch(
    (thrown: unknown) => failed(failureOf(thrown).error),
  );
}

/** Gives those of these records that are stored already their outcome; the others are returned. */
async function settlePresent(
  group: readonly Prepared[],
  { records, outcomes, write, entity }: Job,
): Promise<readonly Prepared[]> {
  const { codec } = entity;
  const recordOf = ({ position }: Prepared): RecordData => records[position] as RecordData;
  const found = await readItems(group.map(recordOf), true, entity, write.attempts);
  return group.filter((one) => {
    const item = found.get(keyText(codec.key(recordOf(one))));
    if (item === undefined) return true;
    try {
      const stored = living(codec.stored(item), entity);
      if (stored === undefined) return true;
      outcomes[one.position] = compareStored(recordOf(one), stored, entity, write, false);
    } catch (error) {
      outcomes[one.position] = failed(failureOf(error).error);
    }
    return false;
  });
}

/** Never rejects: what goes wrong becomes the outcome of each record that it concerns. */
async function insertGroup(group: readonly Prepared[], job: Job): Promise<void> {
  const { outcomes, write, entity } = job;
  let left = group;
  try {
    if (job.lookFirst) {
      left = await settlePresent(left, job);
      job.lookFirst = left.length * 2 < group.length;
    }
    if (left.length > 0) await entity.buckets.open(besides(left.flatMap(({ derived }) => derived)), write.attempts);
    while (left.length > 0) {
      if (write.attempts.over) throw write.attempts.error();
      const reply = await transact(
        left.flatMap(({ items }) => items),
        entity,
        write.attempts,
      );
      if (reply.kind === "reply") {
        for (const { position, version } of left) outcomes[position] = { kind: "applied", version };
        return;
      }
      if (reply.kind === "failed") {
        if (!reply.mayHaveRun && reply.error.code !== "TOO_LARGE") throw reply.error;
        entity.buckets.doubt();
        // Each record by itself: it finds its own item where the transaction was done after all.
        for (const one of left) await insertAlone(one, job);
        return;
      }
      const reasons = cancellationOf(reply.thrown) ?? [];
      const present: Prepared[] = [];
      const stopped: Prepared[] = [];
      let at = 0;
      for (const one of left) {
        const own = reasons.slice(at, at + one.items.length).map(({ Code = "None" }) => Code);
        if (own[0] === "ConditionalCheckFailed") present.push(one);
        else if (own.some((code) => code !== "None" && code !== "TransactionConflict")) stopped.push(one);
        at += one.items.length;
      }
      job.lookFirst ||= present.length * 2 > group.length;
      if (present.length > 0) stopped.push(...(await settlePresent(present, job)));
      // Without reasons nothing can be told apart.
      const apart = new Set(present.length + stopped.length === 0 ? left : [...present, ...stopped]);
      left = left.filter((one) => !apart.has(one));
      for (const one of apart) if (outcomes[one.position] === undefined) await insertAlone(one, job);
    }
  } catch (thrown) {
    const { error } = failureOf(thrown);
    for (const { position } of left) outcomes[position] ??= failed(error);
  }
}
