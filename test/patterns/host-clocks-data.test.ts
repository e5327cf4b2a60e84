import { afterAll, beforeAll, expect, it } from "vitest";
import { freshName, singleServer, startServer, type TestServer } from "./clients.js";
import { ShiftedHost } from "./shifted-host.js";

// Processes whose hosts disagree about the time by 20 seconds.

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

/** Does what it is told, one request after the other: with keyfold, or with what trusts the host's clock. */
const worker = `
  import { cache } from "keyfold/cache";
  import { idempotency } from "keyfold/idempotency";
  import { BentoCache, bentostore } from "bentocache";
  import { redisDriver } from "bentocache/drivers/redis";
  import { Redis } from "ioredis";
  const [url, prefix] = process.argv.slice(1);
  const client = new Redis(url);
  let loads = 0;
  const values = cache(client, { prefix, ttlMs: 60_000, deadlineMs: 5_000, tags: () => ["t"], load: async () => ++loads });
  const once = idempotency(client, { prefix, leaseMs: 3_000, deadlineMs: 5_000 });
  const bento = new BentoCache({
    prefix, default: "l2", stores: { l2: bentostore().useL2Layer(redisDriver({ connection: client })) },
  });
  /** The control of idempotency: a claim that ends at a time of the host's clock. */
  const claimByHost = async (key) => {
    const end = Number(await client.get(prefix + key));
    if (end > Date.now()) return "in-progress";
    await client.set(prefix + key, Date.now() + 3_000);
    return "run";
  };
  const does = {
    now: () => Date.now(),
    get: () => values.get("a"),
    deleteByTag: () => values.deleteByTag("t"),
    bentoGet: () => bento.getOrSet({ key: "a", ttl: 60_000, tags: ["t"], factory: async () => ++loads }),
    bentoDelete: () => bento.deleteByTag({ tags: ["t"] }),
    claim: async () => (await once.claim("a")).state,
    run: async () => (await once.run("b", async () => process.pid)).value,
    claimByHost: () => claimByHost("c"),
  };
  process.on("message", async ([what]) => process.send((await does[what]()) ?? null));
  await client.ping();
  process.send("ready");
`;

async function twoHosts(): Promise<{ readonly early: ShiftedHost; readonly late: ShiftedHost; close(): void }> {
  const args = [server.url, freshName()];
  const [early, late] = [new ShiftedHost(worker, args, -10_000), new ShiftedHost(worker, args, 10_000)];
  await Promise.all([early.answer(), late.answer()]);
  return {
    early,
    late,
    close() {
      early.close();
      late.close();
    },
  };
}

it.runIf(singleServer)(
  "hosts whose clocks are 20 s apart see the same deletions by tag and the same runs",
  async () => {
    const { early, late, close } = await twoHosts();
    try {
      expect(Number(await late.ask("now")) - Number(await early.ask("now"))).toBeGreaterThan(19_000);
      // What the late host stored the early one deletes by its tag, and the other way round.
      const first = await late.ask("get");
      expect(await early.ask("get")).toBe(first);
      await early.ask("deleteByTag");
      expect(await late.ask("get")).toBe(2);
      expect(await early.ask("get")).toBe(2);
      await late.ask("deleteByTag");
      expect(await early.ask("get")).toBe(1); // the first that this process loads
      expect(await late.ask("get")).toBe(1);

      // A run that one host has begun is in progress for the other, and is over for it when it is over.
      expect(await early.ask("claim")).toBe("run");
      expect(await late.ask("claim")).toBe("in-progress");
      const value = await late.ask("run");
      expect(await early.ask("run")).toBe(value);
    } finally {
      close();
    }
  },
);

it.runIf(singleServer)(
  "the control: what trusts the hosts' clocks serves what was deleted, and runs twice",
  async () => {
    const { early, late, close } = await twoHosts();
    try {
      expect(await late.ask("bentoGet")).toBe(1);
      await early.ask("bentoDelete");
      expect(await late.ask("bentoGet")).toBe(1); // deleted, and served
      expect(await early.ask("claimByHost")).toBe("run");
      expect(await late.ask("claimByHost")).toBe("run"); // at the same time
    } finally {
      close();
    }
  },
);
