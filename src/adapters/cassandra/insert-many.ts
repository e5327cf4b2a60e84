import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { inParallel } from "../../internal/in-parallel.js";
import type { Call, RecordData } from "../port/adapter.js";
import { failed, type WriteOutcome } from "../port/outcome.js";
import { groupByPartition, insertGroup, isBatched, type Placed } from "./insert-batches.js";
import { insertOne } from "./modify.js";
import { uniqueNames } from "./uniques.js";
import type { StoredEntity } from "./write.js";

/** Records under way at once: enough to keep a cluster busy, few enough that none waits long. */
const PLAIN_IN_FLIGHT = 96;
/** Batches of one partition: each is some twenty records. */
const BATCHES_IN_FLIGHT = 16;
/** Lightweight transactions wait for replicas four times. */
const CONDITIONAL_IN_FLIGHT = 48;

/**
 * Inserts records through bounded concurrency; one outcome for each, in order. Of two that cannot both be stored the
 * earlier one is.
 */
export async function insertMany(
  records: readonly RecordData[],
  entity: StoredEntity,
  call: Call,
  deadline: Deadline,
): Promise<readonly WriteOutcome[]> {
  const outcomes = new Array<WriteOutcome>(records.length);
  const { codec } = entity;
  const placed = records.map((record, at): Placed => ({ record, at }));
  if (isBatched(entity)) {
    const possible = placed.filter(({ record, at }) => {
      const fault = codec.fault(record);
      if (fault !== undefined) outcomes[at] = failed(fault);
      return fault === undefined;
    });
    // In one batch there is no later one of a key.
    for (const round of inRounds(possible, ({ record }) => [codec.identity(record)])) {
      await insertByPartition(round, outcomes, entity, call, deadline);
    }
    return outcomes;
  }
  const inFlight = codec.entity.writes === "plain" ? PLAIN_IN_FLIGHT : CONDITIONAL_IN_FLIGHT;
  // Unique values are claimed by whoever comes first, and what one of a key does decides what is left to the next one.
  const namesOf = ({ record }: Placed) => [codec.identity(record), ...uniqueNames(record, entity)];
  for (const round of inRounds(placed, namesOf)) {
    await inParallel(round, inFlight, async ({ record, at }) => {
      outcomes[at] = await outcomeOf(() => insertOne(record, entity, call, deadline));
    });
  }
  return outcomes;
}

/** Rounds in which no name comes twice; what has a name of something earlier is in a later one. */
function inRounds(placed: readonly Placed[], namesOf: (one: Placed) => readonly string[]): readonly Placed[][] {
  const rounds: Placed[][] = [];
  const next = new Map<string, number>();
  for (const one of placed) {
    const names = namesOf(one);
    const round = names.reduce((latest, name) => Math.max(latest, next.get(name) ?? 0), 0);
    for (const name of names) next.set(name, round + 1);
    const members = rounds[round];
    if (members === undefined) rounds.push([one]);
    else members.push(one);
  }
  return rounds;
}

/** Records of one partition together. */
async function insertByPartition(
  placed: readonly Placed[],
  outcomes: WriteOutcome[],
  entity: StoredEntity,
  call: Call,
  deadline: Deadline,
): Promise<void> {
  await inParallel(groupByPartition(placed, entity), BATCHES_IN_FLIGHT, async (group) => {
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
}

async function outcomeOf(work: () => Promise<WriteOutcome>): Promise<WriteOutcome> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof KeyfoldError)) throw thrown;
    return failed(thrown);
  }
}
