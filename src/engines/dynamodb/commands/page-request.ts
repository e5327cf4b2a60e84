import { Consumption } from "../data/capacity.js";
import { type Page, type ReadRequest, readPage } from "../data/read.js";
import { type Index, keyNames, type Table } from "../data/table.js";
import { DynamoError, invalidValue, validation } from "../errors.js";
import type { Bindings } from "../expressions/bindings.js";
import type { Test } from "../expressions/condition.js";
import { comparisonOperators, type LegacyCondition, legacyFilter } from "../expressions/legacy.js";
import type { Path } from "../expressions/syntax.js";
import { type Shape, value } from "../protocol/shapes.js";
import { attribute, checkItem, type Item } from "../values/attribute-value.js";
import { indexKey, type KeySchema, tableKey } from "../values/key-encoding.js";
import type { Call, Reply } from "./operation.js";
import { checkKey, conditionOf, consumed, indexOf } from "./parameters.js";

/** What Query and Scan have in common: the index, the filter, what of each item is wanted, where to go on, the reply. */

/** Conditions by attribute, as requests had them before there were expressions. */
export const conditionsShape: Shape = {
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

/** What is wanted of an entry. */
interface Wanted {
  readonly paths: readonly Path[] | undefined;
  readonly countOnly: boolean;
  readonly fetch: boolean;
}

/** Decides what of each item is wanted; throws for what the table or index cannot give. */
export function wanted(
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
export function filterOf(call: Call, bindings: Bindings, legacyName: "QueryFilter" | "ScanFilter"): Filter {
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
export function checkStartValues(key: Item | undefined): void {
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
export function startPlace(table: Table, index: Index | undefined, key: Item): string {
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
export function readIndex(table: Table, input: Readonly<Record<string, unknown>>): Index | undefined {
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
export function readThrottled(call: Call, request: ReadRequest, partition: string | undefined): Reply {
  const { throttle } = call.engine;
  const { table, index } = request;
  const source = { table, index: index?.definition.name, kind: "Read", partition } as const;
  throttle?.check(source);
  const used = new Consumption(table);
  const page = readPage(request, used);
  throttle?.take(source, used.total);
  return pageReply(call, page, used, request.countOnly);
}
