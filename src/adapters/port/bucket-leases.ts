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

/** A lease that this process has, or asks for. */
interface Lease extends PlacedBucket {
  /** When it ends; undefined: it is asked for. */
  until: number | undefined;
  /** Settles, and never fails, when the lease was given or refused. */
  readonly asked: Promise<unknown>;
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
  readonly #leases = new Map<string, Lease>();
  /** A write that was sent and not answered may yet arrive: its leases must run out by themselves. */
  #doubtful = false;

  constructor(keeper: LeaseKeeper) {
    this.#keeper = keeper;
  }

  /**
   * Makes sure that these buckets are open while a write is under way.
   *
   * @throws KeyfoldError the engine's, or `DEADLINE_EXCEEDED` and `ABORTED` where this call's own time is over.
   */
  async open(buckets: readonly PlacedBucket[], deadline: Deadline): Promise<void> {
    const waiting: Promise<void>[] = [];
    for (const bucket of buckets) {
      const { until = 0 } = this.#leases.get(nameOf(bucket)) ?? {};
      if (until - this.#keeper.clock.now() <= RENEW_MS) waiting.push(this.#take(bucket, deadline));
    }
    if (waiting.length > 0) await Promise.all(waiting);
  }

  async #take(bucket: PlacedBucket, deadline: Deadline): Promise<void> {
    const name = nameOf(bucket);
    for (;;) {
      const held = this.#leases.get(name);
      // Another call that asks for it may have more time than this one.
      if (held !== undefined && held.until === undefined) await deadline.run(() => held.asked);
      const { until = 0 } = this.#leases.get(name) ?? {};
      if (until - this.#keeper.clock.now() > RENEW_MS) return;
      // It was refused, or somebody else asks again already.
      if (this.#leases.get(name) !== held) continue;
      await this.#renew(name, bucket, deadline);
      return;
    }
  }

  async #renew(name: string, bucket: PlacedBucket, deadline: Deadline): Promise<void> {
    const until = this.#keeper.clock.now() + LEASE_MS;
    const renewed = this.#keeper.renew(bucket, until, deadline);
    const { place, bucket: part } = bucket;
    const lease: Lease = { place, bucket: part, until: undefined, asked: renewed.catch(() => {}) };
    this.#leases.set(name, lease);
    try {
      await renewed;
      lease.until = until;
    } catch (error) {
      lease.until = 0;
      throw error;
    }
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

function nameOf({ place, bucket }: PlacedBucket): string {
  return `${place}\0${bucket}`;
}
