import { randomBytes } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { deleteText, identifierList, insertText, updateText } from "../../plan/cassandra/statements.js";
import type { RecordData } from "../port/adapter.js";
import type { WriteOutcome } from "../port/outcome.js";
import type { Write } from "../port/write.js";
import { isOver } from "./codec.js";
import type { Row } from "./driver.js";
import { levelCodes } from "./levels.js";
import type { Statement } from "./requests.js";
import { type CompiledTable, endOf } from "./tables.js";
import { readHome, type StoredEntity, ttlUntil } from "./write.js";

/**
 * Unique values: a row for each, taken by a lightweight transaction before the record is written (a claim), and held
 * after it was. Each attempt to write has a token of its own, and frees only what that token claimed, or the claim that
 * it saw before it wrote: what another write of the same record took over meanwhile stays that one's. What is held and
 * what no record stands for may be taken over at once, a claim after a minute; a writer that was only slow finds its
 * claim gone when it wants to hold it, and takes its record back. A claim of another record is waited for, as it may be
 * given back: values are claimed in the order of their tables, so that no two writers wait for each other.
 *
 * Where records end, so does the row of a value that a record claims or holds. A row that is taken over from another write
 * of its record stays until one of them holds it: that other one may end later.
 */
const STALE_MS = 60_000;
/** How long a claim of another record is waited for: then its writer is taken to be dead, and the value to be its own. */
const PENDING_MS = 2_000;
/** A value that is lost and claimed again while it is to be held: so often, then others want it for good. */
const HOLD_ATTEMPTS = 5;
/** By so much the clocks of two processes may differ where a record ends. */
const CLOCKS_MS = 1_000;

/** One value of a record. */
interface Value {
  readonly table: CompiledTable;
  readonly key: readonly unknown[];
  /** When the record ends. */
  readonly until: Date | undefined;
}

/** A value that an attempt claimed. */
export interface Claim {
  readonly value: Value;
  /** The attempt that has it. */
  readonly token: string;
  /** What the row said before, where it was the same record's. */
  readonly previous:
    | { readonly owner: string; readonly token: unknown; readonly held: unknown; readonly at: unknown }
    | undefined;
}

/** A value that a record has no more, and the claim that stood for it before the record was written. */
export interface Freed {
  readonly value: Value;
  readonly token: unknown;
}

/** Values that a write has claimed for its record, and those that it frees. */
export interface Taken {
  readonly claimed: readonly Claim[];
  readonly freed: readonly Freed[];
  /** Holds what was claimed; false: another record has taken it over. */
  keep(write: Write): Promise<boolean>;
}

type Claims =
  | { readonly kind: "taken"; readonly taken: Taken }
  | { readonly kind: "outcome"; readonly outcome: WriteOutcome }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: false };

function valuesOf(record: RecordData | undefined, entity: StoredEntity): readonly Value[] {
  if (record === undefined) return [];
  const identity = entity.codec.identity(record);
  return entity.codec.uniques.flatMap((table) => {
    const row = table.row(record, identity);
    return row === undefined ? [] : [{ table, key: row.key, until: row.until }];
  });
}

/** Names of a record's unique values: equal for equal ones. */
export function uniqueNames(record: RecordData, entity: StoredEntity): readonly string[] {
  return valuesOf(record, entity).map(nameOf);
}

function nameOf({ table, key }: Value): string {
  return `${table.plan.name}\0${JSON.stringify(key, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`;
}

/** Whether a record may end while it is written: then others may take its values, and it must claim them anew. */
function mayEnd(record: RecordData | undefined, { codec, requests }: StoredEntity, write: Write): boolean {
  const until = record === undefined ? undefined : endOf(record, codec.expires);
  return until !== undefined && until.getTime() < requests.clock.now() + write.whole.remainingMs() + CLOCKS_MS;
}

/** Whether the rows of a record's values end too early for what the record becomes. */
function endsLater(record: RecordData | undefined, stored: RecordData | undefined, { codec }: StoredEntity): boolean {
  if (record === undefined || stored === undefined) return false;
  const [next, last] = [endOf(record, codec.expires), endOf(stored, codec.expires)];
  return last !== undefined && (next === undefined || next.getTime() > last.getTime());
}

/** Claims the values that a record has and the stored one had not. */
export async function claimUniques(
  record: RecordData | undefined,
  stored: RecordData | undefined,
  key: RecordData,
  entity: StoredEntity,
  write: Write,
): Promise<Claims> {
  const old = valuesOf(stored, entity);
  const next = valuesOf(record, entity);
  // What is over when it is written takes no value, but may not have one of another record either.
  const over = record !== undefined && isOver(record, entity.codec.expires, entity.requests.clock.now());
  const had = new Set(mayEnd(stored, entity, write) ? [] : old.map(nameOf));
  const has = new Set(next.map(nameOf));
  const owner = entity.codec.identity(key);
  const token = randomBytes(9).toString("base64url");
  const claimed: Claim[] = [];
  try {
    const longer = endsLater(record, stored, entity);
    for (const value of next) {
      if (had.has(nameOf(value))) {
        if (!longer || (await extend(value, owner, token, entity, write))) continue;
      }
      if (over) {
        if (!(await isOthers(value, owner, entity, write))) continue;
      } else {
        const claim = await claimOne(value, owner, token, entity, write, write.attempts);
        if (claim !== "unique") {
          claimed.push(claim);
          continue;
        }
      }
      await releaseClaims(claimed, entity, write);
      const fields = entity.codec.entity.uniques.find((one) => one.table === value.table.plan.name)?.fields ?? [];
      return { kind: "outcome", outcome: { kind: "notApplied", reason: "unique", unique: fields } };
    }
    const freed: Freed[] = [];
    for (const value of old) {
      if (!has.has(nameOf(value))) freed.push({ value, token: (await rowOf(value, entity, write))["kf_claim"] });
    }
    const keep = async (by: Write): Promise<boolean> => {
      for (const claim of claimed) {
        if (!(await holdOne(claim, owner, by, entity))) return false;
      }
      return true;
    };
    return { kind: "taken", taken: { claimed, freed, keep } };
  } catch (thrown) {
    await releaseClaims(claimed, entity, write);
    return { kind: "failed", error: thrown as KeyfoldError, mayHaveRun: false };
  }
}

/** Columns beside a value. */
const COLUMNS = ["kf_owner", "kf_claim", "kf_held", "kf_at"];

/** Statements on a value's row; where records end with a TTL: an INSERT has it last, an UPDATE first. */
function statementsOf({ plan, keyColumns }: CompiledTable, { requests, codec }: StoredEntity) {
  const { qualify } = requests;
  const using = codec.expires === undefined ? "" : " USING TTL ?";
  const statement = (operation: string, query: string): Statement => ({ query, operation, table: plan.name });
  const where = keyColumns.map((column) => `${identifierList([column])} = ?`).join(" AND ");
  // All columns at once, so that they end together.
  const update = (condition: string): Statement =>
    statement("UPDATE", updateText(plan.name, COLUMNS, keyColumns, qualify, { using, conditions: [condition] }));
  return {
    read: statement("SELECT", `SELECT ${identifierList(COLUMNS)} FROM ${qualify(plan.name)} WHERE ${where}`),
    claim: statement("INSERT", insertText(plan.name, [...keyColumns, ...COLUMNS], qualify, ` IF NOT EXISTS${using}`)),
    take: update("kf_claim"),
    hold: update("kf_owner"),
    free: statement("DELETE", deleteText(plan.name, keyColumns, qualify, ["kf_claim"])),
  };
}

/** The TTL of a row that ends with its record, as a statement's value; `stays`: it has none. */
function ttlFor({ until }: Value, { codec, requests }: StoredEntity, stays = false): readonly number[] {
  if (codec.expires === undefined) return [];
  return [stays ? 0 : ttlUntil(until, requests.clock.now())];
}

/** @throws KeyfoldError where the server does not answer: then the claim may be there. */
async function claimOne(
  value: Value,
  owner: string,
  token: string,
  entity: StoredEntity,
  write: Write,
  deadline: Deadline,
): Promise<Claim | "unique"> {
  const { requests } = entity;
  const statements = statementsOf(value.table, entity);
  const now = (): Date => new Date(requests.clock.now());
  const mine = [owner, token, false];
  const patience = patienceOf(deadline, entity);
  let previous: Claim["previous"];
  const send = async (statement: Statement, params: () => readonly unknown[]): Promise<Row> => {
    for (let attempt = 1; ; attempt++) {
      const reply = await requests.transact(statement, params(), deadline);
      if (reply.kind === "reply") return reply.result.rows?.[0] ?? {};
      if (await requests.pause(reply.error, attempt, deadline)) continue;
      if (reply.mayHaveRun) await releaseClaims([{ value, token, previous }], entity, write);
      throw reply.error;
    }
  };
  for (;;) {
    const row = await send(statements.claim, () => [...[...value.key, ...mine, now()], ...ttlFor(value, entity)]);
    if (row["[applied]"] === true || row["kf_claim"] === token) return { value, token, previous };
    const own = row["kf_owner"] === owner;
    if (!own && !(await isStale(row, value, entity, deadline))) {
      if (await isDecided(row, value, patience, entity, deadline)) continue;
      return "unique";
    }
    // Its own row is left from a time when the record had the value, or another write of the record is under way.
    previous = own ? { owner, token: row["kf_claim"], held: row["kf_held"], at: row["kf_at"] } : undefined;
    const taken = await send(statements.take, () => [
      ...ttlFor(value, entity, own),
      ...[...mine, now(), ...value.key, row["kf_claim"]],
    ]);
    if (taken["[applied]"] === true) return { value, token, previous };
  }
}

/** Whether no record stands for a row, and none is about to. */
async function isStale(row: Row, value: Value, entity: StoredEntity, deadline: Deadline): Promise<boolean> {
  const { codec, requests } = entity;
  const at = row["kf_at"];
  const settled = row["kf_held"] === true || (at instanceof Date && at.getTime() + STALE_MS <= requests.clock.now());
  if (!settled) return false;
  const key = codec.keyOf(row["kf_owner"] as string);
  const stored = await readHome(key, entity, true, deadline);
  if (stored?.record === undefined) return true;
  const own = nameOf(value);
  return !valuesOf(stored.record, entity).some((one) => nameOf(one) === own);
}

/** Lets the row of a value that a record has end with it later; false: it is not the record's any more. */
async function extend(
  value: Value,
  owner: string,
  token: string,
  entity: StoredEntity,
  write: Write,
): Promise<boolean> {
  const { requests } = entity;
  const { hold } = statementsOf(value.table, entity);
  for (let attempt = 1; ; attempt++) {
    const reply = await requests.transact(hold, heldBy(owner, token, value, entity), write.attempts);
    if (reply.kind === "reply") return reply.result.rows?.[0]?.["[applied]"] === true;
    if (!(await requests.pause(reply.error, attempt, write.attempts))) throw reply.error;
  }
}

/** Values of `hold`. */
function heldBy(owner: string, token: string, value: Value, entity: StoredEntity): readonly unknown[] {
  const now = new Date(entity.requests.clock.now());
  return [...ttlFor(value, entity), owner, token, true, now, ...value.key, owner];
}

/** Holds a claimed value, whichever write of its record has the claim by now. */
async function holdOne(claim: Claim, owner: string, write: Write, entity: StoredEntity): Promise<boolean> {
  const { requests } = entity;
  const { value, token } = claim;
  const { hold } = statementsOf(value.table, entity);
  let lost = 0;
  for (let attempt = 1; ; attempt++) {
    const reply = await requests.transact(hold, heldBy(owner, token, value, entity), write.whole);
    if (reply.kind === "failed") {
      // The record is stored; what is not held yet is only taken over when its record lacks the value.
      if (!(await requests.pause(reply.error, attempt, write.whole))) return true;
    } else if (reply.result.rows?.[0]?.["[applied]"] === true) return true;
    else {
      if (++lost > HOLD_ATTEMPTS) return false;
      try {
        if ((await claimOne(value, owner, token, entity, write, write.whole)) === "unique") return false;
      } catch {
        return true;
      }
    }
  }
}

async function rowOf({ table, key }: Value, entity: StoredEntity, write: Write): Promise<Row> {
  const { requests } = entity;
  const level = levelCodes[requests.levels.serial];
  const { rows } = await requests.read(statementsOf(table, entity).read, key, level, write.attempts);
  return rows?.[0] ?? {};
}

/** Whether another record has a value. */
async function isOthers(value: Value, owner: string, entity: StoredEntity, write: Write): Promise<boolean> {
  const patience = patienceOf(write.attempts, entity);
  for (;;) {
    const row = await rowOf(value, entity, write);
    const by = row["kf_owner"] ?? undefined;
    if (by === undefined || by === owner || (await isStale(row, value, entity, write.attempts))) return false;
    if (!(await isDecided(row, value, patience, entity, write.attempts))) return true;
  }
}

/** Until when claims of others are waited for, by the monotonic clock. */
function patienceOf(deadline: Deadline, { requests }: StoredEntity): number {
  return requests.clock.monotonic() + Math.min(PENDING_MS, deadline.remainingMs() / 2);
}

/** Waits until a claim of another record is held or given back; false: it is held already, or was not decided in time. */
async function isDecided(
  row: Row,
  { table, key }: Value,
  patience: number,
  entity: StoredEntity,
  deadline: Deadline,
): Promise<boolean> {
  const { clock, levels } = entity.requests;
  if (row["kf_held"] === true) return false;
  for (let attempt = 1; clock.monotonic() < patience; attempt++) {
    await clock.sleep(clock.random() * Math.min(100, 5 * 2 ** attempt), deadline.signal).catch(() => {});
    // A quorum's word is enough: what it says is only believed when a transaction confirms it.
    const { read } = statementsOf(table, entity);
    const [now] = (await entity.requests.read(read, key, levelCodes[levels.read], deadline)).rows ?? [];
    if (now?.["kf_claim"] !== row["kf_claim"] || now?.["kf_held"] === true) return true;
  }
  return false;
}

/** Gives back what an attempt claimed; what was its record's before is so again. */
export async function releaseClaims(claims: readonly Claim[], entity: StoredEntity, write: Write): Promise<void> {
  // What is not given back is taken over when somebody wants the value: no record stands for it.
  for (const { value, token, previous } of claims) {
    const { free, take } = statementsOf(value.table, entity);
    if (previous === undefined) await entity.requests.transact(free, [...value.key, token], write.whole);
    else {
      const before = [previous.owner, previous.token, previous.held, previous.at];
      const params = [...ttlFor(value, entity, true), ...before, ...value.key, token];
      await entity.requests.transact(take, params, write.whole);
    }
  }
}

/** Frees values that a record has no more, unless somebody claimed them since. */
export async function releaseFreed(freed: readonly Freed[], entity: StoredEntity, write: Write): Promise<void> {
  for (const { value, token } of freed) {
    if (token === undefined || token === null) continue;
    await entity.requests.transact(statementsOf(value.table, entity).free, [...value.key, token], write.whole);
  }
}
