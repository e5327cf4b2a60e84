import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { redis } from "../../src/adapters/redis/index.js";
import { Requests } from "../../src/adapters/redis/requests.js";
import { apply, connect, defineModel, entity, list, rank } from "../../src/index.js";
import type { Link } from "../../src/patterns/redis/link.js";
import { connectRedis, onCluster, type RedisUnderTest } from "./redis.js";
import { freshName } from "./shop.js";

const counter = entity("counter", {
  schema: z.object({ tenant: z.string(), id: z.string(), label: z.string(), value: z.int() }),
  key: ["tenant", "id"],
  unique: [["tenant", "label"]],
});
const model = defineModel({
  entities: { counter },
  patterns: {
    byValue: list(counter, { by: ["tenant"], order: { value: "desc" } }),
    place: rank(counter, { by: ["tenant"], order: { value: "desc" } }),
  },
});

interface Node {
  readonly link: Link;
  readonly id: string;
  readonly host: string;
  readonly port: string;
  readonly slots: readonly (readonly [number, number])[];
}

/** The primaries, as each tells of itself. */
async function nodesOf(server: RedisUnderTest): Promise<readonly Node[]> {
  const links = await new Requests(server.client, { prefix: "none", deadlineMs: 10_000 }).masters();
  return Promise.all(
    links.map(async (link) => {
      const text = String(await link.send(undefined, "CLUSTER", ["NODES"], false));
      const words = text
        .split("\n")
        .find((line) => line.includes("myself"))!
        .split(" ");
      const [host = "", port = ""] = words[1]!.split("@")[0]!.split(":");
      const slots = words.slice(8).flatMap((range): (readonly [number, number])[] => {
        const [from, to = from] = range.split("-").map(Number);
        return range.startsWith("[") ? [] : [[from!, to!]];
      });
      return { link, id: words[0]!, host, port, slots };
    }),
  );
}

/** Moves a slot as redis-cli does, a few keys at a time. */
async function moveSlot(slot: number, from: Node, to: Node, others: readonly Node[]): Promise<number> {
  const ask = (node: Node, command: string, ...args: string[]) => node.link.send(undefined, command, args, false);
  await ask(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", from.id);
  await ask(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", to.id);
  let moved = 0;
  for (;;) {
    const keys = (await ask(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "10")) as string[];
    if (keys.length === 0) break;
    moved += keys.length;
    await ask(from, "MIGRATE", to.host, to.port, "", "0", "5000", "KEYS", ...keys);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const node of [to, from, ...others]) await ask(node, "CLUSTER", "SETSLOT", String(slot), "NODE", to.id);
  return moved;
}

// Needs a Cluster: npm run test:real -- valkey-cluster
describe.runIf(onCluster).each(["node-redis 6", "ioredis 5"] as const)("a Cluster, %s", (driver) => {
  let server: RedisUnderTest;
  const prefix = freshName();
  beforeAll(async () => {
    server = await connectRedis(driver);
  });
  afterAll(async () => {
    await server?.removePrefix(prefix);
    server?.close();
  });

  test("every primary has the library", async () => {
    expect((await apply(model, redis(server.client, { prefix }))).ready).toBe(true);
    const nodes = await nodesOf(server);
    expect(nodes).toHaveLength(3);
    const names = await Promise.all(nodes.map(({ link }) => link.send(undefined, "FUNCTION", ["LIST"], false)));
    for (const said of names) expect(JSON.stringify(said)).toContain(`keyfold_${prefix.replace("_", "_5f_")}`);
  });

  test("a slot that moves while writes and reads go on loses nothing and does nothing twice", async () => {
    const adapter = redis(server.client, { prefix });
    await apply(model, adapter);
    const shop = connect(model, adapter, { deadlineMs: 60_000 });
    const tenant = "t";
    const seeded = 300;
    await shop.counter.insertMany(
      Array.from({ length: seeded }, (_, i) => ({ tenant, id: `s${i}`, label: `s${i}`, value: 0 })),
    );
    let inserted = seeded;
    let increments = 0;
    let reads = 0;
    let going = true;
    const writer = async (name: number): Promise<void> => {
      for (let i = 0; going; i++) {
        const id = `w${name}-${i}`;
        expect((await shop.counter.insert({ tenant, id, label: id, value: 0 })).applied).toBe(true);
        inserted++;
        const { applied } = await shop.counter.increment({ tenant, id: `s${(name * 37 + i) % seeded}` }, { value: 1 });
        expect(applied).toBe(true);
        increments++;
      }
    };
    const reader = async (): Promise<void> => {
      while (going) {
        const least = inserted;
        let rows = 0;
        for await (const _ of shop.byValue.each({ tenant }, { limit: 500 })) rows++;
        expect(rows).toBeGreaterThanOrEqual(least);
        expect((await shop.place({ tenant, id: "s0" }))?.of).toBeGreaterThanOrEqual(least);
        reads++;
      }
    };
    const slot = Number(
      await (await nodesOf(server))[0]!.link.send(
        undefined,
        "CLUSTER",
        ["KEYSLOT", `${prefix}:{counter:${tenant}}:x`],
        false,
      ),
    );
    const work = Promise.all([0, 1, 2, 3].map(writer).concat(reader()));
    let failure: unknown;
    work.catch((error: unknown) => {
      failure = error;
      going = false;
    });
    /** Waits until that many more are inserted; what went wrong meanwhile is thrown. */
    const goOn = async (more: number): Promise<void> => {
      const least = inserted + more;
      while (inserted < least && failure === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
      if (failure !== undefined) throw failure;
    };
    await goOn(100);
    // There and back again.
    for (let round = 0; round < 2; round++) {
      const nodes = await nodesOf(server);
      const from = nodes.find(({ slots }) => slots.some(([low, high]) => low <= slot && slot <= high))!;
      const to = nodes.find((node) => node !== from)!;
      const moved = await moveSlot(
        slot,
        from,
        to,
        nodes.filter((node) => node !== from && node !== to),
      );
      expect(moved).toBeGreaterThan(seeded);
      // They go on by themselves, each when its wait is over.
      await goOn(20);
    }
    going = false;
    await work;
    expect(reads).toBeGreaterThan(0);
    const rows = [];
    for await (const row of shop.byValue.each({ tenant })) rows.push(row);
    expect(rows).toHaveLength(inserted);
    expect(rows.reduce((sum, { value }) => sum + value, 0)).toBe(increments);
    await shop.$close();
  }, 120_000);
});
