import type { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { badValue, MongoError } from "../errors.js";

/** What a leaf wants done with the field that it was shown. */
export type Change =
  | { readonly kind: "none" }
  | { readonly kind: "remove" }
  /** `always` counts as a change although the bytes may stay the same, as MongoDB counts a `$push`. */
  | { readonly kind: "set"; readonly value: Value; readonly always?: boolean };

export const noChange: Change = { kind: "none" };
export const removal: Change = { kind: "remove" };

/** What a leaf may look at beside its field. */
export interface ApplyContext {
  /** The document that is being changed. */
  readonly root: Doc;
  /** Whether the document is about to be inserted. */
  readonly isInsert: boolean;
  /** The index of the array element that the filter matched. */
  readonly position: number | undefined;
  /** `_id: 1`, for the texts of errors. */
  readonly idText: string;
}

/** One operator at one path. */
export interface UpdateLeaf {
  readonly kind: "leaf";
  /** Whether the field is made when it is missing. */
  creates(context: ApplyContext): boolean;
  /** Whether a path that could not be made is an error although the operator makes nothing. */
  readonly strict?: boolean;
  apply(value: Value | undefined, context: ApplyContext, path: string): Change;
}

/** The operators below one field: by field names, by `$`, or by the identifiers of `$[…]`. */
export interface UpdateBranch {
  readonly kind: "branch";
  readonly children: Map<string, UpdateNode>;
  positional: UpdateNode | undefined;
  /** Children by array filter identifier ("" for `$[]`); a branch has either these or the others. */
  readonly elements: Map<string, UpdateNode>;
}

export type UpdateNode = UpdateLeaf | UpdateBranch;

export function newBranch(): UpdateBranch {
  return { kind: "branch", children: new Map(), positional: undefined, elements: new Map() };
}

function conflict(path: string, at: string): MongoError {
  return new MongoError(
    40,
    "ConflictingUpdateOperators",
    `Updating the path '${path}' would create a conflict at '${at}'`,
  );
}

/** The identifier of `$[…]`, or undefined. */
export function elementIdentifier(part: string): string | undefined {
  return part.startsWith("$[") && part.endsWith("]") ? part.slice(2, -1) : undefined;
}

/**
 * Hangs a leaf into the tree.
 *
 * @throws MongoError 40 when it collides with another; 2 and 56 when the path is not valid
 */
export function addLeaf(root: UpdateBranch, path: string, leaf: UpdateLeaf, identifiers: ReadonlySet<string>): void {
  const parts = checkPath(path);
  let branch = root;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const identifier = elementIdentifier(part);
    if (identifier !== undefined) {
      if (identifier !== "" && !identifiers.has(identifier)) {
        throw badValue(`No array filter found for identifier '${identifier}' in path '${path}'`);
      }
      if (branch.children.size > 0 || branch.positional !== undefined)
        throw conflict(path, parts.slice(0, i).join("."));
    } else if (branch.elements.size > 0) throw conflict(path, parts.slice(0, i).join("."));
    const known =
      identifier !== undefined
        ? branch.elements.get(identifier)
        : part === "$"
          ? branch.positional
          : branch.children.get(part);
    let next: UpdateNode;
    if (i === parts.length - 1) {
      if (known !== undefined) throw conflict(path, path);
      next = leaf;
    } else {
      if (known?.kind === "leaf") throw conflict(path, parts.slice(0, i + 1).join("."));
      next = known ?? newBranch();
    }
    if (identifier !== undefined) branch.elements.set(identifier, next);
    else if (part === "$") branch.positional = next;
    else branch.children.set(part, next);
    if (next.kind === "branch") branch = next;
  }
}

function checkPath(path: string): string[] {
  if (path === "") throw new MongoError(56, "EmptyFieldName", "An empty update path is not valid.");
  const parts = path.split(".");
  if (parts.includes("")) {
    throw new MongoError(
      56,
      "EmptyFieldName",
      `The update path '${path}' contains an empty field name, which is not allowed.`,
    );
  }
  if (parts[0] === "$") {
    throw badValue(`Cannot have positional (i.e. '$') element in the first position in path '${path}'`);
  }
  if (elementIdentifier(parts[0]!) !== undefined) {
    throw badValue(
      `Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '${path}'`,
    );
  }
  if (parts.filter((part) => part === "$").length > 1) {
    throw badValue(`Too many positional (i.e. '$') elements found in path '${path}'`);
  }
  return parts;
}

/** Two trees that meet at one array element, as one. */
export function mergeNodes(a: UpdateNode, b: UpdateNode, path: string): UpdateNode {
  if (a.kind === "leaf" || b.kind === "leaf") throw conflict(path, path);
  const merged = newBranch();
  const mergeInto = (target: Map<string, UpdateNode>, x: Map<string, UpdateNode>, y: Map<string, UpdateNode>) => {
    for (const [name, node] of x) target.set(name, node);
    for (const [name, node] of y) {
      const other = target.get(name);
      target.set(name, other === undefined ? node : mergeNodes(other, node, `${path}.${name}`));
    }
  };
  if (a.elements.size > 0 !== b.elements.size > 0) throw conflict(path, path);
  mergeInto(merged.children, a.children, b.children);
  mergeInto(merged.elements, a.elements, b.elements);
  merged.positional =
    a.positional !== undefined && b.positional !== undefined
      ? mergeNodes(a.positional, b.positional, `${path}.$`)
      : (a.positional ?? b.positional);
  return merged;
}

/** The children of a branch in the order in which MongoDB applies them: by name, whole numbers by value. */
export function orderedChildren(children: ReadonlyMap<string, UpdateNode>): [string, UpdateNode][] {
  return [...children].sort(([a], [b]) => {
    const aNumber = /^\d+$/.test(a);
    const bNumber = /^\d+$/.test(b);
    if (aNumber && bNumber) return Number(a) - Number(b) || (a < b ? -1 : a > b ? 1 : 0);
    return a < b ? -1 : a > b ? 1 : 0;
  });
}
