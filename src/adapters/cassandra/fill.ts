import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { inParallel } from "../../internal/in-parallel.js";
import type { ApplyCall, RecordData } from "../port/adapter.js";
import { runWrite } from "../port/write.js";
import { bucketsOf, putRows, writeTogether } from "./beside.js";
import type { Contents, ContentsState, Filled } from "./contents.js";
import type { Row } from "./driver.js";
import { finishRow } from "./sweep.js";
import { claimUniques } from "./uniques.js";
import { RANGES, walkTable, wholeRing } from "./walk.js";
import { type StoredEntity, ttlOf } from "./write.js";

/** Records of a page that are written at once. */
const IN_FLIGHT = 32;

/**
 * Fills tables from the records of an entity, range by range of the ring's tokens, while others write: a row is written
 * with its record's version as its timestamp, so that whatever a writer did to the record since wins, whichever comes
 * first. Where it stands is kept in the database after each page, so that a killed pass goes on where it was. What a
 * writer that died left unfinished is finished on the way.
 */
export async function fillTables(
  tables: readonly Contents[],
  known: ReadonlyMap<string, Filled>,
  state: ContentsState,
  entity: StoredEntity,
  call: ApplyCall,
  deadline: Deadline,
): Promise<void> {
  const names = new Set(tables.map(({ table }) => table));
  const step = `contents of ${[...names].join(", ")}`;
  // A pass goes on only where all of its tables stand at the same point: else it begins anew, which is harmless.
  const stands = new Set(tables.map(({ table }) => JSON.stringify(known.get(table)?.ranges ?? [])));
  const resumed = known.get(tables[0]?.table ?? "")?.ranges;
  const ranges = stands.size === 1 && resumed?.length === RANGES ? [...resumed] : wholeRing();
  const keep = async (whole: boolean): Promise<void> => {
    for (const table of tables) await state.write(table, { whole, ranges }, deadline);
  };
  await keep(false);
  call.onProgress?.({ step, state: "started" });
  let done = 0;
  let keeping = Promise.resolve();
  const walker = {
    async page(rows: readonly Row[]): Promise<void> {
      await inParallel(rows, IN_FLIGHT, (row) => fillRow(row, names, entity, deadline));
      done += rows.length;
    },
    async seen(): Promise<void> {
      keeping = keeping.then(() => keep(false));
      await keeping;
      call.onProgress?.({ step, state: "running", done });
    },
  };
  await walkTable(entity.codec.home.plan, ranges, walker, entity.requests, deadline);
  await keep(true);
  call.onProgress?.({ step, state: "done" });
}

/** Writes what is made of one home row into the tables. */
async function fillRow(row: Row, names: ReadonlySet<string>, entity: StoredEntity, deadline: Deadline): Promise<void> {
  const { codec, requests, leases } = entity;
  await finishRow(row, entity, deadline);
  const { record, version } = codec.stored(row, requests.clock.now()) ?? {};
  if (record === undefined || version === undefined) return;
  await runWrite({}, deadline, async (write) => {
    const rows = codec.derive(record).filter(({ table }) => names.has(table.plan.name));
    if (rows.length > 0) {
      await leases.open(bucketsOf(rows), deadline);
      const ttl = codec.expires === undefined ? undefined : ttlOf(record, codec, requests.clock.now());
      // Rows of somebody else have no version: they are older than anything that keyfold writes.
      const at = version === 0 ? 1 : version;
      const reply = await writeTogether(putRows(rows, ttl, undefined), rows, undefined, at, entity, deadline);
      if (reply.kind === "failed") throw reply.error;
    }
    if (codec.uniques.some(({ plan }) => names.has(plan.name))) {
      const claims = await claimUniques(record, undefined, record, entity, write);
      if (claims.kind === "failed") throw claims.error;
      if (claims.kind === "outcome") throw notUnique(record, entity);
      await claims.taken.keep(write);
    }
  });
}

function notUnique(record: RecordData, { codec }: StoredEntity): KeyfoldError {
  const { entity, key, uniques } = codec.entity;
  const fields = uniques.map((one) => one.fields.join(", ")).join(" or ");
  return new KeyfoldError("CONFLICT", `Two ${entity} records share ${fields}, which the model declares unique.`, {
    fix: "Change or delete one of them, and run keyfold apply again.",
    data: { entity, key: Object.fromEntries(key.map((name) => [name, record[name]])) },
  });
}
