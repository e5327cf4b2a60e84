import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RespClient } from "./resp-client.js";
import { startTestServer, type TestServer } from "./server.js";

/** https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/ */
describe("keyspace notifications", () => {
  let server: TestServer;
  let client: RespClient;
  let listener: RespClient;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(async () => {
    await server.close();
  });
  beforeEach(async () => {
    await server.reset();
    const port = Number(new URL(server.url).port);
    client = await RespClient.open(port);
    listener = await RespClient.open(port);
    await listener.send("HELLO", "3");
    await listener.send("PSUBSCRIBE", "__key*__:*");
  });
  afterEach(async () => {
    await client.pipeline([
      ["CONFIG", "SET", "notify-keyspace-events", ""],
      ["CONFIG", "SET", "maxmemory", "0"],
      ["CONFIG", "SET", "maxmemory-policy", "noeviction"],
    ]);
    client.close();
    listener.close();
  });

  /** What requests publish, as `channel message`; `enough` is how many to wait for where something comes later. */
  async function eventsOf(
    letters: string,
    requests: readonly (readonly string[])[],
    enough = 0,
  ): Promise<readonly string[]> {
    await client.send("CONFIG", "SET", "notify-keyspace-events", letters);
    const before = listener.pushes.length;
    await client.pipeline(requests);
    for (let i = 0; i < 600 && listener.pushes.length - before < enough; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // All messages that were sent before it are there when its reply is.
    await listener.send("PING");
    return listener.pushes
      .slice(before)
      .map((push) => `${String(push![3]).slice(1)} ${String(push![4]).slice(1)}`.replace("__key", ""));
  }

  it("tell of a key's events, of an event's keys, or of both, in that order", async () => {
    const requests = [["SET", "k", "v"]];
    expect(await eventsOf("K$", requests)).toEqual(["space@0__:k set"]);
    expect(await eventsOf("E$", requests)).toEqual(["event@0__:set k"]);
    expect(await eventsOf("KE$", requests)).toEqual(["space@0__:k set", "event@0__:set k"]);
    expect(await eventsOf("$", requests)).toEqual([]);
    expect(await eventsOf("", requests)).toEqual([]);
  });

  it("tell of no class that is not asked for, and of the database", async () => {
    const requests = [
      ["SELECT", "3"],
      ["SET", "s", "1"],
      ["RPUSH", "l", "a"],
      ["SADD", "set", "a"],
      ["HSET", "h", "f", "v"],
      ["ZADD", "z", "1", "a"],
      ["XADD", "x", "1-1", "f", "v"],
      ["DEL", "l"],
      ["SELECT", "0"],
    ];
    const all = [
      "event@3__:set s",
      "event@3__:rpush l",
      "event@3__:sadd set",
      "event@3__:hset h",
      "event@3__:zadd z",
      "event@3__:xadd x",
      "event@3__:del l",
    ];
    expect(await eventsOf("EA", requests)).toEqual(all);
    await client.send("FLUSHALL");
    for (const [i, letter] of ["$", "l", "s", "h", "z", "t", "g"].entries()) {
      expect(await eventsOf(`E${letter}`, requests), letter).toEqual([all[i]]);
      await client.send("FLUSHALL");
    }
  });

  it("tell of each step of what one request does", async () => {
    expect(
      await eventsOf("EA", [
        ["SET", "a", "1", "EX", "100"],
        ["INCRBYFLOAT", "a", "1.5"],
        ["APPEND", "a", "x"],
        ["RENAME", "a", "b"],
        ["COPY", "b", "c"],
        ["PERSIST", "b"],
        ["RPUSH", "l", "1"],
        ["LMOVE", "l", "m", "LEFT", "RIGHT"],
        ["GETDEL", "c"],
        ["SADD", "s", "1"],
        ["SPOP", "s"],
      ]),
    ).toEqual([
      "event@0__:set a",
      "event@0__:expire a",
      "event@0__:incrbyfloat a",
      "event@0__:append a",
      "event@0__:rename_from a",
      "event@0__:rename_to b",
      "event@0__:copy_to c",
      "event@0__:persist b",
      "event@0__:rpush l",
      "event@0__:rpush m",
      "event@0__:lpop l",
      "event@0__:del l",
      "event@0__:del c",
      "event@0__:sadd s",
      "event@0__:spop s",
      "event@0__:del s",
    ]);
  });

  it("tell that a key has expired though nobody asks for it, that one is missed, and that one is new", async () => {
    expect(await eventsOf("Ex", [["PSETEX", "gone", "30", "v"]], 1)).toEqual(["event@0__:expired gone"]);
    expect(
      await eventsOf("Em", [
        ["GET", "none"],
        ["EXISTS", "none"],
      ]),
    ).toEqual(["event@0__:keymiss none", "event@0__:keymiss none"]);
    expect(
      await eventsOf("En", [
        ["SET", "fresh", "1"],
        ["SET", "fresh", "2"],
        ["INCR", "counter"],
      ]),
    ).toEqual(["event@0__:new fresh", "event@0__:new counter"]);
  });

  it("come from transactions and scripts, too, and not from what changes nothing", async () => {
    expect(
      await eventsOf("EA", [
        ["MULTI"],
        ["SET", "a", "1"],
        ["INCR", "a"],
        ["EXEC"],
        ["EVAL", "redis.call('SET', KEYS[1], 'x') return redis.call('DEL', KEYS[1])", "1", "b"],
        ["DEL", "none"],
        ["EXPIRE", "none", "10"],
        ["SETNX", "a", "2"],
        ["SREM", "none", "x"],
      ]),
    ).toEqual(["event@0__:set a", "event@0__:incrby a", "event@0__:set b", "event@0__:del b"]);
  });

  it("refuse classes that there are not", async () => {
    expect(await client.send("CONFIG", "SET", "notify-keyspace-events", "KQ")).toMatch(/^-ERR CONFIG SET failed/);
  });
});
