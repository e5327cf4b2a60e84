import type { EngineClock } from "../../engine.js";
import type { NetServer } from "../../net/server.js";
import type { Store } from "../../storage/store.js";
import type { Doc } from "../bson/doc.js";
import type { Catalog } from "../data/catalog.js";
import type { ClusterTime } from "../data/cluster-time.js";
import type { Cursors } from "../data/cursors.js";
import type { Deadline } from "../data/deadline.js";
import type { Sessions } from "../data/sessions.js";
import type { Reply } from "../protocol/reply.js";
import type { Scram } from "./scram.js";

/** The engine as commands see it. */
export interface Engine {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly sessions: Sessions;
  readonly cursors: Cursors;
  readonly clusterTime: ClusterTime;
  readonly clock: EngineClock;
  readonly random: () => number;
  readonly scram: Scram | undefined;
  /** `host:port`, as the replica set calls its one member. */
  readonly address: () => string;
  readonly net: () => NetServer;
  readonly startedAt: number;
  readonly counters: OperationCounters;
  /** The command of this name; for commands that hold another one. */
  findCommand(name: string): Command | undefined;
  /** A change of collections or indexes that is not committed yet; readers wait for it. */
  pendingCatalog: Promise<unknown> | undefined;
}

/** What serverStatus counts. */
export interface OperationCounters {
  insert: number;
  query: number;
  update: number;
  delete: number;
  getmore: number;
  command: number;
  bytesIn: number;
  bytesOut: number;
  requests: number;
  documentsInserted: number;
  documentsReturned: number;
  documentsUpdated: number;
  documentsDeleted: number;
  keysScanned: number;
  documentsScanned: number;
  ttlDeleted: number;
  ttlPasses: number;
}

/** What the engine keeps of one connection. */
export interface Client {
  readonly connectionId: number;
  readonly remote: string;
  /** Logged in as this user; always true where nobody has to. */
  authenticated: boolean;
  user: string | undefined;
  /** An exchange of SCRAM messages that has begun. */
  conversation: unknown;
  metadata: Doc | undefined;
}

/** A command on its way. */
export interface CommandRequest {
  readonly command: Command;
  readonly db: string;
  readonly body: Doc;
  readonly sequences: ReadonlyMap<string, Doc[]> | undefined;
  readonly client: Client;
  /** The session's id as a byte string. */
  readonly session: string | undefined;
  /** Set on retryable writes. */
  readonly txnNumber: bigint | undefined;
  readonly deadline: Deadline | undefined;
  readonly maxTimeMs: number | undefined;
  /** Problem with the write concern; added to a write's reply. */
  readonly writeConcernError: Doc | undefined;
  /** The client wants the write on disk. */
  readonly journaled: boolean;
}

/** One command: an entry of the table. */
export interface Command {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  readonly supported: boolean;
  /** Fields that it knows beside those of every command. Missing: any field is accepted, as MongoDB does for it. */
  readonly fields?: readonly string[];
  /** Runs on the database `admin` alone. */
  readonly adminOnly?: boolean;
  /** Runs before a login too. */
  readonly open?: boolean;
  /** Takes a txnNumber, so that it can be sent twice. */
  readonly retryable?: boolean;
  readonly writes?: boolean;
  /** Which read concerns it takes; "any" for reads. */
  readonly reads?: boolean;
  /** Is in version 1 of the stable API. */
  readonly api?: boolean;
  readonly run?: (request: CommandRequest, engine: Engine) => Reply | Promise<Reply>;
}

/** Goes on with a result that may be there already. */
export function andThen<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
