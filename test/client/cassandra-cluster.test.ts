/**
 * A model on three nodes of which some go away: nothing that was acknowledged is lost, and no level is lowered. On the
 * embedded ring, and on three nodes of Apache Cassandra by `npm run test:real -- cassandra3`: what guides/consistency.md
 * says of a node's loss is this.
 */

import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { cassandra, open } from "../../src/adapters/cassandra/index.js";
import { connect } from "../../src/client/connect.js";
import { defineModel, describe as describeModel, entity, get, list } from "../../src/index.js";
import { type Ring, startRing } from "../cassandra/rings.js";
import { freshName, line, makeLine } from "./shop.js";

const event = entity("event", {
  schema: z.object({ id: z.int(), of: z.string(), text: z.string() }),
  key: ["id"],
  appendOnly: true,
});
const model = defineModel({
  entities: { line, event },
  patterns: {
    lineBySeq: get(line, { consistency: "strong" }),
    linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
    eventsOf: list(event, { by: ["of"], order: { id: "asc" } }),
  },
});
const RECORDS = 600;
const records = Array.from({ length: RECORDS }, (_, seq) => makeLine(seq));
const eventOf = (id: number) => ({ id, of: `e${id % 4}`, text: `event ${id}` });

let ring: Ring;
let client: ReturnType<typeof open>["client"];
const keyspace = freshName();
const adapter = () => cassandra(client, { keyspace });
beforeAll(async () => {
  ring = await startRing();
  ({ client } = open(`cassandra://${ring.hosts.join(",")}:${ring.port}/${keyspace}?dc=datacenter1`));
  await adapter().bind(describeModel(model)).apply({});
}, 120_000);
afterAll(async () => {
  await client?.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`).catch(() => {});
  await client?.shutdown();
  await ring?.close();
}, 60_000);

/** What becomes of a read at each level and of a write of each kind, where each has 3 s. */
const asked = {
  strong: (shop) => shop.lineBySeq({ seq: 1 }, { consistency: "strong" }),
  session: (shop) => shop.lineBySeq({ seq: 1 }, { consistency: "session" }),
  bounded: (shop) => shop.lineBySeq({ seq: 1 }, { consistency: "bounded" }),
  eventual: (shop) => shop.lineBySeq({ seq: 1 }, { consistency: "eventual" }),
  "list at session": (shop) => shop.linesByCustomer({ customerId: "C1" }, { limit: 5 }),
  insert: (shop, number) => shop.line.insert(makeLine(number)),
  "insert of an append-only record": (shop, number) => shop.event.insert(eventOf(number)),
} satisfies Record<string, (shop: Hurried, number: number) => Promise<unknown>>;
type Asked = keyof typeof asked;

const connectTo = (deadlineMs: number) => connect(model, adapter(), { deadlineMs, checkDesign: false });
type Hurried = ReturnType<typeof connectTo>;
/** Each write has a record of its own. */
let written = 10_000;

/** "ok", or the code of the error with the numbers that it has. */
async function outcomeOf(name: Asked): Promise<string> {
  try {
    const answer = await asked[name](connectTo(3_000), written++);
    return answer === undefined ? "nothing was found" : "ok";
  } catch (error) {
    const { code, data } = error as { code?: string; data?: { required?: number; alive?: number } };
    // A logged batch is refused for the nodes that its log lacks, which Cassandra counts without the coordinator.
    const told = data?.required === undefined || name === "insert of an append-only record";
    return told ? `${code}` : `${code}, ${data.alive} of ${data.required}`;
  }
}

/** The outcome once coordinators have noticed which nodes are gone; before that a request may end in a timeout. */
async function settled(name: Asked, expected: string): Promise<string> {
  for (const until = Date.now() + ring.noticesWithinMs; ; await setTimeout(500)) {
    const outcome = await outcomeOf(name);
    if (outcome === expected || Date.now() > until) return outcome;
  }
}

async function expectOutcomes(expected: Readonly<Record<Asked, string>>): Promise<void> {
  const found: Partial<Record<Asked, string>> = {};
  for (const name of Object.keys(asked) as Asked[]) found[name] = await settled(name, expected[name]);
  expect(found).toEqual(expected);
}

describe("on three nodes", { timeout: 240_000 }, () => {
  test("one goes while records are written: none is lost, and every level is served as before", async () => {
    const shop = connectTo(20_000);
    const { rows } = await client.execute(
      `SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = '${keyspace}'`,
    );
    expect(JSON.stringify(rows[0]?.["replication"])).toContain('"3"');
    const writing = shop.line.insertMany(records);
    await ring.kill(3);
    const done = await writing;
    expect(done.failures).toEqual([]);
    expect(done.applied).toBe(RECORDS);
    expect(await shop.line.getMany(records.map(({ seq }) => ({ seq })))).toEqual(records);
    const listed: unknown[] = [];
    for await (const record of shop.linesByCustomer.each({ customerId: "C1" })) listed.push(record);
    expect(listed).toHaveLength(RECORDS / 4);
    await expectOutcomes({
      strong: "ok",
      session: "ok",
      bounded: "ok",
      eventual: "ok",
      "list at session": "ok",
      insert: "ok",
      "insert of an append-only record": "ok",
    });
  });

  test("with two gone only eventual reads are served, and the others are told how many replicas are missing", async () => {
    await ring.kill(2);
    const missing = "UNAVAILABLE, 1 of 2";
    await expectOutcomes({
      strong: missing,
      session: missing,
      bounded: missing,
      // One replica is enough for what may be stale.
      eventual: "ok",
      "list at session": missing,
      insert: missing,
      "insert of an append-only record": "UNAVAILABLE",
    });
  });

  test("when they are back, everything that was acknowledged is there at every level", async () => {
    await ring.restore();
    await expectOutcomes({
      strong: "ok",
      session: "ok",
      bounded: "ok",
      eventual: "ok",
      "list at session": "ok",
      insert: "ok",
      "insert of an append-only record": "ok",
    });
    expect(await connectTo(20_000).line.getMany(records.map(({ seq }) => ({ seq })))).toEqual(records);
  });
});
