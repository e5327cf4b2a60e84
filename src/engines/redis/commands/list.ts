import type { Client } from "../client.js";
import { type Database, NOTIFY_GENERIC, NOTIFY_LIST } from "../data/database.js";
import { type Entry, TYPE_LIST } from "../data/entry.js";
import { ListData } from "../data/list.js";
import {
  EMPTY_ARRAY,
  err,
  NO_SUCH_KEY,
  NULL_ARRAY,
  OK,
  OUT_OF_RANGE,
  type Reply,
  SYNTAX,
  WRONGTYPE,
} from "../protocol/reply.js";
import { deadline, listAt, long, longIn, positive } from "./arguments.js";

/** Bytes of a listpack for list-max-listpack-size −1 … −5. */
const sizeLimits = [4096, 8192, 16_384, 32_768, 65_536];

/** Whether a list fits one listpack under the setting list-max-listpack-size. */
export function fitsListpack(list: ListData, setting: number, slack = 1): boolean {
  if (setting >= 0) return list.length * slack <= Math.max(1, setting);
  const limit = sizeLimits[Math.min(5, -setting) - 1]!;
  return (list.bytes + list.length * 2 + 7) * slack <= limit;
}

export function listIsListpack(list: ListData, setting: number): boolean {
  return !list.quick && fitsListpack(list, setting);
}

/** Follows Redis in when a list becomes a quicklist, and when it is a listpack again. */
function encodeList(c: Client, list: ListData): void {
  const setting = c.server.config.listMaxListpackSize;
  if (!list.quick) {
    if (!fitsListpack(list, setting)) list.quick = true;
  } else if (fitsListpack(list, setting, 2)) list.quick = false;
}

function emptied(c: Client, db: Database, entry: Entry, list: ListData): void {
  if (list.length > 0) {
    if (list.quick) encodeList(c, list);
    db.changed(entry.key, c, entry);
    return;
  }
  db.delete(entry);
  c.server.notify(NOTIFY_GENERIC, "del", entry.key, db);
  db.signal(entry.key, c);
}

function push(c: Client, a: string[], left: boolean, onlyExisting: boolean): Reply {
  const { db, server } = c;
  const key = a[1]!;
  const entry = db.write(key);
  let list: ListData;
  if (entry === undefined) {
    if (onlyExisting) return 0;
    list = new ListData();
    db.add(key, TYPE_LIST, list);
  } else {
    if (entry.type !== TYPE_LIST) return WRONGTYPE;
    list = entry.value as ListData;
  }
  for (let i = 2; i < a.length; i++) {
    if (left) list.pushLeft(a[i]!);
    else list.pushRight(a[i]!);
  }
  if (!list.quick) encodeList(c, list);
  db.changed(key, c, entry);
  if (server.notifyFlags !== 0) server.notify(NOTIFY_LIST, left ? "lpush" : "rpush", key, db);
  server.dirty += a.length - 2;
  return list.length;
}

export function lpush(c: Client, a: string[]): Reply {
  return push(c, a, true, false);
}

export function rpush(c: Client, a: string[]): Reply {
  return push(c, a, false, false);
}

export function lpushx(c: Client, a: string[]): Reply {
  return push(c, a, true, true);
}

export function rpushx(c: Client, a: string[]): Reply {
  return push(c, a, false, true);
}

function pop(c: Client, a: string[], left: boolean): Reply {
  const { db, server } = c;
  if (a.length > 3) return err(`wrong number of arguments for '${left ? "lpop" : "rpop"}' command`);
  const counted = a.length === 3;
  const count = counted ? positive(a[2]!) : 1;
  const key = a[1]!;
  const entry = db.write(key);
  if (entry === undefined) return counted ? NULL_ARRAY : null;
  if (entry.type !== TYPE_LIST) return WRONGTYPE;
  const list = entry.value as ListData;
  if (counted && count === 0) return EMPTY_ARRAY;
  if (!counted) {
    const value = left ? list.popLeft()! : list.popRight()!;
    server.notify(NOTIFY_LIST, left ? "lpop" : "rpop", key, db);
    emptied(c, db, entry, list);
    server.dirty++;
    return value;
  }
  return popMany(c, db, entry, list, left, count);
}

/** Pops up to `count` elements and tells everyone. */
function popMany(c: Client, db: Database, entry: Entry, list: ListData, left: boolean, count: number): string[] {
  const size = Math.min(count, list.length);
  const out: string[] = [];
  for (let i = 0; i < size; i++) out.push(left ? list.popLeft()! : list.popRight()!);
  c.server.notify(NOTIFY_LIST, left ? "lpop" : "rpop", entry.key, db);
  emptied(c, db, entry, list);
  c.server.dirty += size;
  return out;
}

export function lpop(c: Client, a: string[]): Reply {
  return pop(c, a, true);
}

export function rpop(c: Client, a: string[]): Reply {
  return pop(c, a, false);
}

export function llen(c: Client, a: string[]): Reply {
  return listAt(c.db.read(a[1]!))?.length ?? 0;
}

export function lindex(c: Client, a: string[]): Reply {
  const list = listAt(c.db.read(a[1]!));
  if (list === undefined) return null;
  let index = long(a[2]!);
  if (index < 0) index += list.length;
  return index < 0 || index >= list.length ? null : list.at(index);
}

export function lset(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const entry = db.write(a[1]!);
  if (entry === undefined) return NO_SUCH_KEY;
  const list = listAt(entry)!;
  let index = long(a[2]!);
  if (index < 0) index += list.length;
  if (index < 0 || index >= list.length) return OUT_OF_RANGE;
  list.set(index, a[3]!);
  encodeList(c, list);
  db.changed(a[1]!, c);
  server.notify(NOTIFY_LIST, "lset", a[1]!, db);
  server.dirty++;
  return OK;
}

export function lrange(c: Client, a: string[]): Reply {
  let from = long(a[2]!);
  let to = long(a[3]!);
  const list = listAt(c.db.read(a[1]!));
  if (list === undefined) return EMPTY_ARRAY;
  const { length } = list;
  if (from < 0) from = Math.max(0, from + length);
  if (to < 0) to += length;
  if (to >= length) to = length - 1;
  return from > to ? EMPTY_ARRAY : list.range(from, to);
}

export function ltrim(c: Client, a: string[]): Reply {
  let from = long(a[2]!);
  let to = long(a[3]!);
  const { db, server } = c;
  const entry = db.write(a[1]!);
  const list = listAt(entry);
  if (list === undefined) return OK;
  const { length } = list;
  if (from < 0) from = Math.max(0, from + length);
  if (to < 0) to += length;
  if (to >= length) to = length - 1;
  if (from > to || from >= length) {
    from = length;
    to = length - 1;
  }
  list.trim(from, to);
  server.notify(NOTIFY_LIST, "ltrim", a[1]!, db);
  emptied(c, db, entry!, list);
  server.dirty += length - list.length;
  return OK;
}

export function lrem(c: Client, a: string[]): Reply {
  const count = long(a[2]!);
  const { db, server } = c;
  const entry = db.write(a[1]!);
  const list = listAt(entry);
  if (list === undefined) return 0;
  const limit = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  const removed = list.remove(a[3]!, limit, count < 0);
  if (removed > 0) {
    server.notify(NOTIFY_LIST, "lrem", a[1]!, db);
    emptied(c, db, entry!, list);
    server.dirty += removed;
  }
  return removed;
}

export function linsert(c: Client, a: string[]): Reply {
  const where = a[2]!.toLowerCase();
  if (where !== "before" && where !== "after") return SYNTAX;
  const { db, server } = c;
  const list = listAt(db.write(a[1]!));
  if (list === undefined) return 0;
  for (let i = 0; i < list.length; i++) {
    if (list.at(i) !== a[3]) continue;
    list.insert(where === "before" ? i : i + 1, a[4]!);
    encodeList(c, list);
    db.changed(a[1]!, c);
    server.notify(NOTIFY_LIST, "linsert", a[1]!, db);
    server.dirty++;
    return list.length;
  }
  return -1;
}

export function lpos(c: Client, a: string[]): Reply {
  let rank = 1;
  let count = -1;
  let maxLength = 0;
  for (let i = 3; i < a.length; i += 2) {
    const option = a[i]!.toUpperCase();
    if (i + 1 >= a.length) return SYNTAX;
    if (option === "RANK") {
      rank = long(a[i + 1]!);
      if (a[i + 1] === "-9223372036854775808") {
        return err("value is out of range, value must between -9223372036854775807 and 9223372036854775807");
      }
      if (rank === 0) {
        return err(
          "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        );
      }
    } else if (option === "COUNT") {
      count = longIn(a[i + 1]!, 0, Number.POSITIVE_INFINITY, err("COUNT can't be negative"));
    } else if (option === "MAXLEN") {
      maxLength = longIn(a[i + 1]!, 0, Number.POSITIVE_INFINITY, err("MAXLEN can't be negative"));
    } else return SYNTAX;
  }
  const list = listAt(c.db.read(a[1]!));
  if (list === undefined) return count >= 0 ? EMPTY_ARRAY : null;
  const out: number[] = [];
  let skip = Math.abs(rank) - 1;
  const { length } = list;
  for (let i = 0; i < length && (maxLength === 0 || i < maxLength); i++) {
    const at = rank > 0 ? i : length - 1 - i;
    if (list.at(at) !== a[2]) continue;
    if (skip > 0) {
      skip--;
      continue;
    }
    if (count < 0) return at;
    out.push(at);
    if (count > 0 && out.length >= count) break;
  }
  return count < 0 ? null : out;
}

type End = "LEFT" | "RIGHT";

function endOf(text: string): End {
  const end = text.toUpperCase();
  if (end !== "LEFT" && end !== "RIGHT") throw SYNTAX;
  return end;
}

/** Moves one element between lists; undefined when the source is empty. */
function moveOne(c: Client, from: string, to: string, source: End, target: End): string | undefined {
  const { db, server } = c;
  const entry = db.write(from);
  const list = listAt(entry);
  if (list === undefined) return undefined;
  const other = db.write(to);
  let into = listAt(other);
  const value = source === "LEFT" ? list.popLeft()! : list.popRight()!;
  if (into === undefined) {
    into = new ListData();
    db.add(to, TYPE_LIST, into);
  }
  if (target === "LEFT") into.pushLeft(value);
  else into.pushRight(value);
  encodeList(c, into);
  server.notify(NOTIFY_LIST, target === "LEFT" ? "lpush" : "rpush", to, db);
  server.notify(NOTIFY_LIST, source === "LEFT" ? "lpop" : "rpop", from, db);
  emptied(c, db, entry!, list);
  db.changed(to, c);
  server.dirty++;
  return value;
}

export function lmove(c: Client, a: string[]): Reply {
  const source = endOf(a[3]!);
  const target = endOf(a[4]!);
  return moveOne(c, a[1]!, a[2]!, source, target) ?? null;
}

export function rpoplpush(c: Client, a: string[]): Reply {
  return moveOne(c, a[1]!, a[2]!, "RIGHT", "LEFT") ?? null;
}

function blockingMove(c: Client, a: string[], source: End, target: End, timeout: string): Reply {
  const until = deadline(c, timeout);
  const entry = c.db.write(a[1]!);
  if (entry !== undefined) {
    const value = moveOne(c, a[1]!, a[2]!, source, target);
    if (value !== undefined) {
      c.rewrite("LMOVE", a[1]!, a[2]!, source, target);
      return value;
    }
  }
  if (c.denyBlocking) return null;
  return wait(c, a, [a[1]!], until, null);
}

function wait(c: Client, a: string[], keys: readonly string[], until: number, onTimeout: Reply): Reply {
  return c.server.blocking.wait(c, {
    kind: "list",
    keys,
    db: c.db,
    deadline: until,
    onTimeout,
    onGone: false,
    args: a,
    command: c.lastCommand!,
  });
}

export function blmove(c: Client, a: string[]): Reply {
  return blockingMove(c, a, endOf(a[3]!), endOf(a[4]!), a[5]!);
}

export function brpoplpush(c: Client, a: string[]): Reply {
  return blockingMove(c, a, "RIGHT", "LEFT", a[3]!);
}

function blockingPop(c: Client, a: string[], left: boolean): Reply {
  const until = deadline(c, a.at(-1)!);
  const { db, server } = c;
  const keys = a.slice(1, -1);
  for (const key of keys) {
    const entry = db.write(key);
    if (entry === undefined) continue;
    if (entry.type !== TYPE_LIST) {
      if (c.retrying !== undefined) continue;
      return WRONGTYPE;
    }
    const list = entry.value as ListData;
    const value = left ? list.popLeft()! : list.popRight()!;
    server.notify(NOTIFY_LIST, left ? "lpop" : "rpop", key, db);
    emptied(c, db, entry, list);
    server.dirty++;
    c.rewrite(left ? "LPOP" : "RPOP", key);
    return [key, value];
  }
  if (c.denyBlocking) return NULL_ARRAY;
  return wait(c, a, keys, until, NULL_ARRAY);
}

export function blpop(c: Client, a: string[]): Reply {
  return blockingPop(c, a, true);
}

export function brpop(c: Client, a: string[]): Reply {
  return blockingPop(c, a, false);
}

/** Reads `numkeys key… LEFT|RIGHT [COUNT n]` from a position on. */
function multiPop(c: Client, a: string[], at: number, until: number | undefined): Reply {
  const keyCount = longIn(a[at]!, 1, Number.POSITIVE_INFINITY, err("numkeys should be greater than 0"));
  const whereAt = at + 1 + keyCount;
  if (whereAt >= a.length) return SYNTAX;
  const end = endOf(a[whereAt]!);
  let count = -1;
  for (let i = whereAt + 1; i < a.length; i++) {
    if (count === -1 && a[i]!.toUpperCase() === "COUNT" && i + 1 < a.length) {
      count = longIn(a[++i]!, 1, Number.POSITIVE_INFINITY, err("count should be greater than 0"));
    } else return SYNTAX;
  }
  if (count === -1) count = 1;
  const keys = a.slice(at + 1, whereAt);
  for (const key of keys) {
    const entry = c.db.write(key);
    if (entry === undefined) continue;
    if (entry.type !== TYPE_LIST) {
      if (c.retrying !== undefined) continue;
      return WRONGTYPE;
    }
    const values = popMany(c, c.db, entry, entry.value as ListData, end === "LEFT", count);
    c.rewrite(end === "LEFT" ? "LPOP" : "RPOP", key, String(values.length));
    return [key, values];
  }
  if (until === undefined || c.denyBlocking) return NULL_ARRAY;
  return wait(c, a, keys, until, NULL_ARRAY);
}

export function lmpop(c: Client, a: string[]): Reply {
  return multiPop(c, a, 1, undefined);
}

export function blmpop(c: Client, a: string[]): Reply {
  return multiPop(c, a, 2, deadline(c, a[1]!));
}
