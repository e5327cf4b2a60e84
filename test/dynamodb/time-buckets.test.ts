import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, describe as data, defineModel, entity, list, planFor } from "../../src/index.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { codeOf, freshName } from "../client/shop.js";

// Lists whose groups outgrow a partition at the declared rate: cut by time, and one ordered page to the caller.

const event = entity("event", {
  schema: z.object({ id: z.int(), device: z.string(), at: z.date(), note: z.string().optional() }),
  key: ["id"],
});
type Event = (typeof event)["$record"];

/** A rate that cuts groups by day, or by hour and into shards; without one they are whole. */
const modelOf = (writesPerSecond: number | undefined) =>
  defineModel({
    entities: { event },
    patterns: {
      latest: list(event, { by: ["device"], order: { at: "desc" }, range: "at", consistency: "eventual" }),
      noted: list(event, {
        by: ["device"],
        where: { note: { exists: true } },
        order: { at: "desc", id: "asc" },
        select: ["id"],
        consistency: "eventual",
      }),
      earliest: list(event, { by: ["device"], order: { at: "asc", id: "desc" }, range: "at" }),
    },
    workload: {
      event: {
        records: 2_000_000_000,
        bytes: 1_000,
        distinct: { device: 10 },
        ...(writesPerSecond === undefined ? {} : { writesPerSecond }),
      },
    },
  });
type Model = ReturnType<typeof modelOf>;

let client: DynamoDBClient;
beforeAll(async () => {
  ({ client } = open(await dynamodbUrl("none")));
});
afterAll(async () => {
  client.destroy();
  await stopDynamodb();
});
const connectTo = (model: Model, table: string) => connect(model, dynamodb(client, { table }));

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}
const planned = (model: Model, name: keyof Model["patterns"]) => {
  const plan = planFor(data(model), "dynamodb").patterns[name];
  if (plan?.kind !== "list") throw new Error(name);
  return plan;
};

describe("the plan", () => {
  test("cuts by the coarsest unit whose collections stay within 10 GB, and shows how it found that", () => {
    expect(planned(modelOf(undefined), "latest").walk).toBeUndefined();
    // 50 a second in a device's group: 4.3 million in a day, of 1,160 bytes.
    const daily = modelOf(500);
    expect(planned(daily, "latest")).toMatchObject({
      walk: { unit: "day", direction: "desc" },
      reads: { place: expect.stringMatching(/^event\/device@[\w-]{4}~day$/) },
      request: { shards: 1 },
    });
    const finding = planFor(data(daily), "dynamodb").findings.find(
      ({ code, subject }) => code === "time-bucketed" && subject === "latest",
    );
    expect(finding?.evidence).toBe(
      "2,000,000,000 records × 10% = 200,000,000 rows, 216 GiB, against 9,256,395 rows of 1.1 KiB (10 GB of one partition): cut by day: 500 writes a second × 10% × 86,400 s = 4,320,000 rows, 4.7 GiB, against 9,256,395 rows of 1.1 KiB (10 GB of one partition)",
    );
    // 2,000 a second in a group are 4,000 units, of copies in transactions 8,000.
    const hourly = modelOf(20_000);
    expect(planned(hourly, "latest")).toMatchObject({ walk: { unit: "hour" }, request: { shards: 4 } });
    expect(planned(hourly, "earliest")).toMatchObject({
      walk: { unit: "hour", direction: "asc" },
      reads: { kind: "copies", place: expect.stringMatching(/^event\/device@[\w-]{4}~hour\*8$/) },
    });
    expect(planned(hourly, "latest").estimate.requests).toBe(5);
  });
});

describe.each([
  ["by day", 500],
  ["by hour, in shards", 20_000],
])("%s", (_, rate) => {
  const model = modelOf(rate);
  const hours = 3_600_000;
  const moment = fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 30, 800, 9_000), fc.integer({ min: 0, max: 3_599_999 }))
    .map(([hour, ms]) => new Date(Date.UTC(2023, 11, 31, 22) + hour * hours + ms));
  const far = fc.constantFrom(
    "-000001-12-31T23:59:59.999Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00Z",
  );
  const record = fc.record({
    id: fc.integer({ min: 1, max: 30 }),
    device: fc.constantFrom("a", "b#"),
    at: fc.oneof({ weight: 9, arbitrary: moment }, { weight: 1, arbitrary: far.map((text) => new Date(text)) }),
    note: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
  });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("insertMany" as const), records: fc.array(record, { maxLength: 8 }) }),
    fc.record({ kind: fc.constantFrom("insert" as const, "put" as const, "transact" as const), record }),
    fc.record({ kind: fc.constantFrom("update" as const, "delete" as const), record }),
  );
  const plain = ({ note, ...one }: Omit<Event, "note"> & { note: string | undefined }): Event =>
    note === undefined ? one : { ...one, note };

  test("pages are one ordered list, whatever was written how, in and out of ranges", async () => {
    const table = freshName();
    await apply(model, dynamodb(client, { table }));
    let shop = connectTo(model, table);
    const stored = new Map<number, Event>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 7 }),
        fc.option(moment, { nil: undefined }),
        fc.option(moment, { nil: undefined }),
        async (steps, limit, from, to) => {
          // Another process knows of no bucket that was listed.
          shop = connectTo(model, table);
          for (const one of steps) {
            if (one.kind === "insertMany") {
              const records = one.records.map(plain);
              const { results } = await shop.event.insertMany(records);
              for (const [at, { outcome }] of results.entries()) {
                const own = records[at] as Event;
                if (outcome === "applied") stored.set(own.id, own);
              }
              continue;
            }
            const own = plain(one.record);
            const { id } = own;
            if (one.kind === "insert") {
              if ((await codeOf(shop.event.insert(own))) === undefined && !stored.has(id)) stored.set(id, own);
            } else if (one.kind === "put") {
              await shop.event.put(own);
              stored.set(id, own);
            } else if (one.kind === "transact") {
              await shop.$transact([{ entity: "event", put: own }]);
              stored.set(id, own);
            } else if (one.kind === "update") {
              const before = stored.get(id);
              const { applied } = await shop.event.update({ id }, { at: own.at, device: own.device });
              expect(applied).toBe(before !== undefined);
              if (before !== undefined) stored.set(id, { ...before, at: own.at, device: own.device });
            } else {
              await shop.event.delete({ id });
              stored.delete(id);
            }
          }
          const bounds = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
          for (const device of ["a", "b#"]) {
            const group = [...stored.values()].filter((one) => one.device === device);
            const inside = group.filter(
              ({ at }) => (from === undefined || at >= from) && (to === undefined || at < to),
            );
            const latest = inside.toSorted((a, b) => b.at.getTime() - a.at.getTime() || b.id - a.id);
            expect(await all(shop.latest.each({ device, ...bounds }, { limit }))).toEqual(latest);
            const earliest = inside.toSorted((a, b) => a.at.getTime() - b.at.getTime() || b.id - a.id);
            expect(await all(shop.earliest.each({ device, ...bounds }, { limit }))).toEqual(earliest);
            const noted = group
              .filter(({ note }) => note !== undefined)
              .toSorted((a, b) => b.at.getTime() - a.at.getTime() || a.id - b.id);
            expect(await all(shop.noted.each({ device }, { limit }))).toEqual(noted.map(({ id }) => ({ id })));
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  test("a place that is cut another way is filled from the records, and the old one is not taken for whole again", async () => {
    const table = freshName();
    const whole = modelOf(undefined);
    await apply(whole, dynamodb(client, { table }));
    const old = connectTo(whole, table);
    const events = Array.from({ length: 60 }, (_, id) => ({
      id,
      device: "a",
      at: new Date(Date.UTC(2024, 0, 1) + (id % 7) * 20 * hours + id),
    }));
    await old.event.insertMany(events);
    const shop = connectTo(model, table);
    expect(await codeOf(shop.latest({ device: "a" }))).toBe("DESIGN_MISSING");
    await apply(model, dynamodb(client, { table }));
    const latest = events.toSorted((a, b) => b.at.getTime() - a.at.getTime());
    expect(await all(shop.latest.each({ device: "a" }, { limit: 9 }))).toEqual(latest);
    expect(await all(shop.earliest.each({ device: "a" }, { limit: 9 }))).toEqual(latest.toReversed());
    expect(await codeOf(connectTo(whole, table).latest({ device: "a" }))).toBe("DESIGN_MISSING");
  });
});

test("buckets without records cost nothing, emptied ones little, and a page has an end", async () => {
  const table = freshName();
  const model = modelOf(500);
  await apply(model, dynamodb(client, { table }));
  const shop = connectTo(model, table);
  const dayOf = (day: number) => new Date(Date.UTC(2020, 0, 1 + day));
  // Three records in thirty years.
  for (const [id, day] of [0, 4_000, 11_000].entries()) await shop.event.insert({ id, device: "rare", at: dayOf(day) });
  const rare = await shop.latest.explain({ device: "rare" });
  expect(rare.rows).toBe(3);
  expect(rare.request).toHaveLength(3);
  expect(rare.units).toBe(2);

  const gone = Array.from({ length: 600 }, (_, day) => ({ id: 100 + day, device: "gone", at: dayOf(day) }));
  expect((await shop.event.insertMany(gone)).applied).toBe(600);
  for (const { id } of gone.slice(20)) await shop.event.delete({ id });
  const pages: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await shop.latest({ device: "gone" }, { limit: 50, cursor });
    pages.push(page.items.length);
    ({ cursor } = page);
  } while (cursor !== undefined);
  // 256 buckets a page: the 20 records are in the oldest ones.
  expect(pages).toEqual([0, 0, 20]);
}, 180_000);
