import { Queue, Worker } from "bullmq";
import { stream } from "../../src/patterns/stream/index.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { asClient, type BenchClients } from "./clients.js";

const EVENT = { id: 42, kind: "order", text: "x".repeat(100) };

/** Streams: adding events that come one by one, and doing them in batches. */
export async function streamComparisons(
  clients: BenchClients,
  report: (comparison: Comparison) => void,
  rounds: RoundsOptions,
): Promise<void> {
  const { ioredis, nodeRedis, url } = clients;
  const body = JSON.stringify(EVENT);
  const events = 20_000;
  const ours = stream<typeof EVENT>(ioredis, { prefix: "k", name: "add", deadlineMs: 5_000 });
  const onNode = stream<typeof EVENT>(asClient(nodeRedis), { prefix: "k", name: "addn", deadlineMs: 5_000 });
  const bursts = (add: () => Promise<unknown>) => () =>
    timed(events, async () => {
      for (let n = 0; n < events; n += 100) await Promise.all(Array.from({ length: 100 }, add));
    });
  const queue = new Queue("bench", { connection: { url } as never });
  const fresh = { removeOnComplete: true, removeOnFail: true };
  report(
    await compare(
      "stream, add, 100 at a time",
      "raw XADD ≥ × 0.85, BullMQ ≥ × 5",
      [
        { name: "keyfold (ioredis)", run: bursts(() => ours.add(EVENT)) },
        { name: "raw XADD (ioredis)", run: bursts(() => ioredis.xadd("raw", "*", "e", body)) },
        { name: "keyfold (node-redis)", run: bursts(() => onNode.add(EVENT)) },
        { name: "raw XADD (node-redis)", run: bursts(() => nodeRedis.sendCommand(["XADD", "rawn", "*", "e", body])) },
        {
          name: "BullMQ addBulk",
          run: () =>
            timed(4_000, async () => {
              for (let n = 0; n < 4_000; n += 100)
                await queue.addBulk(Array.from({ length: 100 }, () => ({ name: "e", data: EVENT, opts: fresh })));
            }),
        },
      ],
      rounds,
    ),
  );
  await ioredis.del("raw", "rawn");
  await queue.obliterate({ force: true });

  const batch = 200;
  const fill = async (key: string, count: number) => {
    for (let n = 0; n < count; n += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, () => ioredis.xadd(key, "*", "e", body)));
  };
  let round = 0;
  report(
    await compare(
      "stream, read and acknowledge, in batches of 200",
      "raw XREADGROUP and XACK ≥ × 0.85, BullMQ ≥ × 5",
      [
        {
          name: "keyfold (ioredis)",
          run: async () => {
            const name = `read${++round}`;
            await fill(`k:{${name}}:s`, events);
            const log = stream<typeof EVENT>(ioredis, { prefix: "k", name, deadlineMs: 5_000 });
            // From nothing until all is acknowledged.
            const sample = await timed(events, async () => {
              let seen = 0;
              await new Promise<void>((done) => {
                log.consume({
                  ...{ group: "g", batch, keep: false as const },
                  handleMany: async (messages) => {
                    seen += messages.length;
                    if (seen === events) done();
                  },
                });
              });
              while ((await log.info("g")).pending > 0);
            });
            await ioredis.del(`k:{${name}}:s`);
            return sample;
          },
        },
        {
          name: "raw XREADGROUP and XACK (ioredis)",
          run: async () => {
            const key = `raw${++round}`;
            await fill(key, events);
            const reader = ioredis.duplicate({ lazyConnect: true });
            const sample = await timed(events, async () => {
              await ioredis.xgroup("CREATE", key, "g", "0");
              await reader.connect();
              for (let seen = 0; seen < events; ) {
                const reply = (await reader.xreadgroup(
                  "GROUP",
                  "g",
                  "c",
                  "COUNT",
                  batch,
                  "BLOCK",
                  500,
                  "STREAMS",
                  key,
                  ">",
                )) as [string, [string, string[]][]][];
                const rows = reply[0]![1];
                for (const [, fields] of rows) JSON.parse(fields[1]!);
                await ioredis.xack(key, "g", ...rows.map(([id]) => id));
                seen += rows.length;
              }
            });
            reader.disconnect();
            await ioredis.del(key);
            return sample;
          },
        },
        {
          name: "BullMQ, 100 at a time",
          run: async () => {
            const jobs = 4_000;
            for (let n = 0; n < jobs; n += 500)
              await queue.addBulk(Array.from({ length: 500 }, () => ({ name: "e", data: EVENT, opts: fresh })));
            let worker: Worker | undefined;
            const sample = await timed(jobs, async () => {
              let seen = 0;
              await new Promise<void>((done) => {
                worker = new Worker(
                  "bench",
                  async () => {
                    if (++seen === jobs) done();
                  },
                  { connection: { url } as never, concurrency: 100 },
                );
                worker.on("error", () => {});
              });
            });
            await worker!.close();
            return sample;
          },
        },
      ],
      { ...rounds, rounds: Math.min(rounds.rounds ?? 5, 5) },
    ),
  );
  await queue.obliterate({ force: true });
  await queue.close();
}
