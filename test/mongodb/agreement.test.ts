import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTarget } from "./embedded.js";
import { collections, filters, projections, sorts, updates } from "./generators.js";
import { connectTarget, type Request, type Target } from "./targets.js";

const oracleUrl = process.env["KEYFOLD_TEST_MONGODB_ORACLE_URL"];
const runs = Number(process.env["KEYFOLD_TEST_RUNS"] ?? 300);
const seed = Number(process.env["KEYFOLD_TEST_SEED"] ?? Date.now() % 1_000_000);

const byId = { _id: 1 };
const requests: Readonly<Record<string, fc.Arbitrary<Request>>> = {
  filters: fc.tuple(collections, filters).map(([docs, filter]) => ({ docs, find: { filter, sort: byId } })),
  sorts: fc.tuple(collections, sorts).map(([docs, sort]) => ({ docs, find: { filter: {}, sort } })),
  projections: fc
    .tuple(collections, fc.oneof(fc.constant({}), filters), projections)
    .map(([docs, filter, projection]) => ({ docs, find: { filter, projection, sort: byId } })),
  updates: fc
    .tuple(collections, fc.oneof(fc.constant({}), filters), updates, fc.boolean())
    .map(([docs, filter, { u, arrayFilters }, multi]) => ({
      docs,
      update: {
        filter,
        update: u as never,
        ...(arrayFilters === undefined ? {} : { arrayFilters }),
        multi: multi && Object.keys(u as object)[0]?.startsWith("$") === true,
      },
    })),
};

// docs/engines/mongodb-differences.md lists what is accepted; nothing of it can come from these generators.
describe.skipIf(!oracleUrl)("agreement with MongoDB's own engine (KEYFOLD_TEST_MONGODB_ORACLE_URL)", () => {
  let ours: Target;
  let oracle: Target;
  beforeAll(async () => {
    ours = await openTarget();
    oracle = await connectTarget(oracleUrl!);
  });
  afterAll(async () => {
    await ours?.close();
    await oracle?.close();
  });

  it.each(Object.keys(requests))(
    "%s",
    async (name) => {
      console.log(`agreement on ${name}: KEYFOLD_TEST_SEED=${seed}, ${runs} runs`);
      await fc.assert(
        fc.asyncProperty(requests[name]!, async (request) => {
          const want = await oracle.run(request);
          const got = await ours.run(request);
          expect({ docs: got.docs, code: got.code }).toEqual({ docs: want.docs, code: want.code });
        }),
        { seed, numRuns: runs, endOnFailure: true },
      );
    },
    30 * 60_000,
  );
});
