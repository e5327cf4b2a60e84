import type { KeyfoldError } from "../../internal/errors.js";
import type { RecordData } from "../port/adapter.js";
import { failed, MAX_RACES, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import type { Write } from "../port/write.js";
import type { StoredRow } from "./codec.js";
import { finish, type Sent, settleSent, transition } from "./transition.js";
import { REMEMBERED, readHome, type StoredEntity, versionOfWrite } from "./write.js";

/** What a write makes of the stored record: an outcome at once, or the record as it shall be; undefined: none. */
export type Decision =
  | { readonly kind: "done"; readonly outcome: WriteOutcome }
  | { readonly kind: "write"; readonly record: RecordData | undefined };

/**
 * Changes one record by a lightweight transaction on its home row, under the condition that it still has the version that
 * the decision was made on; then writes what is made of it in one logged batch whose timestamp is that version. So of two
 * writers one decides again, and batches of one record take effect in the order of its versions, however late they come.
 * The home row says until when its batch is not known to be written (`kf_done`), and what it must take away
 * (`kf_gone`): whoever changes the record next finishes it first.
 */
export async function changeRecord(
  key: RecordData,
  decide: (stored: StoredRow | undefined) => Decision,
  write: Write,
  entity: StoredEntity,
  blind = false,
): Promise<WriteOutcome> {
  const work = () => change(key, decide, write, entity, blind);
  return entity.queue.run(entity.codec.identity(key), work, write.attempts);
}

async function change(
  key: RecordData,
  decide: (stored: StoredRow | undefined) => Decision,
  write: Write,
  entity: StoredEntity,
  blind: boolean,
): Promise<WriteOutcome> {
  const { requests, codec } = entity;
  let mayHaveRun = false;
  let doubt: KeyfoldError | undefined;
  /** What was sent and not answered, by the version it would make. */
  const sent = new Map<number, Sent>();
  /** The write that was sent takes the record away. */
  let gone = false;
  const lost = (cause: unknown): WriteOutcome => {
    entity.leases.doubt();
    return unknown("The write was sent, and it is not known what became of it.", cause);
  };
  for (let race = 0; race < MAX_RACES; race++) {
    // The first look is a quorum's; what it says is only believed when the transaction confirms it.
    let serial = race > 0;
    let stored: StoredRow | undefined;
    let decision: Decision;
    try {
      // An insert takes it that nothing is there.
      stored =
        blind && race === 0
          ? undefined
          : await readHome(key, entity, serial, race === 0 ? write.attempts : write.whole);
      decision = decide(stored);
      const remembered = versionOfWrite(stored, write.id);
      if ((decision.kind === "done" || remembered !== undefined) && !serial && !(blind && race === 0)) {
        serial = true;
        stored = await readHome(key, entity, serial, write.whole);
        decision = decide(stored);
      }
    } catch (thrown) {
      return mayHaveRun ? lost(thrown) : failed(thrown as KeyfoldError);
    }
    const known = versionOfWrite(stored, write.id);
    if (stored?.dirty === true) {
      const finished = await finish(key, stored, entity, write);
      if (finished !== undefined) return known === undefined && !mayHaveRun ? failed(finished) : lost(finished);
    }
    if (stored !== undefined && known !== undefined) return settleSent(key, stored, known, sent, write, entity);
    if (mayHaveRun) {
      // So many writes came after it that the record could have forgotten it; or nothing is left that could remember.
      const forgotten = stored === undefined ? !blind : stored.writes.length >= REMEMBERED;
      if (stored === undefined && write.call.ifVersion !== undefined && gone) {
        return { kind: "applied", version: write.call.ifVersion };
      }
      if (forgotten || write.attempts.over) return lost(doubt);
    }
    if (decision.kind === "done") return decision.outcome;
    gone = decision.record === undefined;

    const made = await transition(key, stored, decision.record, write, entity);
    if (made.kind === "outcome" || made.kind === "applied") return made.outcome;
    if (made.kind === "failed") {
      if (made.mayHaveRun) {
        mayHaveRun = true;
        doubt = made.error;
        if (made.sent !== undefined) sent.set(made.sent.version, made.sent);
      }
      if (await requests.pause(made.error, race + 1, write.attempts)) continue;
      if (!mayHaveRun) return failed(made.error);
      // A last look, at what was decided meanwhile.
      return settled(key, write, entity, sent, doubt ?? made.error);
    }
    if (race > 1) {
      const waitMs = requests.clock.random() * Math.min(200, 5 * 2 ** race);
      await requests.clock.sleep(waitMs, write.attempts.signal).catch(() => {});
    }
  }
  return mayHaveRun ? lost(doubt) : raced(codec.entity.entity);
}

/** What became of a transaction that was not answered, by a SERIAL read: it ends what is under way. */
async function settled(
  key: RecordData,
  write: Write,
  entity: StoredEntity,
  sent: ReadonlyMap<number, Sent>,
  cause: KeyfoldError,
): Promise<WriteOutcome> {
  entity.leases.doubt();
  try {
    const stored = await readHome(key, entity, true, write.whole);
    const version = versionOfWrite(stored, write.id);
    if (stored === undefined || version === undefined) {
      return unknown("The write was sent and not answered; the record does not show it yet.", cause);
    }
    const left = stored.dirty ? await finish(key, stored, entity, write) : undefined;
    return left === undefined
      ? await settleSent(key, stored, version, sent, write, entity)
      : unknown("The record is stored; its lists may lack it.", left);
  } catch (thrown) {
    return unknown("The write was sent, and no read could tell what became of it.", thrown);
  }
}
