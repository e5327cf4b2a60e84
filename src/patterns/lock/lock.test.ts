import { describe, expect, it } from "vitest";
import {
  drivers,
  freshName,
  type OpenClient,
  openClient,
  rawCommand,
  singleServer,
  sleep,
  suiteOn,
} from "../../../test/patterns/clients.js";
import { type FaultProxy, startEngines, startProxy } from "../../testing/index.js";
import { type Held, lock } from "./index.js";

describe.each(drivers)("locks over %s", (driver) => {
  const on = suiteOn(driver);

  it("has one holder, and every next fence is higher", async () => {
    const locks = lock(on.client, { prefix: freshName(), deadlineMs: 5_000 });
    const first = (await locks.tryAcquire("a"))!;
    expect(first.valid).toBe(true);
    expect(await locks.tryAcquire("a")).toBeUndefined();
    const other = (await locks.tryAcquire("b"))!;
    expect(await first.release()).toBe(true);
    expect(await first.release()).toBe(false);
    expect(first.valid).toBe(false);
    const second = (await locks.tryAcquire("a"))!;
    expect(second.fence).toBeGreaterThan(first.fence);
    await second.release();
    await other.release();
    await expect(locks.with("a", () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(await locks.with("a", async ({ fence }) => fence)).toBeGreaterThan(second.fence);
    locks.close();
  });

  it("hands over in the order of coming, at once and without polling", async () => {
    const prefix = freshName();
    const [here, there] = [lock(on.client, { prefix }), lock(on.client, { prefix })];
    const held = await here.acquire("q");
    const order: number[] = [];
    const fences: number[] = [];
    const waiting = [here, there, here, there].map(async (locks, i) => {
      await sleep(i * 40);
      await locks.with("q", async ({ fence }) => {
        order.push(i);
        fences.push(fence);
        await sleep(5);
      });
    });
    await sleep(300);
    expect(order).toEqual([]);
    const from = performance.now();
    await held.release();
    await Promise.all(waiting);
    expect(performance.now() - from).toBeLessThan(1_500);
    expect(order).toEqual([0, 1, 2, 3]);
    expect([...fences].sort((a, b) => a - b)).toEqual(fences);
    here.close();
    there.close();
  });

  it("gives up after waitMs or with the signal, and leaves nothing behind", async () => {
    const locks = lock(on.client, { prefix: freshName() });
    const held = await locks.acquire("a");
    await expect(locks.acquire("a", { waitMs: 60 })).rejects.toMatchObject({ code: "CONFLICT" });
    const controller = new AbortController();
    const waiting = locks.acquire("a", { signal: controller.signal });
    await sleep(50);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await sleep(20);
    await held.release();
    const next = await locks.tryAcquire("a");
    expect(next).toBeDefined();
    await next?.release();
    locks.close();
  });

  it("is free again when a holder died, also for those that wait", async () => {
    const prefix = freshName();
    const dead = lock(on.client, { prefix, ttlMs: 300, renew: false });
    const locks = lock(on.client, { prefix, ttlMs: 5_000 });
    const lost = await dead.acquire("a");
    const from = performance.now();
    const held = await locks.acquire("a", { waitMs: 5_000 });
    expect(performance.now() - from).toBeGreaterThan(200);
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(held.fence).toBeGreaterThan(lost.fence);
    expect(lost.signal.aborted).toBe(true);
    expect(await lost.renew()).toBe(false);
    expect(await lost.release()).toBe(false);
    expect(held.valid).toBe(true);
    await held.release();
    locks.close();
    dead.close();
  });

  it("keeps a lock while its work runs, and tells the holder when it is lost", async () => {
    const prefix = freshName();
    const locks = lock(on.client, { prefix, ttlMs: 300 });
    const held = await locks.acquire("a");
    await sleep(700);
    expect(held.valid).toBe(true);
    expect(await locks.tryAcquire("a")).toBeUndefined();
    await rawCommand(on, "DEL", `${prefix}:{a}:l`);
    await expect.poll(() => held.signal.aborted, { timeout: 1_000 }).toBe(true);
    expect(held.signal.reason).toMatchObject({ code: "CONFLICT" });
    locks.close();
  });
});

/** A client whose user may not subscribe. */
async function withoutChannels(driver: (typeof drivers)[number], url: string): Promise<OpenClient> {
  const opened = await openClient(driver, url);
  const client = opened.client as unknown as { duplicate: (...args: unknown[]) => Record<string, unknown> };
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (...args) =>
    Object.assign(duplicate(...args), {
      subscribe: () => Promise.reject(new Error("NOPERM No permissions to access a channel")),
    });
  return opened;
}

describe.runIf(singleServer).each(["ioredis 5", "node-redis 6"] as const)(
  "waiting that hears nothing, over %s",
  (driver) => {
    const on = suiteOn(driver);

    it("looks again from time to time where the user may not subscribe", async () => {
      const mute = await withoutChannels(driver, on.server.url);
      const prefix = freshName();
      const [here, there] = [lock(on.client, { prefix }), lock(mute.client, { prefix })];
      const held = await here.acquire("a");
      await expect(there.acquire("a", { waitMs: 120 })).rejects.toMatchObject({ code: "CONFLICT" });
      await expect(there.acquire("a", { signal: AbortSignal.timeout(60) })).rejects.toMatchObject({ code: "ABORTED" });
      const waiting = there.acquire("a", { waitMs: 5_000 });
      await sleep(100);
      const from = performance.now();
      await held.release();
      const next = await waiting;
      expect(performance.now() - from).toBeLessThan(1_500);
      await next.release();
      here.close();
      there.close();
      mute.close();
    });

    it("keeps to waitMs and signal while the subscription does not come to stand, and takes over", async () => {
      const prefix = freshName();
      const proxy = await startProxy(on.server.url);
      const opened = await openClient(driver, proxy.url);
      const [here, there] = [lock(on.client, { prefix }), lock(opened.client, { prefix })];
      const held = await here.acquire("a");
      proxy.setRule(({ bytes }) => (/\r\nsubscribe\r\n/i.test(String(bytes)) ? { kind: "black-hole" } : undefined));
      const from = performance.now();
      await expect(there.acquire("a", { waitMs: 120 })).rejects.toMatchObject({ code: "CONFLICT" });
      await expect(there.acquire("a", { signal: AbortSignal.timeout(60) })).rejects.toMatchObject({ code: "ABORTED" });
      expect(performance.now() - from).toBeLessThan(2_000);
      const waiting = there.acquire("a", { waitMs: 5_000 });
      await sleep(100);
      await held.release();
      expect(await Promise.race([waiting.then((next) => next.release()), sleep(1_000)])).toBe(true);
      here.close();
      there.close();
      opened.close();
      await proxy.close();
    });
  },
);

describe("a quorum of three", () => {
  it("locks while a majority answers, with fences that grow whichever majority it was", async () => {
    const servers = await Promise.all([1, 2, 3].map(() => startEngines({ redis: true })));
    const proxies = await Promise.all(servers.map(({ redis }) => startProxy(redis.url)));
    const opened = await Promise.all(proxies.map(({ url }) => openClient("ioredis 5", url)));
    const locks = lock(
      opened.map(({ client }) => client),
      { prefix: "q", deadlineMs: 100, ttlMs: 2_000 },
    );
    let last = 0;
    let held: Held;
    for (const down of [2, 0, 1, undefined, 0]) {
      proxies.forEach((proxy, i) => {
        proxy.setRule(i === down ? () => ({ kind: "black-hole" }) : undefined);
        if (i !== down) proxy.cutAll();
      });
      // A client that was cut off needs a moment to be back.
      for (;;) {
        const taken = await locks.acquire("a", { waitMs: 3_000 }).catch(() => undefined);
        if (taken !== undefined) {
          held = taken;
          break;
        }
        await sleep(50);
      }
      expect(held.fence).toBeGreaterThan(last);
      last = held.fence;
      expect(await locks.tryAcquire("a").catch(() => undefined)).toBeUndefined();
      await held.release();
    }
    for (const proxy of proxies.slice(0, 2)) proxy.refuse();
    await expect(locks.tryAcquire("b")).rejects.toMatchObject({
      code: expect.stringMatching(/UNAVAILABLE|OUTCOME_UNKNOWN/),
    });
    for (const { close } of opened) close();
    await Promise.all(proxies.map((proxy: FaultProxy) => proxy.close()));
    await Promise.all(servers.map((server) => server.close()));
  });

  it("needs three", () => {
    expect(() => lock([], { prefix: "a" })).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
