import { describe, expect, it } from "vitest";
import { cache } from "../../src/patterns/cache/index.js";
import { idempotency } from "../../src/patterns/idempotency/index.js";
import { pubsub } from "../../src/patterns/pubsub/index.js";
import { stream } from "../../src/patterns/stream/index.js";
import { drivers, freshName, openClient, rawCommand, singleServer, sleep, suiteOn } from "./clients.js";

// Links that are cut between request and reply: Redis has done what was asked, and the client does not know.

const deadlineMs = 5_000;

describe.runIf(singleServer).each(drivers)("links cut before the reply, over %s", (driver) => {
  const on = suiteOn(driver);

  /** Cuts the link after each of the first `times` chunks with this text; resolves `work`'s outcome. */
  async function cutting(text: string, times: number, work: () => Promise<unknown>, onCut = () => {}) {
    let cuts = 0;
    on.proxy.setRule(({ bytes }) => {
      if (!bytes.includes(text) || cuts >= times) return undefined;
      cuts++;
      onCut();
      return { kind: "cut-after" };
    });
    const outcome = await work().then(
      () => "done",
      (error: { code?: string }) => error.code ?? "failed",
    );
    on.proxy.setRule(undefined);
    expect(cuts).toBeGreaterThan(0);
    return outcome;
  }

  it("the control: the driver's own INCR, of which ioredis makes three", async () => {
    const key = freshName();
    const client = on.client as never as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const outcome = await cutting(key, 2, () => client["incr"]!(key));
    await expect.poll(() => rawCommand(on, "GET", key).catch(() => "")).toBe(driver.startsWith("ioredis") ? "3" : "1");
    expect(outcome).toBe(driver.startsWith("ioredis") ? "done" : "failed");
  });

  it("an event is added once", async () => {
    const events = stream<{ text: string }>(on.client, { prefix: freshName(), name: "s", deadlineMs });
    await events.add({ text: "before" }); // the server knows the script: what is cut has been done
    const unnamed = await cutting("the-event", 2, () => events.add({ text: "the-event" }));
    expect(unnamed).toBe(driver.startsWith("ioredis") ? "done" : "OUTCOME_UNKNOWN");
    expect(await cutting("named", 2, () => events.add({ text: "named" }, { id: "1" }))).toBe("done");
    expect((await events.info("g")).length).toBe(3);
  });

  it("a message is heard once", async () => {
    const prefix = freshName();
    const direct = await openClient(driver, on.server.url);
    const near = pubsub<{ a: string }>(on.client, { prefix, deadlineMs });
    const far = pubsub<{ a: string }>(direct.client, { prefix });
    const heard: string[] = [];
    const subscription = await far.subscribe("a");
    const reading = (async () => {
      for await (const each of subscription) if (each.kind === "message") heard.push(each.message);
    })();
    await cutting("the-message", 2, () => near.publish("a", "the-message"));
    await expect.poll(() => near.publish("a", "the last").then(() => heard.at(-1))).toBe("the last");
    expect(heard.filter((text) => text === "the-message")).toHaveLength(1);
    far.close();
    await reading;
    direct.close();
  });

  it("work is run once, although its claim or its result was answered to nobody", async () => {
    const prefix = freshName();
    const once = idempotency(on.client, { prefix, deadlineMs });
    let runs = 0;
    const work = async () => `result-${++runs}`;
    expect(await cutting("the-claim", 2, () => once.run("the-claim", work))).toBe("done");
    expect(await cutting("result-2", 2, () => once.run("b", work))).toBe("done");
    expect(await once.run("the-claim", work)).toEqual({ value: "result-1", replayed: true });
    expect(await once.run("b", work)).toEqual({ value: "result-2", replayed: true });
    expect(runs).toBe(2);
  });

  it("a value is not set again over what another did meanwhile", async () => {
    const prefix = freshName();
    const options = { prefix, ttlMs: 60_000, deadlineMs, load: async () => "loaded" };
    const direct = await openClient(driver, on.server.url);
    const [near, far] = [cache(on.client, options), cache(direct.client, options)];
    const deleted: Promise<void>[] = [];
    // The first attempt is done; before the client has reconnected, another deletes what it stored.
    const outcome = await cutting(
      "the-value",
      1,
      () => near.set("a", "the-value"),
      () => deleted.push(sleep(5).then(() => far.delete("a"))),
    );
    await Promise.all(deleted);
    expect(outcome).toMatch(/^(CONFLICT|OUTCOME_UNKNOWN)$/);
    await sleep(100);
    expect(await far.peek("a")).toBeUndefined();
    direct.close();
  });
});
