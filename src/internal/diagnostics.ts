import { tracingChannel } from "node:diagnostics_channel";

/**
 * One request to a server, as subscribers of `tracing:keyfold:request:*` see it. Names are those of OpenTelemetry's
 * database conventions (https://opentelemetry.io/docs/specs/semconv/database/database-spans/).
 */
export interface RequestEvent {
  readonly "db.system.name": string;
  /** The database. */
  readonly "db.namespace": string;
  /** The collection or table. */
  readonly "db.collection.name": string;
  /** The command, as the engine calls it. */
  readonly "db.operation.name": string;
  /** Records in the request, where there are more than one. */
  "db.operation.batch.size"?: number;
  /** The engine's error code. */
  "db.response.status_code"?: string;
  /** keyfold's error code. */
  "error.type"?: string;
  /** 1, or more for a retry. */
  readonly "keyfold.attempt": number;
}

/** One call of a client, as subscribers of `tracing:keyfold:call:*` see it. */
export interface CallEvent {
  /** Engine. */
  readonly "db.system.name": string;
  /** Entity and method ("line.insert") or pattern ("linesByCustomer"). */
  readonly "db.query.summary": string;
  readonly "keyfold.consistency"?: string;
  /** Rows or records in the answer. */
  "db.response.returned_rows"?: number;
  "error.type"?: string;
}

const requests = tracingChannel<unknown, object>("keyfold:request");
const calls = tracingChannel<unknown, object>("keyfold:call");

/** Whether anyone listens to requests. Without a listener no event object is made. */
export function requestsWatched(): boolean {
  return requests.hasSubscribers;
}

/** Whether anyone listens to calls. */
export function callsWatched(): boolean {
  return calls.hasSubscribers;
}

/** Runs a request between its events. */
export function traceRequest<T>(event: RequestEvent, work: () => Promise<T>): Promise<T> {
  return requests.tracePromise(work, event);
}

/** Runs a call between its events. */
export function traceCall<T>(event: CallEvent, work: () => Promise<T>): Promise<T> {
  return calls.tracePromise(work, event);
}
