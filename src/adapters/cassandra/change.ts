import type { KeyfoldError } from "../../internal/errors.js";
import { DEAD, GONE, WRITES } from "../../plan/cassandra/names.js";
import type { RecordData } from "../port/adapter.js";
import { failed, MAX_RACES, notApplied, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import { bucketsOf, putRows, removeRows, writeTogether } from "./beside.js";
import type { StoredRow } from "./codec.js";
import { BURIED_SECONDS, booksOf, homeColumns } from "./home.js";
import type { WriteReply } from "./requests.js";
import type { DerivedRow } from "./tables.js";
import { claimUniques, releaseUniques, type Taken } from "./uniques.js";
import {
  checkSize,
  REMEMBERED,
  readHome,
  remember,
  type StoredEntity,
  ttlOf,
  versionOfWrite,
  type Write,
} from "./write.js";

/** What a write makes of the stored record: an outcome at once, or the record as it shall be; undefined: none. */
export type Decision =
  | { readonly kind: "done"; readonly outcome: WriteOutcome }
  | { readonly kind: "write"; readonly record: RecordData | undefined };

/**
 * Changes one record by a lightweight transaction on its home row, under the condition that it still has the version that
 * the decision was made on; then writes what is made of it in one logged batch whose timestamp is that version. So of two
 * writers one decides again, and batches of one record take effect in the order of its versions, however late they come.
 * The home row says until when its batch is not known to be written (`kf_done`), and what it must take away
 * (`kf_gone`): whoever changes the record next finishes it first.
 */
export async function changeRecord(
  key: RecordData,
  decide: (stored: StoredRow | undefined) => Decision,
  write: Write,
  entity: StoredEntity,
  blind = false,
): Promise<WriteOutcome> {
  return entity.queue.run(entity.codec.identity(key), () => change(key, decide, write, entity, blind));
}

async function change(
  key: RecordData,
  decide: (stored: StoredRow | undefined) => Decision,
  write: Write,
  entity: StoredEntity,
  blind: boolean,
): Promise<WriteOutcome> {
  const { requests, codec } = entity;
  let mayHaveRun = false;
  let doubt: KeyfoldError | undefined;
  /** The write that was sent takes the record away. */
  let gone = false;
  const lost = (cause: unknown): WriteOutcome => {
    entity.leases.doubt();
    return unknown("The write was sent, and it is not known what became of it.", cause);
  };
  for (let race = 0; race < MAX_RACES; race++) {
    // The first look is a quorum's; what it says is only believed when the transaction confirms it.
    let serial = race > 0;
    let stored: StoredRow | undefined;
    let decision: Decision;
    try {
      // An insert takes it that nothing is there.
      stored =
        blind && race === 0
          ? undefined
          : await readHome(key, entity, serial, race === 0 ? write.attempts : write.whole);
      decision = decide(stored);
      const remembered = versionOfWrite(stored, write.id);
      if ((decision.kind === "done" || remembered !== undefined) && !serial && !(blind && race === 0)) {
        serial = true;
        stored = await readHome(key, entity, serial, write.whole);
        decision = decide(stored);
      }
    } catch (thrown) {
      return mayHaveRun ? lost(thrown) : failed(thrown as KeyfoldError);
    }
    const known = versionOfWrite(stored, write.id);
    if (stored?.dirty === true) {
      const finished = await finish(key, stored, entity, write);
      if (finished !== undefined) return known === undefined ? failed(finished) : lost(finished);
    }
    if (known !== undefined) return { kind: "applied", version: known };
    if (mayHaveRun) {
      // So many writes came after it that the record could have forgotten it; or nothing is left that could remember.
      const forgotten = stored === undefined ? !blind : stored.writes.length >= REMEMBERED;
      if (stored === undefined && write.call.ifVersion !== undefined && gone) {
        return { kind: "applied", version: write.call.ifVersion };
      }
      if (forgotten || write.attempts.over) return lost(doubt);
    }
    if (decision.kind === "done") return decision.outcome;
    gone = decision.record === undefined;

    const made = await transition(key, stored, decision.record, write, entity);
    if (made.kind === "outcome" || made.kind === "applied") return made.outcome;
    if (made.kind === "failed") {
      if (made.mayHaveRun) {
        mayHaveRun = true;
        doubt = made.error;
      }
      if (await requests.pause(made.error, race + 1, write.attempts)) continue;
      if (!mayHaveRun) return failed(made.error);
      // A last look, at what was decided meanwhile.
      return settled(key, write, entity, doubt ?? made.error);
    }
    if (race > 1) {
      const waitMs = requests.clock.random() * Math.min(200, 5 * 2 ** race);
      await requests.clock.sleep(waitMs, write.attempts.signal).catch(() => {});
    }
  }
  return mayHaveRun ? lost(doubt) : raced(codec.entity.entity);
}

/** What became of a transaction that was not answered, by a SERIAL read: it ends what is under way. */
async function settled(
  key: RecordData,
  write: Write,
  entity: StoredEntity,
  cause: KeyfoldError,
): Promise<WriteOutcome> {
  entity.leases.doubt();
  try {
    const stored = await readHome(key, entity, true, write.whole);
    const version = versionOfWrite(stored, write.id);
    if (version === undefined) {
      return unknown("The write was sent and not answered; the record does not show it yet.", cause);
    }
    const left = stored?.dirty === true ? await finish(key, stored, entity, write) : undefined;
    return left === undefined
      ? { kind: "applied", version }
      : unknown("The record is stored; its lists may lack it.", left);
  } catch (thrown) {
    return unknown("The write was sent, and no read could tell what became of it.", thrown);
  }
}

type Transition =
  | { readonly kind: "applied" | "outcome"; readonly outcome: WriteOutcome }
  | { readonly kind: "raced" }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: boolean };

/** From the stored record to the next one, or to none. */
async function transition(
  key: RecordData,
  stored: StoredRow | undefined,
  record: RecordData | undefined,
  write: Write,
  entity: StoredEntity,
): Promise<Transition> {
  const { requests, codec, leases } = entity;
  const before = stored?.record === undefined ? [] : codec.derive(stored.record);
  const after = record === undefined ? [] : codec.derive(record);
  const gone = goneOf(before, after);
  const version = requests.nextVersion(stored?.version);
  let taken: Taken | undefined;
  if (codec.uniques.length > 0) {
    const claims = await claimUniques(record, stored?.record, key, entity, write);
    if (claims.kind !== "taken") return claims;
    taken = claims.taken;
  }
  try {
    await leases.open(bucketsOf([...after, ...gone]), write.attempts);
  } catch (thrown) {
    return { kind: "failed", error: thrown as KeyfoldError, mayHaveRun: false };
  }
  const traces = gone.length > 0 && stored?.record !== undefined ? codec.traces(stored.record) : undefined;
  const reply = await transact(key, record, stored, version, traces, write, entity);
  if (reply.kind === "failed") {
    if (!reply.mayHaveRun) await releaseUniques(taken?.claimed ?? [], entity, write);
    return reply;
  }
  if (!wasApplied(reply)) {
    await releaseUniques(taken?.claimed ?? [], entity, write);
    return { kind: "raced" };
  }
  if (taken !== undefined && !(await taken.keep(write))) {
    // A claim that had become stale was taken over meanwhile: the record goes back to what it was.
    const undo = { ...write, id: `undo-${write.id}` };
    const own: StoredRow = { record, version, writes: stored?.writes ?? [], dirty: true, gone: undefined };
    await transact(key, stored?.record, own, requests.nextVersion(version), undefined, undo, entity);
    return { kind: "outcome", outcome: notApplied("unique", undefined) };
  }
  const outcome: WriteOutcome = { kind: "applied", version };
  if (codec.beside.length + codec.uniques.length === 0) return { kind: "applied", outcome };
  const left = await writeBeside(key, record, after, gone, stored?.record === undefined, version, entity, write);
  if (left !== undefined) {
    return {
      kind: "outcome",
      outcome: unknown("The record is stored; what is made of it could not be written in time.", left),
    };
  }
  await releaseUniques(taken?.freed ?? [], entity, write);
  return { kind: "applied", outcome };
}

/** The transaction on the home row. */
async function transact(
  key: RecordData,
  record: RecordData | undefined,
  stored: StoredRow | undefined,
  version: number,
  traces: string | undefined,
  write: Write,
  entity: StoredEntity,
): Promise<WriteReply> {
  const { requests, codec, home } = entity;
  const keys = codec.home.key(key, codec.identity(key));
  const whole = (value: number): unknown => (requests.bigints ? BigInt(value) : value);
  const condition = stored === undefined || stored.version === 0 ? null : whole(stored.version);
  const tracked = codec.beside.length + codec.uniques.length > 0;
  if (record === undefined && !tracked) return requests.transact(home.remove, [...keys, condition], write.attempts);
  const values = record === undefined ? undefined : new Map(codec.values(record));
  const books: Readonly<Record<string, unknown>> = {
    [WRITES]: remember(write.id, version, stored),
    [GONE]: traces ?? null,
    [DEAD]: record === undefined ? true : null,
  };
  const params = [
    ...homeColumns(codec).map((column) => {
      const value = values?.get(column);
      // Nothing to take away where nothing was.
      return value === undefined ? (stored === undefined ? undefined : null) : value;
    }),
    whole(version),
    ...booksOf(codec).map((name) => books[name]),
  ];
  if (record !== undefined) checkSize(params, codec.entity.entity);
  const ttl = record === undefined || codec.expires === undefined ? [] : [ttlOf(record, codec, requests.clock.now())];
  if (record === undefined) return requests.transact(home.bury, [...params, ...keys, condition], write.attempts);
  if (stored === undefined) {
    const free = [null, ...home.required.map(() => null)];
    return requests.transact(home.create, [...ttl, ...params, ...keys, ...free], write.attempts);
  }
  return requests.transact(home.change, [...ttl, ...params, ...keys, condition], write.attempts);
}

/** The result set's first column says whether a transaction was applied. */
function wasApplied(reply: WriteReply & { readonly kind: "reply" }): boolean {
  return reply.result.rows?.[0]?.["[applied]"] === true;
}

/** Rows of the record before that its next state has no more. */
function goneOf(before: readonly DerivedRow[], after: readonly DerivedRow[]): readonly DerivedRow[] {
  if (before.length === 0) return before;
  const nameOf = ({ table, key }: DerivedRow): string =>
    JSON.stringify([table.plan.name, key], (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
  const kept = new Set(after.map(nameOf));
  return before.filter((row) => !kept.has(nameOf(row)));
}

/** Writes what is made of a version; undefined: done. */
async function writeBeside(
  key: RecordData,
  record: RecordData | undefined,
  after: readonly DerivedRow[],
  gone: readonly DerivedRow[],
  fresh: boolean,
  version: number,
  entity: StoredEntity,
  write: Write,
): Promise<KeyfoldError | undefined> {
  const { requests, codec, home } = entity;
  const ttl =
    record === undefined || codec.expires === undefined ? undefined : ttlOf(record, codec, requests.clock.now());
  const keys = codec.home.key(key, codec.identity(key));
  const mark = requests.bigints ? BigInt(version) : version;
  const done = {
    statement: home.done,
    // Of a record that is gone, no mark may outlive its grave.
    params: [record === undefined ? BURIED_SECONDS : (ttl ?? 0), mark, ...keys],
  };
  const statements = [...putRows(after, ttl, fresh ? undefined : null), ...removeRows(gone)];
  const reply = await writeTogether(statements, after, done, version, entity, write.whole);
  return reply.kind === "reply" ? undefined : reply.error;
}

/** Writes what an earlier writer of this record did not get to; the error, where it could not be done. */
export async function finish(
  key: RecordData,
  stored: StoredRow,
  entity: StoredEntity,
  write: Write,
): Promise<KeyfoldError | undefined> {
  const { codec, leases } = entity;
  const after = stored.record === undefined ? [] : codec.derive(stored.record);
  const before = stored.gone === undefined ? [] : codec.derive(stored.gone);
  const gone = goneOf(before, after);
  try {
    await leases.open(bucketsOf([...after, ...gone]), write.whole);
    return await writeBeside(key, stored.record, after, gone, false, stored.version, entity, write);
  } catch (thrown) {
    return thrown as KeyfoldError;
  }
}
