import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startEngines } from "keyfold/testing";
import { contacts } from "./clients.js";

/** Three nodes that a test may kill: the embedded ones, or real ones. */
export interface Ring {
  readonly hosts: readonly string[];
  readonly port: number;
  /** How long its coordinators may take to notice that a node is gone, in milliseconds. */
  readonly noticesWithinMs: number;
  /** Ends nodes at once, as SIGKILL does; they are numbered from 1. */
  kill(...nodes: readonly number[]): Promise<void>;
  /** Starts what was killed again, and waits until all nodes know each other. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Set by `npm run test:real -- cassandra3`: the nodes' URL, and the folder in which scripts/real-engines/cassandra-ring.mjs
 * keeps the ids of their processes.
 */
const url = process.env["KEYFOLD_TEST_CASSANDRA_RING_URL"];
const folder = process.env["KEYFOLD_TEST_CASSANDRA_RING_FOLDER"];

/** The real ring where there is one, else an embedded one. */
export async function startRing(): Promise<Ring> {
  return url === undefined || folder === undefined ? embeddedRing() : realRing(url, folder);
}

async function embeddedRing(): Promise<Ring> {
  const engines = await startEngines({ cassandra: { nodes: 3, readTimeoutMs: 500, writeTimeoutMs: 500 } });
  const killed = new Set<number>();
  return {
    ...contacts(engines.cassandra.url),
    noticesWithinMs: 0,
    async kill(...nodes) {
      for (const node of nodes) {
        killed.add(node);
        await engines.cassandra.node(node).stop();
      }
    },
    async restore() {
      for (const node of killed) await engines.cassandra.node(node).start();
      killed.clear();
    },
    close: () => engines.close(),
  };
}

async function realRing(at: string, data: string): Promise<Ring> {
  const file = join(data, "ring.json");
  const ids = async () => JSON.parse(await readFile(file, "utf8")) as { ring: number; nodes: number[] };
  return {
    ...contacts(at),
    noticesWithinMs: 30_000,
    async kill(...nodes) {
      const { nodes: pids } = await ids();
      for (const node of nodes) process.kill(pids[node - 1]!, "SIGKILL");
    },
    async restore() {
      const before = await ids();
      process.kill(before.ring, "SIGUSR2");
      for (;;) {
        await setTimeout(200);
        const now = await ids().catch(() => undefined);
        if (now !== undefined && String(now.nodes) !== String(before.nodes)) return;
      }
    },
    async close() {},
  };
}
