import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RespClient, type WireReply } from "../../../../test/redis/resp-client.js";
import type { RunningEngine } from "../../engine.js";
import { openRedis } from "../server.js";
import type { RedisServer } from "../state.js";

let engine: RunningEngine;
let server: RedisServer;
let client: RespClient;
const clients: RespClient[] = [];
let time = 1_700_000_000_000;

async function another(): Promise<RespClient> {
  const one = await RespClient.open(engine.port);
  clients.push(one);
  return one;
}

beforeEach(async () => {
  time = 1_700_000_000_000;
  ({ engine, server } = await openRedis({ clock: { now: () => time } }));
  client = await another();
});
afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  await engine.close();
});

const map = (reply: WireReply): Map<string, WireReply> => {
  const items = (reply as WireReply[]).slice(1);
  return new Map(items.flatMap((key, i) => (i % 2 === 0 ? [[String(key), items[i + 1]!] as const] : [])));
};

describe("MIGRATE", () => {
  it("moves keys to another server with their expiry, or copies them", async () => {
    const target = await openRedis({ clock: { now: () => time } });
    const there = await RespClient.open(target.engine.port);
    const to = ["127.0.0.1", String(target.engine.port)];
    await client.pipeline([
      ["SET", "a", "1", "PX", "5000"],
      ["RPUSH", "b", "x", "y"],
      ["SET", "c", "3"],
    ]);
    expect(await client.send("MIGRATE", ...to, "", "2", "1000", "KEYS", "a", "b", "none")).toBe("+OK");
    expect(await client.send("MIGRATE", ...to, "c", "2", "1000", "COPY")).toBe("+OK");
    expect(await client.send("EXISTS", "a", "b", "c")).toBe(":1");
    expect(
      await there.pipeline([
        ["SELECT", "2"],
        ["PTTL", "a"],
        ["LRANGE", "b", "0", "-1"],
        ["GET", "c"],
      ]),
    ).toEqual(["+OK", ":5000", ["*", "$x", "$y"], "$3"]);
    expect(await client.send("MIGRATE", ...to, "c", "2", "1000")).toBe(
      "-ERR Target instance replied with error: BUSYKEY Target key name already exists.",
    );
    expect(
      await client.pipeline([
        ["MIGRATE", ...to, "c", "2", "1000", "REPLACE"],
        ["EXISTS", "c"],
      ]),
    ).toEqual(["+OK", ":0"]);
    expect(await client.send("MIGRATE", ...to, "c", "2", "1000")).toBe("+NOKEY");
    there.close();
    await target.engine.close();
    await client.send("SET", "c", "3");
    expect(await client.send("MIGRATE", ...to, "c", "0", "500")).toBe(
      "-IOERR error or timeout connecting to the client",
    );
    expect(await client.send("EXISTS", "c")).toBe(":1");
    expect(
      await client.send("COMMAND", "GETKEYS", "MIGRATE", ...to, "", "0", "10", "AUTH", "pw", "KEYS", "k1", "k2"),
    ).toEqual(["*", "$k1", "$k2"]);
  });

  it("keeps a key that changes on its way", async () => {
    const target = await openRedis({
      intercept: ({ command }) => (command === "RESTORE" ? { kind: "delay", ms: 100 } : undefined),
    });
    await client.send("SET", "a", "1");
    const moved = client.send("MIGRATE", "127.0.0.1", String(target.engine.port), "a", "0", "1000");
    await new Promise((resolve) => setTimeout(resolve, 30));
    await (await another()).send("APPEND", "a", "2");
    expect(await moved).toBe("-IOERR the key a changed on its way: it is on both servers");
    expect(await client.send("GET", "a")).toBe("$12");
    await target.engine.close();
  });
});

it("draws with LOLWUT, has no modules, no replicas and no file of users", async () => {
  expect(String(await client.send("LOLWUT"))).toMatch(/Redis ver\. 7\.2\.4\n$/);
  expect(
    await client.pipeline([
      ["MODULE", "LIST"],
      ["MODULE", "LOAD", "x.so"],
      ["REPLICAOF", "NO", "ONE"],
      ["REPLICAOF", "a", "1"],
      ["FAILOVER"],
      ["PSYNC", "?", "-1"],
      ["ACL", "SAVE"],
    ]),
  ).toEqual([
    ["*"],
    expect.stringMatching(/^-ERR MODULE command not allowed\. If the enable-module-command option is set to "local"/),
    "+OK",
    "-ERR this server cannot be a replica",
    "-ERR FAILOVER requires connected replicas.",
    "-ERR this server has no replication: it neither feeds replicas nor follows a master",
    expect.stringMatching(/^-ERR This Redis instance is not configured to use an ACL file\./),
  ]);
});

it("logs logins that failed, and tells who may run what", async () => {
  await client.send("ACL", "SETUSER", "ada", "on", ">secret", "~*", "&*", "+@all");
  await client.pipeline([
    ["AUTH", "ada", "wrong"],
    ["AUTH", "ada", "wrong"],
    ["AUTH", "nobody", "x"],
  ]);
  const log = (await client.send("ACL", "LOG")) as WireReply[];
  expect(log).toHaveLength(3);
  const entry = map(log[2]!);
  expect([entry.get("$count"), entry.get("$reason"), entry.get("$object"), entry.get("$username")]).toEqual([
    ":2",
    "$auth",
    "$auth",
    "$ada",
  ]);
  expect(
    await client.pipeline([
      ["ACL", "LOG", "RESET"],
      ["ACL", "LOG"],
      ["AUTH", "ada", "secret"],
    ]),
  ).toEqual(["+OK", ["*"], "+OK"]);
  expect(
    await client.pipeline([
      ["ACL", "DRYRUN", "ada", "GET", "k"],
      ["ACL", "DRYRUN", "ada", "GET"],
      ["ACL", "DRYRUN", "bob", "GET", "k"],
      ["ACL", "DRYRUN", "ada", "NONE"],
    ]),
  ).toEqual([
    "+OK",
    "-ERR wrong number of arguments for 'get' command",
    "-ERR User 'bob' not found",
    "-ERR Command 'NONE' not found",
  ]);
  expect(await client.send("ACL", "SETUSER", "eve", "on", ">x", "+get")).toMatch(
    /^-ERR Error in ACL SETUSER modifier '\+get'/,
  );
});

describe("RESET", () => {
  it("brings a connection into its first state", async () => {
    await client.pipeline([
      ["HELLO", "3", "SETNAME", "me"],
      ["CLIENT", "TRACKING", "on"],
      ["SUBSCRIBE", "c"],
      ["SELECT", "3"],
    ]);
    await client.send("WATCH", "k");
    expect(await client.send("RESET")).toBe("+RESET");
    const info = String(await client.send("CLIENT", "INFO"));
    expect(info).toMatch(/ name= /);
    expect(info).toMatch(/ db=0 sub=0 psub=0 ssub=0 multi=-1 /);
    expect(info).toMatch(/ flags=N /);
    expect(info).toMatch(/ resp=2 /);
  });

  it("leaves MULTI and MONITOR", async () => {
    await client.pipeline([["MULTI"], ["SET", "a", "1"]]);
    expect(await client.pipeline([["RESET"], ["EXEC"], ["EXISTS", "a"]])).toEqual([
      "+RESET",
      "-ERR EXEC without MULTI",
      ":0",
    ]);
    await client.send("MONITOR");
    expect(server.monitors.size).toBe(1);
    await client.send("RESET");
    expect(server.monitors.size).toBe(0);
  });
});

describe("CLIENT", () => {
  it("kills by id, address, user, type and name of a library", async () => {
    const other = await another();
    const id = String(await other.send("CLIENT", "ID")).slice(1);
    expect(await client.send("CLIENT", "KILL", "ID", id)).toBe(":1");
    await expect.poll(() => server.clients.size).toBe(1);
    const second = await another();
    const address = / addr=(\S+)/.exec(String(await second.send("CLIENT", "INFO")))![1]!;
    expect(await client.send("CLIENT", "KILL", address)).toBe("+OK");
    await expect.poll(() => server.clients.size).toBe(1);
    const third = await another();
    await third.send("SUBSCRIBE", "c");
    expect(await client.send("CLIENT", "KILL", "TYPE", "pubsub")).toBe(":1");
    expect(await client.send("CLIENT", "KILL", "USER", "nobody")).toBe("-ERR No such user 'nobody'");
    expect(await client.send("CLIENT", "KILL", "1.2.3.4:5")).toBe("-ERR No such client");
    expect(await client.send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")).toBe(":0");
  });

  it("pauses writes or all, and goes on in order", async () => {
    const other = await another();
    await client.send("CLIENT", "PAUSE", "60000", "WRITE");
    expect(await other.send("GET", "a")).toBeNull();
    const write = other.pipeline([
      ["SET", "a", "1"],
      ["GET", "a"],
    ]);
    expect(await client.send("GET", "a")).toBeNull();
    await client.send("CLIENT", "UNPAUSE");
    expect(await write).toEqual(["+OK", "$1"]);
  });

  it("answers nothing with REPLY OFF, and not the next with SKIP", async () => {
    const socket = connect({ host: "127.0.0.1", port: engine.port });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write("CLIENT REPLY OFF\r\nSET a 1\r\nCLIENT REPLY ON\r\nCLIENT REPLY SKIP\r\nPING\r\nGET a\r\n");
    await expect.poll(() => text).toBe("+OK\r\n$1\r\n1\r\n");
    socket.destroy();
  });

  it("spares who has asked for it from eviction of clients", async () => {
    const hog = await another();
    const spared = await another();
    await spared.send("CLIENT", "NO-EVICT", "on");
    const big = `*2\r\n$3\r\nGET\r\n$3000000\r\n${"x".repeat(2_000_000)}`;
    const sockets = [0, 1].map(() => {
      const socket = connect({ host: "127.0.0.1", port: engine.port });
      socket.on("error", () => {});
      return socket;
    });
    sockets[0]!.write(big);
    sockets[1]!.write(`CLIENT NO-EVICT on\r\n${big}`);
    await expect
      .poll(() => [...server.clients.values()].filter((one) => (one.transport?.pendingBytes ?? 0) > 1_000_000).length)
      .toBe(2);
    await client.send("CONFIG", "SET", "maxmemory-clients", "3000000");
    await expect.poll(() => server.stats.evictedClients).toBe(1);
    const left = [...server.clients.values()].filter((one) => (one.transport?.pendingBytes ?? 0) > 1_000_000);
    expect(left.map((one) => one.noEvict)).toEqual([true]);
    expect(await hog.send("PING")).toBe("+PONG");
    for (const socket of sockets) socket.destroy();
  });
});

describe("maxmemory", () => {
  const fill = async (count: number, expiring: (i: number) => boolean): Promise<void> => {
    const requests = Array.from({ length: count }, (_, i) => [
      "SET",
      `k${i}`,
      "x".repeat(1000),
      ...(expiring(i) ? ["EX", String(100_000 + i)] : []),
    ]);
    await client.pipeline(requests);
  };
  const limit = (policy: string): Promise<WireReply[]> =>
    client.pipeline([
      ["CONFIG", "SET", "maxmemory-policy", policy],
      ["CONFIG", "SET", "maxmemory-samples", "30"],
      ["CONFIG", "SET", "maxmemory", String(server.limitedMemory())],
    ]);

  it("refuses with noeviction what needs memory, and nothing else", async () => {
    await fill(100, () => false);
    await limit("noeviction");
    await client.send("CONFIG", "SET", "maxmemory", String(server.limitedMemory() - 1));
    const OOM = "-OOM command not allowed when used memory > 'maxmemory'.";
    expect(
      await client.pipeline([
        ["SET", "new", "x"],
        ["GET", "k1"],
        ["DEL", "k1"],
        ["LPUSH", "l", "x"],
      ]),
    ).toEqual([OOM, `$${"x".repeat(1000)}`, ":1", ":1"]);
  });

  it.each(["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu"])(
    "evicts with %s what was not used",
    async (policy) => {
      await client.send("CONFIG", "SET", "maxmemory-policy", policy);
      await fill(200, () => true);
      // The first half is used again and again, later.
      for (let round = 0; round < 30; round++) {
        time += 60_000;
        await client.pipeline(Array.from({ length: 100 }, (_, i) => ["GET", `k${i}`]));
      }
      await limit(policy);
      await client.pipeline(Array.from({ length: 40 }, (_, i) => ["SET", `new${i}`, "x".repeat(1000), "EX", "200000"]));
      const used = (await client.pipeline(Array.from({ length: 100 }, (_, i) => ["EXISTS", `k${i}`]))).filter(
        (one) => one === ":1",
      ).length;
      const unused = (await client.pipeline(Array.from({ length: 100 }, (_, i) => ["EXISTS", `k${100 + i}`]))).filter(
        (one) => one === ":1",
      ).length;
      expect(server.stats.evictedKeys).toBeGreaterThan(20);
      expect(used).toBeGreaterThan(unused + 20);
    },
  );

  it("evicts with volatile-ttl what ends soonest, and with volatile policies nothing that stays", async () => {
    await fill(200, (i) => i % 2 === 0);
    await limit("volatile-ttl");
    await client.pipeline(Array.from({ length: 30 }, (_, i) => ["SET", `new${i}`, "x".repeat(1000)]));
    const stay = await client.pipeline(Array.from({ length: 100 }, (_, i) => ["EXISTS", `k${i * 2 + 1}`]));
    expect(stay.every((one) => one === ":1")).toBe(true);
    const soon = (await client.pipeline(Array.from({ length: 50 }, (_, i) => ["EXISTS", `k${i * 2}`]))).filter(
      (one) => one === ":1",
    ).length;
    const late = (await client.pipeline(Array.from({ length: 50 }, (_, i) => ["EXISTS", `k${100 + i * 2}`]))).filter(
      (one) => one === ":1",
    ).length;
    expect(late).toBeGreaterThan(soon + 15);
    // When nothing is left that may go, writes are refused.
    const replies = await client.pipeline(Array.from({ length: 200 }, (_, i) => ["SET", `more${i}`, "x".repeat(1000)]));
    expect(replies.at(-1)).toBe("-OOM command not allowed when used memory > 'maxmemory'.");
  });

  it.each(["allkeys-random", "volatile-random"])("evicts at random with %s", async (policy) => {
    await fill(100, () => true);
    await limit(policy);
    const before = server.limitedMemory();
    await client.pipeline(Array.from({ length: 50 }, (_, i) => ["SET", `new${i}`, "x".repeat(1000), "EX", "99"]));
    expect(server.stats.evictedKeys).toBeGreaterThan(30);
    expect(server.limitedMemory()).toBeLessThan(before + 5000);
  });
});

describe("used memory", () => {
  const figure = async (name: string): Promise<number> => {
    const info = String(await client.send("INFO", "memory"));
    return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)![1]);
  };

  it("counts a string that gets an expiry later as one that had it from the start", async () => {
    const used: number[] = [];
    for (const expires of [[], ["EX", "100"]]) {
      const before = server.limitedMemory();
      const set = Array.from({ length: 100 }, (_, i) => ["SET", `key:${i}`, "value", ...expires]);
      const expire = Array.from({ length: 100 }, (_, i) => ["EXPIRE", `key:${i}`, "100"]);
      await client.pipeline([...set, ...expire]);
      used.push(server.limitedMemory() - before);
      const each = await client.pipeline(Array.from({ length: 100 }, (_, i) => ["MEMORY", "USAGE", `key:${i}`]));
      expect(each.reduce<number>((sum, one) => sum + Number(String(one).slice(1)), 0)).toBe(used.at(-1));
      await client.pipeline([["FLUSHALL"]]);
      expect(server.limitedMemory()).toBe(before);
    }
    expect(used[0]).toBe(used[1]);
  });

  it("shows the room that removed strings leave, and evicts no more keys for it", async () => {
    const count = 10_000;
    const key = (i: number) => `key:${String(i).padStart(5, "0")}`;
    await client.pipeline(Array.from({ length: count }, (_, i) => ["SET", key(i), "x".repeat(200)]));
    expect(await figure("mem_not_counted_for_evict")).toBe(0);
    await client.pipeline([
      ["CONFIG", "SET", "maxmemory-policy", "allkeys-random"],
      ["CONFIG", "SET", "maxmemory", String(server.limitedMemory())],
    ]);
    await client.pipeline(Array.from({ length: 100 }, (_, i) => ["SET", `new:${i}`, "x".repeat(400)]));
    expect(server.stats.evictedKeys).toBeGreaterThan(100);
    expect(server.stats.evictedKeys).toBeLessThan(300);
    expect(await figure("mem_not_counted_for_evict")).toBeGreaterThan(10_000);
    expect(await figure("used_memory")).toBe(server.limitedMemory() + (await figure("mem_not_counted_for_evict")));
  });
});

describe("expiry", () => {
  it("is exact to the millisecond, read or not", async () => {
    await client.pipeline([
      ["SET", "a", "1", "PX", "1500"],
      ["SET", "b", "1", "PX", "1501"],
    ]);
    time += 1500;
    expect(
      await client.pipeline([
        ["PTTL", "a"],
        ["EXISTS", "a"],
      ]),
    ).toEqual([":0", ":1"]);
    time += 1;
    expect(
      await client.pipeline([
        ["GET", "a"],
        ["GET", "b"],
      ]),
    ).toEqual([null, "$1"]);
    time += 1;
    // Nobody reads b: the cycle finds it.
    await expect.poll(() => server.dbs[0]!.size).toBe(0);
    expect(server.stats.expiredKeys).toBe(2);
  });

  it("removes many keys that are due in turns, and tells of each", async () => {
    const events: string[] = [];
    server.propagator = { write: (changes) => void events.push(...changes.map(({ args }) => args[0]!)) };
    await client.pipeline(Array.from({ length: 5000 }, (_, i) => ["SET", `k${i}`, "1", "PX", "10"]));
    events.length = 0;
    time += 100;
    await expect.poll(() => server.dbs[0]!.size, { timeout: 5000 }).toBe(0);
    expect(events).toHaveLength(5000);
    expect(new Set(events)).toEqual(new Set(["DEL"]));
  });
});
