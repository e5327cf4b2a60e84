import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Condition } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import { formOf, scaledDigits, textEncoder } from "../../plan/redis/encoding.js";
import type { RedisEntity } from "../../plan/redis/types.js";
import type { Changes, ConditionalCall, RecordData, WriteCall } from "../port/adapter.js";
import { compileJsonEncoder } from "../port/json-values.js";
import { failed, notApplied, unknown, type WriteOutcome } from "../port/outcome.js";
import { sameRecord } from "../port/same-record.js";
import type { RedisCodec, StoredRecord } from "./codec.js";
import type { RecordKeys } from "./keys.js";
import type { Requests, Ticket } from "./requests.js";

/** One entity's records and all that writing them takes. */
export interface StoredEntity {
  readonly requests: Requests;
  readonly entity: RedisEntity;
  readonly fields: { readonly [field: string]: Field };
  readonly codec: RedisCodec;
  readonly keys: RecordKeys;
}

type Operation = "insert" | "put" | "update" | "delete";

/**
 * Runs one write. One that came too late by the server's clock, though there is time left, tells that the server's clock
 * was set, or is another server's. It is sent once more by the right time if it was not applied, or may be sent again: a
 * record remembers the id of a write.
 */
async function runWrite(
  operation: Operation,
  key: RecordData,
  payload: readonly string[],
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<readonly unknown[] | WriteOutcome> {
  const reply = await sendWrite(operation, key, payload, entity, call, whole);
  if (!isReply(reply) || (reply[0] !== "void" && reply[0] !== "late") || whole.over) return reply;
  try {
    await entity.requests.learnTime(whole);
  } catch {
    return reply;
  }
  if (reply[0] === "late" && (call.writeId === undefined || operation === "delete")) return reply;
  return sendWrite(operation, key, payload, entity, call, whole);
}

/**
 * Runs one write by one call of the library. Were its answer lost, the mark tells what became of it: the write is found
 * done, or is made void so that it cannot come later.
 */
async function sendWrite(
  operation: Operation,
  key: RecordData,
  payload: readonly string[],
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<readonly unknown[] | WriteOutcome> {
  const { requests, keys } = entity;
  const base = keys.base(key);
  let ticket: Ticket;
  try {
    await requests.noteWrite(base, call, whole);
    ticket = await requests.ticket(base, whole);
  } catch (error) {
    return failed(errorOf(error));
  }
  const args = [
    entity.entity.entity,
    operation,
    ticket.due,
    String(ticket.version),
    writeIdText(call.writeId),
    call.ifVersion === undefined ? "" : String(call.ifVersion),
    conditionsText(call.if ?? [], entity),
    ...payload,
  ];
  try {
    const names = [keys.record(key), ticket.mark];
    return await requests.attempt(ticket, "write", names, args, call.signal);
  } catch (thrown) {
    const error = errorOf(thrown);
    if (!isUnknown(error)) return failed(error);
    const seen = await settled(ticket, entity, whole).catch(() => undefined);
    if (seen === undefined)
      return unknown("The write was sent and not answered, and its mark could not be read.", error);
    if (seen === "void") return notMarked(error);
    if (seen === "late") return late(error);
    return ["ok", seen];
  } finally {
    ticket.attempts.dispose();
  }
}

/** What a write's mark says; one that is not there yet is made void. `late`: it may have been there, and have ended. */
export async function settled(ticket: Ticket, entity: StoredEntity, whole: Deadline): Promise<string> {
  return String(await entity.requests.write("settle", [ticket.mark], [ticket.due], whole));
}

/** Whether the server may have done it. */
export function isUnknown(error: KeyfoldError): boolean {
  return error.code === "OUTCOME_UNKNOWN" || stoppedMidway(error);
}

/** An error in the middle of a script leaves what was done before it; the user's rights may end there too. */
function stoppedMidway({ code, data }: KeyfoldError): boolean {
  return (code === "DRIVER_ERROR" || code === "UNAUTHORIZED") && data["applied"] !== false;
}

/**
 * The outcome of a write that has left no mark. One that was not answered was not done and is void now; one that ended
 * with an error in its midst sets its mark last, so what it did before is there.
 */
export function notMarked(cause: KeyfoldError): WriteOutcome {
  if (stoppedMidway(cause)) {
    return unknown("The library on the server stopped in the midst of the write: a part of it may be done.", cause);
  }
  return failed(
    new KeyfoldError("UNAVAILABLE", "Redis did not answer in time, and the write was certainly not applied.", {
      cause,
      fix: "Send it again.",
      data: { applied: false },
    }),
  );
}

/** The outcome of a write whose mark has ended before it was looked for. */
export function late(cause?: unknown): WriteOutcome {
  return unknown(
    "The server's clock is ahead of what it was: the mark that tells what became of the write is gone.",
    cause,
  );
}

export function errorOf(thrown: unknown): KeyfoldError {
  return thrown instanceof KeyfoldError
    ? thrown
    : new KeyfoldError("DRIVER_ERROR", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** Ids are kept between colons and commas. */
function writeIdText(id: string | undefined): string {
  if (id === undefined) return "";
  try {
    return encodeURIComponent(id);
  } catch (cause) {
    throw new KeyfoldError("INPUT_INVALID", "writeId holds half of a surrogate pair.", { cause });
  }
}

const ordered = new Set(["gt", "gte", "lt", "lte"]);

function conditionsText(conditions: readonly Condition[], entity: StoredEntity): string {
  if (conditions.length === 0) return "";
  return JSON.stringify(
    conditions.map(({ field, operator, value }) => {
      const type = entity.fields[field]!;
      const form = formOf(type);
      if (form === "r" && ordered.has(operator)) {
        throw new KeyfoldError(
          "INPUT_INVALID",
          `A field of type ${type.kind} has no order: ${field} cannot be compared with ${operator}.`,
        );
      }
      // Values without an order are compared as the JSON that is stored.
      const encode = form === "r" ? compileJsonEncoder(type) : textEncoder(type);
      const v =
        operator === "exists" ? value : operator === "in" ? (value as readonly unknown[]).map(encode) : encode(value);
      return { f: entity.codec.nameOf(field), k: form, o: operator, v };
    }),
  );
}

export async function insertOne(
  record: RecordData,
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const reply = await runWrite("insert", record, [entity.codec.encode(record)], entity, call, whole);
  if (!isReply(reply)) return reply;
  return reply[0] === "there"
    ? compareStored(record, entity.codec.decode(reply[1] as string), entity, call.writeId)
    : outcomeOf(reply, entity, record);
}

/** What an insert came to when a record is there already. */
export function compareStored(
  record: RecordData,
  stored: StoredRecord,
  entity: StoredEntity,
  writeId: string | undefined,
): WriteOutcome {
  const id = writeIdText(writeId);
  const own = id === "" ? undefined : stored.writes.find((each) => each.id === id);
  if (own !== undefined) return { kind: "applied", version: own.version };
  return notApplied(sameRecord(entity.fields, record, stored.record) ? "present" : "conflict", stored.version);
}

export async function putOne(
  record: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return outcomeOf(await runWrite("put", record, [entity.codec.encode(record)], entity, call, whole), entity, record);
}

export async function updateOne(
  key: RecordData,
  changes: Changes,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const { codec, fields } = entity;
  const set = Object.entries(changes.set).filter(([, value]) => value !== undefined);
  const increments = Object.entries(changes.increment).filter(([, amount]) => amount !== undefined);
  const payload = [
    String(set.length),
    ...set.flatMap(([name, value]) => [codec.nameOf(name), codec.encodeMember(name, value)]),
    String(changes.unset.length),
    ...changes.unset.map((name) => codec.nameOf(name)),
    String(increments.length),
    ...increments.flatMap(([name, amount]) => {
      const type = fields[name]!;
      return type.kind === "decimal"
        ? [codec.nameOf(name), formOf(type), String(type.scale), scaledDigits(amount as string, type.scale)]
        : [codec.nameOf(name), formOf(type), "0", String(amount)];
    }),
  ];
  return outcomeOf(await runWrite("update", key, payload, entity, call, whole), entity, key);
}

export async function deleteOne(
  key: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return outcomeOf(await runWrite("delete", key, [], entity, call, whole), entity, key);
}

function isReply(reply: readonly unknown[] | WriteOutcome): reply is readonly unknown[] {
  return Array.isArray(reply);
}

/** The library's answer as the port's outcome. */
function outcomeOf(reply: readonly unknown[] | WriteOutcome, entity: StoredEntity, key: RecordData): WriteOutcome {
  if (!isReply(reply)) return reply;
  const [said, more] = reply as readonly [string, unknown];
  const name = entity.entity.entity;
  switch (said) {
    case "ok":
      return { kind: "applied", version: Number(more) };
    case "missing":
      return notApplied("missing", undefined);
    case "version":
      return notApplied("version", Number(more));
    case "condition":
      return notApplied("condition", Number(more));
    case "unique":
      return { kind: "notApplied", reason: "unique", unique: uniqueFields(entity, String(more)) };
    case "range":
      return failed(
        new KeyfoldError("OUT_OF_RANGE", `The increment would take a field of ${name} out of its type's range.`, {
          data: { key },
        }),
      );
    case "void":
      return failed(voided());
    case "late":
      return late();
    case "design":
      return failed(unknownEntity(name));
    default:
      return unknown(
        `The library answered ${JSON.stringify(said)}, which this version of keyfold does not know.`,
        undefined,
      );
  }
}

/** The write reached the server after its time, and did nothing. */
export function voided(): KeyfoldError {
  return new KeyfoldError("DEADLINE_EXCEEDED", "The write reached Redis after its deadline, and was not applied.", {
    fix: "Send it again, or give the call more time with deadlineMs.",
    data: { applied: false },
  });
}

export function unknownEntity(name: string): KeyfoldError {
  return new KeyfoldError("DESIGN_MISSING", `The library on the server does not know ${name}.`, {
    fix: "Run keyfold apply MODEL --to URL.",
  });
}

/** Fields of the constraint with this name. */
export function uniqueFields(entity: StoredEntity, name: string): readonly string[] {
  return entity.entity.uniques.find((unique) => unique.name === name)?.fields ?? [];
}
