import { Redis as Ioredis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { open, type RedisClient, redis } from "../../src/adapters/redis/index.js";
import { connect } from "../../src/client/connect.js";
import { libraryName } from "../../src/plan/redis/library.js";
import { startEngines } from "../../src/testing/index.js";
import { type FaultProxy, type ProxyFault, startProxy } from "../../src/testing/proxy.js";
import { redisUrl, removePrefix, stopRedis, type TestClient } from "./redis.js";
import { codeOf, described, freshName, makeAccount, makeLine, model } from "./shop.js";

// A network that fails between request and reply, and two drivers: one that rejects what was under way, and one that
// sends it again by itself, with its own defaults. Nothing may be applied twice.

let proxy: FaultProxy;
let direct: TestClient;
const prefix = freshName();
const drivers = ["node-redis", "ioredis"] as const;
const clients = new Map<string, RedisClient>();

beforeAll(async () => {
  const url = await redisUrl();
  proxy = await startProxy(url);
  direct = await open(url);
  const own = new Ioredis(proxy.url);
  own.on("error", () => {});
  clients.set("ioredis", own);
  clients.set("node-redis", (await open(proxy.url)) as unknown as RedisClient);
  await redis(direct as unknown as RedisClient, { prefix })
    .bind(described)
    .apply({});
});
afterEach(() => proxy.setRule(undefined));
afterAll(async () => {
  proxy?.setRule(undefined);
  (clients.get("ioredis") as unknown as Ioredis | undefined)?.disconnect();
  (clients.get("node-redis") as unknown as TestClient | undefined)?.destroy();
  if (direct !== undefined) await removePrefix(direct, prefix);
  direct?.destroy();
  await proxy?.close();
  await stopRedis();
});

const shopOf = (driver: string, deadlineMs = 5_000) =>
  connect(model, redis(clients.get(driver)!, { prefix }), { deadlineMs });
const truth = () => connect(model, redis(direct as unknown as RedisClient, { prefix }));

/** Does this to the first `times` requests that carry the text. */
function strike(text: string, fault: ProxyFault, times = 1): () => number {
  let struck = 0;
  proxy.setRule(({ bytes }) => {
    if (struck >= times || !bytes.includes(text)) return undefined;
    struck++;
    return fault;
  });
  return () => struck;
}

const faults: readonly ProxyFault[] = [
  { kind: "cut-before" },
  { kind: "cut-after" },
  { kind: "half-close" },
  { kind: "slice", bytes: 1 },
  { kind: "delay", ms: 50 },
];
let seq = 1_000;

describe.each(drivers)("%s", (driver) => {
  describe.each(faults)("a network that does $kind", (fault) => {
    test("insert, increment, update, put, delete: each applied once, and known to be", async () => {
      const shop = shopOf(driver);
      await shop.$ready;
      const record = makeLine(seq++);
      const id = `a${seq++}`;
      const key = { tenant: "t", id };

      let struck = strike("_write", fault);
      expect((await shop.line.insert(record)).applied).toBe(true);
      expect(struck()).toBe(1);
      expect((await shop.line.insert(record)).applied).toBe(false);

      await shop.account.insert(makeAccount(id));
      struck = strike("_write", fault);
      expect((await shop.account.increment(key, { visits: 1, balance: "0.10" })).applied).toBe(true);
      expect(struck()).toBe(1);
      expect(await truth().account.get(key)).toMatchObject({ visits: 1, balance: "10.10" });

      const { version } = (await shop.line.get({ seq: record.seq }, { version: true }))!;
      struck = strike("_write", fault);
      const done = await shop.line.update({ seq: record.seq }, { quantity: 77 }, { ifVersion: version });
      expect(struck()).toBe(1);
      expect(await truth().line.get({ seq: record.seq }, { version: true })).toEqual({
        record: { ...record, quantity: 77 },
        version: done.applied ? done.version : "not applied",
      });

      struck = strike("_write", fault);
      expect((await shop.line.put(record)).applied).toBe(true);
      expect(struck()).toBe(1);
      const now = (await truth().line.get({ seq: record.seq }, { version: true }))!;
      expect(now.record).toEqual(record);
      struck = strike("_write", fault);
      expect(await shop.line.delete({ seq: record.seq }, { ifVersion: now.version })).toEqual({ applied: true });
      expect(struck()).toBe(1);
      expect(await truth().line.get({ seq: record.seq })).toBeUndefined();
      await shop.$close();
    });

    test("insertMany: every record stored once, in lists and sums too; reads are answered", async () => {
      const shop = shopOf(driver);
      const from = seq;
      seq += 500;
      await shop.$ready;
      const country = `${driver} ${fault.kind}`;
      const struck = strike("_load", fault);
      const records = Array.from({ length: 500 }, (_, i) => makeLine(from + i, { country }));
      const done = await shop.line.insertMany(records);
      expect(struck()).toBe(1);
      expect([done.applied, done.present, done.failures]).toEqual([500, 0, []]);
      const read = strike("_list", fault);
      expect((await shop.linesOfCountry({ country }, { limit: 1_000 })).items).toHaveLength(500);
      expect(read()).toBe(1);
      expect((await truth().countries({}, { limit: 1_000 })).items).toContainEqual({ country, count: 500 });
      await shop.$close();
    });
  });

  test("50 writers through a network that cuts one request in four: no increment is lost or done twice", async () => {
    const shop = shopOf(driver, 20_000);
    const id = `storm${seq++}`;
    await shop.account.insert(makeAccount(id));
    let count = 0;
    let cuts = 0;
    proxy.setRule(({ bytes }) => {
      if (!bytes.includes("_write") || count++ % 4 !== 0) return undefined;
      cuts++;
      return cuts % 2 === 0 ? { kind: "cut-after" } : { kind: "cut-before" };
    });
    const outcomes: (string | undefined)[] = [];
    for (let round = 0; round < 10; round++) {
      outcomes.push(
        ...(await Promise.all(
          Array.from({ length: 5 }, () => codeOf(shop.account.increment({ tenant: "t", id }, { visits: 1 }))),
        )),
      );
    }
    proxy.setRule(undefined);
    expect(cuts).toBeGreaterThan(3);
    const applied = outcomes.filter((code) => code === undefined).length;
    const unknown = outcomes.filter((code) => code === "OUTCOME_UNKNOWN").length;
    const stored = (await truth().account.get({ tenant: "t", id }))!.visits;
    expect(stored).toBeGreaterThanOrEqual(applied);
    expect(stored).toBeLessThanOrEqual(applied + unknown);
    expect(applied).toBeGreaterThan(35);
    await shop.$close();
  });
});

test("an answer that never comes is settled by another connection's read, or unknown; never a failure that was done", async () => {
  const alone = await open(proxy.url);
  const shop = connect(model, redis(alone as unknown as RedisClient, { prefix }), { deadlineMs: 600 });
  await shop.$ready;
  await shop.line.get({ seq: 1 });
  const record = makeLine(seq++);
  strike("_write", { kind: "black-hole" });
  const from = performance.now();
  const code = await codeOf(shop.line.insert(record));
  expect(performance.now() - from).toBeLessThan(600 * 1.2 + 300);
  expect(code).toBe("OUTCOME_UNKNOWN");
  proxy.setRule(undefined);
  alone.destroy();
  // It never arrived, and had it come later, its time would be over.
  expect(await truth().line.get({ seq: record.seq })).toBeUndefined();
});

test("a write that never left is a failure, and nothing is stored", async () => {
  const refusing = await startProxy(await redisUrl());
  const client = await open(refusing.url);
  const shop = connect(model, redis(client as unknown as RedisClient, { prefix }), { deadlineMs: 800 });
  await shop.$ready;
  await shop.line.get({ seq: 1 });
  refusing.refuse();
  const record = makeLine(seq++);
  expect(await codeOf(shop.line.insert(record))).toBe("UNAVAILABLE");
  const many = await shop.line.insertMany([record]);
  expect(many.results.map(({ outcome }) => outcome)).toEqual(["failed"]);
  client.destroy();
  await refusing.close();
  expect(await truth().line.get({ seq: record.seq })).toBeUndefined();
});

test("a write that comes after its deadline does nothing", async () => {
  const library = libraryName(prefix);
  const key = `${prefix}:{line}:A9`;
  const late = String((Date.now() - 60_000) * 1_000);
  const args = ["line", "insert", late, "1", "", "", "", '"seq":9'];
  expect(await direct.sendCommand(["FCALL", `${library}_write`, "2", key, `${prefix}:{line}/~late`, ...args])).toEqual([
    "late",
  ]);
  const soon = ["line", "insert", String((Date.now() - 500) * 1_000), "1", "", "", "", '"seq":9'];
  expect(await direct.sendCommand(["FCALL", `${library}_write`, "2", key, `${prefix}:{line}/~soon`, ...soon])).toEqual([
    "void",
  ]);
  expect(await direct.sendCommand(["EXISTS", key])).toBe(0);
  // Settled before it came: void for ever, although its time is not over.
  const due = String((Date.now() + 60_000) * 1_000);
  expect(await direct.sendCommand(["FCALL", `${library}_settle`, "1", `${prefix}:{line}/~held`, due])).toBe("void");
  const held = ["line", "insert", due, "1", "", "", "", '"seq":9'];
  expect(await direct.sendCommand(["FCALL", `${library}_write`, "2", key, `${prefix}:{line}/~held`, ...held])).toEqual([
    "void",
  ]);
  expect(await direct.sendCommand(["EXISTS", key])).toBe(0);
});

test("the control: without a mark, a client that sends again by itself increments twice", async () => {
  const own = clients.get("ioredis") as unknown as Ioredis;
  const key = `${prefix}:plain`;
  await own.ping();
  // ioredis writes command names in lower case.
  proxy.setRule(
    (() => {
      let done = false;
      return ({ bytes }) => {
        if (done || !bytes.toString().toLowerCase().includes("incr")) return undefined;
        done = true;
        return { kind: "cut-after" };
      };
    })(),
  );
  await own.incr(key);
  expect(Number(await direct.get(key))).toBe(2);
});

test("a write that stops in the midst of its script is unknown, never failed: a part of it is there", async () => {
  const shop = truth();
  const invoiceNo = freshName();
  await shop.line.insert({ ...makeLine(7_001), invoiceNo });
  const [set] = (await direct.sendCommand(["KEYS", `${prefix}:*${invoiceNo}*`])) as [string];
  // What another program left where the record's sorted set was.
  await direct.sendCommand(["SET", set, "not a sorted set"]);
  expect(await codeOf(shop.line.insert({ ...makeLine(7_002), invoiceNo }))).toBe("OUTCOME_UNKNOWN");
  const many = await shop.line.insertMany([{ ...makeLine(7_003), invoiceNo }]);
  expect(many.failures[0]?.result).toMatchObject({ error: { code: "OUTCOME_UNKNOWN" } });
});

describe.each(drivers)(
  "%s, when a write's answer is lost and the server's clock jumps past the end of its mark",
  (driver) => {
    // Only an engine of our own can be set.
    test("nothing is applied twice, and none of it is said to be void", async () => {
      const engines = await startEngines({ redis: true });
      const between = await startProxy(engines.redis.url);
      const client =
        driver === "ioredis" ? new Ioredis(between.url) : ((await open(between.url)) as unknown as Ioredis);
      client.on("error", () => {});
      const adapter = redis(client as unknown as RedisClient, { prefix: "jump" });
      await adapter.bind(described).apply({});
      const shop = connect(model, adapter, { deadlineMs: 5_000 });
      await shop.$ready;
      const id = "jumped";
      const key = { tenant: "t", id };
      await shop.account.insert(makeAccount(id));

      /** The first request with the text is applied and not answered; the second one meets a clock that is far ahead. */
      const jump = (text: string) => {
        let seen = 0;
        between.setRule(({ bytes }) => {
          if (!bytes.includes(text)) return undefined;
          seen++;
          if (seen === 1) return { kind: "cut-after" };
          if (seen > 2) return undefined;
          void engines.clock.advance(60_000);
          return { kind: "delay", ms: 300 };
        });
      };
      const before = (await shop.account.get(key))!.visits;
      jump("_write");
      expect(await codeOf(shop.account.increment(key, { visits: 1 }))).toBe("OUTCOME_UNKNOWN");
      expect((await shop.account.get(key))!.visits).toBe(before + 1);
      // A record remembers the id of a write: that one may be sent again, and is found.
      jump("_write");
      expect((await shop.account.increment(key, { visits: 1 }, { writeId: "w1" })).applied).toBe(true);
      expect((await shop.account.get(key))!.visits).toBe(before + 2);
      jump("_load");
      const many = await shop.line.insertMany([makeLine(1), makeLine(2)]);
      expect(many.results.map(({ outcome }) => outcome)).toEqual(["unknown", "unknown"]);
      expect(await shop.line.get({ seq: 1 })).toEqual(makeLine(1));

      // No answer at all: it is settled by its mark, which is gone.
      let swallowed = false;
      between.setRule(({ bytes }) => {
        if (bytes.includes("_settle")) {
          void engines.clock.advance(60_000);
          return { kind: "delay", ms: 100 };
        }
        if (!bytes.includes("_write") || swallowed) return undefined;
        swallowed = true;
        return { kind: "swallow-reply" };
      });
      expect(await codeOf(shop.account.increment(key, { visits: 1 }, { deadlineMs: 2_000 }))).toBe("OUTCOME_UNKNOWN");
      between.setRule(undefined);
      await shop.$close();
      if (driver === "ioredis") client.disconnect();
      else (client as unknown as TestClient).destroy();
      await between.close();
      await engines.close();
    });
  },
);

test("a client that puts a prefix of its own before some keys is refused", async () => {
  const client = new Ioredis({ keyPrefix: "app:", lazyConnect: true });
  const refused = await codeOf(
    (async () =>
      redis(client as unknown as RedisClient, { prefix })
        .bind(described)
        .apply({}))(),
  );
  expect(refused).toBe("INPUT_INVALID");
  client.disconnect();
});
