import { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs } from "../../internal/retry.js";
import { type RedisStore, uniqueId } from "../redis/store.js";
import { encodeEntry } from "./entry.js";
import type { CacheCounter } from "./events.js";
import { endLeaseScript, leaseScript, publishScript, renewLeaseScript, seizeLeaseScript } from "./scripts.js";
import type { Serializer } from "./serializer.js";
import type { Tags } from "./tags.js";

/** Those who wait for a load in another process have this long to see that it failed. */
const FAILURE_SEEN_MS = 1_000;

/** Redis could not be asked. What a loader throws is never one of these. */
export class StoreDown extends Error {
  constructor(cause: unknown) {
    super("Redis could not be asked.", { cause });
  }
}

/** What loads need to know of their cache. */
export interface LoadSettings<V> {
  readonly load: (id: string, context: { readonly signal: AbortSignal }) => Promise<V>;
  readonly ttl: (value: V, id: string) => { readonly staleMs: number; readonly goneMs: number };
  readonly tagsOf: ((value: V, id: string) => readonly string[]) | undefined;
  readonly loadTimeoutMs: number;
  readonly leaseMs: number;
  readonly serializer: Serializer<V>;
}

/** How a load ended. `stored`: another process has loaded it, read it. `busy`: another process is at it. */
export type Outcome<V> =
  | { readonly kind: "loaded"; readonly value: V; readonly begun: number; readonly published: Published | undefined }
  | { readonly kind: "stored" }
  | { readonly kind: "busy" };

/** What was stored with a value. */
export interface Published {
  readonly staleMs: number;
  readonly goneMs: number;
  readonly loadMs: number;
  readonly tags: readonly string[];
}

/**
 * Loads values under leases: one load of an id at a time over all processes. A delete takes the lease away, and a value
 * that was loaded before it is never stored after it (Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, 3.2.1).
 */
export class Loads<V> {
  readonly #store: RedisStore;
  readonly #settings: LoadSettings<V>;
  readonly #tags: Tags;
  readonly #counter: CacheCounter;
  readonly #running = new Map<string, Promise<Outcome<V>>>();
  /** Orders the beginnings of calls and of loads in this process. */
  #order = 0;

  constructor(store: RedisStore, settings: LoadSettings<V>, tags: Tags, counter: CacheCounter) {
    this.#store = store;
    this.#settings = settings;
    this.#tags = tags;
    this.#counter = counter;
  }

  /** A call begins. What a load that began later gives is new enough for it. */
  begin(): number {
    return ++this.#order;
  }

  running(id: string): Promise<Outcome<V>> | undefined {
    return this.#running.get(id);
  }

  /** Starts a load; `unwanted` is the head of the entry that is to be replaced. */
  start(id: string, keys: readonly string[], unwanted: string, wait: boolean): Promise<Outcome<V>> {
    const load = this.#underLease(id, keys, unwanted, wait).finally(() => this.#running.delete(id));
    this.#running.set(id, load);
    return load;
  }

  /** Starts a load without Redis, whose value is not stored. */
  startDirect(id: string): Promise<Outcome<V>> {
    const load = this.#load(id)
      .then((loaded): Outcome<V> => ({ kind: "loaded", ...loaded, published: undefined }))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, load);
    return load;
  }

  /** Stores a value that the caller has. */
  async store(id: string, keys: readonly string[], value: V): Promise<Published> {
    const { tagsOf, leaseMs } = this.#settings;
    // One step where nothing is sent twice and no tag can change; else under a lease, so that a repetition is void.
    if (tagsOf === undefined && !this.#store.link.resends)
      return (await this.#publish(id, keys, "", value, 0, undefined))!;
    const token = uniqueId();
    await this.#store.run(seizeLeaseScript, [keys[1]!], [token, String(leaseMs)]);
    const before = tagsOf === undefined ? undefined : await this.#tags.clock();
    const published = await this.#publish(id, keys, token, value, 0, before);
    if (published !== undefined) return published;
    throw new KeyfoldError("CONFLICT", `"${id}" was written or deleted by another at the same time.`);
  }

  async #underLease(id: string, keys: readonly string[], unwanted: string, wait: boolean): Promise<Outcome<V>> {
    const { leaseMs, loadTimeoutMs, tagsOf } = this.#settings;
    const token = uniqueId();
    const until = performance.now() + loadTimeoutMs;
    let other = "";
    for (let tries = 0; ; tries++) {
      const args = [token, String(leaseMs), unwanted, other];
      const [state, value] = (await asked(this.#store.run(leaseScript, keys, args))) as [number, string?];
      if (state === 0) return { kind: "stored" };
      if (state === 1) break;
      if (state === 3) throw failedElsewhere(id, String(value));
      if (!wait) return { kind: "busy" };
      other = String(value);
      const left = until - performance.now();
      if (left <= 0)
        throw new KeyfoldError(
          "DEADLINE_EXCEEDED",
          `Another process has not loaded "${id}" within ${loadTimeoutMs} ms.`,
        );
      await new Promise((done) => setTimeout(done, Math.min(left, 4 + fullJitterMs(tries, 4, 40, Math.random))));
    }
    const heart = setInterval(() => {
      this.#store.run(renewLeaseScript, [keys[1]!], [token, String(leaseMs)]).catch(() => {});
    }, leaseMs / 3);
    heart.unref();
    try {
      const clock = tagsOf === undefined ? undefined : await asked(this.#tags.clock());
      const from = performance.now();
      const loaded = await this.#load(id);
      const ms = performance.now() - from;
      const published = await this.#publish(id, keys, token, loaded.value, ms, clock).catch(() => undefined);
      if (published === undefined) this.#counter.count("lost", id);
      return { kind: "loaded", ...loaded, published };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const args = [token, `${message.slice(0, 500)} `, String(FAILURE_SEEN_MS)];
      this.#store.run(endLeaseScript, [keys[1]!], args).catch(() => {});
      throw error;
    } finally {
      clearInterval(heart);
    }
  }

  async #load(id: string): Promise<{ readonly value: V; readonly begun: number }> {
    const { load, loadTimeoutMs } = this.#settings;
    const begun = this.begin();
    const from = performance.now();
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const message = `Loading "${id}" took longer than ${loadTimeoutMs} ms.`;
        const error = new KeyfoldError("DEADLINE_EXCEEDED", message, { fix: "Raise loadTimeoutMs.", data: { id } });
        controller.abort(error);
        reject(error);
      }, loadTimeoutMs);
    });
    try {
      const value = await Promise.race([load(id, { signal: controller.signal }), late]);
      this.#counter.count("load", id, { loadMs: performance.now() - from });
      return { value, begun };
    } catch (error) {
      this.#counter.count("load-failed", id, { error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stores a value where its lease and its tags are what they were before it was loaded; else undefined. */
  async #publish(
    id: string,
    keys: readonly string[],
    token: string,
    value: V,
    loadMs: number,
    clock: number | undefined,
  ): Promise<Published | undefined> {
    const { ttl, tagsOf, serializer } = this.#settings;
    const { staleMs, goneMs } = ttl(value, id);
    const tags = tagsOf?.(value, id) ?? [];
    let versions: Record<string, number> | undefined;
    if (tags.length > 0) {
      versions = await this.#tags.snapshot(tags, clock!);
      if (versions === undefined) {
        await this.#store.run(endLeaseScript, [keys[1]!], [token, "", "0"]);
        return undefined;
      }
    }
    const { kind, rest, body } = encodeEntry(value, serializer, { staleMs: goneMs - staleMs, loadMs, tags: versions });
    const args = [token, kind, String(Math.round(staleMs)), String(Math.max(1, Math.round(goneMs))), rest, body];
    // Without a lease a repetition would put the value over what others did meanwhile.
    const stored = await this.#store.run(publishScript, keys, args, { repeatable: token !== "" });
    return stored === 1 ? { staleMs, goneMs, loadMs, tags } : undefined;
  }
}

function asked<T>(question: Promise<T>): Promise<T> {
  return question.catch((cause: unknown) => {
    throw new StoreDown(cause);
  });
}

function failedElsewhere(id: string, message: string): KeyfoldError {
  return new KeyfoldError("LOAD_FAILED", `Loading "${id}" failed in another process: ${message.trim()}`, {
    data: { id },
  });
}
