import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import type { Collection } from "../data/collection.js";
import { indexSpec, sameIndex } from "../data/index-spec.js";
import { equalValues } from "../data/language.js";
import { checkCollectionName } from "../data/namespace.js";
import { documentText } from "../data/text.js";
import { mongoError } from "../errors.js";
import { collectionArgument, docArgument, docsArgument, wrongType } from "./arguments.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import { firstBatch, listSource } from "./cursor-reply.js";
import { journaled } from "./write.js";

function createIndexes(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  checkCollectionName(request.db, name);
  engine.counters.command++;
  const specs = docsArgument(request, "indexes").map((spec) => indexSpec(spec));
  if (specs.length === 0) throw mongoError(2, "Must specify at least one index to create");
  const reply = engine.store.write((): Doc => {
    const existing = engine.catalog.find(request.db, name);
    const collection = existing ?? engine.catalog.ensure(request.db, name);
    const before = collection.indexes.length;
    // One after the other, but all or none: the store takes everything back when one fails.
    const made: string[] = [];
    try {
      for (const spec of specs) {
        if (sameIndex(collection, spec)) continue;
        const index = collection.createIndex(spec);
        made.push(index.name);
        engine.clusterTime.tick();
      }
    } catch (error) {
      for (const each of made) {
        const index = collection.indexes.find((one) => one.name === each);
        if (index !== undefined) collection.dropIndex(index);
      }
      if (existing === undefined) engine.catalog.drop(collection);
      throw asBuildError(error, request.db, name, collection);
    }
    const doc = Doc.from([
      ["numIndexesBefore", int32(before)],
      ["numIndexesAfter", int32(collection.indexes.length)],
    ]);
    if (made.length > 0 || existing === undefined) {
      doc.set("createdCollectionAutomatically", existing === undefined);
    }
    if (made.length === 0) doc.set("note", "all indexes already exist");
    return doc;
  });
  return journaled(request, engine, reply);
}

function asBuildError(error: unknown, db: string, name: string, collection: Collection): unknown {
  if (!(error instanceof Error) || (error as { code?: number }).code !== 11000) return error;
  const uuid = collection.uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return mongoError(
    11000,
    `Index build failed: ${uuid}: Collection ${db}.${name} ( ${uuid} ) :: caused by :: ${error.message}`,
    (error as unknown as { extra: Record<string, Value> }).extra,
  );
}

function listIndexes(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  checkCollectionName(request.db, name);
  const collection = engine.catalog.find(request.db, name);
  if (collection === undefined) throw mongoError(26, `ns does not exist: ${request.db}.${name}`);
  const cursor = docArgument(request, "cursor");
  return firstBatch(
    request,
    engine,
    `${request.db}.${name}`,
    listSource(collection.indexes.map((index) => index.spec)),
    { batchSize: cursor === undefined ? undefined : batchSize(cursor, "listIndexes") },
  );
}

/** `cursor.batchSize` of the commands that list things. */
export function batchSize(cursor: Doc, command: string): number | undefined {
  for (const field of cursor.keys()) {
    if (field !== "batchSize") throw mongoError(40415, `BSON field 'cursor.${field}' is an unknown field.`);
  }
  const value = cursor.get("batchSize");
  if (value === undefined || value === null) return undefined;
  const number = Number(value);
  if (!Number.isFinite(number))
    throw wrongType(command, "cursor.batchSize", value, ["long", "int", "decimal", "double"]);
  if (number < 0) {
    throw mongoError(51024, `BSON field 'batchSize' value must be >= 0, actual value '${number}'`);
  }
  return number;
}

function dropIndexes(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  checkCollectionName(request.db, name);
  engine.counters.command++;
  const what = request.body.get("index");
  if (what === undefined) throw mongoError(40414, "BSON field 'dropIndexes.index' is missing but a required field");
  const reply = engine.store.write((): Doc => {
    const collection = engine.catalog.find(request.db, name);
    if (collection === undefined) throw mongoError(26, `ns not found ${request.db}.${name}`);
    const before = collection.indexes.length;
    const chosen = new Set<(typeof collection.indexes)[number]>();
    const one = (value: Value): void => {
      if (typeof value === "string") {
        const index = collection.indexes.find((each) => each.name === value);
        if (index === undefined) throw mongoError(27, `index not found with name [${value}]`);
        if (index.isId) throw mongoError(72, "cannot drop _id index");
        chosen.add(index);
      } else if (value instanceof Doc) {
        const index = collection.indexes.find((each) => equalValues(each.keyPattern, value));
        if (index === undefined) throw mongoError(27, `can't find index with key: ${documentText(value)}`);
        if (index.isId) throw mongoError(72, "cannot drop _id index");
        chosen.add(index);
      } else throw wrongType("dropIndexes", "index", value, ["string", "object", "array"]);
    };
    if (what === "*") for (const index of collection.indexes) if (!index.isId) chosen.add(index);
    if (what !== "*") {
      if (Array.isArray(what)) {
        for (const each of what) {
          if (typeof each !== "string") throw wrongType("dropIndexes", "index", what, "string");
          one(each);
        }
      } else one(what);
    }
    for (const index of chosen) collection.dropIndex(index);
    engine.clusterTime.tick();
    const doc = Doc.from([["nIndexesWas", int32(before)]]);
    if (what === "*") doc.set("msg", "non-_id indexes dropped for collection");
    return doc;
  });
  return journaled(request, engine, reply);
}

export const indexCommands: readonly Command[] = [
  {
    name: "createIndexes",
    summary: "Makes indexes: compound, multikey, unique, sparse, partial, TTL, hidden.",
    supported: true,
    writes: true,
    api: true,
    fields: ["indexes", "commitQuorum", "ignoreUnknownIndexOptions"],
    run: createIndexes,
  },
  {
    name: "listIndexes",
    summary: "The indexes of a collection.",
    supported: true,
    api: true,
    fields: ["cursor"],
    run: listIndexes,
  },
  {
    name: "dropIndexes",
    summary: "Removes indexes.",
    supported: true,
    writes: true,
    fields: ["index"],
    run: dropIndexes,
  },
];
