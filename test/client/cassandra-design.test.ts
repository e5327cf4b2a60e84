/** `apply` on Cassandra: what it creates, what it leaves, and how a pattern that is added later is filled. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type CassandraClient, cassandra, scylladb } from "../../src/adapters/cassandra/index.js";
import { connect } from "../../src/client/connect.js";
import { defineModel, describe as describeModel, entity, list, top } from "../../src/index.js";
import { CassandraServer } from "./cassandra.js";
import { codeOf, described, line, makeAccount, makeLine, model } from "./shop.js";

const server = new CassandraServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

test("creates what is missing, says each step, and does nothing the second time", async () => {
  const adapter = cassandra(server.client, { keyspace: server.keyspace() });
  const store = adapter.bind(described);
  expect((await store.inspect({})).items.every(({ state }) => state === "missing")).toBe(true);
  expect((await store.apply({ dryRun: true })).ready).toBe(false);
  expect(await codeOf(connect(model, adapter).$ready)).toBe("DESIGN_MISSING");
  const steps: string[] = [];
  const made = await store.apply({ onProgress: ({ step, state }) => steps.push(`${state} ${step}`) });
  expect(made.ready).toBe(true);
  expect(made.items.every(({ state }) => state === "created")).toBe(true);
  expect(steps[0]).toMatch(/^started keyspace kf_/);
  const again: string[] = [];
  const second = await store.apply({ onProgress: ({ step }) => again.push(step) });
  expect(again).toEqual([]);
  expect(second.items.every(({ state }) => state === "same")).toBe(true);
});

test("adds a column to tables that are there, and tells of a key that differs", async () => {
  const keyspace = server.keyspace();
  const narrow = entity("line", { schema: z.object({ seq: z.int(), invoiceNo: z.string() }), key: ["seq"] });
  const wide = entity("line", {
    schema: z.object({ seq: z.int(), invoiceNo: z.string(), note: z.string().optional() }),
    key: ["seq"],
  });
  const other = entity("line", { schema: z.object({ seq: z.int(), invoiceNo: z.string() }), key: ["invoiceNo"] });
  const adapter = cassandra(server.client, { keyspace });
  const of = <E extends typeof narrow | typeof wide | typeof other>(it: E) =>
    defineModel({ entities: { line: it }, patterns: {} } as never);
  await adapter.bind(describeModel(of(narrow))).apply({});
  const state = await adapter.bind(describeModel(of(wide))).apply({});
  expect(state.ready).toBe(true);
  expect(state.items.find(({ name }) => name === "line")?.state).toBe("same");
  const differs = await adapter.bind(describeModel(of(other))).apply({});
  expect(differs.ready).toBe(false);
  expect(differs.items.find(({ name }) => name === "line")).toMatchObject({
    state: "differs",
    detail: "its partition key is seq bigint and not invoice_no text",
  });
});

test("does not wait for a node that is down and was told of no definition since", async () => {
  // What system.peers keeps of such a node.
  const stale = { data_center: "datacenter1", schema_version: "00000000-0000-1000-8000-000000000000" };
  const client: CassandraClient = Object.assign(Object.create(server.client) as CassandraClient, {
    async execute(query: string, params: never, options: never) {
      const { rows, pageState, info } = await server.client.execute(query, params, options);
      return { rows: query.includes("system.peers") ? [...(rows ?? []), stale] : rows, pageState, info };
    },
  });
  const store = cassandra(client, { keyspace: server.keyspace(), replication: 1 }).bind(described);
  expect((await store.apply({ deadlineAt: Date.now() + 20_000 })).ready).toBe(true);
}, 30_000);

test("asks ScyllaDB for a keyspace without tablets, and makes it all the same where there are none", async () => {
  const keyspace = server.keyspace();
  const queries: string[] = [];
  const client: CassandraClient = Object.assign(Object.create(server.client) as CassandraClient, {
    execute(query: string, params: never, options: never) {
      queries.push(query);
      return server.client.execute(query, params, options);
    },
  });
  const store = scylladb(client, { keyspace, replication: 1 }).bind(described);
  expect((await store.apply({})).ready).toBe(true);
  const made = queries.filter((query) => query.startsWith("CREATE KEYSPACE"));
  expect(made[0]).toContain("AND tablets = {'enabled': false}");
  expect(made.at(-1)).not.toContain("tablets");
});

test("cuts batches at each engine's own limit", async () => {
  const note = entity("note", { schema: z.object({ id: z.int(), tag: z.string(), text: z.string() }), key: ["id"] });
  const notes = defineModel({
    entities: { note },
    patterns: { notesOfTag: list(note, { by: ["tag"], order: { id: "asc" } }) },
  });
  const batches = async (make: typeof cassandra | typeof scylladb): Promise<number> => {
    const adapter = make(server.client, { keyspace: server.keyspace(), replication: 1 });
    await adapter.bind(describeModel(notes)).apply({});
    let sent = 0;
    const count = (event: unknown): void => {
      if ((event as { "db.operation.name": string })["db.operation.name"] === "BATCH") sent++;
    };
    const shop = connect(notes, adapter as ReturnType<typeof cassandra>);
    subscribe("tracing:keyfold:request:start", count);
    try {
      // A server that refuses it all the same, as this one does, gets it one by one.
      expect((await shop.note.insert({ id: 1, tag: "t", text: "x".repeat(100_000) })).applied).toBe(true);
    } finally {
      unsubscribe("tracing:keyfold:request:start", count);
    }
    return sent;
  };
  expect(await batches(cassandra)).toBe(0);
  expect(await batches(scylladb)).toBe(1);
});

const grown = defineModel({
  entities: { line },
  patterns: {
    linesByQuantity: list(line, { by: ["quantity"], order: { at: "asc" } }),
    revenue: top(line, { by: "country", sum: "total" }),
  },
});

test("a pattern that is added later is filled while others write, goes on where it was, and is refused until it is whole", async () => {
  const keyspace = server.keyspace();
  const adapter = cassandra(server.client, { keyspace });
  await adapter.bind(described).apply({});
  const shop = connect(model, adapter);
  const records = Array.from({ length: 1_200 }, (_, seq) => makeLine(seq));
  expect((await shop.line.insertMany(records)).applied).toBe(1_200);

  const store = adapter.bind(describeModel(grown));
  const more = connect(grown, adapter);
  expect(await codeOf(more.linesByQuantity({ quantity: 3 }))).toBe("DESIGN_MISSING");
  // The first pass is ended after its first page.
  const stop = new AbortController();
  const ended = store.apply({
    signal: stop.signal,
    onProgress: ({ state }) => {
      if (state === "running") stop.abort();
    },
  });
  expect(await codeOf(ended)).toBe("ABORTED");
  const waiting = connect(grown, adapter);
  expect(await codeOf(waiting.linesByQuantity({ quantity: 3 }))).toBe("DESIGN_MISSING");
  // Other calls work, and write what the new pattern needs.
  await waiting.line.insert(makeLine(5_000, { quantity: 3 }));
  const writers = (async () => {
    for (let seq = 0; seq < 300; seq += 3) {
      await waiting.line.update({ seq }, { quantity: 77 });
      await waiting.line.delete({ seq: seq + 1 });
    }
  })();
  const applied = await store.apply({});
  await writers;
  expect(applied.ready).toBe(true);

  const after = connect(grown, adapter);
  const expected = new Map(records.map((record) => [record.seq, record]));
  expected.set(5_000, makeLine(5_000, { quantity: 3 }));
  for (let seq = 0; seq < 300; seq += 3) {
    expected.set(seq, makeLine(seq, { quantity: 77 }));
    expected.delete(seq + 1);
  }
  for (const quantity of [3, 77, 1]) {
    const found: unknown[] = [];
    for await (const row of after.linesByQuantity.each({ quantity }, { limit: 500 })) found.push(row);
    const wanted = [...expected.values()]
      .filter((record) => record.quantity === quantity)
      .sort((a, b) => a.at.getTime() - b.at.getTime() || a.seq - b.seq);
    expect(found).toEqual(wanted);
  }
  const rows = (await after.revenue({})).items;
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(expected.size);
});

test("a unique field over records that share a value is refused by name", async () => {
  const keyspace = server.keyspace();
  const adapter = cassandra(server.client, { keyspace });
  await adapter.bind(described).apply({});
  const shop = connect(model, adapter);
  await shop.account.insert(makeAccount("a"));
  await shop.account.insert(makeAccount("b"));
  await server.client.execute(`TRUNCATE ${keyspace}.account_unique_email`);
  await server.client.execute(
    `DELETE FROM ${keyspace}.kf_design WHERE model = 'keyfold' AND name = 'account_unique_email'`,
  );
  await server.client.execute(`UPDATE ${keyspace}.account SET email = 'a@example.org' WHERE tenant = 't' AND id = 'b'`);
  const error = await adapter
    .bind(described)
    .apply({})
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "CONFLICT" });
  expect(error.message).toContain("email");
});

test("reads and writes that do not overlap are refused, and it is said which to raise", async () => {
  const keyspace = server.keyspace();
  await server.client.execute(
    `CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}`,
  );
  const store = (read: "ONE" | "QUORUM", write: "ONE" | "QUORUM") =>
    cassandra(server.client, { keyspace, readConsistency: read, writeConsistency: write }).bind(described);
  const error = await store("ONE", "QUORUM")
    .inspect({})
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "CONSISTENCY_UNSUPPORTED", data: { replicas: 3, read: 1, write: 2 } });
  expect(error.fix).toContain("Raise readConsistency to QUORUM");
  expect(
    (
      await store("ONE", "ONE")
        .inspect({})
        .catch((thrown) => thrown)
    ).code,
  ).toBe("CONSISTENCY_UNSUPPORTED");
  // With three replicas of which two are asked and two written, one is in both.
  expect(await codeOf(store("QUORUM", "QUORUM").inspect({}))).toBeUndefined();
});
