import { BatchWriteItemCommand, CreateTableCommand, type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, type DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { batch, type Write } from "../../src/patterns/batch/index.js";
import { startEngines } from "../../src/testing/index.js";
import { codeOf, freshName } from "../client/shop.js";
import { clientOf, documentsOf } from "./client.js";

/** An order of a table with a text and a number in its key. */
interface Order {
  customer: string;
  no: number;
  total?: number;
  text?: string;
}

const start = () => startEngines({ dynamodb: true });
let engines: Awaited<ReturnType<typeof start>>;
let client: DynamoDBClient;
let documents: DynamoDBDocumentClient;
let table: string;

beforeAll(async () => {
  engines = await start();
  client = clientOf(engines.dynamodb.url);
  documents = documentsOf(client);
});
beforeEach(async () => {
  table = freshName();
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [
        { AttributeName: "customer", AttributeType: "S" },
        { AttributeName: "no", AttributeType: "N" },
      ],
      KeySchema: [
        { AttributeName: "customer", KeyType: "HASH" },
        { AttributeName: "no", KeyType: "RANGE" },
      ],
    }),
  );
});
afterEach(() => engines.faults.clear());
afterAll(async () => {
  client.destroy();
  await engines.close();
});

const ORDERS = 10_000;
const orders = Array.from({ length: ORDERS }, (_, no): Order => ({ customer: `c${no % 100}`, no, total: no / 4 }));
const keyOf = ({ customer, no }: Order): Order => ({ customer, no });
const puts = orders.map((put) => ({ put }));

async function stored(): Promise<number> {
  let count = 0;
  let ExclusiveStartKey: never | undefined;
  do {
    const page = await client.send(new ScanCommand({ TableName: table, Select: "COUNT", ExclusiveStartKey }));
    count += page.Count ?? 0;
    ExclusiveStartKey = page.LastEvaluatedKey as never;
  } while (ExclusiveStartKey !== undefined);
  return count;
}

/** 30 % of the writes given back, and 5 % of the requests refused. */
async function underLoad(): Promise<void> {
  const command = ["BatchWriteItem", "BatchGetItem"];
  await engines.faults.inject({
    command,
    probability: 0.05,
    times: "always",
    seed: 5,
    fault: { kind: "error", code: "ProvisionedThroughputExceededException", message: "too much" },
  });
  await engines.faults.inject({ command, times: "always", fault: { kind: "partial", share: 0.3 } });
}

describe("30 % given back unprocessed, 5 % refused", () => {
  test("10,000 writes: none lost; as many reads: none taken for missing", async () => {
    await underLoad();
    const target = batch(documents, { table });
    const wrote = await target.write(puts);
    expect(wrote.failures).toEqual([]);
    expect(wrote.written).toBe(ORDERS);
    const got = await target.get<Order>([...orders.map(keyOf), { customer: "nobody", no: 1 }]);
    expect(got.failures).toEqual([]);
    expect(got.missing).toBe(1);
    expect(got.items).toEqual([...orders, undefined]);
    await engines.faults.clear();
    expect(await stored()).toBe(ORDERS);
  });

  test("the control: the same writes without it lose some", async () => {
    await underLoad();
    for (let at = 0; at < ORDERS; at += 25) {
      const RequestItems = { [table]: orders.slice(at, at + 25).map((Item) => ({ PutRequest: { Item } })) };
      await documents.send(new BatchWriteCommand({ RequestItems })).catch(() => {});
    }
    await engines.faults.clear();
    expect(await stored()).toBeLessThan(ORDERS * 0.8);
  });
});

describe("a plain client", () => {
  const item = (no: number) => ({ customer: { S: "c" }, no: { N: String(no) }, bytes: { B: new Uint8Array([no]) } });
  const key = (no: string) => ({ customer: { S: "c" }, no: { N: no } });

  test("takes and gives attribute values; numbers of a key are equal however they are spelled", async () => {
    await engines.faults.inject({ command: "BatchWriteItem", fault: { kind: "partial", share: 0.5 } });
    const target = batch(client, { table });
    expect((await target.write([1, 2, 3, 4].map((no) => ({ put: item(no) })))).written).toBe(4);
    const got = await target.get([key("1.0"), key("0.2e1"), key("30e-1"), key("5"), key("1")]);
    expect(got.items).toEqual([item(1), item(2), item(3), undefined, item(1)]);
    expect(got.results[3]).toEqual({ outcome: "missing" });
  });

  test("numbers of 38 digits are told apart", async () => {
    const long = (last: number) => `1234567890123456789012345678901234567${last}`;
    const target = batch(client, { table, key: ["customer", "no"] });
    await engines.faults.inject({ command: "BatchWriteItem", fault: { kind: "partial", share: 0.5 } });
    const writes = Array.from({ length: 8 }, (_, last) => ({ put: { ...key(long(last)), last: { N: String(last) } } }));
    expect((await target.write(writes)).written).toBe(8);
    expect(await stored()).toBe(8);
  });
});

describe("what is asked", () => {
  test("of several writes of one key the last one holds, and the others say so", async () => {
    const target = batch(documents, { table });
    const a = { customer: "a", no: 1 };
    const b = { customer: "b", no: 1 };
    const { results, written, superseded } = await target.write([
      { put: { ...a, total: 1 } },
      { put: { ...b, total: 1 } },
      { put: { ...a, total: 2 } },
      { delete: b },
      { put: { ...a, total: 3 } },
    ]);
    expect([written, superseded]).toEqual([2, 3]);
    expect(results.map((one) => ("by" in one ? one.by : one.outcome))).toEqual([2, 3, 4, "written", "written"]);
    expect((await target.get([a, b, a])).items).toEqual([{ ...a, total: 3 }, undefined, { ...a, total: 3 }]);
  });

  test("an item beyond 400 KiB, an empty key and what the server refuses are alone in being refused", async () => {
    const target = batch(documents, { table });
    const bad: Write<object>[] = [
      { put: { customer: "c", no: 1, text: "x".repeat(400 * 1024) } },
      { put: { customer: "", no: 2 } },
      { put: { customer: "c" } },
      { put: { customer: "c", no: "text" } },
      { put: { customer: "c".repeat(3_000), no: 5 } },
      {} as never,
      { put: { customer: "c", no: 6 }, delete: { customer: "c", no: 7 } },
    ];
    const good = orders.slice(0, 60).map((put) => ({ put }));
    const { failures, written } = await target.write([...good.slice(0, 30), ...bad, ...good.slice(30)]);
    expect(written).toBe(60);
    expect(failures.map(({ index, result }) => [index, result.outcome, result.mayBeDone, result.error.code])).toEqual([
      [30, "refused", false, "TOO_LARGE"],
      [31, "refused", false, "INPUT_INVALID"],
      [32, "refused", false, "INPUT_INVALID"],
      [33, "refused", false, "DRIVER_ERROR"],
      [34, "refused", false, "DRIVER_ERROR"],
      [35, "refused", false, "INPUT_INVALID"],
      [36, "refused", false, "INPUT_INVALID"],
    ]);
    expect(await stored()).toBe(60);
  });

  test("large items travel in requests below 16 MB", async () => {
    const text = "x".repeat(390_000);
    const large = Array.from({ length: 60 }, (_, no) => ({ customer: "c", no, text }));
    const target = batch(documents, { table });
    expect((await target.write(large.map((put) => ({ put })))).written).toBe(60);
    const got = await target.get<Order>(large.map(keyOf));
    expect(got.items.map((one) => one?.text?.length)).toEqual(large.map(() => 390_000));
  });

  test("only the attributes that are asked for are read", async () => {
    const target = batch(documents, { table });
    await target.write([{ put: { customer: "c", no: 1, total: 2, text: "t" } }]);
    expect((await target.get([{ customer: "c", no: 1 }], { attributes: ["total"] })).items).toEqual([
      { customer: "c", no: 1, total: 2 },
    ]);
  });

  test("wrong arguments say what is wrong", async () => {
    expect(() => batch({} as never, { table })).toThrow("client of the AWS SDK");
    expect(() => batch(documents, {} as never)).toThrow("name of a table");
    expect(() => batch(documents, { table, inFlight: 0 })).toThrow("setting");
    expect(await codeOf(batch(documents, { table: "absent" }).write(puts.slice(0, 1)))).toBe("DESIGN_MISSING");
  });
});

describe("time", () => {
  test("a deadline ends it with the typed rest: nothing that is stored is called lost, nothing lost is called stored", async () => {
    await engines.faults.inject({ command: "BatchWriteItem", times: "always", fault: { kind: "partial", share: 0.9 } });
    const target = batch(documents, { table });
    const { written, failures, results } = await target.write(puts.slice(0, 2_500), { deadlineMs: 300 });
    await engines.faults.clear();
    expect(results).toHaveLength(2_500);
    expect(written + failures.length).toBe(2_500);
    expect(failures.length).toBeGreaterThan(0);
    const certain = failures.filter(({ result }) => !result.mayBeDone).length;
    const count = await stored();
    expect(count).toBeGreaterThanOrEqual(written);
    expect(count).toBeLessThanOrEqual(2_500 - certain);
    const again = await target.write(failures.map(({ write }) => write));
    expect(again.failures).toEqual([]);
    expect(await stored()).toBe(2_500);
  });

  test("unprocessed, throttled and missing are three things", async () => {
    const target = batch(documents, { table });
    await target.write(puts.slice(0, 10));
    const keys = [...orders.slice(0, 10).map(keyOf), { customer: "nobody", no: 1 }];
    const outcomes = async (): Promise<Set<string>> => {
      const { results } = await target.get(keys, { deadlineMs: 200 });
      await engines.faults.clear();
      return new Set(results.map(({ outcome }) => outcome));
    };
    await engines.faults.inject({ command: "BatchGetItem", times: "always", fault: { kind: "partial", share: 1 } });
    expect(await outcomes()).toEqual(new Set(["unprocessed"]));
    await engines.faults.inject({
      command: "BatchGetItem",
      times: "always",
      fault: { kind: "error", code: "ThrottlingException", message: "too much" },
    });
    expect(await outcomes()).toEqual(new Set(["throttled"]));
    expect(await outcomes()).toEqual(new Set(["found", "missing"]));
  });

  test("a signal ends it", async () => {
    await engines.faults.inject({ command: "BatchWriteItem", times: "always", fault: { kind: "partial", share: 0.9 } });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    const { failures, written } = await batch(documents, { table }).write(puts.slice(0, 2_000), {
      signal: abort.signal,
    });
    expect(written + failures.length).toBe(2_000);
    expect(failures.length).toBeGreaterThan(0);
    expect(await codeOf(batch(documents, { table }).write(puts, { signal: abort.signal }))).toBe("ABORTED");
  });

  test("a call that is over does not end the question for the table's key that others wait for", async () => {
    await engines.faults.inject({ command: "DescribeTable", fault: { kind: "delay", ms: 300 } });
    const target = batch(documents, { table });
    const abort = new AbortController();
    const calls = [
      codeOf(target.write(puts.slice(0, 1), { deadlineMs: 50 })),
      codeOf(target.write(puts.slice(1, 2), { signal: abort.signal })),
      target.write(puts.slice(2, 3)).then(({ written }) => written),
    ];
    setTimeout(() => abort.abort(), 50);
    expect(await Promise.all(calls)).toEqual(["DEADLINE_EXCEEDED", "ABORTED", 1]);
    expect((await target.write(puts.slice(3, 5))).written).toBe(2);
  });

  test("a connection that is cut after the write is no lost write", async () => {
    await engines.faults.inject({ command: "BatchWriteItem", times: 3, fault: { kind: "close-after" } });
    const { written } = await batch(documents, { table }).write(puts.slice(0, 500));
    expect(written).toBe(500);
    expect(await stored()).toBe(500);
  });

  test("an asynchronous source of any size is read no further once the time is over", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Write<object>> {
      for (;;) yield { put: { customer: "c", no: given++ } };
    }
    const { complete, results, written } = await batch(documents, { table }).write(endless(), { deadlineMs: 500 });
    expect(complete).toBe(false);
    expect(results).toHaveLength(given);
    expect(await stored()).toBeGreaterThanOrEqual(written);
  });
});

test("the plain request of the same writes is refused for what the pattern sorts out", async () => {
  const put = { PutRequest: { Item: { customer: { S: "a" }, no: { N: "1" } } } };
  const twice = client.send(new BatchWriteItemCommand({ RequestItems: { [table]: [put, put] } }));
  await expect(twice).rejects.toThrow("duplicates");
});
