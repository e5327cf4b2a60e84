import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { redis } from "../../src/adapters/redis/index.js";
import { apply, connect } from "../../src/index.js";
import { connectRedis, onSentinel, redisUrl } from "./redis.js";
import { freshName, makeLine, model } from "./shop.js";

// Needs a Sentinel: npm run test:real -- redis-sentinel
describe.runIf(onSentinel).each(["node-redis 6", "ioredis 5"] as const)("a failover, %s", (driver) => {
  test("the new primary has the library and the records; a session that began before says so", async () => {
    const server = await connectRedis(driver);
    const prefix = freshName();
    const adapter = redis(server.client, { prefix });
    await apply(model, adapter);
    const shop = connect(model, adapter, { deadlineMs: 30_000 });
    expect((await shop.line.insertMany(Array.from({ length: 200 }, (_, seq) => makeLine(seq)))).applied).toBe(200);
    const session = shop.$session();
    await session.line.insert(makeLine(500));
    // Replication is asynchronous: what a replica does not have yet is lost with a failover, the library too.
    const lag = async (): Promise<number> => {
      const text = String(await server.everywhere("INFO", "replication"));
      const there = /state=online,offset=(\d+)/.exec(text)?.[1];
      return there === undefined ? -1 : Number(/master_repl_offset:(\d+)/.exec(text)?.[1]) - Number(there);
    };
    await expect.poll(lag, { timeout: 60_000, interval: 200 }).toBe(0);

    const { hostname, port } = new URL(await redisUrl());
    const sentinel = new Redis({ host: hostname, port: Number(port) });
    // Which server the client has: for a while after the switch the old one goes on as if nothing had happened.
    const runId = async () =>
      /run_id:(\w+)/.exec(String(await server.everywhere("INFO", "server").catch(() => "")))?.[1] ?? before;
    let before = "";
    before = await runId();
    // A failover that has just been is not followed by another one at once.
    await expect
      .poll(() => sentinel.call("SENTINEL", "FAILOVER", "main").then(String, String), {
        timeout: 40_000,
        interval: 500,
      })
      .toBe("OK");
    sentinel.disconnect();
    await expect.poll(runId, { timeout: 60_000, interval: 200 }).not.toBe(before);

    const after = shop.$session();
    let failure: unknown;
    for (let tries = 0; tries < 100; tries++) {
      failure = await after.line.insert(makeLine(1_000 + tries)).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(failure).toBeUndefined();
    const fresh = shop.$session();
    expect(await fresh.line.get({ seq: 500 })).toBeDefined();
    let rows = 0;
    for await (const _ of fresh.linesByCustomer.each({ customerId: "C1" })) rows++;
    expect(rows).toBeGreaterThanOrEqual(50);
    await expect(session.line.get({ seq: 500 })).rejects.toMatchObject({ code: "CONSISTENCY_UNAVAILABLE" });
    await shop.$close();
    await server.removePrefix(prefix);
    server.close();
  }, 120_000);
});
