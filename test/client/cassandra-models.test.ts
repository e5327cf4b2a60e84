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
