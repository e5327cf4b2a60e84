import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, Long, MongoClient, MongoServerError, ObjectId } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningMongodb, startMongodb } from "../../src/engines/mongodb/server.js";

let now = Date.UTC(2026, 0, 1);
let engine: RunningMongodb;
let client: MongoClient;

beforeAll(async () => {
  engine = await startMongodb({ clock: { now: () => now } });
  client = await MongoClient.connect(engine.url);
});

afterAll(async () => {
  await client.close();
  await engine.close();
});

beforeEach(async () => {
  await engine.reset();
});

const collection = () => client.db("test").collection<Document>("things");

async function errorOf(work: Promise<unknown>): Promise<MongoServerError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MongoServerError);
  return error as MongoServerError;
}

describe("the official driver on the embedded engine", () => {
  it("writes and reads", async () => {
    const things = collection();
    const { insertedIds } = await things.insertMany([{ n: 1 }, { n: 2 }, { n: 3, _id: "mine" as unknown as ObjectId }]);
    expect(insertedIds[0]).toBeInstanceOf(ObjectId);
    expect(await things.findOne({ _id: insertedIds[0]! })).toEqual({ _id: insertedIds[0], n: 1 });
    expect(
      await things
        .find({ n: { $gte: 2 } })
        .sort({ n: -1 })
        .project({ _id: 0 })
        .toArray(),
    ).toEqual([{ n: 3 }, { n: 2 }]);
    expect(await things.updateMany({}, { $inc: { n: 10 } })).toMatchObject({ matchedCount: 3, modifiedCount: 3 });
    expect(await things.updateOne({ n: 11 }, { $set: { n: 11 } })).toMatchObject({ matchedCount: 1, modifiedCount: 0 });
    expect(await things.replaceOne({ n: 12 }, { m: 1 })).toMatchObject({ modifiedCount: 1 });
    expect(await things.updateOne({ n: 99 }, { $set: { k: 1 } }, { upsert: true })).toMatchObject({ upsertedCount: 1 });
    expect(await things.findOneAndDelete({ n: 99 })).toMatchObject({ n: 99, k: 1 });
    expect(await things.findOneAndUpdate({ n: 11 }, { $set: { x: 1 } }, { returnDocument: "after" })).toMatchObject({
      x: 1,
    });
    expect(await things.countDocuments({ n: { $exists: true } })).toBe(2);
    expect(await things.distinct("n")).toEqual([11, 13]);
    expect(await things.deleteMany({ n: { $gt: 12 } })).toMatchObject({ deletedCount: 1 });
    expect(await things.estimatedDocumentCount()).toBe(2);
  });

  it("keeps the order of insertion", async () => {
    const ids = Array.from({ length: 500 }, (_, i) => (i * 7919) % 500);
    await collection().insertMany(ids.map((_id) => ({ _id: _id as unknown as ObjectId })));
    expect((await collection().find().toArray()).map((each) => each._id as unknown)).toEqual(ids);
    expect((await collection().find().sort({ $natural: -1 }).toArray()).map((each) => each._id as unknown)).toEqual(
      [...ids].reverse(),
    );
  });

  it("tells which key is taken", async () => {
    const things = collection();
    await things.createIndex({ a: 1, b: -1 }, { unique: true });
    await things.insertOne({ a: 1, b: "x" });
    const error = await errorOf(things.insertOne({ a: 1, b: "x" }));
    expect(error.code).toBe(11000);
    expect(error.message).toBe(
      'E11000 duplicate key error collection: test.things index: a_1_b_-1 dup key: { a: 1, b: "x" }',
    );
    expect(error["keyPattern"]).toEqual({ a: 1, b: -1 });
    expect(error["keyValue"]).toEqual({ a: 1, b: "x" });
    expect((await errorOf(things.updateMany({}, { $set: { _id: 5 } }))).code).toBe(66);
    await things.insertOne({ a: 2, b: "x" });
    expect((await errorOf(things.updateOne({ a: 2 }, { $set: { a: 1 } }))).code).toBe(11000);
    expect(await things.countDocuments({ a: 2 })).toBe(1);
  });

  it("goes on after an error where the order does not matter", async () => {
    const things = collection();
    const documents = [{ _id: 1 }, { _id: 1 }, { _id: 2 }, { _id: 2 }, { _id: 3 }] as unknown as { _id: ObjectId }[];
    const unordered = await errorOf(things.insertMany(documents, { ordered: false }));
    expect(unordered["writeErrors"].map((each: { index: number }) => each.index)).toEqual([1, 3]);
    expect(await things.countDocuments()).toBe(3);
    await things.deleteMany({});
    const ordered = await errorOf(things.insertMany(documents));
    expect(ordered["result"].insertedCount).toBe(1);
    expect(await things.countDocuments()).toBe(1);
  });

  it("reads in batches, while others write", async () => {
    const things = collection();
    await things.insertMany(Array.from({ length: 1000 }, (_, i) => ({ _id: i as unknown as ObjectId, n: i })));
    await things.createIndex({ n: 1 });
    const cursor = things.find({ n: { $gte: 0 } }, { batchSize: 10 }).sort({ n: 1 });
    const seen: number[] = [];
    for await (const each of cursor) {
      seen.push(each["n"]);
      if (each["n"] % 100 === 0) {
        await things.deleteOne({ n: each["n"] + 50 });
        await things.insertOne({ n: each["n"] - 0.5 });
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen).toHaveLength(990);
    const left = things.find({}, { batchSize: 2 });
    await left.next();
    await left.close();
    expect((await client.db("admin").command({ serverStatus: 1 })).metrics.cursor.open.total).toBe(0);
  });

  it("ends a cursor whose collection was dropped, and forgets one that nobody asks for", async () => {
    const things = collection();
    const documents = Array.from({ length: 10 }, (_, n) => ({ n }));
    await things.insertMany(documents);
    const cursor = things.find({}, { batchSize: 2 });
    await cursor.next();
    await things.drop();
    await cursor.next();
    expect((await errorOf(cursor.next())).code).toBe(175);
    await things.insertMany(documents.map(({ n }) => ({ n })));
    const idle = things.find({}, { batchSize: 2 });
    await idle.next();
    now += 11 * 60_000;
    await idle.next();
    expect((await errorOf(idle.next())).code).toBe(43);
  });

  it("serves queries from indexes, and counts what it looked at", async () => {
    const things = collection();
    await things.insertMany(Array.from({ length: 1000 }, (_, i) => ({ who: i % 50, at: i, tags: [i % 3, "t"] })));
    const explain = async (): Promise<Document> =>
      await things.find({ who: 7 }).sort({ at: -1 }).limit(5).explain("executionStats");
    const before = await explain();
    expect(before["executionStats"]).toMatchObject({ nReturned: 5, totalKeysExamined: 0, totalDocsExamined: 1000 });
    expect(before["queryPlanner"].winningPlan).toMatchObject({ stage: "SORT", inputStage: { stage: "COLLSCAN" } });
    await things.createIndex({ who: 1, at: -1 });
    const after = await explain();
    expect(after["executionStats"]).toMatchObject({ nReturned: 5, totalKeysExamined: 5, totalDocsExamined: 5 });
    expect(after["queryPlanner"].winningPlan).toMatchObject({
      stage: "LIMIT",
      inputStage: {
        stage: "FETCH",
        inputStage: {
          stage: "IXSCAN",
          indexName: "who_1_at_-1",
          direction: "forward",
          indexBounds: { who: ["[7, 7]"], at: ["[MaxKey, MinKey]"] },
        },
      },
    });
    await things.dropIndex("who_1_at_-1");
    expect((await explain())["executionStats"].totalDocsExamined).toBe(1000);
    await things.createIndex({ tags: 1 });
    expect((await things.find({ tags: 2 }).explain("executionStats"))["executionStats"].totalKeysExamined).toBe(333);
    expect((await errorOf(things.find({}).hint("none").toArray())).code).toBe(2);
  });

  it("keeps sparse and partial indexes to what belongs in them", async () => {
    const things = collection();
    await things.createIndex({ mail: 1 }, { unique: true, sparse: true });
    await things.createIndex({ code: 1 }, { unique: true, partialFilterExpression: { active: true } });
    await things.insertMany([{ code: 1 }, { code: 1 }, { code: 1, active: true }, { mail: "a" }]);
    expect((await errorOf(things.insertOne({ mail: "a" }))).code).toBe(11000);
    expect((await errorOf(things.insertOne({ code: 1, active: true }))).code).toBe(11000);
    expect(await things.find({ mail: null }).toArray()).toHaveLength(3);
    expect(await things.find({ code: 1 }).toArray()).toHaveLength(3);
    const plan = (await things.find({ code: 1, active: true }).explain("queryPlanner"))["queryPlanner"].winningPlan;
    expect(plan.inputStage).toMatchObject({ stage: "IXSCAN", isPartial: true });
  });

  it("lists and checks indexes", async () => {
    const things = collection();
    expect(await things.createIndex({ a: 1 }, { expireAfterSeconds: 60 })).toBe("a_1");
    expect(await things.createIndex({ a: 1 }, { expireAfterSeconds: 60 })).toBe("a_1");
    expect((await errorOf(things.createIndex({ a: 1 }, { expireAfterSeconds: 61 }))).code).toBe(85);
    expect((await errorOf(things.createIndex({ a: 1 }, { unique: true }))).code).toBe(86);
    expect((await errorOf(things.createIndex({ a: 1 }, { name: "other", expireAfterSeconds: 60 }))).code).toBe(85);
    expect((await errorOf(things.createIndex({ t: "text" }))).code).toBe(67);
    await things.insertMany([{ u: 1 }, { u: 1 }]);
    const failed = await errorOf(things.createIndex({ u: 1 }, { unique: true }));
    expect(failed.code).toBe(11000);
    expect(failed.message).toMatch(
      /^Index build failed: .* E11000 duplicate key error collection: test\.things index: u_1/,
    );
    expect(await things.indexes()).toEqual([
      { v: 2, key: { _id: 1 }, name: "_id_" },
      { v: 2, key: { a: 1 }, name: "a_1", expireAfterSeconds: 60 },
    ]);
    expect((await errorOf(things.dropIndex("nope"))).code).toBe(27);
    expect((await errorOf(things.dropIndex("_id_"))).code).toBe(72);
  });

  it("deletes what expired when the clock has moved", async () => {
    const things = collection();
    await things.createIndex({ at: 1 }, { expireAfterSeconds: 3600 });
    await things.createIndex({ gone: -1 }, { expireAfterSeconds: 0 });
    await things.insertMany([
      { _id: 1 as unknown as ObjectId, at: new Date(now) },
      { _id: 2 as unknown as ObjectId, at: "no date" },
      { _id: 3 as unknown as ObjectId, at: [new Date(now + 9e9), new Date(now)] },
      { _id: 4 as unknown as ObjectId },
      { _id: 5 as unknown as ObjectId, gone: new Date(now + 1000) },
      { _id: 6 as unknown as ObjectId, gone: new Date(now + 9e9) },
    ]);
    expect(await engine.expire()).toBe(0);
    now += 3_600_001;
    expect(await engine.expire()).toBe(3);
    expect((await things.find().toArray()).map((each) => each._id as unknown)).toEqual([2, 4, 6]);
  });

  it("aggregates through an index, and in batches", async () => {
    const things = collection();
    await things.insertMany(Array.from({ length: 500 }, (_, i) => ({ who: i % 10, n: i })));
    await things.createIndex({ who: 1 });
    const totals = await things
      .aggregate([
        { $match: { who: { $lt: 3 } } },
        { $group: { _id: "$who", sum: { $sum: "$n" }, count: { $sum: 1 } } },
        { $sort: { _id: 1 } },
      ])
      .toArray();
    expect(totals).toEqual([
      { _id: 0, sum: 12250, count: 50 },
      { _id: 1, sum: 12300, count: 50 },
      { _id: 2, sum: 12350, count: 50 },
    ]);
    expect(await things.aggregate([{ $match: {} }], { batchSize: 7 }).toArray()).toHaveLength(500);
    const plan = await things
      .aggregate([{ $match: { who: 1 } }, { $group: { _id: null, n: { $sum: 1 } } }])
      .explain("executionStats");
    expect(plan["stages"][0].$cursor.executionStats).toMatchObject({ totalKeysExamined: 50, totalDocsExamined: 50 });
    expect((await errorOf(things.aggregate([{ $nope: {} }]).toArray())).code).toBe(40324);
  });

  it("keeps the limits", async () => {
    const things = collection();
    const big = "x".repeat(16 * 1024 * 1024 - 60);
    await things.insertOne({ _id: 1 as unknown as ObjectId, big });
    expect(
      (await errorOf(things.updateOne({ _id: 1 as unknown as ObjectId }, { $set: { more: "y".repeat(100) } }))).code,
    ).toBe(10334);
    expect((await errorOf(things.insertOne({ _id: [1] as unknown as ObjectId }))).code).toBe(53);
    let nested: Document = {};
    for (let i = 0; i < 181; i++) nested = { nested };
    expect((await errorOf(things.insertOne(nested))).code).toBe(15);
    expect((await errorOf(client.db("test").collection("a".repeat(300)).insertOne({}))).code).toBe(73);
    expect((await errorOf(client.db("test").command({ find: "a", maxTimeMS: -1 }))).code).toBe(2);
  });

  it("gives up when the time is over", async () => {
    const things = collection();
    await things.insertMany(Array.from({ length: 50_000 }, (_, i) => ({ n: i })));
    const slow = things.find({ $or: Array.from({ length: 100 }, (_, i) => ({ text: { $regex: `x${i}` } })) });
    expect((await errorOf(slow.maxTimeMS(1).toArray())).code).toBe(50);
  });

  it("shows databases, collections and true figures", async () => {
    await collection().insertMany([{ a: 1 }, { a: 2 }]);
    await client.db("other").createCollection("empty");
    const { databases } = await client.db().admin().listDatabases();
    expect(databases.map((each) => each.name)).toEqual(["other", "test"]);
    expect((await client.db("test").listCollections().toArray()).map((each) => each.name)).toEqual(["things"]);
    expect(await client.db("test").command({ collStats: "things" })).toMatchObject({ count: 2, size: 58, nindexes: 1 });
    expect(await client.db("test").stats()).toMatchObject({ objects: 2, collections: 1 });
    await client.db("other").dropDatabase();
    expect((await client.db().admin().listDatabases()).databases.map((each) => each.name)).toEqual(["test"]);
    const status = await client.db("admin").command({ serverStatus: 1 });
    expect(status["opcounters"].insert).toBe(2);
    expect(status["storageEngine"].persistent).toBe(false);
  });

  it("reads its own writes in a session", async () => {
    await client.withSession({ causalConsistency: true }, async (session) => {
      await collection().insertOne({ a: 1 }, { session });
      expect(await collection().findOne({ a: 1 }, { session, readConcern: "majority" })).toMatchObject({ a: 1 });
      expect(session.operationTime).toBeDefined();
    });
    const transaction = client.withSession(async (session) =>
      session.withTransaction(async () => {
        await collection().insertOne({ a: 2 }, { session });
      }),
    );
    await expect(transaction).rejects.toThrow(/retryable writes|Transaction numbers/);
  });
});

describe("a login", () => {
  it("lets in who knows the password, and nobody else", async () => {
    const guarded = await startMongodb({ auth: { user: "ann", password: "s3cret/ü" } });
    try {
      for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-1", undefined]) {
        const url = mechanism === undefined ? guarded.url : `${guarded.url}&authMechanism=${mechanism}`;
        const known = await MongoClient.connect(url);
        await known.db("a").collection("b").insertOne({});
        expect((await known.db("a").command({ connectionStatus: 1 })).authInfo.authenticatedUsers).toEqual([
          { user: "ann", db: "admin" },
        ]);
        await known.close();
      }
      const wrong = new MongoClient(guarded.url.replace("s3cret", "secret"));
      await expect(wrong.connect()).rejects.toMatchObject({ code: 18 });
      await wrong.close();
      const stranger = new MongoClient(`mongodb://127.0.0.1:${guarded.port}/?directConnection=true`);
      await stranger.connect();
      await expect(stranger.db("a").collection("b").findOne()).rejects.toMatchObject({ code: 13 });
      await stranger.close();
    } finally {
      await guarded.close();
    }
  });

  it("is needed to be reached from elsewhere", async () => {
    await expect(startMongodb({ host: "0.0.0.0" })).rejects.toThrow(/credentials/);
  });
});

describe("data in a folder", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "keyfold-mongodb-"));
    folders.push(folder);
    return folder;
  };

  it("is there after a restart: documents, indexes, records of retryable writes", async () => {
    const dataDir = newFolder();
    const first = await startMongodb({ dataDir });
    const one = await MongoClient.connect(first.url);
    const things = one.db("test").collection<Document>("things");
    await things.insertMany([{ a: 1 }, { a: [2, 3] }]);
    await things.createIndex({ a: 1 }, { unique: true });
    const lsid = { id: new (await import("mongodb")).UUID() };
    const write = {
      update: "things",
      updates: [{ q: { a: 1 }, u: { $inc: { n: 1 } } }],
      lsid,
      txnNumber: Long.fromNumber(1),
    };
    const { WireClient } = await import("./wire-client.js");
    const wire = await WireClient.open(first.port);
    expect(await wire.command({ ...write, lsid: { id: lsid.id.toBinary() } })).toMatchObject({ nModified: 1 });
    wire.close();
    await one.close();
    await first.close();

    const second = await startMongodb({ dataDir });
    const again = await WireClient.open(second.port);
    expect(await again.command({ ...write, lsid: { id: lsid.id.toBinary() } })).toMatchObject({ retriedStmtIds: [0] });
    again.close();
    const two = await MongoClient.connect(second.url);
    const kept = two.db("test").collection<Document>("things");
    expect(await kept.find({}, { projection: { _id: 0 } }).toArray()).toEqual([{ a: 1, n: 1 }, { a: [2, 3] }]);
    const plan = (await kept.find({ a: 3 }).explain("executionStats"))["executionStats"];
    expect(plan).toMatchObject({ totalKeysExamined: 1, nReturned: 1 });
    await expect(kept.insertOne({ a: 3 })).rejects.toMatchObject({ code: 11000 });
    expect(await kept.countDocuments()).toBe(2);
    await second.reset();
    expect(await kept.countDocuments()).toBe(0);
    await two.close();
    await second.close();
  });
});
