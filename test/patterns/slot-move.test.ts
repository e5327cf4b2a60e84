import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { pubsub } from "../../src/patterns/pubsub/index.js";
import { slotOf } from "../../src/patterns/redis/keys.js";
import { drivers, freshName, suiteOn, testServers } from "./clients.js";

// Sharded channels while their slot moves to another node. Needs a Cluster: `npm run test:real -- valkey-cluster`.

/** Moves a slot to a node that does not have it; resolves when all know it. */
async function moveSlot(url: string, slot: number): Promise<void> {
  const first = new Redis(url.replace("+cluster", ""));
  const ranges = (await first.call("CLUSTER", "SLOTS")) as [number, number, [string, number, string]][];
  const nodes = new Map(ranges.map(([, , [host, port, id]]) => [id, new Redis(port, host)]));
  try {
    const from = ranges.find(([low, high]) => low <= slot && slot <= high)![2][2];
    const to = [...nodes.keys()].find((id) => id !== from)!;
    const setSlot = (id: string, ...args: string[]) =>
      nodes.get(id)!.call("CLUSTER", "SETSLOT", String(slot), ...args) as Promise<unknown>;
    await setSlot(to, "IMPORTING", from);
    await setSlot(from, "MIGRATING", to);
    const keys = (await nodes.get(from)!.call("CLUSTER", "GETKEYSINSLOT", String(slot), "1000")) as string[];
    const { host, port } = nodes.get(to)!.options;
    for (const key of keys) await nodes.get(from)!.call("MIGRATE", host!, String(port), key, "0", "5000");
    for (const id of [to, from, ...[...nodes.keys()].filter((id) => id !== to && id !== from)])
      await setSlot(id, "NODE", to);
  } finally {
    for (const node of [first, ...nodes.values()]) node.disconnect();
  }
}

describe.runIf(testServers === "cluster").each(drivers)("a slot that moves, over %s", (driver) => {
  const on = suiteOn(driver);

  it("ends in a gap within 2 s, and the channel is heard on its new node", async () => {
    const prefix = freshName();
    const news = pubsub<{ prices: number }>(on.client, { prefix, sharded: true, deadlineMs: 3_000 });
    const prices = await news.subscribe("prices");
    await news.publish("prices", 1);
    expect((await prices.next()).value).toMatchObject({ kind: "message", message: 1 });
    for (const message of [2, 3]) {
      await moveSlot(on.server.url, slotOf(`${prefix}:{prices}`));
      const from = performance.now();
      expect((await prices.next()).value).toEqual({ kind: "gap", reason: "reconnected", dropped: undefined });
      expect(performance.now() - from).toBeLessThan(2_000);
      await news.publish("prices", message);
      expect((await prices.next()).value).toMatchObject({ kind: "message", message });
    }
    news.close();
  });
});
