import { afterAll, beforeAll } from "vitest";
import { open, type RedisClient, redis } from "../../src/adapters/redis/index.js";
import { Requests } from "../../src/adapters/redis/requests.js";
import { libraryName } from "../../src/plan/redis/library.js";
import { type Driver, openClient } from "../patterns/clients.js";
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

/** A client as {@link redisUrl} asks for: of one server, of a Cluster, or of what a Sentinel calls "main". */
export interface RedisUnderTest {
  readonly client: RedisClient;
  /** Sends a command without a key to every primary; members of their answers together. */
  everywhere(...command: string[]): Promise<unknown[]>;
  removePrefix(prefix: string): Promise<void>;
  close(): void;
}

/** Opens one with the adapter's own `open`, or another driver's client where more than one server is behind it. */
export async function connectRedis(driver: Driver = "node-redis 6"): Promise<RedisUnderTest> {
  const url = await redisUrl();
  const single = /^rediss?:/.test(url) ? await open(url) : undefined;
  const { client, close } =
    single === undefined
      ? await openClient(driver, url)
      : { client: single as unknown as RedisClient, close: () => single.destroy() };
  const primaries = () => new Requests(client, { prefix: "none", deadlineMs: 10_000 }).masters();
  const everywhere = async (command = "", ...args: string[]): Promise<unknown[]> =>
    (await Promise.all((await primaries()).map((link) => link.send(undefined, command, [...args], false)))).flat();
  return {
    client,
    everywhere,
    close,
    async removePrefix(prefix) {
      for (const link of await primaries()) {
        const keys = (await link.send(undefined, "KEYS", [`${prefix}:*`], false)) as string[];
        for (const key of keys) await link.send(key, "UNLINK", [key], false);
      }
      await everywhere("FUNCTION", "DELETE", libraryName(prefix)).catch(() => {});
    },
  };
}

/** Whether the tests run on one server, which a proxy can stand in front of. */
export const singleServer = /^rediss?:/.test(process.env["KEYFOLD_TEST_REDIS_URL"] ?? "redis:");
/** Whether there is a Cluster, or a Sentinel: `npm run test:real -- valkey-cluster`, `redis-sentinel`. */
export const onCluster = process.env["KEYFOLD_TEST_REDIS_URL"]?.startsWith("redis+cluster:") === true;
export const onSentinel = process.env["KEYFOLD_TEST_REDIS_URL"]?.startsWith("redis+sentinel:") === true;

/** A driver client for a test file, and prefixes of its own that are removed at the end. */
export function useRedis() {
  let under: RedisUnderTest | undefined;
  const used: string[] = [];
  beforeAll(async () => {
    under = await connectRedis();
  });
  afterAll(async () => {
    for (const prefix of used) await under?.removePrefix(prefix);
    under?.close();
    await stopRedis();
  });
  return {
    get client(): RedisClient {
      return under!.client;
    },
    /** Sends a command without a key to every primary; members of the answers together. */
    send: (...command: string[]): Promise<unknown> => under!.everywhere(...command),
    /** A prefix that no other run has. */
    prefix(): string {
      const prefix = freshName();
      used.push(prefix);
      return prefix;
    },
    adapter: (prefix: string) => redis(under!.client, { prefix }),
  };
}
