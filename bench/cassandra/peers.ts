import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Client, concurrent, mapping, types } from "cassandra-driver";
import type { ServerProcess } from "../harness/processes.js";

/** An order as every contender stores it: ten fields, a customer's orders in one partition. */
export interface Order {
  readonly customerId: string;
  readonly id: number;
  readonly invoiceNo: string;
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: number;
  readonly unitPrice: number;
  readonly total: number;
  readonly at: Date;
  readonly country: string;
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
    at: new Date(Date.UTC(2010, 11, 1) + number * 60_000),
    country: "United Kingdom",
  };
}

export function customerOf(number: number, customers: number): string {
  return String(12_000 + (number % customers));
}

/** What each contender does, all of it at QUORUM. */
export interface Shop {
  readonly name: string;
  insert(order: Order): Promise<unknown>;
  /** The first hundred of a customer; their number. */
  slice(customerId: string): Promise<number>;
  batch(orders: readonly Order[]): Promise<unknown>;
  close(): Promise<void>;
}

/** Records of a batch that are under way at once, for those who have no way of their own to say it. */
const IN_FLIGHT = 100;
const { quorum } = types.consistencies;

export const KEYSPACE = "bench_client";

/** A client of the driver as its manual makes one. */
export function clientOf({ port }: ServerProcess, keyspace?: string): Client {
  return new Client({
    contactPoints: [`127.0.0.1:${port}`],
    protocolOptions: { port },
    localDataCenter: "datacenter1",
    queryOptions: { prepare: true, consistency: quorum, isIdempotent: true },
    ...(keyspace === undefined ? {} : { keyspace }),
  });
}

/** A table of the columns that keyfold plans for an order. */
async function plainTable(client: Client, name: string): Promise<void> {
  await client.execute(
    `CREATE TABLE ${KEYSPACE}.${name} (customer_id text, id bigint, invoice_no text, stock_code text, description text, ` +
      "quantity bigint, unit_price double, total double, at timestamp, country text, PRIMARY KEY (customer_id, id))",
  );
}

const columns = [
  "customer_id",
  "id",
  "invoice_no",
  "stock_code",
  "description",
  "quantity",
  "unit_price",
  "total",
  "at",
  "country",
] as const;

/** The driver and nothing else: rows as it gives them. */
export async function driverShop(server: ServerProcess): Promise<Shop> {
  const client = clientOf(server);
  await plainTable(client, "by_driver");
  const insert = `INSERT INTO ${KEYSPACE}.by_driver (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
  const slice = `SELECT ${columns.join(", ")} FROM ${KEYSPACE}.by_driver WHERE customer_id = ? LIMIT 100`;
  const values = (order: Order): unknown[] => [
    order.customerId,
    order.id,
    order.invoiceNo,
    order.stockCode,
    order.description,
    order.quantity,
    order.unitPrice,
    order.total,
    order.at,
    order.country,
  ];
  return {
    name: "cassandra-driver",
    insert: (order) => client.execute(insert, values(order)),
    slice: async (customerId) => (await client.execute(slice, [customerId])).rows.length,
    batch: (orders) => concurrent.executeConcurrent(client, insert, orders.map(values)),
    close: () => client.shutdown(),
  };
}

/** The driver's own Mapper. */
export async function mapperShop(server: ServerProcess): Promise<Shop> {
  const client = clientOf(server, KEYSPACE);
  await plainTable(client, "by_mapper");
  const mapper = new mapping.Mapper(client, {
    models: {
      Order: { tables: ["by_mapper"], mappings: new mapping.UnderscoreCqlToCamelCaseMappings(), keyspace: KEYSPACE },
    },
  });
  const orders = mapper.forModel<Order>("Order");
  return {
    name: "its Mapper",
    insert: (order) => orders.insert(order),
    slice: async (customerId) => (await orders.find({ customerId }, { limit: 100 })).toArray().length,
    batch: (all) => atOnce(all, (order) => orders.insert(order)),
    close: () => client.shutdown(),
  };
}

interface ExpressRow {
  saveAsync(options: object): Promise<unknown>;
}
interface ExpressModel {
  new (values: object): ExpressRow;
  syncDBAsync(): Promise<unknown>;
  findAsync(query: object, options: object): Promise<readonly unknown[]>;
}
interface ExpressCassandra {
  createClient(options: object): {
    initAsync(): Promise<void>;
    loadSchema(name: string, schema: object): ExpressModel;
    closeAsync(): Promise<void>;
  };
}

/** express-cassandra's models, with its own copy of the driver; fetched with the first use, as engines are. */
export async function expressShop({ port }: ServerProcess): Promise<Shop> {
  const { npmPackage } = (await import(pathToFileURL(resolve("scripts/real-engines/recipes.mjs")).href)) as {
    npmPackage(name: string, version: string): Promise<string>;
  };
  const entry = await npmPackage("express-cassandra", "2.9.1");
  const { default: express } = (await import(pathToFileURL(entry).href)) as { default: ExpressCassandra };
  const models = express.createClient({
    clientOptions: {
      contactPoints: [`127.0.0.1:${port}`],
      localDataCenter: "datacenter1",
      protocolOptions: { port },
      keyspace: KEYSPACE,
      queryOptions: { consistency: quorum },
    },
    ormOptions: { defaultReplicationStrategy: { class: "SimpleStrategy", replication_factor: 1 }, migration: "safe" },
  });
  await models.initAsync();
  const Model = models.loadSchema("by_express", {
    fields: {
      customer_id: "text",
      // Its validation takes only the driver's own class for a bigint.
      id: "int",
      invoice_no: "text",
      stock_code: "text",
      description: "text",
      quantity: "int",
      unit_price: "double",
      total: "double",
      at: "timestamp",
      country: "text",
    },
    key: [["customer_id"], "id"],
  });
  await Model.syncDBAsync();
  const insert = (order: Order): Promise<unknown> =>
    new Model({
      customer_id: order.customerId,
      id: order.id,
      invoice_no: order.invoiceNo,
      stock_code: order.stockCode,
      description: order.description,
      quantity: order.quantity,
      unit_price: order.unitPrice,
      total: order.total,
      at: order.at,
      country: order.country,
    }).saveAsync({});
  return {
    name: "express-cassandra",
    insert,
    slice: async (customerId) => (await Model.findAsync({ customer_id: customerId, $limit: 100 }, {})).length,
    batch: (orders) => atOnce(orders, insert),
    close: () => models.closeAsync(),
  };
}

/** Work on each, so many at once. */
export async function atOnce<T>(
  all: readonly T[],
  work: (one: T) => Promise<unknown>,
  inFlight = IN_FLIGHT,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < all.length) await work(all[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, all.length) }, worker));
}
