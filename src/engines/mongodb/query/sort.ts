import { compareValues } from "../bson/compare.js";
import { Doc } from "../bson/doc.js";
import { isNumber, toDouble } from "../bson/numbers.js";
import { UNDEFINED, type Value } from "../bson/values.js";
import { documentText, elementText } from "../data/text.js";
import { badValue, mongoError } from "../errors.js";
import { arrayIndex } from "./path-walk.js";

/** The values of one document that a sort compares, one for each field of the specification. */
export type SortKey = readonly Value[];

/** An order of documents, usable as the argument of `Array#sort`; keys may be taken once and compared often. */
export interface DocOrder {
  (a: Doc, b: Doc): number;
  /** The sort key of a document: of an array its smallest element, or its largest for a descending field. */
  keyOf(doc: Doc): SortKey;
  compareKeys(a: SortKey, b: SortKey): number;
}

/**
 * Compiles a sort specification. A missing field sorts as null, an empty array as undefined, below null.
 *
 * @throws MongoError 15974, 15975, 2 when the specification or a document (two arrays side by side) cannot be sorted by
 */
export function compileSort(spec: Doc): DocOrder {
  const paths: string[][] = [];
  const directions: number[] = [];
  for (const [path, value] of spec) {
    if (value instanceof Doc) {
      throw badValue(`$meta is the only expression supported by $sort right now`);
    }
    if (!isNumber(value)) throw mongoError(15974, `Illegal key in $sort specification: ${path}: ${elementText(value)}`);
    // MongoDB reads the direction as a whole number: 1.5 is 1.
    const direction = Math.trunc(toDouble(value));
    if (direction !== 1 && direction !== -1) {
      throw mongoError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
    }
    const parts = path.split(".");
    for (const part of parts) {
      if (part === "")
        throw mongoError(
          path === "" ? 40352 : 15998,
          path === ""
            ? "FieldPath cannot be constructed with empty string"
            : "FieldPath field names may not be empty strings.",
        );
      if (part.startsWith("$") && part !== "$id" && part !== "$ref" && part !== "$db") {
        throw mongoError(16410, `FieldPath field names may not start with '$'. Consider using $getField or $setField.`);
      }
    }
    paths.push(parts);
    directions.push(direction);
  }
  const compareKeys = (a: SortKey, b: SortKey): number => {
    for (let i = 0; i < directions.length; i++) {
      const difference = compareValues(a[i], b[i]);
      if (difference !== 0) return difference * directions[i]!;
    }
    return 0;
  };
  const keyOf = (doc: Doc): SortKey => {
    const key: Value[] = [];
    for (const path of paths) {
      const value = plainValue(doc, path);
      if (Array.isArray(value)) return smallestKey(doc, paths, compareKeys);
      key.push(value);
    }
    return key;
  };
  // A sort asks for the same documents again and again.
  const keys = new WeakMap<Doc, SortKey>();
  const keyFor = (doc: Doc): SortKey => {
    let key = keys.get(doc);
    if (key === undefined) {
      key = keyOf(doc);
      keys.set(doc, key);
    }
    return key;
  };
  const order = (a: Doc, b: Doc): number => compareKeys(keyFor(a), keyFor(b));
  return Object.assign(order, { keyOf, compareKeys });
}

/** The value at a path without arrays; an array on the way is answered as such, a missing field as null. */
function plainValue(doc: Doc, path: readonly string[]): Value {
  let current = doc;
  for (let i = 0; ; i++) {
    const value = current.get(path[i]!);
    if (value === undefined) return null;
    if (i === path.length - 1 || Array.isArray(value)) return value;
    if (!(value instanceof Doc)) return null;
    current = value;
  }
}

function smallestKey(
  doc: Doc,
  paths: readonly (readonly string[])[],
  compare: (a: SortKey, b: SortKey) => number,
): SortKey {
  let best: SortKey | undefined;
  expand(
    paths.map((path) => ({ path, at: 0, root: doc, value: undefined })),
    (key) => {
      if (best === undefined || compare(key, best) < 0) best = key;
    },
  );
  return best!;
}

/** How far one path of the specification has been walked. */
interface Pending {
  readonly path: readonly string[];
  readonly at: number;
  /** Where the rest of the path starts. */
  readonly root: Value;
  /** Set when the path has been walked to its end. */
  readonly value: Value | undefined;
}

interface Walked extends Pending {
  readonly inArray: boolean;
}

/** Shows all keys of a document, as an index over these paths would hold them. */
function expand(pending: readonly Pending[], emit: (key: Value[]) => void): void {
  let array: Value[] | undefined;
  let arrayPath = "";
  const next = pending.map((each): Walked => {
    if (each.value !== undefined) return { ...each, inArray: false };
    const { path } = each;
    let current = each.root;
    let { at } = each;
    for (;;) {
      if (Array.isArray(current)) {
        const name = path.slice(0, at).join(".");
        if (array !== undefined && arrayPath !== name) {
          throw badValue("cannot sort with keys that are parallel arrays");
        }
        array = current;
        arrayPath = name;
        return { path, at, root: current, value: undefined, inArray: true };
      }
      if (at === path.length) return { path, at, root: current, value: current, inArray: false };
      const value: Value | undefined = current instanceof Doc ? current.get(path[at]!) : undefined;
      if (value === undefined) return { path, at, root: current, value: null, inArray: false };
      current = value;
      at++;
    }
  });
  if (array === undefined) {
    emit(next.map((each) => each.value!));
    return;
  }
  const elements = array;
  if (elements.length === 0) {
    emit(next.map((each) => (each.inArray ? (each.at === each.path.length ? UNDEFINED : null) : each.value!)));
    return;
  }
  for (const element of elements) {
    expand(
      next.map((each) => (each.inArray ? intoElement(each, elements, element) : each)),
      emit,
    );
  }
}

/** The rest of a path inside one element: a field of it, or an element of the array by its index. */
function intoElement(each: Walked, array: readonly Value[], element: Value): Pending {
  const { path, at } = each;
  if (at === path.length) return { path, at, root: element, value: element };
  const name = path[at]!;
  const index = arrayIndex(name);
  const byIndex = index >= 0 && index < array.length ? array[index] : undefined;
  if (element instanceof Doc && element.has(name)) {
    if (byIndex !== undefined) {
      const shown = documentText(
        Doc.of(
          array.map((_, i) => String(i)),
          array.slice(),
        ),
      );
      throw mongoError(
        16746,
        `Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), field: '${name}' for array: ${shown}`,
      );
    }
    return { path, at, root: element, value: undefined };
  }
  if (byIndex !== undefined) {
    // An array that is named by its index is one value.
    const whole = Array.isArray(byIndex) && byIndex.length === 0 ? UNDEFINED : byIndex;
    return { path, at: at + 1, root: byIndex, value: at + 1 === path.length ? whole : undefined };
  }
  return { path, at, root: element, value: null };
}
