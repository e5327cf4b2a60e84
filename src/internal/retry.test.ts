import { expect, test } from "vitest";
import type { Clock } from "./clock.js";
import { Deadline } from "./deadline.js";
import { fullJitterMs, RetryBudget, retry } from "./retry.js";

/** A clock whose sleeps take no time, and remembers them. */
function fakeClock(): Clock & { readonly waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    monotonic: () => now,
    random: () => 0.5,
    async sleep(ms) {
      waits.push(ms);
      now += ms;
    },
  };
}

test("waits grow with full jitter, and end with the deadline, not after it", async () => {
  const clock = fakeClock();
  const deadline = new Deadline({ deadlineMs: 200, clock });
  let attempts = 0;
  const failing = retry(
    async () => {
      attempts++;
      throw new Error(`attempt ${attempts}`);
    },
    () => ({ retry: true }),
    deadline,
    { baseMs: 20, clock },
  );
  await expect(failing).rejects.toThrow("attempt 5");
  expect(clock.waits).toEqual([10, 20, 40, 80]);
  expect(fullJitterMs(30, 20, 1_000, () => 0.999)).toBeLessThan(1_000);
});

test("what may not be retried is thrown at once; an empty budget ends retries", async () => {
  const clock = fakeClock();
  const deadline = new Deadline({ deadlineMs: 60_000, clock });
  let attempts = 0;
  const attempt = async (): Promise<never> => {
    attempts++;
    throw new Error("no");
  };
  await expect(retry(attempt, () => ({ retry: false }), deadline, { clock })).rejects.toThrow("no");
  expect(attempts).toBe(1);
  attempts = 0;
  const budget = new RetryBudget(12);
  await expect(retry(attempt, () => ({ retry: true }), deadline, { clock, budget })).rejects.toThrow("no");
  expect(attempts).toBe(3);
  expect(budget.tokens).toBe(2);
  await retry(
    async () => 1,
    () => ({ retry: true }),
    deadline,
    { clock, budget },
  );
  expect(budget.tokens).toBe(3);
});

test("a deadline ends work that ignores it, and tells time from the caller's signal", async () => {
  const never = () => new Promise<never>(() => {});
  await expect(new Deadline({ deadlineMs: 20 }).run(never)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  const controller = new AbortController();
  const running = new Deadline({ deadlineMs: 5_000, signal: controller.signal }).run(never);
  controller.abort();
  await expect(running).rejects.toMatchObject({ code: "ABORTED" });
  expect(() => new Deadline({ deadlineMs: Number.NaN })).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  using whole = new Deadline({ deadlineMs: 1_000 });
  expect(whole.part(5_000).totalMs).toBeLessThanOrEqual(1_000);
});
