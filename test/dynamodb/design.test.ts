import { CreateTableCommand, type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, day, decimal, defineModel, entity, fold, get, list, together, top } from "../../src/index.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { codeOf, freshName } from "../client/shop.js";

const customer = entity("customer", {
  schema: z.object({ customerId: z.string(), name: z.string() }),
  key: ["customerId"],
});
const orders = {
  schema: z.object({
    customerId: z.string(),
    orderId: z.int(),
    total: decimal(2),
    at: z.date(),
    country: z.string(),
    note: z.string().optional(),
  }),
  key: ["customerId", "orderId"],
} as const;
const order = entity("order", orders);
const tagged = entity("order", { ...orders, unique: [["note"]] });

let client: DynamoDBClient;
beforeAll(async () => {
  ({ client } = open(await dynamodbUrl("none")));
});
afterAll(async () => {
  client.destroy();
  await stopDynamodb();
});

const makeOrder = (orderId: number, more: Partial<(typeof order)["$record"]> = {}) => ({
  customerId: `c${orderId % 3}`,
  orderId,
  total: `${orderId}.50` as `${number}`,
  at: new Date(Date.UTC(2024, 0, 1 + (orderId % 4), orderId % 24)),
  country: orderId % 2 === 0 ? "UK" : "EIRE",
  ...more,
});

const small = defineModel({
  entities: { customer, order },
  patterns: { file: together([customer, order], { by: ["customerId"] }) },
});
const grown = defineModel({
  entities: { customer, order },
  patterns: {
    file: together([customer, order], { by: ["customerId"] }),
    byCountry: list(order, { by: ["country"], order: { total: "desc", customerId: "asc" }, consistency: "eventual" }),
    byNote: list(order, { by: ["note"], order: { at: "asc" } }),
    perCountry: top(order, { by: "country", sum: "total", range: day("at"), consistency: "eventual" }),
  },
});

const adapterOf = (table = freshName()) => dynamodb(client, { table });

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

describe("together", () => {
  test("gives a partition's records, entity by entity, page by page", async () => {
    const adapter = adapterOf();
    await apply(small, adapter);
    const shop = connect(small, adapter);
    const orders = Array.from({ length: 30 }, (_, at) => makeOrder(at));
    await shop.order.insertMany(orders);
    for (const customerId of ["c0", "c1", "c2", "c10"])
      await shop.customer.insert({ customerId, name: `# ${customerId}` });
    const expected = [
      { entity: "customer", record: { customerId: "c1", name: "# c1" } },
      ...orders.filter((one) => one.customerId === "c1").map((record) => ({ entity: "order", record })),
    ];
    for (const limit of [1, 4, 11, 100]) {
      expect(await all(shop.file.each({ customerId: "c1" }, { limit }))).toEqual(expected);
    }
    expect((await shop.file({ customerId: "c10" })).items).toEqual([
      { entity: "customer", record: { customerId: "c10", name: "# c10" } },
    ]);
    const told = await shop.file.explain({ customerId: "c1" });
    // One query, strongly consistent: eleven small items are one unit.
    expect(told).toMatchObject({ units: 1, rows: 11, request: { ConsistentRead: true } });
  });
});

describe("apply", () => {
  test("creates once, says what is there, and does nothing the second time", async () => {
    const adapter = adapterOf();
    const shop = connect(grown, adapter);
    expect(await codeOf(shop.customer.insert({ customerId: "1", name: "x" }))).toBe("DESIGN_MISSING");
    const dry = await apply(grown, adapter, { dryRun: true });
    expect(dry.ready).toBe(false);
    const first = await apply(grown, adapter);
    expect(first.ready).toBe(true);
    expect(first.items.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      "table created",
      "index created",
      "contents created",
      "contents created",
      "contents created",
    ]);
    const second = await apply(grown, adapter);
    expect(second.items.every(({ state }) => state === "same")).toBe(true);
    expect((await shop.customer.insert({ customerId: "1", name: "x" })).applied).toBe(true);
  });

  test("fills patterns that are added later, while others write; until then they alone are refused", async () => {
    const adapter = adapterOf();
    await apply(small, adapter);
    const old = connect(small, adapter);
    const orders = Array.from({ length: 1_200 }, (_, at) => makeOrder(at, at % 5 === 0 ? { note: `n${at % 7}` } : {}));
    await old.order.insertMany(orders);

    const shop = connect(grown, adapter);
    expect(await codeOf(shop.byCountry({ country: "UK" }))).toBe("DESIGN_MISSING");
    expect(await codeOf(shop.perCountry({}))).toBe("DESIGN_MISSING");
    expect((await shop.file({ customerId: "c1" }, { limit: 5 })).items).toHaveLength(5);

    // A kill in the middle: the first pass ends after some pages.
    const stop = new AbortController();
    let pages = 0;
    const cut = apply(grown, adapter, {
      signal: stop.signal,
      onProgress: ({ state, step }) => {
        if (step.startsWith("contents") && state === "running" && ++pages === 3) stop.abort();
      },
    });
    expect(await codeOf(cut)).toBe("ABORTED");
    expect(await codeOf(shop.byNote({ note: "n0" }))).toBe("DESIGN_MISSING");

    // Writers of the new model go on while the second pass runs.
    const stored = new Map(orders.map((one) => [one.orderId, one]));
    let done = false;
    const writing = (async () => {
      for (let at = 0; !done || at < 200; at++) {
        const orderId = (at * 37) % 1_200;
        const before = stored.get(orderId) as (typeof orders)[number];
        if (before === undefined) continue;
        const country = `X${at % 5}`;
        await shop.order.update({ customerId: before.customerId, orderId }, { country });
        stored.set(orderId, { ...before, country });
        if (at % 10 === 0) {
          await shop.order.delete({ customerId: before.customerId, orderId });
          stored.delete(orderId);
        }
        if (at > 2_000) break;
      }
    })();
    const state = await apply(grown, adapter);
    done = true;
    await writing;
    expect(state.ready).toBe(true);
    const left = [...stored.values()];
    const cents = (one: { total: string }): number => Number(one.total.replace(".", ""));
    for (const country of new Set(left.map((one) => one.country))) {
      const expected = left
        .filter((one) => one.country === country)
        .sort((a, b) => cents(b) - cents(a) || (a.customerId < b.customerId ? -1 : 1) || a.orderId - b.orderId);
      expect(await all(shop.byCountry.each({ country }, { limit: 100 }))).toEqual(expected);
    }
    for (const note of ["n0", "n3"]) {
      const expected = left
        .filter((one) => one.note === note)
        .map(({ orderId }) => orderId)
        .sort((a, b) => a - b);
      const found = await all(shop.byNote.each({ note }, { limit: 50 }));
      expect(found.map(({ orderId }) => orderId).sort((a, b) => a - b)).toEqual(expected);
    }
    const sums = await all(shop.perCountry.each({}, { limit: 3 }));
    const total = sums.reduce((sum, row) => sum + cents(row), 0);
    expect(total).toBe(left.reduce((sum, one) => sum + cents(one), 0));
    expect(sums.reduce((sum, row) => sum + row.count, 0)).toBe(left.length);
  }, 120_000);

  test("reports another key and a changed index, and drops an index only when told", async () => {
    const table = freshName();
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
        BillingMode: "PAY_PER_REQUEST",
      }),
    );
    const state = await apply(small, dynamodb(client, { table }));
    expect(state.ready).toBe(false);
    expect(state.items[0]).toMatchObject({
      kind: "table",
      state: "differs",
      detail:
        "its key is id (S) and not pk (S), sk (S): a table without a sort key cannot hold a model, which puts many items under one key",
    });
    expect(await codeOf(connect(small, dynamodb(client, { table })).$ready)).toBe("DESIGN_DIFFERS");

    const adapter = adapterOf();
    await apply(grown, adapter);
    const fewer = await apply(small, adapter);
    expect(fewer.ready).toBe(true);
    expect(fewer.items.filter(({ state }) => state === "extra").map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "index gsi1",
      expect.stringMatching(/^contents order\/country@[\w-]{4} in gsi1$/),
      expect.stringMatching(/^contents order\/note@[\w-]{4}$/),
      "contents order/top(country,total)/day(at)",
    ]);
    const dropped = await apply(small, adapter, { drop: true });
    expect(dropped.items.filter(({ kind, state }) => kind === "index" && state === "extra")).toEqual([]);
  });

  test("fills a place anew that a design between was without: nothing of what went meanwhile comes back", async () => {
    const adapter = adapterOf();
    const keyed = defineModel({
      entities: { customer, order: tagged },
      patterns: {
        byCountry: list(tagged, { by: ["country"], order: { at: "desc" }, consistency: "eventual" }),
        byNote: list(tagged, { by: ["note"], order: { at: "asc" } }),
        perCountry: top(tagged, { by: "country", sum: "total", range: day("at"), consistency: "eventual" }),
      },
    });
    await apply(keyed, adapter);
    const before = connect(keyed, adapter);
    for (let at = 0; at < 6; at++) await before.order.insert(makeOrder(at, { note: `n${at}` }));
    await fold(keyed, adapter);
    const bare = defineModel({ entities: { customer, order }, patterns: { orderById: get(order) } });
    await apply(bare, adapter);
    const between = connect(bare, adapter);
    await between.order.delete({ customerId: "c0", orderId: 0 });
    await between.order.update({ customerId: "c1", orderId: 1 }, { country: "NO", note: "moved", total: "9.00" });
    await between.order.insert(makeOrder(7, { note: "n0" }));

    const after = connect(keyed, adapter);
    for (const asked of [after.byCountry({ country: "UK" }), after.byNote({ note: "n0" }), after.perCountry({})])
      expect(await codeOf(asked)).toBe("DESIGN_MISSING");
    expect((await apply(keyed, adapter)).ready).toBe(true);
    const again = connect(keyed, adapter);
    const ids = async (rows: Promise<{ readonly items: readonly { readonly orderId: number }[] }>) =>
      (await rows).items.map(({ orderId }) => orderId).sort();
    expect(await ids(again.byCountry({ country: "UK" }))).toEqual([2, 4]);
    expect(await ids(again.byCountry({ country: "EIRE" }))).toEqual([3, 5, 7]);
    expect(await ids(again.byCountry({ country: "NO" }))).toEqual([1]);
    expect(await ids(again.byNote({ note: "n0" }))).toEqual([7]);
    expect(await ids(again.byNote({ note: "n1" }))).toEqual([]);
    expect(await ids(again.byNote({ note: "moved" }))).toEqual([1]);
    expect((await again.perCountry({})).items).toEqual([
      { country: "EIRE", total: "16.50", count: 3 },
      { country: "NO", total: "9.00", count: 1 },
      { country: "UK", total: "7.00", count: 2 },
    ]);
    // Unique values of what is gone are free, those of what came meanwhile are taken.
    expect((await again.order.insert(makeOrder(8, { note: "n1" }))).applied).toBe(true);
    expect(await codeOf(again.order.insert(makeOrder(9, { note: "n0" })))).toBe("CONFLICT");
  });

  test.each(["eventual", "session"] as const)("a list in another order is another place (%s)", async (consistency) => {
    const by = ["country"] as const;
    const early = defineModel({
      entities: { order },
      patterns: { ofCountry: list(order, { by, order: { at: "asc" }, consistency }) },
    });
    const dear = defineModel({
      entities: { order },
      patterns: { ofCountry: list(order, { by, order: { total: "desc" }, consistency }) },
    });
    const noted = defineModel({
      entities: { order },
      patterns: {
        ofCountry: list(order, { by, order: { total: "desc" }, where: { customerId: { gt: "c0" } }, consistency }),
      },
    });
    const adapter = adapterOf();
    await apply(early, adapter);
    await connect(early, adapter).order.insertMany(Array.from({ length: 12 }, (_, at) => makeOrder(at)));
    for (const [model, expected] of [
      [dear, [10, 8, 6, 4, 2, 0]],
      [noted, [10, 8, 4, 2]],
      [dear, [10, 8, 6, 4, 2, 0]],
    ] as const) {
      expect(await codeOf(connect(model, adapter).ofCountry({ country: "UK" }))).toBe("DESIGN_MISSING");
      expect((await apply(model, adapter)).ready).toBe(true);
      const { items } = await connect(model, adapter).ofCountry({ country: "UK" });
      expect(items.map(({ orderId }) => orderId)).toEqual(expected);
    }
  });

  test("says where records lie that a changed model would not find, and changes nothing", async () => {
    const device = entity("device", {
      schema: z.object({ site: z.string(), id: z.int(), at: z.date() }),
      key: ["site", "id"],
    });
    const modelOf = (writesPerSecond: number) =>
      defineModel({
        entities: { device },
        patterns: { ofSite: list(device, { by: ["site"], order: { id: "asc" } }) },
        workload: { device: { records: 1_000, bytes: 100, writesPerSecond, distinct: { site: 1 } } },
      });
    const adapter = adapterOf();
    await apply(modelOf(10), adapter);
    const shop = connect(modelOf(10), adapter);
    await shop.device.insert({ site: "a", id: 1, at: new Date(0) });
    // So many writes of one site want its partition in four shards.
    const busy = modelOf(4_000);
    const state = await apply(busy, adapter);
    expect(state.ready).toBe(false);
    const [differs, ...others] = state.items.filter((item) => item.state !== "same");
    expect(others).toEqual([]);
    expect(differs).toMatchObject({
      kind: "contents",
      name: "device/home device,site:string,*4/device,id:int",
      state: "differs",
    });
    expect(differs?.detail).toContain("its records lie by device,site:string/device,id:int");
    expect(await codeOf(connect(busy, adapter).ofSite({ site: "a" }))).toBe("DESIGN_DIFFERS");
    expect((await apply(modelOf(20), adapter)).items.every((item) => item.state === "same")).toBe(true);
    expect((await shop.ofSite({ site: "a" })).items).toHaveLength(1);
  });

  test("an existing table with data of others is adopted, and their items are left alone", async () => {
    const table = freshName();
    const adapter = dynamodb(client, { table });
    await apply(small, adapter);
    const { PutItemCommand } = await import("@aws-sdk/client-dynamodb");
    const foreign = { pk: { S: "customer#c1#" }, sk: { S: "invoice#1" }, any: { N: "1" } };
    await client.send(new PutItemCommand({ TableName: table, Item: foreign }));
    await apply(grown, adapter);
    const shop = connect(grown, adapter);
    await shop.customer.insert({ customerId: "c1", name: "x" });
    await shop.order.insert(makeOrder(1));
    expect((await all(shop.file.each({ customerId: "c1" }, { limit: 1 }))).map(({ entity }) => entity)).toEqual([
      "customer",
      "order",
    ]);
    const found = await client.send(new ScanCommand({ TableName: table }));
    expect(found.Items).toContainEqual(foreign);
  });
});

describe("fold", () => {
  test("a bucket that somebody may write to stays open; a late record opens a folded one", async () => {
    const adapter = adapterOf();
    await apply(grown, adapter);
    const shop = connect(grown, adapter);
    await shop.order.insertMany(Array.from({ length: 40 }, (_, at) => makeOrder(at)));
    const before = await all(shop.perCountry.each({}));
    // The client holds its leases until it is closed.
    expect((await fold(grown, adapter)).buckets.map(({ state }) => state)).toEqual(["open", "open", "open", "open"]);
    await shop.$close();
    const folded = await fold(grown, adapter);
    expect(folded.buckets.map(({ state }) => state)).toEqual(["folded", "folded", "folded", "folded"]);
    expect((await fold(grown, adapter)).buckets.every(({ state }) => state === "same")).toBe(true);
    const other = connect(grown, adapter);
    expect(await all(other.perCountry.each({}))).toEqual(before);
    // Folded, the whole range is one small read.
    const cheap = await other.perCountry.explain({});
    expect(cheap.units).toBeLessThanOrEqual(1);
    await other.order.update({ customerId: "c1", orderId: 1 }, { country: "UK" });
    await other.order.delete({ customerId: "c2", orderId: 2 });
    const after = await all(other.perCountry.each({}));
    const cents = (row: { total: string }): bigint => BigInt(row.total.replace(".", ""));
    expect(after.reduce((sum, row) => sum + cents(row), 0n)).toBe(
      before.reduce((sum, row) => sum + cents(row), 0n) - 250n,
    );
    expect(after.find(({ country }) => country === "EIRE")?.count).toBe(19);
    await other.$close();
    expect((await fold(grown, adapter)).buckets.map(({ state }) => state).sort()).toEqual([
      "folded",
      "folded",
      "same",
      "same",
    ]);
    expect(await all(connect(grown, adapter).perCountry.each({}))).toEqual(after);
  });

  test("a record that comes while a bucket is folded is never lost from the sums", async () => {
    const adapter = adapterOf();
    await apply(grown, adapter);
    const first = connect(grown, adapter);
    await first.order.insertMany(Array.from({ length: 60 }, (_, at) => makeOrder(at)));
    await first.$close();
    for (let round = 0; round < 10; round++) {
      const writer = connect(grown, adapter);
      await writer.$ready;
      const late = makeOrder(1_000 + round, { customerId: "late" });
      await Promise.all([fold(grown, adapter), writer.order.insert(late), fold(grown, adapter)]);
      await writer.$close();
      const reader = connect(grown, adapter);
      const rows = await all(reader.perCountry.each({}));
      expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(61 + round);
    }
  });
});
