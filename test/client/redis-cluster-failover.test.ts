import { describe, expect, test } from "vitest";
import { z } from "zod";
import { redis } from "../../src/adapters/redis/index.js";
import { apply, connect, defineModel, entity, list } from "../../src/index.js";
import { drivers, sleep } from "../patterns/clients.js";
import { killable } from "../patterns/primaries.js";
import { millisecondsOf } from "../patterns/times.js";
import { connectRedis, onCluster, redisUrl } from "./redis.js";
import { freshName } from "./shop.js";

const counter = entity("counter", {
  schema: z.object({ tenant: z.string(), id: z.string(), value: z.int() }),
  key: ["tenant", "id"],
});
const model = defineModel({
  entities: { counter },
  patterns: { byValue: list(counter, { by: ["tenant"], order: { value: "desc" } }) },
});

const deadlineMs = 500;
/** So long after there is a new primary the model is back, as the patterns are (test/patterns/failover.test.ts). */
const backMs = 3_000;

// Needs a Cluster with replicas: npm run test:real -- valkey-cluster
describe.runIf(onCluster).each(drivers)("a primary of a Cluster that is killed, %s", (driver) => {
  test("calls end within their deadline, and the replica takes over with records, lists and library", async () => {
    const server = await connectRedis(driver);
    const prefix = freshName();
    const adapter = redis(server.client, { prefix });
    await apply(model, adapter);
    const shop = connect(model, adapter, { deadlineMs });
    const primary = await killable(await redisUrl());
    const tenant = primary.nameHere(freshName, (name) => `counter:${name}`);
    const records = Array.from({ length: 200 }, (_, i) => ({ tenant, id: `s${i}`, value: i }));
    expect((await shop.counter.insertMany(records)).applied).toBe(200);
    const session = shop.$session();
    await session.counter.insert({ tenant, id: "session", value: 1 });
    // Replication is asynchronous: what a replica does not have yet is lost with a failover.
    const behind = async (): Promise<number> => {
      const texts = (await server.everywhere("INFO", "replication")).map(String);
      return texts.filter((text) => {
        const there = /state=online,offset=(\d+)/.exec(text)?.[1];
        return there === undefined || there !== /master_repl_offset:(\d+)/.exec(text)?.[1];
      }).length;
    };
    await expect.poll(behind, { timeout: 60_000, interval: 100 }).toBe(0);

    primary.kill();
    const ids: string[] = [];
    const insert = async (): Promise<boolean> => {
      const id = `n${ids.length}`;
      ids.push(id);
      let applied = false;
      const ms = await millisecondsOf(async () => {
        applied = (await shop.counter.insert({ tenant, id, value: 1 }).catch(() => undefined))?.applied === true;
      });
      expect(ms).toBeLessThan(deadlineMs * 1.2 + 60);
      return applied;
    };
    while (!(await primary.replaced())) await insert();
    const replaced = performance.now();
    while (!(await insert()) && performance.now() - replaced < 30_000) await sleep(10);
    const back = performance.now() - replaced;
    console.log(driver, "writes again", Math.round(back), "ms after there was a new primary");
    expect(back).toBeLessThan(backMs);

    const after = connect(model, adapter);
    for (const { id, value } of records) expect((await after.counter.get({ tenant, id }))?.value).toBe(value);
    expect(await after.counter.get({ tenant, id: ids.at(-1)! })).toBeDefined();
    // What the list finds are the records that there are, whatever became of the writes in between.
    const found = await after.counter.getMany(ids.map((id) => ({ tenant, id })));
    const there = found.filter((record) => record !== undefined).length;
    let rows = 0;
    for await (const _ of after.byValue.each({ tenant })) rows++;
    expect(rows).toBe(200 + 1 + there);
    await expect(session.counter.get({ tenant, id: "session" }, { deadlineMs: 10_000 })).rejects.toMatchObject({
      code: "CONSISTENCY_UNAVAILABLE",
    });
    await primary.restored();
    await shop.$close();
    await after.$close();
    await server.removePrefix(prefix);
    server.close();
  }, 180_000);
});
