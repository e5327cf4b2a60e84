import { KeyfoldError } from "../../internal/errors.js";
import { type BatchOperation, type Leftover, runBatches } from "../../patterns/dynamodb/batch-run.js";
import { BATCHES_IN_FLIGHT, type BatchWrite, writeBatches } from "../../patterns/dynamodb/batches.js";
import type { AttributeValue, Item } from "../../patterns/dynamodb/driver.js";
import { failureOf, unknownOperation } from "../../patterns/dynamodb/errors.js";
import { itemSize } from "../../patterns/dynamodb/item-size.js";
import type { RecordData } from "../port/adapter.js";
import { failed, unknown, type WriteOutcome } from "../port/outcome.js";
import type { Write } from "../port/write.js";
import { living } from "./expiry.js";
import { compareStored, homeItem, insertOne } from "./insert.js";
import { Kept, keyOfNames } from "./kept.js";
import { readItems, storedForm } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** Statements of one BatchExecuteStatement, and bytes of a statement's text. */
const STATEMENTS_PER_BATCH = 25;
const STATEMENT_BYTES = 8_192;

/** Records of one call that are one item each. */
export interface Batch {
  readonly positions: readonly number[];
  readonly records: readonly RecordData[];
  readonly outcomes: WriteOutcome[];
  readonly write: Write;
  readonly entity: StoredEntity;
}

/** A record's item, and where it stands in the call. */
interface Insert {
  readonly at: number;
  readonly item: Item;
}

/**
 * Inserts records that are one item each. BatchWriteItem takes no conditions: it serves what is never changed, where a
 * second insert of a key writes the same again. Others are INSERT statements of PartiQL, 25 in a request, each of which is
 * refused by itself where its key is taken.
 */
export async function insertInBatches(batch: Batch): Promise<void> {
  const { positions, records, outcomes, write, entity } = batch;
  const version = entity.requests.nextVersion();
  const inserts: Insert[] = [];
  for (const at of positions) {
    try {
      inserts.push({ at, item: homeItem(records[at] as RecordData, version, write.id, entity) });
    } catch (error) {
      outcomes[at] = failed(failureOf(error).error);
    }
  }
  const applied: WriteOutcome = { kind: "applied", version };
  if (entity.codec.entity.appendOnly) await writeBlindly(inserts, applied, batch);
  else if (statementless.has(entity.requests)) await insertEach(inserts, batch);
  else await insertByStatements(inserts, applied, batch);
}

async function writeBlindly(inserts: readonly Insert[], applied: WriteOutcome, batch: Batch): Promise<void> {
  const { outcomes, write, entity } = batch;
  const writes = inserts.map(({ item }): BatchWrite<Item> => ({ PutRequest: { Item: item } }));
  const left = await writeBatches(writes, storedForm(entity.requests), entity.requests, write.attempts);
  for (const { at } of inserts) outcomes[at] = applied;
  for (const one of left) await settleLeft(inserts[one.position] as Insert, one, batch);
}

/** Engines that do not know statements of PartiQL; some that speak DynamoDB's protocol do not. */
const statementless = new WeakSet<object>();

/** What an answer says of a statement whose key is taken, and of one that was refused for load. */
const taken = new Set(["DuplicateItem", "ConditionalCheckFailed"]);
const busy = new Set([
  "ProvisionedThroughputExceeded",
  "ThrottlingError",
  "Throttling",
  "RequestLimitExceeded",
  "TransactionConflict",
  "InternalServerError",
]);

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html */
async function insertByStatements(inserts: readonly Insert[], applied: WriteOutcome, batch: Batch): Promise<void> {
  const { outcomes, write, entity } = batch;
  const { requests } = entity;
  const met: Insert[] = [];
  const resent = new Set<number>();
  const alone: Insert[] = [];
  const operation: BatchOperation<Insert> = {
    operation: "BatchExecuteStatement",
    most: STATEMENTS_PER_BATCH,
    sizeOf: ({ item }) => itemSize(item),
    inputOf: (entries) => ({ Statements: entries.map(({ item: { item } }) => statementOf(requests.table, item)) }),
    leftOf(entries, output, unanswered) {
      const answers = output["Responses"] as readonly { readonly Error?: { readonly Code?: string } }[];
      return entries.filter(({ item: insert, position }, index) => {
        const code = answers[index]?.Error?.Code;
        if (code === undefined) outcomes[insert.at] = applied;
        else if (busy.has(code)) return true;
        else if (taken.has(code)) {
          met.push(insert);
          if (unanswered.has(position)) resent.add(insert.at);
        }
        // Alone, it has DynamoDB's own answer.
        else alone.push(insert);
        return false;
      });
    },
  };
  const short: Insert[] = [];
  for (const one of inserts) (statementFits(requests.table, one.item) ? short : alone).push(one);
  const left = await runBatches(short, requests, write.attempts, BATCHES_IN_FLIGHT, operation);
  if (left.some(({ error }) => error !== undefined && unknownOperation(error))) {
    statementless.add(requests);
    await insertEach(
      inserts.filter(({ at }) => outcomes[at] === undefined),
      batch,
    );
    return;
  }
  for (const one of left) await settleLeft(short[one.position] as Insert, one, batch);
  await settleMet(met, resent, batch);
  await insertEach(alone, batch);
}

function statementOf(table: string, item: Item): { readonly Statement: string; readonly Parameters: AttributeValue[] } {
  return { Statement: textOf(table, item), Parameters: Object.values(item) };
}

function statementFits(table: string, item: Item): boolean {
  const text = textOf(table, item);
  return text.length * 3 <= STATEMENT_BYTES || Buffer.byteLength(text) <= STATEMENT_BYTES;
}

const statements = new Kept<string>();

/** The same for all items with the same attributes. */
function textOf(table: string, item: Item): string {
  const names = Object.keys(item);
  return statements.get(keyOfNames([table, ...names]), () => {
    const members = names.map((name) => `'${name.replaceAll("'", "''")}': ?`);
    return `INSERT INTO "${table}" VALUE {${members.join(", ")}}`;
  });
}

/** What is stored under a key that is taken decides. */
async function settleMet(met: readonly Insert[], resent: ReadonlySet<number>, batch: Batch): Promise<void> {
  const { records, outcomes, write, entity } = batch;
  if (met.length === 0) return;
  let found: ReadonlyMap<string, Item>;
  try {
    found = await readItems(
      met.map(({ at }) => records[at] as RecordData),
      true,
      entity,
      write.whole,
    );
  } catch (thrown) {
    const { error } = failureOf(thrown);
    for (const { at } of met) outcomes[at] = resent.has(at) ? unknown(ASKED_IN_VAIN, error) : failed(error);
    return;
  }
  const again: Insert[] = [];
  for (const insert of met) {
    const record = records[insert.at] as RecordData;
    const item = found.get(entity.requests.key.text(insert.item));
    try {
      const stored = living(item && entity.codec.stored(item), entity);
      // Deleted in between, or expired: the insert is made anew.
      if (stored === undefined) again.push(insert);
      else outcomes[insert.at] = compareStored(record, stored, entity, write, resent.has(insert.at));
    } catch (error) {
      outcomes[insert.at] = failed(failureOf(error).error);
    }
  }
  await insertEach(again, batch);
}

/** One by one, several at once. */
async function insertEach(inserts: readonly Insert[], { records, outcomes, write, entity }: Batch): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let one = inserts[next++]; one !== undefined; one = inserts[next++]) {
      outcomes[one.at] = await insertOne(records[one.at] as RecordData, entity, write.call, write.whole).catch(
        (thrown: unknown) => failed(failureOf(thrown).error),
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(inserts.length, 4 * BATCHES_IN_FLIGHT) }, worker));
}

const ASKED_IN_VAIN = "The insert was sent and not answered, and the record is not there yet.";

/** What the deadline or the retry budget left. */
async function settleLeft(
  insert: Insert,
  { reason, sent: mayHaveRun, error }: Leftover<unknown>,
  batch: Batch,
): Promise<void> {
  const { records, outcomes, write, entity } = batch;
  const why = error ?? leftOver(reason);
  // What DynamoDB refuses is asked for alone: so it has its own answer.
  if (!mayHaveRun && (why.code === "TOO_LARGE" || why.code === "DRIVER_ERROR")) return insertEach([insert], batch);
  if (!mayHaveRun) {
    outcomes[insert.at] = failed(why);
    return;
  }
  const record = records[insert.at] as RecordData;
  try {
    const found = await readItems([record], true, entity, write.whole);
    const [item] = found.values();
    const stored = item && entity.codec.stored(item);
    outcomes[insert.at] =
      stored === undefined ? unknown(ASKED_IN_VAIN, why) : compareStored(record, stored, entity, write, true);
  } catch {
    outcomes[insert.at] = unknown(ASKED_IN_VAIN, why);
  }
}

function leftOver(reason: string): KeyfoldError {
  return new KeyfoldError(
    "THROTTLED",
    reason === "unprocessed"
      ? "DynamoDB gave the write back unprocessed until the time or the retry budget was spent."
      : "DynamoDB refused the write for load until the time or the retry budget was spent.",
    {
      fix: "Insert it again: what is stored already is left alone. Raise the table's capacity, or insert less at once.",
      data: { reason },
    },
  );
}
