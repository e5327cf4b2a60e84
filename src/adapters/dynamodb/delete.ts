import type { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import type { Doc } from "../../patterns/dynamodb/driver.js";
import type { ConditionalCall, RecordData } from "../port/adapter.js";
import { failed, MAX_RACES, notApplied, raced, unknown, type WriteOutcome } from "../port/outcome.js";
import { runWrite } from "../port/write.js";
import type { StoredItem } from "./codec.js";
import { living } from "./expiry.js";
import { Placeholders } from "./expressions.js";
import { demands } from "./modify.js";
import type { WriteReply } from "./requests.js";
import { sameVersion } from "./seen-change.js";
import { besides, deleteBeside, transact } from "./transaction.js";
import { readHome, type StoredEntity } from "./write.js";

/** Deletes one record, and all that was made of it. */
export async function deleteOne(
  key: RecordData,
  entity: StoredEntity,
  call: ConditionalCall,
  whole: Deadline,
): Promise<WriteOutcome> {
  return runWrite(call, whole, async (write) => {
    const { requests, codec } = entity;
    let mayHaveRun = false;
    for (let race = 0; race < MAX_RACES; race++) {
      // Read first: sent twice, a delete must not take a record that was inserted in between.
      let stored: StoredItem | undefined;
      try {
        stored = await readHome(key, entity, race === 0 ? write.attempts : write.whole);
      } catch (thrown) {
        if (mayHaveRun) return unknown("The delete was sent, and no read could tell what became of it.", thrown);
        return failed(thrown as KeyfoldError);
      }
      stored = living(stored, entity);
      if (stored === undefined) return mayHaveRun ? goneAlready(call) : notApplied("missing", undefined);
      if (call.ifVersion !== undefined && stored.version !== call.ifVersion)
        return notApplied("version", stored.version);
      const to = new Placeholders();
      const conditions = [
        sameVersion(stored, requests.key, to),
        ...demands({ ...call, ifVersion: undefined }, entity, to),
      ];
      const remove: Doc = {
        TableName: requests.table,
        Key: codec.keyItem(key),
        ConditionExpression: conditions.join(" AND "),
        ...to.members(),
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      };
      const derived = codec.derive(stored.record);
      let reply: WriteReply;
      if (derived.length === 0) reply = await requests.write("DeleteItem", remove, write.attempts);
      else {
        await entity.buckets.open(besides(derived), write.attempts);
        const items = [{ Delete: remove }, ...derived.map((one) => deleteBeside(one, requests))];
        reply = await transact(items, entity, write.attempts);
      }
      if (reply.kind === "reply") return { kind: "applied", version: stored.version };
      if (reply.kind === "failed") {
        if (!reply.mayHaveRun && !mayHaveRun) return failed(reply.error);
        entity.buckets.doubt();
        let now: StoredItem | undefined;
        try {
          now = await readHome(key, entity, write.whole);
        } catch (thrown) {
          return unknown("The delete was sent, and no read could tell what became of it.", thrown);
        }
        if (now === undefined) return goneAlready(call);
        return unknown("The delete was sent and not answered; the record is still there.", reply.error);
      }
      mayHaveRun ||= reply.mayHaveRun;
      if ((call.if?.length ?? 0) > 0) {
        const now = await readHome(key, entity, write.whole);
        if (now !== undefined && now.version === stored.version) return notApplied("condition", now.version);
      }
    }
    return raced(codec.entity.entity);
  });
}

/** The record is gone after a delete that was not answered. */
function goneAlready(call: ConditionalCall): WriteOutcome {
  // With a version only this delete, or another of the same version, can have taken it: the demand is met.
  if (call.ifVersion !== undefined) return { kind: "applied", version: call.ifVersion };
  return unknown("The record is gone; whether this delete or another one took it is not known.", undefined);
}
