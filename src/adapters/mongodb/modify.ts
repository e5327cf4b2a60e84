import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Changes, ConditionalCall, RecordData } from "../port/adapter.js";
import { failed, MAX_RACES, notApplied, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import { type StoredDocument, WRITES } from "./codec.js";
import { conditionFilter } from "./conditions.js";
import { byteLength, checkSize, MAX_DOCUMENT_BYTES, tooLarge } from "./document-size.js";
import type { Doc } from "./driver.js";
import { duplicateOf, failureOf } from "./errors.js";
import { encoderOf, pathOf, roomFor } from "./increment.js";
import { fieldsOf } from "./outcomes.js";
import { asNumber, isKey } from "./reply.js";
import { recordQuery, removeEnded, runWrite, type StoredEntity, storedUnder, type Write } from "./write.js";

/** Ids of writes that a document remembers. */
const REMEMBERED_WRITES = 64;

/** Stores a record, whatever is there. */
export async function putOne(
  record: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const conditional = call.ifVersion !== undefined || (call.if?.length ?? 0) > 0;
  return runWrite(entity, call, whole, true, async (write) => {
    const { codec } = entity;
    const document = codec.encode(record);
    checkSize(document, codec, entity.collection);
    const replacement = { $mergeObjects: [{ $literal: document }, stamp(write, call, entity)] };
    return modify(record, [{ $replaceWith: replacement }], [], call, write, entity, !conditional);
  });
}

/** Changes, removes and increments fields of one record. */
export async function updateOne(
  key: RecordData,
  changes: Changes,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(entity, call, whole, true, async (write) => {
    const set: Doc = {};
    for (const [name, value] of Object.entries(changes.set)) {
      if (value === undefined) continue;
      set[pathOf(name, entity.collection)] = { $literal: encoderOf(name, entity)(value) };
    }
    const bytes = byteLength(set);
    if (bytes > MAX_DOCUMENT_BYTES) throw tooLarge(entity.collection, bytes);
    const guards: Doc[] = [];
    for (const [name, amount] of Object.entries(changes.increment)) {
      if (amount === undefined) continue;
      const path = pathOf(name, entity.collection);
      set[path] = { $add: [{ $ifNull: [`$${path}`, 0] }, { $literal: encoderOf(name, entity)(amount) }] };
      guards.push(roomFor(name, amount, entity));
    }
    const stages: Doc[] = [{ $set: { ...set, ...stamp(write, call, entity) } }];
    if (changes.unset.length > 0) stages.push({ $unset: changes.unset.map((name) => pathOf(name, entity.collection)) });
    return modify(key, stages, guards, call, write, entity, false);
  });
}

/** Version and remembered writes as an update computes them. */
function stamp(write: Write, call: ConditionalCall, { collection, values }: StoredEntity): Doc {
  const own = values.longOfNumber(Math.max(write.version, (call.ifVersion ?? 0) + 1));
  const path = collection.version.path;
  const version = {
    $max: [own, { $add: [{ $ifNull: [`$${path}`, values.longOfNumber(0)] }, values.longOfNumber(1)] }],
  };
  // A document that remembers writes goes on remembering them: `put` must not forget.
  if (write.writeId === undefined) return { [path]: version, [WRITES]: { $ifNull: [`$${WRITES}`, "$$REMOVE"] } };
  const remembered = [{ $ifNull: [`$${WRITES}`, []] }, [{ i: { $literal: write.writeId }, v: version }]];
  return { [path]: version, [WRITES]: { $slice: [{ $concatArrays: remembered }, -REMEMBERED_WRITES] } };
}

async function modify(
  key: RecordData,
  pipeline: readonly Doc[],
  guards: readonly Doc[],
  call: ConditionalCall,
  write: Write,
  entity: StoredEntity,
  upsert: boolean,
): Promise<WriteOutcome> {
  const { values } = entity;
  const { name, version } = entity.collection;
  const conditions = conditionFilter(call.if ?? [], entity.collection, values);
  const query = recordQuery(key, [...conditions, ...guards], call, entity, upsert);
  if (write.writeId !== undefined) query[`${WRITES}.i`] = { $ne: write.writeId };
  const command: Doc = {
    findAndModify: name,
    query,
    update: pipeline,
    new: true,
    fields: { [version.path]: 1, _id: 0 },
  };
  if (upsert) command["upsert"] = true;
  // Were this write done, its id could have been pushed out by later ones: then sending it again would do it twice.
  const stillKnown: Doc = {
    $or: [
      { [`${WRITES}.${REMEMBERED_WRITES - 1}`]: { $exists: false } },
      { [`${WRITES}.0.v`]: { $lt: values.longOfNumber(write.version) } },
    ],
  };
  for (let race = 0; race < MAX_RACES; race++) {
    const result = await entity.requests.write(command, name, call, write.attempts, undefined, stillKnown);
    if (result.kind === "reply") {
      const value = result.reply["value"] as Doc | null | undefined;
      if (value != null) return { kind: "applied", version: asNumber(value[version.path]) };
    } else if (result.kind === "error") {
      const duplicate = duplicateOf(result.thrown);
      if (duplicate === undefined) return failed(failureOf(result.thrown).error);
      if (await removeEnded(isKey(duplicate) ? undefined : duplicate.values, write, entity)) continue;
      if (!isKey(duplicate))
        return { kind: "notApplied", reason: "unique", unique: fieldsOf(duplicate, entity.collection) };
      // Another writer inserted it first, or this write was done before; the next look tells.
    } else if (!result.mayHaveRun) {
      return failed(result.error);
    }
    let stored: StoredDocument | undefined;
    try {
      stored = await storedUnder(key, write, entity);
      // This write may have been done before, to a record that has ended since.
      if (stored === undefined && entity.ends !== undefined && write.writeId !== undefined) {
        const left = await storedUnder(key, write, { ...entity, ends: undefined });
        const own = left?.writes.find((each) => each.id === write.writeId);
        if (own !== undefined) return { kind: "applied", version: own.version };
      }
    } catch (thrown) {
      return unknown("The write was sent, and no read could tell what became of it.", thrown);
    }
    const own = stored?.writes.find((each) => each.id === write.writeId);
    if (own !== undefined) return { kind: "applied", version: own.version };
    const oldest = stored?.writes.length === REMEMBERED_WRITES ? stored.writes[0] : undefined;
    if (result.kind === "reply" && result.resent && oldest !== undefined && oldest.version >= write.version) {
      return unknown(
        "Others wrote this record so often that it no longer tells whether this write was done.",
        undefined,
      );
    }
    if (result.kind === "failed") {
      if (stored?.version === Math.max(write.version, (call.ifVersion ?? 0) + 1))
        return { kind: "applied", version: stored.version };
      return unknown("The write was sent and not answered; the record does not show it yet.", result.error);
    }
    if (stored === undefined) {
      if (upsert) continue;
      return notApplied("missing", undefined);
    }
    if (call.ifVersion !== undefined && stored.version !== call.ifVersion) return notApplied("version", stored.version);
    if (upsert) continue;
    if (guards.length > 0 && conditions.length === 0) {
      return failed(
        new KeyfoldError(
          "OUT_OF_RANGE",
          `The increment would take a field of ${entity.collection.entity} out of its type's range.`,
          { data: { key } },
        ),
      );
    }
    if (conditions.length > 0 || guards.length > 0) return notApplied("condition", stored.version);
    // It matched nothing, and now it would: another writer was between.
  }
  return raced(entity.collection.entity);
}
