import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import type { Result } from "./expression.js";

const hint = "Consider using $getField or $setField for a field path with '.' or '$'.";

/** The names of a dotted path, checked as MongoDB checks them. */
export function parsePath(path: string): string[] {
  if (path === "") throw mongoError(40352, "FieldPath cannot be constructed with empty string");
  if (path.endsWith(".")) throw mongoError(40353, "FieldPath must not end with a '.'.");
  const names = path.split(".");
  if (names.length > 200) throw mongoError(5984700, "FieldPath is too long");
  for (const name of names) checkFieldName(name);
  return names;
}

/** Checks one name of a path. */
export function checkFieldName(name: string): void {
  if (name === "") throw mongoError(15998, `${hint} :: caused by :: FieldPath field names may not be empty strings.`);
  if (name.startsWith("$")) {
    throw mongoError(16410, `${hint} :: caused by :: FieldPath field names may not start with '$', given '${name}'.`);
  }
  if (name.includes("\0")) {
    throw mongoError(16411, `${hint} :: caused by :: FieldPath field names may not contain '\\0'.`);
  }
  if (name.includes(".")) {
    throw mongoError(16412, `${hint} :: caused by :: FieldPath field names may not contain '.', given '${name}'.`);
  }
}

/** The value at a path; an array on the way answers with the array of what its documents have there. */
export function readPath(doc: Doc, path: readonly string[], from = 0): Result {
  let current: Doc = doc;
  for (let i = from; ; i++) {
    const value = current.get(path[i]!);
    if (i === path.length - 1) return value;
    if (value instanceof Doc) current = value;
    else if (Array.isArray(value)) return readThroughArray(value, path, i + 1);
    else return undefined;
  }
}

/** Goes on into the documents of an array; its other elements, arrays too, are left out. */
export function readThroughArray(array: readonly Value[], path: readonly string[], from: number): Value[] {
  const found: Value[] = [];
  for (const element of array) {
    if (!(element instanceof Doc)) continue;
    const value = readPath(element, path, from);
    if (value !== undefined) found.push(value);
  }
  return found;
}
