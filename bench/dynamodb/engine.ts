import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { ask, HttpLoad, request } from "./http-load.js";

const table = "bench";

/** An item of about 220 bytes. */
export function item(partition: number, sort: number): Record<string, Record<string, string>> {
  return {
    pk: { S: `customer#${partition}` },
    sk: { S: `line#${String(sort).padStart(8, "0")}` },
    description: { S: "WHITE HANGING HEART T-LIGHT HOLDER" },
    quantity: { N: String(1 + (sort % 12)) },
    price: { N: "2.55" },
    country: { S: "United Kingdom" },
    at: { S: "2010-12-01T08:26:00Z" },
  };
}

function key(partition: number, sort: number): Record<string, Record<string, string>> {
  const { pk, sk } = item(partition, sort);
  return { pk: pk!, sk: sk! };
}

export async function createTable(port: number, name = table): Promise<void> {
  await ask(port, "CreateTable", {
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
  });
  for (;;) {
    const described = JSON.parse(await ask(port, "DescribeTable", { TableName: name })) as {
      Table: { TableStatus: string };
    };
    if (described.Table.TableStatus === "ACTIVE") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function batches(from: number, count: number): Buffer[] {
  return Array.from({ length: Math.ceil(count / 25) }, (_, at) =>
    request("BatchWriteItem", {
      RequestItems: {
        [table]: Array.from({ length: Math.min(25, count - at * 25) }, (_each, i) => {
          const number = from + at * 25 + i;
          return { PutRequest: { Item: item(Math.floor(number / 200), number % 200) } };
        }),
      },
    }),
  );
}

/** The query of 100 items of one partition. */
export function query100(partition: number, name = table): Buffer {
  return request("Query", {
    TableName: name,
    KeyConditionExpression: "pk = :pk",
    ExpressionAttributeValues: { ":pk": { S: `customer#${partition}` } },
    Limit: 100,
  });
}

const partitions = 50;

/** The embedded engine beside a peer, by a load generator that is not the limit. */
export async function engineComparisons(
  servers: readonly ServerProcess[],
  goal: string,
  report: (comparison: Comparison) => void,
  { scale = 1, ...options }: RoundsOptions & { readonly scale?: number } = {},
): Promise<void> {
  for (const server of servers) {
    await createTable(server.port);
    const load = await HttpLoad.open(server.port, 4);
    await load.send(batches(0, partitions * 200));
    load.close();
  }
  const measure = async (
    title: string,
    connections: number,
    operations: number,
    requests: (round: number) => readonly Buffer[],
  ): Promise<void> => {
    const loads = new Map<ServerProcess, HttpLoad>();
    for (const server of servers) loads.set(server, await HttpLoad.open(server.port, connections));
    const contenders = servers.map((server) => ({
      name: server.name,
      run: (round: number) => {
        const prepared = requests(round);
        return timed(operations, () => loads.get(server)!.send(prepared), server.cpuSeconds);
      },
    }));
    report(await compare(`${title}, ${connections} in flight`, goal, contenders, options));
    for (const load of loads.values()) load.close();
  };
  const many = (count: number): number => Math.max(1, Math.round(count * scale));
  for (const connections of [1, 32]) {
    const count = many(connections === 1 ? 3_000 : 10_000);
    let next = 0;
    await measure("PutItem", connections, count, () =>
      Array.from({ length: count }, () => {
        next++;
        return request("PutItem", { TableName: table, Item: item(1_000 + Math.floor(next / 200), next % 200) });
      }),
    );
    await measure("GetItem", connections, count, (round) =>
      Array.from({ length: count }, (_, i) => {
        const number = (i * 7919 + (round + 3) * 104_729) % (partitions * 200);
        return request("GetItem", { TableName: table, Key: key(Math.floor(number / 200), number % 200) });
      }),
    );
    const queries = many(connections === 1 ? 300 : 600);
    await measure("Query of 100", connections, queries, (round) =>
      Array.from({ length: queries }, (_, i) => query100((i * 31 + (round + 3) * 17) % partitions)),
    );
    const writes = many(connections === 1 ? 100 : 300);
    let from = 10_000_000;
    await measure("BatchWriteItem of 25", connections, writes, () => {
      from += writes * 25;
      return batches(from, writes * 25);
    });
  }
}
