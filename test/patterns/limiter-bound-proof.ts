import { Redis } from "ioredis";
import { type Limit, rateLimit } from "../../src/patterns/rate-limit/index.js";
import { startEngines } from "../../src/testing/index.js";
import { seededRandom } from "../../src/testing/random.js";

/** The most calls that a limit let through within one window's length, found by an adversary that chooses the times. */
export interface Worst {
  readonly limit: Limit;
  readonly admitted: number;
}

/**
 * An adversary against each limit. It owns the server's clock, so that it can place every call to the microsecond's
 * neighbourhood: schedules of bursts and pauses, at random and around the boundaries where limiters are known to leak.
 */
export async function searchWorstWindow(limits: readonly Limit[], seeds: number): Promise<Worst[]> {
  await using engines = await startEngines({ redis: true, now: 1_800_000_000_000 });
  await engines.clock.freeze();
  const client = new Redis(engines.redis.url);
  try {
    const found: Worst[] = [];
    for (const limit of limits) {
      let admitted = 0;
      for (let seed = 1; seed <= seeds; seed++) {
        const limiter = rateLimit(client, { prefix: `${limit.kind}${seed}`, limit });
        const random = seededRandom(seed);
        const times: number[] = [];
        let now = 0;
        // Every other seed comes back as often as a token drips, which is how a bucket gives the most.
        const steady = seed % 2 === 0;
        for (let step = 0; step < (steady ? 60 : 24); step++) {
          const calls = random() < 0.5 ? limit.limit : Math.ceil(random() * limit.limit * 0.5);
          const results = await Promise.all(Array.from({ length: calls }, () => limiter.consume("k")));
          for (const { allowed } of results) if (allowed) times.push(now);
          const ms = steady ? Math.ceil(limit.windowMs / limit.limit) : pause(random(), random(), limit.windowMs);
          await engines.clock.advance(ms);
          now += ms;
        }
        admitted = Math.max(admitted, busiest(times, limit.windowMs));
      }
      found.push({ limit, admitted });
    }
    return found;
  } finally {
    client.disconnect();
  }
}

/** Pauses where the gaps are: hardly any, a bucket, just under a window, a window, or anything. */
function pause(choice: number, size: number, windowMs: number): number {
  if (choice < 0.25) return 1;
  if (choice < 0.45) return Math.ceil(windowMs / 10) + Math.round(size * 2) - 1;
  if (choice < 0.6) return windowMs - 1;
  if (choice < 0.7) return windowMs;
  return Math.ceil(size * windowMs * 1.2);
}

/** The largest number of times within (t − window, t]. */
function busiest(times: readonly number[], windowMs: number): number {
  let most = 0;
  let from = 0;
  times.forEach((time, i) => {
    while (times[from]! <= time - windowMs) from++;
    most = Math.max(most, i - from + 1);
  });
  return most;
}
