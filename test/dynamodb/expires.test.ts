import { DescribeTimeToLiveCommand, ScanCommand, UpdateTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, defineModel, describe as describeModel, entity, list, together } from "../../src/index.js";
import { planFor } from "../../src/plan/plan.js";
import { startEngines } from "../../src/testing/index.js";
import { codeOf, freshName } from "../client/shop.js";

const schema = z.object({
  id: z.string(),
  user: z.string(),
  hits: z.int(),
  token: z.string().optional(),
  until: z.date().optional(),
});
const visit = entity("visit", { schema, key: ["id"], unique: [["token"]], expires: "until" });
const lean = entity("lean", { schema: schema.omit({ token: true }), key: ["user", "id"], expires: "until" });
const model = defineModel({
  entities: { visit, lean },
  patterns: {
    byUser: list(visit, { by: ["user"], order: { id: "asc" } }),
    recent: list(visit, { by: ["user"], order: { id: "desc" }, consistency: "eventual" }),
    leanOfUser: list(lean, { by: ["user"], order: { id: "asc" } }),
    file: together([visit, lean], { by: ["user"], consistency: "eventual" }),
  },
});

const start = () => startEngines({ dynamodb: true });
let engines: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  engines = await start();
});
afterAll(() => engines.close());

async function place() {
  const table = freshName();
  const { host } = new URL(engines.dynamodb.url);
  const { client } = open(`dynamodb://test:test@${host}/${table}?region=eu-west-1`);
  return { client, table, adapter: dynamodb(client, { table }) };
}

async function setUp() {
  const { client, table, adapter } = await place();
  await apply(model, adapter);
  return { client, table, adapter, shop: connect(model, adapter) };
}

/** A moment that is over when the promise resolves, though the engine has not deleted anything yet. */
async function overSoon(store: (until: Date) => Promise<unknown>): Promise<void> {
  const until = new Date(Date.now() + 250);
  await store(until);
  await new Promise((resolve) => setTimeout(resolve, until.getTime() - Date.now() + 5));
}

const later = new Date(Date.now() + 3_600_000);

describe("the design", () => {
  test("has the table's time to live, sets it once, and says so", async () => {
    const { client, table, adapter } = await setUp();
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
    expect(TimeToLiveDescription).toEqual({ TimeToLiveStatus: "ENABLED", AttributeName: "_t" });
    const again = await apply(model, adapter);
    expect(again.items.filter(({ state }) => state !== "same")).toEqual([]);
    expect(planFor(describeModel(model), "dynamodb").findings.map(({ code }) => code)).not.toContain("ttl-missing");
  });

  test("leaves a time to live by another attribute alone, and is not ready", async () => {
    const { client, table, adapter } = await place();
    const before = defineModel({ entities: { stay: entity("stay", { schema, key: ["id"] }) }, patterns: {} });
    await apply(before, adapter);
    const TimeToLiveSpecification = { AttributeName: "mine", Enabled: true };
    await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
    const state = await apply(model, adapter);
    expect(state.ready).toBe(false);
    expect(state.items.find(({ kind }) => kind === "setting")).toMatchObject({ state: "differs" });
  });

  test("is filled in for records that were there before", async () => {
    const { client, table, adapter } = await place();
    const stays = entity("visit", { schema, key: ["id"], unique: [["token"]] });
    const before = defineModel({
      entities: { visit: stays },
      patterns: { byUser: list(stays, { by: ["user"], order: { id: "asc" } }) },
    });
    await apply(before, adapter);
    await connect(before, adapter).visit.insert({ id: "1", user: "u", hits: 1, token: "t", until: later });
    const ended = defineModel({
      entities: { visit },
      patterns: { byUser: list(visit, { by: ["user"], order: { id: "asc" } }) },
    });
    expect(await codeOf(connect(ended, adapter).visit.get({ id: "1" }))).toBe("DESIGN_MISSING");
    await apply(ended, adapter);
    const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
    const made = Items.filter((item) => item["id"] !== undefined || item["o"] !== undefined);
    expect(made).toHaveLength(3);
    for (const item of made) expect(item["_t"]).toEqual({ N: String(Math.ceil(later.getTime() / 1000)) });
  });
});

describe("a record that has expired and lies there yet", () => {
  test("is hidden from every read", async () => {
    const { shop } = await setUp();
    await overSoon(async (until) => {
      await shop.visit.insertMany([
        { id: "1", user: "u", hits: 1, until },
        { id: "2", user: "u", hits: 1, until: later },
        { id: "3", user: "u", hits: 1 },
      ]);
      await shop.lean.insertMany([
        { id: "1", user: "u", hits: 1, until },
        { id: "2", user: "u", hits: 1 },
      ]);
      expect(await shop.visit.get({ id: "1" })).toMatchObject({ id: "1" });
    });
    expect(await shop.visit.get({ id: "1" })).toBe(undefined);
    expect((await shop.visit.getMany([{ id: "1" }, { id: "2" }])).map((one) => one?.id)).toEqual([undefined, "2"]);
    expect((await shop.byUser({ user: "u" })).items.map(({ id }) => id)).toEqual(["2", "3"]);
    expect((await shop.recent({ user: "u" })).items.map(({ id }) => id)).toEqual(["3", "2"]);
    expect((await shop.leanOfUser({ user: "u" })).items.map(({ id }) => id)).toEqual(["2"]);
    expect((await shop.file({ user: "u" })).items.map(({ entity, record }) => `${entity}${record.id}`)).toEqual([
      "lean2",
      "visit2",
      "visit3",
    ]);
  });

  test("is missing for every write, and an insert over it applies", async () => {
    const { shop } = await setUp();
    const ids = ["1", "2", "3", "4", "5", "6"];
    await overSoon(async (until) => {
      await shop.visit.insertMany(ids.map((id) => ({ id, user: "u", hits: 1, token: `t${id}`, until })));
      await shop.lean.insertMany(ids.map((id) => ({ id, user: "u", hits: 1, until })));
    });
    const missing = { applied: false, reason: "missing" };
    expect(await shop.visit.update({ id: "1" }, { hits: 2 })).toEqual(missing);
    expect(await shop.visit.increment({ id: "1" }, { hits: 2 })).toEqual(missing);
    expect(await shop.visit.delete({ id: "1" })).toEqual(missing);
    expect(await shop.visit.put({ id: "1", user: "u", hits: 3 }, { if: { hits: 1 } })).toEqual(missing);
    expect(await shop.lean.update({ user: "u", id: "1" }, { hits: 2 })).toEqual(missing);
    expect(await shop.lean.increment({ user: "u", id: "1" }, { hits: 2 })).toEqual(missing);
    expect(await shop.lean.delete({ user: "u", id: "1" })).toEqual(missing);
    expect(await shop.lean.put({ user: "u", id: "1", hits: 3 }, { if: { hits: 1 } })).toEqual(missing);

    expect((await shop.visit.insert({ id: "1", user: "v", hits: 7 })).applied).toBe(true);
    expect((await shop.visit.put({ id: "2", user: "v", hits: 7 })).applied).toBe(true);
    expect((await shop.lean.insert({ user: "u", id: "1", hits: 7 })).applied).toBe(true);
    expect((await shop.lean.put({ user: "u", id: "2", hits: 7 })).applied).toBe(true);
    const many = await shop.visit.insertMany([
      { id: "3", user: "v", hits: 7 },
      { id: "4", user: "v", hits: 7 },
    ]);
    expect([many.applied, many.failures]).toEqual([2, []]);
    expect((await shop.lean.insertMany([{ user: "u", id: "3", hits: 7 }])).applied).toBe(1);
    const done = await shop.$transact([
      { entity: "visit", insert: { id: "5", user: "v", hits: 7 } },
      { entity: "lean", put: { user: "u", id: "5", hits: 7 } },
    ]);
    expect(done.applied).toBe(true);
    const refused = await shop.$transact([{ entity: "visit", check: { id: "6" } }]);
    expect(refused).toEqual({ applied: false, reasons: [{ reason: "missing" }] });
    expect((await shop.byUser({ user: "v" })).items.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
    expect((await shop.byUser({ user: "u" })).items).toEqual([]);
    expect((await shop.leanOfUser({ user: "u" })).items.map(({ id, hits }) => [id, hits])).toEqual([
      ["1", 7],
      ["2", 7],
      ["3", 7],
      ["5", 7],
    ]);
  });

  test("gives its unique value to who asks for it; one that lives does not", async () => {
    const { shop } = await setUp();
    await overSoon(async (until) => {
      await shop.visit.insert({ id: "1", user: "u", hits: 1, token: "t", until });
      await shop.visit.insert({ id: "2", user: "u", hits: 1, token: "s", until: later });
      expect(await codeOf(shop.visit.insert({ id: "3", user: "u", hits: 1, token: "t" }))).toBe("CONFLICT");
    });
    expect((await shop.visit.insert({ id: "3", user: "u", hits: 1, token: "t" })).applied).toBe(true);
    expect(await codeOf(shop.visit.insert({ id: "4", user: "u", hits: 1, token: "s" }))).toBe("CONFLICT");
    // What it gave up is not taken back by a write under its old key.
    expect((await shop.visit.put({ id: "1", user: "u", hits: 2 })).applied).toBe(true);
    expect(await codeOf(shop.visit.insert({ id: "5", user: "u", hits: 1, token: "t" }))).toBe("CONFLICT");
  });

  test("stays when its moment is moved, and goes when it is brought forward", async () => {
    const { shop } = await setUp();
    await overSoon(async (until) => {
      await shop.visit.insert({ id: "1", user: "u", hits: 1, token: "t", until });
      await shop.visit.update({ id: "1" }, { until: later });
      await shop.visit.insert({ id: "2", user: "u", hits: 1, until });
      await shop.visit.update({ id: "2" }, { until: undefined });
      await shop.visit.insert({ id: "3", user: "u", hits: 1, until: later });
      await shop.visit.update({ id: "3" }, { until });
    });
    expect((await shop.byUser({ user: "u" })).items.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(await codeOf(shop.visit.insert({ id: "4", user: "u", hits: 1, token: "t" }))).toBe("CONFLICT");
  });
});

test("DynamoDB deletes all that was made of an expired record, and nothing else", async () => {
  const { client, table, shop } = await setUp();
  await shop.visit.insert({ id: "1", user: "u", hits: 1, token: "t", until: new Date(Date.now() + 1_800_000) });
  await shop.visit.insert({ id: "2", user: "u", hits: 1, token: "s", until: new Date(Date.now() + 7_200_000) });
  await shop.lean.insert({ user: "u", id: "1", hits: 1, until: new Date(Date.now() + 1_800_000) });
  await shop.lean.insert({ user: "u", id: "2", hits: 1 });
  await engines.clock.advance(3_600_000);
  const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
  const left = Items.filter((item) => item["pk"]?.S?.startsWith("keyfold#") !== true);
  // The home item, its copy and its unique value of one; the home item of the other.
  expect(left).toHaveLength(4);
  expect(left.every((item) => item["id"] === undefined || item["id"].S === "2")).toBe(true);
});
