import type { Clock } from "../../internal/clock.js";
import type { Deadline } from "../../internal/deadline.js";

/** A bucket of a place where contributions lie. */
export interface PlacedBucket {
  readonly place: string;
  readonly bucket: string;
}

/** How an engine keeps a lease. */
export interface LeaseKeeper {
  readonly clock: Clock;
  /** Opens the bucket and says that this process may add to it until then, in milliseconds of the clock. */
  renew(bucket: PlacedBucket, until: number, deadline: Deadline): Promise<void>;
  /** Takes the lease back. */
  giveBack(bucket: PlacedBucket, deadline: Deadline): Promise<void>;
}

/** How long a lease lasts, and how much of it must be left for a write. */
const LEASE_MS = 10 * 60_000;
const RENEW_MS = 5 * 60_000;
/** Clocks may differ by so much, and a write may be so late on its way. */
export const LEASE_MARGIN_MS = 60_000;
/** Leases that are given back at once. */
const IN_FLIGHT = 16;

/**
 * Leases that this process holds on buckets of sums: a writer takes one before it adds to a bucket, and a bucket with a
 * lease is not folded.
 */
export class BucketLeases {
  readonly #keeper: LeaseKeeper;
  readonly #leases = new Map<string, PlacedBucket & { readonly until: Promise<number> }>();
  /** A write that was sent and not answered may yet arrive: its leases must run out by themselves. */
  #doubtful = false;

  constructor(keeper: LeaseKeeper) {
    this.#keeper = keeper;
  }

  /** Makes sure that these buckets are open while a write is under way. */
  async open(buckets: readonly PlacedBucket[], deadline: Deadline): Promise<void> {
    const waiting: Promise<unknown>[] = [];
    for (const bucket of buckets) waiting.push(this.#take(bucket, deadline));
    if (waiting.length > 0) await Promise.all(waiting);
  }

  async #take({ place, bucket }: PlacedBucket, deadline: Deadline): Promise<void> {
    const name = `${place}\0${bucket}`;
    for (;;) {
      const held = this.#leases.get(name);
      if (held !== undefined) {
        const until = await held.until.catch(() => 0);
        if (until - this.#keeper.clock.now() > RENEW_MS) return;
        // Another call may have renewed it while this one waited.
        if (this.#leases.get(name) !== held) continue;
      }
      const until = this.#renew({ place, bucket }, deadline);
      this.#leases.set(name, { place, bucket, until });
      await until;
      return;
    }
  }

  async #renew(bucket: PlacedBucket, deadline: Deadline): Promise<number> {
    const until = this.#keeper.clock.now() + LEASE_MS;
    await this.#keeper.renew(bucket, until, deadline);
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
        await this.#keeper.giveBack(one, deadline).catch(() => {});
      }
    };
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, leases.length) }, worker));
  }
}
