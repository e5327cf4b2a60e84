import { createServer, type Server } from "node:net";
import { describe, expect, test } from "vitest";
import { insertOnce, mongodb, open } from "../../src/adapters/mongodb/index.js";
import { connect } from "../../src/client/connect.js";
import { KeyfoldError } from "../../src/internal/errors.js";
import { codeOf, makeLine, model, useServer } from "./shop.js";

const server = useServer();

async function errorOf(work: Promise<unknown>): Promise<KeyfoldError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown) => thrown,
  );
  if (!(error instanceof KeyfoldError)) throw error;
  return error;
}

/** A port on which nothing listens, or something that never answers. */
async function port(silent: boolean): Promise<{ port: number; server: Server }> {
  const listening = createServer(() => {});
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port: number } = listening.address() as { port: number };
  if (!silent) await new Promise((resolve) => listening.close(resolve));
  return { port: number, server: listening };
}

describe("a server that is not there", () => {
  test("is reported in the call's time, with its address and what to do, and no password", async () => {
    const { port: number } = await port(false);
    const client = open(`mongodb://someone:hunter2@127.0.0.1:${number}/`);
    const shop = connect(model, mongodb(client.db("x")));
    const from = Date.now();
    const error = await errorOf(shop.line.get({ seq: 1 }, { deadlineMs: 700 }));
    expect(Date.now() - from).toBeLessThan(8_000);
    expect(error.code).toBe("UNAVAILABLE");
    expect(error.message).toMatch(/^No MongoDB server could be reached at 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    expect(error.fix).toContain("keyfold dev --only mongodb");
    expect(JSON.stringify([error.message, error.fix, error.data])).not.toContain("hunter2");
    const slow = await errorOf(shop.line.insert(makeLine(1)));
    expect(slow.code).toBe("UNAVAILABLE");
    expect(Date.now() - from).toBeLessThan(12_000);
    await client.close();
  }, 20_000);

  test("one that accepts and never answers too", async () => {
    const { port: number, server: silent } = await port(true);
    const client = open(`mongodb://127.0.0.1:${number}/?directConnection=true`);
    const shop = connect(model, mongodb(client.db("x")), { deadlineMs: 600 });
    expect(["UNAVAILABLE", "DEADLINE_EXCEEDED"]).toContain(await codeOf(shop.line.get({ seq: 1 })));
    await client.close(true);
    silent.close();
  });
});

test("wrong credentials say what to check", async () => {
  const url = server.client.options.hosts[0]!;
  const client = open(`mongodb://nobody:secret%40word@${url.host}:${url.port}/?directConnection=true`);
  const shop = connect(model, mongodb(client.db("x")), { deadlineMs: 4_000 });
  const error = await errorOf(shop.line.get({ seq: 1 }));
  expect(error.code).toBe("UNAUTHORIZED");
  expect(error.fix).toContain("authSource");
  expect(error.message).not.toContain("secret");
  await client.close();
});

test.each(["http://127.0.0.1", "mongodb://", "nonsense", "mongodb://u:p%ZZ@h/?maxPoolSize=x"])(
  "the URL %s is refused",
  (url) => {
    expect(() => open(url)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  },
);

test("open keeps what the URL says, and bounds the rest", async () => {
  const client = open("mongodb://127.0.0.1:1/?maxPoolSize=3&retryReads=true");
  expect(client.options).toMatchObject({
    maxPoolSize: 3,
    retryReads: true,
    retryWrites: true,
    serverSelectionTimeoutMS: 5_000,
  });
  expect(client.options.writeConcern?.w).toBe("majority");
  const own = open("mongodb://127.0.0.1:1/?w=1", { maxPoolSize: 9 });
  expect(own.options).toMatchObject({ maxPoolSize: 9 });
  expect(own.options.writeConcern?.w).toBe(1);
  await Promise.all([client.close(), own.close()]);
});

test("a call ends with its signal, and with its deadline", async () => {
  const { shop } = await server.shop();
  expect(await codeOf(shop.line.get({ seq: 1 }, { signal: AbortSignal.abort() }))).toBe("ABORTED");
  expect(await codeOf(shop.line.get({ seq: 1 }, { deadlineMs: 0 }))).toBe("INPUT_INVALID");
  await shop.line.get({ seq: 1 });
  expect(["DEADLINE_EXCEEDED", undefined]).toContain(await codeOf(shop.countries({}, { deadlineMs: 1 })));
});

test("what is no database, model or adapter is refused at once", () => {
  expect(() => mongodb(server.client as never)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  expect(() => connect({} as never, mongodb(server.database()))).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID" }),
  );
  expect(() => connect(model, {} as never)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  expect(() => connect(model, mongodb(server.database()), { cursorSecret: "short" })).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID" }),
  );
});

describe("insertOnce", () => {
  test("stores once; an equal document is there already; a different one is a conflict", async () => {
    const collection = server.database().collection("own");
    const document = { amount: 5, at: new Date(0), parts: [{ a: 1n }, null], note: undefined };
    expect(await insertOnce(collection, document, { id: "x" })).toEqual({ applied: true, resent: false });
    expect(await insertOnce(collection, document, { id: "x" })).toEqual({ applied: false, resent: false });
    expect(await insertOnce(collection, { ...document, _id: "x" }, { id: "x" })).toEqual({
      applied: false,
      resent: false,
    });
    expect(await codeOf(insertOnce(collection, { ...document, amount: 6 }, { id: "x" }))).toBe("CONFLICT");
    expect(document).not.toHaveProperty("_id");
    expect(await collection.countDocuments()).toBe(1);
  });

  test("a duplicate on another unique index is a conflict that names it", async () => {
    const collection = server.database().collection("own");
    await collection.createIndex({ email: 1 }, { unique: true });
    await insertOnce(collection, { email: "a" }, { id: 1 });
    const error = await errorOf(insertOnce(collection, { email: "a" }, { id: 2 }));
    expect(error).toMatchObject({ code: "CONFLICT", data: { index: "email_1" } });
  });

  test("100 at once: one applies", async () => {
    const collection = server.database().collection("own");
    const done = await Promise.all(
      Array.from({ length: 100 }, () => insertOnce(collection, { n: 1 }, { id: "x", deadlineMs: 30_000 })),
    );
    expect(done.filter(({ applied }) => applied)).toHaveLength(1);
  });

  test("wrong use is refused", async () => {
    const collection = server.database().collection("own");
    expect(await codeOf(insertOnce(collection, {}, { id: undefined }))).toBe("INPUT_INVALID");
    expect(await codeOf(insertOnce(collection, { _id: 1 }, { id: 2 }))).toBe("INPUT_INVALID");
    expect(await codeOf(insertOnce(collection, {}, { id: 1, signal: AbortSignal.abort() }))).toBe("ABORTED");
  });
});
