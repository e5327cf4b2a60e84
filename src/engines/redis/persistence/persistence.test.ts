import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { RandomCommands } from "../../../../test/redis/random-commands.js";
import { RespClient } from "../../../../test/redis/resp-client.js";
import type { EngineOptions, RunningEngine } from "../../engine.js";
import { TYPE_SET } from "../data/entry.js";
import { dumpValue } from "../data/rdb-write.js";
import type { SetData } from "../data/set.js";
import { openRedis } from "../server.js";
import type { RedisServer } from "../state.js";
import { type LogFiles, realFiles } from "./append-log.js";

const open: RunningEngine[] = [];
const clients: RespClient[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const engine of open.splice(0)) await engine.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-redis-"));
  folders.push(folder);
  return folder;
}

interface Started {
  readonly server: RedisServer;
  readonly client: RespClient;
  readonly messages: string[];
  stop(): Promise<void>;
}

async function start(dataDir: string, options: EngineOptions = {}, files?: LogFiles): Promise<Started> {
  const messages: string[] = [];
  const { engine, server } = await openRedis(
    { ...options, dataDir, log: (level, message) => void messages.push(`${level}: ${message}`) },
    files,
  );
  open.push(engine);
  const client = await RespClient.open(engine.port);
  clients.push(client);
  const stop = async (): Promise<void> => {
    client.close();
    open.splice(open.indexOf(engine), 1);
    await engine.close();
  };
  return { server, client, messages, stop };
}

/** All data, in a form that does not tell in which order a set's members came. */
function contents(server: RedisServer): Record<string, string> {
  const out: Record<string, string> = {};
  for (const db of server.dbs) {
    for (const entry of db.entries()) {
      const value = entry.type === TYPE_SET ? [...(entry.value as SetData).items].sort().join("|") : dumpValue(entry);
      out[`${db.index} ${entry.key} ${entry.type} ${entry.expireAt}`] = value;
    }
  }
  return out;
}

async function randomLoad(client: RespClient, seed: number, requests: number): Promise<void> {
  const random = new RandomCommands(seed);
  for (let i = 0; i < requests; i++) {
    const { count, transaction } = random.shape();
    const body = Array.from({ length: count }, () => random.next());
    await client.pipeline(transaction ? [["MULTI"], ...body, ["EXEC"]] : body);
  }
}

async function field(client: RespClient, name: string): Promise<string> {
  const text = String(await client.send("INFO", "persistence"));
  return new RegExp(`${name}:(.*)\r`).exec(text)?.[1] ?? "";
}

async function rewritten(client: RespClient): Promise<void> {
  for (let i = 0; i < 500 && (await field(client, "aof_rewrite_in_progress")) !== "0"; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const logOf = (folder: string, file: string): string => join(folder, "appendonlydir", file);
const clock = { now: () => 1_700_000_000_000 };

describe("the append-only log", () => {
  it.each([1, 2, 3])("gives the same data after a restart (seed %i)", async (seed) => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await randomLoad(first.client, seed, 200);
    await first.client.send(
      "FUNCTION",
      "LOAD",
      "#!lua name=lib\nredis.register_function('f', function() return 7 end)",
    );
    const before = contents(first.server);
    expect(Object.keys(before).length).toBeGreaterThan(5);
    await first.stop();
    const second = await start(folder, { clock });
    expect(contents(second.server)).toEqual(before);
    expect(await second.client.send("FCALL", "f", "0")).toBe(":7");
    expect(second.messages).toEqual([]);
  });

  it.each([4, 5, 6])("gives the same data when it is rewritten under load (seed %i)", async (seed) => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await randomLoad(first.client, seed, 150);
    // Enough keys for a rewrite that takes several turns.
    const many = Array.from({ length: 30_000 }, (_, i) => ["SET", `many:${i}`, "x".repeat(20)]);
    for (let i = 0; i < many.length; i += 5000) await first.client.pipeline(many.slice(i, i + 5000));
    expect(await first.client.send("BGREWRITEAOF")).toBe("+Background append only file rewriting started");
    for (let round = 0; (await field(first.client, "aof_rewrite_in_progress")) === "1"; round++) {
      await randomLoad(first.client, seed * 1000 + round, 3);
      const some = Array.from({ length: 20 }, (_, i) => Math.floor(((round * 20 + i) * 7919) % 30_000));
      await first.client.pipeline(
        some.map((at, i) =>
          i % 3 === 0
            ? ["DEL", `many:${at}`]
            : i % 3 === 1
              ? ["APPEND", `many:${at}`, "y"]
              : ["RENAME", `many:${at}`, `new:${at}`],
        ),
      );
      if (round === 2) await first.client.send("SELECT", "1");
      if (round === 4) await first.client.send("SELECT", "0");
    }
    await randomLoad(first.client, seed + 77, 20);
    const before = contents(first.server);
    expect(await field(first.client, "aof_last_bgrewrite_status")).toBe("ok");
    await first.stop();
    expect(readdirSync(join(folder, "appendonlydir")).sort()).toEqual([
      "appendonly.aof.1.base.aof",
      "appendonly.aof.2.incr.aof",
      "appendonly.aof.manifest",
    ]);
    const second = await start(folder, { clock });
    expect(contents(second.server)).toEqual(before);
  });

  it("writes transactions and scripts as a whole, and times as absolute ones", async () => {
    const folder = newFolder();
    const { client, stop } = await start(folder, { clock });
    await client.pipeline([["MULTI"], ["SET", "a", "1"], ["INCR", "a"], ["EXEC"]]);
    await client.send("EVAL", "redis.call('SET','b','1') redis.call('LPUSH','l','x')", "0");
    await client.pipeline([
      ["SELECT", "3"],
      ["SET", "c", "1", "EX", "100"],
      ["SADD", "s", "m"],
      ["SPOP", "s"],
    ]);
    await stop();
    const log = readFileSync(logOf(folder, "appendonly.aof.1.incr.aof"), "latin1");
    expect(
      log
        .replace(/[*$]\d+\r\n/g, "")
        .split("\r\n")
        .slice(0, -1)
        .join(" "),
    ).toBe(
      "SELECT 0 MULTI SET a 1 INCR a EXEC MULTI SET b 1 LPUSH l x EXEC SELECT 3 SET c 1 PXAT 1700000100000 SADD s m SREM s m",
    );
  });

  it("cuts a torn end, and says so", async () => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await first.client.pipeline([
      ["SET", "a", "1"],
      ["SET", "b", "2"],
    ]);
    await first.stop();
    const path = logOf(folder, "appendonly.aof.1.incr.aof");
    const whole = readFileSync(path).length;
    appendFileSync(path, "*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$5\r\nhal");
    const second = await start(folder, { clock });
    expect(second.messages).toEqual([
      `warning: The end of ${path} was torn: it was cut after byte ${whole}, where its last whole command ends.`,
    ]);
    expect(
      await second.client.pipeline([
        ["GET", "a"],
        ["GET", "b"],
        ["GET", "c"],
        ["SET", "d", "4"],
      ]),
    ).toEqual(["$1", "$2", null, "+OK"]);
    await second.stop();
    const third = await start(folder, { clock });
    expect(third.messages).toEqual([]);
    expect(await third.client.send("DBSIZE")).toBe(":3");
  });

  it.each(Array.from({ length: 12 }, (_, i) => i * 9 + 1))(
    "starts from a log cut %i bytes before its end",
    async (cut) => {
      const folder = newFolder();
      const first = await start(folder, { clock });
      await first.client.pipeline([["SET", "a", "1"], ["MULTI"], ["SET", "b", "2"], ["SET", "c", "3"], ["EXEC"]]);
      await first.stop();
      const path = logOf(folder, "appendonly.aof.1.incr.aof");
      truncateSync(path, readFileSync(path).length - cut);
      const second = await start(folder, { clock });
      // A transaction is there as a whole or not at all.
      expect(await second.client.send("EXISTS", "b", "c")).toBe(":0");
      expect(second.messages).toHaveLength(1);
    },
  );

  it("refuses a log that is damaged in its middle, with the place", async () => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await first.client.pipeline([
      ["SET", "a", "1"],
      ["SET", "b", "2"],
    ]);
    await first.stop();
    const path = logOf(folder, "appendonly.aof.1.incr.aof");
    const bytes = readFileSync(path);
    const at = bytes.indexOf("*3", 10);
    bytes[at] = 0;
    writeFileSync(path, bytes);
    await expect(start(folder)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: `The append-only file ${path} is damaged at byte ${at}.`,
    });
    // The folder is free again.
    rmSync(join(folder, "appendonlydir"), { recursive: true });
    expect(await (await start(folder)).client.send("DBSIZE")).toBe(":0");
  });

  it("refuses a folder that another engine has", async () => {
    const folder = newFolder();
    const first = await start(folder);
    await expect(start(folder)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await first.stop();
    writeFileSync(join(folder, "keyfold.lock"), "999999999 1");
    expect(await (await start(folder)).client.send("PING")).toBe("+PONG");
  });

  it("is turned off and on", async () => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await first.client.send("SET", "a", "1");
    expect(
      await first.client.pipeline([
        ["CONFIG", "SET", "appendonly", "no"],
        ["SET", "b", "2"],
      ]),
    ).toEqual(["+OK", "+OK"]);
    expect(await field(first.client, "aof_enabled")).toBe("0");
    await first.client.send("CONFIG", "SET", "appendonly", "yes");
    await rewritten(first.client);
    await first.client.send("SET", "c", "3");
    await first.stop();
    const second = await start(folder, { clock });
    expect(await second.client.pipeline([["MGET", "a", "b", "c"]])).toEqual([["*", "$1", "$2", "$3"]]);
  });

  it("waits for the disk with WAITAOF", async () => {
    const { client } = await start(newFolder());
    await client.send("CONFIG", "SET", "appendfsync", "no");
    expect(
      await client.pipeline([
        ["SET", "a", "1"],
        ["WAITAOF", "1", "0", "5000"],
      ]),
    ).toEqual(["+OK", ["*", ":1", ":0"]]);
    await client.send("CONFIG", "SET", "appendonly", "no");
    expect(await client.send("WAITAOF", "1", "0", "0")).toBe(
      "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
    );
  });

  it("rewrites by itself when it has grown", async () => {
    const folder = newFolder();
    const { client } = await start(folder);
    await client.send("CONFIG", "SET", "auto-aof-rewrite-min-size", "2000");
    for (let i = 0; i < 5; i++) await client.pipeline(Array.from({ length: 100 }, () => ["INCR", "n"]));
    for (let i = 0; i < 200 && (await field(client, "aof_rewrites")) === "0"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await rewritten(client);
    expect(Number(await field(client, "aof_current_size"))).toBeLessThan(2000);
    expect(existsSync(logOf(folder, "appendonly.aof.1.base.aof"))).toBe(true);
  });

  it("takes a rewrite that is asked for in a transaction after it", async () => {
    const folder = newFolder();
    const first = await start(folder);
    const replies = await first.client.pipeline([["MULTI"], ["INCR", "n"], ["BGREWRITEAOF"], ["INCR", "n"], ["EXEC"]]);
    expect(replies.at(-1)).toEqual(["*", ":1", "+Background append only file rewriting scheduled", ":2"]);
    for (let i = 0; i < 200 && (await field(first.client, "aof_rewrites")) === "0"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await first.stop();
    expect(await (await start(folder)).client.send("GET", "n")).toBe("$2");
  });
});

describe("a disk that fails", () => {
  /** Files whose writes and syncs fail while told to; a failing write may have done a part. */
  function failing() {
    const state = { write: undefined as string | undefined, sync: undefined as string | undefined, part: 0 };
    const error = (code: string) => Object.assign(new Error(code), { code });
    const files: LogFiles = {
      writeSync: (fd, bytes, from, length) => {
        if (state.write === undefined) return realFiles.writeSync(fd, bytes, from, length);
        if (state.part > 0) {
          const part = Math.min(length, state.part);
          state.part = 0;
          return realFiles.writeSync(fd, bytes, from, part);
        }
        throw error(state.write);
      },
      fdatasyncSync: (fd) => {
        if (state.sync !== undefined) throw error(state.sync);
        realFiles.fdatasyncSync(fd);
      },
    };
    return { state, files };
  }
  const MISCONF = "-MISCONF Errors writing to the AOF file: No space left on device";

  it("refuses writes while it is full, answers reads, and recovers", async () => {
    const folder = newFolder();
    const { state, files } = failing();
    const first = await start(folder, {}, files);
    await first.client.pipeline([
      ["CONFIG", "SET", "appendfsync", "everysec"],
      ["SET", "a", "1"],
    ]);
    state.write = "ENOSPC";
    state.part = 9;
    // With everysec the first write is acknowledged: it is kept in memory, and for the file.
    expect(await first.client.send("SET", "b", "2")).toBe("+OK");
    expect(
      await first.client.pipeline([
        ["SET", "c", "3"],
        ["GET", "a"],
        ["EVAL", "return redis.call('SET','d','4')", "0"],
      ]),
    ).toEqual([
      MISCONF,
      "$1",
      expect.stringContaining("MISCONF Errors writing to the AOF file: No space left on device"),
    ]);
    expect(await field(first.client, "aof_last_write_status")).toBe("err");
    state.write = undefined;
    for (let i = 0; i < 100 && (await first.client.send("SET", "e", "5")) !== "+OK"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await field(first.client, "aof_last_write_status")).toBe("ok");
    expect(first.messages.map((one) => one.split(" ")[0])).toEqual(["warning:", "notice:"]);
    await first.stop();
    const second = await start(folder);
    expect(second.messages).toEqual([]);
    expect(await second.client.send("MGET", "a", "b", "c", "d", "e")).toEqual(["*", "$1", "$2", null, null, "$5"]);
  });

  it("never acknowledges with always what it could not write: the connection is closed", async () => {
    const folder = newFolder();
    const { state, files } = failing();
    const first = await start(folder, {}, files);
    const { client, server } = first;
    await client.pipeline([
      ["CONFIG", "SET", "appendfsync", "always"],
      ["SET", "a", "1"],
    ]);
    const reader = await RespClient.open(server.port);
    clients.push(reader);
    state.write = "ENOSPC";
    let answered: unknown;
    void client.send("SET", "b", "2").then(
      (reply) => {
        answered = reply;
      },
      () => {},
    );
    for (let i = 0; i < 100 && server.clients.size > 1; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(server.clients.size).toBe(1);
    expect(answered).toBeUndefined();
    expect(
      await reader.pipeline([
        ["GET", "a"],
        ["SET", "c", "3"],
      ]),
    ).toEqual(["$1", MISCONF]);
    state.write = undefined;
    for (let i = 0; i < 100 && (await reader.send("SET", "d", "4")) !== "+OK"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await first.stop();
    expect(await (await start(folder)).client.send("MGET", "a", "c", "d")).toEqual(["*", "$1", null, "$4"]);
  });

  it("begins a new file when a sync failed: the old one cannot be relied on", async () => {
    const folder = newFolder();
    const { state, files } = failing();
    const first = await start(folder, {}, files);
    await first.client.pipeline([
      ["CONFIG", "SET", "appendfsync", "always"],
      ["SET", "a", "1"],
    ]);
    const other = await RespClient.open(first.server.port);
    clients.push(other);
    state.sync = "EIO";
    void first.client.send("SET", "b", "2").catch(() => {});
    for (let i = 0; i < 100 && first.server.clients.size > 1; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await other.send("SET", "c", "3")).toBe("-MISCONF Errors writing to the AOF file: Input/output error");
    state.sync = undefined;
    for (let i = 0; i < 200 && (await other.send("SET", "d", "4")) !== "+OK"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await first.stop();
    expect(readFileSync(logOf(folder, "appendonly.aof.manifest"), "latin1")).toBe(
      "file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n",
    );
    expect(await (await start(folder)).client.send("MGET", "a", "c", "d")).toEqual(["*", "$1", null, "$4"]);
  });
});

describe("snapshots", () => {
  it.each(["SAVE", "BGSAVE"])("writes all keys by %s, and starts from them where there is no log", async (command) => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await randomLoad(first.client, 11, 150);
    await first.client.send(
      "FUNCTION",
      "LOAD",
      "#!lua name=lib\nredis.register_function('f', function() return 7 end)",
    );
    const before = contents(first.server);
    expect(await first.client.send(command)).toBe(command === "SAVE" ? "+OK" : "+Background saving started");
    for (let i = 0; i < 200 && (await field(first.client, "rdb_bgsave_in_progress")) !== "0"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await field(first.client, "rdb_changes_since_last_save")).toBe("0");
    expect(await first.client.send("LASTSAVE")).toBe(":1700000000");
    await first.stop();
    rmSync(join(folder, "appendonlydir"), { recursive: true });
    const second = await start(folder, { clock });
    expect(contents(second.server)).toEqual(before);
    expect(await second.client.send("FCALL", "f", "0")).toBe(":7");
    // The log holds it from now on.
    await second.stop();
    rmSync(join(folder, "dump.rdb"));
    expect(contents((await start(folder, { clock })).server)).toEqual(before);
  });

  it("shows the moment at which BGSAVE was asked for, whatever changes meanwhile", async () => {
    const folder = newFolder();
    const first = await start(folder, { clock });
    await randomLoad(first.client, 12, 100);
    const many = Array.from({ length: 20_000 }, (_, i) => ["SET", `many:${i}`, "x"]);
    for (let i = 0; i < many.length; i += 5000) await first.client.pipeline(many.slice(i, i + 5000));
    const before = contents(first.server);
    await first.client.send("BGSAVE");
    for (let round = 0; (await field(first.client, "rdb_bgsave_in_progress")) === "1"; round++) {
      await randomLoad(first.client, 500 + round, 3);
      await first.client.pipeline([
        ["DEL", `many:${round}`],
        ["APPEND", `many:${10_000 + round}`, "y"],
        ["SET", `later:${round}`, "1"],
      ]);
      if (round === 3) await first.client.send("FLUSHALL");
    }
    await first.stop();
    rmSync(join(folder, "appendonlydir"), { recursive: true });
    expect(contents((await start(folder, { clock })).server)).toEqual(before);
  });

  it("refuses them without a folder", async () => {
    const { engine } = await openRedis({});
    open.push(engine);
    const client = await RespClient.open(engine.port);
    clients.push(client);
    for (const command of ["SAVE", "BGSAVE", "BGREWRITEAOF"]) {
      expect(await client.send(command)).toMatch(/^-ERR this server keeps its data in memory/);
    }
    expect(await client.send("CONFIG", "SET", "appendonly", "yes")).toMatch(/^-ERR CONFIG SET failed/);
  });
});

describe("settings of a folder", () => {
  it("are written by CONFIG REWRITE and read at the next start, users too", async () => {
    const folder = newFolder();
    const first = await start(folder, { auth: { user: "default", password: "given" } });
    await first.client.pipeline([
      ["AUTH", "given"],
      ["CONFIG", "SET", "appendfsync", "always", "maxmemory", "100mb", "save", "3600 1 60 1000"],
      ["ACL", "SETUSER", "ada", "on", '>with "quotes"', "~*", "&*", "+@all"],
    ]);
    expect(await first.client.send("CONFIG", "REWRITE")).toBe("+OK");
    await first.stop();
    expect(readFileSync(join(folder, "redis.conf"), "latin1").split("\n").slice(1)).toEqual([
      "appendfsync always",
      "appendonly yes",
      "maxmemory 104857600",
      "save 3600 1 60 1000",
      'user ada on ">with \\"quotes\\"" ~* &* +@all',
      "",
    ]);
    const second = await start(folder);
    expect(await second.client.send("CONFIG", "GET", "appendfsync", "maxmemory", "save", "requirepass")).toEqual([
      "*",
      ...["$appendfsync", "$always", "$maxmemory", "$104857600", "$save", "$3600 1 60 1000", "$requirepass", "$"],
    ]);
    expect(await second.client.send("AUTH", "ada", 'with "quotes"')).toBe("+OK");
  });

  it("refuses a line that is wrong, with its number", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "redis.conf"), "# mine\nmaxmemory 1gb\nloadmodule x.so\n");
    await expect(start(folder)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: `${join(folder, "redis.conf")}, line 3: there is no setting loadmodule here.`,
    });
    writeFileSync(join(folder, "redis.conf"), "maxmemory much\n");
    await expect(start(folder)).rejects.toMatchObject({
      message: expect.stringContaining("line 1: argument must be a memory value"),
    });
  });

  it("can leave the log off: then snapshots are what is kept", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "redis.conf"), "appendonly no\n");
    const first = await start(folder);
    await first.client.pipeline([["SET", "a", "1"], ["SAVE"], ["SET", "b", "2"]]);
    await first.stop();
    expect(existsSync(join(folder, "appendonlydir"))).toBe(false);
    const second = await start(folder);
    expect(await second.client.send("MGET", "a", "b")).toEqual(["*", "$1", null]);
    await second.client.send("CONFIG", "SET", "save", "3600 1");
    await second.client.send("SET", "b", "2");
    // With save points a close saves, as Redis' SHUTDOWN does.
    await second.stop();
    expect(await (await start(folder)).client.send("MGET", "a", "b")).toEqual(["*", "$1", "$2"]);
  });

  it("saves by itself when a save point is reached", async () => {
    let time = 1_700_000_000_000;
    const folder = newFolder();
    const { client } = await start(folder, { clock: { now: () => time } });
    await client.pipeline([
      ["CONFIG", "SET", "save", "60 3"],
      ["SET", "a", "1"],
      ["SET", "b", "1"],
      ["SET", "c", "1"],
    ]);
    expect(await field(client, "rdb_saves")).toBe("0");
    time += 62_000;
    for (let i = 0; i < 200 && (await field(client, "rdb_saves")) === "0"; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(existsSync(join(folder, "dump.rdb"))).toBe(true);
  });
});
