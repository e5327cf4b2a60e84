import { KeyfoldError, type KeyfoldErrorCode } from "../../internal/errors.js";
import type { Item } from "./driver.js";

/** What is known about a failed request. */
export interface Failure {
  readonly error: KeyfoldError;
  /** Sending it again may help. */
  readonly retry: boolean;
  /** The server may have done it. */
  readonly mayHaveRun: boolean;
  /** The server refused it for load. */
  readonly overloaded: boolean;
}

/** What the SDK's errors have in common, read by name: there may be two copies of the SDK. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly Item?: Item;
  readonly CancellationReasons?: readonly CancellationReason[];
}

/** Why one item of a transaction stopped it; "None" for the others. */
export interface CancellationReason {
  readonly Code?: string;
  readonly Message?: string;
  readonly Item?: Item;
}

const overloads = new Set([
  "ProvisionedThroughputExceededException",
  "ThrottlingException",
  "ThrottledException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
]);
const refusedCredentials = new Set([
  "AccessDeniedException",
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "ExpiredTokenException",
  "MissingAuthenticationTokenException",
  "IncompleteSignatureException",
  "CredentialsProviderError",
]);
/** Connections that were never made: nothing was sent. */
const unreached = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const broken = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED", "UND_ERR_SOCKET"]);

/** Maps an error of the SDK; the only place that knows them. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof KeyfoldError) return { error: thrown, retry: false, mayHaveRun: false, overloaded: false };
  const error = (typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) }) as SdkError;
  const name = error.name ?? "";
  const message = error.message ?? "";
  const fail = (
    code: KeyfoldErrorCode,
    text: string,
    more: { fix?: string; retry?: boolean; mayHaveRun?: boolean; overloaded?: boolean } = {},
  ): Failure => ({
    error: new KeyfoldError(code, text, {
      cause: thrown,
      ...(more.fix === undefined ? {} : { fix: more.fix }),
      data: { name },
    }),
    retry: more.retry ?? false,
    mayHaveRun: more.mayHaveRun ?? false,
    overloaded: more.overloaded ?? false,
  });

  if (overloads.has(name)) {
    return fail("THROTTLED", `DynamoDB refused the request for load: ${message}`, {
      fix: "Write and read less at once, raise the table's capacity, or spread the hot key: keyfold plan names it.",
      retry: true,
      overloaded: true,
    });
  }
  if (refusedCredentials.has(name)) {
    return fail("UNAUTHORIZED", `DynamoDB refused the credentials or the request: ${message}`, {
      fix: "Check the credentials and region; keyfold plan --grants prints the least rights.",
    });
  }
  if (name === "ResourceNotFoundException") {
    return fail("DESIGN_MISSING", `The table or index is not there: ${message}`, {
      fix: "Run keyfold apply MODEL --to URL, which creates what is missing; check the table's name and the region.",
    });
  }
  if (name === "TransactionConflictException" || name === "TransactionInProgressException") {
    return fail("THROTTLED", "Other transactions hold the items of this one.", { retry: true });
  }
  if (name === "TransactionCanceledException") {
    const codes = (error.CancellationReasons ?? []).map((reason) => reason.Code ?? "None");
    const load = codes.some((code) => code === "ThrottlingError" || code === "ProvisionedThroughputExceeded");
    const conflict = codes.includes("TransactionConflict");
    const final = codes.some(
      (code) =>
        code !== "None" &&
        code !== "TransactionConflict" &&
        code !== "ThrottlingError" &&
        code !== "ProvisionedThroughputExceeded",
    );
    const reason = (code: string) => error.CancellationReasons?.find((each) => each.Code === code);
    const full = reason("ItemCollectionSizeLimitExceeded");
    if (full !== undefined) return fail("TOO_LARGE", full.Message ?? message);
    const invalid = reason("ValidationError");
    if (invalid !== undefined) return validation(fail, invalid.Message ?? message);
    return fail(
      "THROTTLED",
      load ? "DynamoDB refused the transaction for load." : "Other writers hold items of this transaction.",
      {
        retry: !final && (load || conflict),
        overloaded: load,
      },
    );
  }
  if (name === "ItemCollectionSizeLimitExceededException") return fail("TOO_LARGE", message);
  if (name === "ValidationException") return validation(fail, message);
  const status = error.$metadata?.httpStatusCode;
  const code = codeOf(error);
  if (name === "AbortError") {
    return fail("DEADLINE_EXCEEDED", "The request was given up.", { mayHaveRun: true });
  }
  if (code !== undefined && unreached.has(code)) {
    return fail("UNAVAILABLE", `No server could be reached: ${message || code}`, {
      fix: "Check the endpoint, the region and the network.",
      retry: true,
    });
  }
  if ((code !== undefined && broken.has(code)) || name === "TimeoutError" || message === "socket hang up") {
    return fail("UNAVAILABLE", `The connection broke: ${message || code || name}`, { retry: true, mayHaveRun: true });
  }
  if (status !== undefined && status >= 500) {
    return fail("UNAVAILABLE", `DynamoDB failed: ${message || name}`, { retry: true, mayHaveRun: true });
  }
  // An answer that is no answer of DynamoDB's: cut on its way.
  if (name === "SyntaxError" || /Unexpected (end|token)/.test(message)) {
    return fail("UNAVAILABLE", `The answer was broken: ${message}`, { retry: true, mayHaveRun: true });
  }
  return fail("DRIVER_ERROR", message || name || "The request failed.", { mayHaveRun: status === undefined });
}

function validation(
  fail: (code: KeyfoldErrorCode, text: string, more?: { fix?: string }) => Failure,
  message: string,
): Failure {
  if (
    /[Ii]tem size|size of hashkey|size of (?:the )?(?:sort|range)|exceeded the maximum allowed size|Aggregated size/.test(
      message,
    )
  ) {
    return fail("TOO_LARGE", message, {
      fix: "An item holds 400 KiB, a partition key 2,048 bytes and a sort key 1,024: store less, or keep large values elsewhere.",
    });
  }
  return fail("DRIVER_ERROR", message);
}

function codeOf(error: SdkError): string | undefined {
  if (typeof error.code === "string") return error.code;
  const cause = error.cause as SdkError | undefined;
  return typeof cause?.code === "string" ? cause.code : undefined;
}

/** Whether the server does not know the operation: engines that speak DynamoDB's protocol do not have all of it. */
export function unknownOperation({ cause }: KeyfoldError): boolean {
  return (cause as SdkError | undefined)?.name === "UnknownOperationException";
}

/** The item that a failed condition was tested on; undefined: no such failure. */
export function conditionFailed(thrown: unknown): { readonly item: Item | undefined } | undefined {
  const error = thrown as SdkError | undefined;
  if (error?.name !== "ConditionalCheckFailedException") return undefined;
  return { item: nonEmpty(error.Item) };
}

/** The reasons of a cancelled transaction, one for each of its items; undefined: no such failure. */
export function cancellationOf(thrown: unknown): readonly CancellationReason[] | undefined {
  const error = thrown as SdkError | undefined;
  return error?.name === "TransactionCanceledException" ? (error.CancellationReasons ?? []) : undefined;
}

function nonEmpty(item: Item | undefined): Item | undefined {
  return item !== undefined && Object.keys(item).length > 0 ? item : undefined;
}
