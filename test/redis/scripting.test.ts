import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningEngine } from "../../src/engines/engine.js";
import type { Change } from "../../src/engines/redis/propagation.js";
import { openRedis } from "../../src/engines/redis/server.js";
import type { RedisServer } from "../../src/engines/redis/state.js";
import { RespClient, type WireReply } from "./resp-client.js";

describe("scripts over a socket", () => {
  let engine: RunningEngine;
  let server: RedisServer;
  let client: RespClient;
  const run = (script: string, keys: string[] = [], ...args: string[]): Promise<WireReply> =>
    client.send("EVAL", script, String(keys.length), ...keys, ...args);

  beforeAll(async () => {
    ({ engine, server } = await openRedis({}));
    client = await RespClient.open(engine.port);
  });
  afterAll(async () => {
    client.close();
    await engine.close();
  });
  beforeEach(async () => {
    await client.pipeline([["FLUSHALL"], ["SCRIPT", "FLUSH"], ["FUNCTION", "FLUSH"], ["HELLO", "2"]]);
  });

  it("converts values both ways in RESP2", async () => {
    expect(await run("return {1, 2.9, 'a', true, false, {ok='fine'}, {1, nil, 3}}")).toEqual([
      "*",
      ":1",
      ":2",
      "$a",
      ":1",
      null,
      "+fine",
      ["*", ":1"],
    ]);
    expect(await run("return redis.call('get', KEYS[1]) == false", ["none"])).toBe(":1");
    expect(await run("return type(redis.call('set', KEYS[1], ARGV[1]).ok)", ["k"], "v")).toBe("$string");
    expect(await run("return 2^60")).toBe(":1152921504606846976");
  });

  it("converts RESP3's types when the script asks for them", async () => {
    await client.send("HSET", "h", "f", "v");
    await client.send("HELLO", "3");
    expect(await run("redis.setresp(3) return redis.call('hgetall', 'h').map.f")).toBe("$v");
    expect(await run("redis.setresp(3) return redis.call('hgetall', 'h')")).toEqual(["%", "$f", "$v"]);
    expect(await run("return {double=1.5}")).toBe(",1.5");
    expect(await run("return {big_number='123'}")).toBe("(123");
    expect(await run("return {set={a=true}}")).toEqual(["~", "$a"]);
    expect(await run("redis.setresp(3) return true")).toBe("#t");
  });

  it("names script and line in errors", async () => {
    const sha = "(?:[0-9a-f]{40})";
    await client.send("SET", "s", "text");
    expect(await run("\nreturn redis.call('incr', 's')")).toMatch(
      new RegExp(`^-ERR value is not an integer or out of range script: ${sha}, on @user_script:2\\.$`),
    );
    expect(await run("return nothing")).toMatch(
      /^-ERR user_script:1: Script attempted to access nonexistent global variable 'nothing' script: /,
    );
    expect(await run("x = 1")).toMatch(/^-ERR user_script:1: Attempt to modify a readonly table script: /);
    expect(await run("return redis.pcall('incr', 's').err")).toBe("$ERR value is not an integer or out of range");
    expect(await run("return select(2, pcall(redis.call, 'nosuch'))")).toBe(
      "$ERR Unknown Redis command called from script",
    );
    expect(await run("return (")).toMatch(/^-ERR Error compiling script \(new function\): user_script:1: /);
    expect(await run("return redis.error_reply('MY problem')")).toBe("-MY problem");
    expect(await run("local function f() return f() + 1 end return f()")).toMatch(/stack overflow/);
  });

  it("keeps scripts by their digest", async () => {
    const sha = await client.send("SCRIPT", "LOAD", "return ARGV[1]");
    expect(sha).toMatch(/^\$[0-9a-f]{40}$/);
    const digest = (sha as string).slice(1);
    expect(await client.send("EVALSHA", digest.toUpperCase(), "0", "x")).toBe("$x");
    expect(await client.send("SCRIPT", "EXISTS", digest, "0".repeat(40))).toEqual(["*", ":1", ":0"]);
    await client.send("SCRIPT", "FLUSH");
    expect(await client.send("EVALSHA", digest, "0")).toBe("-NOSCRIPT No matching script. Please use EVAL.");
  });

  it("refuses writes of read-only scripts, and commands that scripts may not call", async () => {
    expect(await client.send("EVAL_RO", "return redis.call('set', KEYS[1], '1')", "1", "k")).toMatch(
      /^-ERR Write commands are not allowed from read-only scripts\. script: /,
    );
    expect(await run("#!lua flags=no-writes\nreturn redis.call('set', 'k', '1')")).toMatch(
      /^-ERR Write commands are not allowed from read-only scripts\. script: .*on @user_script:2\.$/,
    );
    expect(await client.send("EVAL_RO", "#!lua\nreturn 1", "0")).toBe(
      "-ERR Can not execute a script with write flag using *_ro command.",
    );
    expect(await run("#!lua flags=some\nreturn 1")).toBe("-ERR Unexpected flag in script shebang: some");
    expect(await run("return redis.call('multi')")).toMatch(/^-ERR This Redis command is not allowed from script/);
    expect(await client.send("EXISTS", "k")).toBe(":0");
  });

  it("propagates all that a script changed as one unit", async () => {
    const units: (readonly Change[])[] = [];
    server.propagator = { write: (changes) => units.push(changes) };
    try {
      await run(
        "redis.call('set', 'a', 1) redis.set_repl(redis.REPL_NONE) redis.call('set', 'b', 1) " +
          "redis.set_repl(redis.REPL_ALL) redis.call('incr', 'a') redis.call('get', 'a')",
      );
    } finally {
      server.propagator = undefined;
    }
    expect(units.map((unit) => unit.map(({ args }) => args.join(" ")))).toEqual([["set a 1", "incr a"]]);
    expect(await client.send("MGET", "a", "b")).toEqual(["*", "$2", "$1"]);
  });

  it("loads, lists, calls, dumps and restores functions", async () => {
    const code =
      "#!lua name=lib\nredis.register_function('get_it', function(keys, args) return {keys[1], args[1]} end)";
    expect(await client.send("FUNCTION", "LOAD", code)).toBe("$lib");
    expect(await client.send("FUNCTION", "LOAD", code)).toBe("-ERR Library 'lib' already exists");
    expect(await client.send("FCALL", "get_it", "1", "k", "v")).toEqual(["*", "$k", "$v"]);
    expect(await client.send("FCALL_RO", "get_it", "0")).toBe(
      "-ERR Can not execute a script with write flag using *_ro command.",
    );
    const dump = await client.send("FUNCTION", "DUMP");
    expect(await client.send("FUNCTION", "DELETE", "lib")).toBe("+OK");
    expect(await client.send("FCALL", "get_it", "0")).toBe("-ERR Function not found");
    expect(await client.send("FUNCTION", "RESTORE", (dump as string).slice(1))).toBe("+OK");
    expect(await client.send("FUNCTION", "LIST", "WITHCODE")).toEqual([
      "*",
      [
        "*",
        "$library_name",
        "$lib",
        "$engine",
        "$LUA",
        "$functions",
        ["*", ["*", "$name", "$get_it", "$description", null, "$flags", ["*"]]],
        "$library_code",
        `$${code}`,
      ],
    ]);
    expect(await client.send("FUNCTION", "LOAD", "#!lua name=x\nreturn math")).toBe(
      "-ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'math'",
    );
  });
});
