import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { RecordData, WriteCall } from "../port/adapter.js";
import { failed, unknown, type WriteOutcome } from "../port/outcome.js";
import type { Ticket } from "./requests.js";
import {
  compareStored,
  errorOf,
  insertOne,
  isUnknown,
  late,
  notMarked,
  type StoredEntity,
  settled,
  uniqueFields,
  unknownEntity,
  voided,
} from "./write.js";

/** Records and characters of one call of the library: it stops the server for a few milliseconds at most. */
const CHUNK_RECORDS = 200;
const CHUNK_CHARS = 1_000_000;
/** Calls of one insertMany under way at once: while the server works on one the next is written. */
const CHUNKS_IN_FLIGHT = 4;

interface Chunk {
  readonly base: string;
  readonly positions: number[];
  readonly keys: string[];
  readonly bodies: string[];
  chars: number;
}

/** Inserts any number of records; one outcome for each, in order. */
export async function insertMany(
  records: readonly RecordData[],
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<readonly WriteOutcome[]> {
  const outcomes: WriteOutcome[] = new Array(records.length);
  const running = new Set<Promise<void>>();
  const open = new Map<string, Chunk>();
  const send = async (chunk: Chunk): Promise<void> => {
    open.delete(chunk.base);
    const sent = insertChunk(chunk, records, outcomes, entity, call, whole).finally(() => running.delete(sent));
    running.add(sent);
    if (running.size >= CHUNKS_IN_FLIGHT) await Promise.race(running);
  };
  for (let position = 0; position < records.length; position++) {
    const record = records[position]!;
    let body: string;
    try {
      body = entity.codec.encode(record);
    } catch (error) {
      if (!(error instanceof KeyfoldError)) throw error;
      outcomes[position] = failed(error);
      continue;
    }
    const base = entity.keys.base(record);
    let chunk = open.get(base);
    if (chunk === undefined) {
      chunk = { base, positions: [], keys: [], bodies: [], chars: 0 };
      open.set(base, chunk);
    }
    chunk.positions.push(position);
    chunk.keys.push(entity.keys.record(record));
    chunk.bodies.push(body);
    chunk.chars += body.length;
    if (chunk.positions.length >= CHUNK_RECORDS || chunk.chars >= CHUNK_CHARS) await send(chunk);
  }
  for (const chunk of [...open.values()]) await send(chunk);
  await Promise.all(running);
  return outcomes;
}

/** Never rejects: what goes wrong becomes the outcome of each record that it concerns. */
async function insertChunk(
  chunk: Chunk,
  records: readonly RecordData[],
  outcomes: WriteOutcome[],
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
  again = false,
): Promise<void> {
  const { base, positions, keys, bodies } = chunk;
  const { requests } = entity;
  const all = (outcome: WriteOutcome): void => {
    for (const position of positions) outcomes[position] = outcome;
  };
  let ticket: Ticket | undefined;
  try {
    await requests.noteWrite(base, call, whole);
    ticket = await requests.ticket(base, whole);
    const { mark, due, version } = ticket;
    const args = [entity.entity.entity, due, String(version), ...bodies];
    let reply: readonly unknown[];
    try {
      reply = await requests.attempt(ticket, "load", [mark, ...keys], args, call.signal);
    } catch (thrown) {
      const error = errorOf(thrown);
      if (!isUnknown(error)) return all(failed(error));
      const seen = await settled(ticket, entity, whole).catch(() => undefined);
      if (seen === undefined)
        return all(unknown("The insert was sent and not answered, and its mark could not be read.", error));
      if (seen === "void") return all(notMarked(error));
      if (seen === "late") return all(late(error));
      // It was done: asked again, it answers from its mark.
      reply = (await requests.write("load", [mark, ...keys], args, whole, call.signal)) as readonly unknown[];
    }
    if (reply[0] === "void") {
      if (again || whole.over) return all(failed(voided()));
      // Void before its time, as in `runWrite`.
      await requests.learnTime(whole);
      return await insertChunk(chunk, records, outcomes, entity, call, whole, true);
    }
    if (reply[0] === "late") {
      await requests.learnTime(whole).catch(() => {});
      return all(late());
    }
    if (reply[0] === "design") return all(failed(unknownEntity(entity.entity.entity)));
    for (const [i, said] of reply.entries()) {
      const position = positions[i]!;
      outcomes[position] = await outcomeOf(said, records[position]!, version, entity, call, whole);
    }
  } catch (thrown) {
    const error = errorOf(thrown);
    for (const position of positions)
      outcomes[position] ??= isUnknown(error)
        ? unknown("The insert was sent, and what became of it could not be read.", error)
        : failed(error);
  } finally {
    ticket?.attempts.dispose();
  }
}

/** 1: stored; a negative number: which unique value is taken; a text: what is there; 0: it was there, and is gone. */
async function outcomeOf(
  said: unknown,
  record: RecordData,
  version: number,
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  if (said === 1) return { kind: "applied", version };
  if (typeof said === "string") {
    try {
      return compareStored(record, entity.codec.decode(said), entity, undefined);
    } catch (error) {
      return failed(errorOf(error));
    }
  }
  if (said === 0) return insertOne(record, entity, call, whole);
  const unique = entity.entity.uniques[-Number(said) - 1];
  return {
    kind: "notApplied",
    reason: "unique",
    unique: unique === undefined ? [] : uniqueFields(entity, unique.name),
  };
}
