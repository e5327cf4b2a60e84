import {
  CreateTableCommand,
  type DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import {
  apply,
  connect,
  day,
  decimal,
  defineModel,
  describe as describeModel,
  entity,
  fold,
  get,
  list,
  planFor,
  together,
  top,
} from "../../src/index.js";
import { planDocument } from "../../src/plan/plan.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { codeOf, freshName } from "../client/shop.js";

// Tables that are there already, whose keys have other names: everything is as on a table of keyfold's own.

const customer = entity("customer", {
  schema: z.object({ customerId: z.string(), name: z.string(), email: z.string(), until: z.date().optional() }),
  key: ["customerId"],
  unique: [["email"]],
  expires: "until",
});
// Its fields are called like the keys of the table.
const order = entity("order", {
  schema: z.object({
    customerId: z.string(),
    orderId: z.int(),
    total: decimal(2),
    at: z.date(),
    KEY: z.string(),
    pk: z.string().optional(),
  }),
  key: ["customerId", "orderId"],
});
const log = entity("log", {
  schema: z.object({ id: z.int(), at: z.date(), KEY: z.string() }),
  key: ["id"],
  appendOnly: true,
});
const note = entity("note", { schema: z.object({ id: z.int(), text: z.string() }), key: ["id"] });

const modelOf = (key: { partition: string; sort: string } | undefined) =>
  defineModel({
    entities: { customer, order, log, note },
    patterns: {
      file: together([customer, order], { by: ["customerId"] }),
      noteById: get(note),
      byKey: list(order, { by: ["KEY"], order: { at: "desc" }, consistency: "eventual", select: ["orderId", "pk"] }),
      byTotal: list(order, { by: ["customerId"], order: { total: "desc" }, range: "at", consistency: "strong" }),
      byDay: list(order, { by: [day("at")], order: { at: "asc" } }),
      perKey: top(order, { by: "KEY", sum: "total", range: day("at"), consistency: "eventual" }),
      logs: list(log, { by: ["KEY"], order: { at: "asc" }, consistency: "eventual" }),
    },
    workload: { log: { records: 1e9, bytes: 1_000, writesPerSecond: 500, distinct: { KEY: 10 } } },
    physical: { dynamodb: { localIndexes: ["byTotal"], ...(key === undefined ? {} : { key }) } },
  });
const names = { partition: "KEY", sort: "Sort.Key" };

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

/** All that a model's client does, and what it answers. */
async function scenario(model: ReturnType<typeof modelOf>, table: string): Promise<unknown[]> {
  const adapter = dynamodb(client, { table });
  let shop = connect(model, adapter);
  const said: unknown[] = [];
  const say = (answer: unknown): void => {
    said.push(
      JSON.parse(JSON.stringify(answer, (name, value) => (name.startsWith("version") ? undefined : value)) ?? "null"),
    );
  };
  const orderOf = (orderId: number) => ({
    customerId: `c${orderId % 2}`,
    orderId,
    total: `${orderId}.25` as `${number}`,
    at: new Date(Date.UTC(2024, 0, 1 + (orderId % 5), orderId)),
    KEY: `k#${orderId % 3}`,
    ...(orderId % 4 === 0 ? { pk: "mine" } : {}),
  });
  for (const id of [0, 1]) say(await shop.customer.insert({ customerId: `c${id}`, name: "n", email: `${id}@x` }));
  say(await codeOf(shop.customer.insert({ customerId: "c2", name: "n", email: "0@x" })));
  say(await shop.customer.insert({ customerId: "c3", name: "n", email: "3@x", until: new Date(Date.UTC(2020, 0)) }));
  say(await shop.customer.get({ customerId: "c3" }));
  say(await shop.customer.insert({ customerId: "c4", name: "n", email: "3@x" }));
  const orders = await shop.order.insertMany(Array.from({ length: 30 }, (_, at) => orderOf(at)));
  say([orders.applied, orders.failures]);
  say(
    (await shop.order.insertMany([orderOf(3), { ...orderOf(4), total: "9.99" }])).results.map(({ outcome }) => outcome),
  );
  const logs = Array.from({ length: 40 }, (_, id) => ({ id, at: new Date(Date.UTC(2024, 0, 1 + id)), KEY: "k" }));
  say((await shop.log.insertMany(logs)).applied);
  const notes = Array.from({ length: 40 }, (_, id) => ({ id, text: `t${id}` }));
  say((await shop.note.insertMany(notes)).applied);
  say((await shop.note.insertMany(notes)).present);
  say(await shop.note.getMany([{ id: 7 }, { id: 99 }, { id: 8 }]));
  say(await shop.note.insert({ id: 7, text: "t7" }));
  say(await codeOf(shop.note.insert({ id: 7, text: "other" })));
  say(await shop.note.put({ id: 7, text: "again" }));
  say(await shop.note.update({ id: 7 }, { text: "once more" }, { if: { text: "again" } }));
  say(await shop.noteById({ id: 7 }));
  say(await shop.note.delete({ id: 7 }));
  say(await shop.order.update({ customerId: "c1", orderId: 1 }, { KEY: "k#2", at: new Date(Date.UTC(2024, 0, 9)) }));
  say(await shop.order.increment({ customerId: "c1", orderId: 3 }, { total: "0.50" }));
  say(await shop.order.put({ ...orderOf(5), pk: "put" }));
  say(await shop.order.delete({ customerId: "c1", orderId: 7 }));
  say(
    await shop.$transact([
      { entity: "order", insert: orderOf(100) },
      { entity: "customer", update: { customerId: "c1" }, changes: { email: "new@x" } },
      { entity: "note", delete: { id: 8 } },
    ]),
  );
  say(await shop.$transact([{ entity: "customer", update: { customerId: "c0" }, changes: { email: "new@x" } }]));
  const lists = async (): Promise<void> => {
    for (const limit of [3, 100]) {
      say(await all(shop.file.each({ customerId: "c1" }, { limit })));
      say(await all(shop.byKey.each({ KEY: "k#2" }, { limit })));
      say(await all(shop.byTotal.each({ customerId: "c1", from: new Date(Date.UTC(2024, 0, 2)) }, { limit })));
      say(await all(shop.byDay.each({ day: "2024-01-02" }, { limit })));
      say(await all(shop.logs.each({ KEY: "k" }, { limit: limit * 3 })));
      say(await all(shop.perKey.each({}, { limit })));
    }
  };
  await lists();
  await shop.$close();
  say((await fold(model, adapter)).buckets);
  shop = connect(model, adapter);
  await lists();
  await shop.$close();
  return said;
}

describe("a table with other key names", () => {
  test("answers as one of keyfold's own does, made by apply or there before", async () => {
    const own = freshName();
    await apply(modelOf(undefined), dynamodb(client, { table: own }));
    const expected = await scenario(modelOf(undefined), own);
    expect(expected.length).toBeGreaterThan(40);

    const made = freshName();
    const model = modelOf(names);
    expect((await apply(model, dynamodb(client, { table: made }))).ready).toBe(true);
    expect(await scenario(model, made)).toEqual(expected);
    const { Items = [] } = await client.send(new ScanCommand({ TableName: made }));
    expect(Items.every((item) => item["KEY"] !== undefined && item["Sort.Key"] !== undefined)).toBe(true);
  });

  test("is adopted as it is, with what others keep in it", async () => {
    const table = freshName();
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [
          { AttributeName: "KEY", AttributeType: "S" },
          { AttributeName: "Sort.Key", AttributeType: "S" },
        ],
        KeySchema: [
          { AttributeName: "KEY", KeyType: "HASH" },
          { AttributeName: "Sort.Key", KeyType: "RANGE" },
        ],
        BillingMode: "PAY_PER_REQUEST",
      }),
    );
    await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName: table });
    const foreign = { KEY: { S: "note#Q1#" }, "Sort.Key": { S: "of another program" }, n: { N: "1" } };
    await client.send(new PutItemCommand({ TableName: table, Item: foreign }));
    const model = defineModel({
      entities: { note, order },
      patterns: { noteById: get(note), byKey: list(order, { by: ["KEY"], consistency: "eventual" }) },
      physical: { dynamodb: { key: names } },
    });
    const adapter = dynamodb(client, { table });
    const wrong = defineModel({ entities: { note }, patterns: { noteById: get(note) } });
    const [differs] = (await apply(wrong, adapter)).items;
    expect(differs).toMatchObject({ state: "differs" });
    expect(differs?.detail).toBe(
      'its key is KEY (S), Sort.Key (S) and not pk (S), sk (S): adopt it with physical: { dynamodb: { key: { partition: "KEY", sort: "Sort.Key" } } } in the model',
    );
    expect((await apply(model, adapter)).ready).toBe(true);
    const shop = connect(model, adapter);
    await shop.note.insert({ id: 1, text: "x" });
    expect(await shop.noteById({ id: 1 })).toEqual({ id: 1, text: "x" });
    expect((await client.send(new ScanCommand({ TableName: table }))).Items).toContainEqual(foreign);
  });

  test.each([
    ["N", "a number"],
    ["B", "a binary"],
  ] as const)("is refused where a key is %s, and says why", async (type, said) => {
    const table = freshName();
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [
          { AttributeName: "pk", AttributeType: "S" },
          { AttributeName: "at", AttributeType: type },
        ],
        KeySchema: [
          { AttributeName: "pk", KeyType: "HASH" },
          { AttributeName: "at", KeyType: "RANGE" },
        ],
        BillingMode: "PAY_PER_REQUEST",
      }),
    );
    const model = defineModel({
      entities: { note },
      patterns: { noteById: get(note) },
      physical: { dynamodb: { key: { partition: "pk", sort: "at" } } },
    });
    const state = await apply(model, dynamodb(client, { table }));
    expect(state.items[0]?.detail).toBe(
      `its key is pk (S), at (${type}) and not pk (S), at (S): keyfold's keys are text, and at is ${said}: such a table cannot be adopted`,
    );
    expect(await codeOf(connect(model, dynamodb(client, { table })).$ready)).toBe("DESIGN_DIFFERS");
  });

  test("is what plan, CloudFormation and estimates speak of", () => {
    const plan = planFor(describeModel(modelOf(names)), "dynamodb");
    expect(plan.design).not.toBe(planFor(describeModel(modelOf(undefined)), "dynamodb").design);
    expect(plan.entities["order"]?.attributes.map(({ field, attribute }) => `${field} ${attribute}`)).toContain(
      "KEY KEY_",
    );
    const template = JSON.parse(planDocument(plan, "cloudformation", "Shop"));
    expect(template.Resources.Table.Properties.KeySchema).toEqual([
      { AttributeName: "KEY", KeyType: "HASH" },
      { AttributeName: "Sort.Key", KeyType: "RANGE" },
    ]);
    expect(template.Resources.Table.Properties.LocalSecondaryIndexes[0].KeySchema[0].AttributeName).toBe("KEY");
  });
});
