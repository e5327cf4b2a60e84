import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ExecuteStatementCommand,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  ResourceNotFoundException,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import { DescribeStreamCommand, GetRecordsCommand, GetShardIteratorCommand } from "@aws-sdk/client-dynamodb-streams";
import {
  BatchWriteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  paginateScan,
  QueryCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { startEngines } from "keyfold/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { clientOf, createTable, documentsOf, streamsOf } from "./client.js";

let engines: Awaited<ReturnType<typeof startEngines<{ dynamodb: true }>>>;
let client: DynamoDBClient;
let documents: DynamoDBDocumentClient;

beforeAll(async () => {
  engines = await startEngines({ dynamodb: true });
  client = clientOf(engines.dynamodb.url);
  documents = documentsOf(client);
});
beforeEach(() => engines.reset());
afterAll(async () => {
  client.destroy();
  await engines.close();
});

async function everything(table: string, index?: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  const input = { TableName: table, ...(index === undefined ? {} : { IndexName: index }) };
  for await (const page of paginateScan({ client: documents, pageSize: 7 }, input)) items.push(...(page.Items ?? []));
  return items;
}

describe("tables", () => {
  it("are made, described, listed and removed, and the SDK's waiters see it", async () => {
    await createTable(client, "orders");
    await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: 5 }, { TableName: "orders" });
    const { Table: table } = await client.send(new DescribeTableCommand({ TableName: "orders" }));
    expect(table).toMatchObject({ TableStatus: "ACTIVE", ItemCount: 0 });
    expect(table?.TableArn).toBe("arn:aws:dynamodb:eu-west-1:123456789012:table/orders");
    expect(table?.CreationDateTime).toBeInstanceOf(Date);
    expect((await client.send(new ListTablesCommand({}))).TableNames).toEqual(["orders"]);
    await client.send(new DeleteTableCommand({ TableName: "orders" }));
    await waitUntilTableNotExists({ client, minDelay: 1, maxWaitTime: 5 }, { TableName: "orders" });
    await expect(client.send(new GetItemCommand({ TableName: "orders", Key: {} }))).rejects.toThrow(
      ResourceNotFoundException,
    );
  });

  it("get an index while they are written, and it has every item", async () => {
    await createTable(client, "orders");
    for (let at = 0; at < 1_200; at += 25) {
      const puts = Array.from({ length: 25 }, (_, i) => ({
        PutRequest: { Item: { pk: `p${at + i}`, sk: "s", country: `c${(at + i) % 3}` } },
      }));
      await documents.send(new BatchWriteCommand({ RequestItems: { orders: puts } }));
    }
    const made = client.send(
      new UpdateTableCommand({
        TableName: "orders",
        AttributeDefinitions: [{ AttributeName: "country", AttributeType: "S" }],
        GlobalSecondaryIndexUpdates: [
          {
            Create: {
              IndexName: "byCountry",
              KeySchema: [{ AttributeName: "country", KeyType: "HASH" }],
              Projection: { ProjectionType: "KEYS_ONLY" },
            },
          },
        ],
      }),
    );
    const writes = Array.from({ length: 50 }, (_, i) =>
      documents.send(new PutCommand({ TableName: "orders", Item: { pk: `p${i * 20}`, sk: "s", country: "moved" } })),
    );
    await Promise.all([made, ...writes]);
    for (;;) {
      const { Table: table } = await client.send(new DescribeTableCommand({ TableName: "orders" }));
      if (table?.GlobalSecondaryIndexes?.[0]?.IndexStatus === "ACTIVE") break;
    }
    const found = await everything("orders", "byCountry");
    expect(found).toHaveLength(1_200);
    expect(found.filter(({ country }) => country === "moved")).toHaveLength(50);
    expect(Object.keys(found[0]!).sort()).toEqual(["country", "pk", "sk"]);
  });
});

describe("items", () => {
  it("keep every type, numbers of 38 digits and names like __proto__", async () => {
    await createTable(client, "all");
    const item = {
      pk: { S: "ä€𝄞" },
      sk: { S: "1" },
      number: { N: "12345678901234567890123456789012345.678" },
      tiny: { N: "-1E-130" },
      bytes: { B: Buffer.from([0, 255, 1]) },
      set: { NS: ["1.50", "2", "-3"] },
      nested: { M: { list: { L: [{ BOOL: true }, { NULL: true }, { M: {} }] } } },
      constructor: { S: "c" },
    };
    Object.defineProperty(item, "__proto__", { value: { S: "p" }, enumerable: true });
    await client.send(new PutItemCommand({ TableName: "all", Item: item as never }));
    const { Item: found } = await client.send(
      new GetItemCommand({ TableName: "all", Key: { pk: item.pk, sk: item.sk }, ConsistentRead: true }),
    );
    expect(found?.["number"]).toEqual({ N: "12345678901234567890123456789012345.678" });
    expect(found?.["tiny"]).toEqual({ N: `-0.${"0".repeat(129)}1` });
    expect(Buffer.from(found?.["bytes"]?.B ?? [])).toEqual(Buffer.from([0, 255, 1]));
    expect(found?.["set"]?.NS).toEqual(["1.5", "2", "-3"]);
    expect(found?.["nested"]).toEqual(item.nested);
    expect(found?.["constructor"]).toEqual({ S: "c" });
  });

  it("are written under conditions, and the refusal shows the item", async () => {
    await createTable(client, "orders");
    const Item = { pk: "1", sk: "1", version: 1 };
    await documents.send(new PutCommand({ TableName: "orders", Item }));
    const again = documents.send(
      new PutCommand({
        TableName: "orders",
        Item,
        ConditionExpression: "attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    );
    await expect(again).rejects.toThrow(ConditionalCheckFailedException);
    await expect(again).rejects.toMatchObject({ Item: { version: { N: "1" } } });
  });

  it("are read in pages in the order of their sort keys, both ways", async () => {
    await createTable(client, "lines");
    const sorts = Array.from({ length: 60 }, (_, i) => String(i).padStart(3, "0"));
    for (const sk of sorts) {
      await documents.send(new PutCommand({ TableName: "lines", Item: { pk: "p", sk, n: Number(sk) } }));
    }
    for (const ScanIndexForward of [true, false]) {
      const found: unknown[] = [];
      const pages = paginateQuery(
        { client: documents, pageSize: 7 },
        {
          TableName: "lines",
          KeyConditionExpression: "pk = :p AND sk BETWEEN :from AND :to",
          FilterExpression: "n <> :not",
          ExpressionAttributeValues: { ":p": "p", ":from": "010", ":to": "049", ":not": 20 },
          ScanIndexForward,
        },
      );
      for await (const page of pages) found.push(...(page.Items ?? []).map(({ sk }) => sk));
      const expected = sorts.slice(10, 50).filter((sk) => sk !== "020");
      expect(found).toEqual(ScanIndexForward ? expected : expected.reverse());
    }
  });

  it("are updated at any depth", async () => {
    await createTable(client, "docs");
    const Key = { pk: "1", sk: "1" };
    await documents.send(
      new PutCommand({
        TableName: "docs",
        Item: { ...Key, a: { list: [1, 2, 3, 4] }, n: 1, tags: new Set(["x", "y"]) },
      }),
    );
    const { Attributes } = await documents.send(
      new UpdateCommand({
        TableName: "docs",
        Key,
        UpdateExpression:
          "SET a.#l[1] = :v, a.more = if_not_exists(a.more, :zero) + :one, a.#l[9] = :end REMOVE a.#l[0], gone ADD n :one DELETE tags :x",
        ExpressionAttributeNames: { "#l": "list" },
        ExpressionAttributeValues: { ":v": "two", ":zero": 0, ":one": 1, ":end": "end", ":x": new Set(["x"]) },
        ReturnValues: "ALL_NEW",
      }),
    );
    expect(Attributes).toEqual({ ...Key, a: { list: ["two", 3, 4, "end"], more: 1 }, n: 2, tags: new Set(["y"]) });
  });

  it("come and go in batches", async () => {
    await createTable(client, "one");
    await createTable(client, "two");
    const put = (pk: string) => ({ PutRequest: { Item: { pk: { S: pk }, sk: { S: "s" } } } });
    const { UnprocessedItems } = await client.send(
      new BatchWriteItemCommand({ RequestItems: { one: [put("1"), put("2")], two: [put("3")] } }),
    );
    expect(UnprocessedItems).toEqual({});
    const key = (pk: string) => ({ pk: { S: pk }, sk: { S: "s" } });
    const { Responses } = await client.send(
      new BatchGetItemCommand({ RequestItems: { one: { Keys: [key("1"), key("9")] }, two: { Keys: [key("3")] } } }),
    );
    expect(Responses).toEqual({ one: [key("1")], two: [key("3")] });
  });
});

describe("transactions", () => {
  const put = (pk: string, condition?: string) => ({
    Put: {
      TableName: "together",
      Item: { pk: { S: pk }, sk: { S: "s" } },
      ...(condition === undefined ? {} : { ConditionExpression: condition }),
    },
  });

  it("are done whole or not at all, with a reason for each item", async () => {
    await createTable(client, "together");
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put("1"), put("2")] }));
    const refused = client.send(
      new TransactWriteItemsCommand({ TransactItems: [put("3"), put("1", "attribute_not_exists(pk)")] }),
    );
    await expect(refused).rejects.toThrow(TransactionCanceledException);
    await expect(refused).rejects.toMatchObject({
      CancellationReasons: [{ Code: "None" }, { Code: "ConditionalCheckFailed" }],
    });
    expect(await everything("together")).toHaveLength(2);
  });

  it("count once for each token, for ten minutes", async () => {
    await createTable(client, "together");
    const add = {
      Update: {
        TableName: "together",
        Key: { pk: { S: "1" }, sk: { S: "s" } },
        UpdateExpression: "ADD n :one",
        ExpressionAttributeValues: { ":one": { N: "1" } },
      },
    };
    const send = () =>
      client.send(new TransactWriteItemsCommand({ TransactItems: [add], ClientRequestToken: "token-1" }));
    await send();
    await send();
    expect(await everything("together")).toMatchObject([{ n: 1 }]);
    await engines.clock.advance(11 * 60 * 1000);
    await send();
    expect(await everything("together")).toMatchObject([{ n: 2 }]);
  });
});

it("streams tell every change in order, those of expiry too", async () => {
  await createTable(client, "changes", {
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  });
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: "changes",
      TimeToLiveSpecification: { AttributeName: "until", Enabled: true },
    }),
  );
  const until = Math.floor((await engines.clock.now()).getTime() / 1000) + 60;
  const Key = { pk: "1", sk: "1" };
  await documents.send(new PutCommand({ TableName: "changes", Item: { ...Key, until } }));
  await documents.send(new PutCommand({ TableName: "changes", Item: { ...Key, until } }));
  const set = { UpdateExpression: "SET a = :v", ExpressionAttributeValues: { ":v": 1 } };
  await documents.send(new UpdateCommand({ TableName: "changes", Key, ...set }));
  await engines.clock.advance(120_000);
  expect((await documents.send(new GetCommand({ TableName: "changes", Key }))).Item).toBeUndefined();
  const { Table: table } = await client.send(new DescribeTableCommand({ TableName: "changes" }));
  const streams = streamsOf(engines.dynamodb.url);
  const StreamArn = table?.LatestStreamArn;
  const { StreamDescription: stream } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const { ShardIterator } = await streams.send(
    new GetShardIteratorCommand({
      StreamArn,
      ShardId: stream?.Shards?.[0]?.ShardId,
      ShardIteratorType: "TRIM_HORIZON",
    }),
  );
  const { Records: records } = await streams.send(new GetRecordsCommand({ ShardIterator }));
  // The second put changed nothing.
  expect(records?.map(({ eventName }) => eventName)).toEqual(["INSERT", "MODIFY", "REMOVE"]);
  expect(records?.[1]?.dynamodb).toMatchObject({
    NewImage: { a: { N: "1" } },
    OldImage: { until: { N: String(until) } },
  });
  expect(records?.[2]).toMatchObject({ userIdentity: { PrincipalId: "dynamodb.amazonaws.com", Type: "Service" } });
  streams.destroy();
});

it("statements of PartiQL read by key and write one item", async () => {
  await createTable(client, "statements");
  const run = (Statement: string, ...Parameters: object[]) =>
    client.send(
      new ExecuteStatementCommand({ Statement, ...(Parameters.length > 0 ? { Parameters: Parameters as never } : {}) }),
    );
  await run("INSERT INTO statements VALUE {'pk': 'a', 'sk': '1', 'n': 1, 'tags': <<'x', 'y'>>}");
  await run("INSERT INTO statements VALUE {'pk': 'a', 'sk': ?, 'n': 2}", { S: "2" });
  const updated = await run(
    "UPDATE statements SET n = n + 5 SET tags = set_add(tags, <<'z'>>) WHERE pk='a' AND sk='1' RETURNING ALL NEW *",
  );
  expect(updated.Items).toMatchObject([{ n: { N: "6" }, tags: { SS: ["x", "y", "z"] } }]);
  const found = await run(
    "SELECT sk, n FROM statements WHERE pk = 'a' AND sk IN ['1', '2'] AND NOT n < 3 ORDER BY sk DESC",
  );
  expect(found.Items).toEqual([{ sk: { S: "1" }, n: { N: "6" } }]);
  await expect(run("UPDATE statements SET n = 1 WHERE pk='none' AND sk='1'")).rejects.toThrow(
    ConditionalCheckFailedException,
  );
  await expect(run("DELETE FROM statements WHERE pk='a'")).rejects.toThrow("mandatory equality on all key attributes");
  // Each SELECT of a batch takes the units of its item's size: 9 KB are three, of which an eventual read takes half.
  await run("INSERT INTO statements VALUE {'pk': 'a', 'sk': 'large', 'text': ?}", { S: "x".repeat(9_000) });
  const Statement = "SELECT * FROM statements WHERE pk='a' AND sk='large'";
  const { ConsumedCapacity } = await client.send(
    new BatchExecuteStatementCommand({
      Statements: [{ Statement }, { Statement, ConsistentRead: true }],
      ReturnConsumedCapacity: "TOTAL",
    }),
  );
  expect(ConsumedCapacity).toEqual([{ TableName: "statements", CapacityUnits: 4.5 }]);
});

it("a query of a global index is in the order of the index", async () => {
  await createTable(client, "scores", {
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
      { AttributeName: "kind", AttributeType: "S" },
      { AttributeName: "score", AttributeType: "N" },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: "byScore",
        KeySchema: [
          { AttributeName: "kind", KeyType: "HASH" },
          { AttributeName: "score", KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["name"] },
      },
    ],
  });
  const scores = [10, -1.5, 1e15, 0, 2, -300, 0.001, 99.99, 1e-7];
  for (const score of scores) {
    const Item = { pk: `p${score}`, sk: "s", kind: "player", score, name: `n${score}`, secret: 1 };
    await documents.send(new PutCommand({ TableName: "scores", Item }));
  }
  const { Items } = await documents.send(
    new QueryCommand({
      TableName: "scores",
      IndexName: "byScore",
      KeyConditionExpression: "kind = :k AND score > :s",
      ExpressionAttributeValues: { ":k": "player", ":s": -2 },
    }),
  );
  const expected = scores.filter((score) => score > -2).sort((a, b) => a - b);
  expect(Items?.map(({ score }) => score)).toEqual(expected);
  expect(Object.keys(Items![0]!).sort()).toEqual(["kind", "name", "pk", "score", "sk"]);
});
