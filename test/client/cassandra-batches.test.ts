/** `insertMany` of plain records that share partitions: one batch for each, and one outcome for each record. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { cassandra, open } from "../../src/adapters/cassandra/index.js";
import {
  connect,
  defineModel,
  describe as describeModel,
  entity,
  type InsertedMany,
  type KeyfoldError,
  list,
} from "../../src/index.js";
import { startEngines, type TestEngines } from "../../src/testing/index.js";
import { withKeyspace } from "./cassandra.js";
import { freshName } from "./shop.js";

const reading = entity("reading", {
  schema: z.object({ device: z.string(), id: z.int(), text: z.string(), until: z.date().optional() }),
  key: ["device", "id"],
  appendOnly: true,
  expires: "until",
});
const model = defineModel({
  entities: { reading },
  patterns: { ofDevice: list(reading, { by: ["device"], order: { id: "asc" } }) },
});
type Reading = (typeof reading)["$record"];

let engines: TestEngines<"cassandra">;
let client: ReturnType<typeof open>["client"];
const keyspace = freshName();
beforeAll(async () => {
  engines = await startEngines({ cassandra: true });
  ({ client } = open(withKeyspace(engines.cassandra.url, keyspace)));
  await cassandra(client, { keyspace }).bind(describeModel(model)).apply({});
});
afterAll(async () => {
  await client?.shutdown();
  await engines?.close();
});
const makeShop = (deadlineMs = 20_000) => connect(model, cassandra(client, { keyspace }), { deadlineMs });

let devices = 0;
const deviceOf = () => `d${++devices}`;
const make = (device: string, id: number, text = `reading ${id}`): Reading => ({ device, id, text });

async function inDevice(device: string): Promise<Reading[]> {
  const found: Reading[] = [];
  for await (const record of makeShop().ofDevice.each({ device }, { limit: 100 })) found.push(record);
  return found;
}

/** Requests by operation while the work is done. */
async function requestsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const count = (event: unknown): void => {
    const name = (event as Record<string, string>)["db.operation.name"] as string;
    counts[name] = (counts[name] ?? 0) + 1;
  };
  subscribe("tracing:keyfold:request:start", count);
  try {
    await work();
  } finally {
    unsubscribe("tracing:keyfold:request:start", count);
  }
  return counts;
}

/** Which records were not stored, and why. */
const codesOf = ({ failures }: InsertedMany) =>
  failures.map(({ index, result }) => [index, ((result as { error: unknown }).error as KeyfoldError).code]);

test("a partition's records go in batches, and each is stored", async () => {
  const names = [deviceOf(), deviceOf(), deviceOf()];
  const records = Array.from({ length: 300 }, (_, id) => make(names[id % 3]!, id));
  const shop = makeShop();
  await shop.$ready;
  const counts = await requestsOf(async () => {
    expect(await shop.reading.insertMany(records)).toMatchObject({ applied: 300, failures: [] });
  });
  expect(Object.keys(counts)).toEqual(["BATCH"]);
  expect(counts["BATCH"]).toBeLessThanOrEqual(12);
  for (const name of names) expect(await inDevice(name)).toEqual(records.filter(({ device }) => device === name));
});

test("of records with one key the last one stays, whole", async () => {
  const device = deviceOf();
  const records = [make(device, 1, "zzz"), make(device, 2), make(device, 1, "mmm"), make(device, 1, "aaa")];
  expect((await makeShop().reading.insertMany(records)).applied).toBe(4);
  expect(await inDevice(device)).toEqual([make(device, 1, "aaa"), make(device, 2)]);
});

test("a record that is over is not there, and one that no server takes is told of alone", async () => {
  const device = deviceOf();
  const over = { ...make(device, 1), until: new Date(Date.now() - 1_000) };
  const later = { ...make(device, 2), until: new Date(Date.now() + 3_600_000) };
  const keyless = make("", 3);
  const large = make(device, 4, "x".repeat(16 * 1024 * 1024));
  const done = await makeShop().reading.insertMany([over, later, keyless, large, make(device, 5)]);
  expect(done.applied).toBe(3);
  expect(codesOf(done)).toEqual([
    [2, "INPUT_INVALID"],
    [3, "TOO_LARGE"],
  ]);
  expect(await inDevice(device)).toEqual([later, make(device, 5)]);
});

describe.each(["close-before", "close-after"] as const)("a connection that breaks (%s) in the midst", (kind) => {
  test("leaves all records stored, and known to be", async () => {
    const device = deviceOf();
    const records = Array.from({ length: 100 }, (_, id) => make(device, id));
    const shop = makeShop();
    await shop.$ready;
    const fault = await engines.faults.inject({ command: "BATCH", fault: { kind }, skip: 1 });
    expect(await shop.reading.insertMany(records)).toMatchObject({ applied: 100, failures: [] });
    expect(await fault.hits()).toBe(1);
    await fault.remove();
    expect(await inDevice(device)).toEqual(records);
  });
});

test("what was sent and never answered is told of as unknown, each record of it", async () => {
  const device = deviceOf();
  const records = Array.from({ length: 10 }, (_, id) => make(device, id));
  const shop = makeShop(1_500);
  await shop.$ready;
  const fault = await engines.faults.inject({ command: "BATCH", fault: { kind: "close-before" }, times: "always" });
  const done = await shop.reading.insertMany(records);
  await fault.remove();
  expect(done.applied).toBe(0);
  expect(codesOf(done)).toEqual(records.map(({ id }) => [id, "OUTCOME_UNKNOWN"]));
  expect(await inDevice(device)).toEqual([]);
});
