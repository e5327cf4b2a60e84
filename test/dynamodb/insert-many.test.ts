import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, defineModel, entity } from "../../src/index.js";
import { startEngines } from "../../src/testing/index.js";
import { freshName } from "../client/shop.js";

const item = entity("item", {
  schema: z.object({ id: z.int(), owner: z.string(), more: z.int().optional() }),
  key: ["id"],
});
const member = entity("member", {
  schema: z.object({ id: z.int(), email: z.string() }),
  key: ["id"],
  unique: [["email"]],
});
const model = defineModel({ entities: { item, member }, patterns: {} });

const start = () => startEngines({ dynamodb: true });
let engines: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  engines = await start();
});
afterEach(() => engines.faults.clear());
afterAll(() => engines.close());

async function setUp() {
  const table = freshName();
  const { host } = new URL(engines.dynamodb.url);
  const { client } = open(`dynamodb://test:test@${host}/${table}?region=eu-west-1`);
  await apply(model, dynamodb(client, { table }));
  return { connect: () => connect(model, dynamodb(client, { table })) };
}

const make = (count: number, owner: string) => Array.from({ length: count }, (_, id) => ({ id, owner }));

test("of writers that insert different records under the same keys at once, one has each key, and knows it", async () => {
  const place = await setUp();
  const WRITERS = 4;
  const COUNT = 500;
  const shops = Array.from({ length: WRITERS }, () => place.connect());
  await Promise.all(shops.map((shop) => shop.$ready));
  const done = await Promise.all(shops.map((shop, writer) => shop.item.insertMany(make(COUNT, `w${writer}`))));
  const owners = await shops[0]!.item.getMany(make(COUNT, "").map(({ id }) => ({ id })));
  let applied = 0;
  done.forEach(({ results }, writer) => {
    results.forEach((result, id) => {
      expect(result.outcome).toBe(owners[id]?.owner === `w${writer}` ? "applied" : "conflict");
      if (result.outcome === "applied") applied++;
    });
  });
  expect(applied).toBe(COUNT);
});

test("what is there is told from what is new, whatever fields a record has", async () => {
  const shop = (await setUp()).connect();
  const many = make(60, "a").map((one) => (one.id % 2 === 0 ? one : { ...one, more: one.id }));
  expect((await shop.item.insertMany(many)).applied).toBe(60);
  const again = await shop.item.insertMany([
    ...many.slice(0, 30),
    { id: 30, owner: "b" },
    { id: 100, owner: "b" },
    many[0]!,
  ]);
  expect(again.results.map(({ outcome }) => outcome)).toEqual([
    ...Array(30).fill("present"),
    "conflict",
    "applied",
    "present",
  ]);
});

test("a lost answer is settled: each record is applied once", async () => {
  const shop = (await setUp()).connect();
  await shop.$ready;
  const fault = await engines.faults.inject({
    command: "BatchExecuteStatement",
    times: 3,
    fault: { kind: "close-after" },
  });
  const done = await shop.item.insertMany(make(200, "a"));
  expect(await fault.hits()).toBe(3);
  expect([done.applied, done.failures]).toEqual([200, []]);
});

test("records whose transaction was done and not answered are applied, not present", async () => {
  const shop = (await setUp()).connect();
  await shop.$ready;
  await engines.faults.inject({ command: "TransactWriteItems", fault: { kind: "close-after" } });
  await engines.faults.inject({
    command: "TransactWriteItems",
    fault: { kind: "error", code: "AccessDeniedException", message: "not any more" },
  });
  const members = Array.from({ length: 10 }, (_, id) => ({ id, email: `e${id}` }));
  const done = await shop.member.insertMany(members);
  expect([done.applied, done.present, done.failures]).toEqual([10, 0, []]);
});

test("an endpoint without statements gets conditional puts", async () => {
  const shop = (await setUp()).connect();
  await shop.item.insert({ id: 3, owner: "b" });
  const fault = await engines.faults.inject({
    command: "BatchExecuteStatement",
    times: "always",
    fault: { kind: "error", code: "UnknownOperationException", message: "no such operation" },
  });
  const done = await shop.item.insertMany(make(50, "a"));
  expect(done.applied).toBe(49);
  expect(done.results[3]?.outcome).toBe("conflict");
  const before = await fault.hits();
  expect(before).toBeGreaterThan(0);
  expect((await shop.item.insertMany(make(100, "a"))).applied).toBe(50);
  // It is asked once, and remembered.
  expect(await fault.hits()).toBe(before);
});

test("requests that are refused for load are sent again", async () => {
  const shop = (await setUp()).connect();
  await shop.$ready;
  await engines.faults.inject({
    command: "BatchExecuteStatement",
    probability: 0.3,
    seed: 7,
    times: "always",
    fault: { kind: "error", code: "ThrottlingException", message: "too much" },
  });
  expect((await shop.item.insertMany(make(1_000, "a"))).applied).toBe(1_000);
});
