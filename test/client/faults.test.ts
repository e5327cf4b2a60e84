import type { MongoClient } from "mongodb";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { insertOnce, mongodb, open } from "../../src/adapters/mongodb/index.js";
import { connect } from "../../src/client/connect.js";
import { type FaultProxy, type ProxyFault, startProxy } from "../../src/testing/proxy.js";
import { codeOf, described, freshName, makeAccount, makeLine, model, serverUrl, stopServer } from "./shop.js";

let proxy: FaultProxy;
let direct: MongoClient;
let through: MongoClient;
const name = freshName();
// Most of these tests wait for deadlines; on a busy machine for little else.
vi.setConfig({ testTimeout: 60_000 });

beforeAll(async () => {
  const url = await serverUrl();
  proxy = await startProxy(url);
  direct = open(url);
  through = open(proxy.url, { directConnection: true, maxPoolSize: 8 });
  await mongodb(direct.db(name)).bind(described).apply({});
});
afterEach(() => proxy.setRule(undefined));
afterAll(async () => {
  proxy.setRule(undefined);
  await through?.close();
  await direct?.db(name).dropDatabase();
  await direct?.close();
  await proxy?.close();
  await stopServer();
});

const makeShop = (deadlineMs = 4_000) => connect(model, mongodb(through.db(name)), { deadlineMs });
const lines = () => direct.db(name).collection<{ _id: number; quantity: number }>("line");
const accounts = () => direct.db(name).collection("account");

/** Does this to the first `times` requests that carry the command. */
function strike(command: string, fault: ProxyFault, times = 1): () => number {
  let struck = 0;
  // The name of a command's first member, with BSON's type byte and NUL, so that no value is taken for it.
  const mark = Buffer.from(`\u0002${command}\0`);
  proxy.setRule(({ bytes }) => {
    if (struck >= times || !bytes.includes(mark)) return undefined;
    struck++;
    return fault;
  });
  return () => struck;
}

const faults: readonly ProxyFault[] = [
  { kind: "cut-before" },
  { kind: "cut-after" },
  { kind: "half-close" },
  { kind: "swallow-reply" },
  { kind: "black-hole" },
  { kind: "slice", bytes: 1 },
  { kind: "delay", ms: 50 },
];
let seq = 1_000;

describe.each(faults)("a network that does $kind", (fault) => {
  test("insert: applied once, and known to be", async () => {
    const shop = makeShop();
    const record = makeLine(seq++);
    await shop.$ready;
    const struck = strike("insert", fault);
    expect((await shop.line.insert(record)).applied).toBe(true);
    expect(struck()).toBe(1);
    expect(await lines().countDocuments({ _id: record.seq })).toBe(1);
    expect((await shop.line.insert(record)).applied).toBe(false);
  });

  test("increment: applied once", async () => {
    const shop = makeShop();
    const id = `a${seq++}`;
    await shop.account.insert(makeAccount(id));
    const struck = strike("findAndModify", fault);
    expect((await shop.account.increment({ tenant: "t", id }, { visits: 1 })).applied).toBe(true);
    expect(struck()).toBe(1);
    expect((await shop.account.get({ tenant: "t", id }))?.visits).toBe(1);
  });

  test("update with a version: applied once, its version known", async () => {
    const shop = makeShop();
    const record = makeLine(seq++);
    const { version } = (await shop.line.insert(record)) as { version: number };
    const struck = strike("findAndModify", fault);
    const done = await shop.line.update({ seq: record.seq }, { quantity: 77 }, { ifVersion: version });
    expect(struck()).toBe(1);
    expect(await shop.line.get({ seq: record.seq }, { version: true })).toEqual({
      record: { ...record, quantity: 77 },
      version: done.applied ? done.version : "not applied",
    });
  });

  test("put: applied once", async () => {
    const shop = makeShop();
    const record = makeLine(seq++);
    await shop.$ready;
    const struck = strike("findAndModify", fault);
    expect((await shop.line.put(record)).applied).toBe(true);
    expect(struck()).toBe(1);
    expect(await shop.line.get({ seq: record.seq })).toEqual(record);
  });

  test("delete with a version: applied", async () => {
    const shop = makeShop();
    const record = makeLine(seq++);
    const { version } = (await shop.line.insert(record)) as { version: number };
    const struck = strike("delete", fault);
    expect(await shop.line.delete({ seq: record.seq }, { ifVersion: version })).toEqual({ applied: true });
    expect(struck()).toBe(1);
    expect(await lines().countDocuments({ _id: record.seq })).toBe(0);
  });

  test("insertMany: every record stored once, none reported otherwise", async () => {
    const shop = makeShop();
    const from = seq;
    seq += 1_500;
    await shop.$ready;
    const struck = strike("insert", fault);
    const done = await shop.line.insertMany(Array.from({ length: 1_500 }, (_, i) => makeLine(from + i)));
    expect(struck()).toBe(1);
    expect([done.applied, done.present, done.failures]).toEqual([1_500, 0, []]);
    expect(await lines().countDocuments({ _id: { $gte: from, $lt: from + 1_500 } })).toBe(1_500);
  });

  test("insertOnce: stored once", async () => {
    const collection = through.db(name).collection("own");
    const id = `o${seq++}`;
    const struck = strike("insert", fault);
    const done = await insertOnce(collection, { amount: 5 }, { id, deadlineMs: 4_000 });
    expect(struck()).toBe(1);
    expect(done.applied || done.resent).toBe(true);
    expect(
      await direct
        .db(name)
        .collection("own")
        .countDocuments({ _id: id as never }),
    ).toBe(1);
  });

  // A read that hears nothing has no second try: it may be a slow one.
  if (fault.kind !== "black-hole" && fault.kind !== "swallow-reply") {
    test("reads are answered", async () => {
      const shop = makeShop();
      const record = makeLine(seq++);
      await shop.line.insert(record);
      const struck = strike("find", fault);
      expect(await shop.line.get({ seq: record.seq })).toEqual(record);
      expect(struck()).toBe(1);
    });
  }
});

test("a write whose every answer is lost is unknown, or known by a read; never a failure", async () => {
  const shop = makeShop(800);
  const record = makeLine(seq++);
  await shop.$ready;
  strike("insert", { kind: "swallow-reply" }, 100);
  expect(await codeOf(shop.line.insert(record))).toBeUndefined();
  proxy.setRule(({ bytes }) =>
    bytes.includes("\u0002insert\0") || bytes.includes("\u0002find\0") ? { kind: "swallow-reply" } : undefined,
  );
  const other = makeLine(seq++);
  expect(await codeOf(shop.line.insert(other))).toBe("OUTCOME_UNKNOWN");
  const many = await shop.line.insertMany([makeLine(seq++), makeLine(seq++)]);
  expect(many.results.map(({ outcome }) => outcome)).toEqual(["unknown", "unknown"]);
  expect(await codeOf(shop.line.get({ seq: 1 }))).toBe("DEADLINE_EXCEEDED");
});

test("a write that never left is a failure, and nothing is stored", async () => {
  // A network and a client of its own: the driver takes its time to find a server again that had refused it.
  const refusing = await startProxy(await serverUrl());
  const client = open(refusing.url, { directConnection: true });
  const shop = connect(model, mongodb(client.db(name)), { deadlineMs: 800 });
  const record = makeLine(seq++);
  await shop.$ready;
  refusing.refuse();
  const error = await shop.line.insert(record).catch((thrown) => thrown);
  // Which of the two comes first is the machine's doing; neither leaves the outcome open.
  expect(["UNAVAILABLE", "DEADLINE_EXCEEDED"]).toContain(error.code);
  const many = await shop.line.insertMany([record]);
  expect(many.results).toMatchObject([{ outcome: "failed" }]);
  await client.close();
  await refusing.close();
  expect(await lines().countDocuments({ _id: record.seq })).toBe(0);
});

test("50 writers through a network that cuts one request in four: no increment is lost or done twice", async () => {
  const shop = makeShop(15_000);
  const id = `storm${seq++}`;
  await shop.account.insert(makeAccount(id));
  let count = 0;
  let cuts = 0;
  proxy.setRule(({ bytes }) => {
    if (!bytes.includes("\u0002findAndModify\0") || count++ % 4 !== 0) return undefined;
    cuts++;
    return cuts % 2 === 0 ? { kind: "cut-after" } : { kind: "cut-before" };
  });
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () =>
      shop.account.increment({ tenant: "t", id }, { visits: 1 }).then(
        () => "applied",
        (error) => error.code,
      ),
    ),
  );
  expect(cuts).toBeGreaterThan(3);
  const applied = outcomes.filter((outcome) => outcome === "applied").length;
  const unknown = outcomes.filter((outcome) => outcome === "OUTCOME_UNKNOWN").length;
  const stored = (await accounts().findOne({ "_id.id": id }))?.["visits"] as number;
  expect(stored).toBeGreaterThanOrEqual(applied);
  expect(stored).toBeLessThanOrEqual(applied + unknown);
  expect(applied).toBeGreaterThan(40);
});

test("the control: without a version or a write id the same cut does apply an update twice", async () => {
  const collection = through.db(name).collection("plain");
  await collection.insertOne({ _id: 1 as never, visits: 0 });
  strike("update", { kind: "cut-after" });
  const increment = () =>
    through.db(name).command({ update: "plain", updates: [{ q: { _id: 1 }, u: { $inc: { visits: 1 } } }] });
  await increment().catch(increment);
  expect((await direct.db(name).collection("plain").findOne({}))?.["visits"]).toBe(2);
});
