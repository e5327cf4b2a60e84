import { Consumption, ConsumptionByTable, readUnits } from "../data/capacity.js";
import { decodeItem, RawJson, storedSize } from "../data/item-codec.js";
import type { Table } from "../data/table.js";
import { findToken, keepToken } from "../data/tokens.js";
import { DynamoError, validation } from "../errors.js";
import { Projection } from "../expressions/paths.js";
import type { Path } from "../expressions/syntax.js";
import type { Item } from "../values/attribute-value.js";
import { partitionPrefix } from "../values/key-encoding.js";
import type { Engine } from "./operation.js";
import {
  applyWrite,
  checkWriteThrottle,
  type ItemWrite,
  type Prepared,
  prepareWrite,
  takeWriteUnits,
} from "./write-item.js";

/** Writes and reads that are done all together or not at all: of transactions, and of PartiQL's. */

/** Bytes that one transaction's items may have together. */
export const largestTransaction = 4 * 1024 * 1024;

/** Why one action of a transaction could not be done. */
export interface Reason {
  readonly Code: string;
  readonly Message?: string;
  readonly Item?: unknown;
}

const none: Reason = { Code: "None" };

/** Codes of reasons by the error that the action alone would have had. */
const reasonCodes: Readonly<Record<string, string>> = {
  ConditionalCheckFailedException: "ConditionalCheckFailed",
  ValidationException: "ValidationError",
  DuplicateItemException: "DuplicateItem",
  ProvisionedThroughputExceededException: "ProvisionedThroughputExceeded",
  ThrottlingException: "ThrottlingError",
  ItemCollectionSizeLimitExceededException: "ItemCollectionSizeLimitExceeded",
};

/** The reason of an action that failed; other errors are those of the whole request. */
function reasonOf(error: unknown): Reason {
  if (!(error instanceof DynamoError)) throw error;
  const code = reasonCodes[error.name];
  if (code === undefined) throw error;
  const item = error.members?.["Item"];
  return { Code: code, Message: error.message, ...(item === undefined ? {} : { Item: item }) };
}

/** Throws the error that cancels a transaction, when an action has a reason. */
export function cancelOn(reasons: readonly (Reason | undefined)[]): void {
  if (reasons.every((reason) => reason === undefined)) return;
  const all = reasons.map((reason) => reason ?? none);
  throw new DynamoError(
    "TransactionCanceledException",
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${all.map(({ Code }) => Code).join(", ")}]`,
    { CancellationReasons: all },
  );
}

/** Runs each action; what one of them throws is its reason. */
export function eachAction<T, R>(actions: readonly T[], run: (action: T, at: number) => R): R[] {
  const reasons: (Reason | undefined)[] = [];
  const results = actions.map((each, at) => {
    try {
      return run(each, at);
    } catch (error) {
      reasons[at] = reasonOf(error);
      return undefined;
    }
  });
  cancelOn(Array.from(actions, (_, at) => reasons[at]));
  return results as R[];
}

/** Throws where two actions are about one item. */
export function checkOnce(writes: readonly { readonly table: Table; readonly key: string }[]): void {
  const seen = new Set<string>();
  for (const { table, key } of writes) {
    const id = `${table.definition.tree}/${key}`;
    if (seen.has(id)) throw validation("Transaction request cannot include multiple operations on one item");
    seen.add(id);
  }
}

/** What a transaction of writes did. */
interface Written {
  readonly prepared: readonly Prepared[];
  readonly used: ConsumptionByTable;
  /** It was done before, under the same token; nothing was written now. */
  readonly repeated: boolean;
}

/** What makes a transaction harmless when it is sent twice. */
export interface Token {
  readonly text: string;
  /** All that was asked. */
  readonly request: string;
}

/** The token of a request, if it has one. */
export function tokenOf(input: Readonly<Record<string, unknown>>, actions: unknown): Token | undefined {
  const text = input["ClientRequestToken"] as string | undefined;
  return text === undefined ? undefined : { text, request: JSON.stringify(actions) };
}

/**
 * Does all writes or none; throws with the reasons when one of them cannot be done. `prepare` looks at an item and
 * decides. A token is looked for and kept within the same change of the store.
 */
export function writeTogether(
  engine: Engine,
  writes: readonly ItemWrite[],
  prepare: (write: ItemWrite, at: number) => Prepared = prepareWrite,
  token?: Token,
): Written | Promise<Written> {
  checkOnce(writes);
  eachAction(writes, (write) => checkWriteThrottle(engine, write));
  const { catalog } = engine;
  return catalog.write(() => {
    const now = engine.clock.now();
    if (token !== undefined && findToken(catalog, token.text, token.request, now) !== undefined) {
      return { prepared: [], used: repeatedReads(writes), repeated: true };
    }
    const prepared = eachAction(writes, prepare);
    const used = new ConsumptionByTable();
    for (const each of prepared) {
      const own = new Consumption(each.write.table);
      applyWrite(engine, each, own);
      own.double();
      takeWriteUnits(engine, each, own);
      used.of(each.write.table).add(own);
    }
    if (token !== undefined) keepToken(catalog, token.text, token.request, {}, now);
    return { prepared, used, repeated: false };
  });
}

/** Units that reading the items of a transaction again takes: what a repeated request costs. */
function repeatedReads(keys: readonly { table: Table; key: string }[]): ConsumptionByTable {
  const used = new ConsumptionByTable();
  for (const { table, key } of keys) {
    const stored = table.stored(key);
    used.of(table).tableUnits += 2 * readUnits(stored === undefined ? 0 : storedSize(stored), true);
  }
  return used;
}

/** One item that a transaction reads. */
export interface ItemRead {
  readonly table: Table;
  readonly key: string;
  readonly keyItem: Item;
  readonly paths: readonly Path[] | undefined;
}

/** Reads all items at one moment; tells them in order, with what it used. */
export function readTogether(
  engine: Engine,
  reads: readonly ItemRead[],
): { items: (RawJson | Item | undefined)[]; used: ConsumptionByTable } {
  checkOnce(reads);
  const used = new ConsumptionByTable();
  let bytes = 0;
  const items = eachAction(reads, ({ table, key, keyItem, paths }) => {
    const partition = engine.throttle && partitionPrefix(keyItem[table.schema.partition.name]!);
    const source = { table, index: undefined, kind: "Read", partition } as const;
    engine.throttle?.check(source);
    const stored = table.stored(key);
    const size = stored === undefined ? 0 : storedSize(stored);
    bytes += size;
    const units = 2 * readUnits(size, true);
    used.of(table).tableUnits += units;
    engine.throttle?.take(source, units);
    if (stored === undefined) return undefined;
    return paths === undefined ? RawJson.ofStored(stored) : new Projection(paths).apply(decodeItem(stored));
  });
  if (bytes > largestTransaction) {
    throw validation("Collection size exceeded: transaction response cannot exceed 4 MB");
  }
  return { items, used };
}
