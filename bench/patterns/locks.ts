import { createHash } from "node:crypto";
import { Redlock as Sesamecare } from "@sesamecare-oss/redlock";
import { LockFactory } from "@verrou/core";
import { redisStore } from "@verrou/core/drivers/redis";
import { Mutex } from "redis-semaphore";
import { lock } from "../../src/patterns/lock/index.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { type BenchClients, concurrently } from "./clients.js";

const CALLS = 10_000;
const release = "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0";

/** Locks that nobody else wants: take and give back, 16 at a time. */
export async function lockComparisons(
  clients: BenchClients,
  report: (comparison: Comparison) => void,
  rounds: RoundsOptions,
): Promise<void> {
  const { ioredis } = clients;
  const sha = createHash("sha1").update(release).digest("hex");
  await ioredis.script("LOAD", release);
  const ours = lock(ioredis, { prefix: "k", ttlMs: 10_000 });
  // Its package.json hides its declarations from modules.
  const { default: Redlock } = (await import("redlock" as string)) as {
    default: new (
      clients: readonly unknown[],
      options: object,
    ) => { acquire(names: string[], ttlMs: number): Promise<{ release(): Promise<unknown> }> };
  };
  const redlock = new Redlock([ioredis], { retryCount: 0 });
  const sesamecare = new Sesamecare([ioredis], { retryCount: 0 });
  const verrou = new LockFactory(redisStore({ connection: ioredis }).factory() as never);
  const run = (cycle: (name: string, n: number) => Promise<unknown>) => () =>
    timed(CALLS, () => concurrently(CALLS, 16, (n) => cycle(`lock-${n % 64}-${n}`, n)));
  report(
    await compare(
      "lock and release, 16 at a time",
      "raw SET NX and script ≥ × 0.95, every library ≥ × 1; only keyfold's has a fence",
      [
        {
          name: "keyfold, with a fence",
          run: run(async (name) => {
            const held = await ours.tryAcquire(name);
            await held!.release();
          }),
        },
        {
          name: "raw SET NX and script",
          run: run(async (name, n) => {
            await ioredis.set(`raw:${name}`, String(n), "PX", 10_000, "NX");
            await ioredis.evalsha(sha, 1, `raw:${name}`, String(n));
          }),
        },
        {
          name: "redis-semaphore",
          run: run(async (name) => {
            const mutex = new Mutex(ioredis, name, { lockTimeout: 10_000, refreshInterval: 0 });
            await mutex.acquire();
            await mutex.release();
          }),
        },
        {
          name: "verrou",
          run: run(async (name) => {
            const held = verrou.createLock(name, 10_000);
            await held.acquire();
            await held.release();
          }),
        },
        {
          name: "redlock",
          run: run(async (name) => {
            const held = await redlock.acquire([name], 10_000);
            await held.release();
          }),
        },
        {
          name: "sesamecare redlock",
          run: run(async (name) => {
            const held = await sesamecare.acquire([name], 10_000);
            await held.release();
          }),
        },
      ],
      rounds,
    ),
  );
  ours.close();
}
