import { parseDouble } from "../data/numbers.js";
import type { SortedSetData } from "../data/sorted-set.js";
import { err } from "../protocol/reply.js";

/** Ranks that a range covers, from (included) to (excluded). */
export interface Ranks {
  readonly from: number;
  readonly to: number;
}

const BAD_SCORE = err("min or max is not a float");
const BAD_LEX = err("min or max not valid string range item");

interface ScoreBound {
  readonly value: number;
  readonly exclusive: boolean;
}

function scoreBound(text: string): ScoreBound {
  const exclusive = text.startsWith("(");
  const body = exclusive ? text.slice(1) : text;
  // An empty number is read as 0, as strtod does.
  const value = body === "" ? 0 : parseDouble(body);
  if (Number.isNaN(value)) throw BAD_SCORE;
  return { value, exclusive };
}

/** A range of scores. */
export interface ScoreRange {
  readonly min: ScoreBound;
  readonly max: ScoreBound;
}

export function scoreRange(min: string, max: string): ScoreRange {
  return { min: scoreBound(min), max: scoreBound(max) };
}

export function ranksOfScores(zset: SortedSetData, { min, max }: ScoreRange): Ranks {
  if (min.value > max.value || (min.value === max.value && (min.exclusive || max.exclusive))) return { from: 0, to: 0 };
  const from = zset.tree.countBefore(min.exclusive ? (score) => score > min.value : (score) => score >= min.value);
  const to = zset.tree.countBefore(max.exclusive ? (score) => score >= max.value : (score) => score > max.value);
  return { from, to: Math.max(from, to) };
}

/** Bounds by bytes: a text, or an end. */
interface LexBound {
  readonly value: string | "-" | "+";
  readonly kind: "min" | "max" | "inclusive" | "exclusive";
}

function lexBound(text: string): LexBound {
  if (text === "-") return { value: "", kind: "min" };
  if (text === "+") return { value: "", kind: "max" };
  if (text.startsWith("(")) return { value: text.slice(1), kind: "exclusive" };
  if (text.startsWith("[")) return { value: text.slice(1), kind: "inclusive" };
  throw BAD_LEX;
}

export interface LexRange {
  readonly min: LexBound;
  readonly max: LexBound;
}

export function lexRange(min: string, max: string): LexRange {
  return { min: lexBound(min), max: lexBound(max) };
}

export function ranksOfLex(zset: SortedSetData, { min, max }: LexRange): Ranks {
  if (min.kind === "max" || max.kind === "min") return { from: 0, to: 0 };
  const from =
    min.kind === "min"
      ? 0
      : zset.tree.countBefore(
          min.kind === "exclusive" ? (_, member) => member > min.value : (_, member) => member >= min.value,
        );
  const to =
    max.kind === "max"
      ? zset.size
      : zset.tree.countBefore(
          max.kind === "exclusive" ? (_, member) => member >= max.value : (_, member) => member > max.value,
        );
  return { from, to: Math.max(from, to) };
}

/** Ranks of a range by index, negative ones counted from the end. */
export function ranksOfIndexes(size: number, start: number, end: number): Ranks {
  const from = start < 0 ? Math.max(0, start + size) : start;
  const to = Math.min(end < 0 ? end + size : end, size - 1);
  return from > to || from >= size ? { from: 0, to: 0 } : { from, to: to + 1 };
}
