import type { Client } from "../client.js";
import { type Database, NOTIFY_GENERIC, NOTIFY_ZSET } from "../data/database.js";
import { type Entry, TYPE_ZSET } from "../data/entry.js";
import { globMatch } from "../data/glob.js";
import { scanDown } from "../data/hash.js";
import { formatDouble } from "../data/numbers.js";
import { SortedSetData } from "../data/sorted-set.js";
import { Double, EMPTY_ARRAY, err, NULL_ARRAY, type Reply, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { deadline, double, long, longIn, positive, zsetAt } from "./arguments.js";
import { scanCursor, scanOptions } from "./generic.js";
import { maxRandomCount, pickPlaces } from "./hash.js";
import {
  lexRange,
  type Ranks,
  ranksOfIndexes,
  ranksOfLex,
  ranksOfScores,
  type ScoreRange,
  scoreRange,
} from "./zset-ranges.js";

/** Sets a score; a sorted set that outgrows its limits is compact no more. */
export function putScore(c: Client, zset: SortedSetData, member: string, score: number): boolean {
  const added = zset.set(member, score);
  if (added && zset.compact) {
    const { config } = c.server;
    if (member.length > config.zsetMaxListpackValue || zset.size > config.zsetMaxListpackEntries) zset.compact = false;
  }
  return added;
}

/** Puts a result into a key, or removes the key when it is empty. */
export function storeZset(c: Client, key: string, zset: SortedSetData, event: string): number {
  const { db, server } = c;
  if (zset.size === 0) {
    const existing = db.peek(key);
    if (existing !== undefined) {
      db.delete(existing);
      db.signal(key, c);
      server.notify(NOTIFY_GENERIC, "del", key, db);
      server.dirty++;
    }
    return 0;
  }
  db.peek(key);
  db.set(key, TYPE_ZSET, zset);
  db.changed(key, c);
  server.notify(NOTIFY_ZSET, event, key, db);
  server.dirty++;
  return zset.size;
}

/** Removes the key of a sorted set that became empty, and tells of the change. */
function after(c: Client, db: Database, entry: Entry, zset: SortedSetData, event: string): void {
  c.server.notify(NOTIFY_ZSET, event, entry.key, db);
  if (zset.size === 0) {
    db.delete(entry);
    c.server.notify(NOTIFY_GENERIC, "del", entry.key, db);
  }
  db.changed(entry.key, c);
}

function add(c: Client, a: string[], incrementing: boolean): Reply {
  let nx = false;
  let xx = false;
  let gt = false;
  let lt = false;
  let changedCount = false;
  let increment = incrementing;
  let at = 2;
  for (; at < a.length; at++) {
    const text = a[at]!;
    const first = text.charCodeAt(0) | 32;
    // Options begin with one of c g i l n x; scores rarely do ("inf", "nan").
    if (first < 99 || first > 120) break;
    const option = text.toUpperCase();
    if (option === "NX") nx = true;
    else if (option === "XX") xx = true;
    else if (option === "GT") gt = true;
    else if (option === "LT") lt = true;
    else if (option === "CH") changedCount = true;
    else if (option === "INCR") increment = true;
    else break;
  }
  const count = a.length - at;
  if (count === 0 || count % 2 !== 0) return SYNTAX;
  if (nx && xx) return err("XX and NX options at the same time are not compatible");
  if ((gt && nx) || (lt && nx) || (gt && lt))
    return err("GT, LT, and/or NX options at the same time are not compatible");
  if (increment && count > 2) return err("INCR option supports a single increment-element pair");
  const { db, server } = c;
  const key = a[1]!;
  let scores: number[] | undefined;
  const single = count === 2 ? double(a[at]!) : 0;
  if (count > 2) {
    scores = [];
    for (let i = at; i < a.length; i += 2) scores.push(double(a[i]!));
  }
  const entry = db.write(key);
  let zset: SortedSetData;
  if (entry === undefined) {
    if (xx) return increment ? null : 0;
    zset = new SortedSetData();
  } else {
    if (entry.type !== TYPE_ZSET) return WRONGTYPE;
    zset = entry.value as SortedSetData;
  }
  let added = 0;
  let updated = 0;
  let result = Number.NaN;
  let failed = false;
  for (let i = at; i < a.length; i += 2) {
    let score = scores === undefined ? single : scores[(i - at) >> 1]!;
    const member = a[i + 1]!;
    const place = zset.place(member);
    if (place < 0) {
      if (xx) continue;
      putScore(c, zset, member, score);
      added++;
      result = score;
      continue;
    }
    if (nx) continue;
    const old = zset.scores[place]!;
    if (increment) {
      score += old;
      if (Number.isNaN(score)) {
        failed = true;
        break;
      }
    }
    if ((lt && score >= old) || (gt && score <= old)) continue;
    result = score;
    if (score !== old) {
      zset.setAt(place, score);
      updated++;
    }
  }
  if (failed) return err("resulting score is not a number (NaN)");
  if (added > 0 || updated > 0) {
    if (entry === undefined) db.add(key, TYPE_ZSET, zset);
    else if (db.waiting.size !== 0) server.keyReady(db, key);
    db.changed(key, c, entry);
    if (server.notifyFlags !== 0) server.notify(NOTIFY_ZSET, increment ? "zincr" : "zadd", key, db);
    server.dirty += added + updated;
  }
  if (increment) return Number.isNaN(result) ? null : new Double(result);
  return changedCount ? added + updated : added;
}

export function zadd(c: Client, a: string[]): Reply {
  return add(c, a, false);
}

export function zincrby(c: Client, a: string[]): Reply {
  return add(c, ["zadd", a[1]!, a[2]!, a[3]!], true);
}

export function zrem(c: Client, a: string[]): Reply {
  const entry = c.db.write(a[1]!);
  const zset = zsetAt(entry);
  if (zset === undefined) return 0;
  let removed = 0;
  for (let i = 2; i < a.length && zset.size > 0; i++) if (zset.delete(a[i]!)) removed++;
  if (removed > 0) {
    after(c, c.db, entry!, zset, "zrem");
    c.server.dirty += removed;
  }
  return removed;
}

export function zcard(c: Client, a: string[]): Reply {
  return zsetAt(c.db.read(a[1]!))?.size ?? 0;
}

export function zscore(c: Client, a: string[]): Reply {
  const score = zsetAt(c.db.read(a[1]!))?.score(a[2]!);
  return score === undefined ? null : new Double(score);
}

export function zmscore(c: Client, a: string[]): Reply {
  const zset = zsetAt(c.db.read(a[1]!));
  return a.slice(2).map((member) => {
    const score = zset?.score(member);
    return score === undefined ? null : new Double(score);
  });
}

function rankOf(c: Client, a: string[], reverse: boolean): Reply {
  const withScore = a.length > 3;
  if (a.length > 4 || (withScore && a[3]!.toUpperCase() !== "WITHSCORE")) return SYNTAX;
  const zset = zsetAt(c.db.read(a[1]!));
  const rank = zset?.rank(a[2]!) ?? -1;
  if (zset === undefined || rank < 0) return withScore ? NULL_ARRAY : null;
  const place = reverse ? zset.size - 1 - rank : rank;
  return withScore ? [place, new Double(zset.score(a[2]!)!)] : place;
}

export function zrank(c: Client, a: string[]): Reply {
  return rankOf(c, a, false);
}

export function zrevrank(c: Client, a: string[]): Reply {
  return rankOf(c, a, true);
}

export function zcount(c: Client, a: string[]): Reply {
  const range = scoreRange(a[2]!, a[3]!);
  const zset = zsetAt(c.db.read(a[1]!));
  if (zset === undefined) return 0;
  const { from, to } = ranksOfScores(zset, range);
  return to - from;
}

export function zlexcount(c: Client, a: string[]): Reply {
  const range = lexRange(a[2]!, a[3]!);
  const zset = zsetAt(c.db.read(a[1]!));
  if (zset === undefined) return 0;
  const { from, to } = ranksOfLex(zset, range);
  return to - from;
}

type By = "rank" | "score" | "lex" | undefined;

/** The ranges of all the commands that read or store one. */
function range(c: Client, a: string[], at: number, kind: By, direction: boolean | undefined, target?: string): Reply {
  let by = kind;
  let reverse = direction;
  let withScores = false;
  let offset = 0;
  let limit = -1;
  for (let i = at + 3; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (target === undefined && option === "WITHSCORES") withScores = true;
    else if (option === "LIMIT" && i + 2 < a.length) {
      offset = long(a[i + 1]!);
      limit = long(a[i + 2]!);
      i += 2;
    } else if (direction === undefined && option === "REV") reverse = true;
    else if (kind === undefined && option === "BYLEX") by = "lex";
    else if (kind === undefined && option === "BYSCORE") by = "score";
    else return SYNTAX;
  }
  by ??= "rank";
  if (limit !== -1 && by === "rank") {
    return err("syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  }
  if (withScores && by === "lex") return err("syntax error, WITHSCORES not supported in combination with BYLEX");
  const swap = reverse === true && by !== "rank";
  const min = a[at + (swap ? 2 : 1)]!;
  const max = a[at + (swap ? 1 : 2)]!;
  const start = by === "rank" ? long(min) : 0;
  const end = by === "rank" ? long(max) : 0;
  const scores: ScoreRange | undefined = by === "score" ? scoreRange(min, max) : undefined;
  const lex = by === "lex" ? lexRange(min, max) : undefined;
  const zset = zsetAt(c.db.read(a[at]!));
  const out: Reply[] = [];
  const store = target === undefined ? undefined : new SortedSetData();
  if (zset !== undefined) {
    let ranks: Ranks;
    if (scores !== undefined) ranks = ranksOfScores(zset, scores);
    else if (lex !== undefined) ranks = ranksOfLex(zset, lex);
    else ranks = ranksOfIndexes(zset.size, start, end);
    let first = reverse && by !== "rank" ? ranks.to - 1 : ranks.from;
    let count = ranks.to - ranks.from;
    if (reverse && by === "rank") first = zset.size - 1 - ranks.from;
    if (by !== "rank") {
      first += reverse ? -offset : offset;
      count = offset < 0 ? 0 : Math.max(0, count - offset);
      if (limit >= 0) count = Math.min(count, limit);
    }
    if (count > 0 && store === undefined && !withScores) return zset.tree.members(first, count, reverse === true);
    if (count > 0) {
      zset.tree.walk(first, count, reverse === true, (member, score) => {
        if (store !== undefined) putScore(c, store, member, score);
        else if (!withScores) out.push(member);
        else if (c.resp === 3) out.push([member, new Double(score)]);
        else out.push(member, formatDouble(score));
      });
    }
  }
  return store === undefined ? out : storeZset(c, target!, store, "zrangestore");
}

export function zrange(c: Client, a: string[]): Reply {
  return range(c, a, 1, undefined, undefined);
}

export function zrangestore(c: Client, a: string[]): Reply {
  return range(c, a, 2, undefined, undefined, a[1]!);
}

export function zrevrange(c: Client, a: string[]): Reply {
  return range(c, a, 1, "rank", true);
}

export function zrangebyscore(c: Client, a: string[]): Reply {
  return range(c, a, 1, "score", false);
}

export function zrevrangebyscore(c: Client, a: string[]): Reply {
  return range(c, a, 1, "score", true);
}

export function zrangebylex(c: Client, a: string[]): Reply {
  return range(c, a, 1, "lex", false);
}

export function zrevrangebylex(c: Client, a: string[]): Reply {
  return range(c, a, 1, "lex", true);
}

function removeRanks(c: Client, key: string, find: (zset: SortedSetData) => Ranks, event: string): Reply {
  const entry = c.db.write(key);
  const zset = zsetAt(entry);
  if (zset === undefined) return 0;
  const { from, to } = find(zset);
  if (from >= to) return 0;
  for (const { member } of zset.range(from, to - 1, false)) zset.delete(member);
  after(c, c.db, entry!, zset, event);
  c.server.dirty += to - from;
  return to - from;
}

export function zremrangebyrank(c: Client, a: string[]): Reply {
  const start = long(a[2]!);
  const end = long(a[3]!);
  return removeRanks(c, a[1]!, (zset) => ranksOfIndexes(zset.size, start, end), "zremrangebyrank");
}

export function zremrangebyscore(c: Client, a: string[]): Reply {
  const wanted = scoreRange(a[2]!, a[3]!);
  return removeRanks(c, a[1]!, (zset) => ranksOfScores(zset, wanted), "zremrangebyscore");
}

export function zremrangebylex(c: Client, a: string[]): Reply {
  const wanted = lexRange(a[2]!, a[3]!);
  return removeRanks(c, a[1]!, (zset) => ranksOfLex(zset, wanted), "zremrangebylex");
}

/** Pops from an end; the pairs of member and score. */
function popEnd(c: Client, entry: Entry, zset: SortedSetData, max: boolean, count: number): [string, number][] {
  const out: [string, number][] = [];
  const size = Math.min(count, zset.size);
  for (const { member, score } of zset.range(0, size - 1, max)) out.push([member, score]);
  for (const [member] of out) zset.delete(member);
  after(c, c.db, entry, zset, max ? "zpopmax" : "zpopmin");
  c.server.dirty += size;
  return out;
}

function pop(c: Client, a: string[], max: boolean): Reply {
  if (a.length > 3) return SYNTAX;
  const counted = a.length === 3;
  const count = counted ? positive(a[2]!) : 1;
  const entry = c.db.write(a[1]!);
  const zset = zsetAt(entry);
  if (zset === undefined || count === 0) return EMPTY_ARRAY;
  const popped = popEnd(c, entry!, zset, max, count);
  c.rewrite(max ? "ZPOPMAX" : "ZPOPMIN", a[1]!, String(popped.length));
  if (counted && c.resp === 3) return popped.map(([member, score]) => [member, new Double(score)]);
  return popped.flatMap(([member, score]): Reply[] => [member, new Double(score)]);
}

export function zpopmin(c: Client, a: string[]): Reply {
  return pop(c, a, false);
}

export function zpopmax(c: Client, a: string[]): Reply {
  return pop(c, a, true);
}

function wait(c: Client, a: string[], keys: readonly string[], until: number): Reply {
  return c.server.blocking.wait(c, {
    kind: "zset",
    keys,
    db: c.db,
    deadline: until,
    onTimeout: NULL_ARRAY,
    onGone: false,
    args: a,
    command: c.lastCommand!,
  });
}

function blockingPop(c: Client, a: string[], max: boolean): Reply {
  const until = deadline(c, a.at(-1)!);
  const keys = a.slice(1, -1);
  for (const key of keys) {
    const entry = c.db.write(key);
    if (entry === undefined) continue;
    if (entry.type !== TYPE_ZSET) {
      if (c.retrying !== undefined) continue;
      return WRONGTYPE;
    }
    const [[member, score]] = popEnd(c, entry, entry.value as SortedSetData, max, 1) as [[string, number]];
    c.rewrite(max ? "ZPOPMAX" : "ZPOPMIN", key);
    return [key, member, new Double(score)];
  }
  if (c.denyBlocking) return NULL_ARRAY;
  return wait(c, a, keys, until);
}

export function bzpopmin(c: Client, a: string[]): Reply {
  return blockingPop(c, a, false);
}

export function bzpopmax(c: Client, a: string[]): Reply {
  return blockingPop(c, a, true);
}

function multiPop(c: Client, a: string[], at: number, until: number | undefined): Reply {
  const keyCount = longIn(a[at]!, 1, Number.POSITIVE_INFINITY, err("numkeys should be greater than 0"));
  const whereAt = at + 1 + keyCount;
  if (whereAt >= a.length) return SYNTAX;
  const where = a[whereAt]!.toUpperCase();
  if (where !== "MIN" && where !== "MAX") return SYNTAX;
  let count = -1;
  for (let i = whereAt + 1; i < a.length; i++) {
    if (count === -1 && a[i]!.toUpperCase() === "COUNT" && i + 1 < a.length) {
      count = longIn(a[++i]!, 1, Number.POSITIVE_INFINITY, err("count should be greater than 0"));
    } else return SYNTAX;
  }
  if (count === -1) count = 1;
  const keys = a.slice(at + 1, whereAt);
  const max = where === "MAX";
  for (const key of keys) {
    const entry = c.db.write(key);
    if (entry === undefined) continue;
    if (entry.type !== TYPE_ZSET) {
      if (c.retrying !== undefined) continue;
      return WRONGTYPE;
    }
    const popped = popEnd(c, entry, entry.value as SortedSetData, max, count);
    c.rewrite(max ? "ZPOPMAX" : "ZPOPMIN", key, String(popped.length));
    return [key, popped.map(([member, score]) => [member, new Double(score)])];
  }
  if (until === undefined || c.denyBlocking) return NULL_ARRAY;
  return wait(c, a, keys, until);
}

export function zmpop(c: Client, a: string[]): Reply {
  return multiPop(c, a, 1, undefined);
}

export function bzmpop(c: Client, a: string[]): Reply {
  return multiPop(c, a, 2, deadline(c, a[1]!));
}

export function zscan(c: Client, a: string[]): Reply {
  const cursor = scanCursor(a[2]!);
  const { count, pattern } = scanOptions(a, 3, false);
  const zset = zsetAt(c.db.read(a[1]!));
  if (zset === undefined) return ["0", EMPTY_ARRAY];
  const out: string[] = [];
  if (zset.compact) {
    for (const { member, score } of zset.entries()) {
      if (pattern === undefined || globMatch(pattern, member)) out.push(member, formatDouble(score));
    }
    return ["0", out];
  }
  const { from, to, next } = scanDown(zset.size, cursor, count);
  for (let i = to - 1; i >= from; i--) {
    const member = zset.members[i]!;
    if (pattern === undefined || globMatch(pattern, member)) out.push(member, formatDouble(zset.scores[i]!));
  }
  return [String(next), out];
}

export function zrandmember(c: Client, a: string[]): Reply {
  if (a.length === 2) {
    const zset = zsetAt(c.db.read(a[1]!));
    return zset === undefined ? null : zset.members[Math.floor(c.server.random() * zset.size)]!;
  }
  const withScores = a.length >= 4;
  const count = long(a[2]!);
  if (a.length > 4 || (withScores && a[3]!.toUpperCase() !== "WITHSCORES")) return SYNTAX;
  if (Math.abs(count) > maxRandomCount || a[2] === "-9223372036854775808") return err("value is out of range");
  const zset = zsetAt(c.db.read(a[1]!));
  if (zset === undefined || count === 0) return EMPTY_ARRAY;
  const places = pickPlaces(zset.size, count, c.server.random);
  if (!withScores) return places.map((at) => zset.members[at]!);
  if (c.resp === 3) return places.map((at) => [zset.members[at]!, new Double(zset.scores[at]!)]);
  return places.flatMap((at): Reply[] => [zset.members[at]!, new Double(zset.scores[at]!)]);
}
