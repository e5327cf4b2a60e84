import { Redis as IORedis5 } from "ioredis";
import { Redis as IORedis6 } from "ioredis6";
import * as redis6 from "redis";
import * as redis5 from "redis5";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../redis/server.js";

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

const counted = `
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
return { n, KEYS[1], 3.99, false, true, { ok = 'fine' } }`;

describe.each([
  ["ioredis 5", IORedis5],
  ["ioredis 6", IORedis6 as unknown as typeof IORedis5],
])("%s", (_, Redis) => {
  let client: IORedis5;
  beforeEach(() => {
    client = new Redis(server.url);
  });
  const done = (...clients: IORedis5[]) => Promise.all(clients.map((each) => each.quit()));

  it("works with keys of all types, bytes included", async () => {
    await client.set("text", "ü€", "EX", 100);
    expect(await client.get("text")).toBe("ü€");
    expect(await client.ttl("text")).toBeGreaterThan(98);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await client.set("bytes", bytes);
    expect(await client.getBuffer("bytes")).toEqual(bytes);
    await client.hset("hash", { a: 1, b: "two" });
    expect(await client.hgetall("hash")).toEqual({ a: "1", b: "two" });
    await client.zadd("board", 1, "one", 2.5, "two");
    expect(await client.zrange("board", 0, -1, "WITHSCORES")).toEqual(["one", "1", "two", "2.5"]);
    await client.rpush("list", "x", "y");
    expect(await client.lpos("list", "y")).toBe(1);
    await expect(client.incr("hash")).rejects.toThrow("WRONGTYPE");
    const seen: string[] = [];
    await client.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i])));
    for await (const keys of client.scanStream({ match: "k*", count: 50 })) seen.push(...keys);
    expect(new Set(seen).size).toBe(500);
    await done(client);
  });

  it("pipelines, by itself and by hand, and runs transactions with WATCH", async () => {
    const auto = new Redis(server.url, { enableAutoPipelining: true });
    expect(await Promise.all(Array.from({ length: 200 }, () => auto.incr("n")))).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    const [set, get, push] = (await client.pipeline().set("a", "1").get("a").lpush("a", "x").exec())!;
    expect([set, get]).toEqual([
      [null, "OK"],
      [null, "1"],
    ]);
    expect(push![0]?.message).toContain("WRONGTYPE");
    await client.watch("a");
    await auto.set("a", "2");
    expect(await client.multi().set("a", "3").exec()).toBeNull();
    expect(await client.multi().incr("a").get("a").exec()).toEqual([
      [null, 3],
      [null, "3"],
    ]);
    await done(client, auto);
  });

  it("runs scripts by their digest, and sends them when the server does not know them", async () => {
    client.defineCommand("counted", { numberOfKeys: 1, lua: counted });
    const run = client as unknown as { counted(key: string, by: number): Promise<unknown> };
    // A reply table ends at its first nil; false is one to the client.
    expect(await run.counted("c", 5)).toEqual([5, "c", 3, null, 1, "fine"]);
    await client.script("FLUSH");
    expect(await run.counted("c", 2)).toEqual([7, "c", 3, null, 1, "fine"]);
    // Valkey 9 leaves the word Redis out.
    await expect(client.eval("return redis.call('nosuch')", 0)).rejects.toThrow(/Unknown (Redis )?command called/);
    await done(client);
  });

  it("subscribes, blocks, reads streams, and comes back after it was killed", async () => {
    const other = client.duplicate();
    const heard = new Promise((resolve) => other.on("message", (channel, text) => resolve([channel, text])));
    await other.subscribe("news");
    expect(await client.publish("news", "hello")).toBe(1);
    expect(await heard).toEqual(["news", "hello"]);
    await other.unsubscribe();

    const popped = other.blpop("queue", 5);
    await client.rpush("queue", "job");
    expect(await popped).toEqual(["queue", "job"]);

    await client.xgroup("CREATE", "events", "group", "$", "MKSTREAM");
    const id = await client.xadd("events", "*", "field", "value");
    expect(await other.xreadgroup("GROUP", "group", "me", "COUNT", 10, "STREAMS", "events", ">")).toEqual([
      ["events", [[id, ["field", "value"]]]],
    ]);
    expect(await other.xack("events", "group", id!)).toBe(1);

    const number = await other.client("ID");
    expect(await client.client("KILL", "ID", String(number))).toBe(1);
    expect(await other.get("events").catch((error: Error) => error.message)).toContain("WRONGTYPE");
    await done(client, other);
  });
});

type Client6 = ReturnType<typeof redis6.createClient>;

describe.each([
  ["node-redis 5", redis5 as unknown as typeof redis6, 2],
  ["node-redis 5, RESP3", redis5 as unknown as typeof redis6, 3],
  ["node-redis 6", redis6, 2],
  ["node-redis 6, RESP3", redis6, 3],
] as const)("%s", (_, { createClient, WatchError }, RESP) => {
  const clients: Client6[] = [];
  const open = async (options: object = {}): Promise<Client6> => {
    const client = createClient({ url: server.url, RESP, ...options }) as unknown as Client6;
    client.on("error", () => {});
    clients.push(client);
    await client.connect();
    return client;
  };
  beforeEach(() => async () => {
    for (const client of clients.splice(0)) client.destroy();
  });

  it("works with keys of all types", async () => {
    const client = await open();
    await client.set("text", "ü€", { EX: 100 });
    expect(await client.get("text")).toBe("ü€");
    await client.hSet("hash", { a: 1, b: "two" });
    expect({ ...(await client.hGetAll("hash")) }).toEqual({ a: "1", b: "two" });
    await client.zAdd("board", [
      { score: 1, value: "one" },
      { score: 2.5, value: "two" },
    ]);
    expect(await client.zRangeWithScores("board", 0, -1)).toEqual([
      { score: 1, value: "one" },
      { score: 2.5, value: "two" },
    ]);
    expect(await client.zScore("board", "two")).toBe(2.5);
    await client.sAdd("set", ["x", "y"]);
    expect(new Set(await client.sMembers("set"))).toEqual(new Set(["x", "y"]));
    await client.geoAdd("places", { longitude: 13.4, latitude: 52.5, member: "Berlin" });
    expect(await client.geoSearch("places", { longitude: 13, latitude: 52 }, { radius: 100, unit: "km" })).toEqual([
      "Berlin",
    ]);
    const seen: string[] = [];
    await client.mSet(Array.from({ length: 300 }, (_, i): [string, string] => [`k${i}`, String(i)]));
    for await (const keys of client.scanIterator({ MATCH: "k*" })) seen.push(...keys);
    expect(new Set(seen).size).toBe(300);
    await expect(client.incr("hash")).rejects.toThrow("WRONGTYPE");
  });

  it("runs transactions, scripts and functions", async () => {
    const client = await open();
    const other = await open();
    await client.watch("a");
    await other.set("a", "1");
    await expect(client.multi().set("a", "2").exec()).rejects.toBeInstanceOf(WatchError);
    expect(await client.multi().incr("a").get("a").exec()).toEqual([2, "2"]);
    expect(await client.eval(counted, { keys: ["c"], arguments: ["5"] })).toEqual([5, "c", 3, null, 1, "fine"]);
    await client.functionLoad(
      "#!lua name=lib\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)",
    );
    expect(await client.fCall("twice", { keys: [], arguments: ["21"] })).toBe(42);
  });

  it("subscribes, blocks, and reads streams", async () => {
    const client = await open();
    const other = await open();
    // A connection of its own, as its manual asks: in RESP2 it gives bytes to whatever else is asked after a subscription.
    const listener = await open();
    const heard = new Promise((resolve) => {
      void listener
        .pSubscribe("ne*", (text, channel) => resolve([channel, text]))
        .then(() => client.publish("news", "hi"));
    });
    expect(await heard).toEqual(["news", "hi"]);

    const popped = other.blPop("queue", 5);
    await client.rPush("queue", "job");
    expect(await popped).toEqual({ key: "queue", element: "job" });

    await client.xGroupCreate("events", "group", "$", { MKSTREAM: true });
    const id = await client.xAdd("events", "*", { field: "value" });
    const read = await other.xReadGroup("group", "me", [{ key: "events", id: ">" }], { COUNT: 10 });
    // Version 5 gives RESP3's map as it is, others a list of streams.
    expect(JSON.stringify(read)).toMatch(new RegExp(`"events".*"${id}".*"field"[:,]"value"`));
    expect(await other.xAck("events", "group", id)).toBe(1);
  });

  it.runIf(RESP === 3)("keeps what it read until the server says that it changed", async () => {
    const client = await open({ clientSideCache: { ttl: 0, maxEntries: 0 } });
    const other = await open();
    await other.set("cached", "1");
    expect(await client.get("cached")).toBe("1");
    await other.set("cached", "2");
    await expect.poll(() => client.get("cached")).toBe("2");
  });
});
