import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Field } from "../../model/field.js";
import type { Changes, ConditionalCall, RecordData, WriteCall } from "../port/adapter.js";
import { compileConditions } from "../port/conditions.js";
import { addTo } from "../port/increments.js";
import { failed, notApplied, type WriteOutcome } from "../port/outcome.js";
import { sameRecord } from "../port/same-record.js";
import { runWrite } from "../port/write.js";
import { changeRecord, type Decision } from "./change.js";
import type { StoredRow } from "./codec.js";
import { deletePlain, insertPlain } from "./insert-plain.js";
import { isNoKey } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** Inserts one record; where its key is taken, what is stored there decides. */
export async function insertOne(
  record: RecordData,
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const fault = entity.codec.fault(record);
  if (fault !== undefined) return failed(fault);
  if (entity.codec.entity.writes === "plain") return insertPlain(record, entity, call, whole);
  return runWrite(call, whole, (write) =>
    changeRecord(record, (stored) => insertDecision(record, stored, entity), write, entity, true),
  );
}

function insertDecision(record: RecordData, stored: StoredRow | undefined, { codec }: StoredEntity): Decision {
  if (stored?.record === undefined) return { kind: "write", record };
  const same = sameRecord(codec.fields, record, stored.record);
  return { kind: "done", outcome: notApplied(same ? "present" : "conflict", stored.version) };
}

/** Stores a record, whatever is there. */
export async function putOne(
  record: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  const fault = entity.codec.fault(record);
  if (fault !== undefined) return failed(fault);
  const demand = demandOf(call, entity);
  const conditional = call.ifVersion !== undefined || (call.if?.length ?? 0) > 0;
  return runWrite(call, whole, (write) =>
    changeRecord(
      record,
      (stored) => {
        if (stored?.record === undefined) return conditional ? missing : { kind: "write", record };
        return demand(stored) ?? { kind: "write", record };
      },
      write,
      entity,
    ),
  );
}

const missing: Decision & { readonly kind: "done" } = { kind: "done", outcome: notApplied("missing", undefined) };

/** Changes, removes and increments fields of one record. */
export async function updateOne(
  key: RecordData,
  changes: Changes,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  if (isNoKey(key, entity)) return missing.outcome;
  const demand = demandOf(call, entity);
  return runWrite(call, whole, (write) =>
    changeRecord(
      key,
      (stored) => {
        if (stored?.record === undefined) return missing;
        const refused = demand(stored);
        if (refused !== undefined) return refused;
        try {
          const record = changed(stored.record, changes, entity);
          const fault = entity.codec.fault(record);
          return fault === undefined ? { kind: "write", record } : { kind: "done", outcome: failed(fault) };
        } catch (thrown) {
          if (thrown instanceof KeyfoldError) return { kind: "done", outcome: failed(thrown) };
          throw thrown;
        }
      },
      write,
      entity,
    ),
  );
}

function changed(stored: RecordData, changes: Changes, { codec }: StoredEntity): RecordData {
  const record: Record<string, unknown> = { ...stored };
  for (const [name, value] of Object.entries(changes.set)) if (value !== undefined) record[name] = value;
  for (const name of changes.unset) delete record[name];
  for (const [name, amount] of Object.entries(changes.increment)) {
    if (amount === undefined) continue;
    record[name] = addTo(codec.fields[name] as Field, record[name], amount, name, codec.entity.entity);
  }
  return record;
}

/** Deletes one record, and all that was made of it. */
export async function deleteOne(
  key: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  if (isNoKey(key, entity)) return missing.outcome;
  if (entity.codec.entity.writes === "plain") return deletePlain(key, entity, call, whole);
  const demand = demandOf(call, entity);
  return runWrite(call, whole, (write) =>
    changeRecord(
      key,
      (stored) => {
        if (stored?.record === undefined) return missing;
        return demand(stored) ?? { kind: "write", record: undefined };
      },
      write,
      entity,
    ),
  );
}

/** What a call demands of the stored record; undefined: it is met. */
function demandOf(call: ConditionalCall, { codec }: StoredEntity): (stored: StoredRow) => Decision | undefined {
  const meets = call.if === undefined || call.if.length === 0 ? undefined : compileConditions(call.if, codec.fields);
  return ({ record, version }) => {
    if (call.ifVersion !== undefined && call.ifVersion !== version) {
      return { kind: "done", outcome: notApplied("version", version) };
    }
    if (meets !== undefined && record !== undefined && !meets(record)) {
      return { kind: "done", outcome: notApplied("condition", version) };
    }
    return undefined;
  };
}
