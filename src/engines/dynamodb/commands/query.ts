import { keyNames } from "../data/table.js";
import { validation } from "../errors.js";
import type { Bindings } from "../expressions/bindings.js";
import {
  fulfils,
  type KeyTests,
  keyRange,
  legacyKeyTests,
  parseKeyTests,
  sortRange,
} from "../expressions/key-condition.js";
import { checkConditions, type LegacyCondition } from "../expressions/legacy.js";
import { boolean, item as itemShape, type Members, string } from "../protocol/shapes.js";
import { equalValues, type Item } from "../values/attribute-value.js";
import { afterPrefix, grouped, partitionPrefix } from "../values/key-encoding.js";
import type { Call, Operation, Reply } from "./operation.js";
import {
  checkStartValues,
  conditionsShape,
  filterOf,
  readIndex,
  readThrottled,
  startPlace,
  wanted,
} from "./page-request.js";
import {
  attributesToGet,
  attributesToGetShape,
  bindingsOf,
  capacityShape,
  checkParameters,
  indexNameShape,
  namesShape,
  operatorShape,
  projectionOf,
  selectShape,
  tableNameShape,
  tableOf,
} from "./parameters.js";

const members: Members = {
  Select: selectShape,
  IndexName: indexNameShape,
  ReturnConsumedCapacity: capacityShape,
  QueryFilter: conditionsShape,
  TableName: tableNameShape,
  ConditionalOperator: operatorShape,
  AttributesToGet: attributesToGetShape,
  Limit: { kind: "integer" },
  KeyConditions: conditionsShape,
  ExclusiveStartKey: itemShape,
  ConsistentRead: boolean,
  ScanIndexForward: boolean,
  KeyConditionExpression: string,
  FilterExpression: string,
  ProjectionExpression: string,
  ExpressionAttributeValues: itemShape,
  ExpressionAttributeNames: namesShape,
};

function keyTestsOf(input: Readonly<Record<string, unknown>>, bindings: Bindings): KeyTests {
  const text = input["KeyConditionExpression"] as string | undefined;
  if (text !== undefined) return parseKeyTests(text, bindings);
  const conditions = input["KeyConditions"] as Record<string, LegacyCondition>;
  checkConditions(conditions);
  return legacyKeyTests(conditions);
}

function query(call: Call): Reply {
  const { input, engine } = call;
  const limit = input["Limit"] as number | undefined;
  if (limit !== undefined && limit < 1) {
    throw validation(
      "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
    );
  }
  checkParameters(
    input,
    ["ProjectionExpression", "FilterExpression", "KeyConditionExpression"],
    ["AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"],
  );
  const start = input["ExclusiveStartKey"] as Item | undefined;
  checkStartValues(start);
  if (input["KeyConditions"] === undefined && input["KeyConditionExpression"] === undefined) {
    throw validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
  }
  const bindings = bindingsOf(input);
  const tests = keyTestsOf(input, bindings);
  const filter = filterOf(call, bindings, "QueryFilter");
  const asked = projectionOf(input, bindings) ?? attributesToGet(input);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  const index = readIndex(table, input);
  const schema = index?.definition.schema ?? table.schema;
  const range = keyRange(tests, schema);
  for (const name of keyNames(schema)) {
    if (!filter.heads.has(name)) continue;
    const parameter = input["QueryFilter"] === undefined ? "Filter Expression" : "QueryFilter";
    throw validation(`${parameter} can only contain non-primary key attributes: Primary key attribute: ${name}`);
  }
  const reverse = input["ScanIndexForward"] === false;
  const prefix = partitionPrefix(range.partition);
  const encode = index === undefined ? (bytes: string): string => bytes : grouped;
  let from: string | undefined = prefix;
  let to = afterPrefix(prefix);
  if (range.sort !== undefined) {
    const sort = sortRange(range.sort);
    from = prefix + (sort.from === "" ? "" : encode(sort.from));
    if (sort.to !== undefined) to = prefix + encode(sort.to);
  }
  if (start !== undefined) {
    const place = startPlace(table, index, start);
    if (!equalValues(start[schema.partition.name]!, range.partition)) {
      throw validation(
        range.sort === undefined
          ? "The provided starting key is outside query boundaries based on provided conditions"
          : "The query can return at most one row and cannot be restarted",
      );
    }
    if (range.sort !== undefined && !fulfils(range.sort, start[schema.sort!.name])) {
      throw validation("The provided starting key does not match the range key predicate");
    }
    if (reverse) to = place;
    else from = `${place}\x00`;
  }
  const want = wanted(input, index, asked, filter.heads);
  return readThrottled(
    call,
    { table, index, from, to, reverse, limit, filter: filter.test, ...want, strong: input["ConsistentRead"] === true },
    prefix,
  );
}

export const queryOperation: Operation = {
  name: "Query",
  summary: "reads items of one partition in the order of their sort keys, from a table or an index",
  supported: true,
  members,
  run: query,
};
