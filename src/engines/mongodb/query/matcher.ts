import { compileExpression, createEnvironment, type Environment } from "../aggregation/expressions/compile.js";
import { isTrue } from "../aggregation/expressions/expression.js";
import { Doc, readArray, readValue } from "../bson/doc.js";
import { BsonType, bytesOfName, findElement, nameEnd, valueSize } from "../bson/raw.js";
import { DateTime, type Value } from "../bson/values.js";
import type { FilterNode } from "./filter.js";
import {
  bitsLeaf,
  comparisonLeaf,
  existsLeaf,
  inLeaf,
  type Leaf,
  modLeaf,
  regexLeaf,
  sizeLeaf,
  typeLeaf,
} from "./leaves.js";
import { parseFilter } from "./parse-filter.js";
import { walkArray, walkPath } from "./path-walk.js";

/** What a filter needs to know beside itself. */
export interface FilterOptions {
  /** The time that `$$NOW` shows, in milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  /** The variables of the command's `let`. */
  readonly vars?: Doc | undefined;
  /** Random numbers from 0 to 1, for `$sampleRate` and `$rand`. */
  readonly random?: (() => number) | undefined;
  /** Inside a pipeline: the names and values that `$expr` may use; then the ones above are not looked at. */
  readonly environment?: Environment | undefined;
}

/** A compiled filter. */
export interface Matcher {
  /** The parsed filter, for the planner. */
  readonly tree: FilterNode;
  matches(doc: Doc): boolean;
  /** Also tells which element of an array matched, for the positional operators; undefined where none is known. */
  matchWithPosition(doc: Doc): { readonly matched: boolean; readonly position: number | undefined };
}

/** Where the position of a matching array element is left. */
interface Found {
  position: number | undefined;
}

type Test = (doc: Doc, found: Found | null) => boolean;

/**
 * Compiles a filter.
 *
 * @throws MongoError with MongoDB's code and text when the filter is not valid
 * @example
 * const matcher = compileFilter(Doc.from([["age", Doc.from([["$gte", int32(18)]])]]));
 * matcher.matches(doc);
 */
export function compileFilter(filter: Doc, options: FilterOptions = {}): Matcher {
  const tree = parseFilter(filter);
  const test = compileNode(tree, options);
  return {
    tree,
    matches: (doc) => test(doc, null),
    matchWithPosition: (doc) => {
      const found: Found = { position: undefined };
      const matched = test(doc, found);
      return { matched, position: matched ? found.position : undefined };
    },
  };
}

function compileNode(node: FilterNode, options: FilterOptions): Test {
  switch (node.kind) {
    case "and": {
      const tests = node.children.map((child) => compileNode(child, options));
      if (tests.length === 2) {
        const [first, second] = tests as [Test, Test];
        return (doc, found) => first(doc, found) && second(doc, found);
      }
      return (doc, found) => {
        for (const test of tests) if (!test(doc, found)) return false;
        return true;
      };
    }
    case "or": {
      const tests = node.children.map((child) => compileNode(child, options));
      return (doc, found) => {
        for (const test of tests) if (test(doc, found)) return true;
        return false;
      };
    }
    case "nor": {
      const tests = node.children.map((child) => compileNode(child, options));
      return (doc) => {
        for (const test of tests) if (test(doc, null)) return false;
        return true;
      };
    }
    case "not": {
      const test = compileNode(node.child, options);
      return (doc) => !test(doc, null);
    }
    case "always":
      return () => node.value;
    case "expr": {
      const { scope, variables } =
        options.environment ??
        createEnvironment({
          let: options.vars,
          random: options.random,
          ...(options.now === undefined ? {} : { now: new DateTime(options.now()) }),
        });
      const expression = compileExpression(node.expression, scope);
      return (doc) => isTrue(expression.evaluate(doc, variables));
    }
    case "elemMatchObject":
    case "elemMatchValue":
      return elemMatchTest(node, options);
    default:
      return leafTest(node.path, leafOf(node));
  }
}

function leafOf(
  node: Exclude<FilterNode, { kind: "and" | "or" | "nor" | "not" | "always" | "expr" | `elemMatch${string}` }>,
): Leaf {
  switch (node.kind) {
    case "comparison":
      return comparisonLeaf(node);
    case "in":
      return inLeaf(node);
    case "regex":
      return regexLeaf(node);
    case "exists":
      return existsLeaf();
    case "type":
      return typeLeaf(node.types);
    case "mod":
      return modLeaf(node.divisor, node.remainder);
    case "size":
      return sizeLeaf(node.size);
    case "bits":
      return bitsLeaf(node);
    default: {
      const never: never = node;
      return never;
    }
  }
}

function elemMatchTest(node: FilterNode & { kind: `elemMatch${string}` }, options: FilterOptions): Test {
  const parts = node.path.split(".");
  const test = elementTest(node, options);
  return (doc, found) =>
    walkPath(doc, parts, 0, false, -1, (value, position) => {
      if (!Array.isArray(value)) return false;
      for (let at = 0; at < value.length; at++) {
        if (!test(value[at]!)) continue;
        if (found !== null) found.position = position < 0 ? at : position;
        return true;
      }
      return false;
    });
}

/** Whether one element of an array passes an `$elemMatch`. */
function elementTest(
  node: FilterNode & { kind: `elemMatch${string}` },
  options: FilterOptions,
): (value: Value) => boolean {
  if (node.kind === "elemMatchValue") return valueTest(node.child, options);
  const test = compileNode(node.child, options);
  return (value) => {
    if (value instanceof Doc) return test(value, null);
    // An array inside the array counts as a document whose fields are its indexes.
    return Array.isArray(value) && test(arrayAsDoc(value), null);
  };
}

function arrayAsDoc(array: readonly Value[]): Doc {
  return Doc.of(
    array.map((_, i) => String(i)),
    array.slice(),
  );
}

/** A tree whose paths are empty, as a test of one value; arrays are not gone into. */
function valueTest(node: FilterNode, options: FilterOptions): (value: Value) => boolean {
  switch (node.kind) {
    case "and": {
      const tests = node.children.map((child) => valueTest(child, options));
      return (value) => tests.every((test) => test(value));
    }
    case "or": {
      const tests = node.children.map((child) => valueTest(child, options));
      return (value) => tests.some((test) => test(value));
    }
    case "nor": {
      const tests = node.children.map((child) => valueTest(child, options));
      return (value) => !tests.some((test) => test(value));
    }
    case "not": {
      const test = valueTest(node.child, options);
      return (value) => !test(value);
    }
    case "always":
      return () => node.value;
    case "expr":
      return () => false;
    case "elemMatchObject":
    case "elemMatchValue": {
      const test = elementTest(node, options);
      return (value) => Array.isArray(value) && value.some(test);
    }
    default: {
      const { test } = leafOf(node);
      return test;
    }
  }
}

/** A predicate at a path: over the bytes where the document is raw and no array is in the way, else over values. */
function leafTest(path: string, leaf: Leaf): Test {
  const parts = path.split(".");
  const names = parts.map(bytesOfName);
  const last = parts.length - 1;
  return (doc, found) => {
    const { bytes } = doc;
    if (bytes === null || found !== null) {
      return walkPath(doc, parts, 0, leaf.traverse, -1, (value, position) => {
        if (!leaf.test(value)) return false;
        if (found !== null && position >= 0) found.position = position;
        return true;
      });
    }
    let { start } = doc;
    for (let i = 0; ; i++) {
      const name = names[i]!;
      const element = findElement(bytes, start, name);
      if (element < 0) return leaf.test(undefined);
      const type = bytes[element]!;
      const at = element + 2 + name.length;
      if (i === last) {
        if (type !== BsonType.array) return leaf.testRaw(bytes, type, at);
        if (leaf.traverse && rawElements(bytes, at, leaf)) return true;
        return leaf.arrays && leaf.test(readArray(bytes, at));
      }
      if (type === BsonType.document) start = at;
      else if (type === BsonType.array)
        return walkArray(readArray(bytes, at), parts, i + 1, leaf.traverse, -1, leaf.test);
      else return leaf.test(undefined);
    }
  };
}

function rawElements(bytes: Buffer, start: number, leaf: Leaf): boolean {
  let at = start + 4;
  for (;;) {
    const type = bytes[at]!;
    if (type === 0) return false;
    at = nameEnd(bytes, at + 1) + 1;
    if (
      type === BsonType.array ? leaf.arrays && leaf.test(readValue(bytes, type, at)) : leaf.testRaw(bytes, type, at)
    ) {
      return true;
    }
    at += valueSize(bytes, type, at);
  }
}
