import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from "@aws-sdk/client-dynamodb";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, type Contender, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { createTable, item } from "./engine.js";
import { HttpLoad, request } from "./http-load.js";

const table = "sdk";
const partitions = 50;
const perPartition = 200;

type Send = (client: DynamoDBClient, input: never) => Promise<unknown>;

/** One kind of request: its input by number, and how the SDK sends it. */
interface Kind {
  readonly operation: string;
  readonly title: string;
  readonly count: number;
  input(number: number): Record<string, unknown>;
  readonly send: Send;
}

const record = (number: number) => item(Math.floor(number / perPartition) % partitions, number % perPartition);

const kinds: readonly Kind[] = [
  {
    operation: "PutItem",
    title: "PutItem",
    count: 2_000,
    input: (number) => ({ TableName: table, Item: record(number) }),
    send: (client, input) => client.send(new PutItemCommand(input)),
  },
  {
    operation: "GetItem",
    title: "GetItem",
    count: 2_000,
    input(number) {
      const { pk, sk } = record(number * 7919);
      return { TableName: table, Key: { pk, sk } };
    },
    send: (client, input) => client.send(new GetItemCommand(input)),
  },
  {
    operation: "Query",
    title: "Query of 100",
    count: 200,
    input: (number) => ({
      TableName: table,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": record((number % partitions) * perPartition)["pk"] },
      Limit: 100,
    }),
    send: (client, input) => client.send(new QueryCommand(input)),
  },
  {
    operation: "BatchWriteItem",
    title: "BatchWriteItem of 25",
    count: 200,
    input: (number) => ({
      RequestItems: {
        [table]: Array.from({ length: 25 }, (_, at) => ({ PutRequest: { Item: record(number * 25 + at) } })),
      },
    }),
    send: (client, input) => client.send(new BatchWriteItemCommand(input)),
  },
];

/** A request's time through the AWS SDK beside the same bytes sent by plain HTTP: what is between them is the SDK's. */
export interface Share {
  readonly comparison: Comparison;
  /** Of a request's time through the SDK on the embedded engine, the part that is not there by plain HTTP: 0 to 1. */
  readonly ofSdk: number;
}

/** The same requests through the AWS SDK and by plain HTTP on the embedded engine, and through the SDK on a peer. */
export async function sdkShares(
  ours: ServerProcess,
  peer: ServerProcess,
  report: (share: Share) => void,
  { scale = 1, ...options }: RoundsOptions & { readonly scale?: number } = {},
): Promise<void> {
  for (const server of [ours, peer]) {
    await createTable(server.port, table);
    const load = await HttpLoad.open(server.port, 4);
    const fill = kinds[3]!;
    const bytes = Array.from({ length: (partitions * perPartition) / 25 }, (_, at) =>
      request(fill.operation, fill.input(at)),
    );
    await load.send(bytes);
    load.close();
  }
  for (const inFlight of [1, 32]) {
    for (const kind of kinds) {
      const count = Math.max(inFlight, Math.round(kind.count * scale * (inFlight === 1 ? 1 : 2)));
      const plain = await HttpLoad.open(ours.port, inFlight);
      const clients = new Map([ours, peer].map((server) => [server, clientOf(server)] as const));
      const through = (name: string, server: ServerProcess): Contender => ({
        name,
        run: (round) =>
          timed(count, () => sendAll(clients.get(server)!, kind, round, count, inFlight), server.cpuSeconds),
      });
      const contenders: Contender[] = [
        {
          name: "keyfold, plain HTTP",
          run(round) {
            const bytes = Array.from({ length: count }, (_, at) =>
              request(kind.operation, kind.input((round + 3) * count + at)),
            );
            return timed(count, () => plain.send(bytes), ours.cpuSeconds);
          },
        },
        through("keyfold, AWS SDK", ours),
        through(`${peer.name}, AWS SDK`, peer),
      ];
      const comparison = await compare(
        `${kind.title}, ${inFlight} in flight`,
        "the SDK is the limit",
        contenders,
        options,
      );
      const [bare, sdk] = comparison.standings;
      report({ comparison, ofSdk: 1 - bare!.wallMicros / sdk!.wallMicros });
      plain.close();
      for (const client of clients.values()) client.destroy();
    }
  }
}

function clientOf({ url }: ServerProcess): DynamoDBClient {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return new DynamoDBClient({ endpoint: url, region: "eu-west-1", credentials, maxAttempts: 1 });
}

async function sendAll(
  client: DynamoDBClient,
  kind: Kind,
  round: number,
  count: number,
  inFlight: number,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const input = kind.input((round + 3) * count + next++);
      await kind.send(client, input as never);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}
