import { expect, it } from "vitest";
import { fixedWindow, slidingLog, slidingWindow, tokenBucket } from "../../src/patterns/rate-limit/index.js";
import { searchWorstWindow } from "./limiter-bound-proof.js";

it("no adversary gets more through than a limit states, over many schedules", async () => {
  const limits = [7, 100].flatMap((limit) => [
    fixedWindow({ limit, windowMs: 1_000 }),
    slidingWindow({ limit, windowMs: 1_000 }),
    slidingWindow({ limit, windowMs: 1_000, buckets: 3 }),
    slidingLog({ limit, windowMs: 1_000 }),
    tokenBucket({ limit, windowMs: 1_000 }),
    tokenBucket({ limit, windowMs: 1_000, burst: 3 }),
  ]);
  for (const { limit, admitted } of await searchWorstWindow(limits, 200))
    expect(admitted, `${limit.kind} of ${limit.limit}`).toBeLessThanOrEqual(limit.worstInWindow);
});
