import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningEngine } from "../../src/engines/engine.js";
import { startRedis } from "../../src/engines/redis/server.js";
import { compare } from "./agreement.js";

/** A real server that may be emptied: `redis://127.0.0.1:PORT`. */
const url = process.env["KEYFOLD_TEST_REDIS_URL"];

/** A string that INCRBYFLOAT made reads as an integer here and as a short text there; both are right for the value. */
function known(request: readonly string[], ours: string, theirs: string): boolean {
  return request[0] === "OBJECT" && ours === '"$int"' && theirs === '"$embstr"';
}

describe.skipIf(url === undefined)("the embedded Redis and a real one (needs KEYFOLD_TEST_REDIS_URL)", () => {
  let engine: RunningEngine;
  beforeAll(async () => {
    engine = await startRedis({});
  });
  afterAll(async () => {
    await engine.close();
  });

  for (const resp of [2, 3] as const) {
    it.each(Array.from({ length: 20 }, (_, seed) => seed))(`agree in RESP${resp}, seed %i`, async (seed) => {
      const theirs = Number(new URL(url!).port);
      expect(await compare(engine.port, theirs, seed, 500, resp, known)).toBeUndefined();
    });
  }
});
