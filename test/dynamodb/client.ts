import { connect } from "node:net";
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

/** What the tests of the embedded DynamoDB share: clients of the official SDK, and plain HTTP below it. */

const region = "eu-west-1";
const credentials = { accessKeyId: "test", secretAccessKey: "secret" };

export function clientOf(endpoint: string, given = credentials): DynamoDBClient {
  return new DynamoDBClient({ endpoint, region, credentials: given, maxAttempts: 1 });
}

export function documentsOf(client: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}

export function streamsOf(endpoint: string): DynamoDBStreamsClient {
  return new DynamoDBStreamsClient({ endpoint, region, credentials });
}

/** A table with a partition key `pk` and a sort key `sk`, both texts. */
export function tableInput(name: string, more: Partial<CreateTableCommandInput> = {}): CreateTableCommandInput {
  return {
    TableName: name,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    ...more,
  };
}

export async function createTable(
  client: DynamoDBClient,
  name: string,
  more: Partial<CreateTableCommandInput> = {},
): Promise<void> {
  await client.send(new CreateTableCommand(tableInput(name, more)));
}

/** The head of a request as the SDKs send it, but for its signature. */
export function head(operation: string, length: number | "chunked", more = ""): string {
  return (
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n" +
    `X-Amz-Target: DynamoDB_20120810.${operation}\r\nX-Amz-Date: 20260101T000000Z\r\n` +
    "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00\r\n" +
    `${length === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`}\r\n${more}\r\n`
  );
}

export interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Sends bytes and collects what comes back until there are `count` responses, or the server closes. */
export function exchange(port: number, bytes: readonly (Buffer | string)[], count = 1): Promise<RawReply[]> {
  return new Promise((resolve, reject) => {
    const replies: RawReply[] = [];
    let held = Buffer.alloc(0);
    const socket = connect(port, "127.0.0.1", () => {
      for (const chunk of bytes) socket.write(chunk);
    });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer; so far ${replies.length}, then ${held.toString("latin1").slice(0, 200)}`));
    }, 10_000);
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(replies);
    };
    socket.on("data", (chunk) => {
      held = Buffer.concat([held, chunk]);
      for (let reply = take(); reply !== undefined; reply = take()) replies.push(reply);
      if (replies.length >= count) finish();
    });
    socket.on("error", () => {});
    socket.on("close", finish);
    function take(): RawReply | undefined {
      const end = held.indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      const [first = "", ...lines] = held.toString("latin1", 0, end).split("\r\n");
      const headers = new Map(
        lines.map((line) => {
          const at = line.indexOf(":");
          return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
        }),
      );
      const whole = end + 4 + Number(headers.get("content-length") ?? 0);
      if (held.length < whole) return undefined;
      const body = held.subarray(end + 4, whole);
      held = held.subarray(whole);
      return { status: Number(first.split(" ")[1]), headers, body };
    }
  });
}

/** One operation by plain HTTP: its status and its JSON. */
export async function call(
  port: number,
  operation: string,
  input: unknown,
): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const body = Buffer.from(typeof input === "string" ? input : JSON.stringify(input));
  const [reply] = await exchange(port, [head(operation, body.length), body]);
  if (reply === undefined) throw new Error("the server closed the connection");
  const text = reply.body.toString();
  return { status: reply.status, json: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
