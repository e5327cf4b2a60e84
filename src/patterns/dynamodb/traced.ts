import { type RequestEvent, requestsWatched, traceRequest } from "../../internal/diagnostics.js";
import { failureOf } from "./errors.js";

/** What subscribers are told of one attempt. */
export interface AttemptFacts {
  readonly table: string;
  readonly operation: string;
  /** 1, or more for a retry. */
  readonly attempt: number;
  /** Items in the request, where there are more than one. */
  readonly batch: number | undefined;
}

/** Runs one attempt of a request between its diagnostics events; without a subscriber, just runs it. */
export function tracedAttempt<T>(
  { table, operation, attempt, batch }: AttemptFacts,
  work: () => Promise<T>,
): Promise<T> {
  if (!requestsWatched()) return work();
  const event: RequestEvent = {
    "db.system.name": "dynamodb",
    "db.namespace": "",
    "db.collection.name": table,
    "db.operation.name": operation,
    "keyfold.attempt": attempt,
    ...(batch === undefined ? {} : { "db.operation.batch.size": batch }),
  };
  return traceRequest(event, async () => {
    try {
      return await work();
    } catch (thrown) {
      event["error.type"] = failureOf(thrown).error.code;
      const name = (thrown as { readonly name?: unknown } | undefined)?.name;
      if (typeof name === "string") event["db.response.status_code"] = name;
      throw thrown;
    }
  });
}
