import { DescribeTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import {
  apply,
  connect,
  decimal,
  defineModel,
  describe as describeModel,
  entity,
  list,
  planFor,
  together,
} from "../../src/index.js";
import { planDocument } from "../../src/plan/plan.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { codeOf, freshName } from "../client/shop.js";

// Lists that a local index serves: only where the model asks for it, read as strongly as they are declared.

const customer = entity("customer", {
  schema: z.object({ customerId: z.string(), name: z.string() }),
  key: ["customerId"],
});
const order = entity("order", {
  schema: z.object({
    customerId: z.string(),
    orderId: z.int(),
    total: decimal(2),
    note: z.string().optional(),
  }),
  key: ["customerId", "orderId"],
});
type Order = (typeof order)["$record"];

const modelOf = (asked: readonly ("byTotal" | "noted")[], records = 1_000) =>
  defineModel({
    entities: { customer, order },
    patterns: {
      file: together([customer, order], { by: ["customerId"] }),
      byTotal: list(order, { by: ["customerId"], order: { total: "desc", orderId: "asc" }, consistency: "strong" }),
      noted: list(order, {
        by: ["customerId"],
        where: { note: { exists: true } },
        order: { total: "asc" },
        select: ["orderId", "note"],
        consistency: "strong",
      }),
    },
    workload: { customer: { records: 100 }, order: { records, bytes: 100, distinct: { customerId: 100 } } },
    physical: { dynamodb: { localIndexes: asked } },
  });
const model = modelOf(["byTotal", "noted"]);
const planOf = (of: typeof model) => planFor(describeModel(of), "dynamodb");

let client: DynamoDBClient;
beforeAll(async () => {
  ({ client } = open(await dynamodbUrl("none")));
});
afterAll(async () => {
  client.destroy();
  await stopDynamodb();
});

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

test("the plan has them where it is told to, beside the same keys, and says what they limit", () => {
  const plan = planOf(model);
  expect(plan.table).toMatchObject({
    indexes: [],
    localIndexes: [
      { name: "lsi1", partition: "pk", sort: "lsi1sk", projection: "ALL", serves: ["byTotal"] },
      { name: "lsi2", sort: "lsi2sk", serves: ["noted"] },
    ],
  });
  // One item, and no transaction: what copies would take.
  expect(plan.entities["order"]).toMatchObject({
    copies: [],
    estimate: { items: 1, insertUnits: { table: 1, indexes: 2 } },
  });
  expect(planOf(modelOf([])).entities["order"]).toMatchObject({ estimate: { items: 3, insertUnits: { table: 6 } } });
  const found = (of: typeof model, code: string) => planOf(of).findings.filter((one) => one.code === code);
  expect(found(model, "local-index-collection")).toMatchObject([{ severity: "info", subject: "order" }]);
  expect(found(modelOf(["byTotal"], 1e10), "local-index-collection")).toMatchObject([{ severity: "error" }]);
  expect(found(modelOf([]), "local-index-collection")).toEqual([]);
  const template = JSON.parse(planDocument(plan, "cloudformation", "Shop"));
  const { AttributeDefinitions, LocalSecondaryIndexes } = template.Resources.Table.Properties;
  expect(LocalSecondaryIndexes[0]).toEqual({
    IndexName: "lsi1",
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "lsi1sk", KeyType: "RANGE" },
    ],
    Projection: { ProjectionType: "ALL" },
  });
  expect(AttributeDefinitions.map(({ AttributeName }: { AttributeName: string }) => AttributeName)).toEqual([
    "pk",
    "sk",
    "lsi1sk",
    "lsi2sk",
  ]);
  const policies = JSON.parse(planDocument(plan, "grants", "Shop"));
  expect(policies["keyfold-run"].Statement[1]).toMatchObject({ Action: ["dynamodb:Query"] });
});

test("pages are one ordered list, strongly read, whatever was written how", async () => {
  const table = freshName();
  const adapter = dynamodb(client, { table });
  expect((await apply(model, adapter)).ready).toBe(true);
  expect((await apply(model, adapter)).items.every(({ state }) => state === "same")).toBe(true);
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  expect(Table?.LocalSecondaryIndexes?.map(({ IndexName }) => IndexName).sort()).toEqual(["lsi1", "lsi2"]);
  const shop = connect(model, adapter);
  await shop.customer.insert({ customerId: "a", name: "A" });
  const stored = new Map<number, Order>();
  const step = fc.record({
    kind: fc.constantFrom("put" as const, "update" as const, "delete" as const),
    orderId: fc.integer({ min: -20, max: 20 }),
    total: fc.integer({ min: -500, max: 500 }).map((cents) => (cents / 100).toFixed(2) as `${number}`),
    note: fc.option(fc.constantFrom("x", "#"), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 6 }), async (steps, limit) => {
      for (const { kind, orderId, total, note } of steps) {
        const key = { customerId: "a", orderId };
        if (kind === "put") {
          const record = { ...key, total, ...(note === undefined ? {} : { note }) };
          await shop.order.put(record);
          stored.set(orderId, record);
        } else if (kind === "update") {
          const { applied } = await shop.order.update(key, { total, note });
          const { note: _, ...before } = stored.get(orderId) ?? { ...key, total };
          if (applied) stored.set(orderId, { ...before, total, ...(note === undefined ? {} : { note }) });
        } else {
          await shop.order.delete(key);
          stored.delete(orderId);
        }
      }
      const orders = [...stored.values()];
      const cents = ({ total }: Order): number => Math.round(Number(total) * 100);
      expect(await all(shop.byTotal.each({ customerId: "a" }, { limit }))).toEqual(
        orders.toSorted((a, b) => cents(b) - cents(a) || a.orderId - b.orderId),
      );
      expect(await all(shop.noted.each({ customerId: "a" }, { limit }))).toEqual(
        orders
          .filter(({ note }) => note !== undefined)
          .toSorted((a, b) => cents(a) - cents(b) || a.orderId - b.orderId)
          .map(({ orderId, note }) => ({ orderId, note })),
      );
      expect((await all(shop.file.each({ customerId: "a" }, { limit }))).length).toBe(orders.length + 1);
    }),
    { numRuns: 20 },
  );
  const told = await shop.byTotal.explain({ customerId: "a" });
  expect(told).toMatchObject({ index: "lsi1", request: { IndexName: "lsi1", ConsistentRead: true } });
});

test("a table that was made without them is reported, and all else works", async () => {
  const table = freshName();
  const adapter = dynamodb(client, { table });
  await apply(modelOf([]), adapter);
  const state = await apply(model, adapter);
  expect(state.ready).toBe(false);
  const differing = state.items.filter((item) => item.state === "differs");
  expect(differing.map(({ name, pattern }) => [name, pattern])).toEqual([
    ["lsi1", "byTotal"],
    ["lsi2", "noted"],
  ]);
  expect(differing[0]?.detail).toContain("adds no local index later");
  const shop = connect(model, adapter);
  expect(await codeOf(shop.byTotal({ customerId: "a" }))).toBe("DESIGN_DIFFERS");
  await shop.order.insert({ customerId: "a", orderId: 1, total: "1.00" });
  expect((await shop.file({ customerId: "a" })).items).toHaveLength(1);
});
