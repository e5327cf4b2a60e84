import { afterAll, beforeAll } from "vitest";
import { open, type RedisClient, redis } from "../../src/adapters/redis/index.js";
import { libraryName } from "../../src/plan/redis/library.js";
import { freshName } from "./shop.js";

/** The server under test: a real one by `KEYFOLD_TEST_REDIS_URL`, else the embedded engine in this process. */
export async function redisUrl(): Promise<string> {
  const given = process.env["KEYFOLD_TEST_REDIS_URL"];
  if (given !== undefined) return given;
  if (engine === undefined) {
    const { startEngines } = await import("../../src/testing/index.js");
    engine = await startEngines({ redis: true });
  }
  return engine.redis.url;
}

let engine: { readonly redis: { readonly url: string }; close(): Promise<void> } | undefined;

export async function stopRedis(): Promise<void> {
  await engine?.close();
  engine = undefined;
}

/** node-redis as `open` makes it, with the commands that tests send themselves. */
export type TestClient = Awaited<ReturnType<typeof open>>;
export { open as openRedis };

/** Removes all keys of a prefix, and its library. */
export async function removePrefix(client: TestClient, prefix: string): Promise<void> {
  let cursor = "0";
  do {
    const reply = (await client.sendCommand(["SCAN", cursor, "MATCH", `${prefix}:*`, "COUNT", "1000"])) as [
      string,
      string[],
    ];
    cursor = String(reply[0]);
    if (reply[1].length > 0) await client.sendCommand(["UNLINK", ...reply[1]]);
  } while (cursor !== "0");
  await client.sendCommand(["FUNCTION", "DELETE", libraryName(prefix)]).catch(() => {});
}

/** A driver client for a test file, and prefixes of its own that are removed at the end. */
export function useRedis() {
  let client: TestClient | undefined;
  const used: string[] = [];
  beforeAll(async () => {
    client = await open(await redisUrl());
  });
  afterAll(async () => {
    for (const prefix of used) if (client !== undefined) await removePrefix(client, prefix);
    client?.destroy();
    await stopRedis();
  });
  return {
    get client(): TestClient {
      return client!;
    },
    /** Sends a command; members of the answer are strings. */
    send: (...command: string[]): Promise<unknown> => client!.sendCommand(command),
    /** A prefix that no other run has. */
    prefix(): string {
      const prefix = freshName();
      used.push(prefix);
      return prefix;
    },
    adapter: (prefix: string) => redis(client! as unknown as RedisClient, { prefix }),
  };
}
