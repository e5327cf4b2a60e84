import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ServerProcess } from "../harness/processes.js";
import type { Sample } from "../harness/rounds.js";

const run = promisify(execFile);

export interface LoadOptions {
  readonly requests: number;
  readonly pipeline?: number;
  readonly clients?: number;
  /** Distinct keys that `__rand_int__` stands for; default 100,000. */
  readonly keys?: number;
}

/**
 * One run of redis-benchmark, the load generator that comes with Redis (Debian: `apt-get install redis-tools`). `command`
 * is one of its own tests (`-t set`) or a request in which `__rand_int__` is filled in.
 */
export async function redisBenchmark(
  server: ServerProcess,
  command: readonly string[],
  { requests, pipeline = 1, clients = 50, keys = 100_000 }: LoadOptions,
): Promise<Sample> {
  const args = [
    ...["-p", server.port, "-c", clients, "-n", requests, "-d", 64, "-r", keys, "-P", pipeline, "--csv"].map(String),
    ...command,
  ];
  const cpuBefore = server.cpuSeconds();
  let output: string;
  try {
    ({ stdout: output } = await run("redis-benchmark", args, { maxBuffer: 1 << 24 }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new Error("redis-benchmark is not installed; on Debian and Ubuntu: apt-get install redis-tools");
    }
    throw error;
  }
  const cpuAfter = server.cpuSeconds();
  // The last line ends with the rate and six latencies; the test's name before them may hold anything.
  const rate = Number(output.trimEnd().split('","').at(-7));
  if (!(rate > 0)) throw new Error(`redis-benchmark printed no rate:\n${output}`);
  return {
    operations: requests,
    seconds: requests / rate,
    ...(cpuBefore === undefined || cpuAfter === undefined ? {} : { serverCpuSeconds: cpuAfter - cpuBefore }),
  };
}
