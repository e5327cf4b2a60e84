import { afterAll, beforeAll, expect, it } from "vitest";
import { freshName, singleServer, startServer, type TestServer } from "./clients.js";
import { ShiftedHost } from "./shifted-host.js";

// Hosts whose clocks are 10 s behind, right, and 10 s ahead, on one Redis: each is a process with a shifted Date.

const shifts = [-10_000, 0, 10_000];

const host = `
  import { Redis } from "ioredis";
  import { lock } from "keyfold/lock";
  import { concurrencyLimit, fixedWindow, rateLimit, slidingLog, slidingWindow, tokenBucket } from "keyfold/rate-limit";
  const [url, prefix] = process.argv.slice(1);
  const redis = new Redis(url);
  const limit = { limit: 6, windowMs: 600_000 };
  const limiters = Object.fromEntries(
    [fixedWindow, slidingWindow, slidingLog, tokenBucket].map((kind) => [kind.name, rateLimit(redis, { prefix, limit: kind(limit) })]),
  );
  const gate = concurrencyLimit(redis, { prefix, limit: 1, leaseMs: 5_000 });
  const locks = lock(redis, { prefix, ttlMs: 5_000, renew: false });
  let held;
  let permit;
  const does = {
    now: () => Date.now(),
    consume: async (kind) => (await limiters[kind].consume("k")).allowed,
    take: async (name) => {
      held = await locks.tryAcquire(name);
      return held !== undefined;
    },
    valid: () => held.valid,
    release: () => held.release(),
    enter: async (name) => {
      permit = await gate.acquire(name);
      return permit.allowed;
    },
    leave: () => permit.release(),
    // The controls: a window that is numbered by the host's clock, and a lock whose end is a time of the host's.
    consumeByHost: async () => (await redis.incr(prefix + ":" + Math.floor(Date.now() / 10_000))) <= 6,
    takeByHost: async (name) => {
      if ((await redis.setnx(prefix + name, Date.now() + 5_000)) === 1) return true;
      if (Number(await redis.get(prefix + name)) > Date.now()) return false;
      return Number(await redis.getset(prefix + name, Date.now() + 5_000)) <= Date.now();
    },
  };
  process.on("message", async ([name, ...args]) => {
    const answer = await does[name](...args);
    process.send(answer ?? null);
  });
  await redis.ping();
  process.send("ready");
`;

let server: TestServer;
let hosts: readonly ShiftedHost[];
beforeAll(async () => {
  server = await startServer();
  const prefix = freshName();
  hosts = shifts.map((shift) => new ShiftedHost(host, [server.url, prefix], shift));
  await Promise.all(hosts.map((each) => each.answer()));
});
afterAll(async () => {
  for (const each of hosts) each.close();
  await server.close();
});

it.runIf(singleServer)("hosts' clocks are 10 s apart", async () => {
  const [behind, right, ahead] = (await Promise.all(hosts.map((each) => each.ask("now")))) as [number, number, number];
  expect(right - behind).toBeGreaterThan(9_000);
  expect(ahead - right).toBeGreaterThan(9_000);
});

const admitted = async (what: string, ...args: readonly string[]) => {
  const results: unknown[] = [];
  for (let call = 0; call < 12; call++) results.push(await hosts[call % hosts.length]!.ask(what, ...args));
  return results.filter((result) => result === true).length;
};

it.runIf(singleServer).each(["fixedWindow", "slidingWindow", "slidingLog", "tokenBucket"])(
  "a %s admits its limit over all hosts",
  async (kind) => {
    expect(await admitted("consume", kind)).toBe(6);
  },
);

it.runIf(singleServer)("the control: a window by the hosts' clocks admits more", async () => {
  expect(await admitted("consumeByHost")).toBeGreaterThan(6);
});

it.runIf(singleServer)("a lock and a place are one host's, whichever clock it has", async () => {
  for (const holder of hosts) {
    for (const [take, give] of [
      ["take", "release"],
      ["enter", "leave"],
    ] as const) {
      const name = `${take}-${hosts.indexOf(holder)}`;
      expect(await holder.ask(take, name)).toBe(true);
      for (const other of hosts) if (other !== holder) expect(await other.ask(take, name)).toBe(false);
      if (take === "take") expect(await holder.ask("valid")).toBe(true);
      await holder.ask(give);
      for (const other of hosts) {
        expect(await other.ask(take, name)).toBe(true);
        await other.ask(give);
      }
    }
  }
});

it.runIf(singleServer)("the control: a lock that ends by a host's clock is taken from its holder", async () => {
  expect(await hosts[0]!.ask("takeByHost", "stolen")).toBe(true);
  expect(await hosts[2]!.ask("takeByHost", "stolen")).toBe(true);
});
