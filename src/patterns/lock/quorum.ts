import { systemClock } from "../../internal/clock.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { RedisStore } from "../redis/store.js";
import type { LockKeeper, Refused, Taken } from "./keeper.js";
import { acquireScript, raiseScript, releaseScript, renewScript } from "./scripts.js";

/** Between two tries of one waiter; random, so that two that collide part. */
const RETRY_MS = 100;

/**
 * Locks on a majority of independent servers. Each counts fences of its own; the highest of a majority is written back
 * to a majority before it is handed out, so the next holder, whose majority overlaps, gets a higher one. There is no
 * queue over several servers: who waits tries again after a random time.
 */
export class Quorum implements LockKeeper {
  readonly #stores: readonly RedisStore[];
  readonly #majority: number;

  constructor(stores: readonly RedisStore[]) {
    if (stores.length < 3)
      throw new KeyfoldError("INPUT_INVALID", `A quorum needs at least three servers, not ${stores.length}.`);
    this.#stores = stores;
    this.#majority = Math.floor(stores.length / 2) + 1;
  }

  async take(keys: readonly string[], token: string, ttlMs: number): Promise<Taken | Refused> {
    const answers = await this.#each((store) => store.run(acquireScript, keys, [token, String(ttlMs), "0", "-"]));
    const fences: number[] = [];
    for (const answer of answers) {
      const [won, fence] = (answer.value ?? [0]) as [number, string];
      if (won === 1) fences.push(Number(fence));
    }
    if (fences.length >= this.#majority) {
      const fence = Math.max(...fences);
      if ((await this.#count((store) => store.run(raiseScript, keys, [token, String(fence)]))) >= this.#majority)
        return { fence };
    }
    await this.free(keys, token);
    const failed = answers.filter(({ error }) => error !== undefined);
    if (this.#stores.length - failed.length < this.#majority) throw failed[0]!.error;
    return { againMs: Math.random() * RETRY_MS };
  }

  async heard(_token: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    await systemClock.sleep(ms, signal);
  }

  async extend(keys: readonly string[], token: string, ttlMs: number): Promise<boolean> {
    const count = await this.#count((store) => store.run(renewScript, keys, [token, String(ttlMs)]));
    return count >= this.#majority;
  }

  async free(keys: readonly string[], token: string): Promise<boolean> {
    return (await this.#count((store) => store.run(releaseScript, keys, [token]))) >= this.#majority;
  }

  close(): void {}

  async #count(ask: (store: RedisStore) => Promise<unknown>): Promise<number> {
    return (await this.#each(ask)).filter(({ value }) => value === 1).length;
  }

  #each(ask: (store: RedisStore) => Promise<unknown>): Promise<{ value?: unknown; error?: unknown }[]> {
    return Promise.all(
      this.#stores.map((store) =>
        ask(store).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        ),
      ),
    );
  }
}
