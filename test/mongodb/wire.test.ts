import { Binary, Long } from "bson";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RunningMongodb, startMongodb } from "../../src/engines/mongodb/server.js";
import { WireClient } from "./wire-client.js";

let engine: RunningMongodb;
const open: WireClient[] = [];

beforeAll(async () => {
  engine = await startMongodb({});
});

afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await engine.reset();
});

afterAll(async () => {
  await engine.close();
});

async function client(): Promise<WireClient> {
  const one = await WireClient.open(engine.port);
  open.push(one);
  return one;
}

const session = (byte: number): { id: Binary } => ({ id: new Binary(Buffer.alloc(16, byte), 4) });

describe("MongoDB's wire protocol", () => {
  it("answers the first hello as OP_QUERY, and says it is a one-node replica set of 7.0", async () => {
    const wire = await client();
    wire.socket.write(wire.query({ isMaster: 1, helloOk: true }));
    const reply = await wire.reply();
    expect(reply).toMatchObject({
      helloOk: true,
      ismaster: true,
      setName: "keyfold",
      me: `127.0.0.1:${engine.port}`,
      primary: `127.0.0.1:${engine.port}`,
      hosts: [`127.0.0.1:${engine.port}`],
      minWireVersion: 0,
      maxWireVersion: 21,
      maxBsonObjectSize: 16777216,
      maxMessageSizeBytes: 48000000,
      maxWriteBatchSize: 100000,
      logicalSessionTimeoutMinutes: 30,
      ok: 1,
    });
    expect(reply).not.toHaveProperty("compression");
    expect(reply).not.toHaveProperty("topologyVersion");
  });

  it("refuses other commands as OP_QUERY", async () => {
    const wire = await client();
    wire.socket.write(wire.query({ find: "a" }));
    expect(await wire.reply()).toMatchObject({ ok: 0, code: 352, codeName: "UnsupportedOpQueryCommand" });
  });

  it("takes documents beside the body, and a message in pieces", async () => {
    const wire = await client();
    const message = wire.message({ insert: "a", $db: "test" }, { sequences: { documents: [{ _id: 1 }, { _id: 2 }] } });
    for (const byte of message) {
      wire.socket.write(Buffer.from([byte]));
      if (byte % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await wire.reply()).toMatchObject({ n: 2, ok: 1 });
    expect(await wire.command({ count: "a" })).toMatchObject({ n: 2 });
  });

  it("answers several messages of one chunk in their order", async () => {
    const wire = await client();
    wire.socket.write(
      Buffer.concat([
        wire.message({ insert: "a", documents: [{ _id: 1 }], $db: "test" }),
        wire.message({ count: "a", $db: "test" }),
        wire.message({ nonsense: 1, $db: "test" }),
      ]),
    );
    expect(await wire.reply()).toMatchObject({ n: 1, ok: 1 });
    expect(await wire.reply()).toMatchObject({ n: 1, ok: 1 });
    expect(await wire.reply()).toMatchObject({ ok: 0, code: 59, errmsg: "no such command: 'nonsense'" });
  });

  it("verifies checksums", async () => {
    const wire = await client();
    expect(await wire.command({ ping: 1 }, { checksum: "right" })).toMatchObject({ ok: 1 });
    expect(await wire.command({ ping: 1 }, { checksum: "wrong" })).toMatchObject({ ok: 0 });
    await wire.ended();
  });

  it("does not answer where more is to come", async () => {
    const wire = await client();
    wire.socket.write(wire.message({ insert: "a", documents: [{ _id: 1 }], $db: "test" }, { flags: 2 }));
    wire.socket.write(wire.message({ insert: "a", documents: [{ _id: 1 }], $db: "test" }, { flags: 2 }));
    expect(await wire.command({ count: "a" })).toMatchObject({ n: 1 });
  });

  it("answers once where an exhaust stream would be allowed", async () => {
    const wire = await client();
    expect(await wire.command({ ping: 1 }, { flags: 0x10000 })).toMatchObject({ ok: 1 });
    expect(await wire.command({ ping: 1 })).toMatchObject({ ok: 1 });
  });

  it.each([
    ["unknown required flags", (wire: WireClient) => wire.message({ ping: 1, $db: "a" }, { flags: 4 }), 40429],
    ["no body", () => frame(2013, Buffer.from([0, 0, 0, 0])), 17],
    ["an unknown section", () => frame(2013, Buffer.concat([Buffer.alloc(4), Buffer.from([7, 5, 0, 0, 0, 0])])), 40432],
    [
      "two bodies",
      () => frame(2013, Buffer.concat([Buffer.alloc(4), Buffer.from([0, 5, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0])])),
      40430,
    ],
    [
      "a section longer than its message",
      () => frame(2013, Buffer.concat([Buffer.alloc(4), Buffer.from([0, 99, 0, 0, 0, 0])])),
      40431,
    ],
    [
      "BSON that is broken inside",
      () => frame(2013, Buffer.concat([Buffer.alloc(4), Buffer.from([0, 7, 0, 0, 0, 0x77, 0, 0])])),
      22,
    ],
  ])("tells what is wrong with %s and closes", async (_name, make, code) => {
    const wire = await client();
    wire.socket.write(make(wire));
    expect(await wire.reply()).toMatchObject({ ok: 0, code });
    await wire.ended();
  });

  it.each([
    ["a message longer than 48 MB", Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(12)])],
    ["a message shorter than its head", Buffer.concat([Buffer.from([3, 0, 0, 0]), Buffer.alloc(12)])],
    ["OP_COMPRESSED", frame(2012, Buffer.alloc(20))],
    ["OP_INSERT", frame(2002, Buffer.alloc(20))],
  ])("closes on %s", async (_name, bytes) => {
    const wire = await client();
    wire.socket.write(bytes);
    await wire.ended();
    expect(await (await client()).command({ ping: 1 })).toMatchObject({ ok: 1 });
  });

  it("answers a repeated statement from its record", async () => {
    const wire = await client();
    const insert = { insert: "a", documents: [{ _id: 1, n: 0 }], lsid: session(1), txnNumber: Long.fromNumber(1) };
    expect(await wire.command(insert)).toMatchObject({ n: 1, ok: 1 });
    const again = await wire.command(insert);
    expect(again).toMatchObject({ n: 1, ok: 1, retriedStmtIds: [0] });
    expect(again).not.toHaveProperty("writeErrors");
    const update = {
      update: "a",
      updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }],
      lsid: session(1),
      txnNumber: Long.fromNumber(2),
    };
    expect(await wire.command(update)).toMatchObject({ n: 1, nModified: 1 });
    expect(await wire.command(update)).toMatchObject({ n: 1, nModified: 1, retriedStmtIds: [0] });
    const modify = {
      findAndModify: "a",
      query: { _id: 1 },
      update: { $inc: { n: 1 } },
      new: true,
      lsid: session(1),
      txnNumber: Long.fromNumber(3),
    };
    expect(await wire.command(modify)).toMatchObject({ value: { n: 2 } });
    expect(await wire.command(modify)).toMatchObject({ value: { n: 2 }, retriedStmtId: 0 });
    expect(await wire.command(insert)).toMatchObject({ ok: 0, code: 225 });
    // Another session, or a new number, is another statement.
    expect(await wire.command({ ...update, lsid: session(2) })).toMatchObject({ nModified: 1 });
    const found = await wire.command({ find: "a" });
    expect(found!["cursor"].firstBatch).toEqual([{ _id: 1, n: 3 }]);
  });

  it("refuses transactions as a server without a replica set does", async () => {
    const wire = await client();
    const reply = await wire.command({
      insert: "a",
      documents: [{ _id: 1 }],
      lsid: session(1),
      txnNumber: Long.fromNumber(1),
      autocommit: false,
      startTransaction: true,
    });
    expect(reply).toMatchObject({ ok: 0, code: 20 });
    expect(await wire.command({ count: "a" })).toMatchObject({ n: 0 });
  });

  it("refuses what it does not know, in a command and in its arguments", async () => {
    const wire = await client();
    expect(await wire.command({ find: "a", foo: 1 })).toMatchObject({
      code: 40415,
      errmsg: "BSON field 'find.foo' is an unknown field.",
    });
    expect(await wire.command({ find: "a", filter: 5 })).toMatchObject({ code: 14 });
    expect(await wire.command({ find: "a", limit: "x" })).toMatchObject({ code: 14 });
    expect(await wire.command({ find: "a", limit: -1 })).toMatchObject({ code: 51024 });
    expect(await wire.command({ find: "a", collation: { locale: "de" } })).toMatchObject({ code: 2 });
    expect(await wire.command({ find: "a", collation: { locale: "simple" } })).toMatchObject({ ok: 1 });
    expect(await wire.command({ find: "a", tailable: true })).toMatchObject({ ok: 0, code: 2 });
    expect(await wire.command({ find: "a", readConcern: { level: "x" } })).toMatchObject({ code: 2 });
    expect(await wire.command({ insert: "a", documents: [] })).toMatchObject({ code: 16 });
    expect(await wire.command({ find: "" })).toMatchObject({ code: 73 });
    expect(await wire.command({ find: "a", apiVersion: "2" })).toMatchObject({ code: 322 });
    expect(await wire.command({ listDatabases: 1 })).toMatchObject({ code: 13 });
    expect(await wire.command({ create: "v", viewOn: "a" })).toMatchObject({ ok: 0 });
    expect(await wire.command({ collMod: "a" })).toMatchObject({ code: 59 });
    expect(await wire.command({ find: "a", readConcern: { level: "snapshot" } })).toMatchObject({ code: 123 });
    expect(await wire.command({ insert: "a", documents: [{ _id: { b: [{ $c: 1 }] } }] })).toMatchObject({
      n: 0,
      writeErrors: [{ code: 52 }],
    });
    expect(await wire.command({ explain: { find: "a", foo: 1 } })).toMatchObject({ code: 40415 });
    expect(await wire.command({ explain: { ping: 1 } })).toMatchObject({
      code: 20,
      errmsg: "Cannot explain cmd: ping",
    });
    expect(await wire.command({ insert: "a", documents: [{}], writeConcern: { w: 1, j: "x" } })).toMatchObject({
      code: 14,
    });
  });

  it("says during what an error of a document was met, and which constants fail beforehand", async () => {
    const wire = await client();
    await wire.command({ insert: "zero", documents: [{ _id: 1, a: 0 }] });
    const wrong = { $expr: { $divide: [1, "$a"] } };
    const text = async (command: Record<string, unknown>) => {
      const reply = await wire.command(command);
      return reply!["errmsg"] ?? reply!["writeErrors"][0].errmsg;
    };
    const cause = ":: caused by :: can't $divide by zero";
    expect(await text({ find: "zero", filter: wrong })).toBe(`Executor error during find command ${cause}`);
    expect(await text({ aggregate: "zero", pipeline: [{ $match: wrong }], cursor: {} })).toBe(
      `PlanExecutor error during aggregation ${cause}`,
    );
    expect(await text({ aggregate: "none", pipeline: [{ $set: { x: { $divide: [1, 0] } } }], cursor: {} })).toBe(
      `Failed to optimize pipeline ${cause}`,
    );
    expect(await text({ delete: "zero", deletes: [{ q: wrong, limit: 0 }] })).toBe(
      `Plan executor error during delete ${cause}`,
    );
    expect(await text({ update: "zero", updates: [{ q: wrong, u: { $set: { b: 1 } } }] })).toBe(
      `Plan executor error during update ${cause}`,
    );
  });

  it("says time in every reply, and never an earlier one", async () => {
    const wire = await client();
    const first = await wire.command({ insert: "a", documents: [{ _id: 1 }] });
    const second = await wire.command({ insert: "a", documents: [{ _id: 2 }] });
    expect(first!["operationTime"].compare(first!["$clusterTime"].clusterTime)).toBe(0);
    expect(second!["operationTime"].compare(first!["operationTime"])).toBe(1);
    const read = await wire.command({
      find: "a",
      readConcern: { level: "majority", afterClusterTime: second!["operationTime"] },
    });
    expect(read!["cursor"].firstBatch).toHaveLength(2);
  });

  it("reports a write concern that one node cannot give", async () => {
    const wire = await client();
    expect(await wire.command({ insert: "a", documents: [{ _id: 1 }], writeConcern: { w: 2 } })).toMatchObject({
      n: 1,
      ok: 1,
      writeConcernError: { code: 100, codeName: "UnsatisfiableWriteConcern" },
    });
    expect(await wire.command({ count: "a" })).toMatchObject({ n: 1 });
  });

  it("survives any bytes", async () => {
    const wire = await client();
    const valid = wire.message({ find: "a", filter: { a: { $gt: [1, { b: null }] } }, $db: "test" });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
          fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
            const bytes = Buffer.from(valid);
            for (const [at, byte] of changes) bytes[at] = byte;
            return bytes;
          }),
        ),
        async (bytes) => {
          const one = await WireClient.open(engine.port);
          one.socket.end(bytes);
          await one.ended();
        },
      ),
      { numRuns: 300 },
    );
    expect(await wire.command({ ping: 1 })).toMatchObject({ ok: 1 });
  });

  it("stops reading from a client that does not read", async () => {
    const wire = await client();
    await wire.command({ insert: "a", documents: [{ _id: 1, text: "x".repeat(1_000_000) }] });
    const slow = await client();
    slow.socket.pause();
    const request = slow.message({ find: "a", $db: "test" });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 80; i++) slow.socket.write(request);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000);
    expect(await wire.command({ ping: 1 })).toMatchObject({ ok: 1 });
    slow.socket.resume();
    for (let i = 0; i < 80; i++) expect((await slow.reply())!["ok"]).toBe(1);
  });
});

function frame(opCode: number, content: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32LE(16 + content.length, 0);
  head.writeInt32LE(1, 4);
  head.writeInt32LE(opCode, 12);
  return Buffer.concat([head, content]);
}
