import { expect, it } from "vitest";
import { systemClock } from "../../internal/clock.js";
import { Deadline } from "../../internal/deadline.js";
import { BucketLeases } from "./bucket-leases.js";

const bucket = { place: "sums", bucket: "2026-11-28" };

/** A keeper whose answers come when `answer` says so. */
function keeper() {
  const asked: ((error?: Error) => void)[] = [];
  const leases = new BucketLeases({
    clock: systemClock,
    renew: () =>
      new Promise<void>((resolve, reject) => {
        asked.push((error) => (error === undefined ? resolve() : reject(error)));
      }),
    giveBack: async () => {},
  });
  return { leases, asked };
}

it("asks once for a bucket that many want at once, and not again while the lease lasts", async () => {
  const { leases, asked } = keeper();
  using deadline = new Deadline({ deadlineMs: 60_000 });
  const waiting = [leases.open([bucket], deadline), leases.open([bucket], deadline)];
  await new Promise(setImmediate);
  asked[0]!();
  await Promise.all(waiting);
  await leases.open([bucket], deadline);
  expect(asked).toHaveLength(1);
});

it("a call waits for a lease that another one asks for no longer than its own time", async () => {
  const { leases, asked } = keeper();
  using long = new Deadline({ deadlineMs: 60_000 });
  using short = new Deadline({ deadlineMs: 5 });
  const first = leases.open([bucket], long);
  await expect(leases.open([bucket], short)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  asked[0]!();
  await first;
});

it("a call asks by itself where the one it waited for was refused", async () => {
  const { leases, asked } = keeper();
  using deadline = new Deadline({ deadlineMs: 60_000 });
  const [first, second] = [leases.open([bucket], deadline), leases.open([bucket], deadline)];
  asked[0]!(new Error("refused"));
  await expect(first).rejects.toThrow("refused");
  await new Promise(setImmediate);
  asked[1]!();
  await second;
});
