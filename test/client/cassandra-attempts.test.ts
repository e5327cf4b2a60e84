/** Requests that hear nothing or end early, on the embedded engine: its faults are not a real one's. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { cassandra, open } from "../../src/adapters/cassandra/index.js";
import { connect } from "../../src/client/connect.js";
import { inParallel } from "../../src/internal/in-parallel.js";
import { startEngines, type TestEngines } from "../../src/testing/index.js";
import { withKeyspace } from "./cassandra.js";
import { described, freshName, makeLine, model } from "./shop.js";

let engines: TestEngines<"cassandra">;
let client: ReturnType<typeof open>["client"];
const keyspace = freshName();
beforeAll(async () => {
  engines = await startEngines({ cassandra: true });
  ({ client } = open(withKeyspace(engines.cassandra.url, keyspace)));
  await cassandra(client, { keyspace }).bind(described).apply({});
});
afterAll(async () => {
  await client?.shutdown();
  await engines?.close();
});

test("a read that hears nothing is asked again within the call's time", async () => {
  const shop = connect(model, cassandra(client, { keyspace }), { deadlineMs: 2_000 });
  await shop.line.insert(makeLine(1));
  const fault = await engines.faults.inject({ command: "SELECT", fault: { kind: "delay", ms: 10_000 } });
  expect(await shop.line.get({ seq: 1 })).toEqual(makeLine(1));
  expect(await fault.hits()).toBe(1);
  await fault.remove();
});

test("work in parallel begins nothing more once a piece of it has failed", async () => {
  const begun: number[] = [];
  const work = inParallel([0, 1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    await new Promise((resolve) => setTimeout(resolve, item === 0 ? 1 : 20));
    if (item === 0) throw new Error("broken");
  });
  await expect(work).rejects.toThrow("broken");
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(begun).toEqual([0, 1]);
});
