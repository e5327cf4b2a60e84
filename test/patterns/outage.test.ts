import { startEngines, type TestEngines } from "keyfold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cache } from "../../src/patterns/cache/index.js";
import { idempotency } from "../../src/patterns/idempotency/index.js";
import { leaderboard } from "../../src/patterns/leaderboard/index.js";
import { lock } from "../../src/patterns/lock/index.js";
import { pubsub } from "../../src/patterns/pubsub/index.js";
import { fixedWindow, rateLimit } from "../../src/patterns/rate-limit/index.js";
import { stream } from "../../src/patterns/stream/index.js";
import { drivers, type OpenClient, openClient, sleep } from "./clients.js";
import { millisecondsOf } from "./times.js";

// Redis as a process of its own that is stopped (SIGSTOP: connections stay open, nothing answers) and killed.

const deadlineMs = 250;
/** What the test's own event loop may be late by, on a busy machine. */
const slackMs = 60;

describe.each(drivers)("an outage of Redis, over %s", (driver) => {
  let engines: TestEngines<"redis">;
  let open: OpenClient;
  beforeAll(async () => {
    engines = await startEngines({ redis: true, beside: true });
    open = await openClient(driver, engines.redis.url);
  });
  afterAll(async () => {
    open.close();
    if (engines.pid !== undefined) process.kill(engines.pid, "SIGCONT");
    await engines.close();
  });

  /** One question of each pattern. */
  const questions = () => {
    const { client } = open;
    const values = cache(client, { prefix: "c", ttlMs: 60_000, deadlineMs, load: async () => "loaded" });
    const limiter = rateLimit(client, {
      prefix: "r",
      limit: fixedWindow({ limit: 1_000_000, windowMs: 60_000 }),
      deadlineMs,
    });
    const board = leaderboard(client, { prefix: "l", deadlineMs });
    const events = stream<number>(client, { prefix: "s", name: "s", deadlineMs });
    const news = pubsub<{ a: number }>(client, { prefix: "p", deadlineMs });
    const locks = lock(client, { prefix: "k", deadlineMs });
    const once = idempotency(client, { prefix: "i", deadlineMs });
    let n = 0;
    return {
      cache: () => values.get(`${n++}`),
      "cache delete": () => values.delete("a"),
      limiter: () => limiter.consume("a"),
      leaderboard: () => board.increment("a", 1),
      top: () => board.top(3),
      stream: () => events.add(1),
      pubsub: () => news.publish("a", 1),
      lock: () => locks.tryAcquire(`${n++}`),
      idempotency: () => once.run(`${n++}`, async () => 1),
    };
  };

  async function timed(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly outcome: string }> {
    let outcome = "answered";
    const ms = await millisecondsOf(() =>
      work().catch((error: { code?: string }) => {
        outcome = error.code ?? String(error);
      }),
    );
    return { ms, outcome };
  }

  it("answers within 1.2 deadlines while it is stopped, at once when the breaker is open, and is back within 2 s", async () => {
    const all = questions();
    for (const [name, ask] of Object.entries(all)) expect((await timed(ask)).outcome, name).toBe("answered");
    process.kill(engines.pid!, "SIGSTOP");
    const stopped = await Promise.all(
      Object.entries(all).map(async ([name, ask]) => ({ name, ...(await timed(ask)) })),
    );
    for (const { name, ms, outcome } of stopped) {
      expect(ms, name).toBeLessThan(deadlineMs * 1.2 + slackMs);
      expect(outcome, name).toMatch(/^(answered|OUTCOME_UNKNOWN|DEADLINE_EXCEEDED|UNAVAILABLE)$/);
    }
    // What must not be guessed is not: these were sent, and nobody knows.
    for (const name of ["leaderboard", "stream", "pubsub"])
      expect(stopped.find((each) => each.name === name)?.outcome).toBe("OUTCOME_UNKNOWN");
    for (const [name, ask] of Object.entries(all)) {
      const times: number[] = [];
      for (let i = 0; i < 9; i++) times.push((await timed(ask)).ms);
      expect(times.sort((a, b) => a - b)[4], name).toBeLessThan(1);
    }
    process.kill(engines.pid!, "SIGCONT");
    const back = performance.now();
    for (const [name, ask] of Object.entries(all)) {
      while ((await timed(ask)).outcome !== "answered" && performance.now() - back < 4_000) await sleep(10);
      expect(performance.now() - back, name).toBeLessThan(2_000);
    }
  });

  it("the control: the driver alone waits on", async () => {
    const client = open.client as never as Record<string, (...args: unknown[]) => Promise<unknown>>;
    process.kill(engines.pid!, "SIGSTOP");
    const bare = driver.startsWith("ioredis") ? client["call"]!("GET", "a") : client["sendCommand"]!(["GET", "a"]);
    const first = await Promise.race([
      bare.then(
        () => "answered",
        () => "failed",
      ),
      sleep(4 * deadlineMs).then(() => "waits"),
    ]);
    process.kill(engines.pid!, "SIGCONT");
    expect(first).toBe("waits");
    await bare.catch(() => {});
  });

  it("answers within 1.2 deadlines when it is killed, and is back within 2 s of its restart", async () => {
    const port = engines.redis.port;
    const all = questions();
    process.kill(engines.pid!, "SIGKILL");
    const killed = await Promise.all(Object.entries(all).map(async ([name, ask]) => ({ name, ...(await timed(ask)) })));
    for (const { name, ms } of killed) expect(ms, name).toBeLessThan(deadlineMs * 1.2 + slackMs);
    await sleep(300);
    for (const [name, ask] of Object.entries(all))
      expect((await timed(ask)).ms, name).toBeLessThan(deadlineMs * 1.2 + slackMs);
    await engines.close().catch(() => {});
    engines = await startEngines({ redis: { port }, beside: true });
    const back = performance.now();
    for (const [name, ask] of Object.entries(all)) {
      while ((await timed(ask)).outcome !== "answered" && performance.now() - back < 4_000) await sleep(10);
      expect(performance.now() - back, name).toBeLessThan(2_000);
    }
  });
});
