import { BSONRegExp, MaxKey, MinKey } from "bson";
import { after, before } from "../../storage/store.js";
import { BsonWriter, Doc } from "../bson/doc.js";
import { BsonType } from "../bson/raw.js";
import { UNDEFINED, type Value } from "../bson/values.js";
import { encodeValue, inverted, typeFloor } from "./key-encoding.js";
import { isNumber } from "./language.js";
import { elementText } from "./text.js";

/**
 * What a filter says about the places of an index where its documents can be. Bounds may take in more than the filter,
 * never less: the filter is applied to what is found, except where `exact` says that nothing is left to check.
 */

/** One end of an interval: a whole value, or the beginning that all values have which belong to it. */
interface End {
  readonly bytes: string;
  readonly kind: "value" | "prefix";
  readonly inclusive: boolean;
  /** As explain shows it; where it is that of a whole type, with its own sign of being part of the interval or not. */
  readonly text: string;
  readonly open?: boolean;
}

/** Values between two ends, in ascending order. */
export interface Interval {
  readonly low: End;
  readonly high: End;
  /** A single value. */
  readonly point: boolean;
}

/** An interval as explain shows it; the other way round for a field that is walked from its greatest value down. */
export function intervalText({ low, high }: Interval, downwards: boolean): string {
  const closed = (end: End): boolean => (end.kind === "value" ? end.inclusive : end.open !== true);
  const [from, to] = downwards ? [high, low] : [low, high];
  return `${closed(from) ? "[" : "("}${from.text}, ${to.text}${closed(to) ? "]" : ")"}`;
}

/** What one predicate of a filter says about its path. */
export interface Predicate {
  readonly path: string;
  readonly intervals: readonly Interval[];
  /** Nothing but the intervals has to be checked, where no array is in the way. */
  readonly exact: boolean;
  /** Documents without the field may match. */
  readonly matchesMissing: boolean;
  /** Predicates of one `$elemMatch` are about one element: together they hold for it. */
  readonly element: number | undefined;
}

/** A filter taken apart, as far as an index can help. */
export interface Conjunction {
  readonly predicates: Predicate[];
  /** The branches of each `$or`. */
  readonly alternatives: Doc[][];
  /** Something in the filter is not among the predicates. */
  complete: boolean;
}

const everything: Interval = {
  low: { bytes: "\x01", kind: "prefix", inclusive: true, text: "MinKey" },
  high: { bytes: "\xfe", kind: "prefix", inclusive: true, text: "MaxKey" },
  point: false,
};

/** All values. */
export const full: readonly Interval[] = [everything];

export function isFull(intervals: readonly Interval[]): boolean {
  return intervals.length === 1 && intervals[0] === everything;
}

/** The byte just above all that begin with `prefix`. */
function increment(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

/** Where an interval begins and ends in a field of an index; `to` is exclusive. */
export function rangeOf({ low, high }: Interval, descending: boolean): { from: string; to: string } {
  if (!descending) return { from: lowBound(low, low.bytes), to: highBound(high, high.bytes) };
  return { from: lowBound(high, inverted(high.bytes)), to: highBound(low, inverted(low.bytes)) };
}

// What follows a whole value in a key is never 0x00 or 0xFF. A longer string, which does go on with one of them behind
// the shorter one, so lies on its own side of the bound.
function lowBound({ kind, inclusive }: End, bytes: string): string {
  if (kind === "prefix") return bytes;
  return inclusive ? before(bytes) : after(bytes);
}

function highBound({ kind, inclusive }: End, bytes: string): string {
  if (kind === "prefix") return increment(bytes);
  return inclusive ? after(bytes) : before(bytes);
}

const writer = new BsonWriter(256);

function typeOf(value: Value): number {
  writer.reset();
  writer.writeElement("", value);
  return writer.buffer[0]!;
}

function pointOf(value: Value): Interval {
  const end: End = { bytes: encodeValue(value), kind: "value", inclusive: true, text: elementText(value) };
  return { low: end, high: end, point: true };
}

/** The ends of all values of the type of `value`. */
function bracket(value: Value): { floor: End; ceiling: End } {
  const type = typeOf(value);
  const both = (low: string, high: string, open: boolean): { floor: End; ceiling: End } => {
    const end = { bytes: typeFloor(type), kind: "prefix", inclusive: true } as const;
    return { floor: { ...end, text: low }, ceiling: { ...end, text: high, open } };
  };
  if (isNumber(value)) return both("-inf.0", "inf.0", false);
  switch (type) {
    case BsonType.string:
    case BsonType.symbol:
      return both('""', "{}", true);
    case BsonType.document:
      return both("{}", "[]", true);
    case BsonType.date:
      return both("new Date(-9223372036854775808)", "new Date(9223372036854775807)", false);
    case BsonType.boolean:
      return both("false", "true", false);
    default:
      return both("", "", true);
  }
}

/** What `{ $gt: value }` and its like say. */
function comparison(op: string, value: Value): { intervals: readonly Interval[]; exact: boolean } | undefined {
  if (Array.isArray(value) || value instanceof BSONRegExp || value instanceof MinKey || value instanceof MaxKey)
    return undefined;
  if (value === null || value === UNDEFINED) return undefined;
  if (typeof value === "number" && Number.isNaN(value)) return undefined;
  const { floor, ceiling } = bracket(value);
  const inclusive = op === "$gte" || op === "$lte";
  const end: End = { bytes: encodeValue(value), kind: "value", inclusive, text: elementText(value) };
  const exact = !(value instanceof Doc);
  if (op === "$gt" || op === "$gte") return { intervals: [{ low: end, high: ceiling, point: false }], exact };
  // NaN is below all numbers in an index and below none in a comparison.
  return { intervals: [{ low: floor, high: end, point: false }], exact: exact && !isNumber(value) };
}

/** What equality with a value says: an array is found by itself or by its first element. */
function equality(value: Value): { intervals: readonly Interval[]; exact: boolean; missing: boolean } {
  if (value === null) return { intervals: [pointOf(UNDEFINED), pointOf(null)], exact: false, missing: true };
  if (value === UNDEFINED) return { intervals: full, exact: false, missing: true };
  if (Array.isArray(value)) {
    const first = value.length === 0 ? UNDEFINED : value[0]!;
    return { intervals: union([pointOf(first), pointOf(value)]), exact: false, missing: false };
  }
  return { intervals: [pointOf(value)], exact: true, missing: false };
}

/** The strings that a regex can match, when it is anchored and begins with plain characters. */
function regexIntervals(pattern: string, options: string): readonly Interval[] {
  const { floor, ceiling } = bracket("");
  const strings: Interval = { low: floor, high: ceiling, point: false };
  const prefix = plainPrefix(pattern, options);
  const same = pointOf(regexValue(pattern, options));
  if (prefix === "") return [strings, same];
  // Without the NUL that ends a whole string.
  const bytes = encodeValue(prefix).slice(0, -1);
  const low: End = { bytes, kind: "prefix", inclusive: true, text: JSON.stringify(prefix) };
  const next = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return [{ low, high: { ...low, text: JSON.stringify(next), open: true }, point: false }, same];
}

function regexValue(pattern: string, options: string): BSONRegExp {
  const regex = new BSONRegExp(pattern, "");
  regex.options = options;
  return regex;
}

/** The characters that every match begins with; "" when there is no telling. */
function plainPrefix(pattern: string, options: string): string {
  if (/[imx]/.test(options)) return "";
  const match = /^(?:\^|\\A)([^\\^$.|?*+()[\]{}]*)(.?)/su.exec(pattern);
  if (match === null || pattern.includes("|") || /\(\?[a-z]*[imx]/.test(pattern)) return "";
  let prefix = match[1]!;
  // The last character may be optional.
  if (match[2] === "?" || match[2] === "*" || match[2] === "{") prefix = [...prefix].slice(0, -1).join("");
  return prefix;
}

/** Takes a filter apart. */
export function conjunctionOf(filter: Doc): Conjunction {
  const conjunction: Conjunction = { predicates: [], alternatives: [], complete: true };
  collect(filter, "", conjunction, undefined);
  return conjunction;
}

let nextElement = 1;

function collect(filter: Doc, prefix: string, into: Conjunction, element: number | undefined): void {
  for (const [name, value] of filter) {
    if (name.startsWith("$")) {
      if (name === "$and" && Array.isArray(value)) {
        for (const each of value) if (each instanceof Doc) collect(each, prefix, into, element);
      } else if (name === "$or" && Array.isArray(value) && prefix === "") {
        into.complete = false;
        into.alternatives.push(value.filter((each) => each instanceof Doc));
      } else if (name !== "$comment") into.complete = false;
      continue;
    }
    field(prefix + name, value, into, element);
  }
}

function field(path: string, value: Value, into: Conjunction, element: number | undefined): void {
  const add = (intervals: readonly Interval[], exact: boolean, matchesMissing: boolean): void => {
    into.predicates.push({ path, intervals, exact, matchesMissing, element });
  };
  if (value instanceof BSONRegExp) {
    add(regexIntervals(value.pattern, value.options), false, false);
    return;
  }
  if (!(value instanceof Doc) || !isOperators(value)) {
    const { intervals, exact, missing } = equality(value);
    add(intervals, exact, missing);
    return;
  }
  for (const [op, operand] of value) {
    switch (op) {
      case "$eq": {
        const { intervals, exact, missing } = equality(operand);
        add(intervals, exact, missing);
        break;
      }
      case "$gt":
      case "$gte":
      case "$lt":
      case "$lte": {
        const found = comparison(op, operand);
        if (found === undefined) into.complete = false;
        else add(found.intervals, found.exact, false);
        break;
      }
      case "$in": {
        if (!Array.isArray(operand)) {
          into.complete = false;
          break;
        }
        const all: Interval[] = [];
        let exact = true;
        let missing = false;
        for (const each of operand) {
          if (each instanceof BSONRegExp) {
            all.push(...regexIntervals(each.pattern, each.options));
            exact = false;
          } else {
            const one = equality(each);
            all.push(...one.intervals);
            exact &&= one.exact;
            missing ||= one.missing;
          }
        }
        add(all.some((each) => each === everything) ? full : union(all), exact, missing);
        break;
      }
      case "$regex": {
        const options = value.get("$options");
        const text = typeof options === "string" ? options : "";
        if (typeof operand === "string") add(regexIntervals(operand, text), false, false);
        else if (operand instanceof BSONRegExp) {
          add(regexIntervals(operand.pattern, options === undefined ? operand.options : text), false, false);
        } else into.complete = false;
        break;
      }
      case "$options":
        break;
      case "$exists": {
        const wanted = operand !== false && operand !== null && !(isNumber(operand) && Number(String(operand)) === 0);
        // A field that exists may hold null, which looks like a missing one.
        if (wanted) add(full, false, false);
        else add([pointOf(null)], false, true);
        break;
      }
      case "$all": {
        const first = Array.isArray(operand) ? operand[0] : undefined;
        if (first === undefined || first instanceof BSONRegExp || (first instanceof Doc && isOperators(first))) {
          into.complete = false;
        } else {
          const { intervals, missing } = equality(first);
          add(intervals, false, missing);
        }
        break;
      }
      case "$elemMatch": {
        into.complete = false;
        if (!(operand instanceof Doc)) break;
        const one = nextElement++;
        const inner: Conjunction = { predicates: [], alternatives: [], complete: true };
        if (isOperators(operand)) field(path, operand, inner, one);
        else collect(operand, `${path}.`, inner, one);
        for (const each of inner.predicates) into.predicates.push({ ...each, exact: false });
        break;
      }
      default:
        into.complete = false;
    }
  }
}

function isOperators(doc: Doc): boolean {
  const first = doc.first();
  if (first === undefined || !first[0].startsWith("$")) return false;
  return first[0] !== "$ref" && first[0] !== "$id" && first[0] !== "$db";
}

function start(interval: Interval): string {
  return rangeOf(interval, false).from;
}

function end(interval: Interval): string {
  return rangeOf(interval, false).to;
}

/** The values that are in one of the intervals, in order and without overlap. */
export function union(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = [...intervals].sort((a, b) => (start(a) < start(b) ? -1 : start(a) > start(b) ? 1 : 0));
  const out: Interval[] = [];
  for (const each of sorted) {
    const last = out[out.length - 1];
    if (last === undefined || start(each) >= end(last)) out.push(each);
    else if (end(each) > end(last)) {
      out[out.length - 1] = { low: last.low, high: each.high, point: false };
    }
  }
  return out;
}

/** The values that are in both. */
export function intersection(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  if (isFull(a)) return b;
  if (isFull(b)) return a;
  const out: Interval[] = [];
  for (const one of a) {
    for (const two of b) {
      const low = start(one) >= start(two) ? one : two;
      const high = end(one) <= end(two) ? one : two;
      if (start(low) >= end(high)) continue;
      if (low === high) {
        out.push(low);
        continue;
      }
      out.push({ low: low.low, high: high.high, point: low.point || high.point });
    }
  }
  return out;
}

/** Whether every value of `inner` is in `outer`. */
export function contains(outer: readonly Interval[], inner: readonly Interval[]): boolean {
  return inner.every((each) => outer.some((one) => start(one) <= start(each) && end(each) <= end(one)));
}
