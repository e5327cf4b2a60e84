import { systemClock } from "../../internal/clock.js";
import { Batches } from "../redis/batch.js";
import type { RedisStore } from "../redis/store.js";
import { Subscriber } from "../redis/subscriber.js";
import type { LockKeeper, Refused, Taken } from "./keeper.js";
import { Replicas } from "./replicas.js";
import { acquireScript, quickScript, releaseScript, renewScript } from "./scripts.js";

/** While calls cannot be heard, whoever waits looks again after this time. */
const POLL_MS = 50;

/** So long after Redis refused the subscription it is asked for again. */
const REFUSED_MS = 1_000;

/** Locks on one server. Who waits stands in a queue there; a release hands the lock over and wakes the next. */
export class SingleNode implements LockKeeper {
  readonly #store: RedisStore;
  readonly #calls: Batches;
  readonly #replicas: Replicas | undefined;
  readonly #channel: string;
  readonly #subscriber: Subscriber;
  readonly #waiting = new Map<string, () => void>();
  /** Tokens whose call came before they began to wait. */
  readonly #called = new Set<string>();
  /** The subscription was asked for, and stands. */
  #asked = false;
  #hears = false;

  constructor(store: RedisStore, channel: string, minReplicas: number) {
    this.#replicas = minReplicas > 0 ? new Replicas(store, minReplicas) : undefined;
    this.#store = store;
    this.#calls = new Batches(store);
    this.#channel = channel;
    this.#subscriber = new Subscriber(store.link);
    this.#subscriber.onGap(() => this.#stands());
    this.#subscriber.onDown(() => {
      this.#hears = false;
    });
  }

  async take(keys: readonly string[], token: string, ttlMs: number, waitMs: number): Promise<Taken | Refused> {
    const ttl = waitMs > 0 ? `-${ttlMs}` : String(ttlMs);
    const quick = (await this.#calls.run(quickScript, [keys[0]!], [token, ttl])) as number;
    if (quick > 0) return this.#taken(keys, token, ttlMs, quick);
    if (quick < 0) return { againMs: -quick };
    const args = [token, String(ttlMs), String(waitMs), this.#channel];
    const heard = this.#hears;
    const reply = await this.#store.run(acquireScript, keys, args);
    const [won, value] = reply as [number, string | number];
    if (won === 1) return this.#taken(keys, token, ttlMs, Number(value));
    if (waitMs > 0 && !this.#asked) this.#listen();
    // Should the holder die, the lock is free when its time ends, and nobody calls.
    const againMs = Number(value) + 1;
    // Handed over before this process listened, it would not hear of it.
    return { againMs: heard ? againMs : Math.min(againMs, POLL_MS) };
  }

  /** Nobody waits for it: without the right to subscribe, or while Redis is away, waiting is to look from time to time. */
  #listen(): void {
    this.#asked = true;
    this.#subscriber
      .subscribe("subscribe", this.#channel, (token) => this.#call(token))
      .then(
        () => this.#stands(),
        () => {
          const again = () => {
            this.#asked = false;
          };
          setTimeout(again, REFUSED_MS).unref();
        },
      );
  }

  /** Calls are heard from now on; one may have been missed, so all look. */
  #stands(): void {
    this.#hears = true;
    for (const wake of this.#waiting.values()) wake();
  }

  async #taken(keys: readonly string[], token: string, ttlMs: number, fence: number): Promise<Taken | Refused> {
    if (this.#replicas === undefined || (await this.#replicas.confirm(keys, token, ttlMs, "take"))) return { fence };
    return { againMs: 1 };
  }

  async heard(token: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#called.delete(token)) return;
    const controller = new AbortController();
    const woken = new Promise<void>((resolve) => this.#waiting.set(token, resolve));
    try {
      const either = signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]);
      await Promise.race([woken, systemClock.sleep(ms, either)]);
    } finally {
      this.#waiting.delete(token);
      controller.abort();
    }
  }

  #call(token: string): void {
    const wake = this.#waiting.get(token);
    if (wake !== undefined) wake();
    else if (this.#called.size < 10_000) this.#called.add(token);
  }

  async extend(keys: readonly string[], token: string, ttlMs: number): Promise<boolean> {
    if (this.#replicas !== undefined) return this.#replicas.confirm(keys, token, ttlMs, "renew");
    return (await this.#store.run(renewScript, keys, [token, String(ttlMs)])) === 1;
  }

  async free(keys: readonly string[], token: string): Promise<boolean> {
    this.#called.delete(token);
    const given = await this.#calls.run(quickScript, [keys[0]!], [token, ""]);
    return given === 1 || (given === 2 && (await this.#store.run(releaseScript, keys, [token])) === 1);
  }

  close(): void {
    this.#subscriber.close();
    this.#replicas?.close();
  }
}
