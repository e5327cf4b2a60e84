import { crc32, gunzipSync } from "node:zlib";
import { DescribeTableCommand, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { startEngines } from "keyfold/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, clientOf, createTable, exchange, head } from "./client.js";

let engines: Awaited<ReturnType<typeof startEngines<{ dynamodb: true }>>>;
let port: number;

beforeAll(async () => {
  engines = await startEngines({ dynamodb: true });
  port = engines.dynamodb.port;
});
beforeEach(() => engines.reset());
afterAll(() => engines.close());

const list = (more = ""): string => `${head("ListTables", 2, more)}{}`;

describe("HTTP", () => {
  it("answers many requests of one connection in order, however they are cut", async () => {
    const bytes = Buffer.from(list() + list() + list());
    for (const size of [1, 7, 100, bytes.length]) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const replies = await exchange(port, chunks, 3);
      expect(replies.map(({ status, body }) => [status, body.toString()])).toEqual(
        Array(3).fill([200, '{"TableNames":[]}']),
      );
      expect(new Set(replies.map(({ headers }) => headers.get("x-amzn-requestid"))).size).toBe(3);
    }
  });

  it("takes bodies in chunks, and says to go on where that is asked", async () => {
    const chunked = `${head("ListTables", "chunked")}1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: 1\r\n\r\n${list()}`;
    expect((await exchange(port, [chunked], 2)).map(({ status }) => status)).toEqual([200, 200]);
    const [first] = await exchange(port, [head("ListTables", 2, "Expect: 100-continue\r\n")]);
    expect(first?.status).toBe(100);
  });

  it("sends a checksum of what is on the wire, compressed where that is wanted", async () => {
    const client = clientOf(engines.dynamodb.url);
    for (let at = 0; at < 100; at++) await createTable(client, `table-with-a-name-${at}`);
    for (const accept of ["", "Accept-Encoding: gzip\r\n"]) {
      const [reply] = await exchange(port, [list(accept)]);
      expect(Number(reply?.headers.get("x-amz-crc32"))).toBe(crc32(reply!.body));
      const gzip = reply?.headers.get("content-encoding") === "gzip";
      expect(gzip).toBe(accept !== "");
      const json = JSON.parse((gzip ? gunzipSync(reply!.body) : reply!.body).toString()) as { TableNames: string[] };
      expect(json.TableNames).toHaveLength(100);
    }
    client.destroy();
  });

  it("closes where the client wants it, and on what is no HTTP", async () => {
    expect((await exchange(port, [list("Connection: close\r\n")], 2)).map(({ status }) => status)).toEqual([200]);
    for (const [bytes, status] of [
      ["GET\r\n\r\n", 400],
      ["POST / HTTP/2.0\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nNo colon\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400],
      [`POST / HTTP/1.1\r\nContent-Length: ${17 * 1024 * 1024}\r\n\r\n`, 413],
      [`POST / HTTP/1.1\r\nX: ${"x".repeat(40_000)}`, 431],
    ] as const) {
      expect((await exchange(port, [bytes], 2)).map((reply) => reply.status)).toEqual([status]);
    }
    expect((await exchange(port, [list()]))[0]?.status).toBe(200);
  });

  it("serves no page that reached this machine under another name", async () => {
    const foreign = list().replace("Host: 127.0.0.1", "Host: evil.example:8000");
    expect((await exchange(port, [foreign]))[0]?.status).toBe(403);
    const [health] = await exchange(port, ["GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"]);
    expect(health?.body.toString()).toBe("healthy: localhost:8000 ");
  });
});

describe("what is no request of DynamoDB's", () => {
  it.each([
    ["Nothing", "{}", "UnknownOperationException"],
    ["ListTables", "{", "SerializationException"],
    ["ListTables", "[]", "SerializationException"],
    ["ListTables", '{"Limit":"1"}', "SerializationException"],
    ["PutItem", '{"TableName":"abc","Item":{"a":{"S":1}}}', "SerializationException"],
    ["PutItem", '{"TableName":"abc","Item":{"a":{"B":"%%"}}}', "SerializationException"],
    ["CreateBackup", "{}", "UnknownOperationException"],
  ])("%s %s: %s", async (operation, body, name) => {
    const { status, json } = await call(port, operation, body);
    expect(status).toBe(400);
    expect(json["__type"]).toMatch(`#${name}`);
  });

  it("is one without a signature", async () => {
    const unsigned = list().replace(/Authorization: .*\r\n/, "");
    const [reply] = await exchange(port, [unsigned]);
    expect(reply?.body.toString()).toContain("MissingAuthenticationTokenException");
  });
});

describe("credentials", () => {
  const auth = { user: "AKIDEXAMPLE", password: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

  it("are asked of every request: a signature of another key, secret or day is refused", async () => {
    await using secured = await startEngines({ dynamodb: { auth } });
    expect(secured.dynamodb.url).toContain("AKIDEXAMPLE:");
    const endpoint = `http://127.0.0.1:${secured.dynamodb.port}`;
    const good = clientOf(endpoint, { accessKeyId: auth.user, secretAccessKey: auth.password });
    expect((await good.send(new ListTablesCommand({}))).TableNames).toEqual([]);
    const wrongSecret = clientOf(endpoint, { accessKeyId: auth.user, secretAccessKey: "wrong" });
    await expect(wrongSecret.send(new ListTablesCommand({}))).rejects.toMatchObject({
      name: "InvalidSignatureException",
    });
    const wrongKey = clientOf(endpoint, { accessKeyId: "other", secretAccessKey: auth.password });
    await expect(wrongKey.send(new ListTablesCommand({}))).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
    await secured.clock.advance(20 * 60 * 1000);
    const late = clientOf(endpoint, { accessKeyId: auth.user, secretAccessKey: auth.password });
    await expect(late.send(new ListTablesCommand({}))).rejects.toThrow("Signature expired");
    for (const client of [good, wrongSecret, wrongKey, late]) client.destroy();
  });
});

describe("faults", () => {
  it("leave a share of a batch undone, throttle, and lose answers", async () => {
    const client = clientOf(engines.dynamodb.url);
    await createTable(client, "orders");
    await engines.faults.inject({ command: "BatchWriteItem", fault: { kind: "partial", share: 0.3 }, times: "always" });
    let undone = 0;
    for (let round = 0; round < 40; round++) {
      const puts = Array.from({ length: 25 }, (_, i) => ({
        PutRequest: { Item: { pk: { S: `p${round}-${i}` }, sk: { S: "s" } } },
      }));
      const { json } = await call(port, "BatchWriteItem", { RequestItems: { orders: puts } });
      undone += (json["UnprocessedItems"] as { orders?: unknown[] }).orders?.length ?? 0;
    }
    expect(undone / 1_000).toBeGreaterThan(0.2);
    expect(undone / 1_000).toBeLessThan(0.4);
    const { Table: table } = await client.send(new DescribeTableCommand({ TableName: "orders" }));
    expect(table?.ItemCount).toBe(1_000 - undone);
    await engines.faults.inject({
      command: "PutItem",
      fault: { kind: "error", code: "ProvisionedThroughputExceededException", message: "slow down" },
    });
    const put = { TableName: "orders", Item: { pk: { S: "1" }, sk: { S: "1" } } };
    const { status, json } = await call(port, "PutItem", put);
    expect([status, json["__type"]]).toEqual([
      400,
      "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    ]);
    await engines.faults.inject({ command: "PutItem", target: "orders", fault: { kind: "close-after" } });
    await expect(call(port, "PutItem", put)).rejects.toThrow("closed");
    expect((await call(port, "GetItem", { TableName: "orders", Key: put.Item })).json).toEqual({ Item: put.Item });
    client.destroy();
  });
});
