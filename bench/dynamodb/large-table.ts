import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { createTable, item, query100 } from "./engine.js";
import { HttpLoad, request } from "./http-load.js";
import { startEmbedded } from "./servers.js";

const perPartition = 200;
const batch = 25;

/** Fills a table through the engine's own door. */
async function fill(server: ServerProcess, name: string, items: number): Promise<void> {
  await createTable(server.port, name);
  const load = await HttpLoad.open(server.port, 16);
  const step = 2_000;
  for (let from = 0; from < items; from += step * batch) {
    const count = Math.min(step, Math.ceil((items - from) / batch));
    await load.send(
      Array.from({ length: count }, (_, at) =>
        request("BatchWriteItem", {
          RequestItems: {
            [name]: Array.from({ length: batch }, (_each, i) => {
              const number = from + at * batch + i;
              return { PutRequest: { Item: item(Math.floor(number / perPartition), number % perPartition) } };
            }),
          },
        }),
      ),
    );
  }
  load.close();
}

/** A query of 100 items in a large table on disk beside the same in a small one, of one engine, after a restart. */
export async function largeTableComparison(
  items: number,
  options: RoundsOptions,
): Promise<{
  readonly comparison: Comparison;
  /** From the start of the process to the first answered query of the large table. */
  readonly startMs: number;
}> {
  const dataDir = await mkdtemp(join(tmpdir(), "keyfold-bench-"));
  const small = 10_000;
  try {
    const filling = await startEmbedded(dataDir);
    await fill(filling, "small", small);
    await fill(filling, "large", items);
    await filling.stop();
    const began = performance.now();
    const server = await startEmbedded(dataDir);
    const load = await HttpLoad.open(server.port, 1);
    await load.send([query100(Math.floor(items / perPartition / 2), "large")]);
    const startMs = performance.now() - began;
    const queries = 500;
    const contender = (name: string, count: number) => ({
      name,
      run: (round: number) => {
        const partitions = count / perPartition;
        const prepared = Array.from({ length: queries }, (_, i) =>
          query100((i * 7919 + (round + 3) * 104_729) % partitions, name),
        );
        return timed(queries, () => load.send(prepared), server.cpuSeconds);
      },
    });
    const comparison = await compare(
      `Query of 100 on LMDB: ${items.toLocaleString("en")} items beside ${small.toLocaleString("en")}`,
      "≤ 1.5 × the time",
      [contender("small", small), contender("large", items)],
      options,
    );
    load.close();
    await server.stop();
    return { comparison, startMs };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
