import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";

/** What a walk shows each value to: true ends the walk. `position` is the index in the outermost array that the walk went through, or -1. */
export type Visit = (value: Value | undefined, position: number) => boolean;

/**
 * Shows every value that a dotted path of a filter reaches: through arrays of documents, through indexes of arrays, and,
 * with `traverse`, each element of an array at the end before the array itself. A document without the field shows
 * `undefined`, and so does an element that is a scalar, and an array in which nothing was found to look into.
 */
export function walkPath(
  doc: Doc,
  parts: readonly string[],
  from: number,
  traverse: boolean,
  position: number,
  visit: Visit,
): boolean {
  const last = parts.length - 1;
  let current = doc;
  for (let i = from; ; i++) {
    const value = current.get(parts[i]!);
    if (i === last) {
      if (!traverse || !Array.isArray(value)) return visit(value, position);
      for (let at = 0; at < value.length; at++) {
        if (visit(value[at], position < 0 ? at : position)) return true;
      }
      return visit(value, position);
    }
    if (value instanceof Doc) current = value;
    else if (Array.isArray(value)) return walkArray(value, parts, i + 1, traverse, position, visit);
    else return visit(undefined, position);
  }
}

/** Goes on inside an array: `parts[from]` is a field of its documents, or an index. */
export function walkArray(
  array: readonly Value[],
  parts: readonly string[],
  from: number,
  traverse: boolean,
  position: number,
  visit: Visit,
): boolean {
  const part = parts[from]!;
  const offset = arrayIndex(part);
  let shown = false;
  for (let at = 0; at < array.length; at++) {
    const element = array[at]!;
    const here = position < 0 ? at : position;
    if (element instanceof Doc) {
      shown = true;
      if (walkPath(element, parts, from, traverse, here, visit)) return true;
    }
    if (at === offset) {
      shown = true;
      if (from === parts.length - 1) {
        if (visit(element, position)) return true;
      } else if (element instanceof Doc) {
        if (walkPath(element, parts, from + 1, traverse, here, visit)) return true;
      } else if (Array.isArray(element)) {
        if (walkArray(element, parts, from + 1, traverse, here, visit)) return true;
      } else if (visit(undefined, here)) return true;
    } else if (!(offset >= 0 && offset < array.length) && !(element instanceof Doc) && !Array.isArray(element)) {
      // A scalar among the elements has no such field (where the name is no index that the array has).
      shown = true;
      if (visit(undefined, here)) return true;
    }
  }
  return !shown && visit(undefined, position);
}

/** The index that a part of a path means, or -1: "0", "17", but not "00" or "-1". */
export function arrayIndex(part: string): number {
  const first = part.charCodeAt(0);
  if (first < 0x30 || first > 0x39) return -1;
  return /^(?:0|[1-9]\d{0,9})$/.test(part) ? Number(part) : -1;
}
