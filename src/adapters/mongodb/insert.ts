import type { Deadline } from "../../internal/deadline.js";
import type { RecordData, WriteCall } from "../port/adapter.js";
import { failed, MAX_RACES, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import { sameRecord } from "../port/same-record.js";
import { type StoredDocument, WRITES } from "./codec.js";
import { checkSize } from "./document-size.js";
import type { Doc } from "./driver.js";
import { duplicateOf, failureOf, serverError } from "./errors.js";
import { fieldsOf } from "./outcomes.js";
import { isKey, writeErrors } from "./reply.js";
import type { WriteReply } from "./requests.js";
import { removeEnded, runWrite, type StoredEntity, storedUnder, type Write } from "./write.js";

/** Inserts one record; where its key is taken, what is stored there decides. */
export async function insertOne(
  record: RecordData,
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(entity, call, whole, false, async (write) => {
    const document = documentOf(record, write, entity);
    const { name } = entity.collection;
    for (let race = 0; race < MAX_RACES; race++) {
      const result = await entity.requests.write({ insert: name, documents: [document] }, name, call, write.attempts);
      if (result.kind !== "reply") return unanswered(result, record, write, entity);
      const error = writeErrors(result.reply)[0];
      if (error === undefined) return { kind: "applied", version: write.version };
      const outcome = await refused(error, record, write, entity, result.resent);
      if (outcome !== undefined) return outcome;
    }
    return raced(entity.collection.entity);
  });
}

/** A document as it is inserted: fields, version, and the write's id where one was given. */
function documentOf(record: RecordData, write: Write, { collection, codec, values }: StoredEntity): Doc {
  const document = codec.encode(record);
  checkSize(document, codec, collection);
  document[collection.version.path] = values.longOfNumber(write.version);
  if (write.writeId !== undefined) document[WRITES] = [{ i: write.writeId, v: values.longOfNumber(write.version) }];
  return document;
}

/** An insert's error: what is stored under the key decides. Undefined: nothing is there any more, try again. */
async function refused(
  error: Doc,
  record: RecordData,
  write: Write,
  entity: StoredEntity,
  resent: boolean,
): Promise<WriteOutcome | undefined> {
  const duplicate = duplicateOf(error);
  if (duplicate === undefined) return failed(failureOf(serverError(error)).error);
  if (await removeEnded(duplicate.values, write, entity)) return undefined;
  if (!isKey(duplicate))
    return { kind: "notApplied", reason: "unique", unique: fieldsOf(duplicate, entity.collection) };
  const stored = await storedUnder(record, write, entity);
  return stored === undefined ? undefined : compareStored(record, stored, entity, write, resent);
}

/** What an insert came to when a document is there already. */
export function compareStored(
  record: RecordData,
  stored: StoredDocument,
  entity: StoredEntity,
  write: Write,
  resent: boolean,
): WriteOutcome {
  const own = stored.writes.find((each) => each.id === write.writeId);
  if (own !== undefined) return { kind: "applied", version: own.version };
  const same = sameRecord(entity.fields, record, stored.record);
  if (resent && stored.version === write.version && same) return { kind: "applied", version: write.version };
  if (same) return { kind: "notApplied", reason: "present", version: stored.version };
  if (resent && stored.version > write.version) {
    return unknown("The insert may have been done and changed by another writer since.", undefined);
  }
  return { kind: "notApplied", reason: "conflict", version: stored.version };
}

/** No answer to an insert: a read may tell. */
async function unanswered(
  result: Exclude<WriteReply, { kind: "reply" }>,
  record: RecordData,
  write: Write,
  entity: StoredEntity,
): Promise<WriteOutcome> {
  if (result.kind === "error") {
    if (duplicateOf(result.thrown) === undefined) return failed(failureOf(result.thrown).error);
    const outcome = await refused(result.thrown as Doc, record, write, entity, result.resent);
    return outcome ?? raced(entity.collection.entity);
  }
  if (!result.mayHaveRun) return failed(result.error);
  const stored = await storedUnder(record, write, entity).catch(() => undefined);
  if (stored !== undefined) return compareStored(record, stored, entity, write, true);
  // Absent now; the request may still be on its way.
  return unknown("The insert was sent and not answered, and the record is not there yet.", result.error);
}
