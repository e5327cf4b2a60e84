import { randomBytes } from "node:crypto";
import type { EngineClock, EngineLog, Intercept, LogLevel } from "../engine.js";
import { Blocking } from "./blocking/blocking.js";
import type { Client } from "./client.js";
import { type Command, FLAG_WRITE } from "./commands/spec.js";
import { Config } from "./config/config.js";
import { writeSettingsFile } from "./config/file.js";
import { Database, NOTIFY_KEYEVENT, NOTIFY_KEYSPACE } from "./data/database.js";
import { isLfu, lfuInitial, lfuTouched, makeRoom } from "./data/eviction.js";
import { AclLog } from "./info/acl-log.js";
import { LatencyMonitor } from "./info/latency.js";
import { Slowlog } from "./info/slowlog.js";
import type { Change, Propagator } from "./propagation.js";
import type { Reply } from "./protocol/reply.js";
import { PubSub } from "./pubsub/pubsub.js";
import { Stats } from "./stats.js";
import { Tracking } from "./tracking/tracking.js";

export interface ServerOptions {
  readonly clock: EngineClock;
  readonly random: () => number;
  readonly intercept: Intercept | undefined;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  readonly commands: ReadonlyMap<string, Command>;
  readonly settings: Readonly<Record<string, string>>;
  /** Where CONFIG REWRITE writes the settings; undefined when there is no such place. */
  readonly settingsPath?: string | undefined;
  /** Where messages go; by default warnings become warnings of the process. */
  readonly log?: EngineLog | undefined;
}

const levels = ["debug", "verbose", "notice", "warning", "nothing"];

/** What scripting adds to the server; absent until it is there. */
export interface ScriptingPort {
  /** Drops scripts and functions. */
  reset(): void;
  /** The flags of a call of a script that declares its own; undefined for those of the command. */
  commandFlags(command: Command, args: readonly string[]): number | undefined;
  /** Lines of INFO's memory section: cached scripts, functions, libraries and the bytes they take. */
  info(): { scripts: number; functions: number; libraries: number; bytes: number };
}

/** What saves keys while commands change them (see persistence/key-walk.ts). */
export interface CommandWatcher {
  beforeCommand(client: Client, command: Command, args: readonly string[]): void;
  finish(): void;
}

/** What persistence adds to the server; absent while data is kept in memory only. */
export interface PersistencePort {
  /** Changes that were handed over so far, and those that are on the disk. */
  readonly offset: number;
  readonly durableOffset: number;
  save(): Reply;
  backgroundSave(scheduled: boolean): Reply;
  rewrite(): Reply;
  /** Follows a change of the settings. */
  configured(): void;
  /** Writes what has gathered; false when a client's reply must not go out, because its changes could not be kept. */
  commit(client?: Client): boolean;
  /** Makes the changes so far durable, and tells when they are. */
  syncSoon(): void;
  /** Called several times a second. */
  cron(): void;
  /** Fields of INFO's persistence section. */
  info(): readonly (readonly [string, string | number])[];
  /** Why writes are refused for now, or undefined. */
  failure(): string | undefined;
  /** Bytes that wait to be written. */
  readonly bufferedBytes: number;
  /** Writes all and closes the files; a snapshot first with `save`, or by default when there are save points. */
  close(save: boolean | undefined): Promise<void>;
}

/** A script that takes long, and is run in turns. */
export interface BusyScript {
  readonly kind: "script" | "function";
  readonly name: string;
  readonly args: readonly string[];
  runningMs(): number;
  /** Whether it has changed data, so that it may not be killed. */
  wrote(): boolean;
  kill(): void;
}

/** Everything that the commands of one server share. */
export class RedisServer {
  readonly clock: EngineClock;
  readonly random: () => number;
  readonly intercept: Intercept | undefined;
  readonly commands: ReadonlyMap<string, Command>;
  /** Commands by the spellings that clients use; any other is found by way of lower case. */
  readonly spelt = new Map<string, Command>();
  readonly config: Config;
  readonly stats = new Stats();
  readonly startedAt: number;
  readonly runId = randomBytes(20).toString("hex");
  readonly replicationId = randomBytes(20).toString("hex");
  readonly dbs: Database[];
  readonly clients = new Map<number, Client>();
  readonly monitors = new Set<Client>();
  readonly pubsub: PubSub;
  readonly tracking: Tracking;
  readonly blocking: Blocking;
  readonly slowlog: Slowlog;
  readonly latency: LatencyMonitor;
  readonly aclLog = new AclLog();
  /** Users who log in with a name and a password. The default user's password is the setting `requirepass`. */
  readonly users = new Map<string, string>();
  scripting: ScriptingPort | undefined;
  persistence: PersistencePort | undefined;
  /** Where changes go; undefined when nobody wants them. */
  propagator: Propagator | undefined;
  /** Saving that is under way: told of each command before it changes keys. */
  readonly walks = new Set<CommandWatcher>();
  /** Changes have gathered that are not written to the append-only file yet: before replies go out they must be. */
  unwritten = false;
  /** The time of the commands that run, in the clock's milliseconds: it stands still within a command. */
  now: number;
  /** Changes of the data since the start. */
  dirty = 0;
  /** The connection whose request runs, whatever runs on its behalf: messages to it wait for its reply. */
  requester: Client | undefined;
  /** The script that holds all others, when it takes longer than `busy-reply-threshold`. */
  busy: BusyScript | undefined;
  /** The client whose command runs. */
  current: Client | undefined;
  notifyFlags = 0;
  /** A file is read: nothing expires. */
  loading = false;
  /** While clients are paused nothing expires. */
  expiryPaused = false;
  /** DEBUG SET-ACTIVE-EXPIRE. */
  activeExpiry = true;
  /** Until when clients are paused, and which commands. */
  pausedUntil = 0;
  pauseKind: "all" | "write" | undefined;
  port = 0;
  /** Asked to shut down: set by the engine. */
  onShutdown: (() => void) | undefined;
  readonly #log: EngineLog | undefined;
  readonly #settingsPath: string | undefined;
  readonly #given: { readonly user: string; readonly password: string } | undefined;
  #nextClientId = 1;
  #flush: Client[] = [];
  #changes: Change[] = [];
  /** Depth of transactions and scripts: changes gather until the outermost is done. */
  #units = 0;
  lastSave: number;

  constructor(options: ServerOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.intercept = options.intercept;
    this.#log = options.log;
    this.#settingsPath = options.settingsPath;
    this.#given = options.auth;
    this.commands = options.commands;
    for (const [name, command] of this.commands) {
      this.spelt.set(name, command);
      this.spelt.set(name.toUpperCase(), command);
    }
    this.config = new Config(options.settings);
    this.now = this.clock.now();
    this.startedAt = this.now;
    this.lastSave = Math.floor(this.now / 1000);
    this.dbs = Array.from({ length: 16 }, (_, index) => new Database(this, index));
    this.pubsub = new PubSub();
    this.tracking = new Tracking(this);
    this.blocking = new Blocking(this);
    this.slowlog = new Slowlog(this);
    this.latency = new LatencyMonitor(this);
    if (options.auth !== undefined) {
      const { user, password } = options.auth;
      this.users.set(user, password);
      this.#defaultClosed = user !== "default";
      if (user === "default") this.config.apply(new Map([[Config.find("requirepass")!, password]]));
    }
    this.configured();
  }

  /** What HELLO and INFO say: the version whose behaviour this server follows. */
  readonly version = "7.2.4";
  #pauseTimer: NodeJS.Timeout | undefined;
  #afterPause: (() => void) | undefined;

  /** Lets clients' commands wait until a moment; a longer pause is not cut short, a broader one stays broad. */
  pause(kind: "all" | "write", until: number, after: () => void): void {
    this.pauseKind = this.pauseKind === "all" ? "all" : kind;
    this.pausedUntil = Math.max(this.pausedUntil, until);
    this.expiryPaused = true;
    this.#afterPause = after;
    this.checkPause();
  }

  /** Ends a pause whose time is over. */
  checkPause(): void {
    if (this.pauseKind === undefined) return;
    const left = this.pausedUntil - this.clock.now();
    if (left <= 0) {
      this.unpause();
      return;
    }
    if (this.#pauseTimer !== undefined) clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => this.checkPause(), Math.min(left, 2_147_483_647));
  }

  unpause(): void {
    if (this.#pauseTimer !== undefined) clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    this.pauseKind = undefined;
    this.pausedUntil = 0;
    this.expiryPaused = false;
    this.#afterPause?.();
  }

  /** Notes the port that the server got. */
  listening(port: number): void {
    this.port = port;
    this.config.apply(new Map([[Config.find("port")!, String(port)]]));
  }

  /** Whether the default user needs no password, so that connections are logged in from the start. */
  get passwordless(): boolean {
    return this.config.requirepass === "" && !this.#defaultClosed;
  }

  /** Follows a change of settings. */
  configured(): void {
    this.notifyFlags = this.config.notifyFlags;
    this.#lfu = isLfu(this.config.maxmemoryPolicy);
    this.slowlog.trim();
    this.aclLog.entries.length = Math.min(this.aclLog.entries.length, this.config.acllogMaxLen);
    this.tracking.enforceLimit();
    this.persistence?.configured();
    if (this.config.maxmemory > 0) makeRoom(this);
  }

  #lfu = false;
  /** Credentials were asked for under another name: the default user may not enter. */
  #defaultClosed = false;

  get lfu(): boolean {
    return this.#lfu;
  }

  /** Writes the settings and users to their file; false when there is none. */
  rewriteSettings(): boolean {
    if (this.#settingsPath === undefined) return false;
    // Credentials that the start was given are the start's business.
    const users = new Map([...this.users].filter(([name]) => name !== this.#given?.user));
    writeSettingsFile(this.#settingsPath, this.config, users, this.#given?.password ?? "");
    return true;
  }

  /** Says something to whoever keeps the log, when it is loud enough for the setting `loglevel`. */
  log(level: LogLevel, message: string): void {
    if (levels.indexOf(level) < levels.indexOf(this.config.loglevel)) return;
    if (this.#log !== undefined) this.#log(level, message);
    else if (level === "warning") process.emitWarning(message, "KeyfoldRedisWarning");
  }

  /** A script's message: it is for the log alone. */
  logOfScript(level: LogLevel, message: string): void {
    if (this.#log !== undefined) this.log(level, message);
  }

  /** The last millisecond that {@link microseconds} saw, and when it began by the clock that has parts of one. */
  #tick = { ms: 0, at: 0 };

  /** Microseconds since 1970: counted from the tick of the server's own clock, so that a later call never gives less. */
  microseconds(): number {
    const ms = Math.floor(this.clock.now());
    const at = performance.now();
    if (this.#tick.ms !== ms) this.#tick = { ms, at };
    return ms * 1000 + Math.min(999, Math.floor((at - this.#tick.at) * 1000));
  }

  nextClientId(): number {
    return this.#nextClientId++;
  }

  /** An entry's mark for the policies of eviction after an access. */
  touched(access: number): number {
    if (this.current?.noTouch) return access;
    return this.#lfu ? lfuTouched(access, this) : Math.floor(this.now / 1000);
  }

  /** The access mark of a new entry. */
  newAccess(): number {
    return this.#lfu ? lfuInitial(this.now) : Math.floor(this.now / 1000);
  }

  /** Publishes an event of the keyspace, when the settings ask for its class. */
  notify(kind: number, event: string, key: string, db: Database): void {
    const flags = this.notifyFlags;
    if ((flags & kind) === 0) return;
    if (flags & NOTIFY_KEYSPACE) this.pubsub.publish(`__keyspace@${db.index}__:${key}`, event);
    if (flags & NOTIFY_KEYEVENT) this.pubsub.publish(`__keyevent@${db.index}__:${event}`, key);
  }

  /** A key was made or grew, or is gone, that clients may wait for. */
  keyReady(db: Database, key: string): void {
    this.blocking.ready(db, key);
  }

  /** A change beside the command's own (an expired or evicted key, a served client). */
  propagateExtra(db: Database, args: readonly string[]): void {
    if (this.propagator === undefined) return;
    this.#changes.push({ db: db.index, args });
    if (this.#units === 0 && this.current === undefined) this.flushChanges();
  }

  /** Opens a unit of work whose changes are propagated as a whole. */
  enterUnit(): void {
    this.#units++;
  }

  /** Whether a transaction or a script is under way, whose changes gather. */
  get inUnit(): boolean {
    return this.#units > 0;
  }

  leaveUnit(): void {
    this.#units--;
    if (this.#units === 0) this.flushChanges();
  }

  /** Hands over what has gathered. */
  flushChanges(): void {
    if (this.#changes.length === 0 || this.#units > 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.propagator?.write(changes);
  }

  /** Notes what a command changed: itself, or what it asked for in its place. */
  propagateCommand(client: Client, command: Command, args: string[], db: Database, dirty: boolean): void {
    const { rewritten } = client;
    client.rewritten = undefined;
    if (dirty) {
      if (rewritten !== undefined) for (const one of rewritten) this.#changes.push({ db: db.index, args: one });
      else if (command.flags & FLAG_WRITE) this.#changes.push({ db: db.index, args });
    }
    if (this.#units === 0) this.flushChanges();
  }

  /**
   * Sends what a client got when all sockets that are readable now have been read: as Redis does before it sleeps. Then
   * the other side is woken once for many replies, not once for each.
   */
  flushLater(client: Client): void {
    if (client.flushQueued) return;
    client.flushQueued = true;
    if (this.#flush.length === 0) setImmediate(this.#flushAll);
    this.#flush.push(client);
  }

  readonly #flushAll = (): void => this.flushNow();

  flushNow(): void {
    if (this.#flush.length === 0) return;
    const clients = this.#flush;
    this.#flush = [];
    for (const client of clients) {
      client.flushQueued = false;
      if (!client.closed) client.flush();
    }
  }

  /** Drops a client whose unread replies are over the limits of its class. */
  checkOutputLimit(client: Client): void {
    const { bufferLimits } = this.config;
    const limit = client.subscribed || client.monitor ? bufferLimits.pubsub : bufferLimits.normal;
    const unsent = client.transport!.unsentBytes;
    let over = limit.hard > 0 && unsent >= limit.hard;
    if (limit.soft > 0 && unsent >= limit.soft) {
      if (client.softLimitSince === 0) client.softLimitSince = this.clock.now();
      else if (this.clock.now() - client.softLimitSince > limit.softSeconds * 1000) over = true;
    } else client.softLimitSince = 0;
    if (!over) return;
    this.stats.outputLimitDrops++;
    client.transport!.destroy();
  }

  /** Memory that the data takes, by estimate. */
  dataBytes(): number {
    let bytes = 0;
    for (const db of this.dbs) bytes += db.bytes;
    return bytes;
  }

  /** Memory of pages that removed strings leave unused. */
  freeBytes(): number {
    let bytes = 0;
    for (const db of this.dbs) bytes += db.map.freeBytes;
    return bytes;
  }

  /**
   * Memory counted against maxmemory: data, and what connections hold. Without {@link freeBytes}: a key that is evicted
   * adds to those, and only many of them bring a page back, so that far too many would go.
   */
  limitedMemory(): number {
    return 1_000_000 + this.dataBytes() + this.clients.size * 2048 + this.pubsub.bytes + this.tracking.bytes;
  }

  /** All memory in use, by estimate. */
  usedMemory(): number {
    const used = this.limitedMemory() + this.freeBytes();
    if (used > this.stats.peakMemory) this.stats.peakMemory = used;
    return used;
  }

  /** Drops data and the state of clients, for use between tests. */
  resetAll(): void {
    this.busy?.kill();
    for (const walk of [...this.walks]) walk.finish();
    for (const db of this.dbs) db.clear();
    for (const client of [...this.clients.values()]) client.transport?.destroy();
    this.slowlog.clear();
    this.aclLog.clear();
    this.latency.clear();
    this.scripting?.reset();
    this.stats.reset();
    this.unpause();
    this.propagator?.write([{ db: 0, args: ["FLUSHALL"] }]);
    this.propagator?.write([{ db: 0, args: ["FUNCTION", "FLUSH"] }]);
  }
}
