import { randomBytes } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import type { Doc, Item } from "../../patterns/dynamodb/driver.js";
import { END, joinKey } from "../../plan/dynamodb/key-encoding.js";
import { AMOUNT } from "../../plan/dynamodb/names.js";
import { BucketLeases, LEASE_MARGIN_MS, type PlacedBucket } from "../port/bucket-leases.js";
import { bucketComponent } from "./keys.js";
import type { Requests } from "./requests.js";

/**
 * The list of a `top`'s buckets. Each has an item that says whether its contributions are folded into sums, and who may
 * add to it until when: a writer takes a lease on a bucket before it writes there, and a bucket with a lease is not
 * folded. A lease on a folded bucket opens it again, so that readers go back to its contributions, which are all still
 * there. The epoch counts the leases: a fold that meets another epoch at its end than at its beginning is void.
 */
export const STATE = "s";
export const EPOCH = "e";
/** Begins the attribute of each writer's lease: the moment at which it ends, in milliseconds. */
const LEASE = "l_";
/** Sums of a folded bucket: group → [sum, count], as JSON. */
export const SUMS = AMOUNT;

/** Whether somebody may still write to a bucket at a moment. */
export function isLeased(state: Item, now: number): boolean {
  return Object.entries(state).some(
    ([name, value]) => name.startsWith(LEASE) && Number(value.N ?? 0) + LEASE_MARGIN_MS > now,
  );
}

/** Leases of writers that ended without giving them back. */
export function leasesOf(state: Item): string[] {
  return Object.keys(state).filter((name) => name.startsWith(LEASE));
}

/** The partition in which the buckets of a place are listed. */
export function bucketsKey(place: string): string {
  return joinKey([place, "buckets"]);
}

/** The sort key of a bucket's state; its sums follow it. */
export function stateKey(bucket: string): string {
  return joinKey([bucketComponent(bucket), "0"]);
}

/** The sort key of a part of a bucket's sums. */
export function sumsKey(bucket: string, epoch: string, part: number): string {
  return joinKey([bucketComponent(bucket), "1", epoch.padStart(12, "0"), String(part).padStart(4, "0")]);
}

/** Bounds of the sort keys of buckets from one to before another. */
export function bucketBounds(
  from: string | undefined,
  to: string | undefined,
): { readonly from: string; readonly to: string } {
  return {
    from: from === undefined ? END : bucketComponent(from),
    to: to === undefined ? "\u{10ffff}" : bucketComponent(to),
  };
}

/** Leases that this process holds: attributes on the buckets' states. */
export function bucketLeases(requests: Requests): BucketLeases {
  const lease = LEASE + randomBytes(6).toString("base64url");
  const update = async (bucket: PlacedBucket, change: Doc, deadline: Deadline): Promise<void> => {
    await requests.send("UpdateItem", { TableName: requests.table, Key: keyOf(bucket, requests), ...change }, deadline);
  };
  return new BucketLeases({
    clock: requests.clock,
    renew: (bucket, until, deadline) =>
      update(
        bucket,
        {
          UpdateExpression: "SET #s = :open, #l = :until ADD #e :one",
          ExpressionAttributeNames: { "#s": STATE, "#l": lease, "#e": EPOCH },
          ExpressionAttributeValues: { ":open": { S: "open" }, ":until": { N: String(until) }, ":one": { N: "1" } },
        },
        deadline,
      ),
    giveBack: (bucket, deadline) =>
      update(bucket, { UpdateExpression: "REMOVE #l", ExpressionAttributeNames: { "#l": lease } }, deadline),
  });
}

function keyOf({ place, bucket }: PlacedBucket, { key }: Requests): Item {
  return key.item({ pk: bucketsKey(place), sk: stateKey(bucket) });
}
