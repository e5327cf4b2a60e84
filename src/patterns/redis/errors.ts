import { KeyfoldError, type KeyfoldErrorCode } from "../../internal/errors.js";

/** What became of a command that failed. */
export interface Failure {
  readonly error: KeyfoldError;
  /** Another attempt may succeed soon. */
  readonly retryable: boolean;
  /** The server was not reached or did not answer, which counts against its health. */
  readonly unreachable: boolean;
}

/** Error codes of Redis by what they mean to a caller; each of them says that nothing was applied. */
const refusals: Readonly<Record<string, KeyfoldErrorCode>> = {
  LOADING: "UNAVAILABLE",
  MASTERDOWN: "UNAVAILABLE",
  CLUSTERDOWN: "UNAVAILABLE",
  TRYAGAIN: "UNAVAILABLE",
  READONLY: "UNAVAILABLE",
  NOREPLICAS: "UNAVAILABLE",
  BUSY: "UNAVAILABLE",
  // Of keyfold's own scripts: a write that is done once came after its time.
  EXPIRED: "DEADLINE_EXCEEDED",
  OOM: "THROTTLED",
  NOAUTH: "UNAUTHORIZED",
  WRONGPASS: "UNAUTHORIZED",
  NOPERM: "UNAUTHORIZED",
};

/** A server's own word begins with its code in capitals; a driver's does not. */
export function serverCode(error: unknown): string | undefined {
  return error instanceof Error ? /^([A-Z][A-Z0-9]+)(?= |$)/.exec(error.message)?.[1] : undefined;
}

/** What scripts say, in versions before 7.2 and since, where the user may not run one of their commands. */
const notInScript = /ACL failure in script|executing the script can't/;

/**
 * Reads a driver's error. `writes`: the command changes something, so that without an answer nobody knows whether it
 * did.
 */
export function failureOf(cause: unknown, writes: boolean): Failure {
  const code = serverCode(cause);
  if (code !== undefined) {
    const { message } = cause as Error;
    // A script that may not go on has perhaps done something before.
    const midway = notInScript.test(message);
    const kind = midway ? "UNAUTHORIZED" : refusals[code];
    const error = new KeyfoldError(kind ?? "DRIVER_ERROR", `Redis refused: ${message}`, {
      cause,
      data: { code, applied: kind === undefined || midway ? undefined : false },
    });
    return { error, retryable: kind === "UNAVAILABLE" && code !== "BUSY", unreachable: false };
  }
  const error = writes
    ? unknownOutcome("The connection broke before Redis answered.", cause)
    : new KeyfoldError("UNAVAILABLE", "The connection to Redis broke before it answered.", { cause });
  return { error, retryable: true, unreachable: true };
}

/** A write without an answer. */
export function unknownOutcome(message: string, cause?: unknown): KeyfoldError {
  return new KeyfoldError("OUTCOME_UNKNOWN", message, {
    cause,
    fix: "The write may have been applied. Read, or repeat it where the pattern says that it is harmless.",
  });
}

/** A command that was never sent. */
export function notSent(message: string, cause?: unknown): KeyfoldError {
  return new KeyfoldError("UNAVAILABLE", message, { cause, data: { applied: false } });
}

/** A call whose caller does not wait for its end. */
export function aborted(signal: AbortSignal): KeyfoldError {
  return new KeyfoldError("ABORTED", "The call's signal was aborted.", { cause: signal.reason });
}

/** Whether an error says that Redis cannot be asked now. */
export function isOutage(error: unknown): boolean {
  return (
    error instanceof KeyfoldError &&
    ["UNAVAILABLE", "OUTCOME_UNKNOWN", "THROTTLED", "DEADLINE_EXCEEDED"].includes(error.code)
  );
}
