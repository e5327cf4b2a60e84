import { type BucketUnit, bucketOf } from "../../model/bucket.js";
import type { Position } from "./adapter.js";

const FIRST = new Date("0000-01-01T00:00:00.000Z");
const LAST = new Date("9999-12-31T23:59:59.999Z");

/**
 * The name of the bucket in which a moment lies, in places that are walked: names sort as the moments do. What is beyond
 * years of four digits lies in the first or the last bucket of these.
 */
export function walkedBucket(unit: BucketUnit, at: Date): string {
  return bucketOf(unit, at < FIRST ? FIRST : at > LAST ? LAST : at);
}

/** Rows of one bucket, in order. */
export interface BucketPart<Row> {
  readonly rows: readonly Row[];
  /** Where it goes on behind what was read; undefined: it was read as far as rows were wanted, or to its end. */
  readonly next?: Position | undefined;
}

/** A page of a walk. */
export interface WalkedPage<Row> {
  readonly rows: readonly Row[];
  /** Where a bucket stopped short, and the walk with it. */
  readonly next: Position | undefined;
  /** The bucket behind which the walk stopped for having read so many; undefined: it did not. */
  readonly beyond: string | undefined;
}

/** Requests that are under way at once. */
const IN_FLIGHT = 16;

/**
 * Reads a group's buckets in the order of a list, a few at once: as many as their neighbours let one expect to be needed
 * for the rows that are missing. One walk serves a pattern, and learns from page to page.
 */
export class BucketWalk {
  readonly #most: number;
  readonly #atOnce: number;
  /** Rows that a bucket had of late. */
  #perBucket = Number.POSITIVE_INFINITY;

  /**
   * @param shards requests that reading a bucket takes
   * @param most buckets that one page reads at most: behind them it ends, with whatever rows it has
   */
  constructor(shards: number, most = Number.POSITIVE_INFINITY) {
    this.#atOnce = Math.max(1, Math.floor(IN_FLIGHT / shards));
    this.#most = most;
  }

  /**
   * @param names the buckets that there are, in the list's order
   * @param read gives up to so many rows of a bucket
   */
  async page<Row>(
    names: AsyncIterable<readonly string[]>,
    limit: number,
    read: (bucket: string, missing: number) => Promise<BucketPart<Row>>,
  ): Promise<WalkedPage<Row>> {
    const rows: Row[] = [];
    let count = 0;
    for await (const some of names) {
      for (let at = 0; at < some.length; ) {
        const missing = limit - rows.length;
        const wanted = Math.min(this.#atOnce, Math.max(1, Math.ceil(missing / this.#perBucket)), this.#most - count);
        const wave = some.slice(at, at + wanted);
        at += wave.length;
        count += wave.length;
        const parts = await Promise.all(wave.map((bucket) => read(bucket, missing)));
        for (const part of parts) {
          for (const row of part.rows) rows.push(row);
          // Later buckets of the wave lie behind what this one has not given yet.
          if (rows.length < limit && part.next !== undefined) return { rows, next: part.next, beyond: undefined };
          if (rows.length >= limit) break;
        }
        this.#perBucket = Math.max(1, rows.length / count);
        if (rows.length >= limit) return { rows: rows.slice(0, limit), next: undefined, beyond: undefined };
        if (count >= this.#most) return { rows, next: undefined, beyond: wave.at(-1) };
      }
    }
    return { rows, next: undefined, beyond: undefined };
  }
}
