import { createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { KeyfoldError } from "../../internal/errors.js";
import type { EngineOptions, RunningEngine } from "../engine.js";
import { isLoopback } from "../net/server.js";
import { commands } from "./commands/table.js";
import { readSettingsFile } from "./config/file.js";
import type { LogFiles } from "./persistence/append-log.js";
import { Persistence } from "./persistence/persistence.js";
import { Session } from "./protocol/session.js";
import { RedisServer } from "./state.js";

/** How often what is due is looked for: expired keys, waits, limits. */
const cronMs = 100;
/** How long one round of expiry may take before clients get their turn. */
const expiryBudgetMs = 10;

/** Closes those clients that hold most, until all together are within the limit. */
function evictClients(server: RedisServer, limit: number): void {
  const held = [...server.clients.values()].map((client) => ({
    client,
    bytes: 2048 + (client.transport?.bufferBytes ?? 0) + (client.transport?.unsentBytes ?? 0),
  }));
  let sum = held.reduce((total, { bytes }) => total + bytes, 0);
  held.sort((x, y) => y.bytes - x.bytes);
  for (const { client, bytes } of held) {
    if (sum <= limit) return;
    if (client.noEvict) continue;
    client.transport?.destroy();
    server.stats.evictedClients++;
    sum -= bytes;
  }
}

/** What goes on without a request: keys expire, waits end, idle clients are closed. */
function cron(server: RedisServer): void {
  server.now = server.clock.now();
  server.stats.sample(server.now);
  server.checkPause();
  if (server.activeExpiry && !server.expiryPaused && server.busy === undefined) {
    const started = performance.now();
    let expired = false;
    for (const db of server.dbs) {
      if (db.expiries.size === 0) continue;
      let entry = db.expiries.due(server.now);
      let count = 0;
      while (entry !== undefined) {
        db.expire(entry);
        expired = true;
        if ((++count & 63) === 0 && performance.now() - started > expiryBudgetMs) break;
        entry = db.expiries.due(server.now);
      }
    }
    if (expired) {
      server.latency.add("expire-cycle", performance.now() - started);
      server.tracking.flushBroadcasts();
    }
  }
  server.persistence?.cron();
  for (const client of server.blocking.clients) if (client.blocked?.deadline) server.blocking.expire(client);
  const { timeout, maxmemoryClients } = server.config;
  if (maxmemoryClients > 0) evictClients(server, maxmemoryClients);
  for (const client of server.clients.values()) {
    if (client.softLimitSince !== 0 || (client.transport?.unsentBytes ?? 0) > 0) server.checkOutputLimit(client);
    if (timeout > 0 && !client.subscribed && !client.monitor && client.blocked === undefined) {
      if (server.now - client.lastInteraction > timeout * 1000) client.transport?.destroy();
    }
  }
  server.flushNow();
}

/**
 * Starts an embedded Redis 7.2: any client library connects to its port unchanged. Throws a {@link KeyfoldError} when
 * the address is taken, or is open to other machines without credentials.
 */
export async function startRedis(options: EngineOptions): Promise<RunningEngine> {
  const { engine } = await openRedis(options);
  return engine;
}

/** {@link startRedis} with the server behind it: for what is attached to it (scripts, persistence) and for tests. */
export async function openRedis(
  options: EngineOptions,
  files?: LogFiles,
): Promise<{ engine: RunningEngine; server: RedisServer }> {
  const host = options.host ?? "127.0.0.1";
  if (options.auth === undefined && !isLoopback(host)) {
    throw new KeyfoldError("INPUT_INVALID", `An engine without credentials serves this machine alone, not ${host}.`, {
      fix: "Give credentials (auth: { user, password }) or leave the host at 127.0.0.1.",
    });
  }
  const dataDir = options.dataDir === undefined ? undefined : resolve(options.dataDir);
  const settingsPath = dataDir === undefined ? undefined : join(dataDir, "redis.conf");
  const kept = settingsPath === undefined ? undefined : readSettingsFile(settingsPath);
  const server = new RedisServer({
    clock: options.clock ?? { now: () => Date.now() },
    random: options.random ?? Math.random,
    intercept: options.intercept,
    auth: options.auth,
    commands: commands(),
    log: options.log,
    settings: {
      appendonly: dataDir === undefined ? "no" : "yes",
      ...kept?.settings,
      bind: host,
      dir: dataDir ?? process.cwd(),
    },
    settingsPath,
  });
  for (const [name, password] of kept?.users ?? []) if (!server.users.has(name)) server.users.set(name, password);
  const persistence = dataDir === undefined ? undefined : await Persistence.open(server, dataDir, files);
  const listener = createServer({ noDelay: true, allowHalfOpen: false, pauseOnConnect: true }, (socket) => {
    if (server.clients.size >= server.config.maxclients) {
      server.stats.rejectedConnections++;
      socket.on("error", () => {});
      socket.end("-ERR max number of clients reached\r\n");
      return;
    }
    new Session(server, socket);
  });
  try {
    await listen(listener, host, options.port ?? 0);
  } catch (error) {
    await persistence?.close(false);
    throw error;
  }
  const { port } = listener.address() as { port: number };
  server.port = port;
  server.listening(port);
  const timer = setInterval(() => cron(server), cronMs);
  timer.unref();
  let closing: Promise<void> | undefined;
  const end = async (save: boolean | undefined): Promise<void> => {
    clearInterval(timer);
    server.busy?.kill();
    server.unpause();
    const closed = new Promise<void>((done) => listener.close(() => done()));
    for (const client of [...server.clients.values()]) client.transport?.destroy();
    await closed;
    await persistence?.close(save);
  };
  const close = (save?: boolean): Promise<void> => {
    closing ??= end(save);
    return closing;
  };
  server.onShutdown = () => void close(false);
  const shownHost = host === "localhost" || isLoopback(host) ? host : "127.0.0.1";
  const login =
    options.auth === undefined
      ? ""
      : `${encodeURIComponent(options.auth.user)}:${encodeURIComponent(options.auth.password)}@`;
  const engine: RunningEngine = {
    engine: "redis",
    url: `redis://${login}${shownHost}:${port}`,
    port,
    reset: async () => server.resetAll(),
    close: () => close(),
  };
  return { engine, server };
}

function listen(listener: Server, host: string, port: number): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen({ host, port, backlog: 1024 }, () => {
      listener.off("error", reject);
      resolve();
    });
  }).catch((error: NodeJS.ErrnoException) => {
    throw new KeyfoldError("UNAVAILABLE", `Cannot listen on ${host}:${port}: ${error.message}`, {
      cause: error,
      ...(error.code === "EADDRINUSE" ? { fix: "Stop what uses this port, or choose another one." } : {}),
    });
  });
}
