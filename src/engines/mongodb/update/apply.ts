import { BsonWriter, Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { elementText } from "../data/text.js";
import { badValue, mongoError } from "../errors.js";
import { arrayIndex } from "../query/path-walk.js";
import { type ApplyContext, mergeNodes, orderedChildren, type UpdateBranch, type UpdateNode } from "./tree.js";

/** How many nulls an update may put before a new array element. */
const maxBackfill = 1_500_000;

type Container = Doc | Value[];

/** Whether an array filter's condition holds for an element. */
export type ElementTest = (element: Value) => boolean;

/** Applies a tree of operators to documents. */
export class TreeApplier {
  readonly #filters: ReadonlyMap<string, ElementTest>;

  constructor(filters: ReadonlyMap<string, ElementTest>) {
    this.#filters = filters;
  }

  /** Changes `container` in place; tells whether anything changed. */
  apply(branch: UpdateBranch, container: Container, context: ApplyContext, path = ""): boolean {
    if (branch.elements.size > 0) return this.#applyElements(branch, container, context, path);
    let { children } = branch;
    if (branch.positional !== undefined) {
      if (context.position === undefined) {
        throw badValue("The positional operator did not find the match needed from the query.");
      }
      const name = String(context.position);
      const other = children.get(name);
      children = new Map(children);
      children.set(
        name,
        other === undefined ? branch.positional : mergeNodes(branch.positional, other, join(path, name)),
      );
    }
    let changed = false;
    for (const [name, child] of orderedChildren(children)) {
      if (this.#applyChild(name, child, container, context, join(path, name), path)) changed = true;
    }
    return changed;
  }

  #applyChild(
    name: string,
    node: UpdateNode,
    container: Container,
    context: ApplyContext,
    path: string,
    parentPath: string,
  ): boolean {
    const value = childOf(container, name);
    if (node.kind === "branch" && (value instanceof Doc || Array.isArray(value))) {
      // What a raw document gives out is a copy; it has to hang in its place before it is changed.
      const child = value instanceof Doc ? value.clone() : value.slice();
      if (!this.apply(node, child, context, path)) return false;
      putChild(container, name, child);
      return true;
    }
    if (node.kind === "branch") {
      if (node.elements.size > 0) {
        if (value === undefined) {
          throw badValue(`The path '${path}' must exist in the document in order to apply array updates.`);
        }
        throw badValue(`Cannot apply array updates to non-array element ${lastOf(path)}: ${elementText(value)}`);
      }
      checkArrayUpdates(node, context, path);
      const first = firstCreated(node, context);
      if (first === undefined) {
        const strict = firstStrict(node);
        if (strict === undefined) return false;
        if (value !== undefined) throw cannotTraverse(strict[0]!, [path, ...strict].join("."), lastOf(path), value);
        if (Array.isArray(container) && arrayIndex(name) < 0) {
          throw cannotTraverse(name, [path, ...strict].join("."), lastOf(parentPath), container);
        }
        return false;
      }
      if (value !== undefined)
        throw mongoError(28, `Cannot create field '${first}' in element {${lastOf(path)}: ${elementText(value)}}`);
      if (Array.isArray(container) && arrayIndex(name) < 0) throw cannotCreate(name, parentPath, container);
      const child = new Doc();
      this.apply(node, child, context, path);
      putChild(container, name, child);
      return true;
    }
    if (value === undefined) {
      if (!node.creates(context)) {
        if (node.strict && Array.isArray(container) && arrayIndex(name) < 0) {
          throw cannotTraverse(name, path, lastOf(parentPath), container);
        }
        return false;
      }
      if (Array.isArray(container) && arrayIndex(name) < 0) throw cannotCreate(name, parentPath, container);
    }
    const change = node.apply(value, context, path);
    if (change.kind === "none") return false;
    if (change.kind === "remove") {
      if (value === undefined) return false;
      // An element of an array cannot be taken out from the middle: it becomes null.
      if (Array.isArray(container)) {
        if (value === null) return false;
        container[arrayIndex(name)] = null;
      } else container.delete(name);
      return true;
    }
    if (value !== undefined && change.always !== true && identical(value, change.value)) return false;
    putChild(container, name, change.value);
    return true;
  }

  #applyElements(branch: UpdateBranch, container: Container, context: ApplyContext, path: string): boolean {
    if (!Array.isArray(container)) {
      throw badValue(`Cannot apply array updates to non-array element ${lastOf(path)}: ${elementText(container)}`);
    }
    let changed = false;
    for (let at = 0; at < container.length; at++) {
      let node: UpdateNode | undefined;
      for (const [identifier, child] of branch.elements) {
        if (identifier !== "" && !this.#filters.get(identifier)!(container[at]!)) continue;
        node = node === undefined ? child : mergeNodes(node, child, join(path, String(at)));
      }
      if (node === undefined) continue;
      if (this.#applyChild(String(at), node, container, context, join(path, String(at)), path)) changed = true;
    }
    return changed;
  }
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function cannotCreate(name: string, parentPath: string, container: Container) {
  return mongoError(28, `Cannot create field '${name}' in element {${lastOf(parentPath)}: ${elementText(container)}}`);
}

function cannotTraverse(part: string, path: string, name: string, value: Value) {
  return mongoError(
    28,
    `Cannot use the part (${part}) of (${path}) to traverse the element ({${name}: ${elementText(value)}})`,
  );
}

/** Below a field that is no array and no document, `$` and `$[…]` have nothing to work on. */
function checkArrayUpdates(branch: UpdateBranch, context: ApplyContext, path: string): void {
  if (branch.positional !== undefined && context.position === undefined) {
    throw badValue("The positional operator did not find the match needed from the query.");
  }
  const [first] = orderedChildren(branch.children);
  if (first === undefined || first[1].kind === "leaf") return;
  if (first[1].elements.size > 0) {
    throw badValue(`The path '${join(path, first[0])}' must exist in the document in order to apply array updates.`);
  }
  checkArrayUpdates(first[1], context, join(path, first[0]));
}

/** The path to the first strict leaf below a branch. */
function firstStrict(branch: UpdateBranch): string[] | undefined {
  for (const [name, child] of orderedChildren(branch.children)) {
    if (child.kind === "leaf") {
      if (child.strict) return [name];
      continue;
    }
    const rest = firstStrict(child);
    if (rest !== undefined) return [name, ...rest];
  }
  return undefined;
}

/** The first field that the operators below a branch would make, or undefined when none makes any. */
function firstCreated(branch: UpdateBranch, context: ApplyContext): string | undefined {
  for (const [name, child] of orderedChildren(branch.children)) {
    if (
      child.kind === "leaf"
        ? child.creates(context)
        : firstCreated(child, context) !== undefined || child.elements.size > 0
    ) {
      return name;
    }
  }
  return branch.positional === undefined ? undefined : String(context.position ?? "$");
}

function childOf(container: Container, name: string): Value | undefined {
  if (container instanceof Doc) return container.get(name);
  const index = arrayIndex(name);
  return index < 0 ? undefined : container[index];
}

function putChild(container: Container, name: string, value: Value): void {
  if (container instanceof Doc) {
    container.set(name, value);
    return;
  }
  const index = arrayIndex(name);
  if (index - container.length > maxBackfill) {
    throw badValue(`can't backfill more than ${maxBackfill} elements`);
  }
  while (container.length < index) container.push(null);
  container[index] = value;
}

const writerA = new BsonWriter();
const writerB = new BsonWriter();

/** Whether two values are the same bytes: of the same type too, unlike values that only compare equal. */
export function identical(a: Value, b: Value): boolean {
  if (a === b) return typeof a !== "number" || Object.is(a, b);
  writerA.reset();
  writerB.reset();
  writerA.writeElement("", a);
  writerB.writeElement("", b);
  return (
    writerA.length === writerB.length &&
    writerA.buffer.compare(writerB.buffer, 0, writerB.length, 0, writerA.length) === 0
  );
}
