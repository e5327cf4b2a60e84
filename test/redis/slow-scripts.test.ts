import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningEngine } from "../../src/engines/engine.js";
import type { Change } from "../../src/engines/redis/propagation.js";
import { openRedis } from "../../src/engines/redis/server.js";
import type { RedisServer } from "../../src/engines/redis/state.js";
import { RespClient, type WireReply } from "./resp-client.js";

const BUSY = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const BUSY_FUNCTION = "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

describe("scripts beyond the time limit", () => {
  let engine: RunningEngine;
  let server: RedisServer;
  let client: RespClient;
  let other: RespClient;

  beforeAll(async () => {
    ({ engine, server } = await openRedis({}));
  });
  afterAll(async () => {
    await engine.close();
  });
  beforeEach(async () => {
    client = await RespClient.open(engine.port);
    other = await RespClient.open(engine.port);
    await client.pipeline([["FLUSHALL"], ["FUNCTION", "FLUSH"], ["CONFIG", "SET", "busy-reply-threshold", "20"]]);
  });
  afterEach(() => {
    client.close();
    other.close();
  });

  async function untilBusy(): Promise<void> {
    for (let i = 0; i < 400 && server.busy === undefined; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(server.busy).toBeDefined();
  }

  it.each([
    ["a loop", "while true do end"],
    ["calls that only read", "while true do redis.call('ping') end"],
    ["a protected call", "local f = function() while true do redis.call('ping') end end while true do pcall(f) end"],
    ["a function that it calls", "local function f() for i = 1, 1e9 do end end repeat f() until false"],
    [
      "code that is loaded late",
      "local n = 0 while true do n = n + 1 if n > 9e6 then loadstring('while true do end')() end end",
    ],
  ])("answer others that they are busy, and are killed: %s", async (_, script) => {
    const ended = client.pipeline([["EVAL", script, "0"], ["PING"]]);
    await untilBusy();
    expect(await other.pipeline([["PING"], ["SET", "a", "1"], ["FUNCTION", "KILL"], ["SCRIPT", "KILL"]])).toEqual([
      BUSY,
      BUSY,
      BUSY,
      "+OK",
    ]);
    const [reply, pong] = await ended;
    expect(reply).toMatch(
      /^-ERR Script killed by user with SCRIPT KILL\. script: [0-9a-f]{40}, on @user_script:\d+\.$/,
    );
    expect(pong).toBe("+PONG");
    expect(await other.pipeline([["PING"], ["SCRIPT", "KILL"]])).toEqual([
      "+PONG",
      "-NOTBUSY No scripts in execution right now.",
    ]);
  });

  it("go on to their end, in which what they have called is not called again", async () => {
    const changes: Change[] = [];
    server.propagator = { write: (some) => void changes.push(...some) };
    const script = `
      local before = redis.call('INCR', KEYS[1])
      redis.call('PUBLISH', 'news', 'once')
      local rank = math.random(1000)
      ARGV[1] = ARGV[1] .. before
      for i = 1, 2e7 do end
      redis.call('RPUSH', KEYS[2], before, redis.call('INCR', KEYS[1]), ARGV[1], rank)
      return redis.call('LRANGE', KEYS[2], 0, -1)`;
    await other.send("SUBSCRIBE", "news");
    const third = await RespClient.open(engine.port);
    const ended = client.send("EVAL", script, "2", "n", "l", "x");
    await untilBusy();
    expect(await third.send("SCRIPT", "KILL")).toMatch(/^-UNKILLABLE Sorry the script already executed write commands/);
    const reply = (await ended) as WireReply[];
    expect(reply.slice(0, 4)).toEqual(["*", "$1", "$2", "$x1"]);
    expect(
      await third.pipeline([
        ["GET", "n"],
        ["LLEN", "l"],
      ]),
    ).toEqual(["$2", ":4"]);
    expect(changes.map(({ args }) => args[0])).toEqual(["INCR", "INCR", "RPUSH"]);
    server.propagator = undefined;
    third.close();
  });

  it("are functions, too: with figures, killed by their own command", async () => {
    const code =
      "#!lua name=lib\nlocal n = 0\nredis.register_function('f', function() while true do n = n + 1 end end)";
    await client.send("FUNCTION", "LOAD", code);
    const ended = client.send("FCALL", "f", "0");
    await untilBusy();
    const [ping, stats, script, kill] = await other.pipeline([
      ["PING"],
      ["FUNCTION", "STATS"],
      ["SCRIPT", "KILL"],
      ["FUNCTION", "KILL"],
    ]);
    expect([ping, script, kill]).toEqual([BUSY_FUNCTION, BUSY_FUNCTION, "+OK"]);
    expect((stats as WireReply[])[2]).toEqual([
      "*",
      "$name",
      "$f",
      "$command",
      ["*", "$FCALL", "$f", "$0"],
      "$duration_ms",
      expect.any(String),
    ]);
    expect(await ended).toMatch(/killed by user/);
  });

  it("keep a transaction that meets them whole: not one command of it is run", async () => {
    await other.pipeline([["SET", "a", "1"], ["MULTI"], ["INCR", "a"]]);
    const ended = client.send("EVAL", "while true do end", "0");
    await untilBusy();
    expect(await other.send("EXEC")).toBe(`-EXECABORT Transaction discarded because of: ${BUSY.slice(1)}`);
    await other.send("SCRIPT", "KILL");
    await ended;
    expect(await other.pipeline([["GET", "a"], ["PING"]])).toEqual(["$1", "+PONG"]);
  });

  it("end with their own error as other scripts do", async () => {
    expect(await client.send("EVAL", "for i = 1, 2e7 do end\nerror('late')", "0")).toMatch(
      /^-ERR user_script:2: late script: [0-9a-f]{40}, on @user_script:2\.$/,
    );
    expect(await client.send("EVAL", "for i = 1, 2e7 do end return {err='MY error'}", "0")).toBe("-MY error");
  });

  it("survive the connection that began them", async () => {
    void client.send("EVAL", "while true do end", "0").catch(() => {});
    await untilBusy();
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await other.pipeline([["PING"], ["SCRIPT", "KILL"]])).toEqual([BUSY, "+OK"]);
    for (let i = 0; i < 100 && server.busy !== undefined; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await other.send("PING")).toBe("+PONG");
  });

  it("are ended with the server by SHUTDOWN NOSAVE, and by no other SHUTDOWN", async () => {
    const own = await openRedis({});
    const runner = await RespClient.open(own.engine.port);
    const stopper = await RespClient.open(own.engine.port);
    await runner.send("CONFIG", "SET", "busy-reply-threshold", "20");
    const ended = runner.send("EVAL", "redis.call('SET', KEYS[1], 1) while true do end", "1", "k").catch(String);
    for (let i = 0; i < 400 && own.server.busy === undefined; i++) await new Promise((done) => setTimeout(done, 5));
    expect(await stopper.pipeline([["SHUTDOWN"], ["SHUTDOWN", "SAVE"], ["SCRIPT", "KILL"]])).toEqual([
      BUSY,
      BUSY,
      expect.stringMatching(/^-UNKILLABLE/),
    ]);
    await expect(stopper.send("SHUTDOWN", "NOSAVE")).rejects.toThrow("the connection was closed");
    expect(await ended).toContain("the connection was closed");
    // Nothing goes on: the port is free, and the script no longer runs.
    await expect(RespClient.open(own.engine.port)).rejects.toThrow("ECONNREFUSED");
    for (let i = 0; i < 200 && own.server.busy !== undefined; i++) await new Promise((done) => setTimeout(done, 5));
    expect(own.server.busy).toBeUndefined();
    await own.engine.close();
  });
});
