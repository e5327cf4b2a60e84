import { bsonTypeName, equalValues } from "../bson/compare.js";
import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { documentText, elementText } from "../data/text.js";
import { failedToParse, MongoError, mongoError, withContext } from "../errors.js";
import { identical, TreeApplier } from "./apply.js";
import { compileArrayFilters } from "./array-filters.js";
import { equalitiesOf } from "./equalities.js";
import { idIsImmutable, updateOperators } from "./operators.js";
import { compilePipelineUpdate } from "./pipeline.js";
import { parseRename, removeField, renamedSource } from "./rename.js";
import { type ApplyContext, addLeaf, newBranch, type UpdateBranch } from "./tree.js";

/** What an update needs to know beside itself. */
export interface UpdateOptions {
  readonly arrayFilters?: readonly Doc[] | undefined;
  readonly isUpsert?: boolean | undefined;
  /** Milliseconds since the epoch, for `$currentDate` and `$$NOW`. */
  readonly now: number;
  /** Variables of a pipeline update: the command's `let` and the statement's `c`. */
  readonly vars?: Doc | undefined;
  /** The command that errors at run time name; `update` unless told. */
  readonly command?: "update" | "findAndModify" | undefined;
}

/** A compiled update. */
export interface Updater {
  readonly kind: "operators" | "replacement" | "pipeline";
  /** Whether the positional operator `$` is used, so that {@link Updater.apply} needs the matched index. */
  readonly needsPosition: boolean;
  /**
   * The document after the update; the given one stays as it is. `modified` is false when no byte would change.
   *
   * @throws MongoError as MongoDB's update fails on this document
   */
  apply(doc: Doc, position?: number): { readonly doc: Doc; readonly modified: boolean };
  /** The document that an upsert inserts: what the filter demands by equality, with the update applied. */
  upsertFrom(filter: Doc): Doc;
}

/**
 * Compiles an update: operators, a replacement document, or a pipeline.
 *
 * @throws MongoError with MongoDB's code and text when the update is not valid
 * @example
 * const updater = compileUpdate(Doc.from([["$inc", Doc.from([["n", int32(1)]])]]), { now: Date.now() });
 * const { doc, modified } = updater.apply(before);
 */
export function compileUpdate(update: Doc | readonly Value[], options: UpdateOptions): Updater {
  const at = (run: () => Doc): Doc => withContext(`Plan executor error during ${options.command ?? "update"}`, run);
  if (!(update instanceof Doc)) {
    if (options.arrayFilters !== undefined && options.arrayFilters.length > 0) {
      throw failedToParse("Cannot specify arrayFilters and a pipeline update");
    }
    const run = compilePipelineUpdate(update, options);
    return {
      kind: "pipeline",
      needsPosition: false,
      apply: (doc) => {
        const next = at(() => run(doc));
        const whole = at(() => withId(next, doc.get("_id")));
        const modified = !whole.toBytes().equals(doc.toBytes());
        return { doc: modified ? whole : doc, modified };
      },
      upsertFrom: (filter) =>
        at(() => {
          const base = equalitiesOf(filter);
          return withId(run(base), base.get("_id"));
        }),
    };
  }
  const first = update.first();
  if (first === undefined || !first[0].startsWith("$")) {
    if (options.arrayFilters !== undefined && options.arrayFilters.length > 0) {
      throw failedToParse("Cannot use arrayFilters with replacement-style updates");
    }
    return replacement(update, at);
  }
  return operators(update, options, at);
}

function alteredId(id: Value) {
  return mongoError(
    66,
    `After applying the update, the (immutable) field '_id' was found to have been altered to _id: ${elementText(id)}`,
  );
}

/** The document with this `_id` at its head, unless it has its own: one that differs is refused. */
function withId(doc: Doc, id: Value | undefined): Doc {
  if (id === undefined) return doc;
  const own = doc.get("_id");
  if (own === undefined) {
    const result = new Doc().set("_id", id);
    for (const [name, value] of doc) result.set(name, value);
    return result;
  }
  if (!equalValues(own, id)) throw alteredId(own);
  return doc;
}

/** The document, whose names at its top must not begin with a dollar sign. */
function checked(doc: Doc): Doc {
  for (const name of doc.keys()) if (name.startsWith("$")) throw dollarPrefixed(name);
  return doc;
}

function dollarPrefixed(name: string): MongoError {
  return mongoError(
    52,
    `The dollar ($) prefixed field '${name}' in '${name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
  );
}

function replacement(update: Doc, at: (run: () => Doc) => Doc): Updater {
  return {
    kind: "replacement",
    needsPosition: false,
    apply: (doc) => {
      const next = at(() => withId(checked(update), doc.get("_id")));
      return { doc: next, modified: !next.toBytes().equals(doc.toBytes()) };
    },
    upsertFrom: (filter) => at(() => withId(checked(update), equalitiesOf(filter, true).get("_id"))),
  };
}

function operators(update: Doc, options: UpdateOptions, at: (run: () => Doc) => Doc): Updater {
  const filters = compileArrayFilters(options.arrayFilters ?? [], options.now);
  const root = newBranch();
  const identifiers = new Set(filters.keys());
  const renamed: string[][] = [];
  const context = { now: options.now };
  const paths: string[] = [];
  for (const [name, fields] of update) {
    const operator = updateOperators.find((each) => each.name === name);
    if (operator === undefined && name !== "$rename") {
      throw failedToParse(
        `Unknown modifier: ${name}. Expected a valid update modifier or pipeline-style update specified as an array`,
      );
    }
    if (!(fields instanceof Doc)) {
      throw failedToParse(
        `Modifiers operate on fields but we found type ${bsonTypeName(fields)} instead. For example: {$mod: {<field>: ...}} not {${name}: ${elementText(fields)}}`,
      );
    }
    for (const [path, argument] of fields) {
      paths.push(path);
      if (operator === undefined) {
        const { target, leaf } = renameOf(root, path, argument, identifiers);
        addLeaf(root, path, renamedSource, identifiers);
        addLeaf(root, target, leaf, identifiers);
        paths.push(target);
        renamed.push(path.split("."));
      } else addLeaf(root, path, operator.parse(argument, path, context), identifiers);
    }
  }
  for (const identifier of filters.keys()) {
    if (!paths.some((path) => path.split(".").includes(`$[${identifier}]`))) {
      throw failedToParse(
        `The array filter for identifier '${identifier}' was not used in the update ${documentText(update)}`,
      );
    }
  }
  const applier = new TreeApplier(filters);
  const needsPosition = paths.some((path) => path.split(".").includes("$"));
  const touchesId = root.children.has("_id");
  const change = (before: Doc, isInsert: boolean, position: number | undefined) => {
    const doc = before.clone();
    const id = before.get("_id");
    const applyContext: ApplyContext = {
      root: before,
      isInsert,
      position,
      idText: id === undefined ? "_id: missing" : `_id: ${elementText(id)}`,
    };
    const sources = renamed.filter((parts) => isThere(before, parts));
    let modified = applier.apply(root as UpdateBranch, doc, applyContext);
    for (const parts of sources) if (removeField(doc, parts)) modified = true;
    if (modified && touchesId && id !== undefined) {
      const now = doc.get("_id");
      if (now === undefined || !identical(now, id)) throw idIsImmutable();
    } else if (modified && id !== undefined && renamed.some((parts) => parts[0] === "_id")) throw idIsImmutable();
    if (modified) checkNewNames(root, doc);
    return { doc, modified };
  };
  return {
    kind: "operators",
    needsPosition,
    apply: (doc, position) => {
      let modified = false;
      const next = at(() => {
        const result = change(doc, false, position);
        modified = result.modified;
        return result.doc;
      });
      return modified ? { doc: next, modified } : { doc, modified };
    },
    upsertFrom: (filter) =>
      at(() => {
        const { doc } = change(equalitiesOf(filter), true, undefined);
        const id = doc.get("_id");
        if (id === undefined || doc.keys()[0] === "_id") return doc;
        doc.delete("_id");
        return withId(doc, id);
      }),
  };
}

/** MongoDB looks for collisions before it looks at what `$rename` may not do. */
function renameOf(root: UpdateBranch, path: string, argument: Value, identifiers: ReadonlySet<string>) {
  try {
    return parseRename(path, argument);
  } catch (error) {
    if (typeof argument !== "string") throw error;
    try {
      addLeaf(root, path, renamedSource, identifiers);
    } catch (collision) {
      if (collision instanceof MongoError && collision.code === 40) throw collision;
    }
    throw error;
  }
}

function checkNewNames(root: UpdateBranch, doc: Doc): void {
  for (const name of root.children.keys()) if (name.startsWith("$") && doc.has(name)) throw dollarPrefixed(name);
}

function isThere(doc: Doc, parts: readonly string[]): boolean {
  let current: Value | undefined = doc;
  for (const part of parts) current = current instanceof Doc ? current.get(part) : undefined;
  return current !== undefined;
}
