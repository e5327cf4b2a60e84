import type { EngineOptions, RunningEngine } from "../engine.js";
import { isLoopback, NetServer } from "../net/server.js";
import { MemoryStore } from "../storage/memory-store.js";
import type { Store } from "../storage/store.js";
import type { Engine, OperationCounters } from "./commands/command.js";
import { replicaSetName } from "./commands/handshake.js";
import { Scram } from "./commands/scram.js";
import { findCommand } from "./commands/table.js";
import { Catalog } from "./data/catalog.js";
import { ClusterTime } from "./data/cluster-time.js";
import { Cursors } from "./data/cursors.js";
import { Sessions } from "./data/sessions.js";
import { TtlMonitor } from "./data/ttl.js";
import { type InFlight, MongoSession } from "./protocol/session.js";

/** The embedded MongoDB engine, with what only its tests need. */
export interface RunningMongodb extends RunningEngine {
  /** Deletes what is expired now; tells how many documents that were. It also happens by itself, once a minute. */
  expire(): Promise<number>;
}

function noCounts(): OperationCounters {
  return {
    insert: 0,
    query: 0,
    update: 0,
    delete: 0,
    getmore: 0,
    command: 0,
    bytesIn: 0,
    bytesOut: 0,
    requests: 0,
    documentsInserted: 0,
    documentsReturned: 0,
    documentsUpdated: 0,
    documentsDeleted: 0,
    keysScanned: 0,
    documentsScanned: 0,
    ttlDeleted: 0,
    ttlPasses: 0,
  };
}

/**
 * Starts the embedded MongoDB engine: a one-node replica set that the official drivers take for MongoDB 7.0.
 *
 * @example
 * ```ts
 * const engine = await startMongodb({});
 * const client = new MongoClient(engine.url);
 * // …
 * await engine.close();
 * ```
 */
export async function startMongodb(options: EngineOptions = {}): Promise<RunningMongodb> {
  const clock = options.clock ?? { now: () => Date.now() };
  const random = options.random ?? Math.random;
  const store = await openStore(options.dataDir);
  const scram = options.auth === undefined ? undefined : new Scram(options.auth);
  const clusterTime = new ClusterTime(clock);
  const host = options.host ?? "127.0.0.1";
  const inFlight: InFlight = { bytes: 0 };
  let net: NetServer | undefined;
  const catalog = new Catalog(store, clusterTime, () => clock.now());
  const engine: Engine = {
    store,
    catalog,
    sessions: new Sessions(store, clock),
    cursors: new Cursors(clock, random),
    clusterTime,
    clock,
    random,
    scram,
    address: () => `${advertised(host)}:${net!.port}`,
    net: () => net!,
    startedAt: clock.now(),
    counters: noCounts(),
    findCommand,
    pendingCatalog: undefined,
  };
  if (store.durable) {
    catalog.onChange = () => {
      const settled = store.committed();
      engine.pendingCatalog = settled;
      const done = (): void => {
        if (engine.pendingCatalog === settled) engine.pendingCatalog = undefined;
      };
      settled.then(done, done);
    };
  }
  const ttl = new TtlMonitor(engine);
  try {
    net = await NetServer.listen({
      host,
      port: options.port,
      authenticated: scram !== undefined,
      open: (connection) => new MongoSession(connection, engine, options.intercept, inFlight),
    });
  } catch (error) {
    await store.close();
    throw error;
  }
  const server = net;
  ttl.start();
  const login =
    options.auth === undefined
      ? ""
      : `${encodeURIComponent(options.auth.user)}:${encodeURIComponent(options.auth.password)}@`;
  return {
    engine: "mongodb",
    url: `mongodb://${login}${advertised(host)}:${server.port}/?replicaSet=${replicaSetName}${login === "" ? "" : "&authSource=admin"}`,
    port: server.port,
    expire: async () => ttl.run(),
    async reset() {
      engine.cursors.clear();
      for (const collection of catalog.allCollections()) collection.dropped = true;
      await store.clear();
      catalog.load();
      engine.sessions.clear();
      Object.assign(engine.counters, noCounts());
    },
    async close() {
      ttl.stop();
      await server.close();
      await store.close();
    },
  };
}

/** The host that clients are told; where the server listens everywhere, this machine. */
function advertised(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  if (host.includes(":")) return `[${host}]`;
  return isLoopback(host) ? host : host;
}

async function openStore(dataDir: string | undefined): Promise<Store> {
  if (dataDir === undefined) return new MemoryStore();
  const { LmdbStore } = await import("../storage/lmdb-store.js");
  return LmdbStore.open(dataDir);
}
