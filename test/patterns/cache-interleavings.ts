import { Redis } from "ioredis";
import { cache } from "../../src/patterns/cache/index.js";
import { seededRandom } from "../../src/testing/random.js";

/** What a run of interleavings found. */
export interface Interleavings {
  readonly runs: number;
  /** Reads that began after a delete had returned, and got a value from before it. */
  readonly stale: number;
  readonly reads: number;
  readonly loads: number;
}

/** How a cache under test is made; the control leaves the protection out. */
export type MakeCache = (url: string, prefix: string, load: (id: string) => Promise<number>) => CacheUnderTest;

export interface CacheUnderTest {
  get(id: string): Promise<number>;
  delete(id: string): Promise<void>;
  deleteByTag(tag: string): Promise<void>;
  close(): void;
}

/** keyfold's cache on a connection of its own, as each process has one. */
export const keyfoldCache: MakeCache = (url, prefix, load) => {
  const client = new Redis(url);
  const made = cache(client, {
    prefix,
    ttlMs: 60_000,
    staleMs: 5_000,
    deadlineMs: 5_000,
    load,
    tags: (_, id) => [`tag-${id}`, "all"],
  });
  return {
    get: (id) => made.get(id),
    delete: (id) => made.delete(id),
    deleteByTag: (tag) => made.deleteByTag(tag),
    close: () => client.disconnect(),
  };
};

/** The control: read, load on a miss, store, with nothing to tell that it was deleted meanwhile. */
export const plainCacheAside: MakeCache = (url, prefix, load) => {
  const client = new Redis(url);
  const key = (id: string) => `${prefix}:${id}`;
  return {
    async get(id) {
      const stored = await client.get(key(id));
      if (stored !== null) return Number(stored);
      const value = await load(id);
      await client.set(key(id), value, "EX", 60);
      return value;
    },
    delete: async (id) => void (await client.del(key(id))),
    deleteByTag: async () => void (await client.del(key("0"), key("1"))),
    close: () => client.disconnect(),
  };
};

/**
 * Runs seeded interleavings of loads, deletes and deletes by tag over several caches that share a server. A row's
 * version grows with each write; a writer writes, then deletes. A read that began after the delete returned must not see
 * a smaller version.
 */
export async function interleave(
  url: string,
  make: MakeCache,
  caches: number,
  runs: number,
  seed: number,
): Promise<Interleavings> {
  const random = seededRandom(seed);
  const rows = new Map<string, number>();
  let loads = 0;
  const pause = async () => {
    const turns = Math.floor(random() * 6);
    for (let i = 0; i < turns; i++) await new Promise<void>((done) => setImmediate(done));
  };
  const load = async (id: string) => {
    loads++;
    const version = rows.get(id) ?? 0;
    await pause();
    return version;
  };
  const prefix = `interleave-${seed}-${process.pid}-${Date.now()}`;
  const made = Array.from({ length: caches }, () => make(url, prefix, load));
  let stale = 0;
  let reads = 0;
  try {
    for (let run = 0; run < runs; run++) {
      const ids = [`${run}-0`, `${run}-1`];
      /** The version that every read must reach that begins now. */
      const least = new Map<string, number>();
      const step = async () => {
        await pause();
        const id = ids[random() < 0.7 ? 0 : 1]!;
        const one = made[Math.floor(random() * made.length)]!;
        const choice = random();
        if (choice < 0.6) {
          const atLeast = least.get(id) ?? 0;
          reads++;
          if ((await one.get(id)) < atLeast) stale++;
          return;
        }
        const version = (rows.get(id) ?? 0) + 1;
        rows.set(id, version);
        await pause();
        if (choice < 0.8) await one.delete(id);
        else await one.deleteByTag(choice < 0.95 ? `tag-${id}` : "all");
        least.set(id, Math.max(least.get(id) ?? 0, version));
      };
      await Promise.all(Array.from({ length: 8 }, step));
      // Nothing that was stored on the way may be served now.
      for (const id of ids)
        for (const one of made) {
          reads++;
          if ((await one.get(id)) < (least.get(id) ?? 0)) stale++;
        }
    }
  } finally {
    for (const { close } of made) close();
  }
  return { runs, stale, reads, loads };
}
