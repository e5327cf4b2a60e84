/**
 * Interleaved rounds: every contender runs once a round, in an order that rotates, so that a machine that slows down
 * slows all of them. What is quoted is the ratio of medians; absolute figures of a shared machine mean little.
 */
export interface Sample {
  /** Requests, documents or records done in this round. */
  readonly operations: number;
  /** Wall time of the round, seconds. */
  readonly seconds: number;
  /** CPU time that the server's process used in the round, seconds, where it can be read. */
  readonly serverCpuSeconds?: number;
}

export interface Contender {
  readonly name: string;
  run(round: number): Promise<Sample>;
}

export interface Standing {
  readonly name: string;
  /** Median microseconds an operation. */
  readonly wallMicros: number;
  /** Server's CPU microseconds an operation over all rounds, where they can be read. */
  readonly cpuMicros: number | undefined;
}

export interface Comparison {
  readonly title: string;
  readonly goal: string;
  readonly standings: readonly Standing[];
}

export interface RoundsOptions {
  /** Counted rounds; default 7. */
  readonly rounds?: number;
  /** Rounds before, not counted; default 1. */
  readonly warmup?: number;
  /**
   * Milliseconds for which each contender runs before all rounds; default 0. For rounds so short that a compiler would
   * still be at work in them.
   */
  readonly warmupMs?: number;
}

export async function compare(
  title: string,
  goal: string,
  contenders: readonly Contender[],
  { rounds = 7, warmup = 1, warmupMs = 0 }: RoundsOptions = {},
): Promise<Comparison> {
  for (const contender of contenders) {
    for (const began = performance.now(); performance.now() - began < warmupMs; ) await contender.run(-warmup);
  }
  const samples = new Map(contenders.map((contender) => [contender.name, [] as Sample[]]));
  for (let round = -warmup; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(turn + round + warmup) % contenders.length]!;
      const sample = await contender.run(round);
      if (round >= 0) samples.get(contender.name)!.push(sample);
    }
  }
  return { title, goal, standings: contenders.map(({ name }) => standing(name, samples.get(name)!)) };
}

function standing(name: string, samples: readonly Sample[]): Standing {
  const operations = samples.reduce((sum, sample) => sum + sample.operations, 0);
  const cpu = samples.map((sample) => sample.serverCpuSeconds);
  return {
    name,
    wallMicros: median(samples.map((sample) => (sample.seconds / sample.operations) * 1e6)),
    cpuMicros: cpu.some((seconds) => seconds === undefined)
      ? undefined
      : (cpu.reduce<number>((sum, seconds) => sum + seconds!, 0) / operations) * 1e6,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Times one piece of work; `pid` names the server whose CPU time is read before and after. */
export async function timed(
  operations: number,
  work: () => Promise<void>,
  cpu?: () => number | undefined,
): Promise<Sample> {
  const cpuBefore = cpu?.();
  const start = process.hrtime.bigint();
  await work();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const cpuAfter = cpu?.();
  return cpuBefore === undefined || cpuAfter === undefined
    ? { operations, seconds }
    : { operations, seconds, serverCpuSeconds: cpuAfter - cpuBefore };
}
