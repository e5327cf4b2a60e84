import { Doc } from "../bson/doc.js";
import { nameEnd } from "../bson/raw.js";
import type { Value } from "../bson/values.js";
import { mongoError, withContext } from "../errors.js";
import type { Catalog } from "./catalog.js";
import type { Collection } from "./collection.js";
import type { Deadline } from "./deadline.js";
import { encodeElement } from "./key-encoding.js";
import { compileUpdate, type Updater } from "./language.js";
import { Query } from "./query.js";
import { firstElementIsId } from "./storable.js";
import { elementText } from "./text.js";

/** One update statement. */
export interface UpdateSpec {
  readonly filter: Doc;
  readonly update: Doc | Value[];
  readonly multi: boolean;
  readonly upsert: boolean;
  readonly arrayFilters: Doc[] | undefined;
  /** Constants that a pipeline update sees as variables. */
  readonly constants: Doc | undefined;
  readonly variables: Doc | undefined;
  readonly hint: Value | undefined;
  readonly sort?: Doc | undefined;
  /** The command that errors name. */
  readonly command?: "update" | "findAndModify";
}

export interface ModifyContext {
  now(): number;
  readonly random: () => number;
  readonly deadline: Deadline | undefined;
}

export interface UpdateResult {
  readonly n: number;
  readonly nModified: number;
  readonly upserted: Value | undefined;
  readonly query: Query;
  /** The last document that matched, before and after. */
  readonly before: Doc | undefined;
  readonly after: Doc | undefined;
}

/** Runs one update statement inside a write of the store. */
export function updateMany(
  catalog: Catalog,
  db: string,
  name: string,
  spec: UpdateSpec,
  context: ModifyContext,
): UpdateResult {
  if (Array.isArray(spec.update) && spec.arrayFilters !== undefined) {
    throw mongoError(9, "arrayFilters may not be specified for pipeline-style updates");
  }
  const updater = compileUpdate(spec.update, {
    now: context.now(),
    isUpsert: spec.upsert,
    command: spec.command,
    ...(spec.arrayFilters === undefined ? {} : { arrayFilters: spec.arrayFilters }),
    ...(spec.constants === undefined && spec.variables === undefined
      ? {}
      : { vars: mergeVariables(spec.variables, spec.constants) }),
  });
  if (spec.multi && updater.kind === "replacement") {
    throw mongoError(9, "multi update is not supported for replacement-style update");
  }
  const collection = catalog.find(db, name);
  const query = new Query(
    collection,
    {
      filter: spec.filter,
      hint: spec.hint,
      sort: spec.sort,
      limit: spec.multi ? 0 : 1,
      variables: spec.variables,
    },
    context,
  );
  let n = 0;
  let nModified = 0;
  let before: Doc | undefined;
  let after: Doc | undefined;
  if (collection !== undefined) {
    // The records are found before the first is changed, so that none is found again in its new place.
    const found: { record: string; doc: Doc }[] = [];
    withContext(`Plan executor error during ${spec.command ?? "update"}`, () => {
      for (let doc = query.nextRaw(); doc !== undefined; doc = query.nextRaw()) {
        found.push({ record: query.record, doc });
      }
    });
    for (const { record, doc } of found) {
      n++;
      before = doc;
      after = doc;
      const changed = applyTo(collection, record, doc, updater, query);
      if (changed === undefined) continue;
      nModified++;
      after = changed;
    }
  }
  if (n > 0 || !spec.upsert) return { n, nModified, upserted: undefined, query, before, after };
  const target = collection ?? catalog.ensure(db, name);
  const bytes = target.insert(updater.upsertFrom(spec.filter));
  const stored = Doc.raw(Buffer.from(bytes));
  return { n: 1, nModified: 0, upserted: stored.get("_id")!, query, before: undefined, after: stored };
}

function mergeVariables(one: Doc | undefined, two: Doc | undefined): Doc {
  return Doc.from([...(one ?? new Doc()), ...(two ?? new Doc())]);
}

function applyTo(collection: Collection, record: string, doc: Doc, updater: Updater, query: Query): Doc | undefined {
  const position = updater.needsPosition ? query.matcher?.matchWithPosition(doc).position : undefined;
  const { doc: changed, modified } = updater.apply(doc, position);
  if (!modified) return undefined;
  const before = doc.bytes!;
  const bytes = changed.toBytes();
  checkId(before, bytes, updater.kind === "replacement");
  return Doc.raw(collection.replace(record, before, Doc.raw(bytes)));
}

/** @throws MongoError 66 when `_id` is not the same any more */
function checkId(before: Buffer, now: Buffer, replacement: boolean): void {
  const old = encodeElement(before, before[4]!, nameEnd(before, 5) + 1);
  if (now[4] !== 0 && firstElementIsId(now, 4) && encodeElement(now, now[4]!, nameEnd(now, 5) + 1) === old) return;
  const id = Doc.raw(now).get("_id");
  if (id !== undefined && !replacement) {
    throw mongoError(66, "Performing an update on the path '_id' would modify the immutable field '_id'");
  }
  if (id === undefined) {
    throw mongoError(
      66,
      "After applying the update to the document, the (immutable) field '_id' was found to have been removed",
    );
  }
  throw mongoError(
    66,
    `After applying the update, the (immutable) field '_id' was found to have been altered to _id: ${elementText(id)}`,
  );
}

/** Removes what a query finds; tells how many there were. */
export function deleteMany(collection: Collection, query: Query): number {
  const found: { record: string; bytes: Buffer }[] = [];
  withContext("Plan executor error during delete", () => {
    for (let doc = query.nextRaw(); doc !== undefined; doc = query.nextRaw()) {
      found.push({ record: query.record, bytes: doc.bytes! });
    }
  });
  for (const { record, bytes } of found) collection.remove(record, bytes);
  return found.length;
}
