/**
 * The part of the official driver (mongodb 6.10 and later) that the adapter uses. A user's own `Db` fits by shape, so
 * two installed copies of the driver do no harm.
 *
 * All requests go through `db.command`: it is what the plan shows, and the driver never sends a command of its own
 * accord a second time, so that retries are in one place (docs/guides/consistency.md).
 */

/** A document of a command or a reply, as the driver has it. */
export interface Doc {
  [key: string]: unknown;
}

/** Options of `db.command` that the adapter uses. */
export interface CommandOptions {
  /** Ends the request, and closes a connection that was waiting for its answer: `timeoutMS` does not do the latter. */
  readonly signal?: AbortSignal;
  readonly readPreference?: unknown;
  readonly session?: ClientSessionLike;
  readonly fieldsAsRaw?: Readonly<Record<string, boolean>>;
  readonly promoteValues?: boolean;
}

/** A `Db` of the official driver. */
export interface DbLike {
  readonly databaseName: string;
  readonly client: ClientLike;
  readonly readPreference?: unknown;
  command(command: Doc, options?: never): Promise<Doc>;
}

/** A `MongoClient` of the official driver. */
export interface ClientLike {
  startSession(options?: never): unknown;
  db?(name: string): DbLike;
  on(event: never, listener: never): unknown;
}

/** A `ClientSession` of the official driver. */
export interface ClientSessionLike {
  readonly hasEnded: boolean;
  readonly serverSession: { txnNumber: number; isDirty?: boolean } | null;
  advanceClusterTime(clusterTime: never): void;
  endSession(): Promise<void>;
}

/** Sends a command; the only place where a `DbLike` is called. */
export function sendCommand(db: DbLike, command: Doc, options: CommandOptions): Promise<Doc> {
  return db.command(command, options as never);
}

/** Starts a driver session that only carries `lsid`; causal order is kept by the adapter itself. */
export function startDriverSession(db: DbLike): ClientSessionLike {
  return db.client.startSession({ causalConsistency: false } as never) as ClientSessionLike;
}
