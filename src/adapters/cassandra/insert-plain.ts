import type { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { VERSION } from "../../plan/cassandra/names.js";
import type { ConditionalCall, RecordData, WriteCall } from "../port/adapter.js";
import { compileConditions } from "../port/conditions.js";
import { failed, notApplied, unknown, type WriteOutcome } from "../port/outcome.js";
import { runWrite, type Write } from "../port/write.js";
import { type Bound, bucketsOf, putRows, removeRows, writeTogether } from "./beside.js";
import type { StoredRow } from "./codec.js";
import { checkSize, readHome, type StoredEntity, ttlOf } from "./write.js";

/**
 * Records that are only ever inserted: home, copies and contributions in one logged batch with one timestamp, or one
 * statement where there is nothing beside the home. Sent twice it does the same, so that nobody needs to look first.
 */
export async function insertPlain(
  record: RecordData,
  entity: StoredEntity,
  call: WriteCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(call, whole, (write) => insertRecord(record, entity, write));
}

async function insertRecord(record: RecordData, entity: StoredEntity, write: Write): Promise<WriteOutcome> {
  const { requests, codec, leases } = entity;
  const version = requests.nextVersion();
  const rows = codec.derive(record);
  const ttl = codec.expires === undefined ? undefined : ttlOf(record, codec, requests.clock.now());
  const home = homeRow(record, version, ttl, entity);
  const buckets = bucketsOf(rows);
  if (buckets.length > 0) {
    try {
      await leases.open(buckets, write.attempts);
    } catch (thrown) {
      return failed(thrown as KeyfoldError);
    }
  }
  const reply = await writeTogether(putRows(rows, ttl, undefined), rows, home, version, entity, write.attempts);
  if (reply.kind === "reply") return { kind: "applied", version };
  if (!reply.mayHaveRun) return failed(reply.error);
  leases.doubt();
  let stored: StoredRow | undefined;
  try {
    stored = await readHome(record, entity, false, write.whole);
  } catch (thrown) {
    return unknown("The insert was sent, and no read could tell what became of it.", thrown);
  }
  // A logged batch of which a part is there comes whole.
  if (stored?.version === version) return { kind: "applied", version };
  return unknown("The insert was sent and not answered; the record does not show it yet.", reply.error);
}

/** The home row of a record that is written without looking. */
export function homeRow(
  record: RecordData,
  version: number,
  ttl: number | undefined,
  { codec, requests }: StoredEntity,
): Bound {
  const { home, entity } = codec;
  const values = home.values(record);
  values[home.plan.columns.findIndex(({ name }) => name === VERSION)] = requests.bigints ? BigInt(version) : version;
  const params = [...home.key(record, codec.identity(record)), ...values];
  checkSize(params, entity.entity);
  return ttl === undefined
    ? { statement: home.insert, params }
    : { statement: home.insertFor, params: [...params, ttl] };
}

/**
 * Deletes a record that nobody changes: all its rows in one logged batch, as of the version that was read. So a record of
 * the same key that comes later is there whatever the clocks say, unless its writer's is behind the first one's insert.
 */
export async function deletePlain(
  key: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(call, whole, async (write) => {
    const { requests, codec, leases } = entity;
    let stored: StoredRow | undefined;
    try {
      stored = await readHome(key, entity, false, write.attempts);
    } catch (thrown) {
      return failed(thrown as KeyfoldError);
    }
    if (stored?.record === undefined) return notApplied("missing", undefined);
    const { record, version } = stored;
    if (call.ifVersion !== undefined && call.ifVersion !== version) return notApplied("version", version);
    if (call.if !== undefined && !compileConditions(call.if, codec.fields)(record)) {
      return notApplied("condition", version);
    }
    const rows = codec.derive(record);
    const home = { statement: codec.home.remove, params: codec.home.key(key, codec.identity(key)) };
    await leases.open(bucketsOf(rows), write.attempts);
    // Of two writes with one timestamp the delete wins. Rows of somebody else have no version.
    const at = version === 0 ? requests.nextVersion() : version;
    const reply = await writeTogether(removeRows(rows), [], home, at, entity, write.attempts);
    if (reply.kind === "reply") return { kind: "applied", version };
    if (!reply.mayHaveRun) return failed(reply.error);
    leases.doubt();
    return unknown("The delete was sent, and no answer came.", reply.error);
  });
}
