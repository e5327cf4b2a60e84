import { render, renderRates } from "../harness/report.js";
import type { Comparison, RoundsOptions } from "../harness/rounds.js";
import { renderStartUp, startUp } from "../harness/start-up.js";
import { commandComparisons } from "./commands.js";
import { memoryOf } from "./memory.js";
import { modelComparisons } from "./model.js";
import { pubsubComparisons } from "./pubsub.js";
import { rangeComparisons } from "./ranges.js";
import { scriptComparisons } from "./scripts.js";
import { startEmbedded, startPeer } from "./servers.js";
import { tailComparison } from "./tail.js";
import { ask } from "./wire.js";

/** The parts of the Redis benchmark, each by itself under the name `redis-PART`. */
export const redisParts = ["commands", "ranges", "scripts", "pubsub", "tail", "memory", "start-up", "model"] as const;
export type RedisPart = (typeof redisParts)[number];

const show = (comparison: Comparison) => console.log(renderRates(comparison));

/** The embedded Redis beside Redis 8.2, each in a process of its own. */
export async function redisBench(part: RedisPart, quick: boolean, options: RoundsOptions): Promise<void> {
  if (part === "start-up") {
    const figures = await startUp(startEmbedded, (port) => ask(port, "PING"), quick ? 5 : 15);
    console.log(renderStartUp("start to first PONG, Redis engine", "≤ 100 ms beyond node, ≤ 70 MB idle", figures));
    return;
  }
  if (part === "model") {
    const server = await startPeer();
    try {
      await modelComparisons(server, (comparison) => console.log(render(comparison)), options);
    } finally {
      await server.stop();
    }
    return;
  }
  const servers = [await startEmbedded(), await startPeer()];
  try {
    if (part === "commands") await commandComparisons(servers, show, options);
    if (part === "ranges") await rangeComparisons(servers, show, options);
    if (part === "scripts") await scriptComparisons(servers, show, options);
    if (part === "pubsub") await pubsubComparisons(servers, show, options);
    if (part === "tail") {
      const { rate, figures } = await tailComparison(
        servers,
        quick ? { rounds: 3, warmup: 1 } : { rounds: 7, warmup: 1 },
      );
      console.log(`latency at ${Math.round(rate).toLocaleString("en")} requests/s, open loop   [goal: p99 ≤ 2 ×]`);
      const [, peer] = figures;
      for (const { name, peak, p50, p99, p999, max } of figures) {
        const ms = (value: number) => `${value.toFixed(2)} ms`.padStart(10);
        const ratio = (p99 / peer!.p99).toFixed(2);
        console.log(
          `  ${name.padEnd(20)}p50${ms(p50)}  p99${ms(p99)} × ${ratio}  p99.9${ms(p999)}  longest${ms(max)}  (peak ${Math.round(peak).toLocaleString("en")}/s)`,
        );
      }
      console.log("");
    }
    if (part === "memory") {
      const [connections, keys] = quick ? [1_000, 100_000] : [10_000, 1_000_000];
      console.log(
        `${connections.toLocaleString("en")} idle connections, ${keys.toLocaleString("en")} keys of 64 bytes   [goal: works, ≤ 3 × the memory]`,
      );
      const all = [];
      for (const server of servers) all.push(await memoryOf(server, connections, keys));
      const peer = all.at(-1)!;
      for (const { name, idle, perConnection, perKey, withKeys } of all) {
        const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
        console.log(
          `  ${name.padEnd(20)}idle ${mb(idle)}, a connection ${(perConnection / 1000).toFixed(1)} kB, a key ${perKey.toFixed(0)} B, with all keys ${mb(withKeys)} × ${(withKeys / peer.withKeys).toFixed(2)}`,
        );
      }
      console.log("");
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}
