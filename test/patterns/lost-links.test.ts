import { beforeAll, describe, expect, it } from "vitest";
import { leaderboard } from "../../src/patterns/leaderboard/index.js";
import { lock } from "../../src/patterns/lock/index.js";
import { fixedWindow, rateLimit } from "../../src/patterns/rate-limit/index.js";
import type { RedisClient } from "../../src/patterns/redis/link.js";
import { RedisStore } from "../../src/patterns/redis/store.js";
import { freshName, openClient, rawCommand, singleServer, sleep, suiteOn } from "./clients.js";

// Links that break between a request and its reply: the server did it, and nobody heard. ioredis sends again by itself.

describe.runIf(singleServer).each(["ioredis 5", "ioredis 6", "node-redis 6"] as const)(
  "lost replies over %s",
  (driver) => {
    const on = suiteOn(driver);
    // The links break so often that the breaker would open.
    beforeAll(() => void new RedisStore(on.client, { breaker: { failures: 1_000 } }));
    const resends = driver.startsWith("ioredis");

    /** Cuts the first `times` links on which bytes with this text were sent, after they reached the server. */
    function cut(text: string, times: number): () => number {
      let cuts = 0;
      on.proxy.setRule(({ bytes }) => {
        if (!bytes.includes(text) || cuts >= times) return undefined;
        cuts++;
        return { kind: "cut-after" };
      });
      return () => cuts;
    }
    const outcome = (work: Promise<unknown>) =>
      work.catch((error: { code?: string }) => error.code ?? "driver's error");
    /** A client that is not behind the proxy. */
    async function direct<T>(use: (client: RedisClient) => Promise<T>): Promise<T> {
      const open = await openClient(driver, on.server.url);
      try {
        return await use(open.client);
      } finally {
        open.close();
      }
    }

    it("the control: one INCR counts three where the driver sends again", async () => {
      const key = freshName();
      const cuts = cut(key, 2);
      const client = on.client as never as Record<string, (...args: unknown[]) => Promise<unknown>>;
      await outcome(resends ? client["call"]!("INCR", key) : client["sendCommand"]!(["INCR", key]));
      on.proxy.setRule(undefined);
      expect(cuts()).toBe(resends ? 2 : 1);
      expect(Number(await direct((plain) => rawCommand({ client: plain }, "GET", key)))).toBe(resends ? 3 : 1);
    });

    it("a board's increments of one turn are added once", async () => {
      const prefix = freshName();
      const board = leaderboard(on.client, { prefix, deadlineMs: 3_000 });
      await board.increment("warm", 1);
      for (let round = 1; round <= 5; round++) {
        const cuts = cut(`${prefix}:`, 2);
        const members = ["a", "b", "c"];
        const outcomes = await Promise.all(members.map((member) => outcome(board.increment(member, 1))));
        on.proxy.setRule(undefined);
        expect(cuts()).toBeGreaterThan(0);
        for (const each of outcomes) expect([round, "OUTCOME_UNKNOWN"]).toContain(each);
        const scores = await direct((client) => leaderboard(client, { prefix }).top(4));
        expect(scores.filter(({ member }) => member !== "warm").map(({ score }) => score)).toEqual([
          round,
          round,
          round,
        ]);
      }
    });

    it("a lock is taken once and released once, never another's", async () => {
      const prefix = freshName();
      const locks = lock(on.client, { prefix, deadlineMs: 3_000 });
      await (await locks.tryAcquire("warm"))!.release();
      const cuts = cut(`${prefix}:`, 2);
      const held = (await locks.tryAcquire("a"))!;
      on.proxy.setRule(undefined);
      expect(cuts()).toBe(2);
      expect(held.valid).toBe(true);
      await direct(async (client) => {
        const others = lock(client, { prefix, ttlMs: 60_000 });
        expect(await others.tryAcquire("a")).toBeUndefined();
        // Its release is lost on the way back, and sent again when another has the lock.
        let other: Awaited<ReturnType<typeof others.tryAcquire>>;
        let taking: Promise<void> | undefined;
        on.proxy.setRule(({ bytes }) => {
          if (!bytes.includes(`${prefix}:`) || taking !== undefined) return undefined;
          taking = (async () => {
            for (let i = 0; other === undefined && i < 500; i++) {
              await sleep(2);
              other = await others.tryAcquire("a");
            }
          })();
          return { kind: "cut-after" };
        });
        await outcome(held.release());
        await taking;
        on.proxy.setRule(undefined);
        expect(other).toBeDefined();
        expect(other!.fence).toBeGreaterThan(held.fence);
        expect(await locks.tryAcquire("a")).toBeUndefined();
        expect(await other!.release()).toBe(true);
        others.close();
      });
      locks.close();
    });

    it("a limiter charges again for what is sent again, as it says, and not otherwise", async () => {
      const prefix = freshName();
      const limit = fixedWindow({ limit: 10, windowMs: 60_000 });
      const limiter = rateLimit(on.client, { prefix, limit, deadlineMs: 3_000 });
      await limiter.consume("warm");
      const cuts = cut(`${prefix}:`, 2);
      const result = await limiter.consume("a");
      on.proxy.setRule(undefined);
      expect(cuts()).toBe(resends ? 2 : 1);
      expect(result.degraded).toBe(resends ? undefined : "local");
      const { remaining } = await direct((client) => rateLimit(client, { prefix, limit }).peek("a"));
      expect(remaining).toBe(resends ? 7 : 9);
    });
  },
);
