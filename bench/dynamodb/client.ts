import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { apply, connect, defineModel, entity, list } from "keyfold";
import { dynamodb } from "keyfold/dynamodb";
import { z } from "zod";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, type Contender, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { customerOf, electroShop, makeOrder, type Order, type Shop, sdkShop, toolboxShop } from "./peers.js";

const schema = z.object({
  customerId: z.string(),
  id: z.int(),
  invoiceNo: z.string(),
  stockCode: z.string(),
  description: z.string().optional(),
  quantity: z.int(),
  unitPrice: z.number(),
  total: z.number(),
  at: z.string(),
  country: z.string(),
});
const order = entity("order", { schema, key: ["customerId", "id"] });
/** The same, never changed: `insertMany` then sends plain batches, as the peers do. */
const booked = entity("booked", { schema, key: ["customerId", "id"], appendOnly: true });
const model = defineModel({
  entities: { order, booked },
  patterns: { ofCustomer: list(order, { by: ["customerId"], order: { id: "asc" }, consistency: "eventual" }) },
});

const CUSTOMERS = 50;
const STORED = 10_000;

function keyfoldShop(shop: ReturnType<typeof connectTo>): Shop {
  return {
    name: "keyfold",
    put: (record) => shop.order.put(record),
    get: (customerId, id) => shop.order.get({ customerId, id }, { consistency: "eventual" }),
    query: async (customerId) => (await shop.ofCustomer({ customerId }, { limit: 100 })).items.length,
    batch: async (records) => all(await shop.order.insertMany(records)),
  };
}

function all({ failures }: { readonly failures: readonly unknown[] }): void {
  if (failures.length > 0) throw new Error(`${failures.length} were not inserted`);
}

function connectTo(client: DynamoDBClient, table: string) {
  return connect(model, dynamodb(client, { table }));
}

async function plainTable(client: DynamoDBClient, TableName: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: ["pk", "sk"].map((AttributeName) => ({ AttributeName, AttributeType: "S" as const })),
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
    }),
  );
}

/** keyfold's client beside the AWS SDK, ElectroDB and DynamoDB Toolbox, each with a client and a table of its own. */
export async function clientComparisons(
  server: ServerProcess,
  report: (comparison: Comparison) => void,
  { scale = 1, ...options }: RoundsOptions & { readonly scale?: number } = {},
): Promise<void> {
  const clients: DynamoDBClient[] = [];
  const open = (): DynamoDBClient => {
    const client = new DynamoDBClient({
      endpoint: server.url,
      region: "eu-west-1",
      credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
      maxAttempts: 1,
    });
    clients.push(client);
    return client;
  };
  const own = open();
  await apply(model, dynamodb(own, { table: "keyfold" }));
  const shop = connectTo(own, "keyfold");
  const shops: Shop[] = [keyfoldShop(shop)];
  for (const make of [sdkShop, electroShop, toolboxShop]) {
    const client = open();
    await plainTable(client, make.name);
    shops.push(make(client, make.name));
  }
  const first = Array.from({ length: STORED }, (_, number) => makeOrder(number, CUSTOMERS));
  for (const each of shops) await each.batch(first);

  const many = (count: number): number => Math.max(1, Math.round(count * scale));
  const contender = (each: Shop, operations: number, work: (round: number) => Promise<void>): Contender => ({
    name: each.name,
    run: (round) => timed(operations, () => work(round)),
  });
  const peers = "≤ 1.10 × the SDK, faster than the others";
  let next = STORED;
  const fresh = (count: number): Order[] => Array.from({ length: count }, () => makeOrder(next++, CUSTOMERS));

  const puts = many(500);
  report(
    await compare(
      "put, one after the other",
      peers,
      shops.map((each) => ({
        name: each.name,
        run: () => {
          const prepared = fresh(puts);
          return timed(puts, async () => {
            for (const one of prepared) await each.put(one);
          });
        },
      })),
      options,
    ),
  );

  const gets = many(1_000);
  report(
    await compare(
      "get, one after the other",
      peers,
      shops.map((each) =>
        contender(each, gets, async (round) => {
          for (let i = 0; i < gets; i++) {
            const number = ((i + round + 5) * 7_919) % STORED;
            if ((await each.get(customerOf(number, CUSTOMERS), number)) == null) throw new Error("not found");
          }
        }),
      ),
      options,
    ),
  );

  const AT_ONCE = 256;
  const waves = many(10);
  report(
    await compare(
      "256 gets at once, per get",
      "≥ 3 × the SDK's throughput",
      shops.slice(0, 2).map((each) =>
        contender(each, AT_ONCE * waves, async () => {
          for (let wave = 0; wave < waves; wave++) {
            await Promise.all(
              Array.from({ length: AT_ONCE }, (_, i) => {
                const number = (wave * 31 + i * 79) % STORED;
                return each.get(customerOf(number, CUSTOMERS), number);
              }),
            );
          }
        }),
      ),
      options,
    ),
  );

  const queries = many(150);
  report(
    await compare(
      "query of 100",
      peers,
      shops.map((each) =>
        contender(each, queries, async () => {
          for (let i = 0; i < queries; i++) {
            const found = await each.query(customerOf(i, CUSTOMERS));
            if (found !== 100) throw new Error(`${each.name} found ${found}`);
          }
        }),
      ),
      options,
    ),
  );

  const BATCH = 1_000;
  const batches = many(3);
  const batch = ({ name, batch: send }: Pick<Shop, "name" | "batch">): Contender => ({
    name,
    run: () => {
      const prepared = Array.from({ length: batches }, () => fresh(BATCH));
      return timed(BATCH * batches, async () => {
        for (const one of prepared) await send(one);
      });
    },
  });
  const booking = {
    name: "keyfold",
    batch: async (orders: readonly Order[]) => all(await shop.booked.insertMany(orders)),
  };
  report(
    await compare(
      "batch of 1,000 that are never changed, per record",
      peers,
      [booking, ...shops.slice(1)].map(batch),
      options,
    ),
  );
  report(
    await compare(
      "batch of 1,000 new records, per record (keyfold tells of each whether it was there; the others overwrite)",
      "faster than the others",
      shops.map(batch),
      options,
    ),
  );
  await shop.$close();
  for (const client of clients) client.destroy();
}
