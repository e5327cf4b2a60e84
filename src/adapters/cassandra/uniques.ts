import { KeyfoldError } from "../../internal/errors.js";
import { deleteText, identifierList, insertText, updateText } from "../../plan/cassandra/statements.js";
import type { RecordData } from "../port/adapter.js";
import type { WriteOutcome } from "../port/outcome.js";
import { levelCodes } from "./levels.js";
import type { Statement } from "./requests.js";
import type { CompiledTable } from "./tables.js";
import { readHome, type StoredEntity, type Write } from "./write.js";

/**
 * Unique values: a row for each, taken by a lightweight transaction before the record is written (a claim), and held
 * after it was. A claim whose writer is gone, and which no record stands for, may be taken over after a minute; a writer
 * that was only slow finds its claim gone when it wants to hold it, and takes its record back.
 */
const STALE_MS = 60_000;

/** One value of a record. */
interface Value {
  readonly table: CompiledTable;
  readonly key: readonly unknown[];
}

/** Values that a write has claimed for its record, and those that it frees. */
export interface Taken {
  readonly claimed: readonly Value[];
  readonly freed: readonly Value[];
  /** Holds what was claimed; false: another writer took it over. */
  keep(write: Write): Promise<boolean>;
}

type Claims =
  | { readonly kind: "taken"; readonly taken: Taken }
  | { readonly kind: "outcome"; readonly outcome: WriteOutcome }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: boolean };

function valuesOf(record: RecordData | undefined, entity: StoredEntity): readonly Value[] {
  if (record === undefined) return [];
  const identity = entity.codec.identity(record);
  return entity.codec.uniques.flatMap((table) => {
    const row = table.row(record, identity);
    return row === undefined ? [] : [{ table, key: row.key }];
  });
}

function nameOf({ table, key }: Value): string {
  return `${table.plan.name}\0${JSON.stringify(key, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`;
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
  const had = new Set(old.map(nameOf));
  const has = new Set(next.map(nameOf));
  const owner = entity.codec.identity(key);
  const claimed: Value[] = [];
  for (const value of next) {
    if (had.has(nameOf(value))) continue;
    const claim = await claimOne(value, owner, entity, write);
    if (claim === "claimed") claimed.push(value);
    else {
      await releaseUniques(claimed, entity, write);
      if (claim instanceof KeyfoldError) return { kind: "failed", error: claim, mayHaveRun: false };
      const fields = entity.codec.entity.uniques.find((one) => one.table === value.table.plan.name)?.fields ?? [];
      return { kind: "outcome", outcome: { kind: "notApplied", reason: "unique", unique: fields } };
    }
  }
  const freed = old.filter((value) => !has.has(nameOf(value)));
  const keep = async (by: Write): Promise<boolean> => {
    for (const value of claimed) {
      if (!(await holdOne(value, by, entity))) return false;
    }
    return true;
  };
  return { kind: "taken", taken: { claimed, freed, keep } };
}

function statementsOf({ plan, keyColumns }: CompiledTable, { requests }: StoredEntity) {
  const { qualify } = requests;
  const statement = (operation: string, query: string): Statement => ({ query, operation, table: plan.name });
  const where = keyColumns.map((column) => `${identifierList([column])} = ?`).join(" AND ");
  return {
    read: statement("SELECT", `SELECT kf_owner, kf_claim, kf_held, kf_at FROM ${qualify(plan.name)} WHERE ${where}`),
    claim: statement(
      "INSERT",
      `${insertText(plan.name, [...keyColumns, "kf_owner", "kf_claim", "kf_held", "kf_at"], qualify)} IF NOT EXISTS`,
    ),
    take: statement(
      "UPDATE",
      updateText(plan.name, ["kf_owner", "kf_claim", "kf_held", "kf_at"], keyColumns, qualify, {
        conditions: ["kf_claim"],
      }),
    ),
    hold: statement("UPDATE", updateText(plan.name, ["kf_held"], keyColumns, qualify, { conditions: ["kf_claim"] })),
    free: statement("DELETE", deleteText(plan.name, keyColumns, qualify, ["kf_claim"])),
  };
}

async function claimOne(
  value: Value,
  owner: string,
  entity: StoredEntity,
  write: Write,
): Promise<"claimed" | "unique" | KeyfoldError> {
  const { requests } = entity;
  const statements = statementsOf(value.table, entity);
  const now = (): Date => new Date(requests.clock.now());
  const mine = [owner, write.id, false];
  for (let attempt = 1; ; attempt++) {
    const reply = await requests.transact(statements.claim, [...value.key, ...mine, now()], write.attempts);
    if (reply.kind === "failed") {
      if (await requests.pause(reply.error, attempt, write.attempts)) continue;
      return reply.error;
    }
    const row = reply.result.rows?.[0] ?? {};
    if (row["[applied]"] === true || row["kf_claim"] === write.id) return "claimed";
    // A record that was written before and has the value still: the row is its own.
    if (row["kf_owner"] !== owner && !(await isStale(row, value, entity, write))) return "unique";
    const takeOver = await requests.transact(
      statements.take,
      [...mine, now(), ...value.key, row["kf_claim"]],
      write.attempts,
    );
    if (takeOver.kind === "failed") {
      if (await requests.pause(takeOver.error, attempt, write.attempts)) continue;
      return takeOver.error;
    }
    if (takeOver.result.rows?.[0]?.["[applied]"] === true) return "claimed";
  }
}

/** Whether no record stands for a row, and none is about to. */
async function isStale(
  row: Readonly<Record<string, unknown>>,
  value: Value,
  entity: StoredEntity,
  write: Write,
): Promise<boolean> {
  const { codec, requests } = entity;
  const at = row["kf_at"];
  if (!(at instanceof Date) || at.getTime() + STALE_MS > requests.clock.now()) return false;
  const key = codec.keyOf(row["kf_owner"] as string);
  const stored = await readHome(key, entity, true, write.attempts);
  if (stored?.record === undefined) return true;
  const own = nameOf(value);
  return !valuesOf(stored.record, entity).some((one) => nameOf(one) === own);
}

/** Holds a claimed value. */
async function holdOne(value: Value, write: Write, entity: StoredEntity): Promise<boolean> {
  const { requests } = entity;
  const statements = statementsOf(value.table, entity);
  for (let attempt = 1; ; attempt++) {
    const reply = await requests.transact(statements.hold, [true, ...value.key, write.id], write.whole);
    if (reply.kind === "reply") return reply.result.rows?.[0]?.["[applied]"] === true;
    // The record is stored; what is not held yet is only taken over when its record lacks the value.
    if (!(await requests.pause(reply.error, attempt, write.whole))) return true;
  }
}

/** Gives values back that this write claimed, or that its record has no more. */
export async function releaseUniques(values: readonly Value[], entity: StoredEntity, write: Write): Promise<void> {
  const { requests } = entity;
  for (const value of values) {
    const statements = statementsOf(value.table, entity);
    const level = levelCodes[requests.levels.serial];
    try {
      const { rows } = await requests.read(statements.read, value.key, level, write.whole);
      const claim = rows?.[0]?.["kf_claim"];
      if (claim !== null && claim !== undefined) {
        await requests.transact(statements.free, [...value.key, claim], write.whole);
      }
    } catch {
      // It is taken over when somebody wants the value: no record stands for it.
    }
  }
}
