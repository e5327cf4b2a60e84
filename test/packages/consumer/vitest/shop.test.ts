import { attachEngines } from "keyfold/testing";
import type {} from "keyfold/testing/vitest";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";

let engines: Awaited<ReturnType<typeof attachEngines>>;
let client: MongoClient;

beforeAll(async () => {
  engines = await attachEngines();
  client = new MongoClient(inject("keyfold").urls.mongodb ?? "");
});
beforeEach(() => engines.reset());
afterAll(async () => {
  await client.close();
  await engines.close();
});

const lines = () => client.db("shop").collection<{ _id: number }>("line");

test("the URL is in the environment too", () => {
  expect(process.env.KEYFOLD_MONGODB_URL).toBe(inject("keyfold").urls.mongodb);
});

test.each([1, 2])("data is gone between tests (%i)", async () => {
  expect(await lines().countDocuments()).toBe(0);
  await lines().insertOne({ _id: 1 });
});

test("a fault reaches the engine in its own process", async () => {
  const fault = await engines.faults.inject({
    command: "insert",
    target: "line",
    fault: { kind: "error", code: 10107, message: "not primary", labels: ["RetryableWriteError"] },
    times: 2,
  });
  await expect(lines().insertOne({ _id: 1 })).rejects.toMatchObject({ code: 10107 });
  expect(await fault.hits()).toBe(2);
  await lines().insertOne({ _id: 1 });
});

test("the clock moves", async () => {
  await engines.clock.freeze();
  const from = await engines.clock.now();
  await engines.clock.advance(86_400_000);
  expect((await engines.clock.now()).getTime() - from.getTime()).toBe(86_400_000);
});
