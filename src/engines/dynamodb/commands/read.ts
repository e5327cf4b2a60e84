import { Consumption } from "../data/capacity.js";
import { type Page, type ReadRequest, readPage } from "../data/read.js";
import { type Index, keyNames, type Table } from "../data/table.js";
import { DynamoError, invalidValue, validation } from "../errors.js";
import type { Bindings } from "../expressions/bindings.js";
import type { Test } from "../expressions/condition.js";
import {
  fulfils,
  type KeyTests,
  keyRange,
  legacyKeyTests,
  parseKeyTests,
  sortRange,
} from "../expressions/key-condition.js";
import { checkConditions, comparisonOperators, type LegacyCondition, legacyFilter } from "../expressions/legacy.js";
import type { Path } from "../expressions/syntax.js";
import { boolean, item as itemShape, type Members, type Shape, string, value } from "../protocol/shapes.js";
import { attribute, checkItem, equalValues, type Item } from "../values/attribute-value.js";
import {
  afterPrefix,
  grouped,
  hashKey,
  indexKey,
  type KeySchema,
  partitionPrefix,
  tableKey,
} from "../values/key-encoding.js";
import type { Call, Operation, Reply } from "./operation.js";
import {
  attributesToGet,
  attributesToGetShape,
  bindingsOf,
  capacityShape,
  checkKey,
  checkParameters,
  conditionOf,
  consumed,
  indexNameShape,
  indexOf,
  namesShape,
  operatorShape,
  projectionOf,
  selectShape,
  tableNameShape,
  tableOf,
} from "./parameters.js";

const conditionsShape: Shape = {
  kind: "map",
  of: {
    kind: "structure",
    name: "Condition",
    members: {
      AttributeValueList: { kind: "list", of: value },
      ComparisonOperator: { kind: "string", required: true, values: comparisonOperators },
    },
  },
};

const queryMembers: Members = {
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

const scanMembers: Members = {
  Select: selectShape,
  IndexName: indexNameShape,
  TotalSegments: { kind: "integer", min: 1, max: 1_000_000 },
  ReturnConsumedCapacity: capacityShape,
  TableName: tableNameShape,
  ConditionalOperator: operatorShape,
  ScanFilter: conditionsShape,
  Segment: { kind: "integer", min: 0, max: 999_999 },
  Limit: { kind: "integer", min: 1 },
  AttributesToGet: attributesToGetShape,
  ExclusiveStartKey: itemShape,
  ConsistentRead: boolean,
  FilterExpression: string,
  ProjectionExpression: string,
  ExpressionAttributeValues: itemShape,
  ExpressionAttributeNames: namesShape,
};

/** What both ways of reading many items want of an entry. */
interface Wanted {
  readonly paths: readonly Path[] | undefined;
  readonly countOnly: boolean;
  readonly fetch: boolean;
}

/** Decides what of each item is wanted; throws for what the table or index cannot give. */
function wanted(
  input: Readonly<Record<string, unknown>>,
  index: Index | undefined,
  asked: readonly Path[] | undefined,
  filterHeads: Iterable<string>,
): Wanted {
  const select = input["Select"] as string | undefined;
  const parameter = input["ProjectionExpression"] === undefined ? "AttributesToGet" : "ProjectionExpression";
  if (asked !== undefined && select !== undefined && select !== "SPECIFIC_ATTRIBUTES") {
    throw validation(`Cannot specify the ${parameter} when choosing to get ${select}`);
  }
  if (select === "SPECIFIC_ATTRIBUTES" && asked === undefined) {
    throw validation(
      "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
    );
  }
  if (select === "ALL_PROJECTED_ATTRIBUTES" && index === undefined) {
    throw validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName");
  }
  const countOnly = select === "COUNT";
  const { kept } = index ?? { kept: undefined };
  if (index === undefined || kept === undefined) return { paths: asked, countOnly, fetch: false };
  const { name, global } = index.definition;
  if (select === "ALL_ATTRIBUTES") {
    if (global) {
      throw invalidValue(
        `Select type ALL_ATTRIBUTES is not supported for global secondary index ${name} because its projection type is not ALL`,
      );
    }
    return { paths: undefined, countOnly, fetch: true };
  }
  const missing = (asked ?? []).map((path) => path[0] as string).filter((head) => !kept.has(head));
  if (missing.length > 0 && global) {
    throw invalidValue(`Global secondary index ${name} does not project [${missing.join(", ")}]`);
  }
  const filtersMore = !global && [...filterHeads].some((head) => !kept.has(head));
  // A filter on attributes that a local index lacks reads the items, and gives back what the index has.
  const paths = asked ?? (filtersMore ? [...kept].map((each) => [each]) : undefined);
  return { paths, countOnly, fetch: missing.length > 0 || filtersMore };
}

interface Filter {
  readonly test: Test | undefined;
  readonly heads: ReadonlySet<string>;
}

/** The filter of a request, in either form. */
function filterOf(call: Call, bindings: Bindings, legacyName: "QueryFilter" | "ScanFilter"): Filter {
  const { input } = call;
  const condition = conditionOf(input, "FilterExpression", bindings);
  if (condition !== undefined) return { test: condition.test, heads: condition.compiler.heads };
  const conditions = input[legacyName] as Record<string, LegacyCondition> | undefined;
  return {
    test: legacyFilter(conditions, input["ConditionalOperator"]),
    heads: new Set(Object.keys(conditions ?? {})),
  };
}

/** Throws when a key to go on behind holds values that are none. */
function checkStartValues(key: Item | undefined): void {
  if (key === undefined) return;
  try {
    checkItem(key);
  } catch (error) {
    if (!(error instanceof DynamoError) || error.name !== "ValidationException") throw error;
    const told = /contains duplicates|number set|numeric value|significant digits|number with magnitude/;
    throw told.test(error.message) ? error : validation(`The provided starting key is invalid: ${error.message}`);
  }
}

/** The key in the tree right at a start key; throws when it is none of the table or index. */
function startPlace(table: Table, index: Index | undefined, key: Item): string {
  const names = index === undefined ? keyNames(table.schema) : keyNames(table.schema, index.definition.schema);
  if (Object.keys(key).length !== names.length || names.some((name) => attribute(key, name) === undefined)) {
    throw validation(
      index === undefined
        ? "The provided starting key is invalid: The provided key element does not match the schema"
        : "The provided starting key is invalid",
    );
  }
  const own = table.keyItem(key);
  try {
    checkKey(table.schema, own);
    if (index !== undefined) checkKey(index.definition.schema, partOf(key, index.definition.schema));
  } catch (error) {
    throw validation(`The provided starting key is invalid: ${(error as Error).message}`);
  }
  const place = tableKey(table.schema, own);
  return index === undefined ? place : indexKey(index.definition.schema, key, place);
}

function partOf(key: Item, schema: KeySchema): Item {
  return Object.fromEntries(keyNames(schema).map((name) => [name, key[name]!]));
}

/** The index that a request names, if it may be read in this way. */
function readIndex(table: Table, input: Readonly<Record<string, unknown>>): Index | undefined {
  const name = input["IndexName"] as string | undefined;
  if (name === undefined) return undefined;
  const index = indexOf(table, name);
  if (index.definition.global && input["ConsistentRead"] === true) {
    throw validation("Consistent reads are not supported on global secondary indexes");
  }
  if (index.definition.backfilling === true) {
    throw validation(`Cannot read from backfilling global secondary index: ${name}`);
  }
  return index;
}

function pageReply(call: Call, page: Page, used: Consumption, countOnly: boolean): Reply {
  return {
    ...(countOnly ? {} : { Items: page.items }),
    Count: page.count,
    ScannedCount: page.scanned,
    ...(page.last === undefined ? {} : { LastEvaluatedKey: page.last }),
    ...consumed(call, used),
  };
}

/** Reads a page within what its partition, table and index have left. */
function readThrottled(call: Call, request: ReadRequest, partition: string | undefined): Reply {
  const { throttle } = call.engine;
  const { table, index } = request;
  const source = { table, index: index?.definition.name, kind: "Read", partition } as const;
  throttle?.check(source);
  const used = new Consumption(table);
  const page = readPage(request, used);
  throttle?.take(source, used.total);
  return pageReply(call, page, used, request.countOnly);
}

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

/** The part of the hashes that a segment of a parallel scan has. */
function segmentBounds(segment: number, total: number): { from: string | undefined; to: string | undefined } {
  const at = (part: number): number => Math.ceil((part * 2 ** 32) / total);
  return {
    from: segment === 0 ? undefined : hashKey(at(segment)),
    to: segment === total - 1 ? undefined : hashKey(at(segment + 1)),
  };
}

function scan(call: Call): Reply {
  const { input, engine } = call;
  checkParameters(
    input,
    ["ProjectionExpression", "FilterExpression"],
    ["AttributesToGet", "ScanFilter", "ConditionalOperator"],
  );
  const start = input["ExclusiveStartKey"] as Item | undefined;
  checkStartValues(start);
  const segment = input["Segment"] as number | undefined;
  const total = input["TotalSegments"] as number | undefined;
  if (segment !== undefined && total === undefined) {
    throw validation(
      "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    );
  }
  if (total !== undefined && segment === undefined) {
    throw validation(
      "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    );
  }
  if (segment !== undefined && segment >= total!) {
    throw validation(
      `The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: ${segment} is not less than TotalSegments: ${total}`,
    );
  }
  const bindings = bindingsOf(input);
  const filter = filterOf(call, bindings, "ScanFilter");
  const asked = projectionOf(input, bindings) ?? attributesToGet(input);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  const index = readIndex(table, input);
  let { from, to } = segmentBounds(segment ?? 0, total ?? 1);
  if (start !== undefined) {
    const place = `${startPlace(table, index, start)}\x00`;
    if ((from !== undefined && place < from) || (to !== undefined && place >= to)) {
      throw validation(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: " +
          `${total} Segment: ${segment}`,
      );
    }
    from = place;
  }
  const want = wanted(input, index, asked, filter.heads);
  return readThrottled(
    call,
    {
      table,
      index,
      from,
      to,
      reverse: false,
      limit: input["Limit"] as number | undefined,
      filter: filter.test,
      ...want,
      strong: input["ConsistentRead"] === true,
    },
    undefined,
  );
}

export const readOperations: readonly Operation[] = [
  {
    name: "Query",
    summary: "reads items of one partition in the order of their sort keys, from a table or an index",
    supported: true,
    members: queryMembers,
    run: query,
  },
  {
    name: "Scan",
    summary: "reads all items of a table or an index, in several segments at once where wanted",
    supported: true,
    members: scanMembers,
    run: scan,
  },
];
