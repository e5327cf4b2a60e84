import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions } from "../harness/rounds.js";
import { redisBenchmark } from "./redis-benchmark.js";
import { ask, feed, request } from "./wire.js";

/** Members as redis-benchmark names them: twelve digits. */
const member = (number: number) => `member:${String(number).padStart(12, "0")}`;

function* board(key: string, size: number): Iterable<string> {
  // An order that is not the scores', the same for all servers.
  for (let i = 0; i < size; i++) {
    const number = (i * 7919) % size;
    yield request("ZADD", key, number, member(number));
  }
}

/** Ten of a sorted set's members by rank from either end, by score, and a member's rank: in sets of three sizes. */
export async function rangeComparisons(
  servers: readonly ServerProcess[],
  report: (comparison: Comparison) => void,
  options: RoundsOptions,
): Promise<void> {
  for (const size of [1_000, 30_000, 1_000_000]) {
    for (const server of servers) {
      await ask(server.port, "FLUSHALL");
      await feed(server.port, board("board", size));
    }
    const middle = size >> 1;
    const tests: readonly (readonly [string, readonly string[]])[] = [
      ["ZRANGE, ten", ["ZRANGE", "board", String(middle), String(middle + 9)]],
      ["ZREVRANGE, ten", ["ZREVRANGE", "board", String(middle), String(middle + 9)]],
      ["ZRANK", ["ZRANK", "board", "member:__rand_int__"]],
      ["ZRANGEBYSCORE, ten", ["ZRANGEBYSCORE", "board", "__rand_int__", "+inf", "LIMIT", "0", "10"]],
    ];
    for (const [name, command] of tests) {
      const contenders = servers.map((server) => ({
        name: server.name,
        run: () => redisBenchmark(server, command, { requests: 100_000, keys: size }),
      }));
      report(await compare(`${name} of ${size.toLocaleString("en")}`, "≥ 0.7 ×", contenders, options));
    }
  }
  for (const server of servers) await ask(server.port, "FLUSHALL");
}
