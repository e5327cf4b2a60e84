import { KeyfoldError, type KeyfoldErrorCode } from "../../internal/errors.js";

/** What is known about a failed request. */
export interface Failure {
  readonly error: KeyfoldError;
  /** Sending it again may help. */
  readonly retry: boolean;
  /** The server may have done it, wholly or in part. */
  readonly mayHaveRun: boolean;
  /** The server refused it for load. */
  readonly overloaded: boolean;
}

/** A duplicate key as the server reports it. */
export interface DuplicateKey {
  /** Name of the index. */
  readonly index: string;
  /** Fields of the index. */
  readonly fields: readonly string[];
  /** The value of each field that is taken, where the server says it. */
  readonly values: Readonly<Record<string, unknown>> | undefined;
}

/** What the driver's errors have in common, read by name: there may be two copies of the driver. */
interface DriverError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly codeName?: string;
  readonly errorLabels?: readonly string[];
  readonly reason?: unknown;
  readonly cause?: unknown;
  readonly keyPattern?: Readonly<Record<string, unknown>>;
  readonly keyValue?: Readonly<Record<string, unknown>>;
  readonly errorResponse?: {
    readonly keyPattern?: Readonly<Record<string, unknown>>;
    readonly keyValue?: Readonly<Record<string, unknown>>;
    readonly baseBackoffMS?: unknown;
  };
}

/** Codes after which a request may be sent again (retryable writes specification, "Determining Retryable Errors"). */
const RETRYABLE = new Set([6, 7, 89, 91, 133, 134, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436]);
/** Of these, the ones with which the server says that it did nothing. */
const NOT_RUN = new Set([133, 10107, 13388, 13435, 13436]);
const UNAUTHORIZED = new Set([11, 13, 18, 33, 8000]);
const TOO_LARGE = new Set([10334, 17280, 17419, 17420, 10337]);

/** Maps an error of the driver; the only place that knows them. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof KeyfoldError) return { error: thrown, retry: false, mayHaveRun: false, overloaded: false };
  const error = (typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) }) as DriverError;
  const labels = error.errorLabels ?? [];
  const has = (label: string) => labels.includes(label);
  const code = typeof error.code === "number" ? error.code : undefined;
  const fail = (
    keyfoldCode: KeyfoldErrorCode,
    message: string,
    more: { fix?: string; retry?: boolean; mayHaveRun?: boolean; overloaded?: boolean } = {},
  ): Failure => ({
    error: new KeyfoldError(keyfoldCode, message, {
      cause: thrown,
      ...(more.fix === undefined ? {} : { fix: more.fix }),
      ...(code === undefined ? {} : { data: { code, codeName: error.codeName } }),
    }),
    retry: more.retry ?? false,
    mayHaveRun: (more.mayHaveRun ?? false) && !has("NoWritesPerformed"),
    overloaded: more.overloaded ?? false,
  });
  const said = withoutCredentials(error.message ?? "unknown error");

  if (has("SystemOverloadedError") || code === 462) {
    return fail("THROTTLED", `MongoDB refused the request for load: ${said}`, {
      fix: "Send fewer requests at a time, or give the server more room.",
      retry: true,
      overloaded: true,
    });
  }
  switch (error.name) {
    case "MongoServerSelectionError":
    case "MongoTopologyClosedError":
    case "MongoNotConnectedError":
    case "MongoClientClosedError":
    case "MongoPoolClosedError": {
      const inner = authenticationFailure(error);
      if (inner !== undefined) return fail("UNAUTHORIZED", unauthorized(inner), { fix: UNAUTHORIZED_FIX });
      return fail("UNAVAILABLE", unavailable(error, said), { fix: UNAVAILABLE_FIX });
    }
    case "MongoPoolClearedOnNetworkError":
      return fail("UNAVAILABLE", `The connection to MongoDB was given up: ${said}`, { retry: true, mayHaveRun: true });
    case "MongoPoolClearedError":
    case "PoolClearedError":
      return fail("UNAVAILABLE", `The connection to MongoDB was lost before the request was sent: ${said}`, {
        retry: true,
      });
    case "MongoWaitQueueTimeoutError":
    case "WaitQueueTimeoutError":
      return fail("THROTTLED", `No connection of the driver's pool came free: ${said}`, {
        fix: "Raise maxPoolSize, or send fewer requests at a time.",
        retry: true,
        overloaded: true,
      });
    case "MongoNetworkError":
    case "MongoNetworkTimeoutError":
      return fail("UNAVAILABLE", `The connection to MongoDB failed: ${said}`, {
        fix: UNAVAILABLE_FIX,
        retry: true,
        mayHaveRun: !has("HandshakeError"),
      });
    case "MongoOperationTimeoutError": {
      // With timeoutMS the driver wraps the failed selection of a server.
      const cause = error.cause as DriverError | undefined;
      if (/server selection/i.test(said) || cause?.name === "MongoServerSelectionError") {
        return fail("UNAVAILABLE", unavailable(cause ?? error, said), { fix: UNAVAILABLE_FIX });
      }
      return fail("DEADLINE_EXCEEDED", `The driver's own timeoutMS passed first: ${said}`, { mayHaveRun: true });
    }
    case "BSONError":
    case "BSONRuntimeError":
      return fail(
        /size|range|too large/i.test(said) ? "TOO_LARGE" : "INPUT_INVALID",
        `The driver could not write the document: ${said}`,
      );
    case "RangeError":
      return fail("TOO_LARGE", `The request is larger than the driver can write: ${said}`);
  }
  if (code === undefined) return fail("DRIVER_ERROR", said, { mayHaveRun: true });
  if (UNAUTHORIZED.has(code)) return fail("UNAUTHORIZED", unauthorized(error), { fix: UNAUTHORIZED_FIX });
  if (code === 50) {
    return fail("DEADLINE_EXCEEDED", "MongoDB stopped the request at its time limit.", {
      fix: "Give the call more time with deadlineMs, or look for what is slow with $explain.",
      mayHaveRun: true,
    });
  }
  if (TOO_LARGE.has(code) || (code === 2 && /too large/i.test(said))) {
    return fail("TOO_LARGE", `MongoDB refused the document for its size: ${said}`, {
      fix: "MongoDB's limit is 16 MB for one document: keep large parts in documents of their own.",
    });
  }
  if (code === 2 && /hint/i.test(said)) {
    return fail("DESIGN_MISSING", `An index of the plan is not there: ${said}`, { fix: "Run keyfold apply." });
  }
  if (code === 148 || (code === 72 && /read ?concern/i.test(said))) {
    return fail("CONSISTENCY_UNSUPPORTED", `This MongoDB deployment cannot read at that level: ${said}`);
  }
  if (code === 121) {
    return fail("INPUT_INVALID", "The collection's own validator refused the document.", {
      fix: "Compare the collection's validator with the model's schema; the cause's errInfo says what failed.",
    });
  }
  if (RETRYABLE.has(code) || has("RetryableWriteError")) {
    return fail("UNAVAILABLE", `MongoDB cannot serve the request at the moment: ${said}`, {
      retry: true,
      mayHaveRun: !NOT_RUN.has(code),
    });
  }
  return fail(
    "DRIVER_ERROR",
    `MongoDB answered with error ${code}${error.codeName === undefined ? "" : ` (${error.codeName})`}: ${said}`,
  );
}

const UNAVAILABLE_FIX =
  "Check the URL's host and port and that a server runs there; `keyfold dev --only mongodb` starts one on this machine.";
const UNAUTHORIZED_FIX =
  "Check user, password and authSource of the URL; `keyfold plan --grants` prints the rights that are needed.";

function unauthorized(error: DriverError): string {
  const said = withoutCredentials(error.message ?? "");
  return error.code === 13
    ? `MongoDB does not allow this request to these credentials: ${said}`
    : `MongoDB refused the credentials: ${said}`;
}

function unavailable(error: DriverError, said: string): string {
  const hosts = hostsOf(error.reason);
  const why = reasonOf(error.reason) ?? said;
  return `No MongoDB server could be reached${hosts.length === 0 ? "" : ` at ${hosts.join(", ")}`}: ${why}`;
}

/** What the driver knows about servers (a `TopologyDescription`), as far as messages use it. */
export interface TopologyLike {
  readonly servers?: ReadonlyMap<string, { readonly type?: string; readonly error?: unknown }>;
}

function hostsOf(reason: unknown): string[] {
  const servers = (reason as TopologyLike | undefined)?.servers;
  return servers instanceof Map ? [...servers.keys()] : [];
}

function reasonOf(reason: unknown): string | undefined {
  const servers = (reason as TopologyLike | undefined)?.servers;
  if (!(servers instanceof Map)) return undefined;
  for (const server of servers.values()) {
    const { error } = server as { error?: unknown };
    if (error instanceof Error || (typeof error === "object" && error !== null && "message" in error)) {
      return withoutCredentials(String((error as Error).message));
    }
  }
  return undefined;
}

/** Servers that are all unreachable, said in one error; undefined while one of them answers. */
export function unreachable(topology: TopologyLike | undefined, cause: unknown): KeyfoldError | undefined {
  const servers = topology?.servers;
  if (!(servers instanceof Map) || servers.size === 0) return undefined;
  for (const server of servers.values()) if ((server as { type?: string }).type !== "Unknown") return undefined;
  if (reasonOf(topology) === undefined) return undefined;
  return new KeyfoldError("UNAVAILABLE", unavailable({ reason: topology }, ""), { cause, fix: UNAVAILABLE_FIX });
}

/** Servers are asked for credentials when connecting: the refusal is then inside the selection's error. */
function authenticationFailure(error: DriverError): DriverError | undefined {
  const servers = (error.reason as TopologyLike | undefined)?.servers;
  const inner: unknown[] = [error.cause];
  if (servers instanceof Map) for (const server of servers.values()) inner.push((server as { error?: unknown }).error);
  for (const each of inner) {
    for (
      let at = each as DriverError | undefined, depth = 0;
      at != null && depth < 4;
      at = at.cause as DriverError, depth++
    ) {
      if (at.code === 18 || at.code === 8000) return at;
    }
  }
  return undefined;
}

/** Messages of drivers may quote a URL. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\w+:\/\/)[^\s/@]*@/g, "$1…@");
}

/** The duplicate key that a write error reports, or undefined when it is another error. */
export function duplicateOf(error: unknown): DuplicateKey | undefined {
  const { code, keyPattern, keyValue, errorResponse, message, errmsg } = error as DriverError & {
    readonly errmsg?: string;
  };
  if (code !== 11000 && code !== 11001) return undefined;
  const text = errmsg ?? message ?? "";
  const named = /index: (?:[^\s]*\$)?([^\s]+)/.exec(text)?.[1];
  const pattern = keyPattern ?? errorResponse?.keyPattern;
  const fields = pattern === undefined ? (named === "_id_" ? ["_id"] : []) : Object.keys(pattern);
  return { index: named ?? fields.join(", "), fields, values: keyValue ?? errorResponse?.keyValue };
}

/** An error in a write command's reply, in the driver's error shape. */
export function serverError(reply: {
  readonly code?: unknown;
  readonly errmsg?: unknown;
  readonly codeName?: unknown;
  readonly errorLabels?: unknown;
}): Error {
  return Object.assign(new Error(String(reply.errmsg ?? "write failed")), {
    name: "MongoServerError",
    code: reply.code,
    codeName: reply.codeName,
    errorLabels: reply.errorLabels ?? [],
  });
}
