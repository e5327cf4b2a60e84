import type { KeyfoldError } from "../../internal/errors.js";
import { DEAD, GONE, WRITES } from "../../plan/cassandra/names.js";
import type { RecordData } from "../port/adapter.js";
import { notApplied, unknown, type WriteOutcome } from "../port/outcome.js";
import type { Write } from "../port/write.js";
import { bucketsOf, putRows, removeRows, writeTogether } from "./beside.js";
import type { StoredRow } from "./codec.js";
import { BURIED_SECONDS, booksOf, homeColumns } from "./home.js";
import type { WriteReply } from "./requests.js";
import type { DerivedRow } from "./tables.js";
import { claimUniques, releaseClaims, releaseFreed, type Taken } from "./uniques.js";
import { checkSize, remember, type StoredEntity, ttlOf } from "./write.js";

/** A transition that was sent, and of which it may not be known whether it was done. */
export interface Sent {
  readonly version: number;
  /** What it was made from. */
  readonly before: StoredRow | undefined;
  readonly record: RecordData | undefined;
  readonly taken: Taken | undefined;
}

type Transition =
  | { readonly kind: "applied" | "outcome"; readonly outcome: WriteOutcome }
  | { readonly kind: "raced" }
  | {
      readonly kind: "failed";
      readonly error: KeyfoldError;
      readonly mayHaveRun: boolean;
      readonly sent?: Sent | undefined;
    };

/** From the stored record to the next one, or to none. */
export async function transition(
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
  let reply: WriteReply;
  try {
    if (codec.uniques.length > 0) {
      const claims = await claimUniques(record, stored?.record, key, entity, write);
      if (claims.kind !== "taken") return claims;
      taken = claims.taken;
    }
    await leases.open(bucketsOf([...after, ...gone]), write.attempts);
    const traces = gone.length > 0 && stored?.record !== undefined ? codec.traces(stored.record) : undefined;
    reply = await transact(key, record, stored, version, traces, write, entity);
  } catch (thrown) {
    await releaseClaims(taken?.claimed ?? [], entity, write);
    return { kind: "failed", error: thrown as KeyfoldError, mayHaveRun: false };
  }
  const sent: Sent = { version, before: stored, record, taken };
  if (reply.kind === "failed") {
    if (!reply.mayHaveRun) await releaseClaims(taken?.claimed ?? [], entity, write);
    return { ...reply, sent };
  }
  if (!wasApplied(reply)) {
    await releaseClaims(taken?.claimed ?? [], entity, write);
    return { kind: "raced" };
  }
  if (taken !== undefined && !(await taken.keep(write))) {
    return { kind: "outcome", outcome: await undo(key, sent, write, entity) };
  }
  const outcome: WriteOutcome = { kind: "applied", version };
  if (codec.beside.length + codec.uniques.length === 0) return { kind: "applied", outcome };
  const left = await writeBeside(key, record, after, gone, stored === undefined, version, entity, write);
  if (left !== undefined) {
    return {
      kind: "outcome",
      outcome: unknown("The record is stored; what is made of it could not be written in time.", left),
    };
  }
  await releaseFreed(taken?.freed ?? [], entity, write);
  return { kind: "applied", outcome };
}

/** Ends a write whose transaction was not answered and was found done: holds its unique values, and frees those before. */
export async function settleSent(
  key: RecordData,
  stored: StoredRow,
  version: number,
  sent: ReadonlyMap<number, Sent>,
  write: Write,
  entity: StoredEntity,
): Promise<WriteOutcome> {
  const own = sent.get(version);
  if (own?.taken !== undefined) {
    // Whoever changed the record since has seen to its values.
    if (stored.version === version && !(await own.taken.keep(write))) return undo(key, own, write, entity);
    await releaseFreed(own.taken.freed, entity, write);
  }
  return { kind: "applied", version };
}

/** A claim that had become stale was taken over meanwhile: the record goes back to what it was. */
async function undo(key: RecordData, sent: Sent, write: Write, entity: StoredEntity): Promise<WriteOutcome> {
  const { requests, codec } = entity;
  const { version, before, record, taken } = sent;
  const own: StoredRow = { record, version, writes: before?.writes ?? [], dirty: true, gone: undefined };
  const next = requests.nextVersion(version);
  const traces = record === undefined ? undefined : codec.traces(record);
  const by = { ...write, id: `undo-${write.id}`, attempts: write.whole };
  const reply = await transact(key, before?.record, own, next, traces, by, entity);
  if (reply.kind === "failed" || !wasApplied(reply)) {
    const cause = reply.kind === "failed" ? reply.error : undefined;
    return unknown("The record was stored, another one has its unique value, and it could not be taken back.", cause);
  }
  await releaseClaims(taken?.claimed ?? [], entity, write);
  // Whoever met the record meanwhile may have written what is made of it. What fails here the next writer finishes.
  await finish(key, { record: before?.record, version: next, writes: [], dirty: true, gone: record }, entity, write);
  return notApplied("unique", undefined);
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
