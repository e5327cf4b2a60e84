import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningEngine } from "../../src/engines/engine.js";
import { startRedis } from "../../src/engines/redis/server.js";
import { compare, type Sequence, sequences } from "./agreement.js";
import { knownDifferences } from "./known-differences.js";

/** A real server that may be emptied: `redis://127.0.0.1:PORT`. */
const url = process.env["KEYFOLD_TEST_REDIS_URL"];
/** How many sequences; a new seed each time unless one is given (a failure prints its own). */
const runs = Number(process.env["KEYFOLD_TEST_REDIS_RUNS"] ?? 150);
const seed = process.env["KEYFOLD_TEST_REDIS_SEED"];

describe.skipIf(url === undefined)("the embedded Redis and a real one (needs KEYFOLD_TEST_REDIS_URL)", () => {
  let engine: RunningEngine;
  beforeAll(async () => {
    engine = await startRedis({});
  });
  afterAll(async () => {
    await engine.close();
  });

  it(
    "give the same replies, events and data for any requests: pipelined, in transactions, from scripts, in RESP2 and RESP3",
    async () => {
      const theirs = Number(new URL(url!).port);
      const agree = async (sequence: Sequence): Promise<void> => {
        expect(await compare(engine.port, theirs, sequence, knownDifferences(sequence))).toBeUndefined();
      };
      await fc.assert(fc.asyncProperty(sequences, agree), {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      });
    },
    30 * 60_000,
  );
});
