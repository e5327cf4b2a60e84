import { Int32, UUID } from "bson";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { lineDocument } from "./documents.js";
import { commandFrame, WireLoad } from "./wire-load.js";

const DATABASE = "bench";
const session = { id: new UUID() };

/** What every driver sends beside the command itself. */
function command(body: Record<string, unknown>): Buffer {
  return commandFrame({ ...body, lsid: session, $db: DATABASE });
}

async function once(server: ServerProcess, frames: readonly Buffer[], connections = 1): Promise<void> {
  const load = await WireLoad.open(server.port, connections);
  await load.send(frames);
  load.close();
}

function insertBatches(collection: string, from: number, count: number, batch: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let start = from; start < from + count; start += batch) {
    const size = Math.min(batch, from + count - start);
    frames.push(
      command({
        insert: collection,
        documents: Array.from({ length: size }, (_, i) => lineDocument(start + i)),
        ordered: true,
      }),
    );
  }
  return frames;
}

/** The embedded engine beside the imitations, by a load generator that is not the limit; `servers[0]` is the embedded one. */
export async function engineComparisons(
  servers: readonly ServerProcess[],
  report: (comparison: Comparison) => void,
  { documents = 500_000, ...options }: RoundsOptions & { documents?: number } = {},
): Promise<void> {
  const aim = "≥ 1.5 × the throughput, or ≤ half the CPU time";
  const measure = async (
    title: string,
    connections: number,
    operations: number,
    frames: (round: number, server: ServerProcess) => readonly Buffer[],
    own: RoundsOptions = {},
  ) => {
    const loads = new Map<ServerProcess, WireLoad>();
    for (const server of servers) loads.set(server, await WireLoad.open(server.port, connections));
    report(
      await compare(
        title,
        title.startsWith("ping") ? "none" : aim,
        servers.map((server) => ({
          name: server.name,
          run: (round) => {
            const prepared = frames(round, server);
            return timed(operations, () => loads.get(server)!.send(prepared), server.cpuSeconds);
          },
        })),
        { ...options, ...own },
      ),
    );
    for (const load of loads.values()) load.close();
  };

  let nextId = 1;
  const singles = (count: number) => () =>
    Array.from({ length: count }, () =>
      command({ insert: "single", documents: [lineDocument(nextId++)], ordered: true }),
    );
  // What receiving and answering alone take: no request can cost less.
  const pings = (count: number) => () => Array.from({ length: count }, () => command({ ping: 1 }));
  await measure("ping, 1 in flight: the floor", 1, 5_000, pings(5_000));
  await measure("ping, 32 in flight: the floor", 32, 20_000, pings(20_000));
  await measure("insertOne, 1 in flight", 1, 5_000, singles(5_000));
  await measure("insertOne, 32 in flight", 32, 20_000, singles(20_000));

  let bulk = 0;
  await measure("insertMany, 1,000 a message, per document", 1, 50_000, () => {
    bulk += 50_000;
    return insertBatches("bulk", bulk, 50_000, 1_000);
  });

  for (const server of servers) {
    await once(server, insertBatches("lines", 1, documents, 5_000));
    await once(server, [
      command({
        createIndexes: "lines",
        indexes: [{ key: { customerId: 1, at: -1, seq: -1 }, name: "customerId_1_at_-1_seq_-1" }],
      }),
    ]);
  }
  const finds = (count: number) => (round: number) =>
    Array.from({ length: count }, (_, i) =>
      command({
        find: "lines",
        filter: { _id: new Int32(1 + ((i * 7919 + (round + 1) * 104_729) % documents)) },
        limit: 1,
        singleBatch: true,
      }),
    );
  // Virtual machines take pages away that were not used for seconds: both have theirs back before the clock starts.
  for (const server of servers) await once(server, finds(100_000)(0), 32);
  await measure("findOne by _id, 1 in flight", 1, 5_000, finds(5_000));
  await measure("findOne by _id, 32 in flight", 32, 20_000, finds(20_000));

  // Few of them: the peer takes half a second for each.
  const LISTS = 20;
  await measure(
    "list of 100 by index, newest first",
    1,
    LISTS,
    (round) =>
      Array.from({ length: LISTS }, (_, i) =>
        command({
          find: "lines",
          filter: { customerId: String(12_000 + ((i * 31 + (round + 1) * 17) % 4_372)) },
          sort: { at: -1, seq: -1 },
          limit: 100,
          batchSize: 100,
        }),
      ),
    { rounds: 3, warmup: 1 },
  );
  await measure(
    `top customers over ${documents.toLocaleString("en")} documents`,
    1,
    1,
    () => [
      command({
        aggregate: "lines",
        pipeline: [
          { $match: { quantity: { $gt: 0 }, customerId: { $exists: true } } },
          { $group: { _id: "$customerId", total: { $sum: "$total" }, count: { $sum: 1 } } },
          { $sort: { total: -1, _id: 1 } },
          { $limit: 100 },
        ],
        cursor: {},
      }),
    ],
    { rounds: Math.min(options.rounds ?? 5, 5) },
  );
}
