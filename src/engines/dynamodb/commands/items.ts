import { Consumption, readUnits } from "../data/capacity.js";
import { decodeItem, RawJson, storedSize } from "../data/item-codec.js";
import type { Table } from "../data/table.js";
import { invalidValue, validation } from "../errors.js";
import type { Bindings } from "../expressions/bindings.js";
import type { Test } from "../expressions/condition.js";
import { comparisonOperators, legacyExpected, legacyUpdate } from "../expressions/legacy.js";
import { parseUpdate } from "../expressions/parser.js";
import { Projection } from "../expressions/paths.js";
import { bindUpdate, type Update } from "../expressions/update.js";
import {
  boolean,
  item as itemShape,
  type Members,
  requiredItem,
  type Shape,
  string,
  value,
} from "../protocol/shapes.js";
import { checkItem, type Item } from "../values/attribute-value.js";
import { partitionPrefix, tableKey } from "../values/key-encoding.js";
import { andThen, type Call, type Operation, type Reply } from "./operation.js";
import {
  attributesToGet,
  attributesToGetShape,
  bindingsOf,
  capacityShape,
  checkItemKeys,
  checkKey,
  checkParameters,
  conditionOf,
  consumed,
  largestItem,
  metricsShape,
  namesShape,
  onFailureShape,
  operatorShape,
  projectionOf,
  tableNameShape,
  tableOf,
} from "./parameters.js";
import {
  applyWrite,
  checkWriteThrottle,
  collectionMetrics,
  type ItemWrite,
  type Prepared,
  prepareWrite,
  takeWriteUnits,
} from "./write-item.js";

const expectedShape: Shape = {
  kind: "map",
  of: {
    kind: "structure",
    name: "ExpectedAttributeValue",
    members: {
      AttributeValueList: { kind: "list", of: value },
      ComparisonOperator: { kind: "string", values: comparisonOperators },
      Exists: boolean,
      Value: value,
    },
  },
};

const putMembers: Members = {
  ReturnConsumedCapacity: capacityShape,
  TableName: tableNameShape,
  ReturnItemCollectionMetrics: metricsShape,
  ReturnValues: { kind: "string", values: ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"] },
  Item: requiredItem,
  ConditionalOperator: operatorShape,
  Expected: expectedShape,
  ConditionExpression: string,
  ExpressionAttributeValues: itemShape,
  ExpressionAttributeNames: namesShape,
  ReturnValuesOnConditionCheckFailure: onFailureShape,
};

/** The condition of a write in either of its two forms. */
function writeCondition(input: Readonly<Record<string, unknown>>, bindings: Bindings): Test | undefined {
  const condition = conditionOf(input, "ConditionExpression", bindings)?.test;
  return condition ?? legacyExpected(input["Expected"] as never, input["ConditionalOperator"]);
}

interface WriteResult {
  readonly prepared: Prepared;
  readonly used: Consumption;
}

/** Does one write by itself. */
function runWrite(call: Call, write: ItemWrite): WriteResult | Promise<WriteResult> {
  const { engine } = call;
  checkWriteThrottle(engine, write);
  return engine.catalog.write(() => {
    const prepared = prepareWrite(write);
    const used = new Consumption(write.table);
    applyWrite(engine, prepared, used);
    takeWriteUnits(engine, prepared, used);
    return { prepared, used };
  });
}

/** A write's reply: old or new attributes, units, the size of the collection. */
function writeReply(call: Call, { prepared, used }: WriteResult, attributes: Item | undefined): Reply {
  const metrics = collectionMetrics(call.input, prepared.write);
  return {
    ...(attributes === undefined ? {} : { Attributes: attributes }),
    ...consumed(call, used),
    ...(metrics === undefined ? {} : { ItemCollectionMetrics: metrics }),
  };
}

function isReturnOnFailure(input: Readonly<Record<string, unknown>>): boolean {
  return input["ReturnValuesOnConditionCheckFailure"] === "ALL_OLD";
}

function checkReturnsOld(input: Readonly<Record<string, unknown>>): boolean {
  const returns = input["ReturnValues"];
  if (returns !== undefined && returns !== "ALL_OLD" && returns !== "NONE") {
    throw validation("ReturnValues can only be ALL_OLD or NONE");
  }
  return returns === "ALL_OLD";
}

function putItem(call: Call): Reply | Promise<Reply> {
  const { input, engine } = call;
  const item = input["Item"] as Item;
  checkParameters(input, ["ConditionExpression"], ["Expected", "ConditionalOperator"]);
  const size = checkItem(item);
  const returnsOld = checkReturnsOld(input);
  const bindings = bindingsOf(input);
  const condition = writeCondition(input, bindings);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  checkItemKeys(table, item);
  if (size > largestItem) throw validation("Item size has exceeded the maximum allowed size");
  const result = runWrite(call, {
    table,
    key: table.keyOf(item),
    keyItem: item,
    change: { kind: "put", item },
    condition,
    returnOnFailure: isReturnOnFailure(input),
    wantsBefore: returnsOld,
  });
  return andThen(result, (done) => writeReply(call, done, returnsOld ? done.prepared.before : undefined));
}

function deleteItem(call: Call): Reply | Promise<Reply> {
  const { input, engine } = call;
  const key = input["Key"] as Item;
  checkParameters(input, ["ConditionExpression"], ["Expected", "ConditionalOperator"]);
  checkItem(key);
  const returnsOld = checkReturnsOld(input);
  const bindings = bindingsOf(input);
  const condition = writeCondition(input, bindings);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  checkKey(table.schema, key);
  const result = runWrite(call, {
    table,
    key: tableKey(table.schema, key),
    keyItem: key,
    change: { kind: "delete" },
    condition,
    returnOnFailure: isReturnOnFailure(input),
    wantsBefore: returnsOld,
  });
  return andThen(result, (done) => writeReply(call, done, returnsOld ? done.prepared.before : undefined));
}

/** Throws when an update writes an attribute of the table's key. */
export function checkUpdatesNoKey(table: Table, update: Update): void {
  const { partition, sort } = table.schema;
  for (const path of update.paths) {
    if (path[0] === partition.name || path[0] === sort?.name) {
      throw invalidValue(`Cannot update attribute ${path[0]}. This attribute is part of the key`);
    }
  }
}

const noUpdate: Update = { paths: [], onlyTakes: false, apply: (item) => item };

function updateItem(call: Call): Reply | Promise<Reply> {
  const { input, engine } = call;
  const key = input["Key"] as Item;
  checkParameters(
    input,
    ["UpdateExpression", "ConditionExpression"],
    ["AttributeUpdates", "Expected", "ConditionalOperator"],
  );
  checkItem(key);
  const bindings = bindingsOf(input);
  let update = noUpdate;
  if (input["UpdateExpression"] !== undefined) {
    update = bindUpdate(parseUpdate("UpdateExpression", input["UpdateExpression"] as string), bindings);
  } else if (input["AttributeUpdates"] !== undefined) update = legacyUpdate(input["AttributeUpdates"] as never);
  const condition = writeCondition(input, bindings);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  checkKey(table.schema, key);
  checkUpdatesNoKey(table, update);
  const result = runWrite(call, {
    table,
    key: tableKey(table.schema, key),
    keyItem: key,
    change: { kind: "update", update },
    condition,
    returnOnFailure: isReturnOnFailure(input),
    wantsBefore: true,
  });
  return andThen(result, (done) => writeReply(call, done, updatedAttributes(input["ReturnValues"], done, update)));
}

/** The attributes that `ReturnValues` asks for. */
function updatedAttributes(returns: unknown, { prepared }: WriteResult, update: Update): Item | undefined {
  const { before, after } = prepared;
  switch (returns) {
    case "ALL_OLD":
      return before;
    case "ALL_NEW":
      return after;
    case "UPDATED_OLD":
    case "UPDATED_NEW": {
      const source = returns === "UPDATED_OLD" ? before : after;
      if (source === undefined) return undefined;
      const attributes = new Projection(update.paths).apply(source);
      return Object.keys(attributes).length === 0 ? undefined : attributes;
    }
    default:
      return undefined;
  }
}

function getItem(call: Call): Reply {
  const { input, engine } = call;
  const key = input["Key"] as Item;
  checkParameters(input, ["ProjectionExpression"], ["AttributesToGet"]);
  checkItem(key);
  const bindings = bindingsOf(input);
  const paths = projectionOf(input, bindings) ?? attributesToGet(input);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  checkKey(table.schema, key);
  const strong = input["ConsistentRead"] === true;
  const partition = engine.throttle && partitionPrefix(key[table.schema.partition.name]!);
  engine.throttle?.check({ table, index: undefined, kind: "Read", partition });
  const stored = table.stored(tableKey(table.schema, key));
  const used = new Consumption(table);
  used.tableUnits = readUnits(stored === undefined ? 0 : storedSize(stored), strong);
  engine.throttle?.take({ table, index: undefined, kind: "Read", partition }, used.tableUnits);
  if (stored === undefined) return consumed(call, used);
  const item = paths === undefined ? RawJson.ofStored(stored) : new Projection(paths).apply(decodeItem(stored));
  return { Item: item, ...consumed(call, used) };
}

export const itemOperations: readonly Operation[] = [
  {
    name: "PutItem",
    summary: "writes an item, under a condition where one is given",
    supported: true,
    members: putMembers,
    run: putItem,
  },
  {
    name: "GetItem",
    summary: "reads an item by its key",
    supported: true,
    members: {
      ReturnConsumedCapacity: capacityShape,
      AttributesToGet: attributesToGetShape,
      TableName: tableNameShape,
      Key: requiredItem,
      ConsistentRead: boolean,
      ProjectionExpression: string,
      ExpressionAttributeNames: namesShape,
    },
    run: getItem,
  },
  {
    name: "UpdateItem",
    summary: "changes attributes of an item, or makes it",
    supported: true,
    members: {
      ReturnConsumedCapacity: capacityShape,
      TableName: tableNameShape,
      ReturnItemCollectionMetrics: metricsShape,
      ReturnValues: { kind: "string", values: ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"] },
      Key: requiredItem,
      ConditionalOperator: operatorShape,
      Expected: expectedShape,
      AttributeUpdates: {
        kind: "map",
        of: {
          kind: "structure",
          name: "AttributeValueUpdate",
          members: { Action: { kind: "string", values: ["DELETE", "PUT", "ADD"] }, Value: value },
        },
      },
      ConditionExpression: string,
      UpdateExpression: string,
      ExpressionAttributeValues: itemShape,
      ExpressionAttributeNames: namesShape,
      ReturnValuesOnConditionCheckFailure: onFailureShape,
    },
    run: updateItem,
  },
  {
    name: "DeleteItem",
    summary: "removes an item by its key",
    supported: true,
    members: {
      ReturnConsumedCapacity: capacityShape,
      TableName: tableNameShape,
      ReturnItemCollectionMetrics: metricsShape,
      ReturnValues: { kind: "string", values: ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"] },
      Key: requiredItem,
      ConditionalOperator: operatorShape,
      Expected: expectedShape,
      ConditionExpression: string,
      ExpressionAttributeValues: itemShape,
      ExpressionAttributeNames: namesShape,
      ReturnValuesOnConditionCheckFailure: onFailureShape,
    },
    run: deleteItem,
  },
];
