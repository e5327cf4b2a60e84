/** A keyspace with several models, and what is left of earlier designs of one: only a model's own tables are dropped. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type CassandraClient, cassandra } from "../../src/adapters/cassandra/index.js";
import { apply, connect, day, defineModel, describe, entity, get, list, top } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";
import { codeOf } from "./shop.js";

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

async function tablesOf(keyspace: string): Promise<string[]> {
  const query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
  const { rows } = await server.client.execute(query, [keyspace], { prepare: true });
  return rows.map((row) => row["table_name"] as string).sort();
}

const note = entity("note", { schema: z.object({ id: z.int(), tag: z.string() }), key: ["id"], unique: [["tag"]] });
const task = entity("task", { schema: z.object({ id: z.int(), owner: z.string() }), key: ["id"] });

test("the tables of another model are neither reported nor dropped", async () => {
  const keyspace = server.keyspace();
  const adapter = () => cassandra(server.client, { keyspace });
  const notes = defineModel({
    entities: { note },
    patterns: { notesOfTag: list(note, { by: ["tag"], order: { id: "asc" } }) },
  });
  const tasks = defineModel({
    entities: { task },
    patterns: { tasksOf: list(task, { by: ["owner"], order: { id: "asc" } }) },
  });
  expect((await apply(notes, adapter())).ready).toBe(true);
  const one = connect(notes, adapter());
  await one.note.insert({ id: 1, tag: "t" });
  const second = await apply(tasks, adapter(), { drop: true });
  expect(second.ready).toBe(true);
  expect(second.items.filter(({ state }) => state === "extra")).toEqual([]);
  const again = await apply(notes, adapter(), { drop: true });
  expect(again.items.filter(({ state }) => state !== "same")).toEqual([]);
  expect((await connect(notes, adapter()).notesOfTag({ tag: "t" })).items).toEqual([{ id: 1, tag: "t" }]);
  expect(await codeOf(one.note.insert({ id: 2, tag: "t" }))).toBe("CONFLICT");
});

const reading = entity("reading", {
  storedAs: "a_reading_of_some_device_somewhere",
  schema: z.object({ id: z.int(), device: z.string(), measuredAt: z.date(), value: z.int() }),
  key: ["id"],
});

test("tables of an earlier design are told of, and dropped when asked with their buckets and sums", async () => {
  const keyspace = server.keyspace();
  const adapter = () => cassandra(server.client, { keyspace });
  const workload = {
    reading: { records: 4_000_000, writesPerSecond: 3, distinct: { device: 10 } },
  };
  const patterns = {
    latest: list(reading, { by: ["device"], order: { measuredAt: "desc", id: "desc" } }),
    perDevice: top(reading, { by: "device", sum: "value", range: day("measuredAt") }),
  };
  const large = defineModel({ entities: { reading }, patterns, workload });
  const small = defineModel({ entities: { reading }, patterns: { readingById: get(reading) }, workload });
  await apply(large, adapter());
  const before = await tablesOf(keyspace);
  // A list that is cut by time has a second table, whose name says no more whose it is.
  expect(before).toHaveLength(6);
  const shop = connect(large, adapter());
  const record = { id: 1, device: "d", measuredAt: new Date("2026-01-02T03:00:00Z"), value: 5 };
  await shop.reading.insert(record);
  await shop.$close();
  expect((await adapter().bind(describe(large)).fold!({})).buckets).toHaveLength(1);

  const left = await apply(small, adapter());
  expect(left.ready).toBe(true);
  expect(left.items.filter(({ state }) => state === "extra")).toHaveLength(2);
  expect(await tablesOf(keyspace)).toEqual(before);
  const dropped = await apply(small, adapter(), { drop: true });
  expect(dropped.items.filter(({ state }) => state === "extra")).toEqual([]);
  expect(await tablesOf(keyspace)).toEqual(["a_reading_of_some_device_somewhere", "kf_buckets", "kf_design"]);

  // Meanwhile nobody keeps sums: they must not come back.
  await connect(small, adapter()).reading.delete({ id: 1 });
  await apply(large, adapter());
  const range = { from: "2026-01-01", to: "2026-02-01" };
  expect((await connect(large, adapter()).perDevice(range)).items).toEqual([]);
});

test("LOCAL_SERIAL over several data centres is refused, unless no transaction is needed", async () => {
  // What a keyspace of two data centres says of itself; here are none.
  const client: CassandraClient = Object.assign(Object.create(server.client) as CassandraClient, {
    async execute(query: string, params: never, options: never) {
      const { rows, pageState, info } = await server.client.execute(query, params, options);
      const replication = { class: "NetworkTopologyStrategy", datacenter1: "3", east: "3" };
      return { rows: query.includes("system_schema.keyspaces") ? [{ replication }] : rows, pageState, info };
    },
  });
  const keyspace = server.keyspace();
  const tasks = defineModel({ entities: { task }, patterns: { taskById: get(task) } });
  await apply(tasks, cassandra(server.client, { keyspace }));
  const local = cassandra(client, { keyspace, serialConsistency: "LOCAL_SERIAL" });
  const error = await connect(tasks, local).$ready.catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: "CONSISTENCY_UNSUPPORTED",
    data: { serial: "LOCAL_SERIAL", factors: { datacenter1: 3, east: 3 } },
  });
  expect(error.message).toContain("datacenter1 and east");
  expect(await codeOf(connect(tasks, cassandra(client, { keyspace })).$ready)).toBeUndefined();
  const log = entity("log", { schema: z.object({ id: z.int() }), key: ["id"], appendOnly: true });
  const logs = defineModel({ entities: { log }, patterns: { logById: get(log) } });
  await apply(logs, cassandra(server.client, { keyspace }));
  expect(await codeOf(connect(logs, local).$ready)).toBeUndefined();
});

const schema = z.object({ id: z.int(), tag: z.string(), at: z.date(), value: z.int() });
const item = entity("item", { schema, key: ["id"], unique: [["value"]] });
const event = entity("event", { schema, key: ["id"], appendOnly: true });
const itemBefore = entity("item", { schema, key: ["id"] });
const rate = { records: 4_000_000, writesPerSecond: 3, distinct: { tag: 10 } };
const full = defineModel({
  entities: { item, event },
  patterns: {
    itemsOfTag: list(item, { by: ["tag"], order: { at: "asc", id: "asc" } }),
    itemsPerTag: top(item, { by: "tag", sum: "value", range: day("at") }),
    eventsOfTag: list(event, { by: ["tag"], order: { at: "asc", id: "asc" } }),
    eventsPerTag: top(event, { by: "tag", sum: "value", range: day("at") }),
  },
  workload: { item: rate, event: rate },
});
const bare = defineModel({
  entities: { item: itemBefore, event },
  patterns: { itemById: get(itemBefore), eventById: get(event) },
  workload: { item: rate, event: rate },
});
const made = (id: number, tag: string) => ({ id, tag, at: new Date(Date.UTC(2026, 0, id, 3)), value: id * 10 });
const january = { from: "2026-01-01", to: "2026-02-01" };

/** What the full model's patterns tell of one tag. */
async function told(keyspace: string, tag: string): Promise<unknown> {
  const shop = connect(full, cassandra(server.client, { keyspace }));
  const ids = ({ items }: { items: readonly { id: number }[] }) => items.map(({ id }) => id);
  const sums = ({ items }: { items: readonly { tag: string; value: number }[] }) =>
    items.filter((row) => row.tag === tag).map(({ value }) => value);
  return {
    items: ids(await shop.itemsOfTag({ tag })),
    itemSums: sums(await shop.itemsPerTag(january)),
    events: ids(await shop.eventsOfTag({ tag })),
    eventSums: sums(await shop.eventsPerTag(january)),
  };
}
const of = (ids: readonly number[], sum: number | undefined) => {
  const sums = sum === undefined ? [] : [sum];
  return { items: ids, itemSums: sums, events: ids, eventSums: sums };
};

/** A keyspace of the full model with records 1, 2 and 3 of one tag, and folded sums. */
async function filled(): Promise<string> {
  const keyspace = server.keyspace();
  const adapter = cassandra(server.client, { keyspace });
  await apply(full, adapter);
  const shop = connect(full, adapter);
  const records = [1, 2, 3].map((id) => made(id, "t"));
  expect((await shop.item.insertMany(records)).applied).toBe(3);
  expect((await shop.event.insertMany(records)).applied).toBe(3);
  await shop.$close();
  expect((await adapter.bind(describe(full)).fold!({})).buckets).toHaveLength(6);
  expect(await told(keyspace, "t")).toEqual(of([1, 2, 3], 60));
  return keyspace;
}

test("what a design in between did not keep is refused, and made anew where it is taken up again", async () => {
  const keyspace = await filled();
  const adapter = () => cassandra(server.client, { keyspace });
  await apply(bare, adapter());
  const writer = connect(bare, adapter());
  await writer.item.delete({ id: 1 });
  await writer.item.update({ id: 2 }, { tag: "u", value: 30 });
  await writer.item.update({ id: 3 }, { value: 31 });
  await writer.item.insert({ ...made(4, "t"), value: 10 });
  await writer.event.delete({ id: 1 });
  await writer.event.insert(made(5, "t"));
  expect(await codeOf(connect(full, adapter()).item.insert(made(9, "t")))).toBe("DESIGN_MISSING");
  const refused = connect(full, adapter());
  expect(await codeOf(refused.eventsOfTag({ tag: "t" }))).toBe("DESIGN_MISSING");

  expect((await apply(full, adapter())).ready).toBe(true);
  expect(await told(keyspace, "t")).toEqual({
    items: [3, 4],
    itemSums: [41],
    events: [2, 3, 5],
    eventSums: [100],
  });
  expect(await told(keyspace, "u")).toEqual({ items: [2], itemSums: [30], events: [], eventSums: [] });
  const shop = connect(full, adapter());
  expect(await codeOf(shop.item.insert({ ...made(6, "t"), value: 10 }))).toBe("CONFLICT");
  // The value that record 2 had before.
  expect((await shop.item.insert({ ...made(6, "t"), value: 20 })).applied).toBe(true);
});

test("a table that is taken up again when no record is left is empty", async () => {
  const keyspace = await filled();
  const adapter = () => cassandra(server.client, { keyspace });
  await apply(bare, adapter());
  const writer = connect(bare, adapter());
  for (const id of [1, 2, 3]) {
    await writer.item.delete({ id });
    await writer.event.delete({ id });
  }
  await apply(full, adapter());
  expect(await told(keyspace, "t")).toEqual(of([], undefined));
});

test("tables that somebody dropped, or an apply that died while it dropped them, are filled again", async () => {
  const keyspace = await filled();
  const adapter = () => cassandra(server.client, { keyspace });
  const beside = (await tablesOf(keyspace)).filter((name) => !name.startsWith("kf_") && name.includes("_by_tag"));
  expect(beside).toHaveLength(4);
  for (const name of beside) await server.client.execute(`DROP TABLE ${keyspace}.${name}`);
  await apply(full, adapter());
  expect(await told(keyspace, "t")).toEqual(of([1, 2, 3], 60));

  for (const survived of [1, 2, 3, 5, 7]) {
    let drops = 0;
    const dying: CassandraClient = Object.assign(Object.create(server.client) as CassandraClient, {
      async execute(query: string, params: never, options: never) {
        if (drops === survived) throw new Error("the process is gone");
        const { rows, pageState, info } = await server.client.execute(query, params, options);
        if (query.startsWith("DROP TABLE")) drops++;
        return { rows, pageState, info };
      },
    });
    expect(await codeOf(apply(bare, cassandra(dying, { keyspace }), { drop: true }))).toBeDefined();
    expect(drops).toBe(survived);
    await apply(full, adapter());
    expect(await told(keyspace, "t")).toEqual(of([1, 2, 3], 60));
  }
}, 60_000);
