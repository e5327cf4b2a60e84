import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { inParallel } from "../../internal/in-parallel.js";
import { bucketStart } from "../../model/bucket.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import { beyond, END, splitKey } from "../../plan/dynamodb/key-encoding.js";
import { PLACE } from "../../plan/dynamodb/names.js";
import type { DynamoWalk } from "../../plan/dynamodb/types.js";
import type { PageCall, RecordData } from "../port/adapter.js";
import { walkedBucket } from "../port/bucket-walk.js";
import { bucketComponent, compileAsked } from "./keys.js";
import { isConsistent } from "./read-records.js";
import type { Requests } from "./requests.js";
import { keyText } from "./table-key.js";
import type { StoredEntity } from "./write.js";

/**
 * Which buckets of time a group has, in places that the plan cut by time: an item for each, which is written before the
 * first record of the bucket and stays. A list goes by them, so that no bucket is asked for that never had a record.
 */

/** Items that are written at once, and names that are read at once. */
const IN_FLIGHT = 16;
const NAMES = 64;

/** Lists the buckets that these records will lie in, as far as this process has not done so. */
export async function listBuckets(
  records: readonly RecordData[],
  { requests, codec, known }: StoredEntity,
  deadline: Deadline,
): Promise<void> {
  if (!codec.cutByTime) return;
  const fresh = new Map<string, Item>();
  for (const record of records) {
    for (const { place, key } of listedOf(record, codec)) {
      const name = keyText(key);
      if (!known.has(place, [name])) fresh.set(name, { ...requests.key.item(key), [PLACE]: { S: place } });
    }
  }
  await inParallel([...fresh.values()], IN_FLIGHT, async (item) => {
    await requests.send("PutItem", { TableName: requests.table, Item: item }, deadline);
    known.add(item[PLACE]?.S ?? "", [requests.key.text(item)]);
  });
}

/** A record that cannot be written lies in no bucket: its write says why. */
function listedOf(record: RecordData, codec: StoredEntity["codec"]): ReturnType<StoredEntity["codec"]["listed"]> {
  try {
    return codec.listed(record);
  } catch (error) {
    if (error instanceof KeyfoldError) return [];
    throw error;
  }
}

/** Reads the names of a group's buckets in the list's order, from the call's cursor on, within its range. */
export type BucketNames = (
  params: RecordData,
  call: PageCall,
  each: (units: number) => void,
  deadline: Deadline,
) => AsyncGenerator<readonly string[], void, undefined>;

/** Compiles the reader of a pattern's buckets. */
export function compileNames({ unit, direction, partition, range }: DynamoWalk, requests: Requests): BucketNames {
  const group = compileAsked(partition);
  const edge = (given: unknown): string | undefined => {
    if (given === undefined) return undefined;
    return walkedBucket(unit, range?.unit === undefined ? (given as Date) : bucketStart(range.unit, given as string));
  };
  return async function* names(params, call, each, deadline) {
    const bounded = range !== undefined;
    let least = bounded ? edge(params["from"]) : undefined;
    let greatest = bounded ? edge(params["to"]) : undefined;
    // A cursor is a place in the order, which begins with a date; or the name of the bucket behind which it goes on.
    const at = call.after?.[0];
    const passed = typeof at === "string" ? at : undefined;
    const start = at instanceof Date ? walkedBucket(unit, at) : passed;
    if (start !== undefined) {
      if (direction === "desc") greatest = greatest === undefined || start < greatest ? start : greatest;
      else least = least === undefined || start > least ? start : least;
    }
    // Both are names of one unit, which sort as text.
    if (least !== undefined && greatest !== undefined && least > greatest) return;
    let from: Item | undefined;
    do {
      const input: Doc = {
        TableName: requests.table,
        KeyConditionExpression: "#pk = :pk AND #sk BETWEEN :from AND :to",
        ExpressionAttributeNames: { "#pk": requests.key.partition, "#sk": requests.key.sort },
        ExpressionAttributeValues: {
          ":pk": { S: group({ params, after: undefined, shard: 0, bucket: undefined }) },
          ":from": { S: least === undefined ? END : bucketComponent(least) },
          ":to": { S: greatest === undefined ? beyond("") : beyond(bucketComponent(greatest) + END) },
        },
        ScanIndexForward: direction === "asc",
        Limit: NAMES,
        ReturnConsumedCapacity: "TOTAL",
        ...(isConsistent(call.consistency) ? { ConsistentRead: true } : {}),
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      };
      const output = await requests.send("Query", input, deadline);
      each(Number((output["ConsumedCapacity"] as { readonly CapacityUnits?: number } | undefined)?.CapacityUnits ?? 0));
      const found = ((output["Items"] as readonly Item[] | undefined) ?? []).map(
        (item) => splitKey(requests.key.of(item).sk)[0] ?? "",
      );
      const names = found.filter((name) => name !== passed);
      if (names.length > 0) yield names;
      from = output["LastEvaluatedKey"] as Item | undefined;
    } while (from !== undefined);
  };
}
