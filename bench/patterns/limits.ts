import { createHash } from "node:crypto";
import { Ratelimit } from "@upstash/ratelimit";
import { RateLimiterRedis } from "rate-limiter-flexible";
import { fixedWindow, rateLimit, slidingWindow, tokenBucket } from "../../src/patterns/rate-limit/index.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { asClient, type BenchClients, concurrently } from "./clients.js";

const KEYS = 10_000;
const CALLS = 20_000;

/** The script that everyone writes first; it strands a key when it dies between its two commands outside of a script. */
const bare = "local c=redis.call('INCR',KEYS[1]) if c==1 then redis.call('EXPIRE',KEYS[1],ARGV[1]) end return c";

/** Rate limiters, 10,000 keys, 64 calls at a time. */
export async function limitComparisons(
  clients: BenchClients,
  report: (comparison: Comparison) => void,
  rounds: RoundsOptions,
): Promise<void> {
  const limit = { limit: 1_000_000, windowMs: 3_600_000 };
  const keys = Array.from({ length: KEYS }, (_, i) => `user:${i}`);
  const { ioredis, nodeRedis } = clients;
  const sha = createHash("sha1").update(bare).digest("hex");
  await ioredis.script("LOAD", bare);
  const ours = (kind: typeof fixedWindow, client: unknown) =>
    rateLimit(asClient(client), { prefix: `k-${kind.name}`, limit: kind(limit) });
  const rlf = new RateLimiterRedis({ storeClient: ioredis, points: 1_000_000, duration: 3_600, keyPrefix: "rlf" });
  const upstash = (limiter: ReturnType<typeof Ratelimit.fixedWindow>, prefix: string) =>
    new Ratelimit({ redis: upstashOver(clients) as never, limiter, prefix, ephemeralCache: false, analytics: false });
  const upFixed = upstash(Ratelimit.fixedWindow(1_000_000, "3600 s"), "uf");
  const upSliding = upstash(Ratelimit.slidingWindow(1_000_000, "3600 s"), "us");
  const upBucket = upstash(Ratelimit.tokenBucket(1_000_000, "3600 s", 1_000_000), "ub");
  const run = (call: (key: string) => Promise<unknown>) => () =>
    timed(CALLS, () => concurrently(CALLS, 64, (n) => call(keys[(n * 7919) % KEYS]!)));
  const [fixed, bucket, sliding] = [
    ours(fixedWindow, ioredis),
    ours(tokenBucket, ioredis),
    ours(slidingWindow, ioredis),
  ];
  const onNode = ours(tokenBucket, nodeRedis);
  report(
    await compare(
      "limiter, 10,000 keys, 64 at a time",
      "bare script ≥ × 0.9, rate-limiter-flexible ≥ × 1, Upstash's ≥ × 2",
      [
        { name: "keyfold token bucket (ioredis)", run: run((key) => bucket.consume(key)) },
        { name: "keyfold fixed window (ioredis)", run: run((key) => fixed.consume(key)) },
        { name: "keyfold sliding window (ioredis)", run: run((key) => sliding.consume(key)) },
        { name: "bare INCR+EXPIRE script (ioredis)", run: run((key) => ioredis.evalsha(sha, 1, `bare:${key}`, 3_600)) },
        { name: "rate-limiter-flexible (ioredis)", run: run((key) => rlf.consume(key)) },
        { name: "Upstash fixed (ioredis)", run: run((key) => upFixed.limit(key)) },
        { name: "Upstash sliding (ioredis)", run: run((key) => upSliding.limit(key)) },
        { name: "Upstash token bucket (ioredis)", run: run((key) => upBucket.limit(key)) },
        { name: "keyfold token bucket (node-redis)", run: run((key) => onNode.consume(key)) },
        {
          name: "bare script (node-redis)",
          run: run((key) => nodeRedis.sendCommand(["EVALSHA", sha, "1", `bare:${key}`, "3600"])),
        },
      ],
      rounds,
    ),
  );
}

/** What Upstash's limiter needs of its HTTP client, over a socket; their scripts' shebang is for their own server. */
function upstashOver({ ioredis }: BenchClients) {
  const known = new Map<string, string>();
  return {
    async evalsha(hash: string, keys: string[], args: unknown[]) {
      const own = known.get(hash);
      if (own === undefined) throw new Error("NOSCRIPT");
      return ioredis.evalsha(own, keys.length, ...keys, ...args.map(String));
    },
    async eval(script: string, keys: string[], args: unknown[]) {
      const lua = script.replace(/^#!.*\n/, "");
      known.set(createHash("sha1").update(script).digest("hex"), createHash("sha1").update(lua).digest("hex"));
      return ioredis.eval(lua, keys.length, ...keys, ...args.map(String));
    },
  };
}
