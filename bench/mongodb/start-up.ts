import { startServer } from "../harness/processes.js";
import { commandFrame, WireLoad } from "./wire-load.js";

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

/** One answered ping. */
export async function ping(port: number): Promise<void> {
  const load = await WireLoad.open(port, 1);
  await load.send([commandFrame({ ping: 1, $db: "admin" })]);
  load.close();
}
