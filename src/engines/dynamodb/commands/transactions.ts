import type { Table } from "../data/table.js";
import { validation } from "../errors.js";
import { parseUpdate } from "../expressions/parser.js";
import { bindUpdate, type Update } from "../expressions/update.js";
import { item as itemShape, type Members, requiredItem, type Shape, string } from "../protocol/shapes.js";
import { checkItem, type Item } from "../values/attribute-value.js";
import { tableKey } from "../values/key-encoding.js";
import { metricsByTable } from "./batch.js";
import { checkUpdatesNoKey } from "./items.js";
import { andThen, type Call, type Operation, type Reply } from "./operation.js";
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
  checkOnce,
  eachAction,
  type ItemRead,
  largestTransaction,
  readTogether,
  tokenOf,
  writeTogether,
} from "./together.js";
import { type ItemWrite, prepareWrite } from "./write-item.js";

/** Items that one transaction may have. */
const mostActions = 100;

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
