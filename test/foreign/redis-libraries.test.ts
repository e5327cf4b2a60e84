import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis";
import { RedisStore } from "connect-redis";
import type { SessionData } from "express-session";
import { Redis } from "ioredis";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { createClient } from "redis";
// @ts-expect-error its package hides its own types
import UntypedRedlock, { ResourceLockedError } from "redlock";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../redis/server.js";

interface Lock {
  extend(ms: number): Promise<Lock>;
  release(): Promise<unknown>;
}
/** The part of Redlock that is used here. */
const Redlock = UntypedRedlock as new (
  clients: Redis[],
  settings: { retryCount: number },
) => {
  acquire(resources: string[], ms: number): Promise<Lock>;
  using<T>(resources: string[], ms: number, work: () => Promise<T>): Promise<T>;
  on(event: "error", listener: (error: unknown) => void): void;
};

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

beforeEach(async () => {
  await server.reset();
});

afterAll(async () => {
  await server.close();
});

it("connect-redis keeps sessions, touches, lists and clears them", async () => {
  const client = createClient({ url: server.url });
  await client.connect();
  const store = new RedisStore({ client, prefix: "app:", ttl: 50 });
  const session = { cookie: { originalMaxAge: null }, user: "ü" } as unknown as SessionData;
  await store.set("one", session);
  await store.set("two", { ...session, user: "b" } as unknown as SessionData);
  expect(await store.get("one")).toMatchObject({ user: "ü" });
  expect(await client.ttl("app:one")).toBe(50);
  await store.touch("one", { ...session, cookie: { ...session.cookie, expires: new Date(Date.now() + 5000) } });
  expect(await store.length()).toBe(2);
  expect((await store.ids()).sort()).toEqual(["one", "two"]);
  expect((await store.all()).length).toBe(2);
  await store.destroy("one");
  expect(await store.get("one")).toBeFalsy();
  await store.clear();
  expect(await client.dbSize()).toBe(0);
  client.destroy();
});

it("rate-limiter-flexible lets as many through as it was told", async () => {
  const client = new Redis(server.url, { enableOfflineQueue: true });
  const limiter = new RateLimiterRedis({ storeClient: client, points: 5, duration: 2, blockDuration: 0 });
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => limiter.consume("user")));
  expect(results.filter(({ status }) => status === "fulfilled").length).toBe(5);
  const [refused] = results.filter((each) => each.status === "rejected").map(({ reason }) => reason as RateLimiterRes);
  expect(refused).toBeInstanceOf(RateLimiterRes);
  expect(refused?.msBeforeNext).toBeGreaterThan(1000);
  expect((await limiter.get("user"))?.remainingPoints).toBe(0);
  await limiter.reward("user", 20);
  expect((await limiter.consume("user")).remainingPoints).toBeGreaterThanOrEqual(0);
  await limiter.delete("user");
  await client.quit();
});

it("redlock gives a lock to one at a time, extends it and lets it lapse", async () => {
  const client = new Redis(server.url);
  const redlock = new Redlock([client], { retryCount: 0 });
  const lock = await redlock.acquire(["stock"], 2000);
  await expect(redlock.acquire(["stock"], 2000)).rejects.toThrow();
  const longer = await lock.extend(100);
  await new Promise((resolve) => setTimeout(resolve, 120));
  await expect(longer.extend(100)).rejects.toThrow();
  const again = await redlock.acquire(["stock", "cash"], 2000);
  await again.release();
  expect(await client.exists("stock", "cash")).toBe(0);
  const reported: unknown[] = [];
  redlock.on("error", (error) => reported.push(error));
  expect(await redlock.using(["stock"], 1000, async () => 42)).toBe(42);
  expect(reported.every((error) => error instanceof ResourceLockedError)).toBe(true);
  await client.quit();
});

it("BentoCache shares what one process made, and tells the others when it changes", async () => {
  const connection = new Redis(server.url);
  const busConnections = [new Redis(server.url), new Redis(server.url)];
  const caches = busConnections.map(
    (bus) =>
      new BentoCache({
        default: "two",
        stores: {
          two: bentostore()
            .useL1Layer(memoryDriver({ maxSize: "1mb" }))
            .useL2Layer(redisDriver({ connection }))
            .useBus(redisBusDriver({ connection: bus })),
        },
      }),
  );
  const [first, second] = caches as [(typeof caches)[0], (typeof caches)[0]];
  let made = 0;
  const load = (cache: (typeof caches)[0]) =>
    cache.getOrSet({ key: "page", ttl: "10s", tags: ["pages"], factory: () => `page ${++made}` });
  expect(await load(first)).toBe("page 1");
  expect(await load(second)).toBe("page 1");
  // A cache subscribes in the background.
  const listeners = () => connection.pubsub("NUMSUB", "bentocache.notifications:two");
  await expect.poll(listeners).toEqual(["bentocache.notifications:two", 2]);
  await first.set({ key: "page", value: "changed", tags: ["pages"] });
  await expect.poll(() => second.get({ key: "page" })).toBe("changed");
  await first.deleteByTag({ tags: ["pages"] });
  await expect.poll(() => load(second)).toBe("page 2");
  await Promise.all(caches.map((cache) => cache.disconnectAll()));
  for (const each of [connection, ...busConnections]) each.disconnect();
});
