/**
 * The part of cassandra-driver 4 that the adapter uses. A `Client` of that package, of another copy of it, or of a fork
 * (ScyllaDB's) fits by shape.
 */

/** A client of the driver. */
export interface CassandraClient {
  execute(query: string, params: never, options: never): Promise<unknown>;
  batch(queries: never, options: never): Promise<unknown>;
  readonly keyspace?: string;
}

/** What the adapter reads of a client beside its methods; all of it may be missing in a fork. */
export interface ClientFacts {
  readonly options?: {
    readonly encoding?: { readonly useBigIntAsLong?: boolean };
    readonly localDataCenter?: string;
    readonly profiles?: readonly { readonly name: string }[];
  };
  readonly metadata?: {
    /** Whether the nodes that are up have one version of the schema. */
    checkSchemaAgreement?(): Promise<boolean>;
  };
}

/** A row: values by column. */
export interface Row {
  readonly [column: string]: unknown;
}

export interface Result {
  readonly rows: readonly Row[] | undefined;
  readonly pageState: string | null | undefined;
  readonly info?: { readonly isSchemaInAgreement?: boolean };
}

/** One statement of a batch. */
export interface BatchQuery {
  readonly query: string;
  readonly params: readonly unknown[];
}

/** What a request is sent with: https://docs.datastax.com/en/developer/nodejs-driver/4.8/api/type.QueryOptions/ */
export interface SendOptions {
  readonly prepare: boolean;
  readonly consistency: number;
  readonly serialConsistency?: number;
  readonly isIdempotent: boolean;
  readonly fetchSize?: number;
  readonly pageState?: string;
  readonly timestamp?: number;
  readonly logged?: boolean;
  readonly readTimeout: number;
  readonly executionProfile?: string;
}

/** keyfold's own layer tries again: the driver's decision is to tell of the error (its `retryDecision.rethrow`). */
const rethrow = { decision: 0 };
const noRetries = {
  onReadTimeout: () => rethrow,
  onRequestError: () => rethrow,
  onUnavailable: () => rethrow,
  onWriteTimeout: () => rethrow,
};

/** Sends a statement; with {@link sendBatch} the only place where a client is called. */
export function sendStatement(
  client: CassandraClient,
  query: string,
  params: readonly unknown[],
  options: SendOptions,
): Promise<Result> {
  return client.execute(query, params as never, { ...options, retry: noRetries } as never) as Promise<Result>;
}

/** Sends a batch. */
export function sendBatch(
  client: CassandraClient,
  queries: readonly BatchQuery[],
  options: SendOptions,
): Promise<Result> {
  return client.batch(queries as never, { ...options, retry: noRetries } as never) as Promise<Result>;
}
