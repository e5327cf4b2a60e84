import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { readBatches } from "../../patterns/dynamodb/batches.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import { cancellationOf, failureOf } from "../../patterns/dynamodb/errors.js";
import type { RecordData, TransactOutcome, TransactWrite, WriteCall } from "../port/adapter.js";
import { compileConditions } from "../port/conditions.js";
import { MAX_RACES, type NotApplied, unknown } from "../port/outcome.js";
import { sameRecord } from "../port/same-record.js";
import { runWrite, type Write } from "../port/write.js";
import { type Derived, OWNER, type StoredItem } from "./codec.js";
import { living } from "./expiry.js";
import { Placeholders } from "./expressions.js";
import { homeItem } from "./insert.js";
import { listBuckets } from "./listed-buckets.js";
import { storedForm, unread } from "./read-records.js";
import type { Requests } from "./requests.js";
import { putChange, sameVersion, seenUpdate, updateChange } from "./seen-change.js";
import { keyText } from "./table-key.js";
import { besides, deleteBeside, putBeside, sendTransaction, TRANSACTION_ITEMS } from "./transaction.js";
import { type StoredEntity, versionOfWrite } from "./write.js";

/** One write, with what belongs to it. */
interface Part {
  readonly write: TransactWrite;
  readonly entity: StoredEntity;
  /** The record, or its key. */
  readonly key: RecordData;
  readonly home: string;
}

/** What one write sends: its home item first. */
interface Prepared {
  readonly home: Doc;
  readonly puts: readonly Derived[];
  readonly gone: readonly Derived[];
  readonly version: number | undefined;
  /** The record as it will be, where the write stores one. */
  readonly record?: RecordData;
}

/**
 * Writes several records in one TransactWriteItems. All of them are read first; what they demand is decided on what was
 * read, and the transaction holds only if nobody wrote one of them since, so that each write has its own reason. Records
 * that are written remember the transaction's id: that is how one whose answer was lost is found again.
 */
export async function transactMany(
  writes: readonly TransactWrite[],
  entities: ReadonlyMap<string, StoredEntity>,
  requests: Requests,
  call: WriteCall,
  whole: Deadline,
): Promise<TransactOutcome> {
  const parts = partsOf(writes, entities);
  if (call.writeId !== undefined && parts.every(({ write: { kind } }) => kind === "delete" || kind === "check")) {
    throw new KeyfoldError(
      "INPUT_INVALID",
      "A transaction with a writeId must write a record: deleted ones forget it.",
      {
        fix: "Use ifVersion on the deletes, which makes them harmless to send twice.",
      },
    );
  }
  return runWrite(call, whole, async (write): Promise<TransactOutcome> => {
    const [first] = parts;
    if (first === undefined) return { kind: "applied", versions: [] };
    let mayHaveRun = call.writeId !== undefined;
    for (let race = 0; race < MAX_RACES; race++) {
      if (race > 0) await pause(race, requests, write);
      const unsent = (thrown: unknown): TransactOutcome => {
        const { error } = failureOf(thrown);
        // An attempt before this one may have run all the same.
        return mayHaveRun && race > 0 ? lost(error) : { kind: "failed", error };
      };
      let stored: readonly (StoredItem | undefined)[];
      try {
        stored = await readParts(parts, requests, race === 0 ? write.attempts : write.whole);
      } catch (thrown) {
        return unsent(thrown);
      }
      if (mayHaveRun) {
        const done = doneBefore(parts, stored, write);
        if (done !== undefined) return done;
      }
      const reasons = parts.map((part, at) => reasonOf(part, living(stored[at], part.entity)));
      if (reasons.some((reason) => reason !== undefined)) return { kind: "notApplied", reasons };
      let prepared: readonly Prepared[];
      try {
        prepared = parts.map((part, at) => prepare(part, stored[at], write));
      } catch (thrown) {
        return { kind: "failed", error: failureOf(thrown).error };
      }
      const clash = uniqueClash(prepared);
      if (clash !== undefined) return { kind: "notApplied", reasons: clash };
      const items = itemsOf(prepared, requests);
      if (items.length > TRANSACTION_ITEMS) return { kind: "failed", error: tooMany(parts, prepared, items.length) };
      try {
        for (const [at, { record }] of prepared.entries()) {
          const { entity } = parts[at] as Part;
          if (record !== undefined) await listBuckets([record], entity, write.attempts);
        }
        await first.entity.buckets.open(
          besides(prepared.flatMap(({ puts, gone }) => [...puts, ...gone])),
          write.attempts,
        );
      } catch (thrown) {
        return unsent(thrown);
      }
      const reply = await sendTransaction(
        items.map(({ doc }) => doc),
        requests,
        write.attempts,
      );
      if (reply.kind === "reply") return { kind: "applied", versions: prepared.map(({ version }) => version) };
      if (reply.kind === "failed") {
        if (!reply.mayHaveRun) return { kind: "failed", error: reply.error };
        first.entity.buckets.doubt();
        try {
          const now = await readParts(parts, requests, write.whole);
          return doneBefore(parts, now, write) ?? lost(reply.error);
        } catch {
          return lost(reply.error);
        }
      }
      mayHaveRun ||= reply.mayHaveRun;
      const taken = takenValues(reply.thrown, items, parts.length);
      if (taken !== undefined) return { kind: "notApplied", reasons: taken };
    }
    return {
      kind: "failed",
      error: new KeyfoldError("THROTTLED", `Other writers changed these records ${MAX_RACES} times in a row.`, {
        fix: "Write records that many change at once in smaller transactions, or from one place.",
      }),
    };
  });
}

function partsOf(writes: readonly TransactWrite[], entities: ReadonlyMap<string, StoredEntity>): readonly Part[] {
  const seen = new Map<string, number>();
  return writes.map((write, at) => {
    const entity = entities.get(write.entity) as StoredEntity;
    const key = "record" in write ? write.record : write.key;
    const home = keyText(entity.codec.key(key));
    const other = seen.get(home);
    if (other !== undefined) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        `Writes ${other} and ${at} of the transaction are of one ${write.entity}; DynamoDB takes one for each record.`,
        { fix: "Make one write of both.", data: { entity: write.entity, writes: [other, at] } },
      );
    }
    seen.set(home, at);
    return { write, entity, key, home };
  });
}

async function readParts(
  parts: readonly Part[],
  requests: Requests,
  deadline: Deadline,
): Promise<readonly (StoredItem | undefined)[]> {
  const found = new Map<string, Item>();
  const keys = parts.map(({ entity, key }) => entity.codec.keyItem(key));
  const left = await readBatches(
    keys,
    { consistent: true },
    (item) => found.set(requests.key.text(item), item),
    storedForm(requests),
    requests,
    deadline,
  );
  if (left.length > 0) throw unread(left, parts.length, deadline);
  return parts.map(({ home, entity }) => {
    const item = found.get(home);
    return item === undefined ? undefined : entity.codec.stored(item);
  });
}

/** The outcome where a record that was written remembers this transaction; it was then done as a whole. */
function doneBefore(
  parts: readonly Part[],
  stored: readonly (StoredItem | undefined)[],
  { id }: Write,
): TransactOutcome | undefined {
  const made = parts.map((_, at) => versionOfWrite(stored[at], id));
  if (made.every((version) => version === undefined)) return undefined;
  // What was only checked has no id of it: its version is the one it has now.
  const versions = made.map((version, at) => (parts[at]?.write.kind === "check" ? stored[at]?.version : version));
  return { kind: "applied", versions };
}

function lost(cause: unknown): TransactOutcome {
  const outcome = unknown("The transaction was sent, and no read could tell what became of it.", cause);
  return { kind: "unknown", error: (outcome as { readonly error: KeyfoldError }).error };
}

/** Why a write cannot be done on what is stored; undefined: it can. */
function reasonOf({ write, entity }: Part, stored: StoredItem | undefined): NotApplied | undefined {
  const not = (reason: NotApplied["reason"]): NotApplied =>
    stored === undefined ? { kind: "notApplied", reason } : { kind: "notApplied", reason, version: stored.version };
  const { codec } = entity;
  if (write.kind === "insert") {
    if (stored === undefined) return undefined;
    return not(sameRecord(codec.fields, write.record, stored.record) ? "present" : "conflict");
  }
  const conditional = write.ifVersion !== undefined || (write.if?.length ?? 0) > 0;
  if (stored === undefined) return write.kind === "put" && !conditional ? undefined : not("missing");
  if (write.ifVersion !== undefined && write.ifVersion !== stored.version) return not("version");
  if (write.if !== undefined && !compileConditions(write.if, codec.fields)(stored.record)) return not("condition");
  return undefined;
}

function prepare({ write, entity, key }: Part, found: StoredItem | undefined, { id }: Write): Prepared {
  const stored = living(found, entity);
  const { requests, codec } = entity;
  switch (write.kind) {
    case "insert": {
      const version = requests.nextVersion();
      const to = new Placeholders();
      const Put = {
        TableName: requests.table,
        Item: homeItem(write.record, version, id, entity),
        // What has expired may still lie there: it is replaced.
        ConditionExpression: sameVersion(found, requests.key, to),
        ...to.members(),
      };
      return { home: { Put }, puts: codec.derive(write.record), gone: [], version, record: write.record };
    }
    case "put":
    case "update": {
      const change =
        write.kind === "put" ? putChange(write.record, entity) : updateChange(write.changes, entity)(stored);
      const { update, version, puts, gone } = seenUpdate(key, { found, stored }, change, () => [], id, entity);
      return { home: { Update: update }, puts, gone, version, record: change.record };
    }
    case "delete":
    case "check": {
      const to = new Placeholders();
      const facts = {
        TableName: requests.table,
        Key: codec.keyItem(key),
        ConditionExpression: sameVersion(stored, requests.key, to),
        ...to.members(),
      };
      return write.kind === "delete"
        ? { home: { Delete: facts }, puts: [], gone: codec.derive((stored as StoredItem).record), version: undefined }
        : { home: { ConditionCheck: facts }, puts: [], gone: [], version: (stored as StoredItem).version };
    }
    default:
      return write satisfies never;
  }
}

/** Writes of one transaction that want the same unique value: the later one cannot have it. */
function uniqueClash(prepared: readonly Prepared[]): readonly (NotApplied | undefined)[] | undefined {
  const owners = new Set<string>();
  let clash = false;
  const reasons = prepared.map(({ puts }): NotApplied | undefined => {
    for (const one of puts) {
      if (one.kind !== "unique") continue;
      const value = keyText(one.key);
      if (owners.has(value)) {
        clash = true;
        return { kind: "notApplied", reason: "unique", unique: one.fields };
      }
      owners.add(value);
    }
    return undefined;
  });
  return clash ? reasons : undefined;
}

interface Sent {
  readonly doc: Doc;
  /** Of a unique value: the write that takes it, and its fields. */
  readonly unique?: { readonly at: number; readonly fields: readonly string[] };
}

/** All items of the transaction: home items in the writes' order, then what lies beside them. */
function itemsOf(prepared: readonly Prepared[], requests: Requests): readonly Sent[] {
  const gone = new Map(prepared.flatMap((one) => one.gone).map((each) => [keyText(each.key), each]));
  const sent: Sent[] = prepared.map(({ home }) => ({ doc: home }));
  prepared.forEach(({ puts }, at) => {
    for (const one of puts) {
      const value = keyText(one.key);
      const before = gone.get(value);
      // A unique value that one record gives up and another takes is one item, which a transaction may name once.
      gone.delete(value);
      sent.push({
        doc: before === undefined ? putBeside(one, requests) : takeOver(one, before, requests),
        ...(one.kind === "unique" ? { unique: { at, fields: one.fields } } : {}),
      });
    }
  });
  for (const one of gone.values()) sent.push({ doc: deleteBeside(one, requests) });
  return sent;
}

/** A unique value that is free, this record's already, or the other one's, which gives it up in the same transaction. */
function takeOver(one: Derived, before: Derived, requests: Requests): Doc {
  const put = putBeside(one, requests) as { readonly Put: Doc };
  if (one.kind !== "unique") return put;
  return {
    Put: {
      ...put.Put,
      ConditionExpression: `${String(put.Put["ConditionExpression"])} OR #o = :b`,
      ExpressionAttributeValues: { ...(put.Put["ExpressionAttributeValues"] as Doc), ":b": before.item[OWNER] },
    },
  };
}

/** Writes whose unique value belongs to another record; undefined: it was none of these that stopped it. */
function takenValues(
  thrown: unknown,
  items: readonly Sent[],
  count: number,
): readonly (NotApplied | undefined)[] | undefined {
  const codes = cancellationOf(thrown) ?? [];
  // A home item that was written in between comes first: what it has given up may be free by now.
  if (codes.slice(0, count).some(({ Code }) => Code === "ConditionalCheckFailed")) return undefined;
  const reasons: (NotApplied | undefined)[] = new Array(count).fill(undefined);
  let taken = false;
  items.forEach(({ unique }, index) => {
    if (unique === undefined || codes[index]?.Code !== "ConditionalCheckFailed") return;
    reasons[unique.at] = { kind: "notApplied", reason: "unique", unique: unique.fields };
    taken = true;
  });
  return taken ? reasons : undefined;
}

function tooMany(parts: readonly Part[], prepared: readonly Prepared[], all: number): KeyfoldError {
  const items = prepared.map(({ puts, gone }) => 1 + puts.length + gone.length);
  const dearest = items.indexOf(Math.max(...items));
  return new KeyfoldError(
    "TOO_LARGE",
    `The transaction writes ${all} items for ${parts.length} records, ${items[dearest]} of them for write ${dearest} of a ${parts[dearest]?.write.entity}; DynamoDB takes ${TRANSACTION_ITEMS}.`,
    {
      fix: 'Write fewer records at once, or declare patterns "eventual": their records then need no copies. keyfold plan says how many items a record is written to.',
      data: { items, most: TRANSACTION_ITEMS },
    },
  );
}

async function pause(race: number, { clock }: Requests, { attempts }: Write): Promise<void> {
  const waitMs = fullJitterMs(race, 5, 200, () => clock.random());
  await clock.sleep(waitMs, attempts.signal).catch(() => {});
}
