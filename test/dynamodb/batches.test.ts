import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, defineModel, entity } from "../../src/index.js";
import { startEngines } from "../../src/testing/index.js";
import { freshName } from "../client/shop.js";

// Never changed: BatchWriteItem serves it.
const item = entity("item", { schema: z.object({ id: z.int(), text: z.string() }), key: ["id"], appendOnly: true });
const model = defineModel({ entities: { item }, patterns: {} });
const RECORDS = 10_000;

let engines: Awaited<ReturnType<typeof start>>;
const start = () => startEngines({ dynamodb: true });
beforeAll(async () => {
  engines = await start();
});
afterAll(() => engines.close());

async function setUp() {
  const table = freshName();
  const { host } = new URL(engines.dynamodb.url);
  const { client } = open(`dynamodb://test:test@${host}/${table}?region=eu-west-1`);
  const adapter = dynamodb(client, { table });
  await apply(model, adapter);
  return { client, shop: connect(model, adapter, { deadlineMs: 60_000 }) };
}

const records = Array.from({ length: RECORDS }, (_, id) => ({ id, text: `t${id}` }));

describe("batches under load", () => {
  test("30 % given back unprocessed and 5 % refused: 10,000 writes, none lost; as many reads, none taken for missing", async () => {
    const { client, shop } = await setUp();
    await shop.$ready;
    const command = ["BatchWriteItem", "BatchGetItem"];
    const throttled = await engines.faults.inject({
      command,
      probability: 0.05,
      times: "always",
      seed: 5,
      fault: { kind: "error", code: "ProvisionedThroughputExceededException", message: "too much" },
    });
    const partial = await engines.faults.inject({ command, times: "always", fault: { kind: "partial", share: 0.3 } });
    const done = await shop.item.insertMany(records);
    expect(done.failures).toEqual([]);
    expect(done.applied).toBe(RECORDS);
    const found = await shop.item.getMany(records.map(({ id }) => ({ id })));
    expect(found).toEqual(records);
    expect(await shop.item.getMany([{ id: 1 }, { id: RECORDS }, { id: 2 }])).toEqual([
      records[1],
      undefined,
      records[2],
    ]);
    expect(await partial.hits()).toBeGreaterThan(400);
    expect(await throttled.hits()).toBeGreaterThan(20);
    await engines.faults.clear();
    client.destroy();
  });

  test("a deadline ends it with the typed rest: what is stored is stored, the others failed and can be sent again", async () => {
    const { client, shop } = await setUp();
    await shop.$ready;
    await engines.faults.inject({ command: "BatchWriteItem", times: "always", fault: { kind: "partial", share: 0.9 } });
    const done = await shop.item.insertMany(records.slice(0, 500), { deadlineMs: 400 });
    await engines.faults.clear();
    const failed = done.failures.length;
    expect(done.applied + failed).toBe(500);
    for (const { result } of done.failures) {
      expect(result.outcome === "failed" || result.outcome === "unknown").toBe(true);
      expect("error" in result && ["THROTTLED", "DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN"]).toContain(
        "error" in result ? (result.error as { code?: string }).code : undefined,
      );
    }
    const again = await shop.item.insertMany(records.slice(0, 500));
    expect(again.applied + again.present).toBe(500);
    client.destroy();
  });
});
