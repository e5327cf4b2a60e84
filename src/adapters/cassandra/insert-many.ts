import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Call, RecordData } from "../port/adapter.js";
import { failed, type WriteOutcome } from "../port/outcome.js";
import { insertOne } from "./modify.js";
import { inParallel } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** Records under way at once: enough to keep a cluster busy, few enough that none waits long. */
const PLAIN_IN_FLIGHT = 96;
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
  const inFlight = entity.codec.entity.writes === "plain" ? PLAIN_IN_FLIGHT : CONDITIONAL_IN_FLIGHT;
  await inParallel([...records.keys()], inFlight, async (at) => {
    try {
      outcomes[at] = await insertOne(records[at] as RecordData, entity, call, deadline);
    } catch (thrown) {
      if (!(thrown instanceof KeyfoldError)) throw thrown;
      outcomes[at] = failed(thrown);
    }
  });
  return outcomes;
}
