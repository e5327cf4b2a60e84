import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freshName, type OpenClient, openClient, singleServer, startServer } from "../../../test/patterns/clients.js";
import { cache } from "../cache/index.js";
import { leaderboard } from "../leaderboard/index.js";
import { lock } from "../lock/index.js";
import { pubsub } from "../pubsub/index.js";
import { fixedWindow, rateLimit } from "../rate-limit/index.js";
import { stream } from "../stream/index.js";
import { linkOf } from "./link.js";
import { openOwn } from "./own-connection.js";
import { RedisStore } from "./store.js";

describe.runIf(singleServer).each(["ioredis 5", "ioredis 6"] as const)("a keyPrefix of %s", (driver) => {
  const keyPrefix = `${freshName()}/`;
  let open: OpenClient;
  let plain: OpenClient;
  let end = async () => {};
  beforeAll(async () => {
    const server = await startServer();
    open = await openClient(driver, server.url, { keyPrefix });
    plain = await openClient(driver, server.url);
    end = server.close;
  });
  afterAll(async () => {
    open.close();
    plain.close();
    await end();
  });
  const refused = expect.objectContaining({
    code: "INPUT_INVALID",
    message: expect.stringContaining(keyPrefix),
    fix: expect.stringContaining("the pattern's own prefix"),
  });

  it("is refused where Redis would never be heard", () => {
    const local = { invalidation: "tracking" as const };
    expect(() => cache(open.client, { prefix: "p", ttlMs: 1_000, load: async () => 1, local })).toThrow(refused);
    expect(() => pubsub(open.client, { prefix: "p", sharded: true })).toThrow(refused);
  });

  it("stands before all keys of every other pattern, which work under it", async () => {
    const prefix = "p";
    const { client } = open;
    let version = 1;
    const values = cache(client, { prefix, ttlMs: 60_000, load: async () => version, local: {}, tags: () => ["t"] });
    expect(await values.get("1")).toBe(1);
    const told = pubsub<{ a: number }>(client, { prefix });
    const heard = await told.subscribe("a");
    await told.publish("a", 1);
    expect(await heard.next()).toMatchObject({ value: { kind: "message", message: 1 } });
    version = 2;
    await values.deleteByTag("t");
    await expect.poll(() => values.get("1")).toBe(2);
    const locks = lock(client, { prefix });
    const held = await locks.acquire("a");
    const next = locks.acquire("a");
    await held.release();
    expect(await (await next).release()).toBe(true);
    expect(await leaderboard(client, { prefix }).increment("a", 2)).toBe(2);
    const limiter = rateLimit(client, { prefix, limit: fixedWindow({ limit: 1, windowMs: 60_000 }) });
    expect((await limiter.consume("a")).allowed).toBe(true);
    const events = stream<number>(client, { prefix, name: "s" });
    const seen: number[] = [];
    const consumer = events.consume({ group: "g", handle: async ({ event }) => seen.push(event) });
    await events.add(7);
    await expect.poll(() => seen).toEqual([7]);
    await consumer.drain();
    const keys = (await new RedisStore(plain.client).command(undefined, "KEYS", ["*"], false)) as string[];
    expect(keys.filter((key) => key.startsWith(`${keyPrefix}p:`)).length).toBeGreaterThan(5);
    expect(keys.filter((key) => key.startsWith("p:"))).toEqual([]);
    for (const each of [values, told, locks]) each.close();
  });
});

it("goes with a connection of a pattern's own to a node of a Cluster", async () => {
  const given: { keyPrefix?: string }[] = [];
  const copy = { on() {}, async connect() {} };
  const node = {
    options: { host: "h", port: 1 },
    duplicate(options: object) {
      given.push(options);
      return copy;
    },
  };
  const cluster = { status: "ready", isCluster: true, options: { keyPrefix: "a/" }, call() {}, nodes: () => [node] };
  await openOwn(linkOf(cluster as never));
  expect(given[0]?.keyPrefix).toBe("a/");
});
