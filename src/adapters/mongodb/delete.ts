import type { Deadline } from "../../internal/deadline.js";
import type { ConditionalCall, RecordData } from "../port/adapter.js";
import { failed, MAX_RACES, notApplied, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import type { StoredDocument } from "./codec.js";
import { conditionFilter } from "./conditions.js";
import { failureOf, serverError } from "./errors.js";
import { asNumber, writeErrors } from "./reply.js";
import { recordQuery, runWrite, type StoredEntity, storedUnder } from "./write.js";

/** Deletes one record. */
export async function deleteOne(
  key: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(entity, call, whole, false, async (write) => {
    const { values, exactResend } = entity;
    const { name } = entity.collection;
    const conditions = conditionFilter(call.if ?? [], entity.collection, values);
    let { ifVersion } = call;
    for (let race = 0; race < MAX_RACES; race++) {
      if (!exactResend && call.ifVersion === undefined) {
        // Without the server's record a delete sent twice could take a record that was inserted in between.
        const stored = await storedUnder(key, write, entity);
        if (stored === undefined) return notApplied("missing", undefined);
        ifVersion = stored.version;
      }
      const query = recordQuery(
        key,
        conditions,
        { ...call, ...(ifVersion === undefined ? {} : { ifVersion }) },
        entity,
      );
      const result = await entity.requests.write(
        { delete: name, deletes: [{ q: query, limit: 1 }] },
        name,
        call,
        write.attempts,
      );
      if (result.kind === "reply") {
        const error = writeErrors(result.reply)[0];
        if (error !== undefined) return failed(failureOf(serverError(error)).error);
        if (asNumber(result.reply["n"]) > 0) return { kind: "applied", version: ifVersion ?? 0 };
      } else if (result.kind === "error") {
        return failed(failureOf(result.thrown).error);
      } else if (!result.mayHaveRun) {
        return failed(result.error);
      }
      const ambiguous = result.kind === "failed" || result.resent;
      let stored: StoredDocument | undefined;
      try {
        stored = await storedUnder(key, write, entity);
      } catch (thrown) {
        return unknown("The delete was sent, and no read could tell what became of it.", thrown);
      }
      if (ambiguous && stored === undefined) {
        // With a version only this delete, or another of the same version, can have taken it: the demand is met.
        if (call.ifVersion !== undefined) return { kind: "applied", version: call.ifVersion };
        return unknown("The record is gone; whether this delete or another one took it is not known.", undefined);
      }
      if (result.kind === "failed")
        return unknown("The delete was sent and not answered; the record is still there.", result.error);
      if (stored === undefined) return notApplied("missing", undefined);
      if (call.ifVersion !== undefined && stored.version !== call.ifVersion)
        return notApplied("version", stored.version);
      if (conditions.length > 0 && (exactResend || stored.version === ifVersion))
        return notApplied("condition", stored.version);
    }
    return raced(entity.collection.entity);
  });
}
