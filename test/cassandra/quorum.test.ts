import { setTimeout } from "node:timers/promises";
import { Client, errors, policies, types } from "cassandra-driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientOf, failureOf } from "./clients.js";
import { type Ring, startRing } from "./rings.js";

const { one, any, quorum, all } = types.consistencies;
const records = 20_000;
const inFlight = 32;

let ring: Ring;
let everywhere: Client;
let first: Client;

beforeAll(async () => {
  ring = await startRing();
  const { hosts, port } = ring;
  // Each node coordinates its share; what a dead one did not answer is asked again of another, which is harmless here.
  everywhere = new Client({
    contactPoints: hosts.map((host) => `${host}:${port}`),
    localDataCenter: "datacenter1",
    protocolOptions: { port },
    policies: {
      loadBalancing: new policies.loadBalancing.RoundRobinPolicy(),
      retry: new policies.retry.FallthroughRetryPolicy(),
    },
    queryOptions: { isIdempotent: true },
  });
  await everywhere.connect();
  first = await clientOf(port, hosts[0]!);
  await first.execute("DROP KEYSPACE IF EXISTS quorum");
  await first.execute("CREATE KEYSPACE quorum WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}");
  await first.execute("CREATE TABLE quorum.t (p int PRIMARY KEY, v text)");
});
afterAll(async () => {
  await everywhere?.shutdown();
  await first?.shutdown();
  await ring?.close();
});

const insert = "INSERT INTO quorum.t (p, v) VALUES (?, ?)";
const write = (client: Client, p: number, consistency: number) =>
  client.execute(insert, [p, `v${p}`], { prepare: true, consistency });
const read = async (p: number, consistency: number) =>
  (await first.execute("SELECT v FROM quorum.t WHERE p = ?", [p], { prepare: true, consistency })).rows[0]?.["v"];

/** The failure of `work`, once coordinators have noticed which nodes are gone; before that it may end in a timeout. */
async function settledFailure(work: () => Promise<unknown>) {
  const until = Date.now() + ring.noticesWithinMs;
  for (;;) {
    const failure = await failureOf(work());
    if (failure?.code === types.responseErrorCodes.unavailableException || Date.now() > until) return failure;
    await setTimeout(500);
  }
}

it("loses no record that a quorum acknowledged while a node dies", async () => {
  let next = 0;
  let again = 0;
  let kill: Promise<void> | undefined;
  const writer = async () => {
    for (let p = next++; p < records; p = next++) {
      if (p === records / 2) kill = ring.kill(3);
      for (;;) {
        try {
          await write(everywhere, p, quorum);
          break;
        } catch (error) {
          // Only what the dying node left unanswered: everything else would be a failure of the quorum.
          if (!isLostConnection(error) || ++again > 1000) throw error;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
  await kill;
  expect(await settledFailure(() => write(first, 0, all))).toMatchObject({ code: 0x1000, required: 3, alive: 2 });
  expect(await settledFailure(() => read(0, all))).toMatchObject({ code: 0x1000, required: 3, alive: 2 });
  const found = new Set<number>();
  // All pages of it.
  const rows = await first.execute("SELECT p FROM quorum.t", [], { prepare: true, consistency: quorum });
  for await (const row of rows) found.add(row["p"] as number);
  expect(found.size).toBe(records);
  const conditional = await first.execute("INSERT INTO quorum.t (p, v) VALUES (-1, 'once') IF NOT EXISTS");
  expect(conditional.wasApplied()).toBe(true);
}, 180_000);

it("refuses with Unavailable when two are gone, and never answers at a lower level", async () => {
  await ring.kill(2);
  const refused = { code: 0x1000, consistencies: quorum, required: 2, alive: 1 };
  expect(await settledFailure(() => write(first, 0, quorum))).toMatchObject(refused);
  expect(await settledFailure(() => read(0, quorum))).toMatchObject(refused);
  const again = "INSERT INTO quorum.t (p, v) VALUES (-1, 'twice') IF NOT EXISTS";
  expect(await settledFailure(() => first.execute(again))).toMatchObject({
    code: 0x1000,
    consistencies: types.consistencies.serial,
    required: 2,
    alive: 1,
  });
  expect(await read(0, one)).toBe("v0");
  await write(first, -2, one);
  await write(first, -3, any);
  expect(await read(-2, one)).toBe("v-2");
}, 180_000);

it("has everything on all nodes when they are back", async () => {
  await ring.restore();
  await everywhere.shutdown();
  for (const p of [0, records / 2, records - 1]) expect(await read(p, all)).toBe(`v${p}`);
  expect(await read(-1, quorum)).toBe("once");
  expect(await read(-2, all)).toBe("v-2");
}, 180_000);

function isLostConnection(error: unknown): boolean {
  if (error instanceof errors.NoHostAvailableError)
    return Object.values(error.innerErrors).every((inner) => isLostConnection(inner));
  const { message = "", code } = error as { message?: string; code?: unknown };
  return typeof code !== "number" && /Socket was closed|ECONNREFUSED|ECONNRESET|EPIPE|was closed/.test(message);
}
