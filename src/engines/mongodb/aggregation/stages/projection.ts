import { Doc } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import type { Value } from "../../bson/values.js";
import { type MongoError, mongoError } from "../../errors.js";
import type { Expression, Scope, Variables } from "../expressions/expression.js";
import { parsePath } from "../expressions/field-path.js";
import { shallowCopy } from "../expressions/objects.js";
import { showValue } from "../show.js";

/** What happens to one document: fields kept, left out, computed; deeper fields in nodes of their own. */
export interface ProjectionNode {
  /** kept or left out, by the mode */
  readonly plain: Set<string>;
  readonly children: Map<string, ProjectionNode>;
  readonly computed: Map<string, Expression>;
  /** Names of computed fields and of children, in the order of the specification. */
  readonly order: string[];
  computes: boolean;
}

/** `keep-all` is `$addFields`: everything stays and fields are computed. */
export type ProjectionMode = "inclusion" | "exclusion" | "keep-all";

export function newNode(): ProjectionNode {
  return { plain: new Set(), children: new Map(), computed: new Map(), order: [], computes: false };
}

function hasPath(node: ProjectionNode, name: string): boolean {
  return node.plain.has(name) || node.computed.has(name) || node.children.has(name);
}

/** Puts a field into the tree; two paths of which one is inside the other collide. */
export function insertPath(
  root: ProjectionNode,
  path: readonly string[],
  what: Expression | "plain",
  collide: (path: readonly string[], at: number) => MongoError = pathCollision,
): void {
  let node = root;
  const nodes = [root];
  for (let i = 0; i < path.length - 1; i++) {
    const name = path[i]!;
    if (node.plain.has(name) || node.computed.has(name)) throw collide(path, i + 1);
    let child = node.children.get(name);
    if (child === undefined) {
      child = newNode();
      node.children.set(name, child);
      node.order.push(name);
    }
    node = child;
    nodes.push(node);
  }
  const name = path.at(-1)!;
  if (hasPath(node, name)) throw collide(path, path.length);
  if (what === "plain") node.plain.add(name);
  else {
    node.computed.set(name, what);
    node.order.push(name);
    for (const each of nodes) each.computes = true;
  }
}

function pathCollision(path: readonly string[], at: number): MongoError {
  if (at === path.length) return mongoError(31250, `Path collision at ${path.join(".")}`);
  return mongoError(31249, `Path collision at ${path.join(".")} remaining portion ${path.slice(at).join(".")}`);
}

/** Applies a tree to a document. */
export function project(root: ProjectionNode, mode: ProjectionMode, doc: Doc, vars: Variables): Doc {
  const out = mode === "keep-all" ? shallowCopy(doc) : transform(root, mode, doc);
  if (root.computes) computeInto(root, out, doc, vars);
  return out;
}

function transform(node: ProjectionNode, mode: "inclusion" | "exclusion", doc: Doc): Doc {
  const keys: string[] = [];
  const values: Value[] = [];
  for (const [name, value] of doc) {
    let kept: Value | undefined;
    if (node.plain.has(name)) kept = mode === "inclusion" ? value : undefined;
    else {
      const child = node.children.get(name);
      if (child === undefined) kept = mode === "inclusion" ? undefined : value;
      else kept = transformValue(child, mode, value);
    }
    if (kept === undefined) continue;
    keys.push(name);
    values.push(kept);
  }
  return Doc.of(keys, values);
}

function transformValue(node: ProjectionNode, mode: "inclusion" | "exclusion", value: Value): Value | undefined {
  if (value instanceof Doc) return transform(node, mode, value);
  if (Array.isArray(value)) {
    const values: Value[] = [];
    for (const each of value) {
      const kept = transformValue(node, mode, each);
      if (kept !== undefined) values.push(kept);
    }
    return values;
  }
  // What has no fields is left out, unless fields are to be computed inside: they then take its place.
  return mode === "inclusion" && !node.computes ? undefined : value;
}

function computeInto(node: ProjectionNode, out: Doc, root: Doc, vars: Variables): void {
  for (const name of node.order) {
    const expression = node.computed.get(name);
    if (expression !== undefined) {
      const value = expression.evaluate(root, vars);
      if (value === undefined) out.delete(name);
      else out.set(name, value);
      continue;
    }
    const child = node.children.get(name)!;
    if (child.computes) out.set(name, computeValue(child, out.get(name), root, vars));
  }
}

function computeValue(node: ProjectionNode, value: Value | undefined, root: Doc, vars: Variables): Value {
  if (Array.isArray(value)) return value.map((each) => computeValue(node, each, root, vars));
  const out = value instanceof Doc ? shallowCopy(value) : new Doc();
  computeInto(node, out, root, vars);
  return out;
}

/** A compiled `$project`. */
export interface CompiledProjection {
  readonly root: ProjectionNode;
  readonly mode: ProjectionMode;
}

/** Compiles the specification of `$project`. */
export function compileProject(spec: Doc, scope: Scope): CompiledProjection {
  if (spec.isEmpty) throw mongoError(51272, "projection specification must have at least one field");
  const root = newNode();
  const state: ProjectState = { mode: undefined, id: undefined, root, scope };
  for (const [name, value] of spec) readField(state, parseProjectedPath(name), value);
  const mode = state.mode ?? (state.id === false ? "exclusion" : "inclusion");
  if (mode === "inclusion") {
    if (state.id !== false && !hasPath(root, "_id")) root.plain.add("_id");
    if (state.id === false) root.plain.delete("_id");
  } else if (state.id === true) root.plain.delete("_id");
  else if (state.id === false) root.plain.add("_id");
  return { root, mode };
}

interface ProjectState {
  mode: "inclusion" | "exclusion" | undefined;
  /** what is said of `_id` itself */
  id: boolean | undefined;
  readonly root: ProjectionNode;
  readonly scope: Scope;
}

function parseProjectedPath(name: string): string[] {
  if (name === "$" || name.endsWith(".$")) {
    throw mongoError(31324, "Cannot use positional projection in aggregation projection");
  }
  return parsePath(name);
}

function readField(state: ProjectState, path: string[], value: Value): void {
  if (isNumber(value) || typeof value === "boolean") {
    const include = typeof value === "boolean" ? value : toDouble(value) !== 0;
    if (path.length === 1 && path[0] === "_id") {
      state.id = include;
      if (hasPath(state.root, "_id")) throw pathCollision(path, 1);
      return;
    }
    insertPath(state.root, path, "plain");
    const mode = include ? "inclusion" : "exclusion";
    if (state.mode === undefined) state.mode = mode;
    else if (state.mode !== mode) {
      throw include
        ? mongoError(31253, `Cannot do inclusion on field ${path.join(".")} in exclusion projection`)
        : mongoError(31254, `Cannot do exclusion on field ${path.join(".")} in inclusion projection`);
    }
    return;
  }
  if (value instanceof Doc && !(value.first()?.[0].startsWith("$") ?? false)) {
    if (value.isEmpty) throw mongoError(51270, `Invalid empty sub-projection: ${path.join(".")}`);
    for (const [name, each] of value) readField(state, [...path, ...parseProjectedPath(name)], each);
    return;
  }
  if (state.mode === "exclusion") {
    if (!(value instanceof Doc)) {
      throw mongoError(
        31310,
        `Cannot use an expression ${path.join(".")}: ${showValue(value)} in an exclusion projection`,
      );
    }
    throw mongoError(31252, "Cannot use expression other than $meta in exclusion projection");
  }
  state.mode = "inclusion";
  insertPath(state.root, path, compileComputed(value, state.scope));
}

function compileComputed(value: Value, scope: Scope): Expression {
  if (value instanceof Doc) {
    const name = value.first()![0];
    if (value.size > 1) parsePath(name);
    if (name === "$elemMatch") throw mongoError(168, "Cannot use $elemMatch in this context");
    if (name !== "$meta" && scope.operator(name)?.supported !== true) {
      throw mongoError(31325, `Unknown expression ${name}`);
    }
  }
  return scope.compile(value);
}

/** Compiles the specification of `$addFields`. */
export function compileAddFields(spec: Doc, scope: Scope): CompiledProjection {
  const root = newNode();
  const conflict = (path: readonly string[]) =>
    mongoError(
      40176,
      `specification contains two conflicting paths. Cannot specify both '${path.join(".")}' and another path inside or around it: ${showValue(spec)}`,
    );
  const read = (path: string[], value: Value): void => {
    if (value instanceof Doc && !value.isEmpty && !value.first()![0].startsWith("$")) {
      for (const [name, each] of value) {
        if (name.includes(".")) {
          throw mongoError(40183, `FieldPath field names may not contain '.' in a sub-object, given '${name}'`);
        }
        read([...path, ...parsePath(name)], each);
      }
      return;
    }
    if (value instanceof Doc && value.size > 1) {
      for (const name of value.keys()) parsePath(name);
    }
    insertPath(root, path, scope.compile(value), conflict);
  };
  for (const [name, value] of spec) read(parsePath(name), value);
  return { root, mode: "keep-all" };
}

/** Compiles the fields that `$unset` leaves out. */
export function compileUnset(names: readonly string[]): CompiledProjection {
  const root = newNode();
  for (const name of names) insertPath(root, parsePath(name), "plain");
  return { root, mode: "exclusion" };
}
