/** A model on three nodes of which some go away: nothing that was acknowledged is lost, and no level is lowered. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { cassandra, open } from "../../src/adapters/cassandra/index.js";
import { connect } from "../../src/client/connect.js";
import { startEngines, type TestEngines } from "../../src/testing/index.js";
import { withKeyspace } from "./cassandra.js";
import { codeOf, described, makeLine, model } from "./shop.js";

let engines: TestEngines<"cassandra">;
let client: ReturnType<typeof open>["client"];
beforeAll(async () => {
  engines = await startEngines({ cassandra: { nodes: 3, readTimeoutMs: 400, writeTimeoutMs: 400 } });
  ({ client } = open(withKeyspace(engines.cassandra.url, "shop")));
  await cassandra(client, { keyspace: "shop" }).bind(described).apply({});
}, 30_000);
afterAll(async () => {
  await client?.shutdown();
  await engines?.close();
});

test("one node of three goes while records are written: none is lost; with two gone, it is said that they are", async () => {
  const shop = connect(model, cassandra(client, { keyspace: "shop" }), { deadlineMs: 20_000 });
  const { rows } = await client.execute("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'shop'");
  expect(JSON.stringify(rows[0]?.["replication"])).toContain('"3"');
  const records = Array.from({ length: 600 }, (_, seq) => makeLine(seq));
  const writing = shop.line.insertMany(records);
  await engines.cassandra.node(3).stop();
  const done = await writing;
  expect(done.applied).toBe(600);
  const found = await shop.line.getMany(records.map(({ seq }) => ({ seq })));
  expect(found).toEqual(records);
  const listed: unknown[] = [];
  for await (const record of shop.linesByCustomer.each({ customerId: "C1" })) listed.push(record);
  expect(listed).toHaveLength(150);

  await engines.cassandra.node(2).stop();
  const hurried = connect(model, cassandra(client, { keyspace: "shop" }), { deadlineMs: 3_000, checkDesign: false });
  const error = await hurried.line.get({ seq: 1 }).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "UNAVAILABLE", data: { required: 2, alive: 1 } });
  expect(["UNAVAILABLE", "OUTCOME_UNKNOWN"]).toContain(await codeOf(hurried.line.insert(makeLine(1_000))));
  // One replica is enough for what may be stale.
  expect((await hurried.lineBySeq({ seq: 1 }, { consistency: "eventual" }))?.seq).toBe(1);
}, 90_000);
