import { channel } from "node:diagnostics_channel";

/** What happened in a cache, as subscribers of `keyfold:cache` see it. */
export interface CacheEvent {
  readonly "db.system.name": "redis";
  /** The cache's prefix. */
  readonly "db.collection.name": string;
  readonly "db.operation.name": CacheEventName;
  /** The id, or the tags. */
  readonly "keyfold.cache.id": string;
  /** Milliseconds of a load. */
  readonly "keyfold.cache.load_ms"?: number;
  /** keyfold's code, or the loader's error's name. */
  readonly "error.type"?: string;
}

/**
 * `hit-local` and `hit`: served; `stale`: served and loaded anew behind it; `miss`: not there; `load` and `load-failed`:
 * the loader ran; `joined`: waited for a load of this process; `lost`: the value was deleted while it was loaded, and
 * not stored; `store-failed`: Redis did not answer.
 */
export type CacheEventName =
  | "hit-local"
  | "hit"
  | "stale"
  | "miss"
  | "load"
  | "load-failed"
  | "joined"
  | "lost"
  | "store-failed";

/** How often each of them happened. */
export type CacheStats = Readonly<Record<CacheEventName, number>>;

const events = channel("keyfold:cache");

/** Counts what happens, and tells those who listen. */
export class CacheCounter {
  readonly counts: Record<CacheEventName, number> = {
    "hit-local": 0,
    hit: 0,
    stale: 0,
    miss: 0,
    load: 0,
    "load-failed": 0,
    joined: 0,
    lost: 0,
    "store-failed": 0,
  };
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  count(name: CacheEventName, id: string, more?: { readonly loadMs?: number; readonly error?: unknown }): void {
    this.counts[name]++;
    if (!events.hasSubscribers) return;
    const error = more?.error as { code?: string; name?: string } | undefined;
    events.publish({
      "db.system.name": "redis",
      "db.collection.name": this.#prefix,
      "db.operation.name": name,
      "keyfold.cache.id": id,
      ...(more?.loadMs === undefined ? {} : { "keyfold.cache.load_ms": more.loadMs }),
      ...(error === undefined ? {} : { "error.type": error.code ?? error.name ?? "Error" }),
    } satisfies CacheEvent);
  }
}
