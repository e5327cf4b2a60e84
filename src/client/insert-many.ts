import type { EntityStore, RecordData } from "../adapters/port/adapter.js";
import type { WriteOutcome } from "../adapters/port/outcome.js";
import { KeyfoldError } from "../internal/errors.js";
import type { EntityData } from "../model/description.js";
import { type ClientContext, callOf } from "./calls.js";
import { errorOf } from "./outcome-error.js";
import type { RecordChecks } from "./records.js";
import type { CallOptions, InsertedMany, InsertedOne } from "./types.js";

/** Records that are checked and sent together. */
const SLICE = 1_000;
/** Slices in flight: the next one is checked and encoded while the server works. */
const IN_FLIGHT = 3;

/**
 * Inserts any number of records, slice by slice, in constant memory beside the results. What goes wrong with one
 * record is that record's result; the call itself rejects only when it was asked wrongly, or when the source of the
 * records throws.
 */
export async function insertMany(
  context: ClientContext,
  entity: EntityData,
  store: EntityStore,
  checks: RecordChecks,
  records: Iterable<unknown> | AsyncIterable<unknown>,
  options: CallOptions,
): Promise<InsertedMany> {
  const results: InsertedOne[] = [];
  const failures: { index: number; result: InsertedOne }[] = [];
  const running = new Set<Promise<void>>();
  let applied = 0;
  let present = 0;
  // A deadline given is the whole call's; the client's own is each slice's, since there may be any number of them.
  const whole = options.deadlineMs === undefined ? undefined : callOf(context, options);

  const settle = (index: number, result: InsertedOne): void => {
    results[index] = result;
    if (result.outcome === "applied") applied++;
    else if (result.outcome === "present") present++;
    else failures.push({ index, result });
  };

  const send = async (slice: readonly RecordData[], positions: readonly number[]): Promise<void> => {
    let outcomes: readonly WriteOutcome[];
    try {
      outcomes = await store.insertMany(slice, whole ?? callOf(context, options));
    } catch (thrown) {
      const error =
        thrown instanceof KeyfoldError ? thrown : new KeyfoldError("DRIVER_ERROR", String(thrown), { cause: thrown });
      for (const index of positions) settle(index, { outcome: "failed", error });
      return;
    }
    // Records of one request share their outcome: so do their results.
    let last: WriteOutcome | undefined;
    let shared: InsertedOne | undefined;
    for (let i = 0; i < positions.length; i++) {
      const outcome = outcomes[i]!;
      const result: InsertedOne =
        outcome === last && shared !== undefined ? shared : resultOf(outcome, entity, slice[i]!);
      last = outcome;
      shared = result.outcome === "applied" || result.outcome === "present" ? result : undefined;
      settle(positions[i]!, result);
    }
  };

  let slice: RecordData[] = [];
  let positions: number[] = [];
  let index = 0;
  const flush = async (): Promise<void> => {
    if (slice.length === 0) return;
    const sent: Promise<void> = send(slice, positions).finally(() => running.delete(sent));
    running.add(sent);
    slice = [];
    positions = [];
    if (running.size >= IN_FLIGHT) await Promise.race(running);
  };
  const take = (input: unknown): void => {
    try {
      slice.push(checks.record(input));
      positions.push(index);
    } catch (error) {
      if (!(error instanceof KeyfoldError)) throw error;
      settle(index, { outcome: "rejected", error });
    }
    index++;
  };

  try {
    if (Symbol.asyncIterator in records) {
      for await (const input of records) {
        take(input);
        if (slice.length >= SLICE) await flush();
      }
    } else {
      for (const input of records) {
        take(input);
        if (slice.length >= SLICE) await flush();
      }
    }
    await flush();
  } finally {
    await Promise.all(running);
  }
  failures.sort((a, b) => a.index - b.index);
  return { applied, present, failures, results };
}

function resultOf(outcome: WriteOutcome, entity: EntityData, record: RecordData): InsertedOne {
  if (outcome.kind === "applied") return { outcome: "applied", version: outcome.version };
  if (outcome.kind === "unknown") return { outcome: "unknown", error: outcome.error };
  if (outcome.reason === "present") return { outcome: "present" };
  const error = errorOf(outcome, entity, record);
  if (outcome.reason === "conflict" || outcome.reason === "unique") return { outcome: "conflict", error };
  return { outcome: rejects(error) ? "rejected" : "failed", error };
}

/** Sending it again cannot help: the record itself is the reason. */
function rejects({ code }: KeyfoldError): boolean {
  return code === "INPUT_INVALID" || code === "OUT_OF_RANGE" || code === "TOO_LARGE";
}
