import type { Client } from "../client.js";
import { FLAG_DENYOOM, FLAG_MAY_REPLICATE, FLAG_NOSCRIPT, FLAG_PUBSUB, FLAG_WRITE } from "../commands/spec.js";
import type { Database } from "../data/database.js";
import { call, lookup } from "../execute.js";
import { CountedError, ErrorReply, err, OUT_OF_MEMORY, type Reply } from "../protocol/reply.js";
import type { RedisServer } from "../state.js";

/** What a script declares in its first line, or a function when it is registered. */
export interface ScriptFlags {
  readonly noWrites: boolean;
  readonly allowOom: boolean;
  readonly allowStale: boolean;
  readonly noCluster: boolean;
  readonly allowCrossSlotKeys: boolean;
}

/** Names of the flags in the order in which FUNCTION LIST shows them. */
export const flagFields: readonly (readonly [string, keyof ScriptFlags])[] = [
  ["no-writes", "noWrites"],
  ["allow-oom", "allowOom"],
  ["allow-stale", "allowStale"],
  ["no-cluster", "noCluster"],
  ["allow-cross-slot-keys", "allowCrossSlotKeys"],
];

/** The flags by their names; the first name that is none otherwise. */
export function readFlags(names: readonly string[], ignoreCase: boolean): ScriptFlags | string {
  const flags = {
    noWrites: false,
    allowOom: false,
    allowStale: false,
    noCluster: false,
    allowCrossSlotKeys: false,
  };
  for (const name of names) {
    const found = flagFields.find(([known]) => known === (ignoreCase ? name.toLowerCase() : name));
    if (found === undefined) return name;
    flags[found[1]] = true;
  }
  return flags;
}

const NO_REPLICAS = new ErrorReply("NOREPLICAS Not enough good replicas to write.");

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((arg, at) => arg === b[at]);
}

/** Ends a script from outside; pcall does not catch it. */
export class ScriptEnded extends Error {}

/** Leaves a script that has run for the time limit: it goes on in the mode in which others get their turn. */
export class TooSlow extends Error {}

/** How long a script may run that has not written, where it cannot give others their turn: in a transaction. */
const longestRunMs = 30_000;
/** Calls whose replies are kept, so that the script's way to the time limit can be gone once more. */
const mostRecorded = 4096;
/** What has an effect beyond its reply. */
const effects = FLAG_WRITE | FLAG_MAY_REPLICATE | FLAG_PUBSUB;

/** One run of a script or function: what it may do, and what it has done. */
export class ScriptRun {
  readonly client: Client;
  readonly name: string;
  readonly #readOnly: boolean;
  readonly #allowOom: boolean;
  /** Memory was over its limit when the script began. */
  readonly #outOfMemory: boolean;
  #deadline: number;
  /** Whether it may be left at the time limit and gone once more. */
  readonly #repeatable: boolean;
  /** The calls so far, and their replies; undefined when there were too many to keep. */
  #calls: string[][] | undefined = [];
  #replies: Reply[] = [];
  /** In the second run: the next call whose reply is given again. */
  #repeated = 0;
  /** A call had an effect beyond its reply: it must not be made twice. */
  #effects = false;
  readonly startedAt = performance.now();
  /** SCRIPT KILL or FUNCTION KILL has ended it. */
  killed = false;
  /** Whether what it changes is propagated. */
  propagated = true;
  wrote = false;

  constructor(
    client: Client,
    name: string,
    options: { readOnly: boolean; allowOom: boolean; outOfMemory: boolean; repeatable: boolean },
  ) {
    const { busyReplyThreshold } = client.server.config;
    this.#repeatable = options.repeatable && busyReplyThreshold > 0;

    this.client = client;
    this.name = name;
    this.#readOnly = options.readOnly;
    this.#allowOom = options.allowOom;
    this.#outOfMemory = options.outOfMemory;
    this.#deadline = this.startedAt + (this.#repeatable ? busyReplyThreshold : longestRunMs);
  }

  /** Runs a command for the script; a refusal is an error like those of commands. */
  call(args: string[]): Reply {
    const calls = this.#calls;
    if (calls === undefined) return this.#run(args);
    if (this.#repeated < calls.length) {
      const at = this.#repeated++;
      if (!same(calls[at]!, args)) throw new ScriptEnded("Script took another way when it was run again");
      return this.#replies[at]!;
    }
    const reply = this.#run(args);
    if (calls.length < mostRecorded) {
      calls.push(args);
      this.#replies.push(reply);
      this.#repeated++;
    } else {
      this.#calls = undefined;
      this.#replies = [];
    }
    return reply;
  }

  /** Begins the second run: the calls of the first get the same replies, or are made once more when they only read. */
  repeat(db: Database): void {
    this.#repeated = 0;
    this.#deadline = Number.POSITIVE_INFINITY;
    this.propagated = true;
    this.client.resp = 2;
    if (this.#calls === undefined) this.client.db = db;
  }

  #run(args: string[]): Reply {
    const { client } = this;
    const { server } = client;
    const command = lookup(server, args);
    if (command instanceof ErrorReply) return this.#refuse(err("Unknown Redis command called from script"));
    const { arity, flags } = command;
    if (arity >= 0 ? args.length !== arity : args.length < -arity) {
      command.stats.rejected++;
      return this.#refuse(err("Wrong number of args calling Redis command from script"));
    }
    const refusal = this.#refusal(server, flags);
    if (refusal !== undefined) {
      command.stats.rejected++;
      return this.#refuse(refusal);
    }
    if (flags & FLAG_WRITE) this.wrote = true;
    if (flags & effects) this.#effects = true;
    client.lastCommand = command;
    if (this.propagated) return call(server, client, command, args);
    const { propagator } = server;
    server.propagator = undefined;
    try {
      return call(server, client, command, args);
    } finally {
      server.propagator = propagator;
    }
  }

  #refusal(server: RedisServer, flags: number): ErrorReply | undefined {
    if (flags & FLAG_NOSCRIPT) return err("This Redis command is not allowed from script");
    if (this.#readOnly && flags & (FLAG_WRITE | FLAG_MAY_REPLICATE)) {
      return err("Write commands are not allowed from read-only scripts.");
    }
    // A script that has written is not stopped half-way.
    if (this.wrote) return undefined;
    if (flags & FLAG_WRITE) {
      const failure = server.persistence?.failure();
      if (failure !== undefined) return new ErrorReply(failure);
      if (server.config.minReplicasToWrite > 0) return NO_REPLICAS;
    }
    if (this.#outOfMemory && !this.#allowOom && flags & FLAG_DENYOOM) return OUT_OF_MEMORY;
    return undefined;
  }

  #refuse(error: ErrorReply): ErrorReply {
    const { server } = this.client;
    const space = error.text.indexOf(" ");
    server.stats.countError(error.text.slice(0, space));
    return new CountedError(error.text);
  }

  /** Looks at the clock from time to time. */
  tick(): void {
    if (this.killed) throw new ScriptEnded("Script killed by user with SCRIPT KILL.");
    if (performance.now() < this.#deadline) return;
    if (this.#repeatable && (this.#calls !== undefined || !this.#effects)) throw new TooSlow();
    if (this.wrote || performance.now() - this.startedAt < longestRunMs) return;
    throw new ScriptEnded("Script ran too long without writing and was ended");
  }
}
