import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  drivers,
  freshName,
  type OpenClient,
  openClient,
  singleServer,
  startServer,
} from "../../../test/patterns/clients.js";
import { cache } from "../cache/index.js";
import { idempotency } from "../idempotency/index.js";
import { leaderboard } from "../leaderboard/index.js";
import { lock } from "../lock/index.js";
import { pubsub } from "../pubsub/index.js";
import { fixedWindow, rateLimit } from "../rate-limit/index.js";
import { stream } from "../stream/index.js";
import type { RedisClient } from "./link.js";
import { RedisStore } from "./store.js";

// Users of a real server whose rights (ACL) end at a prefix. The embedded engine refuses such rules: every user of it may
// do everything. On a Cluster and behind a Sentinel the same server code answers.
const real = singleServer && process.env["KEYFOLD_TEST_REDIS_URL"] !== undefined;

/** One question of each pattern under a prefix. */
function questions(client: RedisClient, prefix: string) {
  const values = cache(client, { prefix, ttlMs: 60_000, load: async () => "loaded" });
  const limiter = rateLimit(client, { prefix, limit: fixedWindow({ limit: 10, windowMs: 60_000 }) });
  const board = leaderboard(client, { prefix });
  const first = leaderboard(client, { prefix, ties: "first" });
  const events = stream<number>(client, { prefix, name: "s" });
  const news = pubsub<{ a: number }>(client, { prefix });
  const locks = lock(client, { prefix });
  const once = idempotency(client, { prefix });
  return {
    cache: () => values.get("a"),
    "cache, many": () => values.getMany(["a", "b"]),
    "cache, delete": () => values.delete("a"),
    "rate limit": () => limiter.consume("a"),
    leaderboard: () => board.increment("a", 1),
    "leaderboard, ties to the first": () => first.top(3),
    "leaderboard, count": () => board.count(),
    stream: () => events.add(1),
    pubsub: () => news.publish("a", 1),
    subscription: () => news.subscribe("a", { signal: AbortSignal.timeout(5_000) }),
    lock: async () => (await locks.tryAcquire("a"))!.release(),
    "lock, waiting": async () => (await locks.acquire("a", { waitMs: 2_000 })).release(),
    idempotency: () => once.run("a", async () => 1),
  };
}

describe.runIf(real).each(drivers)("a user whose rights end at a prefix, over %s", (driver) => {
  const own = freshName();
  const other = freshName();
  const user = freshName();
  let admin: OpenClient;
  let open: OpenClient;
  let end = async () => {};
  const ask = (...command: string[]) =>
    new RedisStore(admin.client).command(undefined, command[0]!, command.slice(1), true);
  beforeAll(async () => {
    const server = await startServer();
    end = server.close;
    admin = await openClient(driver, server.url);
    await ask("ACL", "SETUSER", user, "on", ">secret", `~${own}:*`, `&${own}:*`, "+@all", "-@dangerous", "+info");
    const url = new URL(server.url);
    url.username = user;
    url.password = "secret";
    open = await openClient(driver, url.href);
  });
  afterAll(async () => {
    open?.close();
    await ask("ACL", "DELUSER", user);
    admin?.close();
    await end();
  });

  it("uses every pattern under it", async () => {
    for (const [name, question] of Object.entries(questions(open.client, own)))
      await expect(question(), name).resolves.not.toThrow();
  });

  it("is told UNAUTHORIZED beside it, and nothing is written there", async () => {
    for (const [name, question] of Object.entries(questions(open.client, other))) {
      const outcome = await question().then(
        () => "answered",
        (error: { code?: string }) => error.code,
      );
      expect(outcome, name).toBe("UNAUTHORIZED");
    }
    expect(await ask("KEYS", `${other}:*`)).toEqual([]);
  });

  it("is told so where a command of a script is not allowed, within the batch too", async () => {
    const board = leaderboard(open.client, { prefix: own });
    const limiter = rateLimit(open.client, { prefix: own, limit: fixedWindow({ limit: 10, windowMs: 60_000 }) });
    await ask("ACL", "SETUSER", user, "-zadd", "-set");
    try {
      const calls = await Promise.allSettled([1, 2, 3].map((score) => board.set(`no-zadd-${score}`, score)));
      for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: { code: "UNAUTHORIZED" } });
      await expect(limiter.consume("no-set")).rejects.toMatchObject({ code: "UNAUTHORIZED" });
      expect(await board.rank("no-zadd-1")).toBeUndefined();
    } finally {
      await ask("ACL", "SETUSER", user, "+zadd", "+set");
    }
    expect(await board.set("zadd", 1)).toBe(1);
  });

  it("waits for a lock by looking where it may not listen", async () => {
    await ask("ACL", "SETUSER", user, "resetchannels");
    try {
      const locks = lock(open.client, { prefix: own });
      const held = await locks.acquire("quiet");
      const waiting = locks.acquire("quiet", { waitMs: 5_000 });
      await held.release();
      await (await waiting).release();
    } finally {
      await ask("ACL", "SETUSER", user, `&${own}:*`);
    }
  });
});
