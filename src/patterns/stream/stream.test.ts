import { describe, expect, it } from "vitest";
import {
  drivers,
  freshName,
  openClient,
  rawCommand,
  singleServer,
  sleep,
  suiteOn,
} from "../../../test/patterns/clients.js";
import { stream } from "./index.js";

describe.each(drivers)("streams over %s", (driver) => {
  const on = suiteOn(driver);
  const events = (options: object = {}) =>
    stream<{ n: number }>(on.client, { prefix: freshName(), name: "s", deadlineMs: 2_000, ...options });

  it("adds once under an id, and hands every event to one consumer of each group, in order", async () => {
    const numbers = events();
    const first = await numbers.add({ n: 0 }, { id: "zero" });
    const again = await numbers.add({ n: 99 }, { id: "zero" });
    expect([first.duplicate, again]).toEqual([false, { place: first.place, duplicate: true }]);
    const rest = await numbers.addMany(Array.from({ length: 300 }, (_, i) => ({ n: i + 1 })));
    expect(new Set(rest.map(({ place }) => place)).size).toBe(300);
    const seen: Record<string, number[]> = { a: [], b: [] };
    const consumers = ["a", "a", "b"].map((group) =>
      numbers.consume({ group, concurrency: 1, handle: async ({ event }) => seen[group]!.push(event.n) }),
    );
    await expect.poll(() => seen["a"]!.length + seen["b"]!.length, { timeout: 10_000 }).toBe(602);
    expect(seen["b"]).toEqual(Array.from({ length: 301 }, (_, i) => i));
    expect([...seen["a"]!].sort((x, y) => x - y)).toEqual(seen["b"]);
    await Promise.all(consumers.map((consumer) => consumer.drain()));
    expect(await numbers.info("a")).toMatchObject({ length: 301, pending: 0, lag: 0, dead: 0 });
  });

  it("brings back what failed, and gives up on what always fails", async () => {
    const numbers = events();
    const attempts = new Map<number, number[]>();
    const consumer = numbers.consume({
      group: "g",
      maxDeliveries: 3,
      backoffMs: 10,
      handle: async ({ event, attempt }) => {
        attempts.set(event.n, [...(attempts.get(event.n) ?? []), attempt]);
        if (event.n === 2 || (event.n === 1 && attempt === 1)) throw new TypeError(`no ${event.n}`);
      },
    });
    await numbers.addMany([{ n: 0 }, { n: 1 }, { n: 2 }]);
    await expect.poll(async () => (await numbers.info("g")).dead, { timeout: 10_000 }).toBe(1);
    expect(Object.fromEntries(attempts)).toEqual({ 0: [1], 1: [1, 2], 2: [1, 2, 3] });
    const [letter] = await numbers.deadLetters();
    expect(letter).toMatchObject({ event: { n: 2 }, group: "g", deliveries: 3, error: "TypeError: no 2" });
    await consumer.drain();
    expect(consumer.stats()).toMatchObject({ handled: 2, dead: 1, failed: 4, redelivered: 3, inHand: 0 });
    expect(await numbers.info("g")).toMatchObject({ pending: 0, lag: 0 });
    expect(await numbers.revive(letter!.place)).toBe(true);
    expect(await numbers.revive(letter!.place)).toBe(false);
    expect(await numbers.info("g")).toMatchObject({ length: 4, dead: 0, lag: 1 });
  });

  it("does not begin an event that another consumer took while it waited here", async () => {
    const prefix = freshName();
    const numbers = stream<{ n: number }>(on.client, { prefix, name: "s", deadlineMs: 2_000 });
    const places = (await numbers.addMany([{ n: 0 }, { n: 1 }, { n: 2 }])).map(({ place }) => place);
    const seen: number[] = [];
    let go = () => {};
    const first = new Promise<void>((resolve) => {
      go = resolve;
    });
    const consumer = numbers.consume({
      ...{ group: "g", concurrency: 1, idleMs: 300 },
      handle: async ({ event }) => {
        seen.push(event.n);
        if (event.n === 0) await first;
      },
    });
    await expect.poll(() => consumer.stats().inHand).toBe(3);
    await rawCommand(on, "XCLAIM", `${prefix}:{s}:s`, "g", "other", "0", places[1]!);
    await sleep(180); // the sign of life says that it is lost
    go();
    await expect.poll(() => seen).toEqual([0, 2]);
    await consumer.drain();
    expect(consumer.stats()).toMatchObject({ handled: 2, inHand: 0 });
    expect((await numbers.info("g")).pending).toBe(1);
  });

  it("takes over from a consumer that died, and reads its own first when it comes back", async () => {
    const prefix = freshName();
    const own = await openClient(driver, on.server.url);
    const dying = stream<{ n: number }>(own.client, { prefix, name: "s" });
    // A batch for each of two consumers, and one that either of them reads ahead.
    await dying.addMany(Array.from({ length: 30 }, (_, n) => ({ n })));
    let held = 0;
    // They never end: one name comes back, the other does not.
    for (const consumer of ["comes-back", "gone"])
      dying.consume({
        ...{ group: "g", consumer, batch: 10, concurrency: 10, idleMs: 60_000, keep: false, onError: () => {} },
        handle: () => {
          held++;
          return new Promise(() => {});
        },
      });
    await expect.poll(() => held, { timeout: 5_000 }).toBe(20);
    const numbers = stream<{ n: number }>(on.client, { prefix, name: "s" });
    const seen = new Map<number, number>();
    const consumer = numbers.consume({
      ...{ group: "g", consumer: "comes-back", idleMs: 400, batch: 100 },
      handle: async ({ event, attempt }) => seen.set(event.n, attempt),
    });
    await expect.poll(() => seen.size, { timeout: 2_000 }).toBeGreaterThanOrEqual(10);
    await expect.poll(() => seen.size, { timeout: 10_000 }).toBe(30);
    // What was only read ahead may count as begun or not.
    expect([...seen.values()].filter((attempt) => attempt > 1).length).toBeGreaterThanOrEqual(20);
    await expect.poll(async () => (await numbers.info("g")).pending).toBe(0);
    await consumer.drain();
    own.close();
  });

  it("gives up what its consumers die of, not what waited beside it", async () => {
    const prefix = freshName();
    const numbers = stream<{ n: number }>(on.client, { prefix, name: "s", deadlineMs: 2_000 });
    await numbers.addMany(Array.from({ length: 10 }, (_, n) => ({ n })));
    const options = { group: "g", idleMs: 200, concurrency: 1, maxDeliveries: 3, batch: 20, onError: () => {} };
    for (let life = 0; life < 3; life++) {
      const own = await openClient(driver, on.server.url);
      const begun: number[] = [];
      stream<{ n: number }>(own.client, { prefix, name: "s" }).consume({
        ...options,
        handle: ({ event }) => {
          begun.push(event.n);
          return new Promise(() => {});
        },
      });
      await expect.poll(() => begun, { timeout: 10_000 }).toEqual([0]);
      // One sign of life for all that it holds: they are idle from the same moment on, so that the next takes 0 first.
      await sleep(options.idleMs);
      own.close();
    }
    const seen = new Map<number, number>();
    const consumer = numbers.consume({ ...options, handle: async ({ event, attempt }) => seen.set(event.n, attempt) });
    await expect.poll(() => seen.size, { timeout: 10_000 }).toBe(9);
    expect(seen).toEqual(new Map(Array.from({ length: 9 }, (_, i) => [i + 1, 2])));
    await expect
      .poll(() => numbers.deadLetters(), { timeout: 10_000 })
      .toMatchObject([{ event: { n: 0 }, deliveries: 3 }]);
    await consumer.drain();
  });

  it("does many at once, and those that failed alone", async () => {
    const numbers = events();
    await numbers.addMany(Array.from({ length: 30 }, (_, n) => ({ n })));
    const sizes: number[] = [];
    let mixed = 0;
    const consumer = numbers.consume({
      group: "g",
      batch: 10,
      maxDeliveries: 2,
      backoffMs: 5,
      handleMany: async (messages) => {
        sizes.push(messages.length);
        if (messages.length > 1 && messages.some(({ attempt }) => attempt > 1)) mixed++;
        if (messages.length > 1) await sleep(20); // those that failed come again while others wait
        if (messages.some(({ event }) => event.n === 13)) throw new Error("13");
      },
    });
    await expect.poll(() => consumer.stats().handled, { timeout: 10_000 }).toBe(29);
    await expect.poll(() => consumer.stats().dead, { timeout: 10_000 }).toBe(1);
    expect(sizes.filter((size) => size === 10)).toHaveLength(3);
    expect(sizes.filter((size) => size === 1)).toHaveLength(10);
    expect(mixed).toBe(0);
    await consumer.drain();
  });

  it("trims what is done by all, never what is pending or unread", async () => {
    const numbers = events();
    expect(await numbers.trim()).toBe(0);
    const places = await numbers.addMany(Array.from({ length: 50 }, (_, n) => ({ n })));
    expect(await numbers.trim()).toBe(0);
    let release = () => {};
    const gate = new Promise<void>((done) => {
      release = done;
    });
    const slow = numbers.consume({
      group: "slow",
      keep: false,
      batch: 100,
      handle: ({ event }) => (event.n === 20 ? gate : Promise.resolve()),
    });
    await expect.poll(() => slow.stats().handled, { timeout: 10_000 }).toBe(49);
    await expect.poll(async () => (await numbers.info("slow")).pending).toBe(1);
    expect(await numbers.trim()).toBe(20);
    expect(await numbers.trim({ length: 1_000 })).toBe(0);
    release();
    await expect.poll(async () => (await numbers.info("slow")).pending).toBe(0);
    await slow.drain();
    expect(await numbers.trim({ ms: 60_000 })).toBe(0);
    expect(await numbers.trim({ length: 5 })).toBe(25);
    expect((await numbers.info("slow")).length).toBe(5);
    expect(places).toHaveLength(50);
  });

  it.runIf(singleServer)("adds once although answers are lost, and consumes on after every cut", async () => {
    const numbers = events({ deadlineMs: 3_000 });
    const seen: number[] = [];
    const consumer = numbers.consume({
      group: "g",
      handle: async ({ event }) => seen.push(event.n),
      onError: () => {},
    });
    let cuts = 0;
    on.proxy.setRule(({ bytes }) => (bytes.includes('{"n":') && ++cuts % 5 === 1 ? { kind: "cut-after" } : undefined));
    for (let n = 0; n < 12; n++) await numbers.add({ n }, { id: `${n}` });
    const unnamed = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => numbers.add({ n: 100 + i })));
    on.proxy.setRule(undefined);
    const named = () => seen.filter((n) => n < 100).sort((a, b) => a - b);
    await expect.poll(named, { timeout: 10_000 }).toEqual(Array.from({ length: 12 }, (_, n) => n));
    const added = unnamed.filter(({ status }) => status === "fulfilled").length;
    await sleep(100);
    const others = seen.filter((n) => n >= 100);
    expect(new Set(others).size).toBe(others.length);
    expect(others.length).toBeGreaterThanOrEqual(added);
    on.proxy.cutAll();
    await expect
      .poll(
        () =>
          numbers.add({ n: 12 }, { id: "12" }).then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      )
      .toBe(true);
    await expect.poll(named, { timeout: 10_000 }).toHaveLength(13);
    await consumer.drain();
  });
});
