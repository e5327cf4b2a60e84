/** Query tables against the home table: after random changes, after writers that died midway, after lost answers. */

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { cassandra, open } from "../../src/adapters/cassandra/index.js";
import { apply } from "../../src/client/apply.js";
import { connect } from "../../src/client/connect.js";
import { startEngines, type TestEngines } from "../../src/testing/index.js";
import { withKeyspace } from "./cassandra.js";
import { codeOf, described, freshName, makeLine, model } from "./shop.js";

// The faults are the embedded engine's: these tests do not ask a real one.
let engines: TestEngines<"cassandra">;
let client: ReturnType<typeof open>["client"];
let keyspace: string;
beforeAll(async () => {
  engines = await startEngines({ cassandra: true });
  keyspace = freshName();
  ({ client } = open(withKeyspace(engines.cassandra.url, keyspace)));
  await cassandra(client, { keyspace }).bind(described).apply({});
});
afterAll(async () => {
  await client?.shutdown();
  await engines?.close();
});
const makeShop = (deadlineMs = 5_000) => connect(model, cassandra(client, { keyspace }), { deadlineMs });

type Line = ReturnType<typeof makeLine>;

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

async function expectTrue(shop: ReturnType<typeof makeShop>, stored: ReadonlyMap<number, Line>): Promise<void> {
  const records = [...stored.values()];
  const bySeq = (a: Line, b: Line) => a.seq - b.seq;
  for (const customerId of ["C0", "C1", "C2", "C3", "C9"]) {
    const found = await all(shop.linesByCustomer.each({ customerId }));
    expect([...found].sort(bySeq as never)).toEqual(records.filter((one) => one.customerId === customerId).sort(bySeq));
  }
  for (const country of ["EIRE", "United Kingdom", "France"]) {
    const found = await all(shop.linesOfCountry.each({ country }));
    expect([...found].sort(bySeq as never)).toEqual(records.filter((one) => one.country === country).sort(bySeq));
  }
  const counts = new Map<string, number>();
  for (const { country } of records) counts.set(country, (counts.get(country) ?? 0) + 1);
  const rows = (await shop.countries({})).items;
  expect(new Map(rows.map(({ country, count }) => [country, count]))).toEqual(counts);
}

test("random inserts, puts, updates that move rows, and deletes leave every table as the records are", async () => {
  const shop = makeShop(20_000);
  const stored = new Map<number, Line>();
  let seed = 7;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const customers = [undefined, "C0", "C1", "C2", "C3", "C9"];
  for (let step = 0; step < 400; step++) {
    const seq = next(40);
    const change = {
      customerId: customers[next(6)],
      country: ["EIRE", "United Kingdom", "France"][next(3)] as string,
      quantity: next(9) - 2,
    };
    switch (next(4)) {
      case 0: {
        const record = makeLine(seq, change);
        const done = await codeOf(shop.line.insert(record));
        if (done === undefined && !stored.has(seq)) stored.set(seq, strip(record));
        break;
      }
      case 1: {
        const record = makeLine(seq, change);
        await shop.line.put(record);
        stored.set(seq, strip(record));
        break;
      }
      case 2: {
        const done = await shop.line.update({ seq }, change);
        const before = stored.get(seq);
        expect(done.applied).toBe(before !== undefined);
        if (before !== undefined) stored.set(seq, strip({ ...before, ...change }));
        break;
      }
      default: {
        const done = await shop.line.delete({ seq });
        expect(done.applied).toBe(stored.delete(seq));
      }
    }
  }
  await expectTrue(shop, stored);
  for (const seq of stored.keys()) await shop.line.delete({ seq });
  await expectTrue(shop, new Map());
}, 60_000);

function strip(record: Line): Line {
  const { customerId, ...rest } = record;
  return customerId === undefined ? rest : record;
}

describe("a writer whose batch never gets through", () => {
  test("leaves its write unknown, and the next one finishes it", async () => {
    const shop = makeShop(1_500);
    await shop.line.insert(makeLine(100, { customerId: "C1" }));
    const fault = await engines.faults.inject({ command: "BATCH", fault: { kind: "close-before" }, times: "always" });
    expect(await codeOf(shop.line.update({ seq: 100 }, { customerId: "C2", country: "France" }))).toBe(
      "OUTCOME_UNKNOWN",
    );
    await fault.remove();
    // The record says so already; its lists do not.
    expect((await shop.line.get({ seq: 100 }))?.customerId).toBe("C2");
    expect((await shop.linesByCustomer({ customerId: "C1" })).items).toHaveLength(1);
    const other = makeShop();
    await other.line.update({ seq: 100 }, { quantity: 5 });
    expect((await other.linesByCustomer({ customerId: "C1" })).items).toEqual([]);
    expect((await other.linesByCustomer({ customerId: "C2" })).items).toMatchObject([{ seq: 100, quantity: 5 }]);
    await other.line.delete({ seq: 100 });
    expect((await other.linesByCustomer({ customerId: "C2" })).items).toEqual([]);
  }, 30_000);
});

test("apply with a sweep finishes what dead writers left, whatever is left of the records", async () => {
  const shop = makeShop(1_500);
  const before = [200, 201, 202].map((seq) => makeLine(seq, { customerId: "S1", country: "Sweden" }));
  for (const line of before) await shop.line.insert(line);
  const fault = await engines.faults.inject({ command: "BATCH", fault: { kind: "close-before" }, times: "always" });
  const dead = "OUTCOME_UNKNOWN";
  expect(await codeOf(shop.line.update({ seq: 200 }, { customerId: "S2", country: "Norway" }))).toBe(dead);
  expect(await codeOf(shop.line.delete({ seq: 201 }))).toBe(dead);
  await fault.remove();
  // The grave of one that was deleted goes within a day; here its record is taken away at once.
  const forget = `DELETE FROM ${keyspace}.line WHERE seq = 202`;
  await client.execute(forget);
  await shop.line.insert(makeLine(203, { customerId: "S1", country: "Sweden" }));
  const listed = async (customerId: string) =>
    (await shop.linesByCustomer({ customerId })).items.map(({ seq }) => seq).sort();
  const counted = async () => {
    const { items } = await shop.countries({});
    const of = (name: string) => items.find(({ country }) => country === name)?.count ?? 0;
    return [of("Sweden"), of("Norway")];
  };
  expect(await listed("S1")).toEqual([200, 201, 202, 203]);
  // What stands for no record must be a minute old: a writer may be about to store it.
  const clock = vi.spyOn(Date, "now").mockImplementation(() => performance.timeOrigin + performance.now() + 61_000);
  const steps = new Set<string>();
  try {
    const adapter = cassandra(client, { keyspace });
    const { ready, items } = await apply(model, adapter, { sweep: true, onProgress: ({ step }) => steps.add(step) });
    expect(ready).toBe(true);
    const told = new Map(items.flatMap(({ name, detail }) => (detail === undefined ? [] : [[name, detail]])));
    // The deleted record's grave, and the record that moved.
    expect(told.get("line")).toMatch(/^swept: 2 of \d+ rows were finished$/);
    expect(told.get("line_by_customer_id_at_desc")).toMatch(/^swept: 1 of \d+ rows stood for no record$/);
  } finally {
    clock.mockRestore();
  }
  expect([await listed("S1"), await listed("S2")]).toEqual([[203], [200]]);
  expect(await counted()).toEqual([1, 1]);
  expect([...steps].filter((step) => step.startsWith("sweep of line"))).not.toEqual([]);
  expect(steps).not.toContain("sweep of account");
}, 60_000);

let seq = 1_000;
describe.each(["close-before", "close-after"] as const)("a connection that breaks (%s)", (kind) => {
  test.each(["UPDATE", "BATCH"])(
    "at a %s: insert, increment and delete are applied once, and known to be",
    async (command) => {
      const shop = makeShop(8_000);
      const record = makeLine(seq++);
      const key = { seq: record.seq };
      await shop.$ready;
      const struck = async (work: () => Promise<{ readonly applied: boolean }>): Promise<void> => {
        const fault = await engines.faults.inject({ command, fault: { kind } });
        expect((await work()).applied).toBe(true);
        expect(await fault.hits()).toBe(1);
        await fault.remove();
      };
      await struck(() => shop.line.insert(record));
      await struck(() => shop.line.increment(key, { quantity: 1 }));
      const stored = await shop.line.get(key, { version: true });
      expect(stored?.record.quantity).toBe(record.quantity + 1);
      expect((await shop.linesByInvoice({ invoiceNo: record.invoiceNo })).items).toContainEqual(stored?.record);
      await struck(() => shop.line.delete(key, { ifVersion: stored!.version }));
      expect(await shop.line.get(key)).toBeUndefined();
      expect((await shop.linesByInvoice({ invoiceNo: record.invoiceNo })).items).not.toContainEqual(stored?.record);
    },
    30_000,
  );
});

test("the control: without a version, the same break does an increment twice", async () => {
  await client.execute(`CREATE TABLE ${keyspace}.counters (id int PRIMARY KEY, n counter)`);
  const add = () => client.execute(`UPDATE ${keyspace}.counters SET n = n + 1 WHERE id = 1`, [], { prepare: true });
  await engines.faults.inject({ command: "UPDATE", fault: { kind: "close-after" } });
  // As callers do it: again until there is an answer; the driver takes a moment to connect anew.
  const again = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await add().catch(again);
  };
  await add().catch(again);
  const { rows } = await client.execute(`SELECT n FROM ${keyspace}.counters`);
  expect(Number(rows[0]?.["n"])).toBe(2);
});
