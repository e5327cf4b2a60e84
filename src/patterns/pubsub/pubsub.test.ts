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
import { type Heard, pubsub, type Subscription } from "./index.js";

interface Channels {
  prices: { cents: number };
  "orders.new": string;
  "orders.old": string;
}

describe.each(drivers)("pub/sub over %s", (driver) => {
  const on = suiteOn(driver);

  async function take<T>(subscription: Subscription<T>, count: number): Promise<Heard<T>[]> {
    const taken: Heard<T>[] = [];
    while (taken.length < count) {
      const { value, done } = await subscription.next();
      if (done === true) break;
      taken.push(value);
    }
    return taken;
  }

  it("carries typed messages over channels and patterns", async () => {
    const prefix = `${freshName()}[x]`;
    const news = pubsub<Channels>(on.client, { prefix });
    const prices = await news.subscribe("prices");
    const orders = await news.subscribePattern("orders.*");
    await news.publish("prices", { cents: 1 });
    await news.publish("orders.new", "a");
    await news.publish("orders.old", "ø");
    await sleep(50); // another node of a Cluster may be the faster one
    await rawCommand(on, "PUBLISH", `${prefix}:prices`, "{not json");
    expect(await take(prices, 2)).toEqual([
      { kind: "message", channel: "prices", message: { cents: 1 } },
      { kind: "unreadable", channel: "prices", raw: "{not json", error: expect.any(SyntaxError) },
    ]);
    expect(await take(orders, 2)).toEqual([
      { kind: "message", channel: "orders.new", message: "a" },
      { kind: "message", channel: "orders.old", message: "ø" },
    ]);
    news.close();
    expect(await prices.next()).toEqual({ done: true, value: undefined });
    await expect(news.publish("" as never, "x" as never)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it.runIf(singleServer)("says that a user may not listen, and keeps what it hears", async () => {
    const open = await openClient(driver, on.server.url);
    const client = open.client as unknown as { duplicate: (...args: unknown[]) => Record<string, unknown> };
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (...args) => {
      const copy = duplicate(...args);
      const subscribe = (copy["subscribe"] as (...args: unknown[]) => Promise<unknown>).bind(copy);
      return Object.assign(copy, {
        subscribe: (channel: string, ...more: unknown[]) =>
          channel.endsWith(":prices")
            ? Promise.reject(new Error("NOPERM No permissions to access a channel"))
            : subscribe(channel, ...more),
      });
    };
    const news = pubsub<Channels>(open.client, { prefix: freshName() });
    await expect(news.subscribe("prices")).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    const orders = await news.subscribe("orders.new");
    await expect(news.subscribe("prices")).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await news.publish("orders.new", "a");
    expect(await take(orders, 1)).toEqual([{ kind: "message", channel: "orders.new", message: "a" }]);
    news.close();
    open.close();
  });

  it.runIf(singleServer)("stops trying to listen with its signal", async () => {
    const news = pubsub<Channels>(on.client, { prefix: freshName() });
    on.proxy.setRule(({ bytes }) => (/\r\nsubscribe\r\n/i.test(String(bytes)) ? { kind: "black-hole" } : undefined));
    const ended = await news.subscribe("prices", { signal: AbortSignal.timeout(50) });
    on.proxy.setRule(undefined);
    expect(await ended.next()).toEqual({ done: true, value: undefined });
    const prices = await news.subscribe("prices");
    await news.publish("prices", { cents: 1 });
    expect(await take(prices, 1)).toMatchObject([{ kind: "message" }]);
    news.close();
  });

  it("ends with the loop, the signal, or its queue", async () => {
    const news = pubsub<Channels>(on.client, { prefix: freshName() });
    const controller = new AbortController();
    const [looped, signalled, oldest, newest, strict] = await Promise.all([
      news.subscribe("prices"),
      news.subscribe("prices", { signal: controller.signal }),
      news.subscribe("prices", { maxQueue: 3 }),
      news.subscribe("prices", { maxQueue: 3, overflow: "drop-newest" }),
      news.subscribe("prices", { maxQueue: 3, overflow: "error" }),
    ]);
    for (let cents = 0; cents < 5; cents++) await news.publish("prices", { cents });
    for await (const heard of looped) if (heard.kind === "message" && heard.message.cents === 4) break;
    expect(await looped.next()).toMatchObject({ done: true });
    const cents = (heard: Heard<{ cents: number }>) =>
      heard.kind === "message" ? heard.message.cents : heard.kind === "gap" ? `gap ${heard.dropped}` : "?";
    expect((await take(oldest, 4)).map(cents)).toEqual(["gap 2", 2, 3, 4]);
    expect((await take(newest, 4)).map(cents)).toEqual([0, 1, 2, "gap 2"]);
    await expect(take(strict, 9)).rejects.toMatchObject({ code: "TOO_LARGE" });
    controller.abort();
    expect(await take(signalled, 9)).toHaveLength(5);
    news.close();
  });

  it("has sharded channels", async () => {
    const news = pubsub<Record<string, number>>(on.client, { prefix: freshName(), sharded: true });
    const names = ["a", "b", "c", "d", "e", "f"];
    const subscriptions = await Promise.all(names.map((name) => news.subscribe(name)));
    for (const [i, name] of names.entries()) await news.publish(name, i);
    for (const [i, subscription] of subscriptions.entries())
      expect(await take(subscription, 1)).toEqual([{ kind: "message", channel: names[i], message: i }]);
    await expect(news.subscribePattern("*")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    news.close();
  });

  it.runIf(singleServer)("comes back after a cut, and says that messages may be missing", async () => {
    const news = pubsub<Channels>(on.client, { prefix: freshName(), deadlineMs: 3_000 });
    const prices = await news.subscribe("prices");
    await news.publish("prices", { cents: 1 });
    expect(await take(prices, 1)).toMatchObject([{ kind: "message" }]);
    on.proxy.cutAll();
    expect(await take(prices, 1)).toEqual([{ kind: "gap", reason: "reconnected", dropped: undefined }]);
    await expect
      .poll(() =>
        news.publish("prices", { cents: 2 }).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    expect(await take(prices, 1)).toMatchObject([{ kind: "message", message: { cents: 2 } }]);
    // A connection that is silent, not closed.
    on.proxy.setRule(() => ({ kind: "black-hole" }));
    await expect
      .poll(() =>
        news.publish("prices", { cents: 3 }, { deadlineMs: 50 }).then(
          () => 1,
          () => 0,
        ),
      )
      .toBe(0);
    setTimeout(() => on.proxy.setRule(undefined), 1_500);
    expect(await take(prices, 1)).toMatchObject([{ kind: "gap" }]);
    on.proxy.setRule(undefined);
    on.proxy.cutAll();
    news.close();
  });

  it.runIf(singleServer)("is heard once, although the answer is lost and the driver sends again", async () => {
    const news = pubsub<Channels>(on.client, { prefix: freshName(), deadlineMs: 3_000 });
    const direct = await openClient(driver, on.server.url);
    const prefix = freshName();
    const [near, far] = [pubsub<Channels>(on.client, { prefix }), pubsub<Channels>(direct.client, { prefix })];
    const prices = await far.subscribe("prices");
    for (let i = 1; i <= 5; i++) {
      let cuts = 0;
      on.proxy.setRule(({ bytes }) =>
        bytes.includes(`"cents":${i}`) && ++cuts <= 2 ? { kind: "cut-after" } : undefined,
      );
      await near.publish("prices", { cents: i }).catch(() => {});
      on.proxy.setRule(undefined);
      await expect
        .poll(
          () =>
            near.publish("orders.new", "x").then(
              () => true,
              () => false,
            ),
          { timeout: 5_000 },
        )
        .toBe(true);
    }
    await far.publish("prices", { cents: 99 });
    const heard = await take(prices, 6);
    expect(heard.map((each) => (each.kind === "message" ? each.message.cents : each.kind))).toEqual([
      1, 2, 3, 4, 5, 99,
    ]);
    for (const each of [news, near, far]) each.close();
    direct.close();
  });
});
