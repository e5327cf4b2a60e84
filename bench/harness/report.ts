import type { Comparison } from "./rounds.js";

/** One comparison as text: per contender the median time an operation and its ratio to the first one's. */
export function render({ title, goal, standings }: Comparison): string {
  const first = standings[0]!;
  const lines = standings.map(({ name, wallMicros, cpuMicros }) => {
    const wall = `${wallMicros.toFixed(1).padStart(12)} µs  ${ratio(wallMicros, first.wallMicros)}`;
    const cpu =
      cpuMicros === undefined || first.cpuMicros === undefined
        ? ""
        : `  server CPU ${cpuMicros.toFixed(1).padStart(8)} µs  ${ratio(cpuMicros, first.cpuMicros)}`;
    return `  ${name.padEnd(34)}${wall}${cpu}`;
  });
  return [`${title}   [goal: ${goal}]`, ...lines, ""].join("\n");
}

function ratio(value: number, base: number): string {
  return `× ${(value / base).toFixed(2)}`.padStart(8);
}

/**
 * One comparison as rates: per contender operations a second and its ratio to the last one's, which is the peer's; above
 * 1 is faster. `wallMicros` is the median over rounds, so the ratio is one of medians.
 */
export function renderRates({ title, goal, standings }: Comparison): string {
  const peer = standings.at(-1)!;
  const lines = standings.map(({ name, wallMicros, cpuMicros }) => {
    const rate = Math.round(1e6 / wallMicros).toLocaleString("en");
    const cpu = cpuMicros === undefined ? "" : `  server CPU ${cpuMicros.toFixed(2).padStart(8)} µs`;
    return `  ${name.padEnd(20)}${rate.padStart(12)} /s  ${ratio(peer.wallMicros, wallMicros)}${cpu}`;
  });
  return [`${title}   [goal: ${goal}]`, ...lines, ""].join("\n");
}
