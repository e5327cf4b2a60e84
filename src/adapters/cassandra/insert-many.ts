import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Call, RecordData } from "../port/adapter.js";
import { failed, type WriteOutcome } from "../port/outcome.js";
import { groupByPartition, insertGroup, isBatched } from "./insert-batches.js";
import { insertOne } from "./modify.js";
import { inParallel } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** Records under way at once: enough to keep a cluster busy, few enough that none waits long. */
const PLAIN_IN_FLIGHT = 96;
/** Batches of one partition: each is some twenty records. */
const BATCHES_IN_FLIGHT = 16;
/** Lightweight transactions wait for replicas four times. */
const CONDITIONAL_IN_FLIGHT = 48;

/** Inserts records through bounded concurrency; one outcome for each, in order. */
export async function insertMany(
  records: readonly RecordData[],
  entity: StoredEntity,
  call: Call,
  deadline: Deadline,
): Promise<readonly WriteOutcome[]> {
  const outcomes = new Array<WriteOutcome>(records.length);
  if (isBatched(entity)) {
    await insertByPartition(records, outcomes, entity, call, deadline);
    return outcomes;
  }
  const inFlight = entity.codec.entity.writes === "plain" ? PLAIN_IN_FLIGHT : CONDITIONAL_IN_FLIGHT;
  await inParallel([...records.keys()], inFlight, async (at) => {
    outcomes[at] = await outcomeOf(() => insertOne(records[at] as RecordData, entity, call, deadline));
  });
  return outcomes;
}

/** Records of one partition together; of two with one key the later one is written later, as without batches. */
async function insertByPartition(
  records: readonly RecordData[],
  outcomes: WriteOutcome[],
  entity: StoredEntity,
  call: Call,
  deadline: Deadline,
): Promise<void> {
  let left: { record: RecordData; at: number }[] = [];
  for (const [at, record] of records.entries()) {
    const fault = entity.codec.fault(record);
    if (fault === undefined) left.push({ record, at });
    else outcomes[at] = failed(fault);
  }
  while (left.length > 0) {
    const { groups, again } = groupByPartition(left, entity);
    await inParallel(groups, BATCHES_IN_FLIGHT, async (group) => {
      try {
        const found = await insertGroup(group, entity, call, deadline);
        for (const [index, { at }] of group.entries()) outcomes[at] = found[index]!;
      } catch (thrown) {
        if (!(thrown instanceof KeyfoldError)) throw thrown;
        // One of them is too large, or the time is over: each has an answer of its own.
        await inParallel(group, group.length, async ({ record, at }) => {
          outcomes[at] = await outcomeOf(() => insertOne(record, entity, call, deadline));
        });
      }
    });
    left = [...again];
  }
}

async function outcomeOf(work: () => Promise<WriteOutcome>): Promise<WriteOutcome> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof KeyfoldError)) throw thrown;
    return failed(thrown);
  }
}
