import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { count } from "../data/collection.js";
import { takeBatch } from "../data/cursors.js";
import { distinctValues } from "../data/distinct.js";
import { encodeValue } from "../data/key-encoding.js";
import { bsonTypeName } from "../data/language.js";
import { checkCollectionName } from "../data/namespace.js";
import { Query, type QuerySpec } from "../data/query.js";
import { badValue, mongoError, withContext } from "../errors.js";
import {
  boolArgument,
  checkCollation,
  collectionArgument,
  countArgument,
  docArgument,
  numeric,
  wrongType,
} from "./arguments.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import { firstBatch } from "./cursor-reply.js";

const empty = new Doc();

/** Reads the arguments of find; explain uses it too. */
export function findSpec(request: CommandRequest): QuerySpec & { batchSize: number | undefined; single: boolean } {
  checkCollation(request.body.get("collation"));
  if (boolArgument(request, "tailable") === true) {
    throw badValue("error processing query: tailable cursor requested on non capped collection");
  }
  if (boolArgument(request, "awaitData") === true) {
    throw mongoError(9, "Cannot set 'awaitData' without also setting 'tailable'");
  }
  const limit = countArgument(request, "limit");
  const sort = docArgument(request, "sort");
  const hint = request.body.get("hint");
  return {
    filter: docArgument(request, "filter") ?? empty,
    sort,
    projection: docArgument(request, "projection"),
    skip: countArgument(request, "skip"),
    limit,
    hint: hint === null ? undefined : hint,
    allowDiskUse: boolArgument(request, "allowDiskUse"),
    variables: docArgument(request, "let"),
    batchSize: countArgument(request, "batchSize"),
    single: boolArgument(request, "singleBatch") === true,
  };
}

function find(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  engine.counters.query++;
  checkCollectionName(request.db, name);
  const collection = engine.catalog.find(request.db, name);
  const spec = findSpec(request);
  const query = new Query(collection, spec, {
    now: () => engine.clock.now(),
    random: engine.random,
    deadline: request.deadline,
  });
  const limits = {
    batchSize: spec.batchSize,
    single: spec.single,
    noTimeout: boolArgument(request, "noCursorTimeout") === true,
  };
  const reply = withContext("Executor error during find command", () =>
    firstBatch(request, engine, `${request.db}.${name}`, query, limits),
  );
  note(engine, query);
  return reply;
}

/** Adds what a query looked at to the server's figures. */
export function note(engine: Engine, query: Query): void {
  const counters = query.execution?.counters;
  if (counters === undefined) return;
  engine.counters.keysScanned += counters.keysExamined;
  engine.counters.documentsScanned += counters.docsExamined;
}

function getMore(request: CommandRequest, engine: Engine) {
  engine.counters.getmore++;
  const id = request.body.get("getMore");
  if (typeof id !== "bigint") throw wrongType("getMore", "getMore", id ?? null, "long");
  const name = request.body.get("collection");
  if (typeof name !== "string") {
    if (name === undefined) {
      throw mongoError(40414, "BSON field 'getMore.collection' is missing but a required field");
    }
    throw wrongType("getMore", "collection", name, "string");
  }
  const cursor = engine.cursors.get(id);
  const ns = `${request.db}.${name}`;
  if (cursor.ns !== ns) {
    throw mongoError(
      13,
      `Requested getMore on namespace '${ns}', but cursor belongs to a different namespace ${cursor.ns}`,
    );
  }
  if (cursor.sessionId !== request.session) {
    if (cursor.sessionId === undefined) {
      throw mongoError(50800, `Cannot run getMore on cursor ${id}, which was not created in a session, in session`);
    }
    throw mongoError(
      request.session === undefined ? 50736 : 50738,
      `Cannot run getMore on cursor ${id}, which was created in another session`,
    );
  }
  const batchSize = countArgument(request, "batchSize");
  try {
    const { held } = cursor;
    cursor.held = undefined;
    const batch = withContext("Executor error during getMore", () =>
      takeBatch(cursor.source, batchSize === 0 ? undefined : batchSize, false, held),
    );
    engine.counters.documentsReturned += batch.documents.length;
    cursor.held = batch.held;
    if (!batch.done && cursor.held === undefined) cursor.held = cursor.source.next();
    const done = batch.done || cursor.held === undefined;
    if (done) engine.cursors.close(id);
    return { kind: "cursor" as const, ns, id: done ? 0n : id, batch: batch.documents, first: false };
  } catch (error) {
    engine.cursors.close(id);
    throw error;
  }
}

function killCursors(request: CommandRequest, engine: Engine): Doc {
  const ids = request.body.get("cursors");
  if (!Array.isArray(ids)) {
    if (ids === undefined) throw mongoError(40414, "BSON field 'killCursors.cursors' is missing but a required field");
    throw wrongType("killCursors", "cursors", ids, "array");
  }
  const killed: Value[] = [];
  const notFound: Value[] = [];
  for (const [at, id] of ids.entries()) {
    if (typeof id !== "bigint") throw wrongType("killCursors", `cursors.${at}`, id, "long");
    (engine.cursors.close(id) ? killed : notFound).push(id);
  }
  return Doc.from([
    ["cursorsKilled", killed],
    ["cursorsNotFound", notFound],
    ["cursorsAlive", []],
    ["cursorsUnknown", []],
  ]);
}

function countDocuments(request: CommandRequest, engine: Engine): Doc {
  const name = collectionArgument(request);
  engine.counters.command++;
  checkCollectionName(request.db, name);
  checkCollation(request.body.get("collation"));
  const limitValue = request.body.get("limit");
  const limitNumber = limitValue === undefined || limitValue === null ? 0 : numeric(limitValue);
  if (limitNumber === undefined) throw badValue("limit value is not a valid number");
  const limit = Math.abs(Math.trunc(limitNumber));
  const skip = countArgument(request, "skip") ?? 0;
  const filter = docArgument(request, "query") ?? empty;
  const collection = engine.catalog.find(request.db, name);
  const hint = request.body.get("hint");
  const query = new Query(
    collection,
    { filter, hint: hint === null ? undefined : hint, skip, limit },
    { now: () => engine.clock.now(), random: engine.random, deadline: request.deadline },
  );
  let n = 0;
  if (collection !== undefined && filter.isEmpty && hint === undefined) {
    n = Math.max(0, collection.count - skip);
    if (limit > 0) n = Math.min(limit, n);
  } else while (query.nextRaw() !== undefined) n++;
  note(engine, query);
  return Doc.from([["n", count(n)]]);
}

function distinct(request: CommandRequest, engine: Engine): Doc {
  const name = collectionArgument(request);
  engine.counters.command++;
  checkCollectionName(request.db, name);
  checkCollation(request.body.get("collation"));
  const key = request.body.get("key");
  if (typeof key !== "string") {
    if (key === undefined) throw mongoError(40414, "BSON field 'distinct.key' is missing but a required field");
    throw wrongType("distinct", "key", key, "string");
  }
  if (key.includes("\0")) throw mongoError(31032, "Key field cannot contain an embedded null byte");
  const queryValue = request.body.get("query");
  if (queryValue !== undefined && queryValue !== null && !(queryValue instanceof Doc)) {
    throw mongoError(
      14,
      `BSON field 'distinct.query' is the wrong type '${bsonTypeName(queryValue)}', expected type 'object'`,
    );
  }
  const hint = request.body.get("hint");
  const collection = engine.catalog.find(request.db, name);
  const query = new Query(
    collection,
    { filter: queryValue instanceof Doc ? queryValue : empty, hint: hint === null ? undefined : hint },
    { now: () => engine.clock.now(), random: engine.random, deadline: request.deadline },
  );
  const found = new Map<string, Value>();
  let bytes = 0;
  const next = (): Doc | undefined => withContext("Executor error during distinct command", () => query.nextRaw());
  for (let doc = next(); doc !== undefined; doc = next()) {
    for (const value of distinctValues(doc, key)) {
      const encoded = encodeValue(value);
      if (found.has(encoded)) continue;
      found.set(encoded, value);
      bytes += encoded.length;
      if (bytes > 16 * 1024 * 1024) throw mongoError(17217, "distinct too big, 16mb cap");
    }
  }
  note(engine, query);
  return Doc.from([["values", [...found.values()]]]);
}

export const readCommands: readonly Command[] = [
  {
    name: "find",
    summary: "Finds documents: filter, sort, projection, skip, limit, hint.",
    supported: true,
    reads: true,
    api: true,
    fields: [
      "filter",
      "sort",
      "projection",
      "hint",
      "skip",
      "limit",
      "batchSize",
      "singleBatch",
      "noCursorTimeout",
      "tailable",
      "awaitData",
      "oplogReplay",
      "allowPartialResults",
      "allowDiskUse",
      "collation",
      "let",
    ],
    run: find,
  },
  {
    name: "getMore",
    summary: "The next batch of a cursor.",
    supported: true,
    reads: true,
    api: true,
    fields: ["collection", "batchSize", "term", "lastKnownCommittedOpTime"],
    run: getMore,
  },
  {
    name: "killCursors",
    summary: "Closes cursors.",
    supported: true,
    api: true,
    fields: ["cursors"],
    run: killCursors,
  },
  {
    name: "count",
    summary: "Counts documents.",
    supported: true,
    reads: true,
    api: true,
    fields: ["query", "limit", "skip", "hint", "collation", "fields"],
    run: countDocuments,
  },
  {
    name: "distinct",
    summary: "The different values of a field.",
    supported: true,
    reads: true,
    fields: ["key", "query", "hint", "collation"],
    run: distinct,
  },
];
