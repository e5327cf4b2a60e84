import { KeyfoldError } from "../../internal/errors.js";
import type { EngineOptions, RunningEngine } from "../engine.js";
import { NetServer } from "../net/server.js";
import { MemoryStore } from "../storage/memory-store.js";
import type { Store } from "../storage/store.js";
import { Cluster } from "./cluster/cluster.js";
import { Node } from "./cluster/node.js";
import { LocalReader, type Reader } from "./cluster/reader.js";
import { ListPositions } from "./data/list-positions.js";
import type { Engine } from "./execute.js";
import { writeSchemaChange } from "./protocol/encode.js";
import type { Output } from "./protocol/output.js";
import { CqlSession } from "./protocol/session.js";
import { Catalog, type SchemaChange } from "./schema/catalog.js";
import { changesOf, isVolatile, systemRows } from "./schema/system-rows.js";
import type { Table } from "./schema/table.js";
import { ServerState } from "./server-state.js";
import { parseInet } from "./types/native.js";
import { TimeUuids } from "./types/time.js";

export interface CassandraOptions extends EngineOptions {
  /** Nodes of the cluster, from 1 to 9: the first on `host`, the others on the addresses after it. Default 1. */
  readonly nodes?: number;
  /** How long a coordinator waits for replicas, in milliseconds. Default 5000. */
  readonly readTimeoutMs?: number;
  /** How long a coordinator waits for acknowledgements, in milliseconds. Default 2000. */
  readonly writeTimeoutMs?: number;
  /** Whether coordinators keep what a node that is away misses, and hand it over when it is back. Default true. */
  readonly hints?: boolean;
}

/** What a test can do to a node. */
export type NodeAction = "stop" | "start" | "pause" | "resume" | "cut-off" | "reconnect" | { readonly slowMs: number };

/** The embedded Cassandra engine, with what only its tests need. */
export interface RunningCassandra extends RunningEngine {
  /** Gives back what ended or was deleted longer ago than gc_grace_seconds. */
  expire(): Promise<void>;
  /** Does something to a node; nodes are numbered from 1. */
  control(node: number, action: NodeAction): Promise<void>;
  /** Makes all replicas have what any of them has, as `nodetool repair` does. */
  repair(): Promise<void>;
}

const clusterName = "keyfold";
const mostNodes = 9;
const mostBytes = 512 * 1024 * 1024;
const sweepMs = 60_000;
const sweptAtOnce = 1000;

function addressOf(first: string, index: number): string {
  if (index === 0) return first;
  const parts = first.split(".");
  return [...parts.slice(0, 3), Number(parts[3]) + index].join(".");
}

function cannotListen(host: string, cause: unknown): unknown {
  const code = (cause as { cause?: NodeJS.ErrnoException }).cause?.code;
  if (code !== "EADDRNOTAVAIL") return cause;
  return new KeyfoldError(
    "UNAVAILABLE",
    `This machine has no address ${host}, on which a node of the cluster is to listen.`,
    {
      cause,
      fix:
        process.platform === "darwin" ? `sudo ifconfig lo0 alias ${host} up` : `sudo ip address add ${host}/8 dev lo`,
    },
  );
}

async function openStore(dataDir: string | undefined, index: number): Promise<Store> {
  if (dataDir === undefined) return new MemoryStore();
  const { LmdbStore } = await import("../storage/lmdb-store.js");
  const { join } = await import("node:path");
  return LmdbStore.open(index === 0 ? dataDir : join(dataDir, `node${index + 1}`));
}

/** All listeners on one port: drivers look for every node on the port that they were told. */
async function listenAll(
  hosts: readonly string[],
  port: number,
  listen: (index: number, port: number) => Promise<NetServer>,
): Promise<NetServer[]> {
  for (let attempt = 0; ; attempt++) {
    const servers: NetServer[] = [];
    try {
      for (let index = 0; index < hosts.length; index++)
        servers.push(await listen(index, index === 0 ? port : servers[0]!.port));
      return servers;
    } catch (error) {
      await Promise.all(servers.map((server) => server.close()));
      const code = (error as { cause?: NodeJS.ErrnoException }).cause?.code;
      if (port === 0 && servers.length > 0 && code === "EADDRINUSE" && attempt < 20) continue;
      throw cannotListen(hosts[servers.length]!, error);
    }
  }
}

/**
 * Starts the embedded Cassandra engine: one node, or a cluster of them in this process, which drivers take for
 * Apache Cassandra 5.0.
 *
 * @throws KeyfoldError `UNAVAILABLE` when an address is taken or missing, `INPUT_INVALID` for options that cannot be.
 */
export async function startCassandra(options: CassandraOptions = {}): Promise<RunningCassandra> {
  const clock = options.clock ?? { now: () => Date.now() };
  const random = options.random ?? Math.random;
  const host = options.host ?? "127.0.0.1";
  const count = options.nodes ?? 1;
  if (!Number.isInteger(count) || count < 1 || count > mostNodes)
    throw new KeyfoldError("INPUT_INVALID", `A cluster has from 1 to ${mostNodes} nodes, not ${count}.`);
  if (count > 1 && !/^127\.\d+\.\d+\.\d+$/.test(host))
    throw new KeyfoldError("INPUT_INVALID", `A cluster listens on addresses that begin with 127., not on ${host}.`);
  const advertised = /^\d+\.\d+\.\d+\.\d+$/.test(host) && host !== "0.0.0.0" ? host : "127.0.0.1";
  const hosts = Array.from({ length: count }, (_, index) => (count === 1 ? host : addressOf(host, index)));
  const stores: Store[] = [];
  let servers: NetServer[] = [];
  try {
    for (let index = 0; index < count; index++) stores.push(await openStore(options.dataDir, index));
    const nodes = stores.map((store, index) => new Node(index, count, index === 0 ? advertised : hosts[index]!, store));
    const catalog = new Catalog(stores[0]!);
    const now = () => clock.now();
    const cluster = new Cluster(nodes, (name) => catalog.keyspace(name), {
      readTimeoutMs: options.readTimeoutMs ?? 5000,
      writeTimeoutMs: options.writeTimeoutMs ?? 2000,
      hints: options.hints ?? true,
      now,
    });
    const uuids = new TimeUuids(now, random);
    const positions = new ListPositions(now);
    let lastTimestamp = 0;
    let port = 0;
    const engine: Engine = {
      catalog,
      cluster,
      clusterName,
      now,
      random,
      timeUuid: () => uuids.next(),
      before: () => positions.next(),
      nextTimestamp: () => {
        lastTimestamp = Math.max(lastTimestamp + 1, now() * 1000);
        return lastTimestamp;
      },
      systemReader: (node, table) => systemReader(node, table),
    };
    const state = new ServerState(engine, options.auth, mostBytes);
    const built = new Map<string, number>();
    const systemReader = (node: Node, table: Table): Reader => {
      const { system } = node;
      const key = `${node.index} ${table.fullName}`;
      if (isVolatile(table) || built.get(key) !== catalog.changes) {
        const rows = systemRows(table, {
          catalog,
          nodes,
          self: node,
          port,
          clusterName,
          clients: () => state.clients(),
          traces: () => state.traces(),
        });
        void system.store.write(() => {
          system.truncate(table);
          for (const change of changesOf(table, rows)) system.apply(change, 0);
        });
        built.set(key, catalog.changes);
      }
      return new LocalReader(system, table);
    };
    const tell = (kind: string, except: Node | undefined, write: (to: Output) => void): void => {
      for (const session of state.sessions) if (session.node !== except) session.tell(kind, write);
    };
    catalog.onChange = (change: SchemaChange) =>
      tell("SCHEMA_CHANGE", undefined, (to) => writeSchemaChange(to, change));
    const open = (index: number, at: number): Promise<NetServer> =>
      NetServer.listen({
        host: hosts[index]!,
        port: at,
        authenticated: options.auth !== undefined,
        open: (connection) => new CqlSession(connection, nodes[index]!, state, options.intercept),
      });
    servers = await listenAll(hosts, options.port ?? 0, open);
    port = servers[0]!.port;

    const status = (node: Node, what: "UP" | "DOWN"): void =>
      tell("STATUS_CHANGE", node, (to) => {
        to.string(what);
        const address = parseInet(node.host);
        to.byte(address.length);
        to.raw(address);
        to.int(port);
      });
    const control = async (number: number, action: NodeAction): Promise<void> => {
      const node = nodes[number - 1];
      if (node === undefined)
        throw new KeyfoldError("INPUT_INVALID", `There is no node ${number}: the cluster has ${count}, from 1.`);
      if (typeof action === "object") {
        node.slowMs = action.slowMs;
        return;
      }
      switch (action) {
        case "stop": {
          if (!node.isUp) return;
          node.isUp = false;
          node.forget();
          node.isPaused = false;
          await servers[node.index]!.close();
          status(node, "DOWN");
          return;
        }
        case "start": {
          if (node.isUp) return;
          servers[node.index] = await open(node.index, port);
          node.isUp = true;
          status(node, "UP");
          await cluster.deliverHints();
          return;
        }
        case "pause":
          node.isPaused = true;
          return;
        case "resume":
          node.resume();
          await cluster.deliverHints();
          return;
        case "cut-off":
          node.isCutOff = true;
          status(node, "DOWN");
          return;
        case "reconnect":
          node.isCutOff = false;
          status(node, "UP");
          await cluster.deliverHints();
          return;
        default: {
          const never: never = action;
          throw new Error(`not an action: ${String(never)}`);
        }
      }
    };
    const tables = function* (): Generator<Table> {
      for (const keyspace of catalog.keyspaces()) yield* keyspace.tables.values();
    };
    const expire = async (): Promise<void> => {
      const at = Math.floor(now() / 1000);
      for (const table of tables()) {
        if (table.isVirtual) continue;
        for (const { replica } of nodes) {
          let from: string | undefined;
          do {
            from = await replica.store.write(() => replica.sweep(table, at, from, sweptAtOnce));
            await new Promise((resolve) => setImmediate(resolve));
          } while (from !== undefined);
        }
      }
    };
    const timer = setInterval(() => void expire().catch(() => {}), sweepMs);
    timer.unref();
    const login =
      options.auth === undefined
        ? ""
        : `${encodeURIComponent(options.auth.user)}:${encodeURIComponent(options.auth.password)}@`;
    const contacts = nodes.map((node) => node.host).join(",");
    return {
      engine: "cassandra",
      url: `cassandra://${login}${contacts}:${port}?dc=datacenter1`,
      port,
      expire,
      control,
      repair: () => cluster.repair(tables()),
      async reset() {
        for (const node of nodes) {
          node.isCutOff = false;
          node.slowMs = 0;
          node.resume();
          node.hints.clear();
          if (!node.isUp) await control(node.index + 1, "start");
          await node.replica.store.clear();
          node.replica.forget();
        }
        catalog.load();
        state.forget();
        built.clear();
      },
      async close() {
        clearInterval(timer);
        for (const node of nodes) node.resume();
        await Promise.all(nodes.map((node) => (node.isUp ? servers[node.index]!.close() : undefined)));
        await Promise.all(stores.map((store) => store.close()));
      },
    };
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all(stores.map((store) => store.close()));
    throw error;
  }
}
