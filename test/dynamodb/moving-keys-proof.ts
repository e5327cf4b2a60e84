import { expect } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, day, decimal, defineModel, entity, list, top } from "../../src/index.js";
import { seededRandom } from "../../src/testing/random.js";
import { dynamodbUrl } from "../client/engines.js";
import { freshName } from "../client/shop.js";

const order = entity("order", {
  schema: z.object({
    id: z.int(),
    customer: z.string(),
    at: z.date(),
    total: decimal(2),
    status: z.enum(["open", "sent", "gone"]),
    note: z.string().optional(),
  }),
  key: ["id"],
});

const model = defineModel({
  entities: { order },
  patterns: {
    byCustomer: list(order, { by: ["customer"], order: { at: "desc", total: "asc" } }),
    byStatus: list(order, {
      by: ["status"],
      order: { total: "asc" },
      where: { note: { exists: true } },
      consistency: "eventual",
    }),
    byNote: list(order, { by: ["note"], order: { at: "asc" }, consistency: "strong" }),
    perCustomer: top(order, { by: "customer", sum: "total", where: { status: { ne: "gone" } }, range: day("at") }),
  },
  // Rates that spread every place over shards, so that merging is tried too.
  workload: { order: { writesPerSecond: 3_000, hottestKeyShare: 0.6 } },
});
type Order = (typeof order)["$record"];

/** Random inserts, updates of key attributes, puts and deletes; then every place must be what the records say. */
export async function movingKeys(writes: number, seed: number): Promise<void> {
  const { client } = open(await dynamodbUrl("none"));
  const table = freshName();
  const adapter = dynamodb(client, { table });
  await apply(model, adapter);
  const shop = connect(model, adapter, { deadlineMs: 60_000 });
  const random = seededRandom(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const IDS = 400;
  const customers = ["a", "a#", "a b", "a$", "", "é", "\u{1f600}", "b"].map((name) => `c${name}`);
  const notes = ["n", "n#", "# n", undefined];
  const value = {
    customer: () => pick(customers),
    at: () => new Date(Date.UTC(2024, 0, 1 + Math.floor(random() * 6), Math.floor(random() * 24))),
    total: () => `${Math.floor(random() * 2_000) - 1_000}.${pick(["00", "05", "5"])}` as `${number}`,
    status: () => pick(["open", "sent", "gone"] as const),
    note: () => pick(notes),
  };
  const make = (id: number): Order => {
    const note = value.note();
    return {
      id,
      customer: value.customer(),
      at: value.at(),
      total: value.total(),
      status: value.status(),
      ...(note === undefined ? {} : { note }),
    };
  };
  const oracle = new Map<number, Order>();
  const normal = (record: Order): Order => {
    const [whole = "0", fraction = ""] = record.total.replace("-0.00", "0.00").split(".");
    return { ...record, total: `${whole}.${fraction.padEnd(2, "0")}` as `${number}` };
  };

  // Writers of different records at once; the order of one record's writes is kept.
  const WRITERS = 8;
  const work = Array.from({ length: writes }, () => {
    const id = Math.floor(random() * IDS);
    const kind = random();
    if (!oracle.has(id)) {
      const record = make(id);
      oracle.set(id, normal(record));
      return { id, run: () => shop.order.put(record) };
    }
    if (kind < 0.05) {
      oracle.delete(id);
      return { id, run: () => shop.order.delete({ id }) };
    }
    if (kind < 0.15) {
      const record = make(id);
      oracle.set(id, normal(record));
      return { id, run: () => shop.order.put(record) };
    }
    const changes: Record<string, unknown> = {};
    for (const field of ["customer", "at", "total", "status", "note"] as const)
      if (random() < 0.3) changes[field] = value[field]();
    if (Object.keys(changes).length === 0) changes["status"] = value.status();
    const next = { ...oracle.get(id), ...changes } as Order;
    if (next.note === undefined) delete next.note;
    oracle.set(id, normal(next));
    return { id, run: () => shop.order.update({ id }, changes as never) };
  });
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (const { id, run } of work) if (id % WRITERS === writer) expect((await run()).applied).toBe(true);
    }),
  );

  const all = async <Row>(rows: AsyncIterable<Row>): Promise<Row[]> => {
    const found: Row[] = [];
    for await (const row of rows) found.push(row);
    return found;
  };
  const records = [...oracle.values()];
  const cents = (record: { total: string }): number => Number(record.total.replace(".", ""));
  const limit = 7;
  for (const customer of customers) {
    const expected = records
      .filter((one) => one.customer === customer)
      .sort((a, b) => b.at.getTime() - a.at.getTime() || cents(a) - cents(b) || a.id - b.id);
    expect(await all(shop.byCustomer.each({ customer }, { limit }))).toEqual(expected);
  }
  for (const status of ["open", "sent", "gone"] as const) {
    const expected = records
      .filter((one) => one.status === status && one.note !== undefined)
      .sort((a, b) => cents(a) - cents(b) || a.id - b.id);
    expect(await all(shop.byStatus.each({ status }, { limit }))).toEqual(expected);
  }
  for (const note of notes) {
    if (note === undefined) continue;
    const expected = records
      .filter((one) => one.note === note)
      .sort((a, b) => a.at.getTime() - b.at.getTime() || a.id - b.id);
    expect(await all(shop.byNote.each({ note }, { limit }))).toEqual(expected);
  }
  const sums = new Map<string, { total: number; count: number }>();
  for (const one of records) {
    if (one.status === "gone") continue;
    const sum = sums.get(one.customer) ?? { total: 0, count: 0 };
    sums.set(one.customer, { total: sum.total + cents(one), count: sum.count + 1 });
  }
  const found = await all(shop.perCustomer.each({}, { limit: 3 }));
  expect(new Map(found.map((row) => [row.customer, { total: cents(row), count: row.count }]))).toEqual(sums);

  // Nothing is left over: each record's home item, its two copies at most, and one contribution.
  const { ScanCommand } = await import("@aws-sdk/client-dynamodb");
  let items = 0;
  let start: Record<string, never> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: table,
        FilterExpression: "attribute_exists(#p) OR attribute_exists(#g) OR attribute_exists(#e)",
        ExpressionAttributeNames: { "#p": "_p", "#g": "g", "#e": "_e" },
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items += page.Count ?? 0;
    start = page.LastEvaluatedKey as typeof start;
  } while (start !== undefined);
  const expectedItems =
    2 * records.length +
    records.filter((one) => one.note !== undefined).length +
    records.filter((one) => one.status !== "gone").length;
  expect(items).toBe(expectedItems);
  await shop.$close();
  client.destroy();
}
