import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { open, type RedisClient, redis } from "../../src/adapters/redis/index.js";
import { apply, connect } from "../../src/index.js";
import { redisGrants, renderGrants } from "../../src/plan/redis/grants.js";
import { openRedis, redisUrl, removePrefix, singleServer, type TestClient } from "./redis.js";
import { freshName, makeLine, model } from "./shop.js";

// Users as `keyfold plan --grants` makes them. Needs a real server: the embedded engine refuses rules that restrict a user.
describe.runIf(singleServer && process.env["KEYFOLD_TEST_REDIS_URL"] !== undefined)("the least rights", () => {
  const prefix = freshName();
  const other = freshName();
  const users: string[] = [];
  let admin: TestClient;
  const clients: TestClient[] = [];
  beforeAll(async () => {
    admin = await openRedis(await redisUrl());
    for (const line of renderGrants(redisGrants, prefix).trim().split("\n")) {
      const words = line.split(" ");
      words[2] = freshName();
      users.push(words[2]);
      await admin.sendCommand(words.map((word) => (word === ">PASSWORD" ? ">secret" : word)));
    }
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    if (users.length > 0) await admin.sendCommand(["ACL", "DELUSER", ...users]);
    for (const each of [prefix, other]) await removePrefix(admin, each);
    admin.destroy();
  });
  const as = async (user: string): Promise<RedisClient> => {
    const url = new URL(await redisUrl());
    url.username = user;
    url.password = "secret";
    const client = await open(url.href);
    clients.push(client);
    return client as unknown as RedisClient;
  };

  test("suffice to apply and to run, each for its own", async () => {
    const [run, applying] = users as [string, string];
    const runner = redis(await as(run), { prefix });
    await expect(apply(model, runner)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect((await apply(model, redis(await as(applying), { prefix }))).ready).toBe(true);
    const shop = connect(model, runner);
    expect((await shop.line.insertMany(Array.from({ length: 50 }, (_, seq) => makeLine(seq)))).applied).toBe(50);
    await shop.line.update({ seq: 1 }, { quantity: 7 });
    await shop.line.increment({ seq: 1 }, { quantity: 1 });
    expect((await shop.line.get({ seq: 1 }))?.quantity).toBe(8);
    expect((await shop.line.delete({ seq: 2 })).applied).toBe(true);
    expect((await shop.linesByCustomer({ customerId: "C1" }, { limit: 5 })).items.length).toBeGreaterThan(0);
    await shop.$close();
  });

  test("end at the prefix", async () => {
    await apply(model, redis(admin as unknown as RedisClient, { prefix: other }));
    const shop = connect(model, redis(await as(users[0]!), { prefix: other }));
    await expect(shop.line.get({ seq: 1 })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(shop.line.insert(makeLine(1))).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(shop.linesByCustomer({ customerId: "C1" })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(await admin.sendCommand(["KEYS", `${other}:{line}*`])).toEqual([]);
    await shop.$close();
  });

  test("that lack a command of the library leave a write's outcome open", async () => {
    await admin.sendCommand(["ACL", "SETUSER", users[0]!, "-zadd"]);
    const shop = connect(model, redis(await as(users[0]!), { prefix }));
    await expect(shop.line.insert(makeLine(1_000))).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await shop.$close();
  });
});
