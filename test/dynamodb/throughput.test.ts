import {
  GetItemCommand,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  ThrottlingException,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDynamodb } from "../../src/engines/dynamodb/server.js";
import { start } from "../cli/keyfold.js";
import { call, clientOf, createTable, tableInput } from "./client.js";

let engine: Awaited<ReturnType<typeof startDynamodb>>;
let now = Date.parse("2026-01-01T00:00:00Z");

beforeAll(async () => {
  engine = await startDynamodb({ throughput: true, clock: { now: () => now } });
});
afterAll(() => engine.close());

const put = (table: string, pk: string, sk: string) =>
  call(engine.port, "PutItem", {
    TableName: table,
    Item: { pk: { S: pk }, sk: { S: sk }, text: { S: "x".repeat(90_000) } },
  });

/** Writes of 88 units each until one is refused; tells how many went through and what the refusal says. */
async function untilRefused(table: string, partition: (at: number) => string, most = 200) {
  for (let at = 0; at < most; at++) {
    const { status, json } = await put(table, partition(at), String(at));
    if (status !== 200) return { written: at, json };
  }
  return { written: most, json: {} };
}

describe("throughput: true", () => {
  it("shows a hot partition, which is free again a second later, beside partitions that are not hot", async () => {
    await call(engine.port, "CreateTable", tableInput("paid"));
    const { written, json } = await untilRefused("paid", () => "hot");
    // 1,000 units in the first second, at 88 a write; the one that empties the bucket still passes.
    expect(written).toBe(12);
    expect(json).toMatchObject({
      __type: "com.amazonaws.dynamodb.v20120810#ThrottlingException",
      throttlingReasons: [
        {
          reason: "TableWriteKeyRangeThroughputExceeded",
          resource: "arn:aws:dynamodb:us-east-1:123456789012:table/paid",
        },
      ],
    });
    expect((await put("paid", "cold", "1")).status).toBe(200);
    now += 1_000;
    expect((await put("paid", "hot", "again")).status).toBe(200);
  });

  it("gives a table what it was provisioned, and saves up five minutes of it", async () => {
    await call(
      engine.port,
      "CreateTable",
      tableInput("provisioned", {
        BillingMode: "PROVISIONED",
        ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 100 },
      }),
    );
    const first = await untilRefused("provisioned", (at) => `p${at}`);
    expect(first.written).toBe(2);
    expect(first.json).toMatchObject({
      __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
      ThrottlingReasons: [{ reason: "TableWriteProvisionedThroughputExceeded" }],
    });
    now += 3_600_000;
    // 300 seconds of 100 units, and no more.
    expect((await untilRefused("provisioned", (at) => `q${at}`, 500)).written).toBe(Math.ceil(30_000 / 88));
    const batch = Array.from({ length: 25 }, (_, i) => ({
      PutRequest: { Item: { pk: { S: `b${i}` }, sk: { S: "s" } } },
    }));
    now += 1_000;
    const { json } = await call(engine.port, "BatchWriteItem", { RequestItems: { provisioned: batch } });
    expect(json["UnprocessedItems"]).toEqual({});
  });

  it("throttles reads of a partition at 3,000 units", async () => {
    now += 60_000;
    const get = { TableName: "paid", Key: { pk: { S: "hot" }, sk: { S: "0" } }, ConsistentRead: true };
    let read = 0;
    while ((await call(engine.port, "GetItem", get)).status === 200) read++;
    // 22 units each.
    expect(read).toBe(Math.ceil(3_000 / 22));
  });
});

describe("keyfold dev --throughput", () => {
  it("gives the AWS SDK its own errors with their reasons", async () => {
    const dev = start(["dev", "--only", "dynamodb", "--any-port", "--json", "--throughput"]);
    const client = clientOf((JSON.parse(await dev.line()) as { dynamodb: string }).dynamodb);
    /** The error of the first write that is refused. */
    const refused = async (table: string): Promise<unknown> => {
      try {
        for (let at = 0; at < 2_000; at++) {
          const Item = { pk: { S: "hot" }, sk: { S: String(at) }, text: { S: "x".repeat(300_000) } };
          await client.send(new PutItemCommand({ TableName: table, Item }));
        }
        return undefined;
      } catch (error) {
        return error;
      }
    };
    await createTable(client, "by-request");
    const hot = await refused("by-request");
    expect(hot).toBeInstanceOf(ThrottlingException);
    expect((hot as ThrottlingException).throttlingReasons).toEqual([
      {
        reason: "TableWriteKeyRangeThroughputExceeded",
        resource: "arn:aws:dynamodb:eu-west-1:123456789012:table/by-request",
      },
    ]);
    await createTable(client, "by-capacity", {
      BillingMode: "PROVISIONED",
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 300 },
    });
    const over = await refused("by-capacity");
    expect(over).toBeInstanceOf(ProvisionedThroughputExceededException);
    expect((over as ProvisionedThroughputExceededException).ThrottlingReasons).toEqual([
      {
        reason: "TableWriteProvisionedThroughputExceeded",
        resource: "arn:aws:dynamodb:eu-west-1:123456789012:table/by-capacity",
      },
    ]);
    // Reads have units of their own.
    const Key = { pk: { S: "hot" }, sk: { S: "0" } };
    expect((await client.send(new GetItemCommand({ TableName: "by-request", Key }))).Item).toBeDefined();
    const Put = { TableName: "by-capacity", Item: { ...Key, text: { S: "t" } } };
    const cancelled = client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put }] }));
    await expect(cancelled).rejects.toMatchObject({
      name: "TransactionCanceledException",
      CancellationReasons: [{ Code: "ProvisionedThroughputExceeded" }],
    });
    client.destroy();
    dev.child.kill("SIGTERM");
    await dev.ended;
  });
});
