import { compileExpression, createEnvironment } from "../aggregation/expressions/compile.js";
import { parsePath } from "../aggregation/expressions/field-path.js";
import { insertPath, newNode, type ProjectionNode, project } from "../aggregation/stages/projection.js";
import { bsonTypeName } from "../bson/compare.js";
import { Doc } from "../bson/doc.js";
import { isNumber, toDouble } from "../bson/numbers.js";
import { DateTime, type Value } from "../bson/values.js";
import { elementText } from "../data/text.js";
import { MongoError, mongoError } from "../errors.js";
import { compileFilter, type FilterOptions, type Matcher } from "./matcher.js";

/** A compiled projection of `find` or `findAndModify`. */
export interface Projection {
  readonly kind: "inclusion" | "exclusion" | "computed";
  /** The projected document; the given one stays as it is. */
  apply(doc: Doc): Doc;
}

/** Replaces the value at a path after fields have been kept and left out; `undefined` leaves it out. */
interface Rewrite {
  readonly path: readonly string[];
  readonly run: (value: Value) => Value | undefined;
}

interface ParseState {
  mode: "inclusion" | "exclusion" | undefined;
  id: boolean | undefined;
  computed: boolean;
  positional: readonly string[] | undefined;
  elemMatches: boolean;
  /** An error that MongoDB would find last. */
  failure: MongoError | undefined;
  readonly root: ProjectionNode;
  /** Every path named so far, to find those that collide. */
  readonly named: ProjectionNode;
  readonly slices: Rewrite[];
  readonly elements: Rewrite[];
  readonly compile: (value: Value) => ReturnType<typeof compileExpression>;
  readonly options: FilterOptions;
}

/**
 * Compiles a projection of `find`.
 *
 * @param matcher the query's filter, which the positional `$` asks for the element that matched
 * @throws MongoError with MongoDB's code and text when the specification is not valid
 * @example
 * compileProjection(Doc.from([["name", int32(1)], ["_id", int32(0)]])).apply(doc);
 */
export function compileProjection(spec: Doc, matcher?: Matcher | undefined, options: FilterOptions = {}): Projection {
  const { scope, variables } = createEnvironment({
    let: options.vars,
    ...(options.now === undefined ? {} : { now: new DateTime(options.now()) }),
  });
  const state: ParseState = {
    mode: undefined,
    id: undefined,
    computed: false,
    positional: undefined,
    elemMatches: false,
    failure: undefined,
    root: newNode(),
    named: newNode(),
    slices: [],
    elements: [],
    compile: (value) => compileExpression(value, scope),
    options,
  };
  for (const [name, value] of spec) readField(state, name, value);
  if (state.failure !== undefined) throw state.failure;
  const { root, slices, elements, positional } = state;
  let { mode } = state;
  if (mode === undefined) {
    if (state.elemMatches && slices.length === 0) mode = "inclusion";
    else if (slices.length > 0) mode = "exclusion";
    else mode = state.id === true ? "inclusion" : "exclusion";
  }
  if (mode === "inclusion") {
    if (state.id !== false && !has(root, "_id")) root.plain.add("_id");
    for (const { path } of [...slices, ...elements]) insertPath(root, path, "plain");
  } else {
    if (state.id === false) root.plain.add("_id");
  }
  const finalMode = mode;
  const rewrites = [...slices, ...elements];
  return {
    kind: state.computed ? "computed" : mode,
    apply: (doc) => {
      let out = project(root, finalMode, doc, variables);
      if (positional !== undefined) out = positioned(out, positional, () => matcher?.matchWithPosition(doc).position);
      for (const { path, run } of rewrites) rewriteIn(out, path, 0, run);
      return out;
    },
  };
}

function has(node: ProjectionNode, name: string): boolean {
  return node.plain.has(name) || node.children.has(name) || node.computed.has(name);
}

function readField(state: ParseState, name: string, value: Value): void {
  if (name.includes(".$.")) {
    throw mongoError(
      31394,
      "As of 4.4, it's illegal to specify positional operator in the middle of a path.Positional projection may only be used at the end, for example: a.b.$. If the query previously used a form like a.b.$.d, remove the parts following the '$' and the results will be equivalent.",
    );
  }
  if (name.endsWith(".$")) {
    readPositional(state, name, value);
    return;
  }
  readPath(state, parsePath(name), value);
}

function setMode(state: ParseState, mode: "inclusion" | "exclusion", path: string): void {
  if (state.mode === undefined) state.mode = mode;
  else if (state.mode !== mode) {
    throw mode === "inclusion"
      ? mongoError(31253, `Cannot do inclusion on field ${path} in exclusion projection`)
      : mongoError(31254, `Cannot do exclusion on field ${path} in inclusion projection`);
  }
}

function readPositional(state: ParseState, name: string, value: Value): void {
  if (value instanceof Doc || !(isNumber(value) || typeof value === "boolean")) {
    throw mongoError(31271, "positional projection cannot be used with an expression or sub object");
  }
  if (!truthy(value)) throw mongoError(31395, "positional projection cannot be used with exclusion");
  if (state.positional !== undefined) {
    throw mongoError(31276, "Cannot specify more than one positional projection per query.");
  }
  if (state.elemMatches) throw mongoError(31256, "Cannot specify positional operator and $elemMatch.");
  const path = parsePath(name.slice(0, -2));
  insertPath(state.named, path, "plain");
  setMode(state, "inclusion", path.join("."));
  insertPath(state.root, path, "plain");
  state.positional = path;
}

function truthy(value: Value): boolean {
  return typeof value === "boolean" ? value : !isNumber(value) || toDouble(value) !== 0;
}

function readPath(state: ParseState, path: string[], value: Value): void {
  const dotted = path.join(".");
  if (isNumber(value) || typeof value === "boolean") {
    if (dotted === "_id") {
      state.id = truthy(value);
      return;
    }
    insertPath(state.named, path, "plain");
    setMode(state, truthy(value) ? "inclusion" : "exclusion", dotted);
    insertPath(state.root, path, "plain");
    return;
  }
  if (value instanceof Doc) {
    const first = value.first();
    if (first === undefined) throw mongoError(51270, `Invalid empty sub-projection: ${dotted}`);
    const [operator, argument] = first;
    if (!operator.startsWith("$")) {
      for (const [name, each] of value) {
        if (name.includes(".")) {
          for (const part of parsePath(name)) parsePath(part);
          readPath(state, [...path, ...parsePath(name)], each);
        } else readPath(state, [...path, ...parsePath(name)], each);
      }
      return;
    }
    if (operator === "$slice" && isFindSlice(argument)) {
      nameSlice(state, path, value);
      state.slices.push({ path, run: slice(argument) });
      return;
    }
    if (operator === "$elemMatch") {
      readElemMatch(state, path, argument);
      return;
    }
    if (operator === "$meta") {
      if (argument === "textScore") {
        throw mongoError(40218, "query requires text score metadata, but it is not available");
      }
      throw mongoError(
        17308,
        `Unsupported $meta field: ${typeof argument === "string" ? argument : elementText(argument)}`,
      );
    }
    if (state.mode === "exclusion") {
      throw mongoError(31252, "Cannot use expression other than $meta in exclusion projection");
    }
    addComputed(state, path, () => computedBy(state, operator, value));
    return;
  }
  if (state.mode === "exclusion") {
    insertPath(state.named, path, "plain");
    throw mongoError(
      31310,
      `Cannot use an expression ${path.at(-1)}: ${elementText(value)} in an exclusion projection`,
    );
  }
  addComputed(state, path, () => state.compile(value));
}

function addComputed(state: ParseState, path: string[], compile: () => ReturnType<ParseState["compile"]>): void {
  let compiled: ReturnType<ParseState["compile"]>;
  try {
    compiled = compile();
  } catch (error) {
    // MongoDB folds constants after it has looked at the whole specification.
    if (!(error instanceof MongoError) || error.code !== 28724) throw error;
    state.failure ??= error;
    compiled = state.compile(null);
  }
  insertPath(state.named, path, "plain");
  setMode(state, "inclusion", path.join("."));
  state.computed = true;
  insertPath(state.root, path, compiled);
}

function computedBy(state: ParseState, operator: string, value: Doc): ReturnType<ParseState["compile"]> {
  try {
    return state.compile(value);
  } catch (error) {
    if (!(error instanceof MongoError)) throw error;
    if (error.code === 168 && error.message.includes(operator)) {
      throw mongoError(31325, `Unknown expression ${operator}`);
    }
    if (operator === "$slice" && error.code === 28667) {
      const argument = value.get("$slice")!;
      const reason = Array.isArray(argument)
        ? "Location31272: $slice array argument should be of form [skip, limit]"
        : "Location31273: $slice only supports numbers and [skip, limit] arrays";
      throw mongoError(
        28667,
        `Invalid $slice syntax. The given syntax ${elementText(value)} did not match the find() syntax because :: ${reason} :: The given syntax did not match the expression $slice syntax. :: caused by :: ${error.message}`,
      );
    }
    throw error;
  }
}

function readElemMatch(state: ParseState, path: string[], argument: Value): void {
  if (!(argument instanceof Doc)) {
    throw mongoError(31274, `elemMatch: Invalid argument, object required, but got ${bsonTypeName(argument)}`);
  }
  if (state.positional !== undefined) throw mongoError(31255, "Cannot specify positional operator and $elemMatch.");
  if (path.length > 1) throw mongoError(31275, "Cannot use $elemMatch projection on a nested field.");
  insertPath(state.named, path, "plain");
  const name = path[0]!;
  const matcher = compileFilter(Doc.of([name], [Doc.of(["$elemMatch"], [argument])]), state.options);
  state.elemMatches = true;
  state.elements.push({
    path,
    run: (value) => {
      if (!Array.isArray(value)) return undefined;
      const { matched, position } = matcher.matchWithPosition(Doc.of([name], [value]));
      return matched && position !== undefined ? [value[position]!] : undefined;
    },
  });
}

/** Names the path of `find`'s `$slice`; where it collides, MongoDB takes the operator for the expression instead. */
function nameSlice(state: ParseState, path: string[], value: Doc): void {
  try {
    insertPath(state.named, path, "plain");
  } catch (error) {
    if (state.mode === "exclusion") {
      throw mongoError(31252, "Cannot use expression other than $meta in exclusion projection");
    }
    if (!Array.isArray(value.get("$slice"))) computedBy(state, "$slice", value);
    throw error;
  }
}

/** `$slice: n` and `$slice: [skip, n]` are `find`'s own; anything else is the expression `$slice`. */
function isFindSlice(argument: Value): boolean {
  if (isNumber(argument)) return true;
  if (!Array.isArray(argument) || argument.length !== 2) return false;
  const [skip, limit] = argument as [Value, Value];
  return isNumber(skip) && isNumber(limit) && toDouble(limit) > 0;
}

function int32Of(value: Value): number {
  const number = isNumber(value) ? toDouble(value) : 0;
  if (Number.isNaN(number)) return 0;
  return Math.max(-2147483648, Math.min(2147483647, Math.trunc(number)));
}

function slice(argument: Value): Rewrite["run"] {
  if (!Array.isArray(argument)) {
    const count = int32Of(argument);
    return (value) => (!Array.isArray(value) ? value : count >= 0 ? value.slice(0, count) : value.slice(count));
  }
  const skip = int32Of(argument[0]!);
  const limit = int32Of(argument[1]!);
  return (value) => {
    if (!Array.isArray(value)) return value;
    const from = skip >= 0 ? skip : Math.max(0, value.length + skip);
    return value.slice(from, from + limit);
  };
}

/** Rewrites what lies at a path, in the documents of arrays on the way too. */
function rewriteIn(doc: Doc, path: readonly string[], at: number, run: Rewrite["run"]): void {
  const name = path[at]!;
  const value = doc.get(name);
  if (value === undefined) return;
  const next = at === path.length - 1 ? run(value) : rewriteInside(value, path, at + 1, run);
  if (next === undefined) doc.delete(name);
  else if (next !== value) doc.set(name, next);
}

function rewriteInside(value: Value, path: readonly string[], at: number, run: Rewrite["run"]): Value {
  if (value instanceof Doc) {
    const copy = value.clone();
    rewriteIn(copy, path, at, run);
    return copy;
  }
  if (!Array.isArray(value)) return value;
  return value.map((each) => (each instanceof Doc ? rewriteInside(each, path, at, run) : each));
}

/** The projected document with the first array on the path cut down to the element at the position that matched. */
function positioned(doc: Doc, path: readonly string[], find: () => number | undefined): Doc {
  let current: Value | undefined = doc;
  let depth = 0;
  while (depth < path.length && current instanceof Doc) current = current.get(path[depth++]!);
  if (!Array.isArray(current)) return doc;
  const position = find();
  const element = position === undefined ? undefined : current[position];
  if (element === undefined) {
    throw mongoError(51246, "positional operator '.$' couldn't find a matching element in the array");
  }
  const replace = (container: Doc, at: number): Doc => {
    const copy = container.clone();
    const name = path[at]!;
    copy.set(name, at === depth - 1 ? [element] : replace(container.get(name) as Doc, at + 1));
    return copy;
  };
  return replace(doc, 0);
}
