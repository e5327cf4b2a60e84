import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { identifierList } from "../../plan/cassandra/statements.js";
import type { ApplyCall, RecordData } from "../port/adapter.js";
import { runWrite } from "../port/write.js";
import { bucketsOf, putRows, writeTogether } from "./beside.js";
import type { Contents, ContentsState, Filled } from "./contents.js";
import type { Row } from "./driver.js";
import { levelCodes } from "./levels.js";
import { inParallel } from "./read-records.js";
import type { Statement } from "./requests.js";
import { finish } from "./transition.js";
import { claimUniques } from "./uniques.js";
import { type StoredEntity, ttlOf } from "./write.js";

/** Pieces of the ring that are walked at once. */
const RANGES = 8;
/** Rows of one page: progress is kept after each. */
const PAGE_ROWS = 500;
/** Records of a page that are written at once. */
const IN_FLIGHT = 32;
const RING = 2n ** 64n;
const LEAST = -(2n ** 63n);

/**
 * Fills tables from the records of an entity, range by range of the ring's tokens, while others write: a row is written
 * with its record's version as its timestamp, so that whatever a writer did to the record since wins, whichever comes
 * first. Where it stands is kept in the database, so that a killed pass goes on where it was. What a writer that died
 * left unfinished is finished on the way.
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
  const ranges =
    stands.size === 1 && resumed?.length === RANGES
      ? [...resumed]
      : Array.from({ length: RANGES }, (_, at) => String(LEAST + (RING / BigInt(RANGES)) * BigInt(at)));
  const keep = async (whole: boolean): Promise<void> => {
    for (const table of tables) await state.write(table, { whole, ranges }, deadline);
  };
  await keep(false);
  call.onProgress?.({ step, state: "started" });
  const { requests } = entity;
  const walk = walkStatement(entity);
  const level = levelCodes[requests.levels.read];
  const whole = (value: bigint): unknown => (requests.bigints ? value : String(value));
  let done = 0;
  let keeping = Promise.resolve();
  let broken = false;
  const walkRange = async (from: string, range: number): Promise<void> => {
    if (from === "") return;
    // The ring's last token belongs to the last range.
    const end = range === RANGES - 1 ? -(LEAST + 1n) : LEAST + (RING / BigInt(RANGES)) * BigInt(range + 1);
    const params = [whole(BigInt(from)), whole(end)];
    let pageState: string | undefined;
    do {
      const page = pageState === undefined ? { fetchSize: PAGE_ROWS } : { fetchSize: PAGE_ROWS, pageState };
      const result = await requests.read(walk, params, level, deadline, page);
      const rows = result.rows ?? [];
      await inParallel(rows, IN_FLIGHT, (row) => fillRow(row, names, entity, deadline));
      done += rows.length;
      pageState = result.pageState ?? undefined;
      const last = rows.at(-1);
      // The partition of the last row may go on: who begins here walks it again.
      if (pageState === undefined) ranges[range] = "";
      else if (last !== undefined) ranges[range] = String(BigInt(String(last["kf_token"])) - 1n);
      keeping = keeping.then(() => keep(false));
      await keeping;
      call.onProgress?.({ step, state: "running", done });
      // One range that fails ends the others, and the error is thrown when nothing is under way any more.
    } while (pageState !== undefined && !broken);
  };
  const walked = await Promise.allSettled(
    ranges.map((from, range) =>
      walkRange(from, range).catch((error: unknown) => {
        broken = true;
        throw error;
      }),
    ),
  );
  for (const range of walked) if (range.status === "rejected") throw range.reason;
  await keep(true);
  call.onProgress?.({ step, state: "done" });
}

function walkStatement({ codec, requests }: StoredEntity): Statement {
  const { plan } = codec.home;
  const columns = identifierList([...plan.partition, ...plan.clustering, ...plan.columns].map(({ name }) => name));
  const token = `token(${identifierList(plan.partition.map(({ name }) => name))})`;
  return {
    query: `SELECT ${columns}, ${token} AS kf_token FROM ${requests.qualify(plan.name)} WHERE ${token} > ? AND ${token} <= ?`,
    operation: "SELECT",
    table: plan.name,
  };
}

/** Writes what is made of one home row into the tables. */
async function fillRow(row: Row, names: ReadonlySet<string>, entity: StoredEntity, deadline: Deadline): Promise<void> {
  const { codec, requests, leases } = entity;
  const stored = codec.stored(row, requests.clock.now());
  if (stored === undefined) return;
  const { record, version } = stored;
  await runWrite({}, deadline, async (write) => {
    // Of a record that is gone, what it must take away names its key; where nothing must go, nothing is left.
    const key = record ?? stored.gone;
    if (stored.dirty && key !== undefined) {
      const left = await finish(key, stored, entity, write);
      if (left !== undefined) throw left;
    }
    if (record === undefined) return;
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
