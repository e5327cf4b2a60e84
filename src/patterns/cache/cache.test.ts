import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { decode, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import {
  drivers,
  freshName,
  openClient,
  rawCommand,
  singleServer,
  sleep,
  startServer,
  suiteOn,
} from "../../../test/patterns/clients.js";
import { millisecondsOf, quickestOf } from "../../../test/patterns/times.js";
import { hashTag } from "../redis/keys.js";
import { type CacheEvent, type CacheOptions, cache, messagePack, text } from "./index.js";

interface User {
  readonly id: string;
  readonly version: number;
}

describe.each(drivers)("caches over %s", (driver) => {
  const on = suiteOn(driver);

  /** A cache in front of a table whose rows count how often they were loaded. */
  const users = (options: Partial<CacheOptions<User | null>> = {}, prefix = freshName()) => {
    const versions = new Map<string, number>();
    const loads: string[] = [];
    const made = cache<User | null>(on.client, {
      prefix,
      ttlMs: 60_000,
      deadlineMs: 5_000, // of a test on a busy machine; those of outages set their own
      load: async (id) => {
        loads.push(id);
        if (id.startsWith("none")) return null;
        return { id, version: versions.get(id) ?? 0 };
      },
      ...options,
    });
    return { cache: made, versions, loads, prefix };
  };

  it("loads once, keeps nulls, and asks for many in one command", async () => {
    const { cache: made, loads } = users();
    expect(await Promise.all(Array.from({ length: 50 }, () => made.get("1")))).toEqual(
      Array(50).fill({ id: "1", version: 0 }),
    );
    expect(await made.get("1")).toEqual({ id: "1", version: 0 });
    expect(await made.get("none")).toBeNull();
    expect(await made.get("none")).toBeNull();
    expect(await made.getMany(["1", "none", "ø {x}", "1"])).toEqual([
      { id: "1", version: 0 },
      null,
      { id: "ø {x}", version: 0 },
      { id: "1", version: 0 },
    ]);
    expect(loads).toEqual(["1", "none", "ø {x}"]);
    expect(await made.peek("1")).toEqual({ value: { id: "1", version: 0 } });
    expect(await made.peek("2")).toBeUndefined();
    expect(made.stats()).toMatchObject({ load: 3, "load-failed": 0 });
  });

  it("deletes, sets and refreshes", async () => {
    const { cache: made, versions, loads } = users();
    await made.get("1");
    versions.set("1", 1);
    await made.delete("1", "2", "3");
    expect(await made.get("1")).toEqual({ id: "1", version: 1 });
    await made.set("1", { id: "1", version: 9 });
    expect(await made.get("1")).toEqual({ id: "1", version: 9 });
    versions.set("1", 10);
    expect(await made.refresh("1")).toEqual({ id: "1", version: 10 });
    expect(await made.get("1")).toEqual({ id: "1", version: 10 });
    expect(loads).toHaveLength(3);
  });

  it("never stores or serves after a delete what was loaded before it", async () => {
    const prefix = freshName();
    let version = 1;
    const gates: (() => void)[] = [];
    const load = async (id: string) => {
      const seen = version;
      await new Promise<void>((done) => gates.push(done));
      return { id, version: seen };
    };
    const [here, there] = [users({ load }, prefix).cache, users({ load }, prefix).cache];
    const before = here.get("1");
    await expect.poll(() => gates.length).toBe(1);
    version = 2;
    await there.delete("1");
    const [joined, elsewhere] = [here.get("1"), there.get("1")];
    await sleep(20);
    gates[0]!();
    expect(await before).toEqual({ id: "1", version: 1 });
    await expect.poll(() => gates.length).toBeGreaterThan(1);
    const open = setInterval(() => gates.forEach((gate) => void gate()), 10);
    expect(await joined).toEqual({ id: "1", version: 2 });
    expect(await elsewhere).toEqual({ id: "1", version: 2 });
    clearInterval(open);
    expect(await here.peek("1")).toEqual({ value: { id: "1", version: 2 } });
  });

  it("deletes by tag, also tags that only the value tells, also while it is loaded", async () => {
    const prefix = freshName();
    let team = "red";
    let gate: Promise<void> | undefined;
    const options: Partial<CacheOptions<User | null>> = {
      tags: (value) => (value === null ? [] : [`team-${value.id}`, "all"]),
      load: async () => {
        const seen = team;
        await gate;
        return { id: seen, version: 0 };
      },
    };
    const [here, there] = [users(options, prefix).cache, users(options, prefix).cache];
    expect((await here.get("1"))?.id).toBe("red");
    team = "blue";
    expect((await there.get("1"))?.id).toBe("red");
    await there.deleteByTag("team-other");
    expect((await here.get("1"))?.id).toBe("red");
    await there.deleteByTag("team-red", "x");
    expect((await here.get("1"))?.id).toBe("blue");
    await here.deleteByTag("team-red");
    expect((await there.get("1"))?.id).toBe("blue");
    let release = () => {};
    gate = new Promise((done) => {
      release = done;
    });
    const slow = here.get("2");
    await sleep(50);
    team = "green";
    await there.deleteByTag("team-blue");
    gate = undefined;
    release();
    expect((await slow)?.id).toBe("blue");
    expect((await here.get("2"))?.id).toBe("green");
    await expect(users().cache.deleteByTag("a")).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("gives a loader's error to every waiter once, here and in other processes", async () => {
    const prefix = freshName();
    let loads = 0;
    const load = async () => {
      loads++;
      await sleep(150);
      throw new TypeError("the table is gone");
    };
    const [here, there] = [users({ load }, prefix).cache, users({ load }, prefix).cache];
    const all = [
      ...Array.from({ length: 20 }, () => here.get("1")),
      ...Array.from({ length: 20 }, () => there.get("1")),
    ];
    const outcomes = await Promise.allSettled(all);
    expect(loads).toBe(1);
    for (const outcome of outcomes)
      expect((outcome as PromiseRejectedResult).reason.message).toContain("the table is gone");
    const names = new Set(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.name));
    expect(names).toEqual(new Set(["TypeError", "KeyfoldError"]));
    await expect(here.get("1")).rejects.toThrow("the table is gone");
    expect(loads).toBe(2);
  });

  it("serves stale values while they are loaded behind, and when that fails", async () => {
    let fail = false;
    let version = 0;
    const { cache: made } = users({
      ttlMs: 100,
      staleMs: 5_000,
      jitter: 0,
      earlyRefresh: 0,
      load: async (id) => {
        if (fail) throw new Error("no");
        return { id, version: ++version };
      },
    });
    expect((await made.get("1"))?.version).toBe(1);
    await sleep(150);
    expect((await made.get("1"))?.version).toBe(1);
    await expect.poll(async () => (await made.get("1"))?.version).toBe(2);
    fail = true;
    await sleep(150);
    for (let i = 0; i < 5; i++) expect((await made.get("1"))?.version).toBe(2);
    expect(made.stats().stale).toBeGreaterThan(0);
    await made.delete("1");
    await expect(made.get("1")).rejects.toThrow("no");
  });

  it("loads anew before the end, the sooner the longer loading takes", async () => {
    let loads = 0;
    const load = async (id: string) => {
      loads++;
      await sleep(40);
      return { id, version: loads };
    };
    const eager = users({ ttlMs: 2_000, jitter: 0, earlyRefresh: 200, load }).cache;
    await eager.get("1");
    for (let i = 0; i < 30; i++) {
      await eager.get("1");
      await sleep(5);
    }
    expect(loads).toBeGreaterThan(1);
  });

  it("keeps times apart: a ttl for each value, one for nulls, jitter", async () => {
    const prefix = freshName();
    const { cache: made } = users(
      { ttlMs: (value) => (value?.version === 1 ? 5_000 : 50_000), nullTtlMs: 500, jitter: 0.5, staleMs: 0 },
      prefix,
    );
    const ttls: number[] = [];
    for (let i = 0; i < 12; i++) {
      await made.get(`${i}`);
      ttls.push((await rawCommand(on, "PTTL", `${prefix}:{${i}}:v`)) as number);
    }
    for (const ttl of ttls) expect(ttl).toBeGreaterThan(24_000);
    expect(Math.max(...ttls)).toBeLessThanOrEqual(50_000);
    expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(3_000);
    await made.get("none");
    expect(await rawCommand(on, "PTTL", `${prefix}:{none}:v`)).toBeLessThanOrEqual(500);
  });

  it("stores MessagePack and text, and replaces what it cannot read", async () => {
    const packed = cache(on.client, {
      prefix: freshName(),
      ttlMs: 60_000,
      load: async (id) => ({ id, bytes: new Uint8Array([0, 255, 10]), big: 2 ** 40 }),
      serializer: messagePack<{ id: string; bytes: Uint8Array; big: number }>({ encode, decode }),
      tags: () => ["t"],
    });
    await packed.get("1");
    const again = await packed.peek("1");
    expect(again?.value).toEqual({ id: "1", bytes: new Uint8Array([0, 255, 10]), big: 2 ** 40 });
    const prefix = freshName();
    const plain = cache(on.client, {
      prefix,
      ttlMs: 60_000,
      load: async (id) => `value\nof ${id}`,
      serializer: text,
    });
    expect(await plain.get("1")).toBe("value\nof 1");
    expect((await plain.peek("1"))?.value).toBe("value\nof 1");
    await rawCommand(on, "SET", `${prefix}:{1}:v`, "not ours");
    expect(await plain.get("1")).toBe("value\nof 1");
    expect((await plain.peek("1"))?.value).toBe("value\nof 1");
  });

  // Redis tracks keys for one server's connection; a Cluster and node-redis' Sentinel have none of their own.
  const invalidations = singleServer ? (["pubsub", "tracking"] as const) : (["pubsub"] as const);

  it.each(invalidations)("keeps values in the process, and hears by %s what others delete", async (invalidation) => {
    const prefix = freshName();
    const options = { local: { max: 100, ttlMs: 60_000, invalidation }, tags: () => ["t"] };
    const [here, there] = [users(options, prefix), users(options, prefix)];
    const localHits = () => here.cache.stats()["hit-local"];
    await expect
      .poll(async () => {
        await here.cache.get("1");
        return localHits();
      })
      .toBeGreaterThan(3);
    here.versions.set("1", 1);
    await there.cache.delete("1");
    await expect.poll(async () => (await here.cache.get("1"))?.version).toBe(1);
    here.versions.set("1", 2);
    await there.cache.deleteByTag("t");
    await expect.poll(async () => (await here.cache.get("1"))?.version).toBe(2);
    await there.cache.set("1", { id: "1", version: 7 });
    await expect.poll(async () => (await here.cache.get("1"))?.version).toBe(7);
    here.versions.set("1", 8);
    await here.cache.delete("1");
    expect((await here.cache.get("1"))?.version).toBe(8);
    here.cache.close();
    there.cache.close();
  });

  it.runIf(singleServer).each(invalidations)("pays no heed to what no cache wrote, by %s", async (invalidation) => {
    const prefix = freshName();
    const { cache: made, versions } = users({ local: { ttlMs: 60_000, invalidation } }, prefix);
    const hits = () => made.stats()["hit-local"];
    const warm = () =>
      expect
        .poll(async () => {
          await made.get("1");
          return hits();
        })
        .toBeGreaterThan(hits());
    await warm();
    for (const message of ["{not json", "null", "7", '{"ids":7}', '{"tags":[7]}'])
      await rawCommand(on, "PUBLISH", `${prefix}:{#}:invalid`, message);
    for (const key of ["{%zz}:v", "{%zz}:t", "{1}:other"]) await rawCommand(on, "SET", `${prefix}:${key}`, "");
    await sleep(30);
    const before = hits();
    await made.get("1");
    expect(hits()).toBe(before + 1);
    versions.set("1", 3);
    const other = users({ local: { invalidation } }, prefix).cache;
    await other.delete("1");
    await expect.poll(async () => (await made.get("1"))?.version).toBe(3);
    made.close();
    other.close();
  });

  it.runIf(singleServer)("is told by Redis of keys that anyone changes, and of those that expire", async () => {
    const prefix = freshName();
    const ids = ["plain", "a,b", "{%}", ""];
    const { cache: made, loads } = users({ local: { ttlMs: 60_000, invalidation: "tracking" } }, prefix);
    for (const id of ids)
      await expect
        .poll(async () => {
          const before = made.stats()["hit-local"];
          await made.get(id);
          return made.stats()["hit-local"] - before;
        })
        .toBe(1);
    expect(loads).toHaveLength(4);
    expect(made.stats().localEntries).toBe(4);
    for (const id of ids) {
      const key = `${prefix}:${hashTag(id)}:v`;
      // One is deleted by somebody who knows nothing of caches, the others expire.
      if (id === "a,b") await rawCommand(on, "DEL", key);
      else await rawCommand(on, "PEXPIRE", key, "20");
      await sleep(40);
      await rawCommand(on, "EXISTS", key); // what has expired is deleted when it is looked at
      await expect.poll(() => made.stats().localEntries).toBe(3 - ids.indexOf(id));
    }
    await made.get("plain");
    expect(loads).toHaveLength(5);
    made.close();
  });

  it.runIf(!singleServer && driver.startsWith("node-redis"))(
    "refuses to track keys where there is nothing to track them with",
    () => {
      expect(() => users({ local: { invalidation: "tracking" } })).toThrow(/cannot track/);
    },
  );

  it.runIf(singleServer).each(invalidations)(
    "empties its own level when %s may have lost something",
    async (invalidation) => {
      const prefix = freshName();
      const { cache: made, versions } = users({ local: { ttlMs: 60_000, invalidation } }, prefix);
      await expect
        .poll(async () => {
          await made.get("1");
          return made.stats()["hit-local"];
        })
        .toBeGreaterThan(3);
      versions.set("1", 1);
      on.proxy.cutAll();
      const direct = await openClient(driver, on.server.url);
      await rawCommand(direct, "DEL", `${prefix}:{1}:v`);
      direct.close();
      await expect.poll(async () => (await made.get("1"))?.version, { timeout: 5_000 }).toBe(1);
      made.close();
    },
  );

  it.runIf(singleServer)(
    "answers within its deadline while Redis does not, and at once when the breaker is open",
    async () => {
      const { cache: made, loads } = users({ deadlineMs: 150, local: { ttlMs: 60_000 }, whenDown: "stale" });
      const strict = users({ deadlineMs: 150, whenDown: "fail" }).cache;
      await made.get("kept");
      await expect
        .poll(async () => {
          await made.get("kept");
          return made.stats()["hit-local"];
        })
        .toBeGreaterThan(0);
      on.proxy.setRule(() => ({ kind: "black-hole" }));
      const before = loads.length;
      let values: unknown[] = [];
      const ms = await millisecondsOf(async () => {
        values = await Promise.all([...Array.from({ length: 40 }, (_, i) => made.get(`${i % 4}`)), made.get("kept")]);
      });
      expect(ms).toBeLessThan(150 * 1.2 + 40);
      expect(values.every((value) => value !== null)).toBe(true);
      expect(loads.length - before).toBe(4);
      for (let i = 0; i < 6; i++) await made.get(`more${i}`);
      await expect(strict.get("1")).rejects.toMatchObject({ code: expect.stringMatching(/UNAVAILABLE|DEADLINE/) });
      let n = 0;
      expect(await quickestOf(() => made.get(`another${n++}`))).toBeLessThan(5);
      await expect(made.delete("1")).rejects.toMatchObject({
        code: expect.stringMatching(/UNAVAILABLE|OUTCOME_UNKNOWN/),
      });
      on.proxy.setRule(undefined);
      on.proxy.cutAll();
      await expect
        .poll(
          () =>
            made.delete("1").then(
              () => "ok",
              () => "down",
            ),
          { timeout: 3_000 },
        )
        .toBe("ok");
      made.close();
    },
  );

  it("tells subscribers of a diagnostics channel, and ends a caller's wait with its signal", async () => {
    const seen: string[] = [];
    const hear = (event: unknown) => {
      const { "db.operation.name": name, "keyfold.cache.id": id } = event as CacheEvent;
      seen.push(`${name} ${id}`);
    };
    subscribe("keyfold:cache", hear);
    const { cache: made } = users();
    await made.get("1");
    await made.get("1");
    unsubscribe("keyfold:cache", hear);
    expect(seen).toEqual(["miss 1", "load 1", "hit 1"]);
    const slow = users({ load: () => sleep(300).then(() => null) }).cache;
    const waiting = slow.get("1", { signal: AbortSignal.timeout(20) });
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    expect(await slow.get("1")).toBeNull();
  });

  it("ends a loader that takes too long, and does not take its error for an outage", async () => {
    let loads = 0;
    const { cache: made } = users({
      loadTimeoutMs: 60,
      load: (_id, { signal }) => {
        loads++;
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    await expect(made.get("1")).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(loads).toBe(1);
  });
});

it("refuses options that mean nothing", async () => {
  const server = await startServer();
  const open = await openClient("ioredis 5", server.url);
  const load = async () => 1;
  for (const wrong of [
    { prefix: "" },
    { prefix: "a{b" },
    { ttlMs: 0 },
    { staleMs: -1 },
    { jitter: 1 },
    { deadlineMs: 0 },
    { leaseMs: 1 },
  ])
    expect(() => cache(open.client, { prefix: "p", ttlMs: 1_000, load, ...wrong })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  open.close();
  await server.close();
});
