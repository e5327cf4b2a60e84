import type { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { limitsOf } from "../../plan/cassandra/limits.js";
import type { PlacedBucket } from "../port/bucket-leases.js";
import type { BatchQuery } from "./driver.js";
import { isBatchlogLost, isBatchTooLarge } from "./errors.js";
import type { Statement } from "./requests.js";
import type { DerivedRow } from "./tables.js";
import { type StoredEntity, sizeOf, ttlUntil } from "./write.js";

/** Of the bytes at which the server refuses a batch: above that statements go one by one. */
const BATCH_SHARE = 0.8;
/** Bytes that a statement has beside its values. */
export const STATEMENT_BYTES = 60;

/** One statement and its values. */
export interface Bound {
  readonly statement: Statement;
  readonly params: readonly unknown[];
}

/** Buckets that rows are added to or taken from: each must be open meanwhile. */
export function bucketsOf(rows: readonly DerivedRow[]): readonly PlacedBucket[] {
  return rows.flatMap(({ table, bucket }) => (bucket === undefined ? [] : [{ place: table.plan.name, bucket }]));
}

/** Writes of rows, with a TTL where records expire; `absent`: what is written where the record has no value. */
export function putRows(
  rows: readonly DerivedRow[],
  ttl: number | undefined,
  absent: null | undefined,
): readonly Bound[] {
  return rows.map(({ table, key, values }) => {
    const filled = absent === null ? values.map((value) => (value === undefined ? null : value)) : values;
    return ttl === undefined
      ? { statement: table.insert, params: [...key, ...filled] }
      : { statement: table.insertFor, params: [...key, ...filled, ttl] };
  });
}

/** Deletes of rows. */
export function removeRows(rows: readonly DerivedRow[]): readonly Bound[] {
  return rows.map(({ table, key }) => ({ statement: table.remove, params: key }));
}

/** The row that says that a group has a bucket. */
interface BucketRow extends Bound {
  readonly key: readonly unknown[];
  readonly until: number;
}

/** The timestamp of what never ends: above that of any end. */
const FOREVER = 9_000_000_000_000;

/** Ends within one of these are one to the row of a bucket: else each record, which ends later than the last, would write it. */
const END_STEP_MS = 3_600_000;

/**
 * Rows of which groups have which buckets, as far as this process has not told of them. Where records end, so does the row
 * of their bucket, within an hour of the last of them: the later end has the greater timestamp, whichever is written
 * first. The timestamps are ends in milliseconds: as microseconds they lie in 1970, and ScyllaDB refuses those that lie
 * days ahead (scylla.yaml, `restrict_future_timestamp`).
 */
function newBuckets(rows: readonly DerivedRow[], { known, codec, requests }: StoredEntity): readonly BucketRow[] {
  return rows.flatMap(({ table: { list }, listed: key, until: end }) => {
    if (key === undefined || list === undefined) return [];
    const last = end === undefined ? undefined : new Date(Math.ceil(end.getTime() / END_STEP_MS) * END_STEP_MS);
    const ttl = ttlUntil(last, requests.clock.now());
    const until = last === undefined || ttl === 0 ? FOREVER : Math.max(1, last.getTime());
    if (known.has(list.table, key, until)) return [];
    const using = codec.expires === undefined ? [] : [requests.bigints ? BigInt(until) : until, ttl];
    return [{ statement: list, params: [...key, ...using], key, until }];
  });
}

/** What became of a group of statements. */
export type GroupReply =
  | { readonly kind: "reply" }
  | { readonly kind: "failed"; readonly error: KeyfoldError; readonly mayHaveRun: boolean };

/**
 * Writes statements with one timestamp: one alone, several in a logged batch; what no batch holds one by one, `last`
 * behind all others. So also where the log of batches does not answer and a half is no harm: a record that is written
 * conditionally says itself what of it is not written yet, and a fill goes over it again.
 */
export async function writeTogether(
  statements: readonly Bound[],
  rows: readonly DerivedRow[],
  last: Bound | undefined,
  timestamp: number,
  entity: StoredEntity,
  deadline: Deadline,
): Promise<GroupReply> {
  const { requests, known } = entity;
  if (statements.length === 0 && last !== undefined) {
    return requests.write(last.statement, last.params, timestamp, deadline);
  }
  const buckets = newBuckets(rows, entity);
  const all = [...buckets, ...statements, ...(last === undefined ? [] : [last])];
  const tell = (): void => {
    for (const { statement, key, until } of buckets) known.add(statement.table, key, until);
  };
  const [only] = all;
  if (only === undefined) return { kind: "reply" };
  if (all.length === 1) return requests.write(only.statement, only.params, timestamp, deadline);
  const bytes = all.reduce((sum, { params }) => sum + STATEMENT_BYTES + sizeOf(params), 0);
  const otherwise = last === undefined || entity.codec.entity.writes === "conditional";
  if (bytes <= BATCH_SHARE * limitsOf(requests.engine).batchBytes && !(otherwise && !requests.hasBatchlog)) {
    const queries = all.map(({ statement, params }): BatchQuery => ({ query: statement.query, params }));
    const reply = await requests.batch(queries, timestamp, deadline, { otherwise });
    if (reply.kind === "reply") {
      tell();
      return reply;
    }
    if (!isBatchTooLarge(reply.error) && !(otherwise && isBatchlogLost(reply.error))) return reply;
  }
  const first = await Promise.all(
    [...buckets, ...statements].map(({ statement, params }) => requests.write(statement, params, timestamp, deadline)),
  );
  const broken = first.find((reply) => reply.kind === "failed");
  if (broken?.kind === "failed") return { ...broken, mayHaveRun: true };
  tell();
  return last === undefined ? { kind: "reply" } : requests.write(last.statement, last.params, timestamp, deadline);
}
