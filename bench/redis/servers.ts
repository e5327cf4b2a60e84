import { type ServerProcess, startServer } from "../harness/processes.js";

/** The embedded engine as a user starts it, in memory. */
export function startEmbedded(): Promise<ServerProcess> {
  return startServer(
    "keyfold embedded",
    process.execPath,
    ["dist/cli/main.js", "dev", "--only", "redis", "--any-port", "--json"],
    (line) => (line.startsWith("{") ? (JSON.parse(line) as { redis?: string }).redis : undefined),
  );
}

/** Redis 8.2 from the package registries. */
export async function startPeer(): Promise<ServerProcess> {
  return startServer(
    "redis-server 8.2",
    process.execPath,
    ["scripts/real-engine.mjs", "redis", "--port", "0"],
    (line) => /redis:\/\/\S+/.exec(line)?.[0],
  );
}
