import type { Deadline } from "../../internal/deadline.js";
import { bucketStart } from "../../model/bucket.js";
import type { Fields } from "../../model/field.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import type { DynamoQuery } from "../../plan/dynamodb/types.js";
import type { PageCall, RecordData } from "../port/adapter.js";
import { compareText } from "../port/conditions.js";
import { conditionExpressions, Placeholders } from "./expressions.js";
import { compileAsked } from "./keys.js";
import { isConsistent } from "./read-records.js";
import type { Requests } from "./requests.js";

/** A compiled Query: the request of one shard for a call, in the bucket that a walk has come to. */
export type MakeQuery = (params: RecordData, call: PageCall, shard: number, bucket?: string) => Doc;

/** Where the rows of a page ended: the sort key of the last one, or of the last item that was read. */
export interface QueryPage {
  readonly items: readonly Item[];
  readonly next: string | undefined;
  /** Units that DynamoDB says it took. */
  readonly units: number;
}

/** Queries of one shard that a page may take: with a filter most of what is read may be dropped. */
const QUERIES_PER_PAGE = 10;

/** Tests that records which have expired do not pass. */
export type Hide = (to: Placeholders) => readonly string[];

/** Compiles a plan's query. */
export function compileQuery(
  query: DynamoQuery,
  table: string,
  fields: Fields,
  attribute: (field: string) => string,
  hide?: Hide,
): MakeQuery {
  const partition = compileAsked(query.partition);
  const from = query.from && compileAsked(query.from);
  const to = query.to && compileAsked(query.to);
  const { partitionAttribute, sortAttribute, index, forward, filter, projection, local } = query;
  return (params, call, shard, bucket) => {
    const asked = { params, after: call.after, shard, bucket };
    const values: Record<string, { readonly S: string }> = { ":pk": { S: partition(asked) } };
    const names = new Placeholders();
    let condition = `${names.key(partitionAttribute)} = :pk`;
    if (from !== undefined && to !== undefined) {
      values[":from"] = { S: from(asked) };
      values[":to"] = { S: to(asked) };
      condition += ` AND ${names.key(sortAttribute)} BETWEEN :from AND :to`;
    }
    const input: Doc = {
      TableName: table,
      KeyConditionExpression: condition,
      ExpressionAttributeValues: values,
      ScanIndexForward: forward,
      Limit: call.limit,
    };
    if (index !== undefined) input["IndexName"] = index;
    if ((index === undefined || local === true) && isConsistent(call.consistency)) input["ConsistentRead"] = true;
    if (projection !== undefined) input["ProjectionExpression"] = projection.map((one) => names.key(one)).join(", ");
    const conditions = filter === undefined ? [] : [...filter.where, ...rangeConditions(filter.range, params)];
    const tests = [...conditionExpressions(conditions, fields, attribute, names), ...(hide?.(names) ?? [])];
    if (tests.length > 0) input["FilterExpression"] = tests.join(" AND ");
    const members = names.members();
    if (members["ExpressionAttributeNames"] !== undefined) {
      input["ExpressionAttributeNames"] = members["ExpressionAttributeNames"];
    }
    if (members["ExpressionAttributeValues"] !== undefined) {
      input["ExpressionAttributeValues"] = { ...values, ...(members["ExpressionAttributeValues"] as object) };
    }
    return input;
  };
}

function rangeConditions(range: NonNullable<DynamoQuery["filter"]>["range"], params: RecordData) {
  if (range === undefined) return [];
  const bound = (name: "from" | "to", operator: "gte" | "lt") => {
    const given = params[name];
    if (given === undefined) return [];
    const value = range.unit === undefined ? given : bucketStart(range.unit, given as string);
    return [{ field: range.field, operator, value } as const];
  };
  return [...bound("from", "gte"), ...bound("to", "lt")];
}

interface ShardPage {
  readonly items: readonly Item[];
  /** How far the shard was read; undefined: to its end. */
  readonly reached: string | undefined;
  readonly units: number;
}

/**
 * One page of a query: all shards at once, merged by their sort keys. A shard that was not read to its end bounds how
 * far the merge goes: behind it, rows of that shard may be missing.
 */
export async function queryPage(
  query: DynamoQuery,
  make: MakeQuery,
  params: RecordData,
  call: PageCall,
  requests: Requests,
  deadline: Deadline,
  bucket?: string,
): Promise<QueryPage> {
  const { sortAttribute, forward } = query;
  const pages = await Promise.all(
    Array.from({ length: query.shards }, (_, shard) =>
      readShard(make(params, call, shard, bucket), query, call.limit, requests, deadline),
    ),
  );
  const units = pages.reduce((sum, page) => sum + page.units, 0);
  const sign = forward ? 1 : -1;
  const order = (a: string, b: string): number => sign * compareText(a, b);
  const sortOf = (item: Item): string => item[sortAttribute]?.S ?? "";
  let frontier: string | undefined;
  for (const { reached } of pages) {
    if (reached !== undefined && (frontier === undefined || order(reached, frontier) < 0)) frontier = reached;
  }
  const [only] = pages;
  let items: readonly Item[];
  if (pages.length === 1 && only !== undefined) items = only.items;
  else {
    const merged = pages.flatMap((page) => page.items).sort((a, b) => order(sortOf(a), sortOf(b)));
    items = frontier === undefined ? merged : merged.filter((item) => order(sortOf(item), frontier as string) <= 0);
  }
  if (items.length > call.limit) {
    items = items.slice(0, call.limit);
    return { items, next: sortOf(items.at(-1) as Item), units };
  }
  // The last row of a shard that has more is where the next page begins.
  return { items, next: frontier, units };
}

/** DynamoDB refuses a range whose end is before its beginning: nothing lies there. */
function isEmpty(input: Doc): boolean {
  const values = input["ExpressionAttributeValues"] as { readonly [name: string]: { readonly S?: string } };
  const [from, to] = [values[":from"]?.S, values[":to"]?.S];
  return from !== undefined && to !== undefined && compareText(from, to) > 0;
}

async function readShard(
  input: Doc,
  query: DynamoQuery,
  limit: number,
  requests: Requests,
  deadline: Deadline,
): Promise<ShardPage> {
  const items: Item[] = [];
  let units = 0;
  let start: Item | undefined;
  if (isEmpty(input)) return { items, reached: undefined, units };
  for (let count = 0; ; count++) {
    const output = await requests.send(
      "Query",
      {
        ...input,
        ...(start === undefined ? {} : { ExclusiveStartKey: start, Limit: limit - items.length }),
        ReturnConsumedCapacity: "TOTAL",
      },
      deadline,
    );
    for (const item of (output["Items"] as readonly Item[] | undefined) ?? []) items.push(item);
    units += Number(
      (output["ConsumedCapacity"] as { readonly CapacityUnits?: number } | undefined)?.CapacityUnits ?? 0,
    );
    start = output["LastEvaluatedKey"] as Item | undefined;
    if (start === undefined) return { items, reached: undefined, units };
    if (items.length >= limit || count + 1 >= QUERIES_PER_PAGE) {
      return { items, reached: start[query.sortAttribute]?.S ?? "", units };
    }
  }
}

/** All items of a partition, or of a range of its sort keys. */
export async function queryAll(
  table: string,
  partition: string,
  range: { readonly from: string; readonly to: string } | undefined,
  consistent: boolean,
  each: (item: Item) => void,
  requests: Requests,
  deadline: Deadline,
): Promise<number> {
  const { key } = requests;
  let start: Item | undefined;
  let units = 0;
  if (range !== undefined && compareText(range.from, range.to) > 0) return units;
  do {
    const output = await requests.send(
      "Query",
      {
        TableName: table,
        KeyConditionExpression: range === undefined ? "#pk = :pk" : "#pk = :pk AND #sk BETWEEN :from AND :to",
        ExpressionAttributeNames: { "#pk": key.partition, ...(range === undefined ? {} : { "#sk": key.sort }) },
        ExpressionAttributeValues: {
          ":pk": { S: partition },
          ...(range === undefined ? {} : { ":from": { S: range.from }, ":to": { S: range.to } }),
        },
        ...(consistent ? { ConsistentRead: true } : {}),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        ReturnConsumedCapacity: "TOTAL",
      },
      deadline,
    );
    for (const item of (output["Items"] as readonly Item[] | undefined) ?? []) each(item);
    units += Number(
      (output["ConsumedCapacity"] as { readonly CapacityUnits?: number } | undefined)?.CapacityUnits ?? 0,
    );
    start = output["LastEvaluatedKey"] as Item | undefined;
  } while (start !== undefined);
  return units;
}
