import { createConnection } from "node:net";
import { startMongodb } from "keyfold/testing";
import { type BSON, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fuzzLanguage, fuzzWire } from "./fuzz-proof.js";
import { opMsg, sendBytes } from "./wire.js";

const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);

it(`answers mutated and random bytes with its protocol (seed ${seed})`, { timeout: 60_000 }, () => fuzzWire(600, seed));
it(`answers any filter, update and pipeline (seed ${seed})`, { timeout: 60_000 }, () => fuzzLanguage(400, seed));

describe("limits before parsing", () => {
  let engine: Awaited<ReturnType<typeof startMongodb>>;
  beforeAll(async () => {
    engine = await startMongodb({ beside: true });
  });
  afterAll(() => engine.close());
  const alive = async () => {
    const client = new MongoClient(engine.url, { serverSelectionTimeoutMS: 2_000 });
    expect((await client.db("admin").command({ ping: 1 })).ok).toBe(1);
    await client.close();
  };

  it.each([0, 15, -1, 48_000_001, 0x7fffffff])("closes on a message that says it has %i bytes", async (length) => {
    const head = Buffer.alloc(16);
    head.writeInt32LE(length, 0);
    head.writeInt32LE(2013, 12);
    expect(await sendBytes(engine.port, head)).toMatchObject({ replies: [], end: "closed" });
    await alive();
  });

  it("refuses nesting without end, and lives", async () => {
    let nested: BSON.Document = {};
    for (let depth = 0; depth < 3_000; depth++) nested = { a: nested };
    for (const command of [
      { insert: "line", documents: [nested], $db: "fuzz" },
      { find: "line", filter: nested, $db: "fuzz" },
      { find: "line", filter: nestedOr(2_000), $db: "fuzz" },
    ]) {
      const { replies } = await sendBytes(engine.port, opMsg(command));
      expect(replies[0]).toMatchObject({ ok: 0, code: expect.any(Number) });
      expect([1, 8]).not.toContain(replies[0]?.["code"]);
    }
    await alive();
  });

  it("holds thousands of connections that say nothing, and half a message on each", async () => {
    const half = opMsg({ ping: 1, $db: "admin" }).subarray(0, 20);
    const sockets = await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const socket = createConnection({ host: "127.0.0.1", port: engine.port });
        socket.on("error", () => {});
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.write(half);
        return socket;
      }),
    );
    await alive();
    for (const socket of sockets) socket.destroy();
    await alive();
  });
});

function nestedOr(depth: number): BSON.Document {
  let filter: BSON.Document = { a: 1 };
  for (let i = 0; i < depth; i++) filter = { $or: [filter] };
  return filter;
}
