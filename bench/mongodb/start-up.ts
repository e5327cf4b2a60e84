import { spawnSync } from "node:child_process";
import { startServer } from "../harness/processes.js";
import { median } from "../harness/rounds.js";
import { commandFrame, WireLoad } from "./wire-load.js";

export interface StartUp {
  /** Median milliseconds from spawn to the first answered ping, less the median of `node -e 0`. */
  readonly beyondNodeMs: number;
  readonly nodeMs: number;
  /** Median resident memory half a second after that ping, bytes. */
  readonly idleBytes: number | undefined;
}

/** Starts `keyfold dev --only mongodb` again and again, each time beside a bare node. */
export async function startUp(rounds = 9): Promise<StartUp> {
  const bare: number[] = [];
  const served: number[] = [];
  const resident: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const bareStart = performance.now();
    spawnSync(process.execPath, ["-e", "0"]);
    bare.push(performance.now() - bareStart);

    const start = performance.now();
    const server = await startEmbedded();
    const load = await WireLoad.open(server.port, 1);
    await load.send([commandFrame({ ping: 1, $db: "admin" })]);
    served.push(performance.now() - start);
    load.close();
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

/** The embedded engine as a user starts it, in memory unless a folder is given. */
export function startEmbedded(dataDir?: string) {
  return startServer(
    "keyfold embedded",
    process.execPath,
    [
      "dist/cli/main.js",
      "dev",
      "--only",
      "mongodb",
      "--any-port",
      "--json",
      ...(dataDir === undefined ? [] : ["--data", dataDir]),
    ],
    (line) => (line.startsWith("{") ? (JSON.parse(line) as { mongodb?: string }).mongodb : undefined),
  );
}
