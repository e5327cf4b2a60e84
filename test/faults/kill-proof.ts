import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngines } from "keyfold/testing";
import { type Collection, type Db, MongoBulkWriteError, MongoClient, MongoServerError } from "mongodb";
import { expect } from "vitest";
import { seededRandom } from "../../src/testing/random.js";

// The engine is killed with SIGKILL while it is written to, again and again over one folder of data. After each restart:
// what was acknowledged is there, nothing is there twice, nothing is there that was not sent, and each index holds
// exactly the documents of the collection.

interface Stored {
  _id: number;
  customer: number;
  code: string;
  tags: number[];
  n: number;
}

/** What the writers know of one document. */
interface Known {
  inserted: "sent" | "acknowledged";
  deleted?: "sent" | "acknowledged";
  /** Increments sent and acknowledged. */
  sent: number;
  acknowledged: number;
}

const document = (_id: number): Stored => ({
  _id,
  customer: _id % 37,
  code: `c-${_id}`,
  tags: [_id % 5, _id % 7, _id % 5],
  n: 0,
});

export interface KillSummary {
  readonly kills: number;
  readonly acknowledged: number;
  readonly unknown: number;
}

/** Kills the engine `kills` times under load; throws where a promise was broken. The seed replays the choices. */
export async function proveKills(kills: number, seed: number): Promise<KillSummary> {
  const random = seededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), "keyfold-kill-"));
  const known = new Map<number, Known>();
  let next = 0;
  try {
    for (let round = 0; round <= kills; round++) {
      const engines = await startEngines({ mongodb: { dataDir }, beside: true });
      const client = new MongoClient(engines.mongodb.url, { retryWrites: true, serverSelectionTimeoutMS: 500 });
      try {
        const db = client.db("kill");
        if (round === 0) await createIndexes(db);
        else await verify(db, known, `seed ${seed}, after kill ${round}`);
        if (round < kills) {
          let running = true;
          const writers = Array.from({ length: 4 }, async () => {
            while (running) if (!(await writeOnce(db.collection<Stored>("line"), known, random, () => next++))) return;
          });
          await new Promise((resolve) => setTimeout(resolve, 40 + random() * 360));
          process.kill(engines.pid as number, "SIGKILL");
          running = false;
          await Promise.all(writers);
        }
      } finally {
        await client.close();
        await engines.close();
      }
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  const all = [...known.values()];
  return {
    kills,
    acknowledged: all.filter(({ inserted }) => inserted === "acknowledged").length,
    unknown: all.filter(({ inserted }) => inserted === "sent").length,
  };
}

async function createIndexes(db: Db): Promise<void> {
  await db.collection("line").createIndexes([
    { key: { customer: 1, _id: -1 }, name: "customer" },
    { key: { code: 1 }, name: "code", unique: true },
    { key: { tags: 1 }, name: "tags" },
    { key: { n: 1 }, name: "n", partialFilterExpression: { n: { $gt: 0 } } },
  ]);
}

/** One write of some kind; false when the engine is gone. */
async function writeOnce(
  lines: Collection<Stored>,
  known: Map<number, Known>,
  random: () => number,
  nextId: () => number,
): Promise<boolean> {
  const what = random();
  if (what < 0.7 || known.size < 20) {
    const ids = Array.from({ length: what < 0.2 ? 1 : 1 + Math.floor(random() * 20) }, nextId);
    for (const id of ids) known.set(id, { inserted: "sent", sent: 0, acknowledged: 0 });
    try {
      await lines.insertMany(ids.map(document));
    } catch (error) {
      return gone(error);
    }
    for (const id of ids) (known.get(id) as Known).inserted = "acknowledged";
    return true;
  }
  const id = Math.floor(random() * known.size);
  const about = known.get(id) as Known;
  if (about.inserted !== "acknowledged" || about.deleted !== undefined) return true;
  try {
    if (what < 0.95) {
      about.sent++;
      await lines.updateOne({ _id: id }, { $inc: { n: 1 } });
      about.acknowledged++;
    } else {
      about.deleted = "sent";
      await lines.deleteOne({ _id: id });
      about.deleted = "acknowledged";
    }
  } catch (error) {
    return gone(error);
  }
  return true;
}

/** A lost connection is what a kill looks like; an answer from the engine that is an error is a finding. */
function gone(error: unknown): false {
  if (error instanceof MongoServerError && !(error instanceof MongoBulkWriteError && error.code === undefined))
    throw error;
  return false;
}

async function verify(db: Db, known: ReadonlyMap<number, Known>, when: string): Promise<void> {
  const lines = db.collection<Stored>("line");
  const stored = await lines.find({}, { hint: { $natural: 1 } }).toArray();
  const byId = new Map(stored.map((each) => [each._id, each]));
  expect(byId.size, `${when}: a document is there twice`).toBe(stored.length);
  for (const [id, about] of known) {
    const found = byId.get(id);
    if (about.deleted === "acknowledged") expect(found, `${when}: ${id} was deleted`).toBeUndefined();
    else if (about.inserted === "acknowledged" && about.deleted === undefined)
      expect(found, `${when}: ${id} was acknowledged`).toBeDefined();
    if (found === undefined) continue;
    const { n, ...rest } = found;
    const { n: _, ...sent } = document(id);
    expect(rest, when).toEqual(sent);
    expect(n, `${when}: increments of ${id}`).toBeGreaterThanOrEqual(about.acknowledged);
    expect(n, `${when}: increments of ${id}`).toBeLessThanOrEqual(about.sent);
  }
  for (const { _id } of stored) expect(known.has(_id), `${when}: ${_id} was never sent`).toBe(true);

  // Each index against the collection: a scan of it, and the documents it should hold.
  const sorted = (ids: readonly number[]) => [...ids].sort((a, b) => a - b);
  const ids = sorted(stored.map(({ _id }) => _id));
  const scan = async (filter: object, hint: string) =>
    sorted((await lines.find(filter, { hint, projection: { _id: 1 } }).toArray()).map(({ _id }) => _id));
  expect(await scan({}, "_id_"), `${when}: index _id_`).toEqual(ids);
  expect(await scan({ customer: { $gte: 0 } }, "customer"), `${when}: index customer`).toEqual(ids);
  expect(await scan({ code: { $gte: "" } }, "code"), `${when}: index code`).toEqual(ids);
  expect(await scan({ tags: { $gte: 0 } }, "tags"), `${when}: index tags`).toEqual(ids);
  const counted = stored.filter(({ n }) => n > 0).map(({ _id }) => _id);
  expect(await scan({ n: { $gt: 0 } }, "n"), `${when}: index n`).toEqual(sorted(counted));
  expect(await lines.countDocuments({ customer: 3 }), when).toBe(
    stored.filter(({ customer }) => customer === 3).length,
  );
}
