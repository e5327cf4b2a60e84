import type { Deadline } from "../../internal/deadline.js";
import { bucketEnd } from "../../model/bucket.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import { conditionFailed } from "../../patterns/dynamodb/errors.js";
import type { FoldCall, FoldedBucket } from "../port/adapter.js";
import type { Totals } from "../port/totals.js";
import { bucketsKey, EPOCH, isLeased, leasesOf, STATE, SUMS, stateKey, sumsKey } from "./buckets.js";
import type { Requests } from "./requests.js";
import type { ListedBucket, Sums } from "./top.js";

/** Characters of one part of a bucket's sums: an item holds 400 KiB. */
const PART_CHARACTERS = 100_000;

/** Folds all closed buckets of one pattern, one after the other. */
export async function foldPattern(
  pattern: string,
  sums: Sums,
  requests: Requests,
  call: FoldCall,
  deadline: Deadline,
): Promise<readonly FoldedBucket[]> {
  const unit = sums.contribution.bucket?.unit;
  if (unit === undefined) return [];
  const { buckets } = await sums.buckets(undefined, undefined, true, deadline);
  const done: FoldedBucket[] = [];
  for (const listed of buckets) {
    deadline.throwIfOver();
    const now = requests.clock.now();
    const over = bucketEnd(unit, listed.bucket).getTime() <= now && !isLeased(listed.state, now);
    const facts = { pattern, bucket: listed.bucket };
    let result: FoldedBucket;
    if (listed.state[STATE]?.S === "folded") result = { ...facts, state: "same" };
    else if (!over) result = { ...facts, state: "open" };
    else result = { ...facts, ...(await foldBucket(listed, sums, requests, deadline)) };
    call.onProgress?.(result);
    done.push(result);
  }
  return done;
}

/**
 * Adds up a bucket, stores the sums, and declares them valid if no writer took a lease since the bucket was listed.
 * Killed anywhere, it leaves an open bucket and parts of sums that nobody reads.
 */
async function foldBucket(
  { bucket, state, sums: old }: ListedBucket,
  sums: Sums,
  requests: Requests,
  deadline: Deadline,
): Promise<Pick<FoldedBucket, "state" | "groups" | "records">> {
  const { name } = sums.contribution;
  const pk = bucketsKey(name);
  const epoch = state[EPOCH]?.N ?? "0";
  const totals: Totals = new Map();
  await sums.addContributions(bucket, undefined, true, totals, deadline);
  const parts = sums.adder.foldedParts(totals, PART_CHARACTERS);
  const keys = parts.map((_, part) => sumsKey(bucket, epoch, part));
  for (const [index, part] of parts.entries()) {
    const Item: Item = {
      ...requests.key.item({ pk, sk: keys[index] as string }),
      [EPOCH]: { N: epoch },
      [SUMS]: { S: part },
    };
    await requests.send("PutItem", { TableName: requests.table, Item }, deadline);
  }
  // Leases that ran out go with it.
  const leases = leasesOf(state);
  const removes = leases.map((_, index) => `#l${index}`);
  let folded = true;
  try {
    await requests.send(
      "UpdateItem",
      {
        TableName: requests.table,
        Key: requests.key.item({ pk, sk: stateKey(bucket) }),
        UpdateExpression: `SET #s = :folded, #p = :parts${removes.length === 0 ? "" : ` REMOVE ${removes.join(", ")}`}`,
        ConditionExpression: "#e = :epoch",
        ExpressionAttributeNames: {
          "#s": STATE,
          "#p": "p",
          "#e": EPOCH,
          ...Object.fromEntries(leases.map((name, index) => [`#l${index}`, name])),
        },
        ExpressionAttributeValues: {
          ":folded": { S: "folded" },
          ":parts": { N: String(parts.length) },
          ":epoch": { N: epoch },
        },
      },
      deadline,
    );
  } catch (thrown) {
    if (conditionFailed(thrown) === undefined) throw thrown;
    folded = false;
  }
  const stale = folded ? old.map((item) => requests.key.of(item).sk).filter((key) => !keys.includes(key)) : keys;
  for (const key of stale) {
    await requests.send("DeleteItem", { TableName: requests.table, Key: requests.key.item({ pk, sk: key }) }, deadline);
  }
  if (!folded) return { state: "lost" };
  let records = 0;
  for (const { count } of totals.values()) records += count;
  return { state: "folded", groups: totals.size, records };
}
