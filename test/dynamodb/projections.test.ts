import { DescribeTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, describe as data, decimal, defineModel, entity, list, planFor } from "../../src/index.js";
import { planDocument } from "../../src/plan/plan.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { codeOf, freshName } from "../client/shop.js";

// An index holds what the patterns on it read, and no more; what is paid for it is what the plan says.

const order = entity("order", {
  schema: z.object({
    id: z.int(),
    customerId: z.string().length(16),
    country: z.string().length(16),
    total: decimal(2),
    at: z.date(),
    until: z.date().optional(),
    body: z.string(),
  }),
  key: ["id"],
  expires: "until",
});

type Field = "id" | "customerId" | "country" | "total" | "at" | "until" | "body";
const modelOf = (ofCustomer: readonly Field[] | undefined) =>
  defineModel({
    entities: { order },
    patterns: {
      ofCustomer: list(order, {
        by: ["customerId"],
        order: { at: "desc" },
        consistency: "eventual",
        ...(ofCustomer === undefined ? {} : { select: ofCustomer }),
      }),
      ofCountry: list(order, {
        by: ["country"],
        order: { total: "asc" },
        consistency: "eventual",
        select: ["total", "customerId"],
      }),
    },
    workload: {
      order: {
        records: 400,
        bytes: 2 + 4 + 10 + 16 + 7 + 16 + 5 + 4 + 2 + 24 + 5 + 24 + 4 + 2_000,
        writesPerSecond: 1,
        distinct: { customerId: 4, country: 2 },
      },
      ofCustomer: { rows: 200 },
      ofCountry: { rows: 400 },
    },
  });
const planOf = (model: ReturnType<typeof modelOf>) => planFor(data(model), "dynamodb");

let client: DynamoDBClient;
beforeAll(async () => {
  ({ client } = open(await dynamodbUrl("none")));
});
afterAll(async () => {
  client.destroy();
  await stopDynamodb();
});

const pad = (text: string): string => text.padEnd(16, "x");
const makeOrder = (id: number) => ({
  id: 1_000 + id,
  customerId: pad(`customer${id % 4}`),
  country: pad(`country${id % 2}`),
  total: `${1_000 + (id % 50)}.25` as `${number}`,
  at: new Date(Date.UTC(2024, 0, 1, 0, id)),
  until: new Date(Date.UTC(2124, 0, 1)),
  body: "b".repeat(2_000),
});
const orders = Array.from({ length: 400 }, (_, id) => makeOrder(id));

async function indexesOf(table: string) {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  return (Table?.GlobalSecondaryIndexes ?? []).map(({ IndexName, Projection }) => ({
    name: IndexName,
    type: Projection?.ProjectionType,
    includes: Projection?.NonKeyAttributes,
  }));
}
const within = (took: number | undefined, said: number | undefined, what: string): void => {
  expect(took, what).toBeDefined();
  const off = Math.abs((took as number) - (said as number)) / (said as number);
  expect(off, `${what}: said ${said}, took ${took}`).toBeLessThanOrEqual(0.05);
};
async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

test("an entry holds what its patterns read; reads, writes and storage cost what the plan says", async () => {
  const narrow = modelOf(["id", "at"]);
  const table = freshName();
  await apply(narrow, dynamodb(client, { table }));
  const [first, second] = planOf(narrow).table.indexes;
  // Keys give id, customerId and at; the moment at which it ends is tested, so it is there.
  expect(await indexesOf(table)).toEqual([
    { name: first?.name, type: "INCLUDE", includes: ["until"] },
    { name: second?.name, type: "INCLUDE", includes: ["customerId", "until"] },
  ]);
  const shop = connect(narrow, dynamodb(client, { table }));
  expect((await shop.order.insertMany(orders)).applied).toBe(400);
  const ofCustomer = orders.filter((one) => one.customerId === pad("customer1")).reverse();
  expect(await all(shop.ofCustomer.each({ customerId: pad("customer1") }, { limit: 30 }))).toEqual(
    ofCustomer.map(({ id, at }) => ({ id, at })),
  );
  const { patterns, entities } = planOf(narrow);
  const said = (name: string): number | undefined => {
    const plan = patterns[name];
    return plan === undefined || plan.kind === "unserved" ? undefined : plan.estimate.readUnits;
  };
  const told = await shop.ofCustomer.explain({ customerId: pad("customer1") }, { limit: 200 });
  within(told.units, said("ofCustomer"), "ofCustomer");
  within(
    (await shop.ofCountry.explain({ country: pad("country0") }, { limit: 400 })).units,
    said("ofCountry"),
    "ofCountry",
  );
  // Of whole records it would be 100 × 2,300 bytes.
  expect(told.units as number).toBeLessThan(4);
  const [whole] = Object.values(planOf(modelOf(undefined)).entities);
  expect(entities["order"]?.estimate.insertUnits).toEqual({ table: 3, indexes: 2 });
  const took: unknown[] = [];
  const counting = {
    async send(command: never, options: never) {
      const { input } = command as { input: Record<string, unknown> };
      if ("Item" in input) input["ReturnConsumedCapacity"] = "INDEXES";
      const output = (await client.send(command, options)) as unknown as Record<string, unknown>;
      if ("Item" in input) took.push(output["ConsumedCapacity"]);
      return output;
    },
  };
  await connect(narrow, dynamodb(counting, { table })).order.insert(makeOrder(5_000));
  expect(took).toMatchObject([
    {
      Table: { CapacityUnits: 3 },
      GlobalSecondaryIndexes: {
        [first?.name as string]: { CapacityUnits: 1 },
        [second?.name as string]: { CapacityUnits: 1 },
      },
    },
  ]);
  expect(whole?.estimate.insertUnits).toEqual({ table: 3, indexes: 4 });
  expect(entities["order"]?.estimate.storageBytes).toBeLessThan((whole?.estimate.storageBytes as number) - 700_000);
});

test("another projection is another index, which apply makes beside the old one; only its patterns wait", async () => {
  const table = freshName();
  const adapter = dynamodb(client, { table });
  const before = modelOf(["id", "at"]);
  await apply(before, adapter);
  const old = connect(before, adapter);
  await old.order.insertMany(orders.slice(0, 40));

  const after = modelOf(["id", "total"]);
  const shop = connect(after, adapter);
  const asked = { customerId: pad("customer1") };
  expect(await codeOf(shop.ofCustomer(asked))).toBe("DESIGN_MISSING");
  expect((await shop.ofCountry({ country: pad("country0") })).items).toHaveLength(20);
  const done = await apply(after, adapter);
  expect(done.ready).toBe(true);
  expect(done.items.filter(({ kind }) => kind === "index").map(({ state }) => state)).toEqual([
    "created",
    "same",
    "extra",
  ]);
  expect((await shop.ofCustomer(asked)).items[0]).toEqual({ id: 1_037, total: "1037.25" });
  // Processes of the older model read their own index on.
  expect((await old.ofCustomer(asked)).items[0]).toEqual({ id: 1_037, at: orders[37]?.at });
  expect((await apply(after, adapter, { drop: true })).items.every(({ state }) => state !== "extra")).toBe(true);
  expect((await indexesOf(table)).map(({ includes }) => includes?.toSorted())).toEqual([
    ["customerId", "until"],
    ["total", "until"],
  ]);
});

test("entries that move to another index are written anew before their pattern is served", async () => {
  const table = freshName();
  const adapter = dynamodb(client, { table });
  const ofCustomer = list(order, { by: ["customerId"], order: { at: "asc" }, consistency: "eventual" });
  const both = defineModel({
    entities: { order },
    patterns: {
      ofCountry: list(order, { by: ["country"], order: { at: "asc" }, consistency: "eventual" }),
      ofCustomer,
    },
  });
  await apply(both, adapter);
  await connect(both, adapter).order.insertMany(orders.slice(0, 8));
  // Without its neighbour it is the table's first index.
  const one = defineModel({ entities: { order }, patterns: { ofCustomer } });
  const shop = connect(one, adapter);
  expect(await codeOf(shop.ofCustomer({ customerId: pad("customer1") }))).toBe("DESIGN_MISSING");
  expect((await apply(one, adapter)).ready).toBe(true);
  expect((await shop.ofCustomer({ customerId: pad("customer1") })).items.map(({ id }) => id)).toEqual([1_001, 1_005]);
});

test("an index whose pattern reads whole records says what the narrow one pays; keys alone are KEYS_ONLY", () => {
  const event = entity("event", {
    schema: z.object({ device: z.string(), at: z.date(), id: z.uuid(), body: z.string() }),
    key: ["id"],
  });
  const sharing = (select: "id"[] | undefined) =>
    planFor(
      data(
        defineModel({
          entities: { event },
          patterns: {
            bodies: list(event, {
              by: ["device"],
              order: { at: "asc" },
              consistency: "eventual",
              ...(select === undefined ? {} : { select }),
            }),
            ids: list(event, {
              by: ["device"],
              order: { at: "asc" },
              range: "at",
              select: ["id", "at"],
              consistency: "eventual",
            }),
          },
          workload: { event: { records: 100, bytes: 5_000 } },
        }),
      ),
      "dynamodb",
    );
  const shared = sharing(undefined);
  expect(shared.table.indexes).toMatchObject([{ name: "gsi1", projection: "ALL" }]);
  const paid = shared.findings.find(({ code }) => code === "index-projects-all");
  expect(paid?.subject).toBe("gsi1");
  expect(paid?.evidence).toContain("for bodies");
  const alone = sharing(["id"]);
  expect(alone.table.indexes).toMatchObject([{ name: "gsi1_keys", projection: "KEYS_ONLY" }]);
  expect(alone.findings.map(({ code }) => code)).not.toContain("index-projects-all");
  const template = JSON.parse(planDocument(alone, "cloudformation", "Shop"));
  expect(template.Resources.Table.Properties.GlobalSecondaryIndexes[0].Projection).toEqual({
    ProjectionType: "KEYS_ONLY",
  });
});

test("an index includes twenty attributes: a wider one projects all, and says so", () => {
  const names = Array.from({ length: 60 }, (_, at) => `f${at}`);
  const wide = entity("wide", {
    schema: z.object({
      id: z.int(),
      a: z.string(),
      b: z.string(),
      ...Object.fromEntries(names.map((name) => [name, z.string()])),
    }),
    key: ["id"],
  });
  const plan = planFor(
    data(
      defineModel({
        entities: { wide },
        patterns: {
          most: list(wide, { by: ["a"], select: names as never[], consistency: "eventual" }),
          fewer: list(wide, { by: ["b"], select: names.slice(0, 20) as never[], consistency: "eventual" }),
        },
      }),
    ),
    "dynamodb",
  );
  expect(plan.table.indexes.map(({ projection, serves }) => `${serves[0]} ${projection}`).sort()).toEqual([
    "fewer INCLUDE",
    "most ALL",
  ]);
  expect(plan.findings.filter(({ severity }) => severity === "info").map(({ code }) => code)).toContain(
    "projection-limit",
  );
});
