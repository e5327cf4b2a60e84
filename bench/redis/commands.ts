import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions } from "../harness/rounds.js";
import { redisBenchmark } from "./redis-benchmark.js";
import { ask } from "./wire.js";

const value = "x".repeat(64);

/** redis-benchmark's own tests where it has them. */
const tests: readonly (readonly [string, readonly string[]])[] = [
  ["SET", ["-t", "set"]],
  ["GET", ["-t", "get"]],
  ["INCR", ["-t", "incr"]],
  ["HSET", ["-t", "hset"]],
  ["ZADD", ["-t", "zadd"]],
  ["LPUSH", ["-t", "lpush"]],
  ["XADD", ["XADD", "mystream", "*", "field", value]],
];

/** 50 clients, 64-byte values, 100,000 keys: one request in flight on each connection, then sixteen. */
export async function commandComparisons(
  servers: readonly ServerProcess[],
  report: (comparison: Comparison) => void,
  options: RoundsOptions,
): Promise<void> {
  for (const { pipeline, requests, goal } of [
    { pipeline: 1, requests: 100_000, goal: "≥ 1.0 ×" },
    { pipeline: 16, requests: 400_000, goal: "≥ 0.65 ×" },
  ]) {
    for (const [name, command] of tests) {
      for (const server of servers) await ask(server.port, "FLUSHALL");
      // What GET finds.
      if (name === "GET") {
        for (const server of servers) await redisBenchmark(server, ["-t", "set"], { requests: 300_000, pipeline: 16 });
      }
      const contenders = servers.map((server) => ({
        name: server.name,
        run: async () => {
          if (name === "LPUSH" || name === "XADD") await ask(server.port, "FLUSHALL");
          return redisBenchmark(server, command, { requests, pipeline });
        },
      }));
      report(await compare(pipeline === 1 ? name : `${name} -P ${pipeline}`, goal, contenders, options));
    }
  }
  for (const server of servers) await ask(server.port, "FLUSHALL");
}
