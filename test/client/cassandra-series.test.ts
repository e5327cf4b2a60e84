/** Lists over many partitions of one group: buckets of time, shards, both, and in both directions. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
import { connect } from "../../src/client/connect.js";
import { defineModel, describe as describeModel, entity, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";

const reading = entity("reading", {
  schema: z.object({ id: z.int(), device: z.string(), at: z.date(), level: z.int(), value: z.int() }),
  key: ["id"],
  appendOnly: true,
});

const model = defineModel({
  entities: { reading },
  patterns: {
    latest: list(reading, { by: ["device"], order: { at: "desc", id: "desc" } }),
    between: list(reading, { by: ["device"], order: { at: "asc", id: "asc" }, range: "at" }),
    turning: list(reading, { by: ["device"], order: { at: "desc", id: "asc" } }),
    byLevel: list(reading, { by: ["level"], order: { value: "asc" } }),
  },
  // The busiest device writes 77,760 rows a day and 120,000 in all, so that its rows are cut by day; a level has more rows
  // than a partition should, and no date in its order.
  workload: {
    reading: { records: 400_000, writesPerSecond: 3, hottestKeyShare: 0.3, distinct: { device: 10_000, level: 250 } },
  },
});

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

type Reading = (typeof reading)["$record"];
/** Thirty days of which every second one is empty, with a few rows each. */
const rows: readonly Reading[] = Array.from({ length: 90 }, (_, id) => ({
  id,
  device: id % 3 === 2 ? "other" : "d",
  at: new Date(Date.UTC(2026, 0, 1 + 2 * Math.floor(id / 6), id % 24, id % 7)),
  level: 1,
  value: (id * 37) % 90,
}));
const own = rows.filter(({ device }) => device === "d");
const byTime = (a: Reading, b: Reading): number => a.at.getTime() - b.at.getTime() || a.id - b.id;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("rows of thirty days, half of them empty", () => {
  const adapter = () => cassandra(server.client, { keyspace });
  let keyspace: string;
  let shop: ReturnType<typeof open>;
  const open = () => connect(model, adapter());
  beforeAll(async () => {
    keyspace = server.keyspace();
    await adapter().bind(describeModel(model)).apply({});
    shop = open();
    expect((await shop.reading.insertMany(rows)).applied).toBe(rows.length);
  });

  test("are cut as the plan says", async () => {
    const { plan } = adapter().bind(describeModel(model));
    const names = Object.values(plan.patterns).map((one) => (one as unknown as { table: string }).table);
    expect(names).toEqual([
      "reading_by_device_at_desc_per_day",
      "reading_by_device_at_desc_per_day",
      expect.stringMatching(/^reading_by_device_at_desc_per_day_[0-9a-f]{8}$/),
      "reading_by_level_value_x2",
    ]);
  });

  test.each([1, 7, 50, 500])("come as one ordered list, %i a page", async (limit) => {
    expect(await all(shop.latest.each({ device: "d" }, { limit }))).toEqual(own.toSorted((a, b) => byTime(b, a)));
    expect(await all(shop.between.each({ device: "d" }, { limit }))).toEqual(own.toSorted(byTime));
    expect(await all(shop.turning.each({ device: "d" }, { limit }))).toEqual(
      own.toSorted((a, b) => b.at.getTime() - a.at.getTime() || a.id - b.id),
    );
    expect(await all(shop.byLevel.each({ level: 1 }, { limit }))).toEqual(
      rows.toSorted((a, b) => a.value - b.value || a.id - b.id),
    );
  });

  test("within a range, and of nothing", async () => {
    const [from, to] = [new Date("2026-01-06T03:00:00Z"), new Date("2026-01-19T00:00:00Z")];
    const within = own.filter(({ at }) => at >= from && at < to).toSorted(byTime);
    expect(within.length).toBeGreaterThan(10);
    expect(await all(shop.between.each({ device: "d", from, to }, { limit: 4 }))).toEqual(within);
    expect((await shop.latest({ device: "nobody" })).items).toEqual([]);
  });

  test("cost no request for a day that is empty", async () => {
    let requests = 0;
    const count = (): void => void requests++;
    await shop.latest({ device: "d" }, { limit: 50 });
    subscribe("tracing:keyfold:request:start", count);
    try {
      const page = await shop.latest({ device: "d" }, { limit: 50 });
      expect(page.items).toHaveLength(50);
    } finally {
      unsubscribe("tracing:keyfold:request:start", count);
    }
    // One that names the days, and one for each of fifteen days that have rows.
    expect(requests).toBeLessThanOrEqual(16);
  });

  test("stay in order while old rows come and go", async () => {
    const seen: number[] = [];
    for await (const row of shop.latest.each({ device: "d" }, { limit: 3 })) {
      seen.push(row.id);
      if (row.id % 4 === 0) await shop.reading.delete({ id: row.id });
    }
    expect(seen).toEqual(own.toSorted((a, b) => byTime(b, a)).map(({ id }) => id));
    const left = own.filter(({ id }) => id % 4 !== 0);
    expect(await all(shop.latest.each({ device: "d" }, { limit: 20 }))).toEqual(left.toSorted((a, b) => byTime(b, a)));
  });
});

test("are in order from the first date to the last, also beyond years of four digits", async () => {
  const adapter = () => cassandra(server.client, { keyspace: name });
  const name = server.keyspace();
  await adapter().bind(describeModel(model)).apply({});
  const shop = connect(model, adapter());
  const moments = [
    new Date(-8.64e15),
    "-000001-06-01T00:00:00.000Z",
    "0000-01-01T00:00:00.000Z",
    "2026-01-02T00:00:00.000Z",
    "9999-12-30T00:00:00.000Z",
    "9999-12-31T12:00:00.000Z",
    "+010000-01-01T00:00:00.000Z",
    "+275760-09-12T00:00:00.000Z",
  ].map((at) => new Date(at));
  const far = moments.map((at, id): Reading => ({ id, device: "d", at, level: 1, value: id }));
  expect((await shop.reading.insertMany(far.toReversed())).applied).toBe(far.length);
  for (const limit of [1, 3, 50]) {
    expect(await all(shop.between.each({ device: "d" }, { limit }))).toEqual(far);
    expect(await all(shop.latest.each({ device: "d" }, { limit }))).toEqual(far.toReversed());
    // Bounds that say "no end", and ones behind the years that buckets are named by.
    for (const [from, to] of [
      [new Date(0), new Date(8.64e15)],
      [new Date(-8.64e15), new Date(0)],
      [moments[6], new Date(8.64e15)],
      [new Date(-8.64e15), moments[1]],
    ] as [Date, Date][]) {
      const within = far.filter(({ at }) => at >= from && at < to);
      expect(within.length).toBeGreaterThan(0);
      expect(await all(shop.between.each({ device: "d", from, to }, { limit }))).toEqual(within);
    }
  }
});
