import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { attachEngines, startEngines, startMongodb } from "keyfold/testing";
import { MongoClient } from "mongodb";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { startShared } from "../../src/testing/shared.js";

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function ping(url: string): Promise<unknown> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 });
  try {
    return (await client.db("admin").command({ ping: 1 }))["ok"];
  } finally {
    await client.close();
  }
}

describe.each([false, true])("engines, beside: %s", (beside) => {
  it("answer, are emptied, and free their port", async () => {
    const engines = await startEngines({ mongodb: true, beside });
    const { port, url } = engines.mongodb;
    const client = new MongoClient(url);
    const lines = client.db("shop").collection("line");
    await lines.createIndex({ a: 1 });
    await lines.insertOne({ a: 1 });
    await engines.reset();
    expect(await lines.countDocuments()).toBe(0);
    expect(await client.db("shop").listCollections().toArray()).toEqual([]);
    await lines.insertOne({ a: 2 }); // the connections are still good
    await client.close();
    await engines.close();
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
  });

  it("keep a driver from hearing what was done", async () => {
    await using engine = await startMongodb({ beside });
    const client = new MongoClient(engine.url, { retryWrites: false });
    const lines = client.db("shop").collection<{ _id: number }>("line");
    await using after = await engine.faults.inject({ command: "insert", fault: { kind: "close-after" } });
    await expect(lines.insertOne({ _id: 1 })).rejects.toMatchObject({ name: "MongoNetworkError" });
    await engine.faults.inject({ command: "insert", fault: { kind: "close-before" } });
    await expect(lines.insertOne({ _id: 2 })).rejects.toMatchObject({ name: "MongoNetworkError" });
    expect(await lines.find().toArray()).toEqual([{ _id: 1 }]);
    expect(await after.hits()).toBe(1);
    await engine.faults.inject({ command: "find", fault: { kind: "delay", ms: 150 } });
    const from = performance.now();
    await lines.findOne();
    expect(performance.now() - from).toBeGreaterThan(140);
    await client.close();
  });

  it("let a TTL index work without waiting", async () => {
    await using engine = await startMongodb({ beside });
    const client = new MongoClient(engine.url);
    const sessions = client.db("shop").collection("session");
    await sessions.createIndex({ at: 1 }, { expireAfterSeconds: 3600 });
    await sessions.insertMany([{ at: new Date() }, { at: new Date(Date.now() + 86_400_000) }]);
    await engine.clock.advance(2 * 3600_000);
    expect(await sessions.countDocuments()).toBe(1);
    await client.close();
  });

  it("say when a port is taken", async () => {
    await using first = await startMongodb({ beside });
    await expect(startMongodb({ beside, port: first.port })).rejects.toThrow(/EADDRINUSE|in use/);
  });

  it("ask for credentials when told to", async () => {
    await using engine = await startMongodb({ beside, auth: { user: "app", password: "p@ss:word" } });
    expect(await ping(engine.url)).toBe(1);
    const without = new URL(engine.url);
    without.username = "";
    without.password = "";
    const client = new MongoClient(without.href, { serverSelectionTimeoutMS: 1_000 });
    await expect(client.db("shop").collection("line").insertOne({})).rejects.toMatchObject({ code: 13 });
    await client.close();
  });
});

describe("a process beside", () => {
  afterEach(() => vi.useRealTimers());

  it("lives on under fake timers", async () => {
    await using engines = await startEngines({ mongodb: true, beside: true });
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "setImmediate", "Date"], now: 0 });
    await engines.clock.freeze();
    expect((await engines.clock.now()).getTime()).toBeGreaterThan(1e12);
  });

  it("is reported when it is killed", async () => {
    const engines = await startEngines({ mongodb: true, beside: true });
    process.kill(engines.pid as number, "SIGKILL");
    await expect
      .poll(() =>
        engines.reset().then(
          () => "there",
          (error: { code: string }) => error.code,
        ),
      )
      .toBe("UNAVAILABLE");
    await engines.close();
  });

  it("ends with its parent, however that ends", async () => {
    const script = `
      import { startEngines } from "keyfold/testing";
      const { pid } = await startEngines({ mongodb: true, beside: true });
      process.stdout.write(String(pid), () => process.kill(process.pid, "SIGKILL"));`;
    const pid = Number(
      await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]).then(
        ({ stdout }) => stdout,
        ({ stdout }: { stdout: string }) => stdout,
      ),
    );
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => alive(pid), { timeout: 5_000 }).toBe(false);
  });

  it("does not keep its parent alive", async () => {
    const script = `
      import { startEngines } from "keyfold/testing";
      await startEngines({ mongodb: true, beside: true });
      console.log("done");`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      timeout: 10_000,
    });
    expect(stdout.trim()).toBe("done");
  });
});

describe("engines that a test run shares", () => {
  it("are reached by their address", async () => {
    const { startShared: start } = (await import(new URL("../../dist/testing/shared.js", import.meta.url).href)) as {
      startShared: typeof startShared;
    };
    const shared = await start({ mongodb: true });
    expect(process.env["KEYFOLD_MONGODB_URL"]).toBe(shared.urls.mongodb);
    const [one, two] = await Promise.all([attachEngines(), attachEngines(shared.address)]);
    await one.clock.freeze();
    await one.clock.set(0);
    expect(await two.clock.now()).toEqual(new Date(0));
    await one.close();
    expect(await ping(two.urls.mongodb as string)).toBe(1);
    await shared.close();
    await expect(two.reset()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(process.env["KEYFOLD_TEST_CONTROL"]).toBeUndefined();
    await expect(attachEngines()).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(attachEngines(shared.address)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
