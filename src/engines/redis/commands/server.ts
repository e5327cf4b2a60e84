import type { Client } from "../client.js";
import { Config } from "../config/config.js";
import type { Setting } from "../config/settings.js";
import type { Database } from "../data/database.js";
import { sizeOfEntry } from "../data/entry.js";
import { globMatch, isLiteral } from "../data/glob.js";
import { busyError } from "../execute.js";
import { allCommands, human, info as infoText } from "../info/info.js";
import { reloadData } from "../persistence/rdb-file.js";
import {
  Double,
  ErrorReply,
  err,
  NO_REPLY,
  OK,
  type Reply,
  ReplyMap,
  Status,
  SYNTAX,
  Verbatim,
} from "../protocol/reply.js";
import { deadline, long, longIn } from "./arguments.js";
import { databaseAt, help } from "./generic.js";

export function info(c: Client, a: string[]): Reply {
  return new Verbatim(infoText(c.server, a.slice(1)));
}

export function dbsize(c: Client): Reply {
  return c.db.size;
}

export function time(c: Client): Reply {
  const micros = c.server.microseconds();
  const seconds = Math.floor(micros / 1e6);
  return [String(seconds), String(micros - seconds * 1e6)];
}

/** Empties a database: those who watch or track its keys are told. */
function empty(c: Client, db: Database): number {
  const { server } = c;
  if (db.watched.size !== 0) {
    for (const [key, clients] of db.watched) {
      if (!db.map.has(key)) continue;
      for (const client of clients) client.watchTouched(db, key);
    }
  }
  if (db.waiting.size !== 0) for (const key of db.waiting.keys()) if (db.map.has(key)) server.keyReady(db, key);
  return db.clear();
}

function flushOption(a: string[]): void {
  if (a.length > 2) throw SYNTAX;
  const mode = a[1]?.toUpperCase();
  if (mode !== undefined && mode !== "SYNC" && mode !== "ASYNC") throw SYNTAX;
}

export function flushdb(c: Client, a: string[]): Reply {
  flushOption(a);
  c.server.dirty += empty(c, c.db);
  c.server.dirty++;
  if (c.server.tracking.active) c.server.tracking.invalidateAll();
  return OK;
}

export function flushall(c: Client, a: string[]): Reply {
  flushOption(a);
  for (const db of c.server.dbs) c.server.dirty += empty(c, db);
  c.server.dirty++;
  if (c.server.tracking.active) c.server.tracking.invalidateAll();
  return OK;
}

export function swapdb(c: Client, a: string[]): Reply {
  const first = databaseAt(c, a[1]!, err("invalid first DB index"));
  const second = databaseAt(c, a[2]!, err("invalid second DB index"));
  if (first !== second) {
    // Clients stay with their number; only what is in the databases changes places.
    for (const db of [first, second]) {
      const other = db === first ? second : first;
      for (const [key, clients] of db.watched) {
        if (db.map.has(key) || other.map.has(key)) for (const client of clients) client.watchFailed = true;
      }
    }
    const held = { map: first.map, expiries: first.expiries, bytes: first.bytes };
    first.map = second.map;
    first.expiries = second.expiries;
    first.bytes = second.bytes;
    second.map = held.map;
    second.expiries = held.expiries;
    second.bytes = held.bytes;
    for (const db of [first, second]) {
      for (const key of db.waiting.keys()) if (db.map.has(key)) c.server.keyReady(db, key);
    }
  }
  c.server.dirty++;
  return OK;
}

export function configGet(c: Client, a: string[]): Reply {
  const found = new Map<string, string>();
  for (const text of a.slice(2)) {
    const pattern = text.toLowerCase();
    if (isLiteral(pattern)) {
      const setting = Config.find(pattern);
      if (setting !== undefined) found.set(pattern, c.server.config.get(setting));
      continue;
    }
    for (const name of Config.names()) {
      if (globMatch(pattern, name)) found.set(name, c.server.config.get(Config.find(name)!));
    }
  }
  return new ReplyMap([...found].flat());
}

export function configSet(c: Client, a: string[]): Reply {
  if (a.length % 2 !== 0) return SYNTAX;
  const { server } = c;
  const chosen = new Map<Setting, { name: string; value: string }>();
  for (let i = 2; i < a.length; i += 2) {
    const setting = Config.find(a[i]!);
    if (setting === undefined) {
      return err(`Unknown option or number of arguments for CONFIG SET - '${a[i]}'`);
    }
    if (chosen.has(setting)) {
      return err(`CONFIG SET failed (possibly related to argument '${a[i]}') - duplicate parameter`);
    }
    chosen.set(setting, { name: a[i]!, value: a[i + 1]! });
  }
  const values = new Map<Setting, string>();
  for (const [setting, { name, value }] of chosen) {
    try {
      values.set(setting, server.config.check(setting, value));
    } catch (error) {
      return err(`CONFIG SET failed (possibly related to argument '${name}') - ${(error as Error).message}`);
    }
  }
  if (server.persistence === undefined && values.get(Config.find("appendonly")!) === "yes") {
    return err(
      "CONFIG SET failed (possibly related to argument 'appendonly') - this server keeps its data in memory: start it with a data directory",
    );
  }
  server.config.apply(values);
  server.configured();
  return OK;
}

export function configResetstat(c: Client): Reply {
  c.server.stats.reset();
  for (const command of allCommands(c.server)) command.stats.reset();
  return OK;
}

export function configRewrite(c: Client): Reply {
  try {
    return c.server.rewriteSettings() ? OK : err("The server is running without a config file");
  } catch (error) {
    return err(`Rewriting config file: ${(error as Error).message}`);
  }
}

export function configHelp(): Reply {
  return help("CONFIG", [
    "GET <pattern>",
    "    Settings whose names match, and their values.",
    "SET <directive> <value>",
    "    Change a setting.",
    "RESETSTAT",
    "    Begin the figures of INFO anew.",
    "REWRITE",
    "    Write the settings to the configuration file.",
  ]);
}

export function slowlogGet(c: Client, a: string[]): Reply {
  let count = 10;
  if (a.length > 3) return SYNTAX;
  if (a.length === 3) {
    count = longIn(a[2]!, -1, Number.POSITIVE_INFINITY, err("count should be greater than or equal to -1"));
    if (count === -1) count = Number.POSITIVE_INFINITY;
  }
  return c.server.slowlog.calls
    .slice(0, count)
    .map((call) => [call.id, call.time, call.microseconds, [...call.args], call.address, call.name]);
}

export function slowlogLen(c: Client): Reply {
  return c.server.slowlog.calls.length;
}

export function slowlogReset(c: Client): Reply {
  c.server.slowlog.clear();
  return OK;
}

export function slowlogHelp(): Reply {
  return help("SLOWLOG", [
    "GET [<count>]",
    "    The newest entries (default: 10): id, time, microseconds, arguments, client.",
    "LEN",
    "    How many entries there are.",
    "RESET",
    "    Forget them.",
  ]);
}

export function latencyLatest(c: Client): Reply {
  return [...c.server.latency.series].map(([event, { samples, max }]) => {
    const last = samples.at(-1)!;
    return [event, last.time, last.ms, max];
  });
}

export function latencyHistory(c: Client, a: string[]): Reply {
  return (c.server.latency.series.get(a[2]!)?.samples ?? []).map(({ time: at, ms }) => [at, ms]);
}

export function latencyReset(c: Client, a: string[]): Reply {
  const { series } = c.server.latency;
  if (a.length === 2) {
    const count = series.size;
    series.clear();
    return count;
  }
  let count = 0;
  for (const event of a.slice(2)) if (series.delete(event)) count++;
  return count;
}

export function latencyHistogram(c: Client, a: string[]): Reply {
  const all = allCommands(c.server);
  const wanted =
    a.length === 2
      ? all
      : a.slice(2).flatMap((text) => {
          const name = text.toLowerCase();
          const found = all.find(({ fullName }) => fullName === name);
          if (found === undefined) return [];
          return found.subcommands === undefined ? [found] : [...found.subcommands.values()];
        });
  const out: Reply[] = [];
  for (const { fullName, stats } of wanted) {
    if (stats.histogram === undefined) continue;
    const buckets: Reply[] = [];
    let seen = 0;
    stats.histogram.forEach((count, i) => {
      if (count === 0) return;
      seen += count;
      buckets.push(2 ** i, seen);
    });
    out.push(fullName, new ReplyMap(["calls", stats.calls, "histogram_usec", new ReplyMap(buckets)]));
  }
  return new ReplyMap(out);
}

export function latencyDoctor(c: Client): Reply {
  const { series } = c.server.latency;
  if (c.server.config.latencyMonitorThreshold === 0) {
    return new Verbatim(
      'Latency monitoring is off. Turn it on with "CONFIG SET latency-monitor-threshold <milliseconds>".',
    );
  }
  if (series.size === 0) return new Verbatim("No latency spike was seen since the last reset.");
  const lines = [...series].map(
    ([event, { samples, max }]) =>
      `${event}: ${samples.length} latency spikes (average ${Math.round(samples.reduce((sum, s) => sum + s.ms, 0) / samples.length)}ms), worst all time event ${max}ms.`,
  );
  return new Verbatim(lines.join("\n"));
}

export function latencyGraph(c: Client, a: string[]): Reply {
  const series = c.server.latency.series.get(a[2]!);
  if (series === undefined) return err(`No samples available for event '${a[2]}'`);
  const top = Math.max(...series.samples.map(({ ms }) => ms));
  const bars = "_.-'^#";
  const line = series.samples.map(({ ms }) => bars[Math.min(5, Math.floor((ms / (top + 1)) * 6))]).join("");
  return new Verbatim(`${a[2]} - high ${top} ms (all time high ${series.max} ms)\n${"-".repeat(80)}\n${line}\n`);
}

export function latencyHelp(): Reply {
  return help("LATENCY", [
    "DOCTOR",
    "    What the samples tell.",
    "GRAPH <event>",
    "    The samples of an event as a drawing.",
    "HISTORY <event>",
    "    The samples of an event.",
    "LATEST",
    "    The newest sample of each event.",
    "RESET [<event> ...]",
    "    Forget the samples.",
    "HISTOGRAM [<command> ...]",
    "    The distribution of commands' times.",
  ]);
}

export function memoryStats(c: Client): Reply {
  const { server } = c;
  const used = server.usedMemory();
  const data = server.dataBytes();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  let keys = 0;
  const dbs: Reply[] = [];
  for (const db of server.dbs) {
    if (db.size === 0) continue;
    keys += db.size;
    dbs.push(
      `db.${db.index}`,
      new ReplyMap(["overhead.hashtable.main", db.size * 136, "overhead.hashtable.expires", db.expiries.size * 64]),
    );
  }
  return new ReplyMap([
    "peak.allocated",
    Math.max(used, server.stats.peakMemory),
    "total.allocated",
    used,
    "startup.allocated",
    1_000_000,
    "replication.backlog",
    0,
    "clients.slaves",
    0,
    "clients.normal",
    server.clients.size * 2048,
    "cluster.links",
    0,
    "aof.buffer",
    server.persistence?.bufferedBytes ?? 0,
    "lua.caches",
    server.scripting?.info().bytes ?? 0,
    "functions.caches",
    0,
    ...dbs,
    "overhead.total",
    used - data,
    "keys.count",
    keys,
    "keys.bytes-per-key",
    keys === 0 ? 0 : Math.floor(data / keys),
    "dataset.bytes",
    data,
    "dataset.percentage",
    new Double((data / used) * 100),
    "peak.percentage",
    new Double((used / Math.max(used, server.stats.peakMemory)) * 100),
    "allocator.allocated",
    heapUsed,
    "allocator.active",
    heapTotal,
    "allocator.resident",
    rss,
    "fragmentation",
    new Double(rss / used),
    "fragmentation.bytes",
    rss - used,
  ]);
}

export function memoryDoctor(c: Client): Reply {
  const { server } = c;
  const used = server.usedMemory();
  return new Verbatim(
    `The data takes about ${human(server.dataBytes())} of ${human(used)} in use; the process holds ${human(process.memoryUsage().rss)}.`,
  );
}

/** V8 gives memory back by itself; asking it to is possible only when node runs with --expose-gc. */
export function memoryPurge(): Reply {
  (globalThis as { gc?: () => void }).gc?.();
  return OK;
}

export function memoryMallocStats(): Reply {
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  return new Verbatim(`V8 heap: used ${heapUsed}, total ${heapTotal}, external ${external}, resident ${rss}`);
}

export function memoryHelp(): Reply {
  return help("MEMORY", [
    "DOCTOR",
    "    A word about memory.",
    "MALLOC-STATS",
    "    Figures of the allocator.",
    "PURGE",
    "    Ask the allocator to give memory back.",
    "STATS",
    "    Where the memory is.",
    "USAGE <key> [SAMPLES <count>]",
    "    The memory of a key.",
  ]);
}

export function monitor(c: Client): Reply {
  if (c.denyBlocking) return err("MONITOR isn't allowed for DENY BLOCKING client");
  c.monitor = true;
  c.server.monitors.add(c);
  return OK;
}

/** There are no replicas: a wait for some ends with none, at its timeout. */
export function wait(c: Client, a: string[]): Reply {
  const replicas = long(a[1]!);
  const until = timeoutMs(c, a[2]!);
  if (replicas <= 0 || c.denyBlocking) return 0;
  return c.server.blocking.wait(c, {
    kind: "wait",
    keys: [],
    db: c.db,
    deadline: until,
    onTimeout: 0,
    onGone: false,
    args: a,
    command: c.lastCommand!,
  });
}

function timeoutMs(c: Client, text: string): number {
  const ms = long(text, err("timeout is not an integer or out of range"));
  if (ms < 0) throw err("timeout is negative");
  return ms === 0 ? 0 : c.server.now + ms;
}

export function waitaof(c: Client, a: string[]): Reply {
  const local = longIn(a[1]!, 0, 1, err("value is out of range, must be between 0 and 1"));
  const replicas = long(a[2]!);
  const until = timeoutMs(c, a[3]!);
  const { persistence, config } = c.server;
  if (local > 0 && (persistence === undefined || !config.appendonly)) {
    return err("WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  const kept = (): number => (persistence !== undefined && persistence.durableOffset >= c.changedAt ? 1 : 0);
  if ((kept() >= local && replicas <= 0) || c.denyBlocking) return [kept(), 0];
  if (kept() < local) persistence!.syncSoon();
  return c.server.blocking.wait(c, {
    kind: "wait",
    keys: [],
    db: c.db,
    deadline: until,
    onTimeout: () => [kept(), 0],
    ...(replicas <= 0 ? { until: () => (kept() >= local ? [kept(), 0] : undefined) } : {}),
    onGone: false,
    args: a,
    command: c.lastCommand!,
  });
}

export function role(): Reply {
  return ["master", 0, []];
}

const NO_FILES = err("this server keeps its data in memory: start it with a data directory to keep it on disk");

export function save(c: Client): Reply {
  return c.server.persistence?.save() ?? NO_FILES;
}

export function bgsave(c: Client, a: string[]): Reply {
  if (a.length > 2 || (a.length === 2 && a[1]!.toUpperCase() !== "SCHEDULE")) return SYNTAX;
  return c.server.persistence?.backgroundSave(a.length === 2) ?? NO_FILES;
}

export function bgrewriteaof(c: Client): Reply {
  return c.server.persistence?.rewrite() ?? NO_FILES;
}

export function lastsave(c: Client): Reply {
  return c.server.lastSave;
}

export function shutdown(c: Client, a: string[]): Reply {
  const { server } = c;
  const words = new Set(a.slice(1).map((option) => option.toUpperCase()));
  for (const word of words) if (!/^(ABORT|SAVE|NOSAVE|NOW|FORCE)$/.test(word)) return SYNTAX;
  if (words.has("SAVE") && words.has("NOSAVE")) return SYNTAX;
  if (words.has("ABORT")) return words.size > 1 ? SYNTAX : err("No shutdown in progress.");
  // Half of what a script does must not be saved.
  if (server.busy !== undefined && !words.has("NOSAVE")) return busyError(server.busy);
  const failed = err("Errors trying to SHUTDOWN. Check logs.");
  if (server.onShutdown === undefined) return failed;
  if (words.has("SAVE") || (server.config.savePoints.length > 0 && !words.has("NOSAVE"))) {
    const saved = server.persistence?.save() ?? NO_FILES;
    if (saved instanceof ErrorReply && server.persistence !== undefined && !words.has("FORCE")) return failed;
  }
  server.onShutdown();
  return NO_REPLY;
}

export function replicaof(_c: Client, a: string[]): Reply {
  if (a[1]!.toUpperCase() === "NO" && a[2]!.toUpperCase() === "ONE") return OK;
  return err("this server cannot be a replica");
}

const NO_CLUSTER = err("This instance has cluster support disabled");

export function cluster(): Reply {
  return NO_CLUSTER;
}

export function debug(c: Client, a: string[]): Reply {
  const { server } = c;
  const name = a[1]!.toUpperCase();
  if (name === "SLEEP" && a.length === 3) {
    const until = deadline(c, a[2]!);
    while (until > 0 && server.clock.now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(50, until - server.clock.now()));
    }
    return OK;
  }
  if (name === "SET-ACTIVE-EXPIRE" && a.length === 3) {
    server.activeExpiry = a[2] !== "0";
    return OK;
  }
  if (name === "OBJECT" && a.length >= 3) {
    const entry = c.db.peek(a[2]!);
    if (entry === undefined) return err("no such key");
    return new Status(
      `Value at:0x${entry.index.toString(16)} refcount:1 encoding:${"unknown"} serializedlength:${sizeOfEntry(entry)} lru:${entry.access & 0xffffff} lru_seconds_idle:${Math.max(0, Math.floor(server.now / 1000) - entry.access)}`,
    );
  }
  if (name === "STRINGMATCH-LEN" && a.length === 4) return globMatch(a[3]!, "a".repeat(long(a[2]!))) ? 1 : 0;
  if (name === "LOG" && a.length === 3) {
    server.log("debug", a[2]!);
    return OK;
  }
  if (name === "RELOAD" && a.length === 2) {
    reloadData(c);
    return OK;
  }
  if (name === "ERROR" && a.length === 3) return new ErrorReply(a[2]!);
  if (name === "PROTOCOL" && a.length === 3) return protocolExample(a[2]!.toLowerCase());
  return err(`Unknown subcommand or wrong number of arguments for '${a[1]}'. Try DEBUG HELP.`);
}

/** A reply of each kind, for the tests of client libraries. */
function protocolExample(kind: string): Reply {
  switch (kind) {
    case "string":
      return "Hello World";
    case "integer":
      return 12345;
    case "double":
      return new Double(Number("3.141"));
    case "null":
      return null;
    case "array":
      return [0, 1, 2];
    case "map":
      return new ReplyMap([0, false, 1, true, 2, false]);
    case "true":
      return true;
    case "false":
      return false;
    case "verbatim":
      return new Verbatim("This is a verbatim\nstring");
    default:
      return err(
        "Wrong protocol type name. Please use one of the following: string|integer|double|null|array|map|verbatim|true|false",
      );
  }
}
