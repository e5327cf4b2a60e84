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
