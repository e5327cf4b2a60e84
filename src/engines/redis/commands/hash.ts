import type { Client } from "../client.js";
import { NOTIFY_GENERIC, NOTIFY_HASH } from "../data/database.js";
import { type Entry, TYPE_HASH } from "../data/entry.js";
import { globMatch } from "../data/glob.js";
import { HashData, scanDown } from "../data/hash.js";
import { INT64_MAX, INT64_MIN, parseInt64 } from "../data/numbers.js";
import { EMPTY_ARRAY, err, OK, type Reply, ReplyMap, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { hashAt, int64, long } from "./arguments.js";
import { scanCursor, scanOptions } from "./generic.js";
import { addFloat } from "./string.js";

/** The entry of a hash, made when there is none. */
function entryForWrite(c: Client, key: string): Entry {
  const entry = c.db.write(key) ?? c.db.add(key, TYPE_HASH, new HashData());
  if (entry.type !== TYPE_HASH) throw WRONGTYPE;
  return entry;
}

/** Sets a field; a hash that outgrows its limits is compact no more. */
function put(c: Client, hash: HashData, field: string, value: string): boolean {
  const added = hash.set(field, value);
  if (hash.compact) {
    const { config } = c.server;
    const max = config.hashMaxListpackValue;
    if (field.length > max || value.length > max || hash.size > config.hashMaxListpackEntries) hash.compact = false;
  }
  return added;
}

function setFields(c: Client, a: string[]): number {
  const { db, server } = c;
  const key = a[1]!;
  const entry = entryForWrite(c, key);
  const hash = entry.value as HashData;
  let added = 0;
  for (let i = 2; i < a.length; i += 2) if (put(c, hash, a[i]!, a[i + 1]!)) added++;
  db.changed(key, c, entry);
  if (server.notifyFlags !== 0) server.notify(NOTIFY_HASH, "hset", key, db);
  server.dirty += (a.length - 2) / 2;
  return added;
}

export function hset(c: Client, a: string[]): Reply {
  if (a.length % 2 !== 0) return err("wrong number of arguments for 'hset' command");
  return setFields(c, a);
}

export function hmset(c: Client, a: string[]): Reply {
  if (a.length % 2 !== 0) return err("wrong number of arguments for 'hmset' command");
  setFields(c, a);
  return OK;
}

export function hsetnx(c: Client, a: string[]): Reply {
  const hash = entryForWrite(c, a[1]!).value as HashData;
  if (hash.has(a[2]!)) return 0;
  setFields(c, a);
  return 1;
}

export function hget(c: Client, a: string[]): Reply {
  const entry = c.db.read(a[1]!);
  if (entry === undefined) return null;
  if (entry.type !== TYPE_HASH) return WRONGTYPE;
  return (entry.value as HashData).get(a[2]!) ?? null;
}

export function hmget(c: Client, a: string[]): Reply {
  const hash = hashAt(c.db.read(a[1]!));
  const out: Reply[] = [];
  for (let i = 2; i < a.length; i++) out.push(hash?.get(a[i]!) ?? null);
  return out;
}

export function hdel(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const entry = db.write(a[1]!);
  const hash = hashAt(entry);
  if (hash === undefined) return 0;
  let removed = 0;
  for (let i = 2; i < a.length; i++) {
    if (hash.delete(a[i]!)) removed++;
    if (hash.size === 0) break;
  }
  if (removed === 0) return 0;
  server.notify(NOTIFY_HASH, "hdel", a[1]!, db);
  if (hash.size === 0) {
    db.delete(entry!);
    server.notify(NOTIFY_GENERIC, "del", a[1]!, db);
  }
  db.changed(a[1]!, c);
  server.dirty += removed;
  return removed;
}

export function hexists(c: Client, a: string[]): Reply {
  return hashAt(c.db.read(a[1]!))?.has(a[2]!) ? 1 : 0;
}

export function hlen(c: Client, a: string[]): Reply {
  return hashAt(c.db.read(a[1]!))?.size ?? 0;
}

export function hstrlen(c: Client, a: string[]): Reply {
  return hashAt(c.db.read(a[1]!))?.get(a[2]!)?.length ?? 0;
}

export function hkeys(c: Client, a: string[]): Reply {
  const hash = hashAt(c.db.read(a[1]!));
  return hash === undefined ? EMPTY_ARRAY : Array.from({ length: hash.size }, (_, i) => hash.fieldAt(i));
}

export function hvals(c: Client, a: string[]): Reply {
  const hash = hashAt(c.db.read(a[1]!));
  return hash === undefined ? EMPTY_ARRAY : Array.from({ length: hash.size }, (_, i) => hash.valueAt(i));
}

export function hgetall(c: Client, a: string[]): Reply {
  const hash = hashAt(c.db.read(a[1]!));
  if (hash === undefined) return new ReplyMap(EMPTY_ARRAY);
  const out: string[] = [];
  for (let i = 0; i < hash.size; i++) out.push(hash.fieldAt(i), hash.valueAt(i));
  return new ReplyMap(out);
}

export function hincrby(c: Client, a: string[]): Reply {
  const by = BigInt(int64(a[3]!));
  const entry = entryForWrite(c, a[1]!);
  const hash = entry.value as HashData;
  const old = hash.get(a[2]!);
  const value = old === undefined ? 0 : parseInt64(old);
  if (value === undefined) return err("hash value is not an integer");
  const sum = BigInt(value) + by;
  if (sum > INT64_MAX || sum < INT64_MIN) return err("increment or decrement would overflow");
  put(c, hash, a[2]!, sum.toString());
  c.db.changed(a[1]!, c, entry);
  c.server.notify(NOTIFY_HASH, "hincrby", a[1]!, c.db);
  c.server.dirty++;
  return sum;
}

export function hincrbyfloat(c: Client, a: string[]): Reply {
  // The increment is judged first, so that a bad one makes no key.
  addFloat("0", a[3]!, err("value is not a valid float"), err("value is NaN or Infinity"));
  const entry = entryForWrite(c, a[1]!);
  const hash = entry.value as HashData;
  const sum = addFloat(hash.get(a[2]!) ?? "0", a[3]!, err("hash value is not a float"));
  put(c, hash, a[2]!, sum);
  c.db.changed(a[1]!, c, entry);
  c.server.notify(NOTIFY_HASH, "hincrbyfloat", a[1]!, c.db);
  c.server.dirty++;
  c.rewrite("HSET", a[1]!, a[2]!, sum);
  return sum;
}

export function hscan(c: Client, a: string[]): Reply {
  const cursor = scanCursor(a[2]!);
  const { count, pattern } = scanOptions(a, 3, false);
  const hash = hashAt(c.db.read(a[1]!));
  if (hash === undefined) return ["0", EMPTY_ARRAY];
  const step = hash.compact ? { from: 0, to: hash.size, next: 0 } : scanDown(hash.size, cursor, count);
  const out: string[] = [];
  for (let n = 0; n < step.to - step.from; n++) {
    const i = hash.compact ? n : step.to - 1 - n;
    const field = hash.fieldAt(i);
    if (pattern === undefined || globMatch(pattern, field)) out.push(field, hash.valueAt(i));
  }
  return [String(step.next), out];
}

/** Picks places of a collection: distinct for a positive count, with repetition for a negative one. */
export function pickPlaces(size: number, count: number, random: () => number): number[] {
  if (count < 0) return Array.from({ length: -count }, () => Math.floor(random() * size));
  if (count >= size) return Array.from({ length: size }, (_, i) => i);
  if (count * 3 > size) {
    // Many of them: shuffle as far as needed.
    const all = Array.from({ length: size }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      const j = i + Math.floor(random() * (size - i));
      const held = all[i]!;
      all[i] = all[j]!;
      all[j] = held;
    }
    all.length = count;
    return all;
  }
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * size));
  return [...chosen];
}

/** The most elements of a random answer; a larger count is refused. */
export const maxRandomCount = 2 ** 62;

export function hrandfield(c: Client, a: string[]): Reply {
  if (a.length === 2) {
    const hash = hashAt(c.db.read(a[1]!));
    return hash === undefined ? null : hash.fieldAt(Math.floor(c.server.random() * hash.size));
  }
  const count = long(a[2]!);
  const withValues = a.length >= 4;
  if (a.length > 4 || (withValues && a[3]!.toUpperCase() !== "WITHVALUES")) return SYNTAX;
  if (Math.abs(count) > maxRandomCount || a[2] === "-9223372036854775808") return err("value is out of range");
  const hash = hashAt(c.db.read(a[1]!));
  if (hash === undefined || count === 0) return EMPTY_ARRAY;
  const places = pickPlaces(hash.size, count, c.server.random);
  if (!withValues) return places.map((at) => hash.fieldAt(at));
  if (c.resp === 3) return places.map((at) => [hash.fieldAt(at), hash.valueAt(at)]);
  return places.flatMap((at) => [hash.fieldAt(at), hash.valueAt(at)]);
}
