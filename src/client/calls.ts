import type { Call, StoreSession } from "../adapters/port/adapter.js";
import { type CallEvent, callsWatched, traceCall } from "../internal/diagnostics.js";
import { KeyfoldError } from "../internal/errors.js";
import type { CallOptions } from "./types.js";

/** What all parts of one client share. */
export interface ClientContext {
  readonly engine: string;
  /** Version of the design, which cursors are bound to. */
  readonly design: string;
  /** The client's own session. */
  readonly session: StoreSession;
  /** Time of a call that names none. */
  readonly deadlineMs: number;
  /** Lag of a `bounded` read that names none. */
  readonly maxStalenessMs: number;
  /**
   * Resolves when the design was checked, for this pattern where one is named; undefined: it was. Throws once the
   * client is closed.
   */
  ready(options: CallOptions, pattern?: string): Promise<void> | undefined;
}

/** The port's form of a call's options. */
export function callOf(context: ClientContext, options: CallOptions): Call {
  const deadlineMs = options.deadlineMs ?? context.deadlineMs;
  if (!(deadlineMs > 0)) {
    throw new KeyfoldError(
      "INPUT_INVALID",
      `deadlineMs must be a positive number of milliseconds, not ${String(deadlineMs)}.`,
    );
  }
  const { signal } = options;
  if (signal?.aborted) throw new KeyfoldError("ABORTED", "The call's signal was aborted.", { cause: signal.reason });
  const deadlineAt = Date.now() + deadlineMs;
  return signal === undefined
    ? { session: context.session, deadlineAt }
    : { session: context.session, deadlineAt, signal };
}

/** Runs a call between its diagnostics events; without a subscriber, just runs it. */
export function traced<T>(
  context: ClientContext,
  summary: string,
  consistency: string | undefined,
  rows: (value: T) => number | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (!callsWatched()) return work();
  const event: CallEvent = {
    "db.system.name": context.engine,
    "db.query.summary": summary,
    ...(consistency === undefined ? {} : { "keyfold.consistency": consistency }),
  };
  return traceCall(event, async () => {
    try {
      const value = await work();
      const count = rows(value);
      if (count !== undefined) event["db.response.returned_rows"] = count;
      return value;
    } catch (error) {
      event["error.type"] =
        error instanceof KeyfoldError ? error.code : ((error as Error | undefined)?.name ?? "unknown");
      throw error;
    }
  });
}
