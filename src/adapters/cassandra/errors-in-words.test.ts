import { expect, test } from "vitest";
import { failureOf, isBatchlogLost } from "./errors.js";

const told = (said: string, message: string) =>
  failureOf(new Error(`Last attempt failed with: Database returned an error: ${said}, Error message: ${message}`));

test.each(["BatchLog", "BATCH_LOG"])("a log of batches that did not answer is known by %s", (type) => {
  const late = "Not enough nodes responded to the write request in time to satisfy required consistency level";
  const facts = `(consistency: Two, received: 0, required: 1, write_type: ${type})`;
  const { error, mayHaveRun } = told(`${late} ${facts}`, "Operation timed out");
  expect(error).toMatchObject({ code: "UNAVAILABLE", data: { code: 0x1100, writeType: "BATCH_LOG", received: 0 } });
  expect(mayHaveRun).toBe(true);
  expect(isBatchlogLost(error)).toBe(true);
  expect(isBatchlogLost(told(`${late} (write_type: Simple)`, "Operation timed out").error)).toBe(false);
});

test("a partition's rate limit is one for load, and some replicas may have written", () => {
  const failure = told("Rate limit was exceeded for a partition affected by the request", "Per-partition rate limit");
  expect(failure).toMatchObject({ retry: true, overloaded: true, mayHaveRun: true, error: { code: "THROTTLED" } });
  const busy = "The request cannot be processed because the coordinator node is overloaded";
  expect(told(busy, "too many requests")).toMatchObject({ overloaded: true, mayHaveRun: false });
});

test("what is there already was not made", () => {
  const said = "An attempt was made to create a keyspace or a table that was already existing";
  const failure = told(`${said} (keyspace: shop, table: line)`, "Cannot add already existing table");
  expect(failure).toMatchObject({ retry: false, mayHaveRun: false, code: 0x2400 });
  expect(failure.error.message).toMatch(/already exist/);
});
