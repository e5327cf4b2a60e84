import type { EngineOptions, RunningEngine } from "../engine.js";
import { HttpSession } from "../net/http.js";
import { NetServer } from "../net/server.js";
import { MemoryStore } from "../storage/memory-store.js";
import type { Store } from "../storage/store.js";
import type { Engine } from "./commands/operation.js";
import { resumeBackfills } from "./data/backfill.js";
import { Catalog } from "./data/catalog.js";
import { Housekeeping } from "./data/housekeeping.js";
import { usualShardMs } from "./data/shards.js";
import { Throttle } from "./data/throttle.js";
import { Service } from "./protocol/service.js";

/** The embedded DynamoDB engine, with what only its tests need. */
export interface RunningDynamodb extends RunningEngine {
  /** Deletes items whose time is over now; tells how many. It also happens by itself, a second after they expire. */
  expire(): Promise<number>;
}

/**
 * Starts the embedded DynamoDB engine: tables, items, transactions, indexes and streams at one address.
 *
 * @throws KeyfoldError `UNAVAILABLE` when the address is taken, `INPUT_INVALID` when it is open to others without
 *   credentials.
 * @example
 * ```ts
 * const engine = await startDynamodb({});
 * const client = new DynamoDBClient({ endpoint: engine.url, region: "us-east-1", credentials });
 * // …
 * await engine.close();
 * ```
 */
export async function startDynamodb(options: EngineOptions = {}): Promise<RunningDynamodb> {
  const clock = options.clock ?? { now: () => Date.now() };
  const store = await openStore(options.dataDir);
  const catalog = new Catalog(store, { now: () => clock.now(), shardMs: options.streamShardMs ?? usualShardMs });
  const host = options.host ?? "127.0.0.1";
  let net: NetServer | undefined;
  const engine: Engine = {
    catalog,
    clock,
    random: options.random ?? Math.random,
    address: () => `${advertised(host)}:${net!.port}`,
    throttle: options.throughput === true ? new Throttle(clock) : undefined,
  };
  const service = new Service({
    engine,
    credentials: options.auth,
    intercept: options.intercept,
    clock,
    overloaded: (bytes) => net!.overloaded(bytes),
  });
  try {
    net = await NetServer.listen({
      host,
      port: options.port,
      authenticated: options.auth !== undefined,
      open: (connection) => new HttpSession(connection, service),
    });
  } catch (error) {
    await store.close();
    throw error;
  }
  const server = net;
  resumeBackfills(catalog);
  const housekeeping = new Housekeeping(catalog, clock);
  housekeeping.start();
  const login =
    options.auth === undefined
      ? ""
      : `${encodeURIComponent(options.auth.user)}:${encodeURIComponent(options.auth.password)}@`;
  return {
    engine: "dynamodb",
    url: `http://${login}${engine.address()}`,
    port: server.port,
    expire: () => housekeeping.run(),
    async reset() {
      await catalog.clear();
      engine.throttle?.reset();
    },
    async close() {
      housekeeping.stop();
      await server.close();
      await catalog.close();
      await store.close();
    },
  };
}

/** The host that clients are told; where the server listens everywhere, this machine. */
function advertised(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  if (host.includes(":") && !host.startsWith("[")) return `[${host}]`;
  return host;
}

async function openStore(dataDir: string | undefined): Promise<Store> {
  if (dataDir === undefined) return new MemoryStore();
  const { LmdbStore } = await import("../storage/lmdb-store.js");
  return LmdbStore.open(dataDir);
}
