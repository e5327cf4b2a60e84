import { readFileSync } from "node:fs";
import fc from "fast-check";
import { startEngines } from "keyfold/testing";
import { BSON, MongoClient, MongoServerError } from "mongodb";
import { expect } from "vitest";
import { badPipelines, documents, filters, pipelines, updates } from "./arbitraries.js";
import { opMsg, sendBytes } from "./wire.js";

/** Most memory that the engine may hold at the end of a run: its idle size, and room for what it was sent. */
const maxRssBytes = 400 * 1024 * 1024;

/** Memory of another process, on Linux; undefined elsewhere. */
function rssOf(pid: number | undefined): number | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB/m);
    return line?.[1] === undefined ? undefined : Number(line[1]) * 1024;
  } catch {
    return undefined;
  }
}

async function withEngine(work: (port: number, client: MongoClient) => Promise<void>): Promise<void> {
  const engines = await startEngines({ mongodb: true, beside: true });
  const client = new MongoClient(engines.mongodb.url, { serverSelectionTimeoutMS: 2_000, bsonRegExp: true });
  try {
    await work(engines.mongodb.port, client);
    // It lives, still answers others, and has not grown without bound.
    expect((await client.db("admin").command({ ping: 1 })).ok).toBe(1);
    expect(rssOf(engines.pid) ?? 0).toBeLessThan(maxRssBytes);
  } finally {
    await client.close();
    await engines.close();
  }
}

const commands: readonly BSON.Document[] = [
  { hello: 1, $db: "admin" },
  { ping: 1, $db: "admin" },
  { insert: "line", documents: [{ _id: 1, a: [1, "x", { b: null }] }], $db: "fuzz" },
  { find: "line", filter: { a: { $gt: 1, $in: [1, 2] } }, sort: { a: -1 }, limit: 5, $db: "fuzz" },
  { update: "line", updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } }, upsert: true }], $db: "fuzz" },
  { aggregate: "line", pipeline: [{ $group: { _id: "$a", n: { $sum: 1 } } }], cursor: {}, $db: "fuzz" },
  {
    delete: "line",
    deletes: [{ q: {}, limit: 1 }],
    lsid: { id: new BSON.UUID() },
    txnNumber: BSON.Long.ONE,
    $db: "fuzz",
  },
  { createIndexes: "line", indexes: [{ key: { a: 1 }, name: "a_1" }], $db: "fuzz" },
  { getMore: BSON.Long.fromNumber(5), collection: "line", $db: "fuzz" },
];

/** A valid request with bytes changed, cut off, put in or repeated. */
const mutated = fc
  .tuple(
    fc.constantFrom(...commands),
    fc.array(
      fc.record({
        how: fc.constantFrom("flip", "set", "cut", "insert", "length"),
        at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        byte: fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.integer({ min: 0, max: 255 })),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map(([command, changes]) => {
    let message = opMsg(command);
    for (const { how, at, byte } of changes) {
      const index = Math.floor(at * message.length);
      if (how === "cut") message = message.subarray(0, Math.max(1, index));
      else if (how === "insert")
        message = Buffer.concat([message.subarray(0, index), Buffer.of(byte), message.subarray(index)]);
      else if (how === "length" && message.length >= 4)
        message.writeInt32LE([0, 15, 16, -1, 0x7fffffff, message.length + byte, message.length][byte % 7] as number, 0);
      else message[index] = how === "flip" ? (message[index] as number) ^ (1 << (byte % 8)) : byte;
    }
    return message;
  });

const rubbish = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
/** A right header and length, then anything. */
const framedRubbish = fc
  .tuple(fc.constantFrom(1, 2004, 2012, 2013, 0, 999), fc.uint8Array({ maxLength: 200 }))
  .map(([opcode, bytes]) => {
    const message = Buffer.alloc(16 + bytes.length);
    message.writeInt32LE(message.length, 0);
    message.writeInt32LE(opcode, 12);
    message.set(bytes, 16);
    return message;
  });

/** Bytes of every sort: each is answered by well-formed replies, or by a closed connection, in time. */
export async function fuzzWire(runs: number, seed: number): Promise<void> {
  await withEngine(async (port, client) => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          { weight: 6, arbitrary: mutated },
          { weight: 1, arbitrary: rubbish },
          { weight: 2, arbitrary: framedRubbish },
        ),
        async (bytes) => {
          const { replies, end, malformed } = await sendBytes(port, bytes);
          expect(malformed).toBeUndefined();
          // Our side said that nothing more will come: the server has to let go too.
          expect(end).toBe("closed");
          for (const reply of replies) expectRightReply(reply);
        },
      ),
      { numRuns: runs, seed, endOnFailure: true },
    );
    expect((await client.db("admin").command({ ping: 1 })).ok).toBe(1);
  });
}

/** A reply says that it worked, or which of MongoDB's errors it is; an internal one is a bug of ours. */
function expectRightReply(reply: BSON.Document): void {
  if (reply["ok"] === 1) return;
  expect(reply).toMatchObject({ ok: 0, code: expect.any(Number), errmsg: expect.any(String) });
  expect([1, 8], `internal error: ${reply["errmsg"]}`).not.toContain(reply["code"]);
}

/** Requests of the query language, right and wrong: answered, or refused with one of MongoDB's errors, in time. */
export async function fuzzLanguage(runs: number, seed: number): Promise<void> {
  await withEngine(async (_, client) => {
    const lines = client.db("fuzz").collection<BSON.Document>("line");
    const answered = async (request: () => Promise<unknown>) => {
      const from = performance.now();
      try {
        await request();
      } catch (error) {
        // What the driver itself refuses never reached the engine.
        if (error instanceof MongoServerError) expectRightReply({ ok: 0, code: error.code, errmsg: error.message });
        else if (error instanceof Error && /connection|closed|timed out|ECONN/i.test(error.message)) throw error;
      }
      expect(performance.now() - from).toBeLessThan(5_000);
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(documents, { maxLength: 8 }),
        filters,
        updates,
        fc.oneof({ weight: 3, arbitrary: pipelines }, { weight: 1, arbitrary: badPipelines }),
        async (stored, filter, update, pipeline) => {
          await lines.deleteMany({});
          await answered(() => lines.insertMany(stored));
          await answered(() => lines.find(filter, { maxTimeMS: 2_000 }).toArray());
          await answered(() => lines.aggregate(pipeline, { maxTimeMS: 2_000 }).toArray());
          await answered(() =>
            client.db("fuzz").command({ update: "line", updates: [{ q: filter, u: update, multi: true }] }),
          );
          await answered(() => client.db("fuzz").command({ delete: "line", deletes: [{ q: filter, limit: 1 }] }));
        },
      ),
      { numRuns: runs, seed, endOnFailure: true },
    );
  });
}
