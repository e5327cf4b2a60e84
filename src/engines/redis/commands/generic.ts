import type { Client } from "../client.js";
import { copyValue } from "../data/copy.js";
import { type Database, NOTIFY_GENERIC } from "../data/database.js";
import { encodingOf, sizeOfEntry, typeNames } from "../data/entry.js";
import { idleSeconds, lfuCounter } from "../data/eviction.js";
import { globMatch } from "../data/glob.js";
import { scanDown } from "../data/hash.js";
import { INT64_MAX, INT64_MIN } from "../data/numbers.js";
import { type ErrorReply, err, NO_SUCH_KEY, OK, type Reply, Status, SYNTAX } from "../protocol/reply.js";
import { int64, long, longIn } from "./arguments.js";
import { invalidExpire } from "./expire-options.js";
import { listIsListpack } from "./list.js";

const NOT_LFU = err(
  "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);
const NOT_LRU = err(
  "An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

export function del(c: Client, a: string[]): Reply {
  const { db, server } = c;
  let count = 0;
  for (let i = 1; i < a.length; i++) {
    const entry = db.peek(a[i]!);
    if (entry === undefined) continue;
    db.delete(entry);
    db.signal(a[i]!, c);
    server.notify(NOTIFY_GENERIC, "del", a[i]!, db);
    server.dirty++;
    count++;
  }
  return count;
}

/** What is unlinked is freed by the garbage collector, in its own time; Redis counts what it frees in the background. */
export function unlink(c: Client, a: string[]): Reply {
  for (let i = 1; i < a.length; i++) {
    const entry = c.db.peek(a[i]!);
    if (entry !== undefined && entry.bytes > 4096 && entry.type !== 0) c.server.stats.lazyFreed++;
  }
  return del(c, a);
}

export function exists(c: Client, a: string[]): Reply {
  let count = 0;
  for (let i = 1; i < a.length; i++) if (c.db.look(a[i]!) !== undefined) count++;
  return count;
}

/** Unlike reading, TYPE and the like leave the access time alone. */
export function type(c: Client, a: string[]): Reply {
  const entry = c.db.look(a[1]!);
  return new Status(entry === undefined ? "none" : typeNames[entry.type]);
}

export function touch(c: Client, a: string[]): Reply {
  let count = 0;
  for (let i = 1; i < a.length; i++) if (c.db.read(a[i]!) !== undefined) count++;
  return count;
}

function expireAt(c: Client, a: string[], base: number, seconds: boolean, name: string): Reply {
  let nx = false;
  let xx = false;
  let gt = false;
  let lt = false;
  for (let i = 3; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "NX") nx = true;
    else if (option === "XX") xx = true;
    else if (option === "GT") gt = true;
    else if (option === "LT") lt = true;
    else return err(`Unsupported option ${a[i]}`);
  }
  if ((nx && xx) || (nx && (gt || lt))) return err("NX and XX, GT or LT options at the same time are not compatible");
  if (gt && lt) return err("GT and LT options at the same time are not compatible");
  let moment = BigInt(int64(a[2]!));
  if (seconds) {
    if (moment > INT64_MAX / 1000n || moment < INT64_MIN / 1000n) return invalidExpire(name);
    moment *= 1000n;
  }
  if (moment > INT64_MAX - BigInt(base)) return invalidExpire(name);
  const when = Number(moment) + base;
  const { db, server } = c;
  const key = a[1]!;
  const entry = db.write(key);
  if (entry === undefined) return 0;
  const current = entry.expireAt;
  if (nx && current !== 0) return 0;
  if (xx && current === 0) return 0;
  if (gt && (current === 0 || when <= current)) return 0;
  if (lt && current !== 0 && when >= current) return 0;
  if (when <= server.now && !c.trusted) {
    db.delete(entry);
    server.dirty++;
    c.rewrite("DEL", key);
    db.signal(key, c);
    server.notify(NOTIFY_GENERIC, "del", key, db);
    return 1;
  }
  db.setExpiry(entry, when);
  c.rewrite("PEXPIREAT", key, String(when));
  db.signal(key, c);
  server.notify(NOTIFY_GENERIC, "expire", key, db);
  server.dirty++;
  return 1;
}

export function expire(c: Client, a: string[]): Reply {
  return expireAt(c, a, c.server.now, true, "expire");
}

export function pexpire(c: Client, a: string[]): Reply {
  return expireAt(c, a, c.server.now, false, "pexpire");
}

export function expireat(c: Client, a: string[]): Reply {
  return expireAt(c, a, 0, true, "expireat");
}

export function pexpireat(c: Client, a: string[]): Reply {
  return expireAt(c, a, 0, false, "pexpireat");
}

export function persist(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const entry = db.write(a[1]!);
  if (entry === undefined || entry.expireAt === 0) return 0;
  db.persist(entry);
  db.signal(a[1]!, c);
  server.notify(NOTIFY_GENERIC, "persist", a[1]!, db);
  server.dirty++;
  return 1;
}

/** What is left of a key's time, or its moment: −2 for no key, −1 for no expiry. */
function timeLeft(c: Client, key: string, seconds: boolean, absolute: boolean): Reply {
  const entry = c.db.look(key);
  if (entry === undefined) return -2;
  if (entry.expireAt === 0) return -1;
  const ms = absolute ? entry.expireAt : Math.max(0, entry.expireAt - c.server.now);
  return seconds ? Math.floor((ms + 500) / 1000) : ms;
}

export function ttl(c: Client, a: string[]): Reply {
  return timeLeft(c, a[1]!, true, false);
}

export function pttl(c: Client, a: string[]): Reply {
  return timeLeft(c, a[1]!, false, false);
}

export function expiretime(c: Client, a: string[]): Reply {
  return timeLeft(c, a[1]!, true, true);
}

export function pexpiretime(c: Client, a: string[]): Reply {
  return timeLeft(c, a[1]!, false, true);
}

export function randomkey(c: Client): Reply {
  return c.db.random()?.key ?? null;
}

export function keys(c: Client, a: string[]): Reply {
  const pattern = a[1]!;
  const out: string[] = [];
  const { map } = c.db;
  // Downwards: what has expired is removed on the way.
  for (let place = map.size - 1; place >= 0; place--) {
    const key = map.keyAt(place);
    if (globMatch(pattern, key) && (map.expiryAt(place) === 0 || c.db.peek(key) !== undefined)) out.push(key);
  }
  return out;
}

/** Options that all scans share. */
export function scanOptions(a: readonly string[], from: number, withType: boolean): ScanOptions {
  let count = 10;
  let pattern: string | undefined;
  let wanted: string | undefined;
  for (let i = from; i < a.length; i += 2) {
    const option = a[i]!.toUpperCase();
    if (i + 1 >= a.length) throw SYNTAX;
    if (option === "COUNT") {
      count = long(a[i + 1]!);
      if (count < 1) throw SYNTAX;
    } else if (option === "MATCH") pattern = a[i + 1] === "*" ? undefined : a[i + 1];
    else if (option === "TYPE" && withType) wanted = a[i + 1]!.toLowerCase();
    else throw SYNTAX;
  }
  return { count, pattern, type: wanted };
}

export interface ScanOptions {
  readonly count: number;
  readonly pattern: string | undefined;
  readonly type: string | undefined;
}

/** The cursor of a scan: an unsigned number. */
export function scanCursor(text: string): number {
  if (!/^[0-9]{1,20}$/.test(text)) throw err("invalid cursor");
  const value = Number(text);
  if (BigInt(text) > 18446744073709551615n) throw err("invalid cursor");
  return value;
}

export function scan(c: Client, a: string[]): Reply {
  const cursor = scanCursor(a[1]!);
  const { count, pattern, type: wanted } = scanOptions(a, 2, true);
  const { db } = c;
  const out: string[] = [];
  const { map } = db;
  const { from, to, next } = scanDown(map.size, cursor, count);
  for (let place = to - 1; place >= from; place--) {
    const key = map.keyAt(place);
    if (pattern !== undefined && !globMatch(pattern, key)) continue;
    const type = typeNames[map.typeAt(place)];
    if (map.expiryAt(place) !== 0 && db.peek(key) === undefined) continue;
    if (wanted === undefined || type === wanted) out.push(key);
  }
  return [String(next), out];
}

function renameTo(c: Client, a: string[], onlyNew: boolean): Reply {
  const { db, server } = c;
  const [, from = "", to = ""] = a;
  const entry = db.write(from);
  if (entry === undefined) return NO_SUCH_KEY;
  if (from === to) return onlyNew ? 0 : OK;
  const target = db.write(to);
  if (target !== undefined) {
    if (onlyNew) return 0;
    db.delete(target);
  }
  const { expireAt: expiry, value, type: kind } = entry;
  db.delete(entry);
  const made = db.add(to, kind, value);
  if (expiry !== 0) db.setExpiry(made, expiry);
  db.signal(from, c);
  db.changed(to, c);
  server.notify(NOTIFY_GENERIC, "rename_from", from, db);
  server.notify(NOTIFY_GENERIC, "rename_to", to, db);
  server.dirty++;
  return onlyNew ? 1 : OK;
}

export function rename(c: Client, a: string[]): Reply {
  return renameTo(c, a, false);
}

export function renamenx(c: Client, a: string[]): Reply {
  return renameTo(c, a, true);
}

/** The database of an argument. */
export function databaseAt(c: Client, text: string, bad: ErrorReply): Database {
  const index = longIn(text, -2147483648, 2147483647, bad);
  const db = c.server.dbs[index];
  if (db === undefined) throw err("DB index is out of range");
  return db;
}

export function move(c: Client, a: string[]): Reply {
  const target = databaseAt(c, a[2]!, err("value is not an integer or out of range"));
  const { db, server } = c;
  if (target === db) return err("source and destination objects are the same");
  const key = a[1]!;
  const entry = db.write(key);
  if (entry === undefined || target.peek(key) !== undefined) return 0;
  const { value, type: kind, expireAt: expiry } = entry;
  db.delete(entry);
  const made = target.add(key, kind, value);
  if (expiry !== 0) target.setExpiry(made, expiry);
  db.signal(key, c);
  target.changed(key, c);
  server.notify(NOTIFY_GENERIC, "move_from", key, db);
  server.notify(NOTIFY_GENERIC, "move_to", key, target);
  server.dirty++;
  return 1;
}

export function copy(c: Client, a: string[]): Reply {
  let replace = false;
  let target = c.db;
  for (let i = 3; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "REPLACE") replace = true;
    else if (option === "DB" && i + 1 < a.length) {
      target = databaseAt(c, a[++i]!, err("value is not an integer or out of range"));
    } else return SYNTAX;
  }
  const { db, server } = c;
  const [, from = "", to = ""] = a;
  if (target === db && from === to) return err("source and destination objects are the same");
  const entry = db.read(from);
  if (entry === undefined) return 0;
  const existing = target.peek(to);
  if (existing !== undefined) {
    if (!replace) return 0;
    target.delete(existing);
  }
  const made = target.add(to, entry.type, copyValue(entry));
  if (entry.expireAt !== 0) target.setExpiry(made, entry.expireAt);
  target.changed(to, c);
  server.notify(NOTIFY_GENERIC, "copy_to", to, target);
  server.dirty++;
  return 1;
}

export function objectEncoding(c: Client, a: string[]): Reply {
  const entry = c.db.peek(a[2]!);
  if (entry === undefined) return null;
  return encodingOf(entry, (list) => listIsListpack(list, c.server.config.listMaxListpackSize));
}

export function objectFreq(c: Client, a: string[]): Reply {
  const entry = c.db.peek(a[2]!);
  if (entry === undefined) return null;
  return c.server.lfu ? lfuCounter(entry.access, c.server) : NOT_LFU;
}

export function objectIdletime(c: Client, a: string[]): Reply {
  const entry = c.db.peek(a[2]!);
  if (entry === undefined) return null;
  return c.server.lfu ? NOT_LRU : idleSeconds(entry, c.server);
}

export function objectRefcount(c: Client, a: string[]): Reply {
  return c.db.peek(a[2]!) === undefined ? null : 1;
}

export function objectHelp(): Reply {
  return help("OBJECT", [
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
  ]);
}

/** The reply of a container's HELP. */
export function help(name: string, lines: readonly string[]): Reply {
  return [
    new Status(`${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`),
    ...lines.map((line) => new Status(line)),
    new Status("HELP"),
    new Status("    Print this help."),
  ];
}

export function memoryUsage(c: Client, a: string[]): Reply {
  for (let i = 3; i < a.length; i += 2) {
    if (a[i]!.toUpperCase() !== "SAMPLES" || i + 1 >= a.length) return SYNTAX;
    if (long(a[i + 1]!) < 0) return SYNTAX;
  }
  const entry = c.db.peek(a[2]!);
  return entry === undefined ? null : sizeOfEntry(entry);
}
