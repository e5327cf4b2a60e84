import type { Client } from "../client.js";
import { FLAG_DENYOOM, FLAG_MAY_REPLICATE, FLAG_NOSCRIPT, FLAG_WRITE } from "../commands/spec.js";
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

/** Ends a script from outside; pcall does not catch it. */
export class ScriptEnded extends Error {}

/** How long a script may run that has not written: others wait all the while, and cannot ask for its end. */
export const longestRunMs = 30_000;

/** One run of a script or function: what it may do, and what it has done. */
export class ScriptRun {
  readonly client: Client;
  readonly name: string;
  readonly #readOnly: boolean;
  readonly #allowOom: boolean;
  /** Memory was over its limit when the script began. */
  readonly #outOfMemory: boolean;
  readonly #deadline: number;
  /** Whether what it changes is propagated. */
  propagated = true;
  wrote = false;

  constructor(
    client: Client,
    name: string,
    options: { readOnly: boolean; allowOom: boolean; outOfMemory: boolean },
    limitMs = longestRunMs,
  ) {
    this.client = client;
    this.name = name;
    this.#readOnly = options.readOnly;
    this.#allowOom = options.allowOom;
    this.#outOfMemory = options.outOfMemory;
    this.#deadline = performance.now() + limitMs;
  }

  /** Runs a command for the script; a refusal is an error like those of commands. */
  call(args: string[]): Reply {
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
    if (this.wrote || performance.now() < this.#deadline) return;
    throw new ScriptEnded("Script ran too long without writing and was ended");
  }
}
