import fc from "fast-check";
import { startEngines } from "keyfold/testing";
import { expect } from "vitest";
import { call, exchange, head, tableInput } from "../dynamodb/client.js";

// Expressions, statements, bodies and bytes at random: the answer is a result or an error of DynamoDB's own with status
// 400, never 500, and the engine lives.

const words = [
  ..."a b.c a[0] #n #n.x[1] :v :w :s :l ( ) [ ] , . + - = <> < <= > >= AND OR NOT BETWEEN IN".split(" "),
  ..."SET REMOVE ADD DELETE size attribute_exists attribute_not_exists attribute_type begins_with contains".split(" "),
  ..."if_not_exists list_append pk sk name _x 0 99 ! \" ' é \u0000".split(" "),
];

/** Words of the language in any order, and well formed pieces put together. */
const anyExpression = fc.oneof(
  fc.array(fc.constantFrom(...words), { maxLength: 25 }).map((list) => list.join(" ")),
  fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((list) => list.join("")),
  fc.string({ maxLength: 60 }),
  fc.integer({ min: 1, max: 2_000 }).map((depth) => `${"(".repeat(depth)}a = :v${")".repeat(depth)}`),
  fc.integer({ min: 1, max: 400 }).map((count) => Array(count).fill("a = :v").join(" OR ")),
  fc.constantFrom(`${"NOT ".repeat(900)}a = :v`, "a".repeat(5_000), `a${".b".repeat(500)} = :v`, "size(".repeat(400)),
);

const piece = fc.constantFrom(
  "a = :v",
  "size(b) > :v",
  "attribute_exists(#n)",
  "a IN (:v, :w)",
  "contains(b, :s)",
  "a.b[0] <> :l",
);
const condition: fc.Arbitrary<string> = fc.letrec<{ whole: string }>((tie) => ({
  whole: fc.oneof(
    { maxDepth: 4 },
    piece,
    fc.tuple(tie("whole"), fc.constantFrom("AND", "OR"), tie("whole")).map(([x, by, y]) => `(${x}) ${by} ${y}`),
    tie("whole").map((x) => `NOT ${x}`),
  ),
})).whole;

const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.record({ S: fc.string({ maxLength: 20 }) }),
    fc.record({ N: fc.oneof(fc.integer().map(String), fc.double().map(String), fc.string({ maxLength: 8 })) }),
    fc.record({ B: fc.base64String({ maxLength: 12 }) }),
    fc.record({ BOOL: fc.boolean() }),
    fc.constant({ NULL: true }),
    fc.record({ SS: fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }) }),
    fc.record({ NS: fc.array(fc.integer().map(String), { maxLength: 3 }) }),
    fc.record({ L: fc.array(tie("value"), { maxLength: 3 }) }),
    fc.record({
      M: fc.dictionary(fc.constantFrom("a", "b", "__proto__", "constructor", ""), tie("value"), { maxKeys: 3 }),
    }),
    // What is no value at all.
    fc.constantFrom<unknown>({}, { X: 1 }, { S: 1 }, { L: {} }, { M: [] }, { S: "a", N: "1" }, null, 1, "x", [], {
      N: {},
    }),
  ),
})).value;

const values = fc.record({ ":v": value, ":w": value, ":s": value, ":l": value }, { requiredKeys: [] });
const key = { pk: { S: "p" }, sk: { S: "s" } };

interface Asked {
  readonly operation: string;
  readonly input: object;
}

const names = { "#n": "name" };

const asked: fc.Arbitrary<Asked> = fc
  .tuple(
    fc.oneof(anyExpression, condition),
    anyExpression,
    values,
    fc.dictionary(fc.constantFrom("a", "b", "name", "pk", "sk", "kind"), value),
    fc.nat(9),
  )
  .map(([expression, other, bound, item, which]): Asked => {
    const TableName = "fuzz";
    const common = { TableName, ExpressionAttributeNames: names, ExpressionAttributeValues: bound };
    switch (which) {
      case 0:
        return { operation: "Scan", input: { ...common, FilterExpression: expression } };
      case 1:
        return {
          operation: "Query",
          input: { ...common, KeyConditionExpression: expression, FilterExpression: other },
        };
      case 2:
        return { operation: "UpdateItem", input: { ...common, Key: key, UpdateExpression: other } };
      case 3:
        return {
          operation: "UpdateItem",
          input: { ...common, Key: key, UpdateExpression: `SET ${other} REMOVE a`, ConditionExpression: expression },
        };
      case 4:
        return { operation: "PutItem", input: { TableName, Item: { ...key, ...item } } };
      case 5:
        return {
          operation: "GetItem",
          input: { TableName, Key: key, ProjectionExpression: other, ExpressionAttributeNames: names },
        };
      case 6:
        return {
          operation: "TransactWriteItems",
          input: {
            TransactItems: [
              { Put: { TableName, Item: { ...key, ...item } } },
              { ConditionCheck: { ...common, Key: key, ConditionExpression: expression } },
            ],
          },
        };
      case 7:
        return {
          operation: "ExecuteStatement",
          input: { Statement: `SELECT * FROM fuzz WHERE ${expression}`, Parameters: Object.values(bound) },
        };
      case 8:
        return {
          operation: "PutItem",
          input: {
            TableName,
            Item: { ...key, a: { N: "1" } },
            Expected: { a: { AttributeValueList: Object.values(bound), ComparisonOperator: "BETWEEN" } },
          },
        };
      default:
        return {
          operation: "Scan",
          input: {
            TableName,
            ScanFilter: { a: { AttributeValueList: Object.values(bound), ComparisonOperator: "IN" } },
            ExclusiveStartKey: item,
          },
        };
    }
  });

async function withEngine(work: (port: number) => Promise<void>): Promise<void> {
  const engines = await startEngines({ dynamodb: true, beside: true });
  try {
    const { port } = engines.dynamodb;
    expect(
      (
        await call(
          port,
          "CreateTable",
          tableInput("fuzz", {
            AttributeDefinitions: [
              { AttributeName: "pk", AttributeType: "S" },
              { AttributeName: "sk", AttributeType: "S" },
              { AttributeName: "kind", AttributeType: "S" },
            ],
            GlobalSecondaryIndexes: [
              {
                IndexName: "byKind",
                KeySchema: [{ AttributeName: "kind", KeyType: "HASH" }],
                Projection: { ProjectionType: "ALL" },
              },
            ],
          }),
        )
      ).status,
    ).toBe(200);
    await call(port, "PutItem", {
      TableName: "fuzz",
      Item: { ...key, a: { N: "1" }, b: { L: [{ S: "x" }, { M: { c: { N: "2" } } }] } },
    });
    await work(port);
    // It lives, and still answers others.
    expect((await call(port, "ListTables", {})).json).toEqual({ TableNames: ["fuzz"] });
  } finally {
    await engines.close();
  }
}

export function fuzzDynamodbLanguage(runs: number, seed: number): Promise<void> {
  return withEngine((port) =>
    fc.assert(
      fc.asyncProperty(asked, async ({ operation, input }) => {
        const { status, json } = await call(port, operation, input);
        expect([200, 400], `${JSON.stringify(input)} → ${JSON.stringify(json)}`).toContain(status);
        if (status === 400)
          expect(json["__type"]).toMatch(
            /#(Validation|Serialization|ConditionalCheckFailed|TransactionCanceled|DuplicateItem)Exception$/,
          );
      }),
      { numRuns: runs, seed },
    ),
  );
}

const json = fc.oneof(
  fc.json(),
  fc.json().map((text) => text.slice(0, -1)),
  fc.constantFrom(
    "",
    "null",
    "[[[[",
    `${"[".repeat(100_000)}`,
    `{"TableName":${"[".repeat(5_000)}`,
    '{"Item":{"a":',
    "\u0000",
  ),
);

export function fuzzDynamodbBodies(runs: number, seed: number): Promise<void> {
  const operations = [
    "PutItem",
    "Query",
    "BatchWriteItem",
    "CreateTable",
    "UpdateTable",
    "TransactGetItems",
    "ExecuteStatement",
    "GetRecords",
    "TagResource",
  ];
  return withEngine((port) =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(...operations), json, async (operation, body) => {
        const { status, json: answer } = await call(port, operation, body);
        expect(status, `${operation} ${body.slice(0, 200)} → ${JSON.stringify(answer)}`).toBe(400);
      }),
      { numRuns: runs, seed },
    ),
  );
}

/** Requests with bytes changed: an answer of HTTP's or the end of the connection, and the engine lives. */
export function fuzzDynamodbBytes(runs: number, seed: number): Promise<void> {
  const body = JSON.stringify({ TableName: "fuzz", Key: key });
  const valid = Buffer.from(head("GetItem", body.length) + body);
  const change = fc.record({ at: fc.nat(valid.length - 1), byte: fc.nat(255), cut: fc.boolean() });
  return withEngine((port) =>
    fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        let bytes = Buffer.from(valid);
        for (const { at, byte, cut } of changes) {
          if (cut) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
          else if (at < bytes.length) bytes[at] = byte;
        }
        // A request that follows ends the wait for what the changed one may still lack.
        const replies = await exchange(port, [bytes, " ".repeat(200), "\r\n\r\nGET / HTTP/1.1\r\n\r\n"]);
        for (const { status } of replies) expect(status).not.toBe(500);
      }),
      { numRuns: runs, seed },
    ),
  );
}
