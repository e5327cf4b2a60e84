import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { type Collection, count } from "../data/collection.js";
import { compileFilter } from "../data/language.js";
import { checkCollectionName, checkDatabaseName } from "../data/namespace.js";
import { invalidNamespace, mongoError } from "../errors.js";
import { checkCollation, collectionArgument, docArgument, numeric, wrongType } from "./arguments.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import { firstBatch, listSource } from "./cursor-reply.js";
import { batchSize } from "./indexes.js";
import { journaled } from "./write.js";

function create(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  checkDatabaseName(request.db);
  checkCollectionName(request.db, name);
  if (name.startsWith("system.")) throw invalidNamespace(`Invalid namespace specified '${request.db}.${name}'`);
  const { body } = request;
  engine.counters.command++;
  checkCollation(body.get("collation"));
  for (const field of [
    "capped",
    "timeseries",
    "viewOn",
    "validator",
    "clusteredIndex",
    "encryptedFields",
    "changeStreamPreAndPostImages",
  ]) {
    const value = body.get(field);
    if (value === undefined || value === false || value === null) continue;
    if (value instanceof Doc && value.isEmpty && field === "validator") continue;
    throw mongoError(40415, `BSON field 'create.${field}' is an unknown field.`);
  }
  return journaled(
    request,
    engine,
    engine.store.write((): Doc => {
      const existing = engine.catalog.find(request.db, name);
      if (existing !== undefined) {
        if (existing.options.isEmpty) return new Doc();
        throw mongoError(48, `Collection ${request.db}.${name} already exists.`);
      }
      engine.catalog.create(request.db, name, new Doc());
      return new Doc();
    }),
  );
}

function drop(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  checkCollectionName(request.db, name);
  engine.counters.command++;
  return journaled(
    request,
    engine,
    engine.store.write((): Doc => {
      const collection = engine.catalog.find(request.db, name);
      // Since 7.0 dropping what is not there is no error.
      if (collection === undefined) return new Doc();
      const indexes = collection.indexes.length;
      engine.catalog.drop(collection);
      return Doc.from([
        ["nIndexesWas", int32(indexes)],
        ["ns", `${request.db}.${name}`],
      ]);
    }),
  );
}

function dropDatabase(request: CommandRequest, engine: Engine) {
  engine.counters.command++;
  if (numeric(request.body.get("dropDatabase") ?? 1) !== 1) {
    throw mongoError(5255100, "Have to pass 1 as 'drop' parameter");
  }
  return journaled(
    request,
    engine,
    engine.store.write((): Doc => {
      const collections = engine.catalog.collections(request.db);
      for (const collection of collections) engine.catalog.drop(collection);
      return collections.length === 0 ? new Doc() : Doc.from([["dropped", request.db]]);
    }),
  );
}

function listCollections(request: CommandRequest, engine: Engine) {
  checkDatabaseName(request.db);
  const filter = docArgument(request, "filter");
  const cursor = docArgument(request, "cursor");
  const nameOnly = request.body.get("nameOnly") === true;
  const matcher = filter === undefined ? undefined : compileFilter(filter, { now: () => engine.clock.now() });
  const documents: Doc[] = [];
  for (const collection of engine.catalog.collections(request.db)) {
    const full = Doc.from([
      ["name", collection.name],
      ["type", "collection"],
      ["options", collection.options],
      [
        "info",
        Doc.from([
          ["readOnly", false],
          ["uuid", collection.uuid],
        ]),
      ],
      ["idIndex", collection.idIndex.spec],
    ]);
    if (matcher !== undefined && !matcher.matches(Doc.raw(full.toBytes()))) continue;
    documents.push(
      nameOnly
        ? Doc.from([
            ["name", collection.name],
            ["type", "collection"],
          ])
        : full,
    );
  }
  return firstBatch(request, engine, `${request.db}.$cmd.listCollections`, listSource(documents), {
    batchSize: cursor === undefined ? undefined : batchSize(cursor, "listCollections"),
  });
}

function listDatabases(request: CommandRequest, engine: Engine): Doc {
  const filter = docArgument(request, "filter");
  const nameOnly = request.body.get("nameOnly") === true;
  const matcher = filter === undefined ? undefined : compileFilter(filter, { now: () => engine.clock.now() });
  let total = 0;
  const databases: Doc[] = [];
  for (const name of engine.catalog.databaseNames()) {
    let size = 0;
    for (const collection of engine.catalog.collections(name)) size += bytesOf(collection);
    const doc = Doc.from([
      ["name", name],
      ["sizeOnDisk", BigInt(size)],
      ["empty", false],
    ]);
    if (matcher !== undefined && !matcher.matches(Doc.raw(doc.toBytes()))) continue;
    total += size;
    databases.push(nameOnly ? Doc.from([["name", name]]) : doc);
  }
  const reply = Doc.from([["databases", databases]]);
  if (!nameOnly) {
    reply.set("totalSize", BigInt(total)).set("totalSizeMb", BigInt(Math.floor(total / 1024 / 1024)));
  }
  return reply;
}

function bytesOf(collection: Collection): number {
  let bytes = collection.dataBytes;
  for (const index of collection.indexes) bytes += index.tree.bytes;
  return bytes;
}

function scaleOf(request: CommandRequest): number {
  const value = request.body.get("scale");
  if (value === undefined || value === null) return 1;
  const scale = numeric(value);
  if (scale === undefined) throw wrongType(request.command.name, "scale", value, ["double", "int", "decimal", "long"]);
  if (scale < 1) {
    throw mongoError(51024, `BSON field 'scale' value must be >= 1, actual value '${String(scale)}'`);
  }
  return Math.trunc(scale);
}

/** The figures of collStats and of `$collStats`. */
export function collectionStats(collection: Collection | undefined, ns: string, scale: number): Doc {
  const size = collection?.dataBytes ?? 0;
  const documents = collection?.count ?? 0;
  const scaled = (bytes: number): Value => count(Math.floor(bytes / scale));
  const sizes: [string, Value][] = (collection?.indexes ?? []).map((index) => [index.name, scaled(index.tree.bytes)]);
  let indexBytes = 0;
  for (const index of collection?.indexes ?? []) indexBytes += index.tree.bytes;
  const reply = Doc.from([
    ["ns", ns],
    ["size", scaled(size)],
    ["count", count(documents)],
  ]);
  if (documents > 0) reply.set("avgObjSize", count(Math.floor(size / documents)));
  return reply
    .set("numOrphanDocs", int32(0))
    .set("storageSize", scaled(size))
    .set("freeStorageSize", int32(0))
    .set("capped", false)
    .set("nindexes", int32(sizes.length))
    .set("indexBuilds", [])
    .set("totalIndexSize", scaled(indexBytes))
    .set("totalSize", scaled(size + indexBytes))
    .set("indexSizes", Doc.from(sizes))
    .set("scaleFactor", int32(scale));
}

function collStats(request: CommandRequest, engine: Engine): Doc {
  const name = collectionArgument(request);
  checkCollectionName(request.db, name);
  const ns = `${request.db}.${name}`;
  return collectionStats(engine.catalog.find(request.db, name), ns, scaleOf(request));
}

function dbStats(request: CommandRequest, engine: Engine): Doc {
  checkDatabaseName(request.db);
  const scale = scaleOf(request);
  const collections = engine.catalog.collections(request.db);
  let objects = 0;
  let data = 0;
  let indexes = 0;
  let indexBytes = 0;
  for (const collection of collections) {
    objects += collection.count;
    data += collection.dataBytes;
    indexes += collection.indexes.length;
    for (const index of collection.indexes) indexBytes += index.tree.bytes;
  }
  return Doc.from([
    ["db", request.db],
    ["collections", BigInt(collections.length)],
    ["views", 0n],
    ["objects", BigInt(objects)],
    ["avgObjSize", objects === 0 ? 0 : data / objects],
    ["dataSize", data / scale],
    ["storageSize", data / scale],
    ["indexes", BigInt(indexes)],
    ["indexSize", indexBytes / scale],
    ["totalSize", (data + indexBytes) / scale],
    ["scaleFactor", BigInt(scale)],
  ]);
}

export const collectionCommands: readonly Command[] = [
  {
    name: "create",
    summary: "Makes a collection; capped, clustered and time-series collections, views and validators are refused.",
    supported: true,
    writes: true,
    api: true,
    fields: [
      "capped",
      "size",
      "max",
      "autoIndexId",
      "idIndex",
      "storageEngine",
      "indexOptionDefaults",
      "collation",
      "validator",
      "validationLevel",
      "validationAction",
      "viewOn",
      "timeseries",
      "clusteredIndex",
      "expireAfterSeconds",
      "encryptedFields",
      "changeStreamPreAndPostImages",
    ],
    run: create,
  },
  { name: "drop", summary: "Removes a collection.", supported: true, writes: true, api: true, fields: [], run: drop },
  {
    name: "dropDatabase",
    summary: "Removes a database.",
    supported: true,
    writes: true,
    api: true,
    fields: [],
    run: dropDatabase,
  },
  {
    name: "listCollections",
    summary: "The collections of a database.",
    supported: true,
    api: true,
    fields: ["filter", "nameOnly", "authorizedCollections", "cursor"],
    run: listCollections,
  },
  {
    name: "listDatabases",
    summary: "The databases.",
    supported: true,
    adminOnly: true,
    api: true,
    fields: ["filter", "nameOnly", "authorizedDatabases"],
    run: listDatabases,
  },
  {
    name: "collStats",
    summary: "Figures of a collection: documents, bytes, indexes.",
    supported: true,
    fields: ["scale", "waitForLock", "queryExecStats"],
    run: collStats,
  },
  {
    name: "dbStats",
    summary: "Figures of a database.",
    supported: true,
    fields: ["scale", "freeStorage"],
    run: dbStats,
  },
  {
    name: "dbstats",
    summary: "Another spelling of dbStats.",
    supported: true,
    fields: ["scale", "freeStorage"],
    run: dbStats,
  },
];
