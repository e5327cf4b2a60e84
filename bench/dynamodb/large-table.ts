import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Catalog } from "../../src/engines/dynamodb/data/catalog.js";
import { usualShardMs } from "../../src/engines/dynamodb/data/shards.js";
import { LmdbStore } from "../../src/engines/storage/lmdb-store.js";
import { type Comparison, compare, type RoundsOptions, timed } from "../harness/rounds.js";
import { createTable, item, query100 } from "./engine.js";
import { ask, HttpLoad } from "./http-load.js";
import { startEmbedded } from "./servers.js";

const perPartition = 200;
/** Items of one commit while a table is filled. */
const step = 10_000;

/**
 * Fills a table in a data folder whose engine is stopped: through the code that PutItem writes with, without HTTP and
 * without looking for an item that is not there, in large commits.
 */
async function fill(dataDir: string, name: string, items: number): Promise<void> {
  const store = await LmdbStore.open(join(dataDir, "dynamodb"));
  const catalog = new Catalog(store, { now: Date.now, shardMs: usualShardMs });
  const table = catalog.table(name)!;
  for (let from = 0; from < items; from += step) {
    await catalog.write(() => {
      catalog.touch(table);
      for (let number = from; number < Math.min(items, from + step); number++) {
        const one = item(Math.floor(number / perPartition), number % perPartition);
        table.write(table.keyOf(one), undefined, undefined, one, undefined);
      }
    });
  }
  await store.flushed();
  await catalog.close();
  await store.close();
}

/** A query of 100 items in a large table on disk beside the same in a small one, of one engine, after a restart. */
export async function largeTableComparison(
  items: number,
  options: RoundsOptions,
): Promise<{
  readonly comparison: Comparison;
  /** From the start of the process to the first answered query of the large table. */
  readonly startMs: number;
  readonly fillSeconds: number;
}> {
  const dataDir = await mkdtemp(join(tmpdir(), "keyfold-bench-"));
  const small = 10_000;
  try {
    const empty = await startEmbedded(dataDir);
    for (const name of ["small", "large"]) await createTable(empty.port, name);
    await empty.stop();
    const began = performance.now();
    await fill(dataDir, "small", small);
    await fill(dataDir, "large", items);
    const fillSeconds = (performance.now() - began) / 1000;
    const started = performance.now();
    const server = await startEmbedded(dataDir);
    const load = await HttpLoad.open(server.port, 1);
    await load.send([query100(Math.floor(items / perPartition / 2), "large")]);
    const startMs = performance.now() - started;
    const described = await ask(server.port, "DescribeTable", { TableName: "large" });
    const { ItemCount } = (JSON.parse(described) as { Table: { ItemCount: number } }).Table;
    if (ItemCount !== items) throw new Error(`the large table has ${ItemCount} items`);
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
    return { comparison, startMs, fillSeconds };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
