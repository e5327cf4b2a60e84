import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { compileProjection } from "../data/language.js";
import { updateMany } from "../data/modify.js";
import { checkCollectionName } from "../data/namespace.js";
import { Query } from "../data/query.js";
import type { StatementResult } from "../data/sessions.js";
import { failedToParse, invalidNamespace } from "../errors.js";
import { boolArgument, checkCollation, collectionArgument, docArgument, numeric } from "./arguments.js";
import { andThen, type Command, type CommandRequest, type Engine } from "./command.js";
import { note } from "./read.js";
import { arrayFiltersOf, journaled } from "./write.js";

const empty = new Doc();

function findAndModify(request: CommandRequest, engine: Engine) {
  const { body, db } = request;
  const name = collectionArgument(request);
  checkCollectionName(db, name);
  if (name.startsWith("system.")) throw invalidNamespace(`cannot write to '${db}.${name}'`);
  checkCollation(body.get("collation"));
  engine.counters.command++;
  const remove = boolArgument(request, "remove") === true;
  const upsert = boolArgument(request, "upsert") === true;
  const returnNew = boolArgument(request, "new") === true;
  const update = body.get("update");
  if (remove && update !== undefined) throw failedToParse("Cannot specify both an update and remove=true");
  if (remove && upsert) throw failedToParse(" Cannot specify both upsert=true and remove=true ".trim());
  if (remove && returnNew) {
    throw failedToParse("Cannot specify both new=true and remove=true; 'remove' always returns the deleted document");
  }
  if (!remove && update === undefined) throw failedToParse("Either an update or remove=true must be specified");
  if (update !== undefined && !(update instanceof Doc) && !Array.isArray(update)) {
    throw failedToParse("Update argument must be either an object or an array");
  }
  const arrayFiltersValue = body.get("arrayFilters");
  const arrayFilters = arrayFiltersValue === undefined ? undefined : arrayFiltersOf(arrayFiltersValue, "findAndModify");
  if (remove && arrayFilters !== undefined) throw failedToParse("Cannot specify arrayFilters and remove=true");
  const filter = docArgument(request, "query") ?? empty;
  const sort = docArgument(request, "sort");
  const fields = docArgument(request, "fields") ?? docArgument(request, "projection");
  const hintValue = body.get("hint");
  const hint = hintValue === null ? undefined : hintValue;
  const variables = docArgument(request, "let");
  const context = { now: () => engine.clock.now(), random: engine.random, deadline: request.deadline };

  const run = (): Doc => {
    if (remove) {
      const collection = engine.catalog.find(db, name);
      const query = new Query(collection, { filter, sort, hint, limit: 1, variables }, context);
      const doc = query.nextRaw();
      note(engine, query);
      if (doc === undefined || collection === undefined) return answer(0, undefined, undefined, null);
      collection.remove(query.record, doc.bytes!);
      engine.counters.documentsDeleted++;
      return answer(1, undefined, undefined, project(doc, fields, query));
    }
    const result = updateMany(
      engine.catalog,
      db,
      name,
      {
        filter,
        update: update as Doc | Value[],
        multi: false,
        upsert,
        arrayFilters,
        constants: undefined,
        variables,
        hint,
        sort,
        command: "findAndModify",
      },
      context,
    );
    note(engine, result.query);
    const shown = returnNew ? result.after : result.before;
    engine.counters.documentsUpdated += result.nModified;
    return answer(
      result.n,
      result.upserted === undefined && result.n > 0,
      result.upserted,
      shown === undefined ? null : project(shown, fields, result.query),
    );
  };

  const { session, txnNumber } = request;
  const reply = engine.store.write((): Doc => {
    if (session === undefined || txnNumber === undefined) return run();
    const stmtId = numeric(body.get("stmtId") ?? 0) ?? 0;
    const before = engine.sessions.begin(session, txnNumber).get(stmtId);
    if (before?.reply !== undefined) {
      return Doc.from([...before.reply, ["retriedStmtId", int32(stmtId)]]);
    }
    const fresh = run();
    const result: StatementResult = { n: 1, reply: Doc.raw(Buffer.from(fresh.toBytes())) };
    engine.sessions.record(session, txnNumber, [[stmtId, result]]);
    return fresh;
  });
  const concern = request.writeConcernError;
  return journaled(
    request,
    engine,
    concern === undefined ? reply : andThen(reply, (doc) => doc.clone().set("writeConcernError", concern)),
  );
}

function project(doc: Doc, fields: Doc | undefined, query: Query): Doc {
  if (fields === undefined || fields.isEmpty) return doc;
  return compileProjection(fields, query.matcher).apply(doc);
}

function answer(n: number, updatedExisting: boolean | undefined, upserted: Value | undefined, value: Doc | null): Doc {
  const last = Doc.from([["n", int32(n)]]);
  if (updatedExisting !== undefined) last.set("updatedExisting", updatedExisting);
  if (upserted !== undefined) last.set("upserted", upserted);
  return Doc.from([
    ["lastErrorObject", last],
    ["value", value],
  ]);
}

const fields = [
  "query",
  "sort",
  "remove",
  "update",
  "new",
  "fields",
  "upsert",
  "bypassDocumentValidation",
  "arrayFilters",
  "hint",
  "collation",
  "let",
];

export const findAndModifyCommands: readonly Command[] = [
  {
    name: "findAndModify",
    summary: "Changes, replaces or removes one document and returns it.",
    supported: true,
    writes: true,
    retryable: true,
    api: true,
    fields,
    run: findAndModify,
  },
  {
    name: "findandmodify",
    summary: "Another spelling of findAndModify.",
    supported: true,
    writes: true,
    retryable: true,
    fields,
    run: findAndModify,
  },
];
