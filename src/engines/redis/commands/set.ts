import type { Client } from "../client.js";
import { NOTIFY_GENERIC, NOTIFY_SET } from "../data/database.js";
import { TYPE_SET } from "../data/entry.js";
import { globMatch } from "../data/glob.js";
import { scanDown } from "../data/hash.js";
import { SetData } from "../data/set.js";
import { EMPTY_ARRAY, err, type Reply, ReplySet, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { longIn, positive, setAt } from "./arguments.js";
import { scanCursor, scanOptions } from "./generic.js";
import { maxRandomCount, pickPlaces } from "./hash.js";

function addMember(c: Client, set: SetData, member: string): boolean {
  const { config } = c.server;
  return set.add(member, config.setMaxIntsetEntries, config.setMaxListpackEntries, config.setMaxListpackValue);
}

export function sadd(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const key = a[1]!;
  const entry = db.write(key);
  let set: SetData;
  if (entry === undefined) {
    set = new SetData();
    db.add(key, TYPE_SET, set);
  } else {
    if (entry.type !== TYPE_SET) return WRONGTYPE;
    set = entry.value as SetData;
  }
  let added = 0;
  for (let i = 2; i < a.length; i++) if (addMember(c, set, a[i]!)) added++;
  if (added > 0) {
    db.changed(key, c, entry);
    if (server.notifyFlags !== 0) server.notify(NOTIFY_SET, "sadd", key, db);
    server.dirty += added;
  }
  return added;
}

export function srem(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const entry = db.write(a[1]!);
  const set = setAt(entry);
  if (set === undefined) return 0;
  let removed = 0;
  for (let i = 2; i < a.length && set.size > 0; i++) if (set.delete(a[i]!)) removed++;
  if (removed === 0) return 0;
  server.notify(NOTIFY_SET, "srem", a[1]!, db);
  if (set.size === 0) {
    db.delete(entry!);
    server.notify(NOTIFY_GENERIC, "del", a[1]!, db);
  }
  db.changed(a[1]!, c);
  server.dirty += removed;
  return removed;
}

export function smove(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const [, from = "", to = "", member = ""] = a;
  const source = db.write(from);
  const target = db.write(to);
  if (source === undefined) return 0;
  const set = setAt(source)!;
  let into = setAt(target);
  if (set === into) return set.has(member) ? 1 : 0;
  if (!set.delete(member)) return 0;
  server.notify(NOTIFY_SET, "srem", from, db);
  if (set.size === 0) {
    db.delete(source);
    server.notify(NOTIFY_GENERIC, "del", from, db);
  }
  if (into === undefined) {
    into = new SetData();
    db.add(to, TYPE_SET, into);
  }
  db.changed(from, c);
  server.dirty++;
  if (addMember(c, into, member)) {
    server.dirty++;
    db.changed(to, c);
    server.notify(NOTIFY_SET, "sadd", to, db);
  }
  return 1;
}

export function sismember(c: Client, a: string[]): Reply {
  return setAt(c.db.read(a[1]!))?.has(a[2]!) ? 1 : 0;
}

export function smismember(c: Client, a: string[]): Reply {
  const set = setAt(c.db.read(a[1]!));
  return a.slice(2).map((member) => (set?.has(member) ? 1 : 0));
}

export function scard(c: Client, a: string[]): Reply {
  return setAt(c.db.read(a[1]!))?.size ?? 0;
}

export function smembers(c: Client, a: string[]): Reply {
  return new ReplySet(setAt(c.db.read(a[1]!))?.items.slice() ?? EMPTY_ARRAY);
}

export function spop(c: Client, a: string[]): Reply {
  if (a.length > 3) return SYNTAX;
  const { db, server } = c;
  const key = a[1]!;
  if (a.length === 2) {
    const entry = db.write(key);
    const set = setAt(entry);
    if (set === undefined) return null;
    const member = set.deleteAt(Math.floor(server.random() * set.size));
    server.notify(NOTIFY_SET, "spop", key, db);
    c.rewrite("SREM", key, member);
    if (set.size === 0) {
      db.delete(entry!);
      server.notify(NOTIFY_GENERIC, "del", key, db);
    }
    db.changed(key, c);
    server.dirty++;
    return member;
  }
  const count = positive(a[2]!);
  const entry = db.write(key);
  const set = setAt(entry);
  if (set === undefined || count === 0) return new ReplySet(EMPTY_ARRAY);
  server.notify(NOTIFY_SET, "spop", key, db);
  let out: string[];
  if (count >= set.size) {
    out = set.items.slice();
    db.delete(entry!);
    server.notify(NOTIFY_GENERIC, "del", key, db);
    c.rewrite("DEL", key);
  } else {
    out = [];
    for (let i = 0; i < count; i++) out.push(set.deleteAt(Math.floor(server.random() * set.size)));
    c.rewrite("SREM", key, ...out);
  }
  db.changed(key, c);
  server.dirty += out.length;
  return new ReplySet(out);
}

export function srandmember(c: Client, a: string[]): Reply {
  if (a.length > 3) return SYNTAX;
  if (a.length === 2) {
    const set = setAt(c.db.read(a[1]!));
    return set === undefined ? null : set.items[Math.floor(c.server.random() * set.size)]!;
  }
  const count = longIn(a[2]!, -maxRandomCount, maxRandomCount * 2, err("value is out of range"));
  const set = setAt(c.db.read(a[1]!));
  if (set === undefined || count === 0) return EMPTY_ARRAY;
  return pickPlaces(set.size, count, c.server.random).map((at) => set.items[at]!);
}

/** The sets at keys; one that is missing stands as undefined. */
function setsAt(c: Client, keys: readonly string[]): (SetData | undefined)[] {
  return keys.map((key) => setAt(c.db.read(key)));
}

function intersection(sets: readonly (SetData | undefined)[], limit: number): string[] {
  if (sets.some((set) => set === undefined)) return [];
  const sorted = ([...sets] as SetData[]).sort((x, y) => x.size - y.size);
  const out: string[] = [];
  for (const member of sorted[0]!.items) {
    let everywhere = true;
    for (let i = 1; i < sorted.length && everywhere; i++) everywhere = sorted[i]!.has(member);
    if (!everywhere) continue;
    out.push(member);
    if (limit > 0 && out.length >= limit) break;
  }
  return out;
}

function union(sets: readonly (SetData | undefined)[]): string[] {
  const out = new Set<string>();
  for (const set of sets) if (set !== undefined) for (const member of set.items) out.add(member);
  return [...out];
}

function difference(sets: readonly (SetData | undefined)[]): string[] {
  const [first, ...others] = sets;
  if (first === undefined) return [];
  return first.items.filter((member) => !others.some((set) => set?.has(member)));
}

/** Puts the result of an operation into a key, or removes the key when there is none. */
function storeSet(c: Client, key: string, members: readonly string[], event: string): number {
  const { db, server } = c;
  const existing = db.peek(key);
  if (members.length === 0) {
    if (existing !== undefined) {
      db.delete(existing);
      db.signal(key, c);
      server.notify(NOTIFY_GENERIC, "del", key, db);
      server.dirty++;
    }
    return 0;
  }
  const set = new SetData();
  for (const member of members) addMember(c, set, member);
  db.set(key, TYPE_SET, set);
  db.changed(key, c);
  server.notify(NOTIFY_SET, event, key, db);
  server.dirty++;
  return set.size;
}

export function sinter(c: Client, a: string[]): Reply {
  return new ReplySet(intersection(setsAt(c, a.slice(1)), 0));
}

export function sinterstore(c: Client, a: string[]): Reply {
  return storeSet(c, a[1]!, intersection(setsAt(c, a.slice(2)), 0), "sinterstore");
}

export function sintercard(c: Client, a: string[]): Reply {
  const count = longIn(a[1]!, 1, Number.POSITIVE_INFINITY, err("numkeys should be greater than 0"));
  if (count > a.length - 2) return err("Number of keys can't be greater than number of args");
  let limit = 0;
  for (let i = 2 + count; i < a.length; i++) {
    if (a[i]!.toUpperCase() === "LIMIT" && i + 1 < a.length) {
      limit = longIn(a[++i]!, 0, Number.POSITIVE_INFINITY, err("LIMIT can't be negative"));
    } else return SYNTAX;
  }
  return intersection(setsAt(c, a.slice(2, 2 + count)), limit).length;
}

export function sunion(c: Client, a: string[]): Reply {
  return new ReplySet(union(setsAt(c, a.slice(1))));
}

export function sunionstore(c: Client, a: string[]): Reply {
  return storeSet(c, a[1]!, union(setsAt(c, a.slice(2))), "sunionstore");
}

export function sdiff(c: Client, a: string[]): Reply {
  return new ReplySet(difference(setsAt(c, a.slice(1))));
}

export function sdiffstore(c: Client, a: string[]): Reply {
  return storeSet(c, a[1]!, difference(setsAt(c, a.slice(2))), "sdiffstore");
}

export function sscan(c: Client, a: string[]): Reply {
  const cursor = scanCursor(a[2]!);
  const { count, pattern } = scanOptions(a, 3, false);
  const set = setAt(c.db.read(a[1]!));
  if (set === undefined) return ["0", EMPTY_ARRAY];
  const whole = set.encoding !== "hashtable";
  const { from, to, next } = whole ? { from: 0, to: set.size, next: 0 } : scanDown(set.size, cursor, count);
  let items = set.items.slice(from, to);
  if (!whole) items.reverse();
  if (pattern !== undefined) items = items.filter((item) => globMatch(pattern, item));
  return [String(next), items];
}
