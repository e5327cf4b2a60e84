import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { RespClient } from "../../../test/redis/resp-client.js";
import type { EngineOptions, RunningEngine } from "../engine.js";
import { startRedis } from "./server.js";

const open: RunningEngine[] = [];

afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close();
});

async function start(options: EngineOptions = {}): Promise<RunningEngine> {
  const engine = await startRedis(options);
  open.push(engine);
  return engine;
}

/** Sends bytes and gives all that comes back until the server closes, or nothing has come for a while. */
function raw(port: number, bytes: string | Buffer, quietMs = 300): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ host: "127.0.0.1", port });
    let timer = setTimeout(() => done(false), quietMs);
    const done = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      clearTimeout(timer);
      timer = setTimeout(() => done(false), quietMs);
    });
    socket.on("error", () => done(true));
    socket.on("end", () => done(true));
    socket.write(bytes);
  });
}

describe("the embedded Redis", () => {
  it("answers byte for byte, however the bytes are cut", async () => {
    const { port } = await start();
    const request = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nGET k\r\n*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n";
    const client = connect({ host: "127.0.0.1", port, noDelay: true });
    let text = "";
    client.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    for (const byte of request) {
      client.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => text).toBe("+OK\r\n$5\r\nhello\r\n$-1\r\n");
    client.destroy();
  });

  it.each([
    ["*1\r\n:3\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"],
    ["*-20\r\n*99999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"],
    ["*1\r\n$-3\r\n", "-ERR Protocol error: invalid bulk length\r\n"],
    ["*1\r\n$999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"],
    ['set "a b\r\n', "-ERR Protocol error: unbalanced quotes in request\r\n"],
    ["x".repeat(70_000), "-ERR Protocol error: too big inline request\r\n"],
  ])("answers %j with its protocol error and closes", async (bytes, answer) => {
    const { port } = await start();
    expect(await raw(port, bytes)).toEqual({ text: answer, closed: true });
  });

  it("survives random bytes", async () => {
    const { port } = await start();
    let state = 7;
    for (let round = 0; round < 40; round++) {
      const bytes = Buffer.alloc(2000);
      const alphabet = "*$0123456789\r\n\r\n -:GETSETmultiexec\x00\xff\"'";
      for (let i = 0; i < bytes.length; i++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        bytes[i] = alphabet.charCodeAt((state >>> 8) % alphabet.length);
      }
      await raw(port, bytes, 20);
    }
    expect((await raw(port, "PING\r\n")).text).toBe("+PONG\r\n");
  });

  it("asks for credentials, and takes those that it was started with", async () => {
    const engine = await start({ auth: { user: "app", password: "s3cret" } });
    expect(engine.url).toBe(`redis://app:s3cret@127.0.0.1:${engine.port}`);
    const client = await RespClient.open(engine.port);
    expect(await client.send("GET", "k")).toBe("-NOAUTH Authentication required.");
    expect(await client.send("AUTH", "app", "wrong")).toBe(
      "-WRONGPASS invalid username-password pair or user is disabled.",
    );
    expect(await client.send("AUTH", "default", "")).toContain("WRONGPASS");
    expect(await client.send("AUTH", "app", "s3cret")).toBe("+OK");
    expect(await client.send("GET", "k")).toBeNull();
    client.close();
  });

  it("is open to other machines only with credentials", async () => {
    await expect(startRedis({ host: "0.0.0.0" })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("never tells an earlier time than before", async () => {
    const { port } = await start();
    const { text } = await raw(port, `${"TIME\r\n".repeat(20_000)}QUIT\r\n`, 20_000);
    const times = [...text.matchAll(/\$\d+\r\n(\d+)\r\n\$\d+\r\n(\d+)\r\n/g)].map(
      ([, seconds, micros]) => Number(seconds) * 1e6 + Number(micros),
    );
    expect(times).toHaveLength(20_000);
    expect(times.findIndex((time, i) => i > 0 && time < times[i - 1]!)).toBe(-1);
    expect(Math.abs(times.at(-1)! / 1000 - Date.now())).toBeLessThan(5_000);
  });

  it("expires by the clock that it is given", async () => {
    let now = 1_700_000_000_000;
    const { port } = await start({ clock: { now: () => now } });
    const client = await RespClient.open(port);
    await client.send("SET", "k", "v", "PX", "1000");
    now += 1000;
    expect(await client.send("GET", "k")).toBe("$v");
    now += 1;
    expect(await client.send("GET", "k")).toBeNull();
    client.close();
  });

  it("does to requests what the interceptor says", async () => {
    const { port } = await start({
      intercept: ({ command, target }) => {
        if (target === "broken") return { kind: "error", code: "LOADING", message: "not yet" };
        if (target === "lost") return { kind: "close-after" };
        return command === "INCR" ? { kind: "delay", ms: 30 } : undefined;
      },
    });
    const client = await RespClient.open(port);
    expect(
      await client.pipeline([
        ["INCR", "n"],
        ["GET", "n"],
        ["GET", "broken"],
      ]),
    ).toEqual([":1", "$1", "-LOADING not yet"]);
    client.close();
    expect(await raw(port, "SET lost 1\r\n")).toEqual({ text: "", closed: true });
    expect((await raw(port, "EXISTS lost x\r\nDBSIZE\r\n")).closed).toBe(true);
    expect((await raw(port, "DBSIZE\r\n")).text).toBe(":2\r\n");
  });

  it("drops a subscriber that does not read", async () => {
    const { port } = await start();
    const client = await RespClient.open(port);
    await client.send("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0");
    const deaf = connect({ host: "127.0.0.1", port });
    deaf.on("error", () => {});
    deaf.write("SUBSCRIBE ch\r\n");
    await expect.poll(() => client.send("PUBSUB", "NUMSUB", "ch")).toEqual(["*", "$ch", ":1"]);
    deaf.pause();
    const message = "x".repeat(100_000);
    await expect
      .poll(
        async () => {
          await client.pipeline(Array.from({ length: 20 }, () => ["PUBLISH", "ch", message]));
          return client.send("PUBSUB", "NUMSUB", "ch");
        },
        { timeout: 15_000 },
      )
      .toEqual(["*", "$ch", ":0"]);
    deaf.destroy();
    client.close();
  });

  it("scans every key that stays, whatever else comes and goes", async () => {
    const { port } = await start();
    const client = await RespClient.open(port);
    await client.pipeline(Array.from({ length: 2000 }, (_, i) => ["SET", `stay:${i}`, "1"]));
    const seen = new Set<string>();
    let cursor = "0";
    let round = 0;
    do {
      const reply = (await client.send("SCAN", cursor, "COUNT", "50")) as string[];
      cursor = reply[1]!.slice(1);
      for (const key of (reply[2] as unknown as string[]).slice(1)) seen.add(key);
      const churn = Array.from({ length: 40 }, (_, i) => ["SET", `go:${round}:${i}`, "1"]);
      const gone = Array.from({ length: 30 }, (_, i) => ["DEL", `go:${round - 1}:${i}`]);
      await client.pipeline([...churn, ...gone]);
      round++;
    } while (cursor !== "0");
    for (let i = 0; i < 2000; i++) expect(seen.has(`$stay:${i}`)).toBe(true);
    client.close();
  });
});
