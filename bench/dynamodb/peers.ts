import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  BatchWriteCommand as DocumentBatchWrite,
  QueryCommand as DocumentQuery,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
} from "@aws-sdk/lib-dynamodb";
import {
  BatchPutRequest,
  BatchWriteCommand,
  Entity,
  executeBatchWrite,
  GetItemCommand,
  item,
  number,
  PutItemCommand,
  QueryCommand,
  string,
  Table,
} from "dynamodb-toolbox";
import { Entity as ElectroEntity } from "electrodb";

/** An order as every contender stores it: ten fields, a customer's orders in one partition. */
export interface Order {
  customerId: string;
  id: number;
  invoiceNo: string;
  stockCode: string;
  description: string;
  quantity: number;
  unitPrice: number;
  total: number;
  at: string;
  country: string;
}

export function makeOrder(number: number, customers: number): Order {
  return {
    customerId: customerOf(number, customers),
    id: number,
    invoiceNo: String(536_000 + (number >> 3)),
    stockCode: `8512${number % 10}A`,
    description: "WHITE HANGING HEART T-LIGHT HOLDER",
    quantity: 1 + (number % 12),
    unitPrice: 2.55,
    total: 15.3,
    at: new Date(Date.UTC(2010, 11, 1) + number * 60_000).toISOString(),
    country: "United Kingdom",
  };
}

export function customerOf(number: number, customers: number): string {
  return String(12_000 + (number % customers));
}

/** What each contender does. */
export interface Shop {
  readonly name: string;
  put(order: Order): Promise<unknown>;
  get(customerId: string, id: number): Promise<unknown>;
  /** The first hundred of a customer; their number. */
  query(customerId: string): Promise<number>;
  batch(orders: readonly Order[]): Promise<unknown>;
}

const IN_FLIGHT = 8;

/** Runs work on slices of an array, some at once. */
async function slices<T>(all: readonly T[], size: number, work: (slice: T[]) => Promise<unknown>): Promise<void> {
  let at = 0;
  const worker = async (): Promise<void> => {
    while (at < all.length) {
      const slice = all.slice(at, at + size);
      at += size;
      await work(slice);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

const pkOf = (customerId: string) => `order#${customerId}#`;
const skOf = (id: number) => `order#${String(id).padStart(9, "0")}`;

/** The SDK's document client, and nothing else. Unprocessed writes are lost: it is the fastest that can be. */
export function sdkShop(client: DynamoDBClient, table: string): Shop {
  const documents = DynamoDBDocumentClient.from(client);
  const stored = (order: Order) => ({ pk: pkOf(order.customerId), sk: skOf(order.id), ...order });
  return {
    name: "AWS SDK, document client",
    put: (order) => documents.send(new PutCommand({ TableName: table, Item: stored(order) })),
    get: async (customerId, id) =>
      (await documents.send(new GetCommand({ TableName: table, Key: { pk: pkOf(customerId), sk: skOf(id) } }))).Item,
    query: async (customerId) =>
      (
        await documents.send(
          new DocumentQuery({
            TableName: table,
            KeyConditionExpression: "pk = :pk",
            ExpressionAttributeValues: { ":pk": pkOf(customerId) },
            Limit: 100,
          }),
        )
      ).Items?.length ?? 0,
    batch: (orders) =>
      slices(orders, 25, (slice) => {
        const writes = slice.map((order) => ({ PutRequest: { Item: stored(order) } }));
        return documents.send(new DocumentBatchWrite({ RequestItems: { [table]: writes } }));
      }),
  };
}

export function electroShop(client: DynamoDBClient, table: string): Shop {
  const orders = new ElectroEntity(
    {
      model: { entity: "order", version: "1", service: "bench" },
      attributes: {
        customerId: { type: "string", required: true },
        id: { type: "number", required: true, padding: { length: 9, char: "0" } },
        invoiceNo: { type: "string", required: true },
        stockCode: { type: "string", required: true },
        description: { type: "string" },
        quantity: { type: "number", required: true },
        unitPrice: { type: "number", required: true },
        total: { type: "number", required: true },
        at: { type: "string", required: true },
        country: { type: "string", required: true },
      },
      indexes: {
        primary: { pk: { field: "pk", composite: ["customerId"] }, sk: { field: "sk", composite: ["id"] } },
      },
    },
    { client, table },
  );
  return {
    name: "ElectroDB",
    put: (order) => orders.put(order).go(),
    get: async (customerId, id) => (await orders.get({ customerId, id }).go()).data,
    query: async (customerId) => (await orders.query.primary({ customerId }).go({ limit: 100 })).data.length,
    batch: (all) => orders.put([...all]).go({ concurrent: IN_FLIGHT }),
  };
}

export function toolboxShop(client: DynamoDBClient, name: string): Shop {
  const table = new Table({
    name,
    partitionKey: { name: "pk", type: "string" },
    sortKey: { name: "sk", type: "string" },
    documentClient: DynamoDBDocumentClient.from(client),
  });
  const orders = new Entity({
    name: "order",
    table,
    schema: item({
      customerId: string().key(),
      id: number().key(),
      invoiceNo: string(),
      stockCode: string(),
      description: string().optional(),
      quantity: number(),
      unitPrice: number(),
      total: number(),
      at: string(),
      country: string(),
    }),
    computeKey: ({ customerId, id }) => ({ pk: pkOf(customerId), sk: skOf(id) }),
  });
  return {
    name: "DynamoDB Toolbox",
    put: (order) => orders.build(PutItemCommand).item(order).send(),
    get: async (customerId, id) => (await orders.build(GetItemCommand).key({ customerId, id }).send()).Item,
    query: async (customerId) =>
      (
        await table
          .build(QueryCommand)
          .query({ partition: pkOf(customerId) })
          .entities(orders)
          .options({ limit: 100 })
          .send()
      ).Items?.length ?? 0,
    batch: (all) =>
      slices(all, 25, (slice) =>
        executeBatchWrite(
          { maxAttempts: 10 },
          table.build(BatchWriteCommand).requests(...slice.map((order) => orders.build(BatchPutRequest).item(order))),
        ),
      ),
  };
}
