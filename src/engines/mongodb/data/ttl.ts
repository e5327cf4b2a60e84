import { DateTime } from "../bson/values.js";
import type { Engine } from "../commands/command.js";
import { encodeValue, inverted, recordIdLength, typeFloor } from "./key-encoding.js";

/** How often the clock is looked at, in real milliseconds. */
const lookMs = 1000;
/** How much time of the engine's clock passes between two passes, as in MongoDB (ttlMonitorSleepSecs). */
const passMs = 60_000;

/** Deletes documents whose date in a TTL index is old enough, as the engine's clock tells. */
export class TtlMonitor {
  readonly #engine: Engine;
  #timer: NodeJS.Timeout | undefined;
  #last: number;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#last = engine.clock.now();
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#engine.clock.now() - this.#last < passMs) return;
      // A pass that fails is tried again a minute later; there is nobody to tell.
      this.run().catch(() => {});
    }, lookMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One pass over all TTL indexes; tells how many documents were deleted. */
  async run(): Promise<number> {
    const { catalog, store, counters, clock } = this.#engine;
    const now = clock.now();
    this.#last = now;
    counters.ttlPasses++;
    let deleted = 0;
    for (const collection of [...catalog.allCollections()]) {
      for (const index of [...collection.indexes]) {
        const seconds = index.expireAfterSeconds;
        if (seconds === undefined || Number.isNaN(seconds)) continue;
        deleted += await store.write(() => {
          const { descending } = index.fields[0]!;
          const floor = typeFloor(0x09);
          // The bytes right behind a date's own: keys of older and of equal dates are below.
          const last = encodeValue(new DateTime(Math.max(now - seconds * 1000, -8.64e15)));
          const range = descending
            ? { from: inverted(last), to: String.fromCharCode(inverted(floor).charCodeAt(0) + 1) }
            : { from: floor, to: `${last}\xff` };
          const found = new Set<string>();
          const cursor = index.tree.scan(range);
          while (cursor.next()) found.add(cursor.key.slice(-recordIdLength));
          let count = 0;
          for (const record of found) {
            const bytes = collection.records.get(record);
            if (bytes === undefined || collection.dropped) continue;
            collection.remove(record, bytes);
            count++;
          }
          return count;
        });
      }
    }
    counters.ttlDeleted += deleted;
    return deleted;
  }
}
