import { randomBytes } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import { END, joinKey } from "../../plan/dynamodb/key-encoding.js";
import { AMOUNT, PARTITION, SORT } from "../../plan/dynamodb/names.js";
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

/** How long a lease lasts, and how much of it must be left for a write. */
const LEASE_MS = 10 * 60_000;
const RENEW_MS = 5 * 60_000;
/** Clocks may differ by so much, and a write may be so late on its way. */
export const LEASE_MARGIN_MS = 60_000;

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

/** Leases that this process holds. */
export class Buckets {
  readonly #requests: Requests;
  readonly #leases = new Map<
    string,
    { readonly place: string; readonly bucket: string; readonly until: Promise<number> }
  >();
  readonly #lease = LEASE + randomBytes(6).toString("base64url");
  /** A write that was sent and not answered may yet arrive: its leases must run out by themselves. */
  #doubtful = false;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Makes sure that these buckets are open while a write is under way. */
  async open(
    buckets: readonly { readonly place: string; readonly bucket: string }[],
    deadline: Deadline,
  ): Promise<void> {
    const waiting: Promise<unknown>[] = [];
    for (const { place, bucket } of buckets) waiting.push(this.#take(place, bucket, deadline));
    if (waiting.length > 0) await Promise.all(waiting);
  }

  async #take(place: string, bucket: string, deadline: Deadline): Promise<void> {
    const name = joinKey([place, bucket]);
    for (;;) {
      const held = this.#leases.get(name);
      if (held !== undefined) {
        const until = await held.until.catch(() => 0);
        if (until - this.#requests.clock.now() > RENEW_MS) return;
        // Another call may have renewed it while this one waited.
        if (this.#leases.get(name) !== held) continue;
      }
      const until = this.#renew(place, bucket, deadline);
      this.#leases.set(name, { place, bucket, until });
      await until;
      return;
    }
  }

  async #renew(place: string, bucket: string, deadline: Deadline): Promise<number> {
    const until = this.#requests.clock.now() + LEASE_MS;
    await this.#requests.send(
      "UpdateItem",
      {
        TableName: this.#requests.table,
        Key: keyOf(place, bucket),
        UpdateExpression: "SET #s = :open, #l = :until ADD #e :one",
        ExpressionAttributeNames: { "#s": STATE, "#l": this.#lease, "#e": EPOCH },
        ExpressionAttributeValues: { ":open": { S: "open" }, ":until": { N: String(until) }, ":one": { N: "1" } },
      },
      deadline,
    );
    return until;
  }

  /** Told of a write that was sent and not answered. */
  doubt(): void {
    this.#doubtful = true;
  }

  /** Gives the leases back, so that their buckets can be folded at once. What cannot be given back runs out. */
  async release(deadline: Deadline): Promise<void> {
    const leases = [...this.#leases.values()];
    this.#leases.clear();
    if (this.#doubtful) return;
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let one = leases[next++]; one !== undefined; one = leases[next++]) {
        const { place, bucket } = one;
        await this.#requests
          .send(
            "UpdateItem",
            {
              TableName: this.#requests.table,
              Key: keyOf(place, bucket),
              UpdateExpression: "REMOVE #l",
              ExpressionAttributeNames: { "#l": this.#lease },
            },
            deadline,
          )
          .catch(() => {});
      }
    };
    await Promise.all(Array.from({ length: Math.min(16, leases.length) }, worker));
  }
}

function keyOf(place: string, bucket: string): Item {
  return { [PARTITION]: { S: bucketsKey(place) }, [SORT]: { S: stateKey(bucket) } };
}
