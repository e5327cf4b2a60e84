import type { Client } from "../client.js";
import { Bytes } from "../data/bytes.js";
import { NOTIFY_GENERIC, NOTIFY_STRING } from "../data/database.js";
import { type StringValue, stringLength, stringOf, TYPE_STRING } from "../data/entry.js";
import { addLongDouble, formatLongDouble, parseLongDouble } from "../data/long-double.js";
import { INT64_MAX, INT64_MIN, parseDouble, parseInt64 } from "../data/numbers.js";
import { wrongArity } from "../execute.js";
import { err, NOT_FLOAT, NOT_INTEGER, OK, type Reply, ReplyMap, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { int64, long, stringAt } from "./arguments.js";
import { type ExpiryUnit, expiryMoment } from "./expire-options.js";

const TOO_BIG = err("string exceeds maximum allowed size (proto-max-bulk-len)");
const OVERFLOW = err("increment or decrement would overflow");

export function get(c: Client, a: string[]): Reply {
  const found = c.db.readText(a[1]!);
  if (found === undefined) return null;
  if (typeof found === "string") return found;
  if (found.type !== TYPE_STRING) return WRONGTYPE;
  return stringOf(found.value as StringValue);
}

/** Sets a key to a string without an expiry. */
function store(c: Client, key: string, value: string): void {
  if (!c.db.setText(key, value, c)) storeEntry(c, key, value);
}

/** The same with an entry for the key, for those who need it next. */
function storeEntry(c: Client, key: string, value: string): void {
  const { db, server } = c;
  let entry = db.map.get(key);
  if (entry !== undefined && entry.type === TYPE_STRING && entry.expireAt === 0) {
    entry.value = value;
    entry.access = server.newAccess();
  } else if (entry === undefined) entry = db.add(key, TYPE_STRING, value);
  else {
    // An entry whose time has passed is removed first, with its event.
    db.peek(key);
    entry = db.set(key, TYPE_STRING, value);
  }
  db.changed(key, c, entry);
}

export function set(c: Client, a: string[]): Reply {
  if (a.length > 3) return setWithOptions(c, a);
  const key = a[1]!;
  store(c, key, a[2]!);
  c.server.dirty++;
  if (c.server.notifyFlags !== 0) c.server.notify(NOTIFY_STRING, "set", key, c.db);
  return OK;
}

function setWithOptions(c: Client, a: string[]): Reply {
  let nx = false;
  let xx = false;
  let returnOld = false;
  let keepTtl = false;
  let unit: ExpiryUnit | undefined;
  let expiry = "";
  for (let i = 3; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "NX" && !xx) nx = true;
    else if (option === "XX" && !nx) xx = true;
    else if (option === "GET") returnOld = true;
    else if (option === "KEEPTTL" && unit === undefined) keepTtl = true;
    else if (
      (option === "EX" || option === "PX" || option === "EXAT" || option === "PXAT") &&
      !keepTtl &&
      (unit === undefined || unit === option) &&
      i + 1 < a.length
    ) {
      unit = option;
      expiry = a[++i]!;
    } else return SYNTAX;
  }
  const key = a[1]!;
  const { db, server } = c;
  const at = unit === undefined ? 0 : expiryMoment(c, expiry, unit, "set");
  let old: Reply = null;
  if (returnOld) {
    const entry = db.read(key);
    if (entry !== undefined) {
      if (entry.type !== TYPE_STRING) return WRONGTYPE;
      old = stringOf(entry.value as StringValue);
    }
  }
  const entry = db.peek(key);
  if ((nx && entry !== undefined) || (xx && entry === undefined)) return returnOld ? old : null;
  if (keepTtl && entry !== undefined) {
    db.replace(entry, TYPE_STRING, a[2]!);
    entry.access = server.newAccess();
  } else db.set(key, TYPE_STRING, a[2]!);
  db.changed(key, c);
  server.dirty++;
  server.notify(NOTIFY_STRING, "set", key, db);
  if (unit !== undefined) {
    db.setExpiry(db.map.get(key)!, at);
    if (unit !== "PXAT" || returnOld || nx || xx) c.rewrite("SET", key, a[2]!, "PXAT", String(at));
    server.notify(NOTIFY_GENERIC, "expire", key, db);
  } else if (returnOld) {
    c.rewrite(...a.slice(0, 3), ...a.slice(3).filter((arg) => arg.toUpperCase() !== "GET"));
  }
  return returnOld ? old : OK;
}

export function setnx(c: Client, a: string[]): Reply {
  if (c.db.write(a[1]!) !== undefined) return 0;
  set(c, ["set", a[1]!, a[2]!]);
  return 1;
}

function setExpiring(c: Client, a: string[], unit: "EX" | "PX", name: string): Reply {
  const key = a[1]!;
  const at = expiryMoment(c, a[2]!, unit, name);
  const { db, server } = c;
  storeEntry(c, key, a[3]!);
  db.setExpiry(db.map.get(key)!, at);
  server.dirty++;
  server.notify(NOTIFY_STRING, "set", key, db);
  server.notify(NOTIFY_GENERIC, "expire", key, db);
  c.rewrite("SET", key, a[3]!, "PXAT", String(at));
  return OK;
}

export function setex(c: Client, a: string[]): Reply {
  return setExpiring(c, a, "EX", "setex");
}

export function psetex(c: Client, a: string[]): Reply {
  return setExpiring(c, a, "PX", "psetex");
}

export function getset(c: Client, a: string[]): Reply {
  const entry = stringAt(c.db.read(a[1]!));
  const old = entry === undefined ? null : stringOf(entry.value as StringValue);
  store(c, a[1]!, a[2]!);
  c.server.dirty++;
  c.server.notify(NOTIFY_STRING, "set", a[1]!, c.db);
  c.rewrite("SET", a[1]!, a[2]!);
  return old;
}

export function getdel(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const entry = stringAt(db.read(a[1]!));
  if (entry === undefined) return null;
  const old = stringOf(entry.value as StringValue);
  db.delete(entry);
  db.signal(a[1]!, c);
  server.notify(NOTIFY_GENERIC, "del", a[1]!, db);
  server.dirty++;
  c.rewrite("DEL", a[1]!);
  return old;
}

export function getex(c: Client, a: string[]): Reply {
  let unit: ExpiryUnit | undefined;
  let persist = false;
  let expiry = "";
  for (let i = 2; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "PERSIST" && unit === undefined) persist = true;
    else if (
      (option === "EX" || option === "PX" || option === "EXAT" || option === "PXAT") &&
      !persist &&
      (unit === undefined || unit === option) &&
      i + 1 < a.length
    ) {
      unit = option;
      expiry = a[++i]!;
    } else return SYNTAX;
  }
  const key = a[1]!;
  const { db, server } = c;
  const entry = stringAt(db.read(key));
  if (entry === undefined) return null;
  const at = unit === undefined ? 0 : expiryMoment(c, expiry, unit, "getex");
  const value = stringOf(entry.value as StringValue);
  if ((unit === "EXAT" || unit === "PXAT") && at <= server.now && !c.trusted) {
    db.delete(entry);
    db.signal(key, c);
    server.notify(NOTIFY_GENERIC, "del", key, db);
    server.dirty++;
    c.rewrite("DEL", key);
  } else if (unit !== undefined) {
    db.setExpiry(entry, at);
    db.signal(key, c);
    server.notify(NOTIFY_GENERIC, "expire", key, db);
    server.dirty++;
    c.rewrite("PEXPIREAT", key, String(at));
  } else if (persist && entry.expireAt !== 0) {
    db.persist(entry);
    db.signal(key, c);
    server.notify(NOTIFY_GENERIC, "persist", key, db);
    server.dirty++;
    c.rewrite("PERSIST", key);
  }
  return value;
}

export function mget(c: Client, a: string[]): Reply {
  const out: Reply[] = [];
  for (let i = 1; i < a.length; i++) {
    const found = c.db.readText(a[i]!);
    if (found === undefined || typeof found === "string") out.push(found ?? null);
    else out.push(found.type === TYPE_STRING ? stringOf(found.value as StringValue) : null);
  }
  return out;
}

export function mset(c: Client, a: string[]): Reply {
  if (a.length % 2 === 0) return wrongArity(c.lastCommand!);
  for (let i = 1; i < a.length; i += 2) {
    store(c, a[i]!, a[i + 1]!);
    c.server.notify(NOTIFY_STRING, "set", a[i]!, c.db);
  }
  c.server.dirty += (a.length - 1) / 2;
  return OK;
}

export function msetnx(c: Client, a: string[]): Reply {
  if (a.length % 2 === 0) return err("wrong number of arguments for 'msetnx' command");
  for (let i = 1; i < a.length; i += 2) if (c.db.peek(a[i]!) !== undefined) return 0;
  mset(c, a);
  return 1;
}

/** Changes a counter by an exact amount. */
function count(c: Client, key: string, by: number | bigint): Reply {
  const { db, server } = c;
  const counted = typeof by === "number" ? db.countText(key, by, c) : Number.NaN;
  if (!Number.isNaN(counted)) {
    server.dirty++;
    if (server.notifyFlags !== 0) server.notify(NOTIFY_STRING, "incrby", key, db);
    return counted;
  }
  const found = db.writeText(key);
  let old: number | bigint = 0;
  if (found !== undefined) {
    if (typeof found !== "string" && found.type !== TYPE_STRING) return WRONGTYPE;
    const value = typeof found === "string" ? found : (found.value as StringValue);
    if (typeof value === "number") old = value;
    else {
      const parsed = parseInt64(stringOf(value));
      if (parsed === undefined) return NOT_INTEGER;
      old = parsed;
    }
  }
  let sum: number | bigint;
  if (typeof old === "number" && typeof by === "number" && Number.isSafeInteger(old + by)) sum = old + by;
  else {
    sum = BigInt(old) + BigInt(by);
    if (sum > INT64_MAX || sum < INT64_MIN) return OVERFLOW;
  }
  if (found === undefined || typeof found === "string") store(c, key, sum.toString());
  else {
    found.value = typeof sum === "number" ? sum : sum.toString();
    db.changed(key, c, found);
  }
  server.dirty++;
  if (server.notifyFlags !== 0) server.notify(NOTIFY_STRING, "incrby", key, db);
  return sum;
}

export function incr(c: Client, a: string[]): Reply {
  return count(c, a[1]!, 1);
}

export function decr(c: Client, a: string[]): Reply {
  return count(c, a[1]!, -1);
}

export function incrby(c: Client, a: string[]): Reply {
  return count(c, a[1]!, int64(a[2]!));
}

export function decrby(c: Client, a: string[]): Reply {
  const by = int64(a[2]!);
  if (by === INT64_MIN) return err("decrement would overflow");
  return count(c, a[1]!, -by);
}

export function incrbyfloat(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const key = a[1]!;
  const entry = stringAt(db.write(key));
  const sum = addFloat(entry === undefined ? "0" : stringOf(entry.value as StringValue), a[2]!, NOT_FLOAT);
  if (entry === undefined) db.add(key, TYPE_STRING, sum);
  else entry.value = sum;
  db.changed(key, c);
  server.dirty++;
  server.notify(NOTIFY_STRING, "incrbyfloat", key, db);
  c.rewrite("SET", key, sum, "KEEPTTL");
  return sum;
}

/** Adds two decimals as Redis' long double does; throws when one is none (the first with its own error). */
export function addFloat(
  old: string,
  by: string,
  notFloat: Reply,
  infinite: Reply = err("increment would produce NaN or Infinity"),
): string {
  const left = parseLongDouble(old);
  const right = parseLongDouble(by);
  if (left === undefined && Number.isNaN(parseDouble(old))) throw notFloat;
  if (right === undefined && Number.isNaN(parseDouble(by))) throw NOT_FLOAT;
  if (left === undefined || right === undefined) throw infinite;
  return formatLongDouble(addLongDouble(left, right));
}

function lengthFits(c: Client, length: number): boolean {
  return c.trusted || length <= c.server.config.protoMaxBulkLen;
}

export function append(c: Client, a: string[]): Reply {
  const { db, server } = c;
  const key = a[1]!;
  const entry = stringAt(db.write(key));
  let length: number;
  if (entry === undefined) {
    db.add(key, TYPE_STRING, a[2]!);
    length = a[2]!.length;
  } else {
    const value = entry.value as StringValue;
    if (!lengthFits(c, stringLength(value) + a[2]!.length)) return TOO_BIG;
    const bytes = value instanceof Bytes ? value : Bytes.of(stringOf(value));
    bytes.append(a[2]!);
    entry.value = bytes;
    length = bytes.length;
  }
  db.changed(key, c);
  server.dirty++;
  server.notify(NOTIFY_STRING, "append", key, db);
  return length;
}

export function strlen(c: Client, a: string[]): Reply {
  const entry = stringAt(c.db.read(a[1]!));
  return entry === undefined ? 0 : stringLength(entry.value as StringValue);
}

export function setrange(c: Client, a: string[]): Reply {
  const offset = long(a[2]!);
  if (offset < 0) return err("offset is out of range");
  const { db, server } = c;
  const key = a[1]!;
  const text = a[3]!;
  const entry = stringAt(db.write(key));
  if (text.length === 0) return entry === undefined ? 0 : stringLength(entry.value as StringValue);
  if (!lengthFits(c, offset + text.length)) return TOO_BIG;
  let bytes: Bytes;
  if (entry === undefined) {
    bytes = new Bytes(Buffer.alloc(0));
    bytes.set(offset, text);
    db.add(key, TYPE_STRING, bytes);
  } else {
    const value = entry.value as StringValue;
    bytes = value instanceof Bytes ? value : Bytes.of(stringOf(value));
    bytes.set(offset, text);
    entry.value = bytes;
  }
  db.changed(key, c);
  server.dirty++;
  server.notify(NOTIFY_STRING, "setrange", key, db);
  return bytes.length;
}

export function getrange(c: Client, a: string[]): Reply {
  let start = long(a[2]!);
  let end = long(a[3]!);
  const entry = stringAt(c.db.read(a[1]!));
  if (entry === undefined) return "";
  const value = entry.value as StringValue;
  const length = stringLength(value);
  if (start < 0 && end < 0 && start > end) return "";
  if (start < 0) start = Math.max(0, length + start);
  if (end < 0) end = Math.max(0, length + end);
  if (end >= length) end = length - 1;
  if (start > end || length === 0) return "";
  return value instanceof Bytes ? value.slice(start, end + 1) : stringOf(value).slice(start, end + 1);
}

export function lcs(c: Client, a: string[]): Reply {
  const left = c.db.read(a[1]!);
  const right = c.db.read(a[2]!);
  if ((left !== undefined && left.type !== TYPE_STRING) || (right !== undefined && right.type !== TYPE_STRING)) {
    return err("The specified keys must contain string values");
  }
  let wantLength = false;
  let wantMatches = false;
  let withLength = false;
  let minimum = 0;
  for (let i = 3; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (option === "IDX") wantMatches = true;
    else if (option === "LEN") wantLength = true;
    else if (option === "WITHMATCHLEN") withLength = true;
    else if (option === "MINMATCHLEN" && i + 1 < a.length) minimum = Math.max(0, long(a[++i]!));
    else return SYNTAX;
  }
  if (wantLength && wantMatches) return err("If you want both the length and indexes, please just use IDX.");
  const x = left === undefined ? "" : stringOf(left.value as StringValue);
  const y = right === undefined ? "" : stringOf(right.value as StringValue);
  const width = y.length + 1;
  const cells = (x.length + 1) * width;
  if (cells * 4 > c.server.config.protoMaxBulkLen) {
    return err("Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  const table = new Uint32Array(cells);
  for (let i = 1; i <= x.length; i++) {
    const code = x.charCodeAt(i - 1);
    for (let j = 1; j <= y.length; j++) {
      const at = i * width + j;
      if (code === y.charCodeAt(j - 1)) table[at] = table[at - width - 1]! + 1;
      else table[at] = Math.max(table[at - width]!, table[at - 1]!);
    }
  }
  const length = table[cells - 1]!;
  if (wantLength) return length;
  const common: string[] = [];
  const matches: Reply[] = [];
  let from = x.length;
  let to = 0;
  let otherFrom = 0;
  let otherTo = 0;
  let i = x.length;
  let j = y.length;
  while (i > 0 && j > 0) {
    let emit = false;
    if (x[i - 1] === y[j - 1]) {
      common.push(x[i - 1]!);
      if (from === x.length) {
        from = i - 1;
        to = i - 1;
        otherFrom = j - 1;
        otherTo = j - 1;
      } else if (from === i && otherFrom === j) {
        from--;
        otherFrom--;
      } else emit = true;
      if (from === 0 || otherFrom === 0) emit = true;
      i--;
      j--;
    } else {
      if (table[(i - 1) * width + j]! > table[i * width + j - 1]!) i--;
      else j--;
      if (from !== x.length) emit = true;
    }
    if (!emit) continue;
    const size = to - from + 1;
    if (minimum === 0 || size >= minimum) {
      const match: Reply[] = [
        [from, to],
        [otherFrom, otherTo],
      ];
      if (withLength) match.push(size);
      matches.push(match);
    }
    from = x.length;
  }
  if (wantMatches) return new ReplyMap(["matches", matches, "len", length]);
  return common.reverse().join("");
}
