import { slotOf } from "./keys.js";
import type { Link } from "./link.js";
import { script } from "./script.js";
import type { RedisStore } from "./store.js";

/** How long a measurement of the server's clock is trusted. Quartz drifts less than 0.1 ms in this time. */
const TRUSTED_MS = 10_000;

/**
 * The server's time, estimated from its TIME and this process' monotonic clock: a host whose wall clock is wrong or
 * steps gets the same answers as any other. Off by at most half a round trip.
 */
export class ServerClock {
  readonly #ask: () => Promise<unknown>;
  #offsetMs: number | undefined;
  #measuredAt = 0;
  #running: Promise<void> | undefined;

  /** `ask` sends TIME. */
  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask;
  }

  /** Milliseconds since 1970 on the server; undefined before the first measurement. Renews it in the background. */
  now(): number | undefined {
    const now = performance.now();
    if (now - this.#measuredAt > TRUSTED_MS || this.#offsetMs === undefined) this.measure().catch(() => {});
    return this.#offsetMs === undefined ? undefined : now + this.#offsetMs;
  }

  /** Measures, where that was not done lately. */
  async ready(): Promise<number> {
    if (this.now() === undefined) await this.measure();
    return performance.now() + this.#offsetMs!;
  }

  measure(): Promise<void> {
    this.#running ??= this.#measure().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #measure(): Promise<void> {
    const before = performance.now();
    const [seconds, micros] = (await this.#ask()) as [string, string];
    const after = performance.now();
    this.#offsetMs = Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2;
    this.#measuredAt = after;
  }
}

/** Asks the node that a key lies on: TIME alone goes to any. */
const timeScript = script("return redis.call('TIME')", { writes: false });

/** What stands for any node in a client's clocks by slot. */
const ANY = -1;

const clocks = new WeakMap<Link, Map<number, ServerClock>>();

/**
 * The clock of the server behind a client, on a Cluster that of the node where `key` lies, or of any; it is asked within
 * the deadline of the first pattern that needs it.
 */
export function serverClock(store: RedisStore, key?: string): ServerClock {
  const { link } = store;
  let known = clocks.get(link);
  if (known === undefined) {
    known = new Map();
    clocks.set(link, known);
  }
  const slot = key !== undefined && link.cluster ? slotOf(key) : ANY;
  let clock = known.get(slot);
  if (clock === undefined) {
    clock = new ServerClock(() =>
      slot === ANY ? store.command(undefined, "TIME", [], false) : store.run(timeScript, [key!], []),
    );
    known.set(slot, clock);
  }
  return clock;
}
