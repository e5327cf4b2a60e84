import type { Command } from "./commands/spec.js";
import type { Database } from "./data/database.js";
import { encode } from "./protocol/encode.js";
import { Push, type Reply, ReplySequence } from "./protocol/reply.js";
import type { RedisServer } from "./state.js";

/** What a client's connection can do; a client without one belongs to a script. */
export interface Transport {
  readonly remote: string;
  readonly local: string;
  /** Bytes that were sent and not yet taken by the client's side. */
  readonly unsentBytes: number;
  readonly pendingBytes: number;
  readonly bufferBytes: number;
  send(text: string): void;
  /** Runs what has arrived and waits, after the client is blocked no more. */
  resume(): void;
  /** Sends what is left, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** A request in a transaction's queue. */
export interface Queued {
  readonly command: Command;
  readonly args: string[];
}

/** Why a client is blocked, and on what. */
export interface Blocked {
  readonly kind: "list" | "zset" | "stream" | "wait" | "postponed" | "delayed" | "script";
  readonly keys: readonly string[];
  readonly db: Database;
  /** When it ends, in the clock's milliseconds; 0 for never. */
  readonly deadline: number;
  /** What is answered then. */
  readonly onTimeout: Reply | (() => Reply);
  /** Gives the reply that ends the wait early, when it is time. */
  readonly until?: () => Reply | undefined;
  /** Whether it must be woken when a key is gone too. */
  readonly onGone: boolean;
  readonly args: string[];
  readonly command: Command;
}

/** Key prefixes or single keys that a client wants to hear about. */
export interface TrackingState {
  readonly broadcast: boolean;
  readonly prefixes: readonly string[];
  readonly optIn: boolean;
  readonly optOut: boolean;
  readonly noLoop: boolean;
  /** Client id that gets the messages; 0 for this one. */
  readonly redirect: number;
  brokenRedirect: boolean;
  /** CLIENT CACHING: for the next command, track (yes) or not (no). */
  caching: "yes" | "no" | undefined;
}

/** One connection, or a script's stand-in for one. */
export class Client {
  readonly server: RedisServer;
  readonly id: number;
  readonly transport: Transport | undefined;
  readonly createdAt: number;
  db: Database;
  resp: 2 | 3 = 2;
  name = "";
  libName = "";
  libVersion = "";
  user = "default";
  authenticated: boolean;
  lastCommand: Command | undefined;
  lastInteraction: number;
  /** Replies that are not sent yet. */
  out = "";
  /** Messages that wait for the end of the command's own reply. */
  pendingPush = "";
  /** `off`: no replies; `skip`: none to this command; `skip-next`: none to the next. */
  replies: "on" | "off" | "skip" | "skip-next" = "on";
  closing = false;
  /** It stands in the server's list of those to be sent to. */
  flushQueued = false;
  closed = false;
  noEvict = false;
  noTouch = false;
  monitor = false;
  /** In a script or a transaction: commands that would block answer at once. */
  denyBlocking = false;
  /** Its transaction's commands run. */
  inTransaction = false;
  /** The client runs a script's commands. */
  scripted = false;
  /** Replays of an append-only file and the like. */
  trusted = false;
  queue: Queued[] | undefined;
  queueFlags = 0;
  queueFailed = false;
  /** A watched key was touched. */
  watchFailed = false;
  readonly watching = new Map<Database, Map<string, boolean>>();
  blocked: Blocked | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Set while a blocked command is run again. */
  retrying: Blocked | undefined;
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  readonly shardChannels = new Set<string>();
  tracking: TrackingState | undefined;
  /** CLIENT CACHING was the last command: it holds for the next one. */
  cachingFresh = false;
  /** Where its latest change stands among all (see {@link PersistencePort.offset}). */
  changedAt = 0;
  /** What is to be propagated in place of the command that runs; an empty list for nothing. */
  rewritten: string[][] | undefined;
  /** Since when the unread replies are over the soft limit; 0 when they are not. */
  softLimitSince = 0;

  constructor(server: RedisServer, id: number, transport: Transport | undefined, db: Database) {
    this.server = server;
    this.id = id;
    this.transport = transport;
    this.db = db;
    this.createdAt = server.now;
    this.lastInteraction = server.now;
    this.authenticated = server.passwordless;
  }

  get subscriptions(): number {
    return this.channels.size + this.patterns.size;
  }

  /** Whether it is subscribed to anything. */
  get subscribed(): boolean {
    return this.channels.size !== 0 || this.patterns.size !== 0 || this.shardChannels.size !== 0;
  }

  /** Adds a reply to what is sent at the end of the chunk of requests. */
  reply(reply: Reply): void {
    if (this.closed) return;
    // Subscriptions are answered with messages, which CLIENT REPLY OFF lets through.
    if (this.replies !== "on" && !(reply instanceof ReplySequence || reply instanceof Push)) return;
    this.out += encode(reply, this.resp);
  }

  /** Adds bytes that are not a reply to a request (messages); they are sent soon. */
  push(bytes: string): void {
    if (this.closed || this.transport === undefined) return;
    if (this.server.requester === this) {
      this.pendingPush += bytes;
      return;
    }
    this.out += bytes;
    this.server.flushLater(this);
  }

  /** Sends what has gathered; drops the client when it leaves too much unread. */
  flush(): void {
    if (this.out.length === 0) return;
    if (this.server.unwritten && !this.server.persistence!.commit(this)) {
      // Its changes could not be kept: it must not take them for acknowledged.
      this.out = "";
      this.transport!.destroy();
      return;
    }
    const bytes = this.out;
    this.out = "";
    this.server.stats.netOutputBytes += bytes.length;
    this.transport!.send(bytes);
    if (this.transport!.unsentBytes > 0) this.server.checkOutputLimit(this);
  }

  /** What is propagated in place of the running command. */
  rewrite(...args: string[]): void {
    if (this.server.propagator !== undefined) this.rewritten = [args];
  }

  /** A key that this client watches was touched. */
  watchTouched(db: Database, key: string): void {
    const expired = this.watching.get(db)?.get(key);
    if (expired === undefined) return;
    // A key that was already expired when it was watched may vanish.
    if (expired && !db.map.has(key)) return;
    this.watchFailed = true;
  }
}
