import { compareStrings, equalValues } from "../bson/compare.js";
import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { MongoError, mongoError } from "../errors.js";
import type { FilterNode } from "../query/filter.js";
import { parseFilter } from "../query/parse-filter.js";

/**
 * The fields that a filter demands by equality, as an upsert puts them into the new document.
 *
 * @throws MongoError 54 when two of them collide, 111 when a field inside `_id` is given
 */
export function equalitiesOf(filter: Doc, onlyId = false): Doc {
  const found = new Map<string, Value>();
  collect(simplified(parseFilter(filter)), found, onlyId);
  const doc = new Doc();
  for (const path of [...found.keys()].sort(compareStrings)) {
    if (path.startsWith("_id.")) {
      throw new MongoError(
        111,
        "NotExactValueField",
        `field at '_id' must be exactly specified, field at sub-path '${path}'found`,
      );
    }
    setPath(doc, path.split("."), found.get(path)!);
  }
  const id = doc.get("_id");
  if (id === undefined || doc.keys()[0] === "_id") return doc;
  doc.delete("_id");
  const ordered = new Doc().set("_id", id);
  for (const [name, value] of doc) ordered.set(name, value);
  return ordered;
}

function collect(node: FilterNode, found: Map<string, Value>, onlyId: boolean): void {
  if (node.kind === "and" || (node.kind === "or" && node.children.length === 1)) {
    for (const child of node.children) collect(child, found, onlyId);
    return;
  }
  let value: Value;
  if (node.kind === "comparison" && node.op === "eq") value = node.value;
  else if (node.kind === "in" && node.values.length === 1 && node.regexes.length === 0) value = node.values[0]!;
  else return;
  const { path } = node;
  if (onlyId && path !== "_id" && !path.startsWith("_id.")) return;
  for (const other of found.keys()) {
    if (other === path) {
      throw mongoError(54, `cannot infer query fields to set, path '${path}' is matched twice`);
    }
    if (path.startsWith(`${other}.`) || other.startsWith(`${path}.`)) {
      throw mongoError(54, `cannot infer query fields to set, both paths '${path}' and '${other}' are matched`);
    }
  }
  found.set(path, value);
}

function setPath(doc: Doc, parts: readonly string[], value: Value): void {
  let current = doc;
  for (const part of parts.slice(0, -1)) {
    let next = current.get(part);
    if (!(next instanceof Doc)) {
      next = new Doc();
      current.set(part, next);
    }
    current = next;
  }
  current.set(parts.at(-1)!, value);
}

const nothing: FilterNode = { kind: "always", value: false };
const everything: FilterNode = { kind: "always", value: true };

/** A filter without what can never or always matches: MongoDB reads the equalities off the simplified one. */
function simplified(node: FilterNode): FilterNode {
  switch (node.kind) {
    case "and": {
      const children = node.children.map(simplified).filter((child) => child !== everything);
      if (children.includes(nothing)) return nothing;
      return children.length === 0 ? everything : { kind: "and", children };
    }
    case "or": {
      const children = node.children.map(simplified).filter((child) => child !== nothing);
      if (children.includes(everything)) return everything;
      if (children.length <= 1) return children[0] ?? nothing;
      return sameEquality(children) ?? { kind: "or", children };
    }
    case "nor": {
      const children = node.children.map(simplified).filter((child) => child !== nothing);
      if (children.includes(everything)) return nothing;
      return children.length === 0 ? everything : { kind: "nor", children };
    }
    case "not": {
      const child = simplified(node.child);
      return child === nothing ? everything : child === everything ? nothing : node;
    }
    case "in":
      if (node.values.length === 0 && node.regexes.length === 0) return nothing;
      if (node.regexes.length > 0 || !node.values.every((value) => equalValues(value, node.values[0]!))) return node;
      return { kind: "comparison", path: node.path, op: "eq", value: node.values[0]! };
    case "elemMatchObject":
    case "elemMatchValue":
      return simplified(node.child) === nothing ? nothing : node;
    case "always":
      return node.value ? everything : nothing;
    default:
      return node;
  }
}

/** Alternatives that all ask for the same value of the same field. */
function sameEquality(children: readonly FilterNode[]): FilterNode | undefined {
  const [first] = children;
  if (first?.kind !== "comparison" || first.op !== "eq") return undefined;
  const same = (child: FilterNode): boolean =>
    child.kind === "comparison" &&
    child.op === "eq" &&
    child.path === first.path &&
    equalValues(child.value, first.value);
  return children.every(same) ? first : undefined;
}
