import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import {
  apply,
  connect,
  describe as data,
  day,
  decimal,
  defineModel,
  entity,
  fold,
  get,
  list,
  planFor,
  together,
  top,
} from "../../src/index.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { freshName } from "../client/shop.js";

// What the plan says a request takes, against what the engine says it took: within five hundredths.

const customer = entity("customer", {
  schema: z.object({ customerId: z.string().length(16), name: z.string() }),
  key: ["customerId"],
});
const order = entity("order", {
  schema: z.object({
    customerId: z.string().length(16),
    orderId: z.int(),
    total: decimal(2),
    at: z.date(),
    country: z.string().length(16),
    text: z.string(),
  }),
  key: ["customerId", "orderId"],
});

const CUSTOMERS = 20;
const ORDERS = 4_000;
const TEXT = 220;
/** Names and values of an order: what `bytes` of the workload means. */
const bytes =
  "customerId".length +
  16 +
  "orderId".length +
  4 +
  "total".length +
  4 +
  "at".length +
  24 +
  "country".length +
  16 +
  "text".length +
  TEXT;

const model = defineModel({
  entities: { customer, order },
  patterns: {
    orderById: get(order, { consistency: "strong" }),
    orderByIdLater: get(order, { consistency: "eventual" }),
    file: together([customer, order], { by: ["customerId"], consistency: "eventual" }),
    orders: list(order, { by: ["customerId"], order: { orderId: "desc" } }),
    byCountry: list(order, { by: ["country"], order: { at: "desc" }, consistency: "eventual" }),
    byDay: list(order, { by: [day("at")], order: { at: "asc" }, consistency: "session" }),
    perCountry: top(order, { by: "country", sum: "total", range: day("at"), consistency: "eventual" }),
  },
  workload: {
    customer: { records: CUSTOMERS, bytes: 10 + 16 + 4 + 16 },
    order: { records: ORDERS, bytes, writesPerSecond: 10, distinct: { customerId: CUSTOMERS, country: 10 } },
    file: { rows: 150 },
    orders: { rows: 200 },
    // So many that a step of half a unit is less than a twentieth.
    byCountry: { rows: 200 },
    byDay: { rows: 300 },
    perCountry: { rows: 10 },
  },
});

const pad = (text: string): string => text.padEnd(16, "x");
const makeOrder = (at: number) => ({
  customerId: pad(`customer${at % CUSTOMERS}`),
  orderId: 100_000 + at,
  total: `${1_000 + (at % 900)}.25` as `${number}`,
  // A year of days.
  at: new Date(Date.UTC(2023, 0, 1 + (at % 365), at % 24)),
  country: pad(`country${at % 10}`),
  text: "t".repeat(TEXT),
});

let client: DynamoDBClient;
let table: string;
let shop: ReturnType<typeof connectShop>;
const connectShop = () => connect(model, dynamodb(client, { table }), { deadlineMs: 60_000 });
const plan = planFor(data(model), "dynamodb");

beforeAll(async () => {
  ({ client } = open(await dynamodbUrl("none")));
  table = freshName();
  await apply(model, dynamodb(client, { table }));
  shop = connectShop();
  for (let at = 0; at < CUSTOMERS; at++)
    await shop.customer.insert({ customerId: pad(`customer${at}`), name: "n".repeat(16) });
  const done = await shop.order.insertMany(Array.from({ length: ORDERS }, (_, at) => makeOrder(at)));
  expect(done.applied).toBe(ORDERS);
}, 240_000);
afterAll(async () => {
  client.destroy();
  await stopDynamodb();
});

const predicted = (pattern: string): number => {
  const found = plan.patterns[pattern];
  if (found === undefined || found.kind === "unserved") throw new Error(pattern);
  return found.estimate.readUnits as number;
};
const within = (took: number | undefined, said: number, what: string): void => {
  expect(took, what).toBeDefined();
  expect(Math.abs((took as number) - said) / said, `${what}: said ${said}, took ${took}`).toBeLessThanOrEqual(0.05);
};

test("reads", async () => {
  const key = { customerId: pad("customer3"), orderId: 100_003 };
  within((await shop.orderById.explain(key)).units, predicted("orderById"), "orderById");
  within((await shop.orderByIdLater.explain(key)).units, predicted("orderByIdLater"), "orderByIdLater");
  const { customerId } = key;
  within((await shop.file.explain({ customerId }, { limit: 150 })).units, predicted("file"), "file");
  within((await shop.orders.explain({ customerId }, { limit: 200 })).units, predicted("orders"), "orders");
  within(
    (await shop.byCountry.explain({ country: pad("country3") }, { limit: 200 })).units,
    predicted("byCountry"),
    "byCountry",
  );
});

test("sums, before and after they are folded", async () => {
  const { units } = await shop.perCountry.explain({});
  within(units, predicted("perCountry"), "perCountry");
  await shop.$close();
  await fold(model, dynamodb(client, { table }));
  shop = connectShop();
  const folded = (await shop.perCountry.explain({})).units as number;
  expect(folded).toBeLessThan((units as number) / 10);
});

test("writes", async () => {
  const sent: Record<string, unknown>[] = [];
  const counting = {
    async send(command: never, options: never) {
      const input = (command as { input: Record<string, unknown> }).input;
      if ("TransactItems" in input) input["ReturnConsumedCapacity"] = "INDEXES";
      const output = (await client.send(command, options)) as unknown as Record<string, unknown>;
      if ("TransactItems" in input) sent.push(output);
      return output;
    },
  };
  const counted = connect(model, dynamodb(counting, { table }));
  await counted.order.insert({ ...makeOrder(1), orderId: 999_999 });
  const [output] = sent as {
    ConsumedCapacity: {
      Table: { CapacityUnits: number };
      GlobalSecondaryIndexes?: Record<string, { CapacityUnits: number }>;
    }[];
  }[];
  const capacity = output!.ConsumedCapacity[0]!;
  const { insertUnits } = plan.entities["order"]!.estimate;
  within(capacity.Table.CapacityUnits, insertUnits.table, "insert, in the table");
  const indexes = Object.values(capacity.GlobalSecondaryIndexes ?? {}).reduce((sum, one) => sum + one.CapacityUnits, 0);
  expect([insertUnits.indexes, 2 * insertUnits.indexes]).toContain(indexes);
});
