import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { deleteMany, type UpdateSpec, updateMany } from "../data/modify.js";
import { checkCollectionName } from "../data/namespace.js";
import { Query } from "../data/query.js";
import { failedToParse, invalidNamespace, mongoError } from "../errors.js";
import {
  boolArgument,
  checkCollation,
  collectionArgument,
  docArgument,
  docsArgument,
  numeric,
  wrongType,
} from "./arguments.js";
import { andThen, type Command, type CommandRequest, type Engine } from "./command.js";
import { note } from "./read.js";
import { checkBatchSize, writeBatch, writeReply } from "./write-batch.js";

/** Checks that documents of users may be written to this collection. */
function writable(db: string, name: string): void {
  checkCollectionName(db, name);
  if (name.startsWith("system.")) throw invalidNamespace(`cannot write to '${db}.${name}'`);
}

function insert(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  writable(request.db, name);
  const documents = docsArgument(request, "documents");
  checkBatchSize(documents.length);
  const ordered = boolArgument(request, "ordered") !== false;
  const { catalog, counters } = engine;
  const totals = writeBatch(request, engine, documents.length, ordered, (at) => {
    catalog.ensure(request.db, name).insert(documents[at]!);
    counters.insert++;
    counters.documentsInserted++;
    return inserted;
  });
  return writeReply(request, engine, totals, false);
}

const inserted = { n: 1 };

const updateFields = new Set([
  "q",
  "u",
  "c",
  "arrayFilters",
  "multi",
  "upsert",
  "collation",
  "hint",
  "upsertSupplied",
  "sampleId",
]);

/** Reads one statement of an update command; explain uses it too. */
export function updateSpec(statement: Doc, variables: Doc | undefined): UpdateSpec {
  let filter: Doc | undefined;
  let update: Value | undefined;
  let multi = false;
  let upsert = false;
  let arrayFilters: Doc[] | undefined;
  let constants: Doc | undefined;
  let hint: Value | undefined;
  for (const [field, value] of statement) {
    if (!updateFields.has(field)) throw mongoError(40415, `BSON field 'update.updates.${field}' is an unknown field.`);
    switch (field) {
      case "q":
        if (!(value instanceof Doc)) throw wrongType("update.updates", "q", value, "object");
        filter = value;
        break;
      case "u":
        if (!(value instanceof Doc) && !Array.isArray(value)) {
          throw failedToParse("Update argument must be either an object or an array");
        }
        update = value;
        break;
      case "c":
        if (!(value instanceof Doc)) throw wrongType("update.updates", "c", value, "object");
        constants = value;
        break;
      case "multi":
      case "upsert": {
        if (typeof value !== "boolean") throw wrongType("update.updates", field, value, "bool");
        const on = value;
        if (field === "multi") multi = on;
        else upsert = on;
        break;
      }
      case "arrayFilters":
        arrayFilters = arrayFiltersOf(value, "update.updates");
        break;
      case "collation":
        checkCollation(value);
        break;
      case "hint":
        hint = value;
        break;
      default:
    }
  }
  if (filter === undefined) throw mongoError(40414, "BSON field 'update.updates.q' is missing but a required field");
  if (update === undefined) throw mongoError(40414, "BSON field 'update.updates.u' is missing but a required field");
  return { filter, update: update as Doc | Value[], multi, upsert, arrayFilters, constants, hint, variables };
}

export function arrayFiltersOf(value: Value, command: string): Doc[] {
  if (!Array.isArray(value)) throw wrongType(command, "arrayFilters", value, "array");
  for (const [at, each] of value.entries()) {
    if (!(each instanceof Doc)) throw wrongType(command, `arrayFilters.${at}`, each, "object");
  }
  return value as Doc[];
}

function update(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  writable(request.db, name);
  const statements = docsArgument(request, "updates");
  checkBatchSize(statements.length);
  const ordered = boolArgument(request, "ordered") !== false;
  const variables = docArgument(request, "let");
  const specs = statements.map((statement) => updateSpec(statement, variables));
  const totals = writeBatch(request, engine, statements.length, ordered, (at) => {
    const spec = specs[at]!;
    engine.counters.update++;
    if (spec.multi && request.txnNumber !== undefined) {
      throw mongoError(72, "Cannot use retryable writes with multi=true");
    }
    const result = updateMany(engine.catalog, request.db, name, spec, {
      now: () => engine.clock.now(),
      random: engine.random,
      deadline: request.deadline,
    });
    engine.counters.documentsUpdated += result.nModified;
    note(engine, result.query);
    return result.upserted === undefined
      ? { n: result.n, nModified: result.nModified }
      : { n: result.n, nModified: result.nModified, upserted: result.upserted };
  });
  return writeReply(request, engine, totals, true);
}

const deleteFields = new Set(["q", "limit", "collation", "hint", "sampleId"]);

function remove(request: CommandRequest, engine: Engine) {
  const name = collectionArgument(request);
  writable(request.db, name);
  const statements = docsArgument(request, "deletes");
  checkBatchSize(statements.length);
  const ordered = boolArgument(request, "ordered") !== false;
  const variables = docArgument(request, "let");
  for (const statement of statements) {
    for (const [field, value] of statement) {
      if (!deleteFields.has(field))
        throw mongoError(40415, `BSON field 'delete.deletes.${field}' is an unknown field.`);
      if (field === "q" && !(value instanceof Doc)) throw wrongType("delete.deletes", "q", value, "object");
      if (field === "collation") checkCollation(value);
      if (field === "limit") {
        const limit = numeric(value);
        if (limit !== 0 && limit !== 1) {
          throw failedToParse(`The limit field in delete objects must be 0 or 1. Got ${String(limit ?? value)}`);
        }
      }
    }
    for (const field of ["q", "limit"]) {
      if (!statement.has(field)) {
        throw mongoError(40414, `BSON field 'delete.deletes.${field}' is missing but a required field`);
      }
    }
  }
  const totals = writeBatch(request, engine, statements.length, ordered, (at) => {
    const statement = statements[at]!;
    engine.counters.delete++;
    const one = numeric(statement.get("limit")!) === 1;
    if (!one && request.txnNumber !== undefined) throw mongoError(72, "Cannot use retryable writes with limit=0");
    const collection = engine.catalog.find(request.db, name);
    const query = new Query(
      collection,
      { filter: statement.get("q") as Doc, hint: statement.get("hint"), limit: one ? 1 : 0, variables },
      { now: () => engine.clock.now(), random: engine.random, deadline: request.deadline },
    );
    const n = collection === undefined ? 0 : deleteMany(collection, query);
    engine.counters.documentsDeleted += n;
    note(engine, query);
    return { n };
  });
  return writeReply(request, engine, totals, false);
}

/** Waits for the disk where the client asked for it. */
export function journaled<T>(request: CommandRequest, engine: Engine, value: T | Promise<T>): T | Promise<T> {
  if (!request.journaled || !engine.store.durable) return value;
  return andThen(value, async (reply) => {
    await engine.store.flushed();
    return reply;
  });
}

export const writeCommands: readonly Command[] = [
  {
    name: "insert",
    summary: "Stores documents.",
    supported: true,
    writes: true,
    retryable: true,
    api: true,
    fields: ["documents", "ordered", "bypassDocumentValidation", "stmtIds"],
    run: insert,
  },
  {
    name: "update",
    summary: "Changes or replaces documents; inserts where asked to.",
    supported: true,
    writes: true,
    retryable: true,
    api: true,
    fields: ["updates", "ordered", "bypassDocumentValidation", "let", "stmtIds"],
    run: update,
  },
  {
    name: "delete",
    summary: "Removes documents.",
    supported: true,
    writes: true,
    retryable: true,
    api: true,
    fields: ["deletes", "ordered", "let", "stmtIds"],
    run: remove,
  },
];
