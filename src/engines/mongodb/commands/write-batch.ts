import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { count } from "../data/collection.js";
import type { StatementResult } from "../data/sessions.js";
import { MongoError, mongoError } from "../errors.js";
import { maxWriteBatch } from "../protocol/message.js";
import type { Reply } from "../protocol/reply.js";
import { numeric, wrongType } from "./arguments.js";
import { andThen, type CommandRequest, type Engine } from "./command.js";

/** What all statements of a write command did together. */
export interface BatchTotals {
  n: number;
  nModified: number;
  readonly upserted: Value[];
  readonly writeErrors: Value[];
  readonly retried: number[];
}

/** @throws MongoError 16 */
export function checkBatchSize(operations: number): void {
  if (operations < 1 || operations > maxWriteBatch) {
    throw mongoError(16, `Write batch sizes must be between 1 and ${maxWriteBatch}. Got ${operations} operations.`);
  }
}

/**
 * Runs the statements of a write command as one atomic write of the store: in order, each for itself. A statement that
 * a retryable write has done before is answered from its record. The records are kept in the same write.
 */
export function writeBatch(
  request: CommandRequest,
  engine: Engine,
  statements: number,
  ordered: boolean,
  statement: (at: number) => StatementResult,
): BatchTotals | Promise<BatchTotals> {
  const all = request.body.get("stmtIds");
  if (all !== undefined && !Array.isArray(all)) throw wrongType(request.command.name, "stmtIds", all, "array");
  // An error that ends the command leaves what was done before it, and the record of it: thrown after the commit.
  let ending: MongoError | undefined;
  const written = engine.store.write(() => {
    const totals: BatchTotals = { n: 0, nModified: 0, upserted: [], writeErrors: [], retried: [] };
    const { session, txnNumber } = request;
    const retryable = session !== undefined && txnNumber !== undefined;
    const done = retryable ? engine.sessions.begin(session, txnNumber) : undefined;
    const ids = retryable ? statementIds(request, statements) : undefined;
    const fresh: [number, StatementResult][] = [];
    for (let at = 0; at < statements; at++) {
      const id = ids === undefined ? at : ids(at);
      const before = done?.get(id);
      if (before !== undefined) {
        totals.retried.push(id);
        add(totals, at, before);
        continue;
      }
      try {
        const result = statement(at);
        add(totals, at, result);
        if (retryable) fresh.push([id, result]);
      } catch (error) {
        if (!(error instanceof MongoError)) throw error;
        if (wholeCommand.has(error.code)) {
          ending = error;
          break;
        }
        totals.writeErrors.push(writeError(at, error));
        if (ordered) break;
      }
    }
    if (fresh.length > 0) engine.sessions.record(session!, txnNumber!, fresh);
    return totals;
  });
  return andThen(written, (totals) => {
    if (ending !== undefined) throw ending;
    return totals;
  });
}

// Errors of the request as a whole, which end it: out of time.
const wholeCommand = new Set([50]);

function add(totals: BatchTotals, at: number, result: StatementResult): void {
  totals.n += result.n;
  totals.nModified += result.nModified ?? 0;
  if (result.upserted !== undefined) {
    totals.upserted.push(
      Doc.from([
        ["index", int32(at)],
        ["_id", result.upserted],
      ]),
    );
  }
}

function statementIds(request: CommandRequest, statements: number): (at: number) => number {
  const all = request.body.get("stmtIds");
  if (Array.isArray(all)) {
    if (all.length !== statements) {
      throw mongoError(
        72,
        "Number of statement ids must match the number of batch entries. Got ".concat(String(all.length)),
      );
    }
    return (at) => numeric(all[at]!) ?? at;
  }
  const first = request.body.get("stmtId");
  const from = first === undefined ? 0 : (numeric(first) ?? 0);
  return (at) => from + at;
}

function writeError(at: number, error: MongoError): Doc {
  const doc = Doc.from([
    ["index", int32(at)],
    ["code", int32(error.code)],
  ]);
  for (const [name, value] of Object.entries(error.extra)) doc.set(name, value);
  return doc.set("errmsg", error.message);
}

const one = Doc.raw(Doc.from([["n", int32(1)]]).toBytes());

/** The reply of a write command, once its write is committed (and flushed, where the client asked for the journal). */
export function writeReply(
  request: CommandRequest,
  engine: Engine,
  totals: BatchTotals | Promise<BatchTotals>,
  modified: boolean,
): Reply | Promise<Reply> {
  const reply = andThen(totals, ({ n, nModified, upserted, writeErrors, retried }) => {
    const concern = request.writeConcernError;
    if (!modified && n === 1 && writeErrors.length === 0 && retried.length === 0 && concern === undefined) return one;
    const doc = Doc.from([["n", count(n)]]);
    if (writeErrors.length > 0) doc.set("writeErrors", writeErrors);
    if (upserted.length > 0) doc.set("upserted", upserted);
    if (modified) doc.set("nModified", count(nModified));
    if (concern !== undefined) doc.set("writeConcernError", concern);
    if (retried.length > 0)
      doc.set(
        "retriedStmtIds",
        retried.map((id) => int32(id)),
      );
    return doc;
  });
  if (!request.journaled || !engine.store.durable) return reply;
  return Promise.resolve(reply).then(async (doc) => {
    await engine.store.flushed();
    return doc;
  });
}
