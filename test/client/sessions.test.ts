import { serialize } from "bson";
import { expect, test } from "vitest";
import { mongodb } from "../../src/adapters/mongodb/index.js";
import { connect } from "../../src/client/connect.js";
import { makeLine, model } from "./shop.js";

/**
 * A replica set whose copies lag, as far as a session can see one: writes move the clock on; a read answers from a copy
 * that is behind, unless it names a time (`afterClusterTime`) that the copy must have reached. It stands in for the
 * server because no single server can show lag.
 */
class LaggingSet {
  seconds = 100;
  readonly log: { at: number; id: unknown; document: Record<string, unknown> }[] = [];
  readonly concerns: Record<string, unknown>[] = [];
  /** Times that a client told this server of. */
  readonly told: number[] = [];

  /** A `Db` as one process has it. */
  db(): never {
    const session = () => ({
      hasEnded: false,
      serverSession: { txnNumber: 0 },
      advanceClusterTime: (time: { clusterTime: { high: number } }) => this.told.push(time.clusterTime.high),
      endSession: async () => {},
    });
    return {
      databaseName: "x",
      client: { startSession: session, on: () => {} },
      command: async (command: Record<string, unknown>) => this.#answer(command),
    } as never;
  }

  #stamp(seconds: number): Record<string, unknown> {
    const time = { low: 1, high: seconds };
    return {
      ok: 1,
      operationTime: time,
      $clusterTime: { clusterTime: time, signature: { hash: new Uint8Array(20), keyId: 7n } },
    };
  }

  #answer(command: Record<string, unknown>): Record<string, unknown> {
    if ("hello" in command) return { ...this.#stamp(this.seconds), setName: "rs", logicalSessionTimeoutMinutes: 30 };
    if ("insert" in command) {
      this.seconds++;
      const [document] = command["documents"] as { _id: unknown }[];
      this.log.push({ at: this.seconds, id: document!._id, document: document as never });
      return { ...this.#stamp(this.seconds), n: 1 };
    }
    if ("find" in command) {
      const concern = command["readConcern"] as { afterClusterTime?: { high: number } };
      this.concerns.push(concern as never);
      const reached = Math.max(100, concern.afterClusterTime?.high ?? 0);
      const found = this.log.filter(({ at }) => at <= reached);
      return { ...this.#stamp(reached), cursor: { id: 0, firstBatch: found.map(({ document }) => encode(document)) } };
    }
    throw new Error(`unexpected ${Object.keys(command)[0]}`);
  }
}

/** A document as the driver hands it over raw; keyfold's BSON values have the shape that bson takes. */
function encode(document: Record<string, unknown>): Uint8Array {
  return serialize(document);
}

const options = { checkDesign: false };

test("a token carries what one process wrote to another; without it the other one reads the past", async () => {
  const set = new LaggingSet();
  const writer = connect(model, mongodb(set.db()), options);
  await writer.line.insert(makeLine(1));
  expect(await writer.line.get({ seq: 1 })).toEqual(makeLine(1));

  const reader = connect(model, mongodb(set.db()), options);
  expect(await reader.line.get({ seq: 1 })).toBeUndefined();
  const session = reader.$session(writer.$token());
  expect(await session.line.get({ seq: 1 })).toEqual(makeLine(1));
  // The server of the other process may not have heard of that time: it is told before the first read.
  expect(set.told).toEqual([101]);
  await session.line.get({ seq: 1 });
  expect(set.told).toEqual([101]);
  expect(set.concerns.at(-1)).toMatchObject({ level: "majority", afterClusterTime: { high: 101 } });
});

test("sessions of one client are apart, and a session never goes back", async () => {
  const set = new LaggingSet();
  const shop = connect(model, mongodb(set.db()), options);
  const own = shop.$session();
  await own.line.insert(makeLine(2));
  expect(await own.line.get({ seq: 2 })).toEqual(makeLine(2));
  expect(await shop.line.get({ seq: 2 })).toBeUndefined();
  expect(await own.line.get({ seq: 2 }, { consistency: "eventual" })).toBeUndefined();
  expect(await own.line.get({ seq: 2 })).toEqual(makeLine(2));
});
