import type { Client } from "../client.js";
import { NOTIFY_GENERIC, NOTIFY_LIST } from "../data/database.js";
import { type StringValue, stringOf, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STRING, TYPE_ZSET } from "../data/entry.js";
import type { HashData } from "../data/hash.js";
import { ListData } from "../data/list.js";
import { parseDouble } from "../data/numbers.js";
import type { SetData } from "../data/set.js";
import type { SortedSetData } from "../data/sorted-set.js";
import { err, type Reply, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { long } from "./arguments.js";
import { fitsListpack } from "./list.js";

/** The value that a pattern names for an element: `#` itself, `key*` a string, `key*->field` a hash's field. */
function byPattern(c: Client, pattern: string, element: string): string | undefined {
  if (pattern === "#") return element;
  const star = pattern.indexOf("*");
  if (star < 0) return undefined;
  const arrow = pattern.indexOf("->", star + 1);
  const hasField = arrow > 0 && arrow + 2 < pattern.length;
  const end = hasField ? arrow : pattern.length;
  const key = pattern.slice(0, star) + element + pattern.slice(star + 1, end);
  const entry = c.db.read(key);
  if (entry === undefined) return undefined;
  if (hasField) {
    return entry.type === TYPE_HASH ? (entry.value as HashData).get(pattern.slice(arrow + 2)) : undefined;
  }
  return entry.type === TYPE_STRING ? stringOf(entry.value as StringValue) : undefined;
}

function run(c: Client, a: string[], readOnly: boolean): Reply {
  let descending = false;
  let alpha = false;
  let start = 0;
  let count = -1;
  let target: string | undefined;
  let by: string | undefined;
  let dontSort = false;
  const gets: string[] = [];
  for (let i = 2; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    const more = a.length - i - 1;
    if (option === "ASC") descending = false;
    else if (option === "DESC") descending = true;
    else if (option === "ALPHA") alpha = true;
    else if (option === "LIMIT" && more >= 2) {
      start = long(a[i + 1]!);
      count = long(a[i + 2]!);
      i += 2;
    } else if (option === "STORE" && more >= 1 && !readOnly) target = a[++i]!;
    else if (option === "BY" && more >= 1) {
      by = a[++i]!;
      // A pattern without a star names the same for all: there is nothing to sort by.
      if (!by.includes("*")) dontSort = true;
    } else if (option === "GET" && more >= 1) gets.push(a[++i]!);
    else return SYNTAX;
  }
  const entry = c.db.read(a[1]!);
  if (entry !== undefined && entry.type !== TYPE_LIST && entry.type !== TYPE_SET && entry.type !== TYPE_ZSET) {
    return WRONGTYPE;
  }
  let elements: string[] = [];
  if (entry?.type === TYPE_LIST) {
    const list = entry.value as ListData;
    if (list.length > 0) elements = list.range(0, list.length - 1);
  } else if (entry?.type === TYPE_SET) {
    elements = (entry.value as SetData).items.slice();
    // What is stored, or a script sees, must not depend on a set's inner order.
    if (dontSort && (target !== undefined || c.scripted)) {
      dontSort = false;
      alpha = true;
      by = undefined;
    }
  } else if (entry?.type === TYPE_ZSET) {
    const zset = entry.value as SortedSetData;
    elements = zset.entries().map(({ member }) => member);
    if (dontSort && descending) elements.reverse();
  }
  if (!dontSort) elements = sorted(c, elements, by, alpha, descending);
  const from = Math.max(0, start);
  const to = count < 0 ? elements.length : Math.min(elements.length, from + count);
  const chosen = from >= elements.length ? [] : elements.slice(from, to);
  const out: (string | undefined)[] =
    gets.length === 0 ? chosen : chosen.flatMap((element) => gets.map((pattern) => byPattern(c, pattern, element)));
  if (target === undefined) return out.map((value) => value ?? null);
  return store(c, target, out);
}

/** A weight as C reads it: up to a zero byte, white space before it left out, nothing at all for 0. */
function weight(text: string): number {
  const zero = text.indexOf("\0");
  const whole = zero < 0 ? text : text.slice(0, zero);
  return whole === "" ? 0 : parseDouble(whole.replace(/^[ \t-\r]+/, ""));
}

function sorted(c: Client, elements: string[], by: string | undefined, alpha: boolean, descending: boolean): string[] {
  const sign = descending ? -1 : 1;
  if (alpha) {
    const keyed = elements.map((element) => ({ element, key: by === undefined ? element : byPattern(c, by, element) }));
    keyed.sort((x, y) => {
      if (x.key === y.key) return 0;
      if (x.key === undefined) return -sign;
      if (y.key === undefined) return sign;
      return x.key < y.key ? -sign : sign;
    });
    return keyed.map(({ element }) => element);
  }
  const keyed = elements.map((element) => {
    const text = by === undefined ? element : byPattern(c, by, element);
    const key = text === undefined ? 0 : weight(text);
    if (Number.isNaN(key)) throw err("One or more scores can't be converted into double");
    return { element, key };
  });
  // Equal numbers are ordered by their elements, so that the result is one and the same.
  keyed.sort((x, y) => {
    if (x.key !== y.key) return x.key < y.key ? -sign : sign;
    return x.element < y.element ? -sign : x.element > y.element ? sign : 0;
  });
  return keyed.map(({ element }) => element);
}

function store(c: Client, target: string, values: readonly (string | undefined)[]): Reply {
  const { db, server } = c;
  if (values.length === 0) {
    const existing = db.peek(target);
    if (existing !== undefined) {
      db.delete(existing);
      db.signal(target, c);
      server.notify(NOTIFY_GENERIC, "del", target, db);
      server.dirty++;
    }
    return 0;
  }
  const list = new ListData();
  for (const value of values) list.pushRight(value ?? "");
  list.quick = !fitsListpack(list, server.config.listMaxListpackSize);
  db.peek(target);
  db.set(target, TYPE_LIST, list);
  db.changed(target, c);
  server.notify(NOTIFY_LIST, "sortstore", target, db);
  server.dirty += values.length;
  return values.length;
}

export function sort(c: Client, a: string[]): Reply {
  return run(c, a, false);
}

export function sortRo(c: Client, a: string[]): Reply {
  return run(c, a, true);
}
