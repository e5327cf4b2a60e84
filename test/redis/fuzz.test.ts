import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningEngine } from "../../src/engines/engine.js";
import { startRedis } from "../../src/engines/redis/server.js";
import { fuzzArguments, fuzzWire, sendBytes } from "./fuzz-proof.js";
import { RespClient } from "./resp-client.js";

const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);

it(`Redis answers broken bytes with its protocol (seed ${seed})`, () => fuzzWire(300, seed));
it(`Redis answers every command with any arguments (seed ${seed})`, () => fuzzArguments(3, seed));

describe("limits of the protocol", () => {
  let engine: RunningEngine;
  let client: RespClient;
  beforeAll(async () => {
    engine = await startRedis({});
    client = await RespClient.open(engine.port);
  });
  afterAll(async () => {
    client.close();
    await engine.close();
  });

  it.each([
    ["too many arguments", "*1000000000000\r\n", "invalid multibulk length"],
    ["a count that is none", "*abc\r\n", "invalid multibulk length"],
    ["another type", "*1\r\n:1\r\n", "expected '$', got ':'"],
    ["a negative length", "*1\r\n$-1\r\n", "invalid bulk length"],
    ["a length over the limit", "*1\r\n$536870913\r\n", "invalid bulk length"],
    ["a length that is none", "*1\r\n$x\r\n", "invalid bulk length"],
    ["a count without end", `*${"1".repeat(70_000)}`, "too big mbulk count string"],
    ["a length without end", `*1\r\n$${"1".repeat(70_000)}`, "too big bulk count string"],
    ["a line without end", "x".repeat(70_000), "too big inline request"],
    ["open quotes", 'SET "a\r\n', "unbalanced quotes in request"],
    ["100,000 levels of arrays", "*1\r\n".repeat(100_000), "expected '$', got '*'"],
    ["a map", "%1\r\n+a\r\n".repeat(10), undefined],
  ])("answers %s with its error, and closes", async (_, bytes, error) => {
    const { text, end } = await sendBytes(engine.port, Buffer.from(bytes, "latin1"));
    if (error === undefined) expect(text).toContain("-ERR unknown command '%1'");
    else {
      expect(text).toBe(`-ERR Protocol error: ${error}\r\n`);
      expect(end).toBe("closed");
    }
    expect(await client.send("PING")).toBe("+PONG");
  });

  it("takes no memory for what is only announced", async () => {
    const before = process.memoryUsage().rss;
    const sockets = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const socket = connect({ host: "127.0.0.1", port: engine.port });
        socket.on("error", () => {});
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.write(i % 2 === 0 ? "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$500000000\r\nhalf" : "*1000000\r\n$4\r\nMSET\r\n");
        return socket;
      }),
    );
    expect(await client.send("PING")).toBe("+PONG");
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
  });

  it("keeps whoever sends without reading from filling the memory", async () => {
    await client.send("SET", "big", "x".repeat(1_000_000));
    const before = process.memoryUsage().rss;
    const socket = connect({ host: "127.0.0.1", port: engine.port });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.pause();
    socket.write("*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(5_000));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await client.send("PING")).toBe("+PONG");
    // 5 GB are asked for.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    socket.destroy();
  });

  it.each([
    ["parentheses", `return ${"(".repeat(100_000)}1${")".repeat(100_000)}`],
    ["tables", `return ${"{".repeat(100_000)}${"}".repeat(100_000)}`],
    ["blocks", `${"do ".repeat(100_000)}${"end ".repeat(100_000)}`],
    ["calls", "local function f() return f() + 1 end return f()"],
    ["a decoded value", "return cjson.decode(string.rep('[', 100000) .. string.rep(']', 100000))"],
    ["an encoded value", "local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)"],
    ["a packed value", "local t = {} for i = 1, 100000 do t = {t} end return cmsgpack.pack(t)"],
    ["an unpacked value", "return cmsgpack.unpack(string.rep('\\145', 100000) .. '\\1')"],
    ["a reply", "local t = {} for i = 1, 100000 do t = {t} end return t"],
    ["a pattern", "return string.find(string.rep('a', 200000), string.rep('(', 40))"],
    [
      "a metatable",
      "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end return t.x",
    ],
  ])("refuses a script whose %s is nested without end, and lives", async (_, script) => {
    const reply = await client.send("EVAL", script, "0");
    if (typeof reply === "string") expect(reply).not.toContain("internal error");
    expect(await client.send("PING")).toBe("+PONG");
  });

  it("answers patterns that would take for ever", async () => {
    await client.send("SET", "a".repeat(200), "1");
    const pattern = `${"a*".repeat(60)}b`;
    const started = performance.now();
    expect(await client.send("KEYS", pattern)).toEqual(["*"]);
    expect(await client.send("SCAN", "0", "MATCH", pattern, "COUNT", "1000")).toBeDefined();
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
