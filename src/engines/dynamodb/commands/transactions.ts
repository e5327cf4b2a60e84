import { Consumption, ConsumptionByTable, readUnits } from "../data/capacity.js";
import { decodeItem, RawJson, storedSize } from "../data/item-codec.js";
import type { Table } from "../data/table.js";
import { findToken, keepToken } from "../data/tokens.js";
import { DynamoError, validation } from "../errors.js";
import { parseUpdate } from "../expressions/parser.js";
import { Projection } from "../expressions/paths.js";
import type { Path } from "../expressions/syntax.js";
import { bindUpdate, type Update } from "../expressions/update.js";
import { item as itemShape, type Members, requiredItem, type Shape, string } from "../protocol/shapes.js";
import { checkItem, type Item } from "../values/attribute-value.js";
import { partitionPrefix, tableKey } from "../values/key-encoding.js";
import { metricsByTable } from "./batch.js";
import { checkUpdatesNoKey } from "./items.js";
import { andThen, type Call, type Engine, type Operation, type Reply } from "./operation.js";
import {
  bindingsOf,
  capacityShape,
  checkItemKeys,
  checkKey,
  conditionOf,
  consumedByTable,
  largestItem,
  metricsShape,
  namesShape,
  onFailureShape,
  projectionOf,
  tableNameShape,
  tableOf,
} from "./parameters.js";
import {
  applyWrite,
  checkWriteThrottle,
  type ItemWrite,
  type Prepared,
  prepareWrite,
  takeWriteUnits,
} from "./write-item.js";

/** Items that one transaction may have, and their bytes together. */
const mostActions = 100;
const largestTransaction = 4 * 1024 * 1024;

const conditionMembers: Members = {
  TableName: tableNameShape,
  ConditionExpression: string,
  ExpressionAttributeNames: namesShape,
  ExpressionAttributeValues: itemShape,
  ReturnValuesOnConditionCheckFailure: onFailureShape,
};

function action(name: string, members: Members): Shape {
  return { kind: "structure", name, members };
}

const writeMembers: Members = {
  ReturnConsumedCapacity: capacityShape,
  ReturnItemCollectionMetrics: metricsShape,
  ClientRequestToken: { kind: "string", min: 1, max: 36 },
  TransactItems: {
    kind: "list",
    required: true,
    min: 1,
    max: mostActions,
    of: action("TransactWriteItem", {
      ConditionCheck: action("ConditionCheck", {
        Key: requiredItem,
        ...conditionMembers,
        ConditionExpression: { kind: "string", required: true },
      }),
      Put: action("Put", { Item: requiredItem, ...conditionMembers }),
      Delete: action("Delete", { Key: requiredItem, ...conditionMembers }),
      Update: action("Update", {
        Key: requiredItem,
        ...conditionMembers,
        UpdateExpression: { kind: "string", required: true },
      }),
    }),
  },
};

const getMembers: Members = {
  ReturnConsumedCapacity: capacityShape,
  TransactItems: {
    kind: "list",
    required: true,
    min: 1,
    max: mostActions,
    of: action("TransactGetItem", {
      Get: {
        kind: "structure",
        name: "Get",
        required: true,
        members: {
          Key: requiredItem,
          TableName: tableNameShape,
          ProjectionExpression: string,
          ExpressionAttributeNames: namesShape,
        },
      },
    }),
  },
};

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

function checkOnce(writes: readonly { readonly table: Table; readonly key: string }[]): void {
  const seen = new Set<string>();
  for (const { table, key } of writes) {
    const id = `${table.definition.tree}/${key}`;
    if (seen.has(id)) throw validation("Transaction request cannot include multiple operations on one item");
    seen.add(id);
  }
}

/** An action with its expressions bound, before its table is looked at. */
interface BoundAction {
  readonly kind: "Put" | "Delete" | "Update" | "ConditionCheck";
  readonly input: Readonly<Record<string, unknown>>;
  readonly keys: Item;
  readonly size: number;
  readonly condition: ItemWrite["condition"];
  readonly update: Update | undefined;
}

const kinds = ["ConditionCheck", "Put", "Delete", "Update"] as const;

function bindAction(entry: Readonly<Record<string, Readonly<Record<string, unknown>>>>): BoundAction {
  const given = kinds.filter((kind) => entry[kind] !== undefined);
  if (given.length !== 1) {
    throw validation("TransactItems can only contain one of Check, Put, Update or Delete");
  }
  const kind = given[0]!;
  const input = entry[kind]!;
  const keys = (kind === "Put" ? input["Item"] : input["Key"]) as Item;
  const size = checkItem(keys);
  if (input["ExpressionAttributeNames"] !== undefined || input["ExpressionAttributeValues"] !== undefined) {
    if (input["ConditionExpression"] === undefined && input["UpdateExpression"] === undefined) {
      throw validation(
        input["ExpressionAttributeNames"] === undefined
          ? "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"
          : "ExpressionAttributeNames can only be specified when using expressions",
      );
    }
  }
  const bindings = bindingsOf(input);
  const update =
    kind === "Update"
      ? bindUpdate(parseUpdate("UpdateExpression", input["UpdateExpression"] as string), bindings)
      : undefined;
  const condition = conditionOf(input, "ConditionExpression", bindings)?.test;
  bindings.checkUsed();
  return { kind, input, keys, size, condition, update };
}

function writeOf(table: Table, { kind, input, keys, size, condition, update }: BoundAction): ItemWrite {
  if (kind === "Put") {
    checkItemKeys(table, keys);
    if (size > largestItem) throw validation("Item size has exceeded the maximum allowed size");
  } else checkKey(table.schema, keys);
  if (update !== undefined) checkUpdatesNoKey(table, update);
  return {
    table,
    key: table.keyOf(keys),
    keyItem: keys,
    change:
      kind === "Put"
        ? { kind: "put", item: keys }
        : kind === "Delete"
          ? { kind: "delete" }
          : kind === "Update"
            ? { kind: "update", update: update! }
            : { kind: "check" },
    condition,
    returnOnFailure: input["ReturnValuesOnConditionCheckFailure"] === "ALL_OLD",
    wantsBefore: false,
  };
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

function transactWriteItems(call: Call): Reply | Promise<Reply> {
  const { engine, input } = call;
  const entries = input["TransactItems"] as Record<string, Record<string, unknown>>[];
  // Before values are brought to their one form, so that the same request has the same text.
  const token = tokenOf(input, entries);
  const bound = entries.map(bindAction);
  const tables = bound.map((each) => tableOf(engine, each.input["TableName"]));
  const writes = eachAction(bound, (each, at) => writeOf(tables[at]!, each));
  if (bound.reduce((sum, { size }) => sum + size, 0) > largestTransaction) {
    throw validation("Collection size exceeded: transaction request cannot exceed 4 MB");
  }
  checkOnce(writes);
  const done = writeTogether(engine, writes, prepareWrite, token);
  return andThen(done, ({ used, repeated }) => ({
    ...consumedByTable(call, used, repeated ? "ReadCapacityUnits" : "WriteCapacityUnits"),
    ...metricsByTable(input, writes),
  }));
}

interface TransactGet {
  readonly TableName: string;
  readonly Key: Item;
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

function transactGetItems(call: Call): Reply {
  const { engine, input } = call;
  const gets = (input["TransactItems"] as { Get: TransactGet }[]).map(({ Get: get }) => get);
  const projections = gets.map((get) => {
    const each = get as unknown as Record<string, unknown>;
    if (each["ExpressionAttributeNames"] !== undefined && each["ProjectionExpression"] === undefined) {
      throw validation("ExpressionAttributeNames can only be specified when using expressions");
    }
    checkItem(get.Key);
    const bindings = bindingsOf(each);
    const paths = projectionOf(each, bindings);
    bindings.checkUsed();
    return paths;
  });
  const tables = gets.map(({ TableName: name }) => tableOf(engine, name));
  const reads = eachAction(gets, ({ Key: key }, at): ItemRead => {
    const table = tables[at]!;
    checkKey(table.schema, key);
    return { table, key: tableKey(table.schema, key), keyItem: key, paths: projections[at] };
  });
  const { items, used } = readTogether(engine, reads);
  return {
    ...consumedByTable(call, used, "ReadCapacityUnits"),
    Responses: items.map((item) => (item === undefined ? {} : { Item: item })),
  };
}

export const transactionOperations: readonly Operation[] = [
  {
    name: "TransactWriteItems",
    summary: "writes up to 100 items all together or not at all, once for each token",
    supported: true,
    members: writeMembers,
    run: transactWriteItems,
  },
  {
    name: "TransactGetItems",
    summary: "reads up to 100 items as they are at one moment",
    supported: true,
    members: getMembers,
    run: transactGetItems,
  },
];
