import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freshName, singleServer, startServer, type TestServer } from "./clients.js";

// Processes whose hosts disagree about the time by 20 seconds.

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

/** Puts the clock of a process wrong, before anything else of it runs. */
const wrongClock = (ms: number) =>
  `data:text/javascript,${encodeURIComponent(`
  const Right = Date;
  globalThis.Date = class extends Right {
    constructor(...args) { super(...(args.length > 0 ? args : [Right.now() + ${ms}])); }
    static now() { return Right.now() + ${ms}; }
  };
`)}`;

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
  process.on("message", async (what) => process.send({ result: await does[what]() ?? null }));
  await client.ping();
  process.send({ result: "ready" });
`;

/** A process whose clock is wrong by so much. */
async function host(prefix: string, ms: number) {
  const child = spawn(
    process.execPath,
    ["--import", wrongClock(ms), "--input-type=module", "-e", worker, server.url, prefix],
    { stdio: ["ignore", "inherit", "inherit", "ipc"] },
  );
  const answer = () =>
    new Promise<unknown>((done) => child.once("message", (message) => done((message as { result: unknown }).result)));
  await answer();
  return {
    ask(what: string): Promise<unknown> {
      const result = answer();
      child.send(what);
      return result;
    },
    end: () => child.kill("SIGKILL"),
  };
}

it.runIf(singleServer)(
  "hosts whose clocks are 20 s apart see the same deletions by tag and the same runs",
  async () => {
    const prefix = freshName();
    const [early, late] = await Promise.all([host(prefix, -10_000), host(prefix, 10_000)]);
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
      early.end();
      late.end();
    }
  },
);

it.runIf(singleServer)(
  "the control: what trusts the hosts' clocks serves what was deleted, and runs twice",
  async () => {
    const prefix = freshName();
    const [early, late] = await Promise.all([host(prefix, -10_000), host(prefix, 10_000)]);
    try {
      expect(await late.ask("bentoGet")).toBe(1);
      await early.ask("bentoDelete");
      expect(await late.ask("bentoGet")).toBe(1); // deleted, and served
      expect(await early.ask("claimByHost")).toBe("run");
      expect(await late.ask("claimByHost")).toBe("run"); // at the same time
    } finally {
      early.end();
      late.end();
    }
  },
);
