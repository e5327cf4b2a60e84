import KeyvRedis from "@keyv/redis";
import { createCache as createDedupe } from "async-cache-dedupe";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisDriver } from "bentocache/drivers/redis";
import { createCache } from "cache-manager";
import { Cacheable } from "cacheable";
import { Keyv } from "keyv";
import { cache, text } from "../../src/patterns/cache/index.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { asClient, type BenchClients, concurrently } from "./clients.js";

const VALUE = { id: "42", name: "Ada Lovelace", email: "ada@example.org", text: "x".repeat(120) };
const KEYS = 1_000;
const TTL_MS = 3_600_000;

/** The caches, hits only: in this process, in Redis, and many at a time. */
export async function cacheComparisons(
  clients: BenchClients,
  report: (comparison: Comparison) => void,
  rounds: RoundsOptions,
): Promise<void> {
  const load = async () => VALUE;
  const ids = Array.from({ length: KEYS }, (_, i) => `user-${i}`);
  const id = (n: number) => ids[n % KEYS]!;

  const local = cache(clients.ioredis, { prefix: "kl", ttlMs: TTL_MS, load, local: { max: 10_000, ttlMs: TTL_MS } });
  const ours = cache(clients.ioredis, { prefix: "k5", ttlMs: TTL_MS, load });
  const ours6 = cache(asClient(clients.nodeRedis), { prefix: "kn", ttlMs: TTL_MS, load });
  const dedupe = createDedupe({ ttl: TTL_MS / 1000, storage: { type: "memory", options: { size: 10_000 } } }).define(
    "user",
    async (_id: string) => VALUE,
  );
  const bento = new BentoCache({
    default: "l1",
    stores: {
      l1: bentostore().useL1Layer(memoryDriver({ maxItems: 10_000, serialize: false })),
      redis: bentostore().useL2Layer(redisDriver({ connection: clients.ioredis })),
    },
  });
  const manager = createCache({ stores: [new Keyv({ store: new KeyvRedis(clients.url) })], ttl: TTL_MS });
  const cacheable = new Cacheable({ primary: new Keyv({ store: new KeyvRedis(clients.url) }), ttl: TTL_MS });
  const memory = createCache({ ttl: TTL_MS });

  for (const each of ids) {
    await Promise.all([
      local.get(each),
      ours.get(each),
      ours6.get(each),
      dedupe.user(each),
      bento.use("l1").getOrSet({ key: each, factory: load, ttl: TTL_MS }),
      bento.use("redis").getOrSet({ key: each, factory: load, ttl: TTL_MS }),
      manager.wrap(each, load),
      cacheable.getOrSet(each, load),
      memory.wrap(each, load),
      clients.ioredis.set(`plain:${each}`, JSON.stringify(VALUE)),
    ]);
  }
  // The in-process level fills once its subscription stands and the server's clock is known.
  for (let round = 0; round < 5; round++) {
    await local.getMany(ids);
    await new Promise((done) => setTimeout(done, 50));
  }
  if (local.stats().localEntries < KEYS) throw new Error("the in-process level is not full");

  const hits = 100_000;
  const one = (operations: number, get: (key: string) => Promise<unknown>) => () =>
    timed(operations, async () => {
      for (let n = 0; n < operations; n++) await get(id(n));
    });
  report(
    await compare(
      "cache, hit in the process, one at a time",
      "async-cache-dedupe ≥ × 1.5, BentoCache ≥ × 5",
      [
        { name: "keyfold", run: one(hits, (key) => local.get(key)) },
        { name: "async-cache-dedupe", run: one(hits, (key) => dedupe.user(key)) },
        {
          name: "BentoCache",
          run: one(hits / 2, (key) => bento.use("l1").getOrSet({ key, factory: load, ttl: TTL_MS })),
        },
        { name: "cache-manager", run: one(hits / 4, (key) => memory.wrap(key, load)) },
      ],
      rounds,
    ),
  );

  const remote = 20_000;
  const many = (get: (key: string) => Promise<unknown>) => () =>
    timed(remote, () => concurrently(remote, 64, (n) => get(id(n))));
  report(
    await compare(
      "cache, hit in Redis, 64 at a time",
      "each peer ≥ × 1.5",
      [
        { name: "keyfold (ioredis)", run: many((key) => ours.get(key)) },
        { name: "keyfold (node-redis)", run: many((key) => ours6.get(key)) },
        {
          name: "BentoCache (ioredis)",
          run: many((key) => bento.use("redis").getOrSet({ key, factory: load, ttl: TTL_MS })),
        },
        { name: "cache-manager (node-redis)", run: many((key) => manager.wrap(key, load)) },
        { name: "cacheable (node-redis)", run: many((key) => cacheable.getOrSet(key, load)) },
      ],
      rounds,
    ),
  );

  const batches = 100;
  const hundred = (n: number) => Array.from({ length: 100 }, (_, i) => id(n * 100 + i));
  const batched = (get: (keys: string[]) => Promise<unknown>) => () =>
    timed(batches * 100, async () => {
      for (let n = 0; n < batches; n++) await get(hundred(n));
    });
  report(
    await compare(
      "cache, 100 hits in Redis in one call, per value",
      "each peer ≥ × 3",
      [
        { name: "keyfold (ioredis)", run: batched((keys) => ours.getMany(keys)) },
        { name: "keyfold (node-redis)", run: batched((keys) => ours6.getMany(keys)) },
        {
          name: "BentoCache (one get each)",
          run: batched((keys) =>
            Promise.all(keys.map((key) => bento.use("redis").getOrSet({ key, factory: load, ttl: TTL_MS }))),
          ),
        },
        { name: "cache-manager mget", run: batched((keys) => manager.mget(keys)) },
        { name: "cacheable getMany", run: batched((keys) => cacheable.getMany(keys)) },
        // The least that any of them can take.
        {
          name: "ioredis, MGET and JSON.parse",
          run: batched(async (keys) =>
            (await clients.ioredis.mget(keys.map((key) => `plain:${key}`))).map((value) => JSON.parse(value!)),
          ),
        },
        {
          name: "node-redis, MGET and JSON.parse",
          run: batched(async (keys) =>
            (await clients.nodeRedis.mGet(keys.map((key) => `plain:${key}`))).map((value) => JSON.parse(value!)),
          ),
        },
      ],
      rounds,
    ),
  );

  const value = JSON.stringify(VALUE);
  const loadText = async () => value;
  const text5 = cache(clients.ioredis, { prefix: "t5", ttlMs: TTL_MS, load: loadText, serializer: text });
  const textN = cache(asClient(clients.nodeRedis), { prefix: "tn", ttlMs: TTL_MS, load: loadText, serializer: text });
  await text5.getMany(ids);
  await textN.getMany(ids);
  const gets = 256 * 80;
  const byHand = (mget: (keys: string[]) => Promise<unknown>) => () =>
    timed(gets, async () => {
      for (let n = 0; n < gets; n += 256) await mget(Array.from({ length: 256 }, (_, i) => `plain:${id(n + i)}`));
    });
  const burst = (get: (key: string) => Promise<unknown>) => () =>
    timed(gets, async () => {
      for (let n = 0; n < gets; n += 256) await Promise.all(Array.from({ length: 256 }, (_, i) => get(id(n + i))));
    });
  for (const [name, get, plain, mget] of [
    [
      "ioredis",
      (key: string) => text5.get(key),
      (key: string) => clients.ioredis.get(`plain:${key}`),
      (keys: string[]) => clients.ioredis.mget(keys),
    ],
    [
      "node-redis",
      (key: string) => textN.get(key),
      (key: string) => clients.nodeRedis.get(`plain:${key}`),
      (keys: string[]) => clients.nodeRedis.mGet(keys),
    ],
  ] as const)
    report(
      await compare(
        `256 gets at the same time, one MGET (${name})`,
        "plain GET ≥ × 4",
        [
          { name: "keyfold", run: burst(get) },
          { name: "plain GET", run: burst(plain) },
          { name: "MGET by hand", run: byHand(mget) },
        ],
        rounds,
      ),
    );
  await Promise.allSettled([bento.disconnectAll(), manager.disconnect(), cacheable.disconnect()]);
  local.close();
}
