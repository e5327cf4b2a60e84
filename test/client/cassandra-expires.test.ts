/** Records that end take with them what was made of them beside their tables: rows of unique values, and of buckets. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type CassandraClient, cassandra } from "../../src/adapters/cassandra/index.js";
import { apply, connect, defineModel, entity, list } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";
import { codeOf } from "./shop.js";

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

const HOUR = 3_600;
const inHours = (hours: number): Date => new Date(Date.now() + hours * HOUR * 1_000);
/** Hours that are left of a TTL; undefined: none. */
const hours = (ttl: unknown): number | undefined => (ttl === null ? undefined : Math.round(Number(ttl) / HOUR));

const session = entity("session", {
  schema: z.object({ id: z.string(), token: z.string(), hits: z.int(), until: z.date().optional() }),
  key: ["id"],
  unique: [["token"]],
  expires: "until",
});
const sessions = defineModel({
  entities: { session },
  patterns: { sessionsByHits: list(session, { by: ["hits"], order: { id: "asc" } }) },
});

test("the row of a unique value ends with its record, and later when that does", async () => {
  const keyspace = server.keyspace();
  await apply(sessions, cassandra(server.client, { keyspace }));
  const shop = connect(sessions, cassandra(server.client, { keyspace }));
  const left = async (): Promise<unknown> => {
    const columns = ["kf_owner", "kf_claim", "kf_held", "kf_at"].map((name) => `TTL(${name}) AS ${name}`);
    const { rows } = await server.client.execute(`SELECT ${columns.join(", ")} FROM ${keyspace}.session_unique_token`);
    const all = new Set(rows.flatMap((row) => Object.values(row).map(hours)));
    return all.size === 1 ? [...all][0] : all;
  };
  const record = { id: "1", token: "t", hits: 0 };
  await shop.session.insert({ ...record, until: inHours(1) });
  expect(await left()).toBe(1);
  await shop.session.increment({ id: "1" }, { hits: 1 });
  expect(await left()).toBe(1);
  await shop.session.update({ id: "1" }, { until: inHours(3) });
  expect(await left()).toBe(3);
  // Whoever looks finds the record, and not the row's end.
  await shop.session.update({ id: "1" }, { until: inHours(2) });
  expect(await left()).toBe(3);
  await shop.session.put({ ...record, token: "u", until: inHours(5) });
  expect(await left()).toBe(5);
  await shop.session.put({ ...record, token: "u" });
  expect(await left()).toBeUndefined();
  expect(await codeOf(shop.session.insert({ id: "2", token: "u", hits: 0 }))).toBe("CONFLICT");
});

test("the row of a value that ended is gone, and so is its record", async () => {
  const keyspace = server.keyspace();
  await apply(sessions, cassandra(server.client, { keyspace }));
  const shop = connect(sessions, cassandra(server.client, { keyspace }));
  await shop.session.insert({ id: "1", token: "t", hits: 0, until: new Date(Date.now() + 500) });
  const rows = async (table: string) => (await server.client.execute(`SELECT * FROM ${keyspace}.${table}`)).rows.length;
  await expect.poll(() => rows("session_unique_token"), { timeout: 20_000, interval: 200 }).toBe(0);
  expect(await rows("session")).toBe(0);
}, 30_000);

const reading = entity("reading", {
  schema: z.object({ id: z.int(), device: z.string(), at: z.date(), until: z.date().optional() }),
  key: ["id"],
  appendOnly: true,
  expires: "until",
});
const readings = defineModel({
  entities: { reading },
  patterns: { latest: list(reading, { by: ["device"], order: { at: "desc", id: "desc" } }) },
  workload: { reading: { records: 4_000_000, writesPerSecond: 3, distinct: { device: 10 } } },
});

const readingBuckets = "reading_by_device_at_desc_per_day_ending_buckets";
const day = (number: number): Date => new Date(Date.UTC(2026, 0, number));
/** The first full hour that is not before a moment. */
const nextHour = (at: Date): number => Math.ceil(at.getTime() / (HOUR * 1_000)) * HOUR * 1_000;

test("the row of a bucket stands until the last of its records ends, in whichever order they come", async () => {
  const keyspace = server.keyspace();
  const soon = new Date(Date.now() + 1_500);
  // Rows of buckets end at a full hour: for this client it comes in a few seconds.
  const nearer = Math.floor((nextHour(soon) - Date.now()) / 1_000) - 5;
  const client: CassandraClient = Object.assign(Object.create(server.client) as CassandraClient, {
    batch(queries: readonly { query: string; params: readonly unknown[] }[], options: never) {
      const sent = queries.map(({ query, params }) => {
        const ttl = query.includes(readingBuckets) ? Number(params.at(-1)) : 0;
        return { query, params: ttl === 0 ? params : [...params.slice(0, -1), Math.max(1, ttl - nearer)] };
      });
      return server.client.batch(sent as never, options);
    },
  });
  const adapter = () => cassandra(client, { keyspace });
  await apply(readings, adapter());
  const buckets = async (): Promise<readonly string[]> => {
    const { rows } = await server.client.execute(`SELECT kf_bucket FROM ${keyspace}.${readingBuckets}`);
    return rows.map((row) => row["kf_bucket"] as string).sort();
  };
  let id = 0;
  const insert = async (at: Date, until: Date | undefined): Promise<void> => {
    // Another process each time: none knows what the others told.
    const shop = connect(readings, adapter());
    const end = until === undefined ? {} : { until };
    expect((await shop.reading.insert({ id: id++, device: "d", at, ...end })).applied).toBe(true);
  };
  await insert(day(1), soon);
  await insert(day(2), inHours(2));
  await insert(day(2), soon);
  await insert(day(3), undefined);
  await insert(day(3), soon);
  await insert(day(4), soon);
  await insert(day(4), inHours(2));
  expect(await buckets()).toHaveLength(4);
  const staying = ["2026-01-02", "2026-01-03", "2026-01-04"];
  await expect.poll(buckets, { timeout: 20_000, interval: 200 }).toEqual(staying);
  const { items } = await connect(readings, adapter()).latest({ device: "d" });
  expect(items.map((one) => one.at.getUTCDate())).toEqual([4, 3, 2]);
}, 30_000);

test("the row of a bucket is written once for all records that end within an hour, and stays as long as they", async () => {
  const keyspace = server.keyspace();
  await apply(readings, cassandra(server.client, { keyspace }));
  const told: number[] = [];
  const client: CassandraClient = Object.assign(Object.create(server.client) as CassandraClient, {
    batch(queries: readonly { query: string; params: readonly unknown[] }[], options: never) {
      for (const { query, params } of queries) if (query.includes(readingBuckets)) told.push(Number(params.at(-1)));
      return server.client.batch(queries as never, options);
    },
  });
  const shop = connect(readings, cassandra(client, { keyspace }));
  const whole = nextHour(inHours(5));
  // Each ends later than the one before it.
  for (const [id, minutes] of [10, 20, 30, 60].entries()) {
    const until = new Date(whole + minutes * 60_000);
    await shop.reading.insert({ id, device: "d", at: day(1), until });
  }
  expect(told).toHaveLength(1);
  const left = (whole + HOUR * 1_000 - Date.now()) / 1_000;
  expect(told[0]).toBeGreaterThan(left);
  expect(told[0]).toBeLessThan(left + 60);
  await shop.reading.insert({ id: 9, device: "d", at: day(1), until: new Date(whole + HOUR * 1_000 + 1) });
  expect(told).toHaveLength(2);
});
