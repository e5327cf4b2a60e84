import { Consumption, ConsumptionByTable, readUnits } from "../data/capacity.js";
import { decodeItem, RawJson, storedSize } from "../data/item-codec.js";
import type { Table } from "../data/table.js";
import { DynamoError, validation } from "../errors.js";
import { Projection } from "../expressions/paths.js";
import type { Path } from "../expressions/syntax.js";
import { boolean, item as itemShape, type Members, requiredItem, string } from "../protocol/shapes.js";
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
  consumedByTable,
  largestItem,
  metricsShape,
  namesShape,
  projectionOf,
  tableKeyPattern,
  tableOf,
} from "./parameters.js";
import {
  applyWrite,
  checkWriteThrottle,
  collectionMetrics,
  type ItemWrite,
  prepareWrite,
  takeWriteUnits,
} from "./write-item.js";

const mostGets = 100;
const mostWrites = 25;
/** Bytes of items that one BatchGetItem gives back. */
const largestReply = 16 * 1024 * 1024;

const batchGetMembers: Members = {
  ReturnConsumedCapacity: capacityShape,
  RequestItems: {
    kind: "map",
    required: true,
    keyPattern: tableKeyPattern,
    of: {
      kind: "structure",
      name: "KeysAndAttributes",
      members: {
        Keys: { kind: "list", required: true, min: 1, of: itemShape },
        AttributesToGet: attributesToGetShape,
        ConsistentRead: boolean,
        ProjectionExpression: string,
        ExpressionAttributeNames: namesShape,
      },
    },
  },
};

const batchWriteMembers: Members = {
  ReturnConsumedCapacity: capacityShape,
  ReturnItemCollectionMetrics: metricsShape,
  RequestItems: {
    kind: "map",
    required: true,
    keyPattern: tableKeyPattern,
    lengths: [1, mostWrites],
    of: {
      kind: "list",
      of: {
        kind: "structure",
        name: "WriteRequest",
        members: {
          DeleteRequest: { kind: "structure", name: "DeleteRequest", members: { Key: requiredItem } },
          PutRequest: { kind: "structure", name: "PutRequest", members: { Item: requiredItem } },
        },
      },
    },
  },
};

/** Runs a check of throughput; tells whether there was any left. */
function hasUnits(check: () => void): { readonly error?: DynamoError } {
  try {
    check();
    return {};
  } catch (error) {
    if (error instanceof DynamoError && /Throttling|Throughput/.test(error.name)) return { error };
    throw error;
  }
}

interface GetRequest {
  readonly Keys: Item[];
  readonly ConsistentRead?: boolean;
}

interface TableGets {
  readonly name: string;
  readonly table: Table;
  readonly request: GetRequest;
  readonly paths: readonly Path[] | undefined;
  readonly places: readonly string[];
}

function noRequests(operation: string): Error {
  return validation(`The requestItems parameter is required for ${operation}`);
}

function batchGetItem(call: Call): Reply {
  const { engine, input, unprocessedShare = 0 } = call;
  const requests = Object.entries(input["RequestItems"] as Record<string, GetRequest>);
  if (requests.length === 0) throw noRequests("BatchGetItem");
  let count = 0;
  for (const [name, { Keys: keys }] of requests) {
    if (keys.length > mostGets) {
      throw validation(
        `1 validation error detected: Value at 'RequestItems.${name}.member.Keys' failed to satisfy constraint: Member must have length less than or equal to ${mostGets}`,
      );
    }
    count += keys.length;
  }
  if (count > mostGets) throw validation("Too many items requested for the BatchGetItem call");
  const projections = requests.map(([, request]) => {
    const each = request as unknown as Record<string, unknown>;
    checkParameters(each, ["ProjectionExpression"], ["AttributesToGet"]);
    for (const key of request.Keys) checkItem(key);
    const bindings = bindingsOf(each);
    const paths = projectionOf(each, bindings) ?? attributesToGet(each);
    bindings.checkUsed();
    return paths;
  });
  const seen = new Set<string>();
  const gets = requests.map(([name, request], at): TableGets => {
    const table = tableOf(engine, name);
    const places = request.Keys.map((key) => {
      checkKey(table.schema, key);
      const place = tableKey(table.schema, key);
      const id = `${table.definition.tree}/${place}`;
      if (seen.has(id)) throw validation("Provided list of item keys contains duplicates");
      seen.add(id);
      return place;
    });
    return { name, table, request, paths: projections[at], places };
  });
  return readGets(call, gets, unprocessedShare);
}

function readGets(call: Call, gets: readonly TableGets[], unprocessedShare: number): Reply {
  const { engine } = call;
  const used = new ConsumptionByTable();
  const responses: Record<string, (RawJson | Item)[]> = {};
  const unprocessed: Record<string, object> = {};
  let bytes = 0;
  let done = 0;
  let refused: DynamoError | undefined;
  for (const { name, table, request, paths, places } of gets) {
    const strong = request.ConsistentRead === true;
    const projection = paths === undefined ? undefined : new Projection(paths);
    const left: Item[] = [];
    responses[name] = [];
    places.forEach((place, at) => {
      const key = request.Keys[at]!;
      const partition = engine.throttle && partitionPrefix(key[table.schema.partition.name]!);
      const source = { table, index: undefined, kind: "Read", partition } as const;
      const { error } = hasUnits(() => engine.throttle?.check(source));
      refused ??= error;
      const stored = table.stored(place);
      const size = stored === undefined ? 0 : storedSize(stored);
      if (error !== undefined || engine.random() < unprocessedShare || bytes + size > largestReply) {
        left.push(key);
        return;
      }
      done++;
      bytes += size;
      const units = readUnits(size, strong);
      used.of(table).tableUnits += units;
      engine.throttle?.take(source, units);
      if (stored === undefined) return;
      responses[name]!.push(projection === undefined ? RawJson.ofStored(stored) : projection.apply(decodeItem(stored)));
    });
    if (left.length > 0) unprocessed[name] = { ...request, Keys: left };
  }
  // A batch of which nothing could be done is throttled as one request is.
  if (done === 0 && refused !== undefined) throw refused;
  return { Responses: responses, UnprocessedKeys: unprocessed, ...consumedByTable(call, used) };
}

interface WriteRequest {
  readonly PutRequest?: { readonly Item: Item };
  readonly DeleteRequest?: { readonly Key: Item };
}

interface BatchEntry {
  readonly name: string;
  readonly request: WriteRequest;
  readonly write: ItemWrite;
}

function batchWriteItem(call: Call): Reply | Promise<Reply> {
  const { engine, input } = call;
  const requests = Object.entries(input["RequestItems"] as Record<string, WriteRequest[]>);
  if (requests.length === 0) throw noRequests("BatchWriteItem");
  let count = 0;
  const sizes = new Map<WriteRequest, number>();
  for (const [, list] of requests) {
    for (const request of list) {
      const { PutRequest: put, DeleteRequest: remove } = request;
      if ((put === undefined) === (remove === undefined)) {
        throw validation(
          put === undefined
            ? "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
            : "Supplied WriteRequest has more than one request set, must contain exactly one of PutRequest or DeleteRequest",
        );
      }
      sizes.set(request, checkItem(put?.Item ?? remove!.Key));
    }
    count += list.length;
  }
  if (count > mostWrites) throw validation("Too many items requested for the BatchWriteItem call");
  const seen = new Set<string>();
  const entries = requests.flatMap(([name, list]) => {
    const table = tableOf(engine, name);
    return list.map((request): BatchEntry => {
      const { PutRequest: put, DeleteRequest: remove } = request;
      if (put !== undefined) {
        checkItemKeys(table, put.Item);
        if (sizes.get(request)! > largestItem) throw validation("Item size has exceeded the maximum allowed size");
      } else checkKey(table.schema, remove!.Key);
      const keyItem = put?.Item ?? remove!.Key;
      const key = table.keyOf(keyItem);
      const id = `${table.definition.tree}/${key}`;
      if (seen.has(id)) throw validation("Provided list of item keys contains duplicates");
      seen.add(id);
      const change = put === undefined ? ({ kind: "delete" } as const) : ({ kind: "put", item: put.Item } as const);
      const write = { table, key, keyItem, change, condition: undefined, returnOnFailure: false, wantsBefore: false };
      return { name, request, write };
    });
  });
  return writeEntries(call, entries);
}

function writeEntries(call: Call, entries: readonly BatchEntry[]): Reply | Promise<Reply> {
  const { engine, input, unprocessedShare = 0 } = call;
  const unprocessed: Record<string, WriteRequest[]> = {};
  const wanted: BatchEntry[] = [];
  let refused: DynamoError | undefined;
  for (const entry of entries) {
    const { error } = hasUnits(() => checkWriteThrottle(engine, entry.write));
    refused ??= error;
    if (error === undefined && engine.random() >= unprocessedShare) {
      wanted.push(entry);
      continue;
    }
    unprocessed[entry.name] ??= [];
    unprocessed[entry.name]!.push(entry.request);
  }
  if (wanted.length === 0 && refused !== undefined) throw refused;
  const done = engine.catalog.write(() => {
    const used = new ConsumptionByTable();
    for (const { write } of wanted) {
      const prepared = prepareWrite(write);
      const own = new Consumption(write.table);
      applyWrite(engine, prepared, own);
      takeWriteUnits(engine, prepared, own);
      used.of(write.table).add(own);
    }
    return used;
  });
  return andThen(done, (used) => ({
    UnprocessedItems: unprocessed,
    ...consumedByTable(call, used),
    ...metricsByTable(
      input,
      wanted.map(({ write }) => write),
    ),
  }));
}

/** The sizes of all collections that were written, by table. */
export function metricsByTable(
  input: Readonly<Record<string, unknown>>,
  writes: readonly ItemWrite[],
): { ItemCollectionMetrics?: Record<string, object[]> } {
  const out: Record<string, object[]> = {};
  const seen = new Set<string>();
  for (const write of writes) {
    const metrics = collectionMetrics(input, write);
    const id = JSON.stringify(metrics);
    if (metrics === undefined || seen.has(id)) continue;
    seen.add(id);
    out[write.table.name] ??= [];
    out[write.table.name]!.push(metrics);
  }
  return Object.keys(out).length === 0 ? {} : { ItemCollectionMetrics: out };
}

export const batchOperations: readonly Operation[] = [
  {
    name: "BatchGetItem",
    summary: "reads up to 100 items of several tables by their keys",
    supported: true,
    members: batchGetMembers,
    run: batchGetItem,
  },
  {
    name: "BatchWriteItem",
    summary: "writes or removes up to 25 items of several tables",
    supported: true,
    members: batchWriteMembers,
    run: batchWriteItem,
  },
];
