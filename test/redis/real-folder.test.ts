import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { RunningEngine } from "../../src/engines/engine.js";
import { startRedis } from "../../src/engines/redis/server.js";
import { contents as dataOf } from "./contents.js";
import { RandomCommands } from "./random-commands.js";
import { RespClient, type WireReply } from "./resp-client.js";

// A folder of data goes back and forth between the embedded engine and real servers: each starts from what the other
// has written, and holds the same.

interface RealEngine {
  readonly port: number;
  stop(): Promise<void>;
}
type StartReal = (name: string, options: { data: string; args: string[] }) => Promise<RealEngine>;

const asked = process.env["KEYFOLD_TEST_REDIS_URL"] !== undefined;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-redis-"));
  folders.push(folder);
  return folder;
}

async function startReal(name: string, data: string, ...more: string[]): Promise<RealEngine> {
  const { startRealEngine } = (await import("../../scripts/real-engines/start.mjs" as string)) as {
    startRealEngine: StartReal;
  };
  const engine = await startRealEngine(name, { data, args: ["--save", "", ...more] });
  // It listens before it has read its files.
  await asking(engine, async (client) => {
    while ((await client.send("PING")) !== "+PONG") await new Promise((resolve) => setTimeout(resolve, 10));
  });
  return engine;
}

const commands = ["--appendonly", "yes", "--aof-use-rdb-preamble", "no"];

async function fill(client: RespClient, seed: number): Promise<void> {
  const random = new RandomCommands(seed);
  for (let i = 0; i < 200; i++) {
    const { count, transaction } = random.shape();
    const body = Array.from({ length: count }, () => random.next());
    await client.pipeline(transaction ? [["MULTI"], ...body, ["EXEC"]] : body);
  }
  await client.pipeline([
    ["SELECT", "5"],
    ["SET", "expires", "1", "PX", "100000000"],
    ["EVAL", "redis.call('RPUSH', 'script', unpack(ARGV)) redis.call('SADD', 's', 'x')", "0", ..."abcdefgh"],
    ["FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)"],
    ["SELECT", "0"],
  ]);
}

/** All data and what the function answers. */
async function contents(client: RespClient): Promise<Record<string, WireReply>> {
  return { ...(await dataOf(client, ["0", "5"])), function: await client.send("FCALL", "f", "0") };
}

async function asking<T>(server: { readonly port: number }, work: (client: RespClient) => Promise<T>): Promise<T> {
  const client = await RespClient.open(server.port);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

async function untilRewritten(client: RespClient): Promise<void> {
  while (String(await client.send("INFO", "persistence")).includes("aof_rewrite_in_progress:1")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.skipIf(!asked).each(["redis", "valkey", "redis70"])(
  "a folder of data and %s (needs KEYFOLD_TEST_REDIS_URL)",
  (name) => {
    it.each([false, true])("it starts from what the embedded engine wrote (rewritten: %s)", async (rewritten) => {
      const folder = newFolder();
      const ours: RunningEngine = await startRedis({ dataDir: folder });
      const before = await asking(ours, async (client) => {
        await fill(client, 21);
        if (rewritten) {
          await client.send("BGREWRITEAOF");
          await fill(client, 22);
          await untilRewritten(client);
        }
        return contents(client);
      });
      await ours.close();
      const theirs = await startReal(name, folder, ...commands);
      try {
        expect(await asking(theirs, contents)).toEqual(before);
      } finally {
        await theirs.stop();
      }
    });

    it.each([
      ["commands", commands, false],
      ["commands and a rewrite", commands, true],
      ["an RDB base and a rewrite", ["--appendonly", "yes", "--aof-use-rdb-preamble", "yes"], true],
    ] as const)("the embedded engine starts from what it wrote: %s", async (_, args, rewrite) => {
      const folder = newFolder();
      const theirs = await startReal(name, folder, ...args);
      try {
        await asking(theirs, async (client) => {
          await fill(client, 23);
          if (rewrite) {
            await client.send("BGREWRITEAOF");
            await fill(client, 24);
            await untilRewritten(client);
          }
        });
      } finally {
        await theirs.stop();
      }
      // Its files do not hold all that it knew: not each consumer that XREADGROUP makes, for one.
      const restarted = await startReal(name, folder, ...args);
      let before: Record<string, WireReply>;
      try {
        before = await asking(restarted, contents);
      } finally {
        await restarted.stop();
      }
      const ours = await startRedis({ dataDir: folder });
      try {
        expect(await asking(ours, contents)).toEqual(before);
        await asking(ours, async (client) => {
          await client.send("SELECT", "0");
          await client.send("SET", "ours", "1");
        });
      } finally {
        await ours.close();
      }
      const again = await startReal(name, folder, ...args);
      try {
        expect(await asking(again, (client) => client.send("GET", "ours"))).toBe("$1");
      } finally {
        await again.stop();
      }
    });

    it("the embedded engine starts from a snapshot that it wrote", async () => {
      const folder = newFolder();
      const theirs = await startReal(name, folder);
      let before: Record<string, WireReply>;
      try {
        before = await asking(theirs, async (client) => {
          await fill(client, 25);
          await client.send("SAVE");
          return contents(client);
        });
      } finally {
        await theirs.stop();
      }
      const ours = await startRedis({ dataDir: folder });
      try {
        expect(await asking(ours, contents)).toEqual(before);
      } finally {
        await ours.close();
      }
    });

    // Redis 7.0 reads RDB files up to version 10; SAVE writes 11, that of Redis 7.2.
    it.skipIf(name === "redis70")("it starts from a snapshot that the embedded engine wrote", async () => {
      const folder = newFolder();
      const ours = await startRedis({ dataDir: folder });
      const before = await asking(ours, async (client) => {
        await fill(client, 26);
        expect(await client.send("SAVE")).toBe("+OK");
        return contents(client);
      });
      await ours.close();
      const theirs = await startReal(name, folder, "--appendonly", "no");
      try {
        expect(await asking(theirs, contents)).toEqual(before);
      } finally {
        await theirs.stop();
      }
    });
  },
);
