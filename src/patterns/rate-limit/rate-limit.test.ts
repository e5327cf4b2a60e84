import { describe, expect, it } from "vitest";
import {
  drivers,
  freshName,
  openClient,
  rawCommand,
  singleServer,
  sleep,
  startServer,
  suiteOn,
} from "../../../test/patterns/clients.js";
import { millisecondsOf, quickestOf } from "../../../test/patterns/times.js";
import {
  concurrencyLimit,
  fixedWindow,
  type Limit,
  rateLimit,
  rateLimitHeaders,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from "./index.js";

const five = { limit: 5, windowMs: 60_000 };
const kinds: readonly Limit[] = [fixedWindow(five), slidingWindow(five), slidingLog(five), tokenBucket(five)];

describe.each(drivers)("rate limits over %s", (driver) => {
  const on = suiteOn(driver);

  it.each(kinds)("$kind admits its limit, charges no refused call, and strands no key", async (limit) => {
    const prefix = freshName();
    const limiter = rateLimit(on.client, { prefix, limit, deadlineMs: 5_000 });
    expect(await limiter.peek("a")).toMatchObject({ allowed: true, remaining: 5, resetMs: 0, retryAfterMs: 0 });
    for (let left = 4; left >= 0; left--)
      expect(await limiter.consume("a")).toMatchObject({ allowed: true, remaining: left, retryAfterMs: 0, limit: 5 });
    const peeked = await limiter.peek("a");
    const refused = await limiter.consume("a");
    expect(refused).toMatchObject({ allowed: false, remaining: 0, degraded: undefined });
    expect(peeked).toMatchObject({ allowed: false, remaining: 0 });
    expect(Math.abs(peeked.retryAfterMs - refused.retryAfterMs)).toBeLessThan(1_000);
    expect(refused.retryAfterMs).toBeGreaterThan(5_000);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(66_000);
    for (let i = 0; i < 20; i++) await limiter.consume("a");
    await limiter.reward("a", 2);
    expect(await limiter.peek("a", { cost: 2 })).toMatchObject({ allowed: true, remaining: 2, retryAfterMs: 0 });
    expect(await limiter.peek("a", { cost: 3 })).toMatchObject({ allowed: false, remaining: 2 });
    await expect(limiter.peek("a", { cost: 6 })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(await limiter.consume("a", { cost: 3 })).toMatchObject({ allowed: false });
    expect(await limiter.consume("a", { cost: 2 })).toMatchObject({ allowed: true, remaining: 0 });
    expect((await limiter.consume("b")).allowed).toBe(true);
    for (const key of ["a", "b"]) {
      const name = `${prefix}:{${key}}:${limit.mark}`;
      const ttl = (await rawCommand(on, "PTTL", name)) as number;
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(66_001);
    }
    await limiter.reset("a");
    expect(await limiter.peek("a")).toMatchObject({ allowed: true, remaining: 5 });
  });

  it.each(kinds)("$kind: penalties go over the limit, a block refuses and ends", async (limit) => {
    const limiter = rateLimit(on.client, { prefix: freshName(), limit, deadlineMs: 5_000 });
    await limiter.penalty("a", 7);
    expect(await limiter.peek("a")).toMatchObject({ remaining: 0 });
    expect(await limiter.consume("a")).toMatchObject({ allowed: false });
    await limiter.reset("a");
    await limiter.block("a", 300);
    const refused = await limiter.consume("a");
    expect(refused.allowed).toBe(false);
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(300);
    await limiter.penalty("a");
    await sleep(320);
    expect(await limiter.consume("a")).toMatchObject({ allowed: true, remaining: 4 });
  });

  it("gives back what was charged in a bucket before the newest", async () => {
    const limit = slidingWindow({ limit: 5, windowMs: 10_000 });
    const limiter = rateLimit(on.client, { prefix: freshName(), limit, deadlineMs: 5_000 });
    await limiter.consume("a", { cost: 2 });
    await sleep(1_020);
    await limiter.consume("a", { cost: 2 });
    expect(await limiter.reward("a", 3)).toMatchObject({ remaining: 4 });
    expect(await limiter.peek("a")).toMatchObject({ allowed: true, remaining: 4 });
    expect(await limiter.reward("a", 3)).toMatchObject({ remaining: 5 });
    expect(await limiter.peek("a")).toMatchObject({ remaining: 5, resetMs: 0 });
  });

  it("holds several limits at once, or charges none", async () => {
    const limiter = rateLimit(on.client, {
      prefix: freshName(),
      limit: [
        fixedWindow({ name: "burst", limit: 2, windowMs: 1_000 }),
        slidingLog({ name: "minute", limit: 3, windowMs: 60_000 }),
        tokenBucket({ name: "hour", limit: 100, windowMs: 3_600_000 }),
      ],
    });
    expect((await limiter.consume("a")).allowed).toBe(true);
    expect((await limiter.consume("a")).allowed).toBe(true);
    expect(await limiter.peek("a")).toMatchObject({ allowed: false, name: "burst" });
    const third = await limiter.consume("a");
    expect(third).toMatchObject({ allowed: false, name: "burst" });
    expect(third.limits.map(({ remaining }) => remaining)).toEqual([0, 1, 98]);
    await sleep(1_020);
    expect(await limiter.consume("a")).toMatchObject({ allowed: true });
    expect(await limiter.consume("a")).toMatchObject({ allowed: false, name: "minute" });
  });

  it("counts holders, and frees those that died", async () => {
    const gate = concurrencyLimit(on.client, { prefix: freshName(), limit: 2, leaseMs: 600 });
    const [a, b, c] = [await gate.acquire("k"), await gate.acquire("k"), await gate.acquire("k")];
    expect([a.allowed, b.allowed, c.allowed, c.active]).toEqual([true, true, false, 2]);
    await a.release();
    await a.release();
    const d = await gate.acquire("k");
    expect(d.allowed).toBe(true);
    await sleep(350);
    expect(await d.renew()).toBe(true);
    await sleep(350);
    expect(await b.renew()).toBe(false);
    expect((await gate.acquire("k")).allowed).toBe(true);
    expect((await gate.acquire("k")).allowed).toBe(false);
  });
});

describe.runIf(singleServer)("in an outage", () => {
  const on = suiteOn("ioredis 5");

  it("decides as it was told, within the deadline", async () => {
    const limit = fixedWindow({ limit: 2, windowMs: 60_000 });
    const make = (fail: "open" | "closed" | "local") =>
      rateLimit(on.client, { prefix: freshName(), limit, fail, deadlineMs: 60 });
    const [free, shut, alone] = [make("open"), make("closed"), make("local")];
    await free.consume("a");
    on.proxy.setRule(() => ({ kind: "black-hole" }));
    for (let i = 0; i < 4; i++) {
      const ms = await millisecondsOf(async () => {
        expect(await free.consume("a")).toMatchObject({ allowed: true, degraded: "open" });
        expect(await shut.consume("a")).toMatchObject({ allowed: false, degraded: "closed" });
        expect(await alone.peek("a")).toMatchObject({ allowed: i < 2, remaining: Math.max(0, 2 - i) });
        expect(await alone.consume("a")).toMatchObject({ allowed: i < 2, degraded: "local" });
      });
      expect(ms).toBeLessThan(4 * 60 * 1.2 + 60);
    }
    let n = 0;
    const ms = await quickestOf(async () => {
      const key = `b${n++}`;
      expect(await alone.peek(key)).toMatchObject({ allowed: true, resetMs: 0 });
      await alone.consume(key);
    });
    expect(ms).toBeLessThan(5);
    on.proxy.setRule(undefined);
    on.proxy.cutAll();
    await expect.poll(async () => (await free.consume("a")).degraded, { timeout: 2_000 }).toBeUndefined();
  });
});

describe.runIf(singleServer).each(["open", "closed", "local"] as const)("fail: %s", (fail) => {
  const on = suiteOn("ioredis 5");

  it("decides nothing for a call that was aborted", async () => {
    const limiter = rateLimit(on.client, { prefix: freshName(), limit: fixedWindow(five), fail, deadlineMs: 5_000 });
    await limiter.consume("a");
    on.proxy.setRule(() => ({ kind: "black-hole" }));
    const aborted = limiter.consume("a", { signal: AbortSignal.timeout(30) });
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED" });
    const gate = concurrencyLimit(on.client, {
      ...{ prefix: freshName(), limit: 1, deadlineMs: 5_000 },
      fail: fail === "local" ? "closed" : fail,
    });
    const permit = gate.acquire("a", { signal: AbortSignal.timeout(30) });
    await expect(permit).rejects.toMatchObject({ code: "ABORTED" });
    on.proxy.setRule(undefined);
    on.proxy.cutAll();
    const early = limiter.consume("a", { signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("what a web server says", () => {
  const on = suiteOn("node-redis 6");
  const limiterOf = () =>
    rateLimit(on.client, {
      prefix: freshName(),
      limit: [
        slidingLog({ name: 'pe"ak', limit: 1, windowMs: 10_000 }),
        fixedWindow({ name: "day", limit: 9, windowMs: 86_400_000 }),
      ],
    });

  it("gives the fields of the draft, and the older ones", async () => {
    const limiter = limiterOf();
    const headers = rateLimitHeaders(await limiter.consume("a"), { legacy: true, partitionKey: "a" });
    expect(headers).toEqual({
      "RateLimit-Policy": '"pe\\"ak";q=1;w=10;pk=:YQ==:, "day";q=9;w=86400;pk=:YQ==:',
      RateLimit: '"pe\\"ak";r=0;t=10;pk=:YQ==:, "day";r=8;t=86400;pk=:YQ==:',
      "X-RateLimit-Limit": "1",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": "10",
    });
    expect(rateLimitHeaders(await limiter.consume("a"))["Retry-After"]).toBe("10");
  });
});

it("refuses options that mean nothing", async () => {
  const bad = (limit: number, windowMs: number) => () => fixedWindow({ limit, windowMs });
  for (const wrong of [bad(0, 1), bad(1.5, 1), bad(1, 0.5), bad(Number.NaN, 1)])
    expect(wrong).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  const server = await startServer();
  const open = await openClient("ioredis 6", server.url);
  const limiter = rateLimit(open.client, { prefix: "p", limit: fixedWindow(five) });
  for (const cost of [0, -1, 6, 0.5])
    await expect(limiter.consume("a", { cost })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  expect(() => rateLimit(open.client, { prefix: "{p}", limit: fixedWindow(five) })).toThrow(/braces/);
  open.close();
  await server.close();
});
