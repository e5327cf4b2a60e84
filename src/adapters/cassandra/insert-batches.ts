import type { Deadline } from "../../internal/deadline.js";
import type { Call, RecordData } from "../port/adapter.js";
import { keyName } from "../port/key-name.js";
import { failed, unknown, type WriteOutcome } from "../port/outcome.js";
import { runWrite, type Write } from "../port/write.js";
import { STATEMENT_BYTES } from "./beside.js";
import type { BatchQuery } from "./driver.js";
import { isBatchTooLarge } from "./errors.js";
import { homeRow, insertPlain } from "./insert-plain.js";
import { readHome, type StoredEntity, sizeOf, ttlOf } from "./write.js";

/**
 * Bytes of one batch: the server warns of it in its log from 5 KiB on (cassandra.yaml, `batch_size_warn_threshold`). More
 * would gain little: the node has one mutation to log and to apply, however many rows are in it.
 */
const BATCH_BYTES = 4.5 * 1024;

/** A record of the call, and its place there. */
export interface Placed {
  readonly record: RecordData;
  readonly at: number;
}

/** Whether records that share a partition are written together: plain ones, of which there is nothing but the home row. */
export function isBatched({ codec }: StoredEntity): boolean {
  return codec.entity.writes === "plain" && codec.beside.length === 0 && codec.home.plan.clustering.length > 0;
}

/** Records in groups of one partition that go in one batch; no key may come twice in all of them. */
export function groupByPartition(placed: readonly Placed[], { codec }: StoredEntity): readonly (readonly Placed[])[] {
  const open = new Map<string, { placed: Placed[]; bytes: number }>();
  const groups: (readonly Placed[])[] = [];
  const { partition } = codec.home.plan;
  for (const one of placed) {
    const name = keyName(codec.home.key(one.record, codec.identity(one.record)).slice(0, partition.length));
    const bytes = STATEMENT_BYTES + sizeOf(Object.values(one.record));
    let group = open.get(name);
    if (group === undefined || group.bytes + bytes > BATCH_BYTES) {
      group = { placed: [], bytes: 0 };
      open.set(name, group);
      groups.push(group.placed);
    }
    group.placed.push(one);
    group.bytes += bytes;
  }
  return groups;
}

/**
 * Inserts the records of one partition: in one unlogged batch with one timestamp, which its replicas apply as one
 * mutation, all of it or nothing. One outcome for each, in order.
 */
export async function insertGroup(
  group: readonly Placed[],
  entity: StoredEntity,
  call: Call,
  whole: Deadline,
): Promise<readonly WriteOutcome[]> {
  const [first] = group;
  if (group.length === 1 && first !== undefined) return [await insertPlain(first.record, entity, call, whole)];
  return runWrite(call, whole, async (write) => {
    const { requests, codec } = entity;
    const version = requests.nextVersion();
    const queries = group.map(({ record }): BatchQuery => {
      const ttl = codec.expires === undefined ? undefined : ttlOf(record, codec, requests.clock.now());
      const { statement, params } = homeRow(record, version, ttl, entity);
      return { query: statement.query, params };
    });
    const reply = await requests.batch(queries, version, write.attempts, { logged: false });
    if (reply.kind === "failed" && isBatchTooLarge(reply.error)) {
      return Promise.all(group.map(({ record }) => insertPlain(record, entity, call, whole)));
    }
    const outcome =
      reply.kind === "reply"
        ? ({ kind: "applied", version } as const)
        : reply.mayHaveRun
          ? await settle(first!.record, version, reply.error, write, entity)
          : failed(reply.error);
    return group.map(() => outcome);
  });
}

/** Whether a batch that was not answered is there: one of its rows tells of all. */
async function settle(
  record: RecordData,
  version: number,
  error: unknown,
  write: Write,
  entity: StoredEntity,
): Promise<WriteOutcome> {
  try {
    const stored = await readHome(record, entity, false, write.whole);
    if (stored?.version === version) return { kind: "applied", version };
    return unknown("The inserts were sent and not answered; the records do not show them yet.", error);
  } catch (thrown) {
    return unknown("The inserts were sent, and no read could tell what became of them.", thrown);
  }
}
