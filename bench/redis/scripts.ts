import type { ServerProcess } from "../harness/processes.js";
import { type Comparison, compare, type RoundsOptions } from "../harness/rounds.js";
import { redisBenchmark } from "./redis-benchmark.js";
import { ask } from "./wire.js";

/** A bounded counter with a log, as applications write them: five commands and a decision. */
const script = `
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('HSET', KEYS[2], 'last', ARGV[1], 'count', count)
if count > tonumber(ARGV[2]) then redis.call('SET', KEYS[1], 0) else redis.call('GET', KEYS[1]) end
return redis.call('HGET', KEYS[2], 'last')`;

/** EVAL of a script that calls five commands. */
export async function scriptComparisons(
  servers: readonly ServerProcess[],
  report: (comparison: Comparison) => void,
  options: RoundsOptions,
): Promise<void> {
  const key = "__rand_int__";
  for (const pipeline of [1, 16]) {
    const contenders = servers.map((server) => ({
      name: server.name,
      run: () =>
        redisBenchmark(server, ["EVAL", script, "2", `count:${key}`, `log:${key}`, "x".repeat(64), "100"], {
          requests: 100_000,
          pipeline,
        }),
    }));
    const title = `EVAL of five commands${pipeline === 1 ? "" : ` -P ${pipeline}`}`;
    report(await compare(title, "≥ 0.5 ×", contenders, options));
  }
  for (const server of servers) await ask(server.port, "FLUSHALL");
}
