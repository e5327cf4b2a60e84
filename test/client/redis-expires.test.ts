import { describe, expect, test } from "vitest";
import { z } from "zod";
import { open, type RedisClient, redis as redisAdapter } from "../../src/adapters/redis/index.js";
import { apply, connect, defineModel, entity, get, list, rank } from "../../src/index.js";
import { startEngines } from "../../src/testing/index.js";
import { useRedis } from "./redis.js";
import { codeOf } from "./shop.js";

// What Redis does beside what test/client/expires.test.ts asks of every engine: nothing of a record stays behind.

const redis = useRedis();

const schema = z.object({
  board: z.string(),
  player: z.string(),
  nick: z.string(),
  points: z.int(),
  until: z.date().optional(),
});
const scoreOf = (expires: boolean) =>
  entity("score", {
    schema,
    key: ["board", "player"],
    unique: [["board", "nick"]],
    ...(expires ? { expires: "until" } : {}),
  });
const patternsOf = (score: ReturnType<typeof scoreOf>) => ({
  scoreByKey: get(score),
  best: list(score, { by: ["board"], order: { points: "desc" } }),
  place: rank(score, { by: ["board"], order: { points: "desc" } }),
});
const modelOf = (expires: boolean) => {
  const score = scoreOf(expires);
  return defineModel({ entities: { score }, patterns: patternsOf(score) });
};
const ending = modelOf(true);
const staying = modelOf(false);

const makeScore = (number: number, until?: Date) => ({
  board: `b${number % 3}`,
  player: `p${number}`,
  nick: `n${number}`,
  points: number % 10,
  ...(until === undefined ? {} : { until }),
});
const soon = (ms: number) => new Date(Date.now() + ms);
const passed = (moment: Date) =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, moment.getTime() - Date.now() + 50)));

/** All keys of the model but the marks of writes, which end by themselves. */
async function keysOf(prefix: string): Promise<string[]> {
  const keys = (await redis.send("KEYS", `${prefix}:{*`)) as string[];
  return keys.filter((key) => !key.includes("/~"));
}

test("what writes have not come upon, apply removes, with all that found it", async () => {
  const prefix = redis.prefix();
  const adapter = redis.adapter(prefix);
  await apply(ending, adapter);
  const shop = connect(ending, adapter);
  const until = soon(2_000);
  const { applied } = await shop.score.insertMany(Array.from({ length: 700 }, (_, i) => makeScore(i, until)));
  expect(applied).toBe(700);
  await passed(until);
  expect((await shop.best({ board: "b1" })).items).toEqual([]);
  expect(await keysOf(prefix)).not.toEqual([]);
  expect((await apply(ending, adapter)).ready).toBe(true);
  expect(await keysOf(prefix)).toEqual([]);
  await shop.$close();
});

test("each write removes some of what has ended, in its partition", async () => {
  const prefix = redis.prefix();
  const adapter = redis.adapter(prefix);
  await apply(ending, adapter);
  const shop = connect(ending, adapter);
  const until = soon(1_500);
  await shop.score.insertMany(Array.from({ length: 30 }, (_, i) => makeScore(3 * i, until)));
  await passed(until);
  for (let i = 0; i < 6; i++) await shop.score.put({ ...makeScore(1000), board: "b0" });
  // One record: its own key, its place in the list, its nick.
  expect(await keysOf(prefix)).toHaveLength(3);
  await shop.$close();
});

test("a place is counted among what has not ended", async () => {
  const adapter = redis.adapter(redis.prefix());
  await apply(ending, adapter);
  const shop = connect(ending, adapter);
  const until = soon(2_000);
  for (let i = 0; i < 30; i++) await shop.score.insert(makeScore(i, i % 2 === 0 ? until : undefined));
  const key = { board: "b0", player: "p3" };
  expect(await shop.place(key)).toMatchObject({ rank: 7, of: 10 });
  await passed(until);
  expect(await shop.place(key)).toMatchObject({ rank: 4, of: 5, record: makeScore(3) });
  expect(await shop.place({ board: "b0", player: "p0" })).toBeUndefined();
  await shop.$close();
});

test("a place is told while records end all the time, and where many have ended", async () => {
  const prefix = redis.prefix();
  const adapter = redis.adapter(prefix);
  await apply(ending, adapter);
  const client = redis.client as unknown as { sendCommand(...args: unknown[]): Promise<unknown> };
  const sent: string[] = [];
  const slow = new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== "function") return value;
      if (name !== "sendCommand") return value.bind(target);
      // A Cluster's client and a Sentinel's take a key or a flag before the words.
      return async (...args: unknown[]) => {
        const answer = await (value as (...all: unknown[]) => Promise<unknown>).apply(target, args);
        const called = String((args.find(Array.isArray) as string[])[1]);
        if (called.includes("_rank") || called.includes("_sweep")) sent.push(called);
        await new Promise((resolve) => setTimeout(resolve, 40));
        return answer;
      };
    },
  });
  const shop = connect(ending, redisAdapter(slow as unknown as RedisClient, { prefix }));
  const board = (i: number) => 3 * i;
  const start = Date.now() + 1_500;
  const scores = Array.from({ length: 150 }, (_, i) => makeScore(board(i), new Date(start + 20 * i)));
  await shop.score.insertMany([...scores, makeScore(board(500))]);
  const key = { board: "b0", player: `p${board(500)}` };
  await passed(new Date(start + 200));
  // One ends every 20 ms: asked until none has, it would take as long as they last.
  expect((await shop.place(key))?.record).toEqual(makeScore(board(500)));
  expect(sent).toHaveLength(2);
  const until = soon(700);
  await shop.score.insertMany(Array.from({ length: 450 }, (_, i) => makeScore(board(1_000 + i), until)));
  await passed(new Date(Math.max(until.getTime(), start + 3_000)));
  sent.length = 0;
  expect(await shop.place(key)).toMatchObject({ rank: 1, of: 1 });
  expect(sent.length).toBeLessThanOrEqual(1 + Math.ceil(601 / 200));
  await shop.$close();
});

describe("a model that changes", () => {
  test("records that were there end too, once apply has seen them; until then nothing is asked", async () => {
    const adapter = redis.adapter(redis.prefix());
    await apply(staying, adapter);
    const before = connect(staying, adapter);
    const until = soon(1_500);
    await before.score.insertMany(Array.from({ length: 20 }, (_, i) => makeScore(i, until)));
    await passed(until);
    const after = connect(ending, adapter);
    expect(await codeOf(after.score.get({ board: "b0", player: "p0" }))).toBe("DESIGN_MISSING");
    expect((await apply(ending, adapter)).items.find(({ name }) => name === "score/expires(until)")?.state).toBe(
      "created",
    );
    expect(await after.score.get({ board: "b0", player: "p0" })).toBeUndefined();
    expect((await after.score.insert(makeScore(0))).applied).toBe(true);
    // The older model would have them stay: it says so, and is not obeyed unasked.
    const { items } = await apply(staying, adapter);
    expect(items.find(({ name }) => name === "score/expires(until)")?.state).toBe("differs");
    expect((await apply(staying, adapter, { drop: true })).ready).toBe(true);
    await Promise.all([before.$close(), after.$close()]);
  });
});

test("a server whose clock is set is written to by its new time", async () => {
  // Only an engine of our own can be set.
  const engines = await startEngines({ redis: true });
  const client = await open(engines.redis.url);
  const adapter = redisAdapter(client as unknown as RedisClient, { prefix: "clock" });
  await apply(ending, adapter);
  const shop = connect(ending, adapter);
  const until = soon(3_600_000);
  expect((await shop.score.insert(makeScore(1, until))).applied).toBe(true);
  await engines.clock.advance(7_200_000);
  expect(await shop.score.get({ board: "b1", player: "p1" })).toBeUndefined();
  expect((await shop.score.insert(makeScore(1))).applied).toBe(true);
  await engines.clock.advance(7_200_000);
  const { applied } = await shop.score.insertMany([makeScore(2), makeScore(3)]);
  expect(applied).toBe(2);
  await shop.$close();
  client.destroy();
  await engines.close();
});
