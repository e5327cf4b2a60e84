import { Redis } from "ioredis";
import { Redis as Redis6 } from "ioredis6";
import { createClient } from "redis";
import type { RedisClient } from "../../src/patterns/redis/link.js";

/** Clients on one server, each with the driver's own settings. */
export interface BenchClients {
  readonly url: string;
  readonly ioredis: Redis;
  readonly ioredis6: Redis6;
  readonly nodeRedis: ReturnType<typeof openNodeRedis>;
  close(): Promise<void>;
}

const openNodeRedis = (url: string) => createClient({ url });

export async function openClients(url: string): Promise<BenchClients> {
  const ioredis = new Redis(url);
  const ioredis6 = new Redis6(url);
  const nodeRedis = openNodeRedis(url);
  nodeRedis.on("error", () => {});
  await Promise.all([ioredis.ping(), ioredis6.ping(), nodeRedis.connect()]);
  return {
    url,
    ioredis,
    ioredis6,
    nodeRedis,
    async close() {
      ioredis.disconnect();
      ioredis6.disconnect();
      nodeRedis.destroy();
    },
  };
}

/** node-redis' type says more than keyfold asks for. */
export const asClient = (client: unknown): RedisClient => client as RedisClient;

/** Does `operations` pieces of work, so many at a time. */
export async function concurrently(
  operations: number,
  concurrency: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < operations) await work(next++);
    }),
  );
}
