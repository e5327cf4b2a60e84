import { startServer } from "../harness/processes.js";
import type { Comparison, RoundsOptions } from "../harness/rounds.js";
import { openClients } from "./clients.js";

/** The patterns beside the libraries for the same work, all on one real Redis 8.2. */
export async function patternBench(
  name: string,
  report: (comparison: Comparison) => void,
  rounds: RoundsOptions,
  quick: boolean,
): Promise<void> {
  const server = await startServer(
    "Redis 8.2",
    process.execPath,
    ["scripts/real-engine.mjs", "redis", "--port", "0"],
    (line) => /redis:\/\/\S+/.exec(line)?.[0],
  );
  const clients = await openClients(server.url);
  await clients.ioredis.config("SET", "save", "");
  const part = (each: string) => name === "patterns" || name === `patterns-${each}`;
  try {
    if (part("cache")) await (await import("./cache.js")).cacheComparisons(clients, report, rounds);
    if (part("limits")) await (await import("./limits.js")).limitComparisons(clients, report, rounds);
    if (part("locks")) await (await import("./locks.js")).lockComparisons(clients, report, rounds);
    if (part("boards"))
      await (await import("./boards.js")).boardComparisons(clients, report, rounds, quick ? 100_000 : 1_000_000);
    if (part("streams")) await (await import("./streams.js")).streamComparisons(clients, report, rounds);
  } finally {
    await clients.close();
    await server.stop();
  }
}
