import type { Deadline } from "../../internal/deadline.js";
import { inParallel } from "../../internal/in-parallel.js";
import type { KeySource } from "../../plan/cassandra/types.js";
import type { ApplyCall, DesignItem, RecordData } from "../port/adapter.js";
import { compareValues, compilePath } from "../port/conditions.js";
import { runWrite } from "../port/write.js";
import { removeRows, writeTogether } from "./beside.js";
import type { StoredRow } from "./codec.js";
import type { Row } from "./driver.js";
import { bucketNaming, type CompiledTable } from "./tables.js";
import { finish } from "./transition.js";
import { compileDecoder } from "./values.js";
import { walkTable, wholeRing } from "./walk.js";
import { readHome, type StoredEntity } from "./write.js";

/** Rows of a page that are looked at at once. */
const IN_FLIGHT = 32;
/** What is younger, and stands for no record, may be on its way: a writer's clock may be behind so far. */
const YOUNG_MS = 60_000;

/**
 * Finishes what writers that died left of an entity: reads all its home rows, and writes what is made of those whose batch
 * is not known to be done; then reads all rows that are made of records, and removes those that their record, or its
 * grave, does not stand for. A row is removed with the version that it was judged by, or a minute ago where there is
 * none, as its timestamp, so that whatever a writer made of the record since stays. Gives what it came to, table by table.
 */
export async function sweepEntity(
  entity: StoredEntity,
  call: ApplyCall,
  deadline: Deadline,
): Promise<readonly DesignItem[]> {
  const { codec } = entity;
  if (codec.entity.writes !== "conditional" || codec.beside.length === 0) return [];
  const items: DesignItem[] = [];
  for (const table of [codec.home, ...codec.beside]) {
    const isHome = table === codec.home;
    const judge = isHome ? (row: Row) => finishRow(row, entity, deadline) : compileJudge(table, entity, deadline);
    const { name } = table.plan;
    const step = `sweep of ${name}`;
    call.onProgress?.({ step, state: "started" });
    let [done, changed] = [0, 0];
    const page = async (rows: readonly Row[]): Promise<void> => {
      await inParallel(rows, IN_FLIGHT, async (row) => {
        if (await judge(row)) changed++;
      });
      done += rows.length;
      call.onProgress?.({ step, state: "running", done });
    };
    await walkTable(table.plan, wholeRing(), { page }, entity.requests, deadline);
    call.onProgress?.({ step, state: "done" });
    const detail = `swept: ${changed} of ${done} rows ${isHome ? "were finished" : "stood for no record"}`;
    items.push({ kind: "contents", name, state: "same", detail });
  }
  return items;
}

/** Writes what is made of a home row, where that is not known to be done; true: it was not. */
export async function finishRow(row: Row, entity: StoredEntity, deadline: Deadline): Promise<boolean> {
  const stored = entity.codec.stored(row, entity.requests.clock.now());
  // Of a record that is gone, what it must take away names its key; where nothing must go, nothing is left.
  const key = stored?.record ?? stored?.gone;
  if (stored?.dirty !== true || key === undefined) return false;
  await runWrite({}, deadline, async (write) => {
    const left = await finish(key, stored, entity, write);
    if (left !== undefined) throw left;
  });
  return true;
}

/** Removes a row of this table where no record stands for it; true: none did. */
function compileJudge(table: CompiledTable, entity: StoredEntity, deadline: Deadline): (row: Row) => Promise<boolean> {
  const { codec, requests, leases } = entity;
  const { plan, keyColumns } = table;
  const columns = [...plan.partition, ...plan.clustering].map(({ name, source }) => ({
    name,
    equals: compileEqual(source),
    field: source.kind === "field" ? source.field : undefined,
    decode: source.kind === "field" ? compileDecoder(source.type) : undefined,
  }));
  const keyOf = (row: Row): RecordData => {
    if (plan.role === "query") return codec.record(row);
    // Contributions have all of the record's key in theirs.
    const named = columns.filter(({ field }) => field !== undefined && codec.entity.key.includes(field));
    return Object.fromEntries(named.map(({ name, field, decode }) => [field, decode?.(row[name])]));
  };
  const stands = (row: Row, stored: StoredRow | undefined): boolean => {
    const record = stored?.record;
    if (record === undefined) return false;
    const made = table.row(record, codec.identity(record));
    return (
      made !== undefined && columns.every(({ name, equals }, at) => equals(row[name], record, made.key[at] as never))
    );
  };
  const bucketAt = plan.partition.findIndex(({ source }) => source.kind === "bucket");
  return async (row) => {
    const stored = await readHome(keyOf(row), entity, false, deadline);
    if (stands(row, stored)) return false;
    const version = stored?.version ?? 0;
    const at = version > 0 ? version : (requests.clock.now() - YOUNG_MS) * 1_000;
    const bucket = plan.role === "contributions" && bucketAt >= 0 ? (row[keyColumns[bucketAt]!] as string) : undefined;
    // Its sums are added up anew.
    if (bucket !== undefined) await leases.open([{ place: plan.name, bucket }], deadline);
    const key = keyColumns.map((name) => row[name]);
    const gone = { table, key, values: [], bucket, listed: undefined, until: undefined };
    const reply = await writeTogether(removeRows([gone]), [], undefined, at, entity, deadline);
    if (reply.kind === "failed") throw reply.error;
    return true;
  };
}

/** Whether a column of a row's key is what a record has there; `made` is the value that would be written. */
function compileEqual(source: KeySource): (raw: unknown, record: RecordData, made: never) => boolean {
  switch (source.kind) {
    case "field": {
      const [read, decode] = [compilePath(source.field), compileDecoder(source.type)];
      return (raw, record) => compareValues(source.type, decode(raw), read(record)) === 0;
    }
    case "bucket": {
      const read = compilePath(source.field);
      const nameOf = bucketNaming(source);
      return (raw, record) => raw === nameOf(source.unit, read(record) as Date);
    }
    case "shard":
      return (raw, _, made) => raw === made;
    default:
      return source satisfies never;
  }
}
