import type { Client } from "../client.js";
import type { Database } from "../data/database.js";
import { sizeOfEntry } from "../data/entry.js";
import { globMatch } from "../data/glob.js";
import { busyError } from "../execute.js";
import { info as infoText } from "../info/info.js";
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
import { deadline, long } from "./arguments.js";
import { NO_FILES } from "./durability.js";
import { databaseAt } from "./generic.js";

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
    const held = { map: first.map, expiries: first.expiries };
    first.map = second.map;
    first.expiries = second.expiries;
    second.map = held.map;
    second.expiries = held.expiries;
    for (const db of [first, second]) {
      for (const key of db.waiting.keys()) if (db.map.has(key)) c.server.keyReady(db, key);
    }
  }
  c.server.dirty++;
  return OK;
}

export function monitor(c: Client): Reply {
  if (c.denyBlocking) return err("MONITOR isn't allowed for DENY BLOCKING client");
  c.monitor = true;
  c.server.monitors.add(c);
  return OK;
}

export function role(): Reply {
  return ["master", 0, []];
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
