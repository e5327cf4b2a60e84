import { validation } from "../errors.js";
import { attribute, type Item, setAttribute, type Value } from "../values/attribute-value.js";
import type { ExpressionName } from "./reader.js";
import type { Path } from "./syntax.js";

/** The value at a path; undefined where there is none. */
export function valueAt(item: Item, path: Path): Value | undefined {
  let value = attribute(item, path[0] as string);
  for (let at = 1; at < path.length && value !== undefined; at++) {
    const part = path[at]!;
    if (typeof part === "number") value = (value.L as Value[] | undefined)?.[part];
    else value = value.M === undefined ? undefined : attribute(value.M as Item, part);
  }
  return value;
}

/** A path as DynamoDB quotes it. */
export function pathText(path: Path): string {
  return `[${path.map((part) => (typeof part === "number" ? `[${part}]` : part)).join(", ")}]`;
}

/** Whether two paths are the same. */
export function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, at) => part === b[at]);
}

/** Paths as a tree: what is wanted below each part, or all of it. */
interface Branch {
  /** All that is here is wanted. */
  whole: boolean;
  names: Map<string, Branch> | undefined;
  places: Map<number, Branch> | undefined;
}

/** Throws when one path is part of another, or wants a list where the other wants a map. */
export function checkDistinct(name: ExpressionName, paths: readonly Path[]): void {
  if (paths.length < 2) return;
  const root: Branch & { path?: Path } = { whole: false, names: undefined, places: undefined };
  // The first path that went through each branch, to be named in the error.
  const firsts = new Map<Branch, Path>();
  const refuse = (what: "overlap" | "conflict", one: Path, two: Path): never => {
    throw validation(
      `Invalid ${name}: Two document paths ${what} with each other; must remove or rewrite one of these paths; path one: ${pathText(one)}, path two: ${pathText(two)}`,
    );
  };
  for (const path of paths) {
    let branch: Branch = root;
    for (const part of path) {
      if (branch.whole) refuse("overlap", firsts.get(branch)!, path);
      let next: Branch | undefined;
      if (typeof part === "number") {
        if (branch.names !== undefined) refuse("conflict", firsts.get(branch)!, path);
        next = placeBelow(branch, part);
      } else {
        if (branch.places !== undefined) refuse("conflict", firsts.get(branch)!, path);
        next = nameBelow(branch, part);
      }
      if (!firsts.has(next)) firsts.set(next, path);
      branch = next;
    }
    if (branch.whole || branch.names !== undefined || branch.places !== undefined) {
      refuse("overlap", firsts.get(branch)!, path);
    }
    branch.whole = true;
  }
}

/** The branch at a place of a list, made when it was not there. */
function placeBelow(branch: Branch, place: number): Branch {
  branch.places ??= new Map();
  let next = branch.places.get(place);
  if (next === undefined) {
    next = emptyBranch();
    branch.places.set(place, next);
  }
  return next;
}

/** The branch at a name of a map, made when it was not there. */
function nameBelow(branch: Branch, name: string): Branch {
  branch.names ??= new Map();
  let next = branch.names.get(name);
  if (next === undefined) {
    next = emptyBranch();
    branch.names.set(name, next);
  }
  return next;
}

function emptyBranch(): Branch {
  return { whole: false, names: undefined, places: undefined };
}

/** Cuts items down to what is at some paths. */
export class Projection {
  readonly #root = emptyBranch();

  constructor(paths: readonly Path[]) {
    for (const path of paths) {
      let branch = this.#root;
      for (const part of path) {
        let next: Branch | undefined;
        if (typeof part === "number") {
          next = placeBelow(branch, part);
        } else {
          next = nameBelow(branch, part);
        }
        branch = next;
      }
      branch.whole = true;
    }
  }

  /** What of the item is at the paths. */
  apply(item: Item): Item {
    return cutItem(item, this.#root);
  }
}

function cutItem(item: Item, branch: Branch): Item {
  const out: Item = {};
  for (const [name, below] of branch.names ?? []) {
    const value = attribute(item, name);
    const kept = value === undefined ? undefined : cutValue(value, below);
    if (kept !== undefined) setAttribute(out, name, kept);
  }
  return out;
}

function cutValue(value: Value, branch: Branch): Value | undefined {
  if (branch.whole) return value;
  if (branch.names !== undefined && value.M !== undefined) {
    const map = cutItem(value.M as Item, branch);
    return Object.keys(map).length === 0 ? undefined : { M: map };
  }
  if (branch.places !== undefined && value.L !== undefined) {
    const list: Value[] = [];
    for (const place of [...branch.places.keys()].sort((a, b) => a - b)) {
      const element = (value.L as Value[])[place];
      const kept = element === undefined ? undefined : cutValue(element, branch.places.get(place)!);
      if (kept !== undefined) list.push(kept);
    }
    return list.length === 0 ? undefined : { L: list };
  }
  return undefined;
}
