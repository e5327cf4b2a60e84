import type { EngineClock } from "../../engine.js";
import type { Catalog } from "./catalog.js";
import type { StreamDefinition } from "./definition.js";
import { decodeItem } from "./item-codec.js";
import { retentionMs } from "./shards.js";
import type { Table } from "./table.js";
import { pruneTokens } from "./tokens.js";
import { keyOfExpiry, longestPastSeconds, secondsKey } from "./ttl-key.js";

/** How often the clock is looked at. */
const lookMs = 1000;
/** How much time passes between two looks for old tokens. */
const pruneMs = 60_000;
/** Records that are removed at once, before others get their turn. */
const step = 1_000;

/**
 * What goes on without a request: items expire, shards of streams are closed, old records of streams and tokens of
 * transactions go.
 */
export class Housekeeping {
  readonly #catalog: Catalog;
  readonly #clock: EngineClock;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<number> | undefined;
  #prunedMs = 0;

  constructor(catalog: Catalog, clock: EngineClock) {
    this.#catalog = catalog;
    this.#clock = clock;
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A pass that fails is tried again; there is nobody to tell.
      this.run().catch(() => {});
    }, lookMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One pass over all that is due now; tells how many items expired. */
  run(): Promise<number> {
    this.#running ??= this.#pass().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #pass(): Promise<number> {
    const now = this.#clock.now();
    let expired = 0;
    for (const table of [...this.#catalog.tables()]) {
      if (table.expiries !== undefined) expired += await this.#expire(table, now);
      for (const stream of table.definition.streams) {
        const log = table.streamLog(stream.label);
        if (log?.isDue(now)) await this.#catalog.write(() => (log.isDue(now) ? log.roll(now) : undefined));
        if (log?.hasOld(now)) while ((await this.#catalog.write(() => log.trim(now, step))) === step);
      }
      await this.#forgetStreams(table, now);
    }
    if (Math.abs(now - this.#prunedMs) >= pruneMs) {
      this.#prunedMs = now;
      await pruneTokens(this.#catalog, now);
    }
    return expired;
  }

  /** A stream that was closed goes a day later, with its records. */
  async #forgetStreams(table: Table, now: number): Promise<void> {
    const isKept = ({ disabledMs }: StreamDefinition): boolean =>
      disabledMs === undefined || disabledMs > now - retentionMs;
    if (table.definition.streams.every(isKept)) return;
    await this.#catalog.write(() => {
      if (!table.dropped) this.#catalog.change(table, { streams: table.definition.streams.filter(isKept) });
    });
  }

  async #expire(table: Table, now: number): Promise<number> {
    const seconds = Math.floor(now / 1000);
    const from = secondsKey(Math.max(0, seconds - longestPastSeconds));
    const to = secondsKey(seconds);
    let all = 0;
    // The tree is looked at before anything is written: most passes find nothing.
    while (!this.#catalog.closed && table.expiries?.first(from, to) !== undefined) {
      all += await this.#catalog.write(() => {
        const expiries = table.expiries;
        if (expiries === undefined || table.dropped) return 0;
        const entries: string[] = [];
        const cursor = expiries.scan({ from, to });
        while (entries.length < step && cursor.next()) entries.push(cursor.key);
        this.#catalog.touch(table);
        for (const entry of entries) {
          const key = keyOfExpiry(entry);
          const stored = table.stored(key);
          if (stored === undefined) expiries.delete(entry);
          else table.write(key, stored, decodeItem(stored), undefined, undefined, "ttl");
        }
        return entries.length;
      });
    }
    return all;
  }
}
