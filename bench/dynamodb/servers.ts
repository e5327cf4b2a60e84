import { type ServerProcess, startServer } from "../harness/processes.js";
import { ask } from "./http-load.js";

/** The embedded engine in a process of its own, as `keyfold dev` starts it. */
export function startEmbedded(dataDir?: string): Promise<ServerProcess> {
  const data = dataDir === undefined ? [] : ["--data", dataDir];
  return startServer(
    "keyfold",
    process.execPath,
    ["dist/cli/main.js", "dev", "--only", "dynamodb", "--any-port", "--json", ...data],
    (line) => /"dynamodb":"(http:[^"]+)"/.exec(line)?.[1],
  );
}

/** A peer that `npm run engine` knows. */
export function startPeer(name: "dynalite" | "moto"): Promise<ServerProcess> {
  return startServer(
    name,
    process.execPath,
    ["scripts/real-engine.mjs", name, "--port", "0"],
    (line) => /http:\/\/\S+/.exec(line)?.[0],
  );
}

export async function ping(port: number): Promise<void> {
  await ask(port, "ListTables", {});
}
