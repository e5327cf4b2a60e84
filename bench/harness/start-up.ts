import { spawnSync } from "node:child_process";
import type { ServerProcess } from "./processes.js";
import { median } from "./rounds.js";

export interface StartUp {
  /** Median milliseconds from spawn to the first answered ping, less the median of `node -e 0`. */
  readonly beyondNodeMs: number;
  readonly nodeMs: number;
  /** Median resident memory half a second after that ping, bytes. */
  readonly idleBytes: number | undefined;
}

/** Starts an embedded engine again and again, each time beside a bare node. */
export async function startUp(
  start: () => Promise<ServerProcess>,
  ping: (port: number) => Promise<unknown>,
  rounds: number,
): Promise<StartUp> {
  const bare: number[] = [];
  const served: number[] = [];
  const resident: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const bareStart = performance.now();
    spawnSync(process.execPath, ["-e", "0"]);
    bare.push(performance.now() - bareStart);

    const began = performance.now();
    const server = await start();
    await ping(server.port);
    served.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const bytes = server.residentBytes();
    if (bytes !== undefined) resident.push(bytes);
    await server.stop();
  }
  return {
    beyondNodeMs: median(served) - median(bare),
    nodeMs: median(bare),
    idleBytes: resident.length === 0 ? undefined : median(resident),
  };
}

/** The figures as text. */
export function renderStartUp(title: string, goal: string, { beyondNodeMs, nodeMs, idleBytes }: StartUp): string {
  return [
    `${title}   [goal: ${goal}]`,
    `  beyond node -e 0: ${beyondNodeMs.toFixed(0)} ms (node -e 0 itself: ${nodeMs.toFixed(0)} ms)`,
    `  resident when idle: ${idleBytes === undefined ? "not known here" : `${(idleBytes / 1e6).toFixed(0)} MB`}`,
    "",
  ].join("\n");
}
