import type { Client } from "../client.js";
import { TYPE_SET, TYPE_ZSET } from "../data/entry.js";
import type { SetData } from "../data/set.js";
import { SortedSetData } from "../data/sorted-set.js";
import { Double, err, type Reply, SYNTAX, WRONGTYPE } from "../protocol/reply.js";
import { double, long, longIn } from "./arguments.js";
import { putScore, storeZset } from "./zset.js";

type Operation = "union" | "inter" | "diff";
type Aggregate = "SUM" | "MIN" | "MAX";

/** A sorted set, or a plain set whose members all have the score 1. */
class Source {
  readonly #zset: SortedSetData | undefined;
  readonly #set: SetData | undefined;
  readonly identity: object | undefined;
  weight = 1;

  constructor(zset: SortedSetData | undefined, set: SetData | undefined) {
    this.#zset = zset;
    this.#set = set;
    this.identity = zset ?? set;
  }

  get size(): number {
    return this.#zset?.size ?? this.#set?.size ?? 0;
  }

  score(member: string): number | undefined {
    if (this.#zset !== undefined) return this.#zset.score(member);
    return this.#set?.has(member) ? 1 : undefined;
  }

  each(visit: (member: string, score: number) => boolean): void {
    if (this.#zset !== undefined) {
      // In order, for the sums of floating-point numbers depend on it.
      for (const { member, score } of this.#zset.entries()) if (!visit(member, score)) return;
    } else if (this.#set !== undefined) for (const member of this.#set.items) if (!visit(member, 1)) return;
  }
}

function aggregated(left: number, right: number, how: Aggregate): number {
  if (how === "MIN") return Math.min(left, right);
  if (how === "MAX") return Math.max(left, right);
  const sum = left + right;
  // ∞ − ∞ counts as 0.
  return Number.isNaN(sum) ? 0 : sum;
}

function weighted(score: number, weight: number): number {
  const value = score * weight;
  return Number.isNaN(value) ? 0 : value;
}

function intersect(sources: Source[], how: Aggregate, visit: (member: string, score: number) => boolean): void {
  const [first] = sources;
  if (first === undefined || first.size === 0) return;
  first.each((member, own) => {
    let score = weighted(own, first.weight);
    for (let i = 1; i < sources.length; i++) {
      const source = sources[i]!;
      const value = source.identity === first.identity ? own : source.score(member);
      if (value === undefined) return true;
      score = aggregated(score, weighted(value, source.weight), how);
    }
    return visit(member, score);
  });
}

function operate(c: Client, a: string[], at: number, operation: Operation, target?: string): Reply {
  const count = long(a[at]!);
  if (count < 1) return err(`at least 1 input key is needed for '${c.lastCommand!.fullName}' command`);
  if (count > a.length - (at + 1)) return SYNTAX;
  const sources: Source[] = [];
  for (let i = 0; i < count; i++) {
    const entry = c.db.read(a[at + 1 + i]!);
    if (entry !== undefined && entry.type !== TYPE_ZSET && entry.type !== TYPE_SET) return WRONGTYPE;
    sources.push(
      new Source(
        entry?.type === TYPE_ZSET ? (entry.value as SortedSetData) : undefined,
        entry?.type === TYPE_SET ? (entry.value as SetData) : undefined,
      ),
    );
  }
  let how: Aggregate = "SUM";
  let withScores = false;
  for (let i = at + 1 + count; i < a.length; i++) {
    const option = a[i]!.toUpperCase();
    if (operation !== "diff" && option === "WEIGHTS" && a.length - i >= count + 1) {
      for (const source of sources) source.weight = double(a[++i]!, err("weight value is not a float"));
    } else if (operation !== "diff" && option === "AGGREGATE" && i + 1 < a.length) {
      const name = a[++i]!.toUpperCase();
      if (name !== "SUM" && name !== "MIN" && name !== "MAX") return SYNTAX;
      how = name;
    } else if (target === undefined && option === "WITHSCORES") withScores = true;
    else return SYNTAX;
  }
  const result = new SortedSetData();
  if (operation === "inter") {
    sources.sort((x, y) => x.size - y.size);
    intersect(sources, how, (member, score) => {
      putScore(c, result, member, score);
      return true;
    });
  } else if (operation === "union") {
    const scores = new Map<string, number>();
    for (const source of sources.sort((x, y) => x.size - y.size)) {
      source.each((member, own) => {
        const score = weighted(own, source.weight);
        const old = scores.get(member);
        scores.set(member, old === undefined ? score : aggregated(old, score, how));
        return true;
      });
    }
    for (const [member, score] of scores) putScore(c, result, member, score);
  } else {
    const [first, ...others] = sources;
    first!.each((member, score) => {
      if (!others.some((source) => source.score(member) !== undefined)) putScore(c, result, member, score);
      return true;
    });
  }
  if (target !== undefined) return storeZset(c, target, result, `z${operation}store`);
  const out: Reply[] = [];
  for (const { member, score } of result.entries()) {
    if (!withScores) out.push(member);
    else if (c.resp === 3) out.push([member, new Double(score)]);
    else out.push(member, new Double(score));
  }
  return out;
}

export function zunion(c: Client, a: string[]): Reply {
  return operate(c, a, 1, "union");
}

export function zinter(c: Client, a: string[]): Reply {
  return operate(c, a, 1, "inter");
}

export function zdiff(c: Client, a: string[]): Reply {
  return operate(c, a, 1, "diff");
}

export function zunionstore(c: Client, a: string[]): Reply {
  return operate(c, a, 2, "union", a[1]!);
}

export function zinterstore(c: Client, a: string[]): Reply {
  return operate(c, a, 2, "inter", a[1]!);
}

export function zdiffstore(c: Client, a: string[]): Reply {
  return operate(c, a, 2, "diff", a[1]!);
}

export function zintercard(c: Client, a: string[]): Reply {
  const count = long(a[1]!);
  if (count < 1) return err("at least 1 input key is needed for 'zintercard' command");
  if (count > a.length - 2) return SYNTAX;
  const sources: Source[] = [];
  for (let i = 0; i < count; i++) {
    const entry = c.db.read(a[2 + i]!);
    if (entry !== undefined && entry.type !== TYPE_ZSET && entry.type !== TYPE_SET) return WRONGTYPE;
    sources.push(
      new Source(
        entry?.type === TYPE_ZSET ? (entry.value as SortedSetData) : undefined,
        entry?.type === TYPE_SET ? (entry.value as SetData) : undefined,
      ),
    );
  }
  let limit = 0;
  for (let i = 2 + count; i < a.length; i++) {
    if (a[i]!.toUpperCase() === "LIMIT" && i + 1 < a.length) {
      limit = longIn(a[++i]!, 0, Number.POSITIVE_INFINITY, err("LIMIT can't be negative"));
    } else return SYNTAX;
  }
  let found = 0;
  sources.sort((x, y) => x.size - y.size);
  intersect(sources, "SUM", () => ++found !== limit);
  return found;
}
