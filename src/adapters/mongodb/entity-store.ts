import { randomBytes } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Field, Fields } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type {
  Call,
  Changes,
  ConditionalCall,
  EntityStore,
  ReadCall,
  RecordData,
  Versioned,
  WriteCall,
} from "../port/adapter.js";
import type { NotAppliedReason, WriteOutcome } from "../port/outcome.js";
import type { BsonValues, LongValue } from "./bson-values.js";
import { type Codec, compileCodec, MAX_DOCUMENT_BYTES, type StoredDocument, WRITES } from "./codec.js";
import { conditionFilter } from "./conditions.js";
import type { Doc } from "./driver.js";
import { type DuplicateKey, duplicateOf, failureOf, serverError } from "./errors.js";
import type { Requests, WriteReply } from "./requests.js";
import { sameRecord } from "./same-record.js";

/** Ids of writes that a document remembers. */
const REMEMBERED_WRITES = 64;
/** Documents and bytes of one insert command. */
const CHUNK_DOCUMENTS = 1_000;
const CHUNK_BYTES = 8_000_000;
/** Insert commands of one call in flight: while the server works on one the next is encoded. */
const CHUNKS_IN_FLIGHT = 2;
/** Keys of one find command. */
const KEYS_PER_READ = 1_000;
/** Part of a write's time that is kept to settle its outcome by a read. */
const SETTLE_SHARE = 0.15;
const SETTLE_MAX_MS = 2_000;
/** Races with other writers that a write takes part in before it gives up. */
const MAX_RACES = 20;

interface Compiled {
  readonly codec: Codec;
  readonly values: BsonValues;
  readonly exactResend: boolean;
}

/** One write in progress. */
interface Write {
  readonly call: WriteCall;
  /** Until here attempts are made. */
  readonly attempts: Deadline;
  /** Until here the outcome is settled. */
  readonly whole: Deadline;
  /** Set where the document must remember the write: the caller named it, or the server keeps no record. */
  readonly writeId: string | undefined;
  readonly version: number;
}

/** One collection's records. Every write is one command on one document, or independent inserts. */
export class MongoEntityStore implements EntityStore {
  readonly #requests: Requests;
  readonly #collection: MongoCollection;
  readonly #fields: Fields;
  #compiled: Compiled | undefined;

  constructor(requests: Requests, collection: MongoCollection) {
    this.#requests = requests;
    this.#collection = collection;
    this.#fields = Object.fromEntries(collection.fields.map((stored) => [stored.field, stored.type]));
  }

  /** The codec, compiled when the driver's version of bson is known. */
  async codec(deadline: Deadline): Promise<Codec> {
    return (await this.#compile(deadline)).codec;
  }

  async #compile(deadline: Deadline): Promise<Compiled> {
    if (this.#compiled === undefined) {
      const { values, exactResend } = await this.#requests.deployment(deadline);
      this.#compiled ??= { codec: compileCodec(this.#collection, values), values, exactResend };
    }
    return this.#compiled;
  }

  // -------------------------------------------------------------- reads

  async getMany(keys: readonly RecordData[], call: ReadCall): Promise<readonly (Versioned | undefined)[]> {
    using deadline = this.#requests.deadline(call);
    const compiled = this.#compiled ?? (await this.#compile(deadline));
    if (keys.length === 1) return [await this.#readOne(keys[0]!, compiled, call, deadline)];
    if (call.consistency === "strong") {
      // A linearizable read names one document. Awaited here: leaving this function ends the deadline's timer.
      return await Promise.all(keys.map((key) => this.#readOne(key, compiled, call, deadline)));
    }
    const { codec } = compiled;
    const texts = keys.map((key) => codec.keyText(key));
    const wanted = new Map<string, RecordData>();
    for (let i = 0; i < keys.length; i++) wanted.set(texts[i]!, keys[i]!);
    const distinct = [...wanted.values()];
    const found = new Map<string, Uint8Array>();
    for (let from = 0; from < distinct.length; from += KEYS_PER_READ) {
      await this.#readChunk(distinct.slice(from, from + KEYS_PER_READ), compiled, call, deadline, found);
    }
    return texts.map((text) => {
      const bytes = found.get(text);
      // Decoded for each caller: two of them must not share one object.
      return bytes === undefined ? undefined : codec.decodeStored(bytes);
    });
  }

  async #readOne(
    key: RecordData,
    { codec }: Compiled,
    call: ReadCall,
    deadline: Deadline,
  ): Promise<StoredDocument | undefined> {
    const { name } = this.#collection;
    const reply = await this.#requests.read(
      { find: name, filter: { _id: codec.encodeId(key) }, limit: 1, singleBatch: true },
      name,
      call,
      deadline,
    );
    const bytes = firstBatch(reply)[0];
    return bytes === undefined ? undefined : codec.decodeStored(bytes);
  }

  async #readChunk(
    keys: readonly RecordData[],
    { codec }: Compiled,
    call: ReadCall,
    deadline: Deadline,
    found: Map<string, Uint8Array>,
  ): Promise<void> {
    const { name } = this.#collection;
    const filter = { _id: { $in: keys.map((key) => codec.encodeId(key)) } };
    const reply = await this.#requests.read({ find: name, filter, batchSize: keys.length + 1 }, name, call, deadline);
    for (const bytes of firstBatch(reply)) found.set(codec.keyText(codec.decodeStored(bytes).record), bytes);
    const cursor = reply["cursor"] as { readonly id?: unknown };
    if (isOpen(cursor.id)) {
      // The batch ended at 16 MB: ask again for what did not fit.
      await this.#requests.plain({ killCursors: name, cursors: [cursor.id] }, name, deadline).catch(() => {});
      const left = keys.filter((key) => !found.has(codec.keyText(key)));
      if (left.length === keys.length)
        throw new KeyfoldError("DRIVER_ERROR", "MongoDB sent an empty batch of an open cursor.");
      const half = Math.ceil(left.length / 2);
      if (left.length > 0) await this.#readChunk(left.slice(0, half), this.#compiled!, call, deadline, found);
      if (left.length > half) await this.#readChunk(left.slice(half), this.#compiled!, call, deadline, found);
    }
  }

  // -------------------------------------------------------------- one write

  async #begin<T>(
    call: WriteCall,
    needsId: boolean,
    work: (write: Write, compiled: Compiled) => Promise<T>,
  ): Promise<T> {
    using whole = this.#requests.deadline(call);
    const compiled = this.#compiled ?? (await this.#compile(whole));
    const remaining = whole.remainingMs();
    using attempts = whole.part(remaining - Math.min(SETTLE_MAX_MS, remaining * SETTLE_SHARE));
    const writeId =
      call.writeId ?? (needsId && !compiled.exactResend ? randomBytes(12).toString("base64url") : undefined);
    return await work({ call, attempts, whole, writeId, version: this.#requests.nextVersion() }, compiled);
  }

  async insert(record: RecordData, call: WriteCall): Promise<WriteOutcome> {
    return this.#begin(call, false, async (write, compiled) => {
      const { codec, values } = compiled;
      const document = this.#document(record, write, values, codec);
      const { name } = this.#collection;
      for (let race = 0; race < MAX_RACES; race++) {
        const result = await this.#requests.write({ insert: name, documents: [document] }, name, call, write.attempts);
        if (result.kind !== "reply") return this.#unanswered(result, record, write, compiled);
        const error = writeErrors(result.reply)[0];
        if (error === undefined) return { kind: "applied", version: write.version };
        const outcome = await this.#refused(error, record, write, compiled, result.resent);
        if (outcome !== undefined) return outcome;
      }
      return this.#raced();
    });
  }

  /** A document as it is inserted: fields, version, and the write's id where one was given. */
  #document(record: RecordData, write: Write, values: BsonValues, codec: Codec): Doc {
    const document = codec.encode(record);
    checkSize(document, codec, this.#collection);
    document[this.#collection.version.path] = values.longOfNumber(write.version);
    if (write.writeId !== undefined) document[WRITES] = [{ i: write.writeId, v: values.longOfNumber(write.version) }];
    return document;
  }

  /** An insert's error: what is stored under the key decides. Undefined: nothing is there any more, try again. */
  async #refused(
    error: Doc,
    record: RecordData,
    write: Write,
    compiled: Compiled,
    resent: boolean,
  ): Promise<WriteOutcome | undefined> {
    const duplicate = duplicateOf(error);
    if (duplicate === undefined) return failed(failureOf(serverError(error)).error);
    if (!isKey(duplicate)) return { kind: "notApplied", reason: "unique", unique: this.#fieldsOf(duplicate) };
    const stored = await this.#stored(record, write, compiled);
    return stored === undefined ? undefined : this.#compare(record, stored, write, resent);
  }

  /** What an insert came to when a document is there already. */
  #compare(record: RecordData, stored: StoredDocument, write: Write, resent: boolean): WriteOutcome {
    const own = stored.writes.find((each) => each.id === write.writeId);
    if (own !== undefined) return { kind: "applied", version: own.version };
    const same = sameRecord(this.#fields, record, stored.record);
    if (resent && stored.version === write.version && same) return { kind: "applied", version: write.version };
    if (same) return { kind: "notApplied", reason: "present", version: stored.version };
    if (resent && stored.version > write.version) {
      return unknown("The insert may have been done and changed by another writer since.", undefined);
    }
    return { kind: "notApplied", reason: "conflict", version: stored.version };
  }

  /** No answer to an insert: a read may tell. */
  async #unanswered(
    result: Exclude<WriteReply, { kind: "reply" }>,
    record: RecordData,
    write: Write,
    compiled: Compiled,
  ): Promise<WriteOutcome> {
    if (result.kind === "error") {
      if (duplicateOf(result.thrown) === undefined) return failed(failureOf(result.thrown).error);
      const outcome = await this.#refused(result.thrown as Doc, record, write, compiled, result.resent);
      return outcome ?? this.#raced();
    }
    if (!result.mayHaveRun) return failed(result.error);
    const stored = await this.#stored(record, write, compiled).catch(() => undefined);
    if (stored !== undefined) return this.#compare(record, stored, write, true);
    // Absent now; the request may still be on its way.
    return unknown("The insert was sent and not answered, and the record is not there yet.", result.error);
  }

  async put(record: RecordData, call: ConditionalCall): Promise<WriteOutcome> {
    const conditional = call.ifVersion !== undefined || (call.if?.length ?? 0) > 0;
    return this.#begin(call, true, async (write, compiled) => {
      const { codec, values } = compiled;
      const document = codec.encode(record);
      checkSize(document, codec, this.#collection);
      const replacement = { $mergeObjects: [{ $literal: document }, this.#stamp(write, call, values)] };
      return this.#modify(record, [{ $replaceWith: replacement }], [], call, write, compiled, !conditional);
    });
  }

  async update(key: RecordData, changes: Changes, call: ConditionalCall): Promise<WriteOutcome> {
    return this.#begin(call, true, async (write, compiled) => {
      const { codec, values } = compiled;
      const set: Doc = {};
      for (const [name, value] of Object.entries(changes.set)) {
        if (value === undefined) continue;
        set[this.#path(name)] = { $literal: this.#encoder(codec, name)(value) };
      }
      const bytes = byteLength(set);
      if (bytes > MAX_DOCUMENT_BYTES) throw tooLarge(this.#collection, bytes);
      const guards: Doc[] = [];
      for (const [name, amount] of Object.entries(changes.increment)) {
        if (amount === undefined) continue;
        const path = this.#path(name);
        set[path] = { $add: [{ $ifNull: [`$${path}`, 0] }, { $literal: this.#encoder(codec, name)(amount) }] };
        guards.push(this.#roomFor(name, amount, values, codec));
      }
      const stages: Doc[] = [{ $set: { ...set, ...this.#stamp(write, call, values) } }];
      if (changes.unset.length > 0) stages.push({ $unset: changes.unset.map((name) => this.#path(name)) });
      return this.#modify(key, stages, guards, call, write, compiled, false);
    });
  }

  /** Version and remembered writes as an update computes them. */
  #stamp(write: Write, call: ConditionalCall, values: BsonValues): Doc {
    const own = values.longOfNumber(Math.max(write.version, (call.ifVersion ?? 0) + 1));
    const path = this.#collection.version.path;
    const version = {
      $max: [own, { $add: [{ $ifNull: [`$${path}`, values.longOfNumber(0)] }, values.longOfNumber(1)] }],
    };
    // A document that remembers writes goes on remembering them: `put` must not forget.
    if (write.writeId === undefined) return { [path]: version, [WRITES]: { $ifNull: [`$${WRITES}`, "$$REMOVE"] } };
    const remembered = [{ $ifNull: [`$${WRITES}`, []] }, [{ i: { $literal: write.writeId }, v: version }]];
    return { [path]: version, [WRITES]: { $slice: [{ $concatArrays: remembered }, -REMEMBERED_WRITES] } };
  }

  async #modify(
    key: RecordData,
    pipeline: readonly Doc[],
    guards: readonly Doc[],
    call: ConditionalCall,
    write: Write,
    compiled: Compiled,
    upsert: boolean,
  ): Promise<WriteOutcome> {
    const { codec, values } = compiled;
    const { name, version } = this.#collection;
    const conditions = conditionFilter(call.if ?? [], this.#collection, values);
    const query = this.#query(key, [...conditions, ...guards], call, codec, values);
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
      const result = await this.#requests.write(command, name, call, write.attempts, undefined, stillKnown);
      if (result.kind === "reply") {
        const value = result.reply["value"] as Doc | null | undefined;
        if (value != null) return { kind: "applied", version: asNumber(value[version.path]) };
      } else if (result.kind === "error") {
        const duplicate = duplicateOf(result.thrown);
        if (duplicate === undefined) return failed(failureOf(result.thrown).error);
        if (!isKey(duplicate)) return { kind: "notApplied", reason: "unique", unique: this.#fieldsOf(duplicate) };
        // Another writer inserted it first, or this write was done before; the next look tells.
      } else if (!result.mayHaveRun) {
        return failed(result.error);
      }
      let stored: StoredDocument | undefined;
      try {
        stored = await this.#stored(key, write, compiled);
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
      if (call.ifVersion !== undefined && stored.version !== call.ifVersion)
        return notApplied("version", stored.version);
      if (upsert) continue;
      if (guards.length > 0 && conditions.length === 0) {
        return failed(
          new KeyfoldError(
            "OUT_OF_RANGE",
            `The increment would take a field of ${this.#collection.entity} out of its type's range.`,
            { data: { key } },
          ),
        );
      }
      if (conditions.length > 0 || guards.length > 0) return notApplied("condition", stored.version);
      // It matched nothing, and now it would: another writer was between.
    }
    return this.#raced();
  }

  async delete(key: RecordData, call: ConditionalCall): Promise<WriteOutcome> {
    if (call.writeId !== undefined) {
      throw new KeyfoldError("INPUT_INVALID", "A delete takes no writeId: the record that would remember it is gone.", {
        fix: "Use ifVersion, which makes it harmless to delete twice.",
      });
    }
    return this.#begin(call, false, async (write, compiled) => {
      const { codec, values, exactResend } = compiled;
      const { name } = this.#collection;
      const conditions = conditionFilter(call.if ?? [], this.#collection, values);
      let { ifVersion } = call;
      for (let race = 0; race < MAX_RACES; race++) {
        if (!exactResend && call.ifVersion === undefined) {
          // Without the server's record a delete sent twice could take a record that was inserted in between.
          const stored = await this.#stored(key, write, compiled);
          if (stored === undefined) return notApplied("missing", undefined);
          ifVersion = stored.version;
        }
        const query = this.#query(
          key,
          conditions,
          { ...call, ...(ifVersion === undefined ? {} : { ifVersion }) },
          codec,
          values,
        );
        const result = await this.#requests.write(
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
          stored = await this.#stored(key, write, compiled);
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
      return this.#raced();
    });
  }

  // -------------------------------------------------------------- many inserts

  async insertMany(records: readonly RecordData[], call: WriteCall): Promise<readonly WriteOutcome[]> {
    if (call.writeId !== undefined) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        "insertMany takes no writeId: a record's key already makes its insert harmless to repeat.",
      );
    }
    using whole = this.#requests.deadline(call);
    const compiled = this.#compiled ?? (await this.#compile(whole));
    const remaining = whole.remainingMs();
    using attempts = whole.part(remaining - Math.min(SETTLE_MAX_MS, remaining * SETTLE_SHARE));
    const outcomes: WriteOutcome[] = new Array(records.length);
    const running = new Set<Promise<void>>();
    let from = 0;
    while (from < records.length) {
      const write: Write = { call, attempts, whole, writeId: undefined, version: this.#requests.nextVersion() };
      const version = compiled.values.longOfNumber(write.version);
      const documents: Doc[] = [];
      const positions: number[] = [];
      let bytes = 0;
      for (; from < records.length && documents.length < CHUNK_DOCUMENTS && bytes < CHUNK_BYTES; from++) {
        try {
          const document = compiled.codec.encode(records[from]!);
          const size = checkSize(document, compiled.codec, this.#collection);
          if (documents.length > 0 && bytes + size > CHUNK_BYTES) break;
          bytes += size;
          document[this.#collection.version.path] = version;
          documents.push(document);
          positions.push(from);
        } catch (error) {
          if (!(error instanceof KeyfoldError)) throw error;
          outcomes[from] = failed(error);
        }
      }
      if (documents.length === 0) continue;
      const chunk = this.#insertChunk(documents, positions, records, outcomes, write, compiled).finally(() =>
        running.delete(chunk),
      );
      running.add(chunk);
      if (running.size >= CHUNKS_IN_FLIGHT) await Promise.race(running);
    }
    await Promise.all(running);
    return outcomes;
  }

  /** Never rejects: what goes wrong becomes the outcome of each record that it concerns. */
  async #insertChunk(
    documents: readonly Doc[],
    positions: readonly number[],
    records: readonly RecordData[],
    outcomes: WriteOutcome[],
    write: Write,
    compiled: Compiled,
  ): Promise<void> {
    const { name } = this.#collection;
    const applied: WriteOutcome = { kind: "applied", version: write.version };
    try {
      if (write.attempts.over) throw write.attempts.error();
      const result = await this.#requests.write(
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
          else outcomes[position] = { kind: "notApplied", reason: "unique", unique: this.#fieldsOf(duplicate) };
        }
        if (keyed.length > 0)
          await this.#settleMany(keyed, records, outcomes, write, compiled, result.resent, undefined);
      } else if (result.kind === "failed" && result.mayHaveRun) {
        await this.#settleMany(positions, records, outcomes, write, compiled, true, result.error);
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
  async #settleMany(
    positions: readonly number[],
    records: readonly RecordData[],
    outcomes: WriteOutcome[],
    write: Write,
    compiled: Compiled,
    resent: boolean,
    unanswered: KeyfoldError | undefined,
  ): Promise<void> {
    let stored: readonly (StoredDocument | undefined)[];
    try {
      const found = new Map<string, Uint8Array>();
      const keys = positions.map((position) => records[position]!);
      for (let from = 0; from < keys.length; from += KEYS_PER_READ) {
        await this.#readChunk(
          keys.slice(from, from + KEYS_PER_READ),
          compiled,
          settleCall(write.call),
          write.whole,
          found,
        );
      }
      stored = keys.map((key) => {
        const bytes = found.get(compiled.codec.keyText(key));
        return bytes === undefined ? undefined : compiled.codec.decodeStored(bytes);
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
      if (found !== undefined) outcomes[position] = this.#compare(records[position]!, found, write, resent);
      else if (unanswered !== undefined)
        outcomes[position] = unknown(
          "The insert was sent and not answered, and the record is not there yet.",
          unanswered,
        );
      else outcomes[position] = await this.insert(records[position]!, { ...write.call });
    }
  }

  // -------------------------------------------------------------- parts

  /** What is stored under a key, by a majority read on the primary. */
  async #stored(key: RecordData, write: Write, compiled: Compiled): Promise<StoredDocument | undefined> {
    return this.#readOne(key, compiled, settleCall(write.call), write.whole);
  }

  #query(key: RecordData, conditions: readonly Doc[], call: ConditionalCall, codec: Codec, values: BsonValues): Doc {
    const query: Doc = { _id: codec.encodeId(key) };
    if (call.ifVersion !== undefined) {
      // Records of other writers have no version: they count as version 0.
      query[this.#collection.version.path] =
        call.ifVersion === 0 ? { $in: [null, values.longOfNumber(0)] } : values.longOfNumber(call.ifVersion);
    }
    if (conditions.length > 0) query["$and"] = conditions;
    return query;
  }

  #path(name: string): string {
    const stored = this.#collection.fields.find((each) => each.field === name);
    if (stored === undefined)
      throw new KeyfoldError("INPUT_INVALID", `${this.#collection.entity} has no field ${name}.`);
    if (stored.path === "_id" || stored.path.startsWith("_id.")) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        `${name} is part of the key of ${this.#collection.entity} and cannot change.`,
        {
          fix: "Delete the record and insert it under its new key.",
        },
      );
    }
    return stored.path;
  }

  #encoder(codec: Codec, name: string): (value: unknown) => unknown {
    this.#path(name);
    return codec.encoder(name)!;
  }

  /** A condition that the sum still fits the field: MongoDB would go over to doubles, or round, in silence. */
  #roomFor(name: string, amount: unknown, values: BsonValues, codec: Codec): Doc {
    const field = this.#fields[name]!;
    const path = this.#path(name);
    const beyond = (limit: unknown, up: boolean): Doc => ({ [path]: { $not: { [up ? "$gt" : "$lt"]: limit } } });
    switch (field.kind) {
      case "int": {
        const by = amount as number;
        const limit = by >= 0 ? Number.MAX_SAFE_INTEGER - by : Number.MIN_SAFE_INTEGER - by;
        return beyond(values.longOfNumber(limit), by >= 0);
      }
      case "int64": {
        const by = amount as bigint;
        const limit = by >= 0n ? 2n ** 63n - 1n - by : -(2n ** 63n) - by;
        return beyond(values.longOfBigInt(limit), by >= 0n);
      }
      case "decimal": {
        const by = BigInt(String(this.#scaled(amount as string, field)));
        const most = 10n ** 34n - 1n;
        const limit = by >= 0n ? most - by : -most - by;
        return beyond(this.#encoder(codec, name)(unscaled(limit, field.scale)), by >= 0n);
      }
      case "double":
        return {};
      default:
        throw new KeyfoldError(
          "INPUT_INVALID",
          `${name} of ${this.#collection.entity} is no number and cannot be incremented.`,
        );
    }
  }

  #scaled(text: string, field: Extract<Field, { kind: "decimal" }>): bigint {
    const [whole = "0", fraction = ""] = text.split(".");
    return (
      BigInt(whole.replace("-", "") + fraction.padEnd(field.scale, "0").slice(0, field.scale)) *
      (text.startsWith("-") ? -1n : 1n)
    );
  }

  /** Fields of the record that a unique index is over. */
  #fieldsOf(duplicate: DuplicateKey): readonly string[] {
    const paths =
      duplicate.fields.length > 0
        ? duplicate.fields
        : Object.keys(this.#collection.indexes.find((index) => index.name === duplicate.index)?.key ?? {});
    return paths.map((path) => this.#collection.fields.find((stored) => stored.path === path)?.field ?? path);
  }

  #raced(): WriteOutcome {
    return failed(
      new KeyfoldError(
        "THROTTLED",
        `Other writers changed this record of ${this.#collection.entity} ${MAX_RACES} times in a row.`,
        {
          fix: "Write a record that many change at once with increment, or from one place.",
        },
      ),
    );
  }
}

/** A settling read: what a majority has, on the primary, whatever the call itself asks. */
function settleCall(call: Call): ReadCall {
  const { session } = call;
  return { consistency: "session", ...(session === undefined ? {} : { session }) };
}

/** Documents of a reply's first batch, as bytes. */
export function firstBatch(reply: Doc): readonly Uint8Array[] {
  return (reply["cursor"] as { readonly firstBatch: readonly Uint8Array[] }).firstBatch;
}

/** Whether a cursor id says that there is more. */
export function isOpen(id: unknown): boolean {
  if (typeof id === "number") return id !== 0;
  if (typeof id === "bigint") return id !== 0n;
  const long = id as Partial<LongValue> | null | undefined;
  return long != null && (long.low !== 0 || long.high !== 0);
}

function asNumber(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  const long = value as LongValue | null | undefined;
  return long == null ? 0 : long.high * 4_294_967_296 + (long.low >>> 0);
}

function writeErrors(reply: Doc): readonly Doc[] {
  return (reply["writeErrors"] as readonly Doc[] | undefined) ?? [];
}

function isKey(duplicate: DuplicateKey): boolean {
  return duplicate.index === "_id_" || (duplicate.fields.length === 1 && duplicate.fields[0] === "_id");
}

function failed(error: KeyfoldError): WriteOutcome {
  return { kind: "notApplied", reason: "failed", error };
}

function notApplied(reason: NotAppliedReason, version: number | undefined): WriteOutcome {
  return version === undefined ? { kind: "notApplied", reason } : { kind: "notApplied", reason, version };
}

function unknown(message: string, cause: unknown): WriteOutcome {
  return {
    kind: "unknown",
    error: new KeyfoldError("OUTCOME_UNKNOWN", message, {
      cause,
      fix: "Read the record, or send the same write again: with the same writeId, ifVersion or record it is not done twice.",
    }),
  };
}

function unscaled(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}${scale === 0 ? "" : `.${digits.slice(point)}`}`;
}

function tooLarge(collection: MongoCollection, bytes: number): KeyfoldError {
  return new KeyfoldError(
    "TOO_LARGE",
    `A record of ${collection.entity} takes about ${(bytes / 1_048_576).toFixed(1)} MB; MongoDB stores at most 16 MB in one document.`,
    { fix: "Keep the large part in records of its own.", data: { bytes, limit: MAX_DOCUMENT_BYTES } },
  );
}

/** The document's bytes, exactly where they come near the limit; throws TOO_LARGE. */
function checkSize(document: Doc, codec: Codec, collection: MongoCollection): number {
  const bound = codec.lastSize() + 64;
  if (bound <= MAX_DOCUMENT_BYTES) return bound;
  const exact = byteLength(document) + 64;
  if (exact > MAX_DOCUMENT_BYTES) throw tooLarge(collection, exact);
  return exact;
}

/** Bytes of a document as BSON. */
function byteLength(document: object): number {
  let bytes = 5;
  for (const [name, value] of Object.entries(document)) bytes += 2 + Buffer.byteLength(name) + valueLength(value);
  return bytes;
}

function valueLength(value: unknown): number {
  switch (typeof value) {
    case "string":
      return 5 + Buffer.byteLength(value);
    case "number":
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 4 : 8;
    case "boolean":
      return 1;
    case "bigint":
      return 8;
    case "object": {
      if (value === null) return 0;
      if (value instanceof Date) return 8;
      const tag = (value as { readonly _bsontype?: string })._bsontype;
      if (tag === "Decimal128") return 16;
      if (tag === "Binary") return 5 + (value as { readonly position: number }).position;
      if (tag !== undefined) return 8;
      return byteLength(value);
    }
    default:
      return 0;
  }
}
