import type { RedisStore } from "../redis/store.js";

/** So long after a failure events are acknowledged again. */
const AGAIN_MS = 100;

/** Acknowledges events that are done: all of one turn of the event loop in one command, until Redis has heard it. */
export class Acknowledgements {
  readonly #store: RedisStore;
  readonly #key: string;
  readonly #group: string;
  readonly #onError: (error: unknown) => void;
  /** Done, and not known to Redis as such. */
  readonly #open = new Set<string>();
  #batch: string[] = [];

  constructor(store: RedisStore, key: string, group: string, onError: (error: unknown) => void) {
    this.#store = store;
    this.#key = key;
    this.#group = group;
    this.#onError = onError;
  }

  /** Whether an event is done here, although Redis may not know it. */
  has(place: string): boolean {
    return this.#open.has(place);
  }

  add(place: string): void {
    this.#open.add(place);
    if (this.#batch.length === 0) setImmediate(() => this.flush());
    this.#batch.push(place);
  }

  /** Sends what waits. It never fails: repeating it is harmless, and is done until it succeeds. */
  async flush(): Promise<void> {
    const places = this.#batch;
    if (places.length === 0) return;
    this.#batch = [];
    try {
      await this.#store.command(this.#key, "XACK", [this.#key, this.#group, ...places], true);
      for (const place of places) this.#open.delete(place);
    } catch (error) {
      this.#onError(error);
      setTimeout(() => {
        for (const place of places) this.add(place);
      }, AGAIN_MS).unref();
    }
  }
}
