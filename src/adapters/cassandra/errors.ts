import { KeyfoldError, type KeyfoldErrorCode } from "../../internal/errors.js";
import { errorInWords } from "./errors-in-words.js";

/** What is known about a failed request. */
export interface Failure {
  readonly error: KeyfoldError;
  /** Sending it again may help. */
  readonly retry: boolean;
  /** The server may have done it. */
  readonly mayHaveRun: boolean;
  /** The server refused it for load. */
  readonly overloaded: boolean;
  /** The server's own code, for events. */
  readonly code: number | undefined;
}

/** What the driver's errors have in common, read by name: there may be two copies of the driver. */
interface DriverError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly isSocketError?: boolean;
  readonly requestNotWritten?: boolean;
  readonly innerErrors?: Readonly<Record<string, unknown>>;
  readonly required?: number;
  readonly alive?: number;
  readonly received?: number;
  readonly blockFor?: number;
  readonly writeType?: string;
  readonly partly?: boolean;
  readonly consistencies?: number;
}

/** Codes of the protocol: https://cassandra.apache.org/doc/5.0/cassandra/reference/native-protocol.html, section 9 */
const codes = {
  server: 0x0000,
  protocol: 0x000a,
  credentials: 0x0100,
  unavailable: 0x1000,
  overloaded: 0x1001,
  bootstrapping: 0x1002,
  truncate: 0x1003,
  writeTimeout: 0x1100,
  readTimeout: 0x1200,
  readFailure: 0x1300,
  functionFailure: 0x1400,
  writeFailure: 0x1500,
  casUnknown: 0x1700,
  syntax: 0x2000,
  unauthorized: 0x2100,
  invalid: 0x2200,
  config: 0x2300,
  exists: 0x2400,
} as const;

interface More {
  readonly fix?: string;
  readonly retry?: boolean;
  readonly mayHaveRun?: boolean;
  readonly overloaded?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Maps an error of the driver; the only place that knows them. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof KeyfoldError) {
    return { error: thrown, retry: false, mayHaveRun: false, overloaded: false, code: undefined };
  }
  const outer = (typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) }) as DriverError;
  const told = outer.innerErrors === undefined ? outer : innermost(outer);
  const error: DriverError = typeof told.code === "number" ? told : (errorInWords(told.message ?? "") ?? told);
  const code = typeof error.code === "number" ? error.code : undefined;
  const message = error.message ?? "";
  const fail = (kind: KeyfoldErrorCode, text: string, more: More = {}): Failure => ({
    error: new KeyfoldError(kind, text, {
      cause: thrown,
      ...(more.fix === undefined ? {} : { fix: more.fix }),
      data: { ...(code === undefined ? {} : { code }), ...more.data },
    }),
    retry: more.retry ?? false,
    mayHaveRun: more.mayHaveRun ?? false,
    overloaded: more.overloaded ?? false,
    code,
  });
  if (code !== undefined) return answered(code, error, message, fail);
  if (error.name === "AuthenticationError") return refused(message, fail);
  if (error.isSocketError === true || /Socket was closed|socket/i.test(message)) {
    const sent = error.requestNotWritten !== true;
    return fail("UNAVAILABLE", `The connection broke: ${message}`, { retry: true, mayHaveRun: sent });
  }
  if (/timed? ?out|did not reply/i.test(`${error.name} ${message}`)) {
    return fail("DEADLINE_EXCEEDED", `The server did not answer: ${message}`, { retry: true, mayHaveRun: true });
  }
  if (/busy/i.test(message)) {
    return fail("THROTTLED", message, { retry: true, overloaded: true });
  }
  if (outer.innerErrors !== undefined || /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|not connected|no host/i.test(message)) {
    return fail("UNAVAILABLE", `No server could be reached: ${message || (outer.message ?? "")}`, {
      fix: "Is it running, and are the contact points, port and data centre right?",
      retry: true,
    });
  }
  if (error.name === "TypeError" || error.name === "ArgumentError") return fail("DRIVER_ERROR", message);
  return fail("DRIVER_ERROR", message || "The request failed.", { mayHaveRun: true });
}

type Fail = (kind: KeyfoldErrorCode, text: string, more?: More) => Failure;

/** The driver wraps what a host answered, once no host is left: the first answer says more than "no host". */
function innermost(error: DriverError): DriverError {
  const inner = Object.values(error.innerErrors ?? {}).map((one) => one as DriverError);
  return (
    inner.find((one) => typeof one.code === "number") ??
    inner.find((one) => one.isSocketError === true && one.requestNotWritten !== true) ??
    inner[0] ?? { message: error.message ?? "", innerErrors: {} }
  );
}

function refused(message: string, fail: Fail): Failure {
  return fail("UNAUTHORIZED", `The server refused the credentials or the request: ${message}`, {
    fix: "Check user and password; keyfold plan --grants prints the least rights.",
  });
}

function answered(code: number, error: DriverError, message: string, fail: Fail): Failure {
  const { required, alive, received, blockFor, writeType } = error;
  switch (code) {
    case codes.unavailable:
      return fail("UNAVAILABLE", message, {
        fix: "Bring the nodes back; keyfold does not ask for less than the level promises.",
        retry: true,
        data: { required, alive },
      });
    case codes.overloaded:
      return fail("THROTTLED", `The server refused the request for load: ${message}`, {
        retry: true,
        overloaded: true,
        mayHaveRun: error.partly === true,
      });
    case codes.bootstrapping:
      return fail("UNAVAILABLE", message, { retry: true });
    case codes.writeTimeout:
    case codes.writeFailure:
    case codes.casUnknown:
      return fail("UNAVAILABLE", message, { retry: true, mayHaveRun: true, data: { received, blockFor, writeType } });
    case codes.readTimeout:
      return fail("UNAVAILABLE", message, { retry: true, data: { received, blockFor } });
    case codes.readFailure:
      return fail("UNAVAILABLE", message, {
        retry: true,
        fix: "A read over more than 100,000 tombstones is refused: ask for a narrower range, or let compaction run.",
        data: { received, blockFor },
      });
    case codes.credentials:
    case codes.unauthorized:
      return refused(message, fail);
    case codes.invalid:
    case codes.config:
      return invalid(message, fail);
    case codes.server:
      if (/too large|exceeds/i.test(message)) return invalid(message, fail);
      return fail("UNAVAILABLE", `The server failed: ${message}`, { retry: true, mayHaveRun: true });
    default:
      return fail("DRIVER_ERROR", message);
  }
}

function invalid(message: string, fail: Fail): Failure {
  if (
    /unconfigured table|does not exist|doesn't exist|Undefined column|Unknown identifier|unknown keyspace|No keyspace/i.test(
      message,
    )
  ) {
    return fail("DESIGN_MISSING", `The table is not as planned: ${message}`, {
      fix: "Run keyfold apply MODEL --to URL, which creates what is missing.",
    });
  }
  if (/too large|exceed|maximum/i.test(message)) {
    return fail("TOO_LARGE", message, {
      fix: "A write holds 16 MiB and a key 64 KiB by default: store less, or keep large values elsewhere.",
    });
  }
  return fail("DRIVER_ERROR", message);
}

/** Whether the server says that a batch is too large for it. */
export function isBatchTooLarge(error: KeyfoldError): boolean {
  return error.code === "TOO_LARGE" && /batch/i.test(error.message);
}

/** Whether a logged batch was not written to the logs of other nodes in time: nothing else of it was done then. */
export function isBatchlogLost(error: KeyfoldError): boolean {
  return error.data["code"] === codes.writeTimeout && error.data["writeType"] === "BATCH_LOG";
}
