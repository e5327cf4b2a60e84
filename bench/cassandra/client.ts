import { apply, connect, defineModel, entity, list } from "keyfold";
import { cassandra } from "keyfold/cassandra";
import { z } from "zod";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import {
  atOnce,
  clientOf,
  customerOf,
  driverShop,
  expressShop,
  KEYSPACE,
  makeOrder,
  mapperShop,
  type Order,
  type Shop,
} from "./peers.js";

const order = entity("order", {
  schema: z.object({
    customerId: z.string(),
    id: z.int(),
    invoiceNo: z.string(),
    stockCode: z.string(),
    description: z.string(),
    quantity: z.int(),
    unitPrice: z.number(),
    total: z.number(),
    at: z.date(),
    country: z.string(),
  }),
  key: ["customerId", "id"],
  appendOnly: true,
});
const model = defineModel({
  entities: { order },
  patterns: { ofCustomer: list(order, { by: ["customerId"], order: { id: "asc" } }) },
});

const CUSTOMERS = 50;
const STORED = 10_000;
const IN_FLIGHT = 32;

async function keyfoldShop(server: ServerProcess): Promise<Shop> {
  const client = clientOf(server);
  const adapter = cassandra(client, { keyspace: KEYSPACE });
  await apply(model, adapter);
  const shop = connect(model, adapter);
  return {
    name: "keyfold",
    insert: (record) => shop.order.insert(record),
    slice: async (customerId) => (await shop.ofCustomer({ customerId }, { limit: 100 })).items.length,
    batch: async (records) => {
      const { failures } = await shop.order.insertMany(records);
      if (failures.length > 0) throw new Error(`${failures.length} were not inserted`);
    },
    async close() {
      await shop.$close();
      await client.shutdown();
    },
  };
}

/** keyfold's client beside the driver, its Mapper and express-cassandra, each with a client and a table of its own. */
export async function clientComparisons(
  server: ServerProcess,
  report: (comparison: Comparison) => void,
  { scale = 1, ...options }: RoundsOptions & { readonly scale?: number } = {},
): Promise<void> {
  const admin = clientOf(server);
  await admin.execute(
    `CREATE KEYSPACE ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  );
  const shops: Shop[] = [];
  for (const open of [keyfoldShop, driverShop, mapperShop, expressShop]) shops.push(await open(server));
  const first = Array.from({ length: STORED }, (_, number) => makeOrder(number, CUSTOMERS));
  for (const each of shops) await each.batch(first);

  const many = (count: number): number => Math.max(1, Math.round(count * scale));
  const goal = "≤ 1.10 × the driver, faster than the others";
  let next = STORED;
  const fresh = (count: number): Order[] => Array.from({ length: count }, () => makeOrder(next++, CUSTOMERS));
  const cpu = (): number | undefined => server.cpuSeconds();

  for (const inFlight of [1, IN_FLIGHT]) {
    const inserts = many(inFlight === 1 ? 1_000 : 4_000);
    report(
      await compare(
        `insert, ${inFlight} in flight`,
        goal,
        shops.map((each) => ({
          name: each.name,
          run: () => {
            const prepared = fresh(inserts);
            return timed(inserts, () => atOnce(prepared, each.insert, inFlight), cpu);
          },
        })),
        options,
      ),
    );
  }
  for (const inFlight of [1, IN_FLIGHT]) {
    const slices = Array.from({ length: many(inFlight === 1 ? 200 : 400) }, (_, at) => customerOf(at, CUSTOMERS));
    report(
      await compare(
        `slice of 100, ${inFlight} in flight`,
        goal,
        shops.map((each) => ({
          name: each.name,
          run: () =>
            timed(
              slices.length,
              () =>
                atOnce(
                  slices,
                  async (customer) => {
                    const found = await each.slice(customer);
                    if (found !== 100) throw new Error(`${each.name} found ${found}`);
                  },
                  inFlight,
                ),
              cpu,
            ),
        })),
        options,
      ),
    );
  }
  const BATCH = 1_000;
  const batches = many(4);
  report(
    await compare(
      "insertMany of 1,000 records, per record (the driver: executeConcurrent)",
      goal,
      shops.map((each) => ({
        name: each.name,
        run: () => {
          const prepared = Array.from({ length: batches }, () => fresh(BATCH));
          return timed(
            BATCH * batches,
            async () => {
              for (const one of prepared) await each.batch(one);
            },
            cpu,
          );
        },
      })),
      options,
    ),
  );
  for (const each of shops) await each.close();
  await bucketComparison(server, report, { scale, ...options });
  await admin.execute(`DROP KEYSPACE ${KEYSPACE}`);
  await admin.shutdown();
}

const reading = entity("reading", {
  schema: z.object({ id: z.int(), device: z.string(), at: z.date(), value: z.number() }),
  key: ["id"],
  appendOnly: true,
});
/** The busiest device writes 77,760 rows a day: the plan cuts by day. */
const series = defineModel({
  entities: { reading },
  patterns: { latest: list(reading, { by: ["device"], order: { at: "desc", id: "desc" } }) },
  workload: {
    reading: { records: 400_000, writesPerSecond: 3, hottestKeyShare: 0.3, distinct: { device: 10_000 } },
  },
});

const LISTED = 50;
const DAYS = 30;

/** A page of fifty of thirty days, every second one empty, beside one whose fifty are of one day. */
async function bucketComparison(
  server: ServerProcess,
  report: (comparison: Comparison) => void,
  { scale = 1, ...options }: RoundsOptions & { readonly scale?: number },
): Promise<void> {
  const client = clientOf(server);
  const adapter = cassandra(client, { keyspace: KEYSPACE });
  await apply(series, adapter);
  const shop = connect(series, adapter);
  const day = (at: number): Date => new Date(Date.UTC(2026, 0, 1 + at, 12));
  // The page of thirty days needs all fifteen that have rows.
  const rows = Array.from({ length: LISTED }, (_, at) => at).flatMap((at) => [
    { id: at, device: "thirty days", at: day(2 * (at % (DAYS / 2))), value: at },
    { id: 1_000 + at, device: "one day", at: new Date(day(0).getTime() + at * 1_000), value: at },
  ]);
  const { failures } = await shop.reading.insertMany(rows);
  if (failures.length > 0) throw new Error(`${failures.length} were not inserted`);
  const lists = Math.max(1, Math.round(200 * scale));
  report(
    await compare(
      "list of 50: over 30 day-buckets of which 15 are empty, and of one bucket",
      "≤ 2 × the time of one bucket",
      ["one day", "thirty days"].map((device) => ({
        name: device,
        run: () =>
          timed(
            lists,
            async () => {
              for (let i = 0; i < lists; i++) {
                const { items } = await shop.latest({ device }, { limit: LISTED });
                if (items.length !== LISTED) throw new Error(`${device} has ${items.length}`);
              }
            },
            () => server.cpuSeconds(),
          ),
      })),
      options,
    ),
  );
  await shop.$close();
  await client.shutdown();
}
