import { expect, it } from "vitest";
import { fixedWindow, slidingLog, slidingWindow, tokenBucket } from "../../src/patterns/rate-limit/index.js";
import { searchWorstWindow } from "./limiter-bound-proof.js";

const options = { limit: 20, windowMs: 1_000 };
const limits = [
  fixedWindow(options),
  slidingWindow(options),
  slidingLog(options),
  tokenBucket({ ...options, burst: 5 }),
];

it("no adversary gets more through than a limit states, and one finds the gap of the fixed window", async () => {
  const found = await searchWorstWindow(limits, 8);
  for (const { limit, admitted } of found) expect(admitted, limit.kind).toBeLessThanOrEqual(limit.worstInWindow);
  const of = (kind: string) => found.find(({ limit }) => limit.kind === kind)!.admitted;
  expect(of("sliding-window")).toBe(20);
  expect(of("sliding-log")).toBe(20);
  // The control: the same search breaks a bound of one limit per window where nothing protects it.
  expect(of("fixed-window")).toBeGreaterThan(35);
  expect(of("token-bucket")).toBeGreaterThan(20);
});
