import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { RecordData, WriteCall } from "../port/adapter.js";
import { failed, unknown, type WriteOutcome } from "../port/outcome.js";
import type { StoredDocument } from "./codec.js";
import { checkSize } from "./document-size.js";
import type { Doc } from "./driver.js";
import { duplicateOf, failureOf, serverError } from "./errors.js";
import { compareStored, insertOne } from "./insert.js";
import { fieldsOf } from "./outcomes.js";
import { KEYS_PER_READ, readChunk } from "./read-records.js";
import { asNumber, isKey, writeErrors } from "./reply.js";
import { attemptsOf, type StoredEntity, settleCall, type Write } from "./write.js";

/** Documents and bytes of one insert command. */
const CHUNK_DOCUMENTS = 1_000;
const CHUNK_BYTES = 8_000_000;
/** Insert commands of one call in flight: while the server works on one the next is encoded. */
const CHUNKS_IN_FLIGHT = 2;

/** Inserts any number of records; one outcome for each, in order. */
export async function insertMany(
  records: readonly RecordData[],
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<readonly WriteOutcome[]> {
  using attempts = attemptsOf(whole);
  const outcomes: WriteOutcome[] = new Array(records.length);
  const running = new Set<Promise<void>>();
  let from = 0;
  while (from < records.length) {
    const write: Write = { call, attempts, whole, writeId: undefined, version: entity.requests.nextVersion() };
    const version = entity.values.longOfNumber(write.version);
    const documents: Doc[] = [];
    const positions: number[] = [];
    let bytes = 0;
    for (; from < records.length && documents.length < CHUNK_DOCUMENTS && bytes < CHUNK_BYTES; from++) {
      try {
        const document = entity.codec.encode(records[from]!);
        const size = checkSize(document, entity.codec, entity.collection);
        if (documents.length > 0 && bytes + size > CHUNK_BYTES) break;
        bytes += size;
        document[entity.collection.version.path] = version;
        documents.push(document);
        positions.push(from);
      } catch (error) {
        if (!(error instanceof KeyfoldError)) throw error;
        outcomes[from] = failed(error);
      }
    }
    if (documents.length === 0) continue;
    const chunk = insertChunk(documents, positions, records, outcomes, write, entity).finally(() =>
      running.delete(chunk),
    );
    running.add(chunk);
    if (running.size >= CHUNKS_IN_FLIGHT) await Promise.race(running);
  }
  await Promise.all(running);
  return outcomes;
}

/** Never rejects: what goes wrong becomes the outcome of each record that it concerns. */
async function insertChunk(
  documents: readonly Doc[],
  positions: readonly number[],
  records: readonly RecordData[],
  outcomes: WriteOutcome[],
  write: Write,
  entity: StoredEntity,
): Promise<void> {
  const { name } = entity.collection;
  const applied: WriteOutcome = { kind: "applied", version: write.version };
  try {
    if (write.attempts.over) throw write.attempts.error();
    const result = await entity.requests.write(
      { insert: name, documents, ordered: false },
      name,
      write.call,
      write.attempts,
      documents.length,
    );
    if (result.kind === "reply") {
      for (const position of positions) outcomes[position] = applied;
      const keyed: number[] = [];
      for (const error of writeErrors(result.reply)) {
        const position = positions[asNumber(error["index"])]!;
        const duplicate = duplicateOf(error);
        if (duplicate === undefined) outcomes[position] = failed(failureOf(serverError(error)).error);
        else if (isKey(duplicate)) keyed.push(position);
        else if (entity.ends !== undefined)
          outcomes[position] = await insertOne(records[position]!, entity, write.call, write.whole);
        else
          outcomes[position] = { kind: "notApplied", reason: "unique", unique: fieldsOf(duplicate, entity.collection) };
      }
      if (keyed.length > 0) await settleMany(keyed, records, outcomes, write, entity, result.resent, undefined);
    } else if (result.kind === "failed" && result.mayHaveRun) {
      await settleMany(positions, records, outcomes, write, entity, true, result.error);
    } else {
      const { error } = result.kind === "failed" ? result : failureOf(result.thrown);
      for (const position of positions) outcomes[position] = failed(error);
    }
  } catch (thrown) {
    const { error } = failureOf(thrown);
    for (const position of positions) outcomes[position] ??= failed(error);
  }
}

/** Compares what is stored under the keys of records whose insert was refused, or not answered (`unanswered`). */
async function settleMany(
  positions: readonly number[],
  records: readonly RecordData[],
  outcomes: WriteOutcome[],
  write: Write,
  entity: StoredEntity,
  resent: boolean,
  unanswered: KeyfoldError | undefined,
): Promise<void> {
  let stored: readonly (StoredDocument | undefined)[];
  try {
    const found = new Map<string, Uint8Array>();
    const keys = positions.map((position) => records[position]!);
    for (let from = 0; from < keys.length; from += KEYS_PER_READ) {
      await readChunk(keys.slice(from, from + KEYS_PER_READ), entity, settleCall(write.call), write.whole, found);
    }
    stored = keys.map((key) => {
      const bytes = found.get(entity.codec.keyText(key));
      return bytes === undefined ? undefined : entity.codec.decodeStored(bytes);
    });
  } catch (thrown) {
    const { error } = failureOf(thrown);
    // A duplicate key is certain; only what is stored under it is not.
    for (const position of positions) {
      outcomes[position] =
        unanswered === undefined
          ? failed(error)
          : unknown("The insert was sent, and no read could tell what became of it.", error);
    }
    return;
  }
  for (const [i, position] of positions.entries()) {
    const found = stored[i];
    if (found !== undefined) outcomes[position] = compareStored(records[position]!, found, entity, write, resent);
    else if (unanswered !== undefined)
      outcomes[position] = unknown(
        "The insert was sent and not answered, and the record is not there yet.",
        unanswered,
      );
    else outcomes[position] = await insertOne(records[position]!, entity, write.call, write.whole);
  }
}
