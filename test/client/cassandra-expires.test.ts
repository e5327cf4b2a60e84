/** Records that end take with them what was made of them beside their tables: rows of unique values, and of buckets. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { cassandra } from "../../src/adapters/cassandra/index.js";
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

test("the row of a bucket stands until the last of its records ends, in whichever order they come", async () => {
  const keyspace = server.keyspace();
  const adapter = () => cassandra(server.client, { keyspace });
  await apply(readings, adapter());
  const at = (day: number): Date => new Date(Date.UTC(2026, 0, day));
  const buckets = async (): Promise<readonly string[]> => {
    const table = "reading_by_device_at_desc_per_day_ending_buckets";
    const { rows } = await server.client.execute(`SELECT kf_bucket FROM ${keyspace}.${table}`);
    return rows.map((row) => row["kf_bucket"] as string).sort();
  };
  let id = 0;
  const insert = async (day: number, until: Date | undefined): Promise<void> => {
    // Another process each time: none knows what the others told.
    const shop = connect(readings, adapter());
    const end = until === undefined ? {} : { until };
    expect((await shop.reading.insert({ id: id++, device: "d", at: at(day), ...end })).applied).toBe(true);
  };
  const soon = new Date(Date.now() + 1_500);
  await insert(1, soon);
  await insert(2, inHours(1));
  await insert(2, soon);
  await insert(3, undefined);
  await insert(3, soon);
  await insert(4, soon);
  await insert(4, inHours(1));
  expect(await buckets()).toHaveLength(4);
  const staying = ["2026-01-02", "2026-01-03", "2026-01-04"];
  await expect.poll(buckets, { timeout: 20_000, interval: 200 }).toEqual(staying);
  const { items } = await connect(readings, adapter()).latest({ device: "d" });
  expect(items.map((one) => one.at.getUTCDate())).toEqual([4, 3, 2]);
}, 30_000);
