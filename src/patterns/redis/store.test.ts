import { describe, expect, it } from "vitest";
import {
  drivers,
  freshName,
  openClient,
  singleServer,
  sleep,
  startServer,
  suiteOn,
} from "../../../test/patterns/clients.js";
import { millisecondsOf, quickestOf } from "../../../test/patterns/times.js";
import { script } from "./script.js";
import { serverClock } from "./server-clock.js";
import { RedisStore } from "./store.js";

const increment = script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
const echo = script("return ARGV[1]", { writes: false });

describe.each(drivers)("the store over %s", (driver) => {
  const on = suiteOn(driver);

  it("runs scripts by digest, and in full where a server does not have them", async () => {
    const store = new RedisStore(on.client);
    const key = freshName();
    expect(await store.run(increment, [key], ["2"])).toBe(2);
    await store.command(undefined, "SCRIPT", ["FLUSH"], true);
    expect(await store.run(increment, [key], ["3"])).toBe(5);
    expect(await store.run(increment, [key], ["1"])).toBe(6);
    const bytes = Buffer.from([0xff, 0, 0x80]);
    expect(await store.run(echo, [key], [bytes], { bytes: true })).toEqual(bytes);
    expect(await store.run(echo, [key], ["é"])).toBe("é");
  });

  it("names what Redis refused", async () => {
    const store = new RedisStore(on.client);
    const key = freshName();
    await store.command(key, "LPUSH", [key, "a"], true);
    await expect(store.run(increment, [key], ["1"])).rejects.toMatchObject({
      code: "DRIVER_ERROR",
      message: expect.stringContaining("WRONGTYPE"),
    });
  });

  it("knows the server's time", async () => {
    const store = new RedisStore(on.client);
    expect(Math.abs((await serverClock(store).ready()) - Date.now())).toBeLessThan(500);
    expect(serverClock(store).now()).toBeGreaterThan(0);
  });

  it.runIf(singleServer)("ends at the deadline, fails at once while the breaker is open, and comes back", async () => {
    const store = new RedisStore(on.client, { deadlineMs: 100 });
    const key = freshName();
    await store.run(increment, [key], ["1"]);
    on.proxy.setRule(() => ({ kind: "black-hole" }));
    let calls: PromiseSettledResult<unknown>[] = [];
    const ms = await millisecondsOf(async () => {
      calls = await Promise.allSettled(Array.from({ length: 5 }, () => store.run(increment, [key], ["1"])));
    });
    expect(ms).toBeLessThan(160);
    expect(calls.map((call) => (call as PromiseRejectedResult).reason.code)).toEqual(Array(5).fill("OUTCOME_UNKNOWN"));
    expect(store.broken).toBe(true);
    const refused = () =>
      expect(store.run(increment, [key], ["1"])).rejects.toMatchObject({
        code: "UNAVAILABLE",
        data: { applied: false },
      });
    expect(await quickestOf(refused)).toBeLessThan(5);
    on.proxy.setRule(undefined);
    on.proxy.cutAll();
    const back = performance.now();
    while (store.broken && performance.now() - back < 3_000) await sleep(20);
    expect(performance.now() - back).toBeLessThan(2_000);
    expect(await store.run(echo, [key], ["back"])).toBe("back");
  });

  it.runIf(singleServer)("sends a read again when its connection broke, and obeys the caller's signal", async () => {
    const store = new RedisStore(on.client, { deadlineMs: 2_000 });
    let cuts = 0;
    on.proxy.setRule(({ bytes }) => (bytes.includes("again") && ++cuts === 1 ? { kind: "cut-after" } : undefined));
    expect(await store.run(echo, ["k"], ["again"])).toBe("again");
    expect(cuts).toBeGreaterThan(1);
    const controller = new AbortController();
    on.proxy.setRule(() => ({ kind: "black-hole" }));
    const waiting = store.run(echo, ["k"], ["x"], { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    on.proxy.setRule(undefined);
    on.proxy.cutAll();
    await expect(store.run(echo, ["k"], ["y"])).resolves.toBe("y");
  });
});

it.runIf(singleServer)("knows which clients send again by themselves, and refuses what is no client", async () => {
  const server = await startServer();
  const resends = async (driver: (typeof drivers)[number], options?: object) => {
    const open = await openClient(driver, server.url, options);
    const { link } = new RedisStore(open.client);
    open.close();
    return link.resends;
  };
  expect(await resends("ioredis 5")).toBe(true);
  expect(await resends("ioredis 6")).toBe(true);
  expect(await resends("ioredis 5", { autoResendUnfulfilledCommands: false })).toBe(false);
  expect(await resends("ioredis 6", { maxRetriesPerRequest: 0 })).toBe(false);
  expect(await resends("node-redis 5")).toBe(false);
  expect(await resends("node-redis 6")).toBe(false);
  for (const wrong of [null, {}, "redis://127.0.0.1", { call: 1 }])
    expect(() => new RedisStore(wrong as never)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  await server.close();
});
