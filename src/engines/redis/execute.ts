import type { Fault } from "../engine.js";
import type { Blocked, Client } from "./client.js";
import { redacted } from "./commands/redact.js";
import {
  type Command,
  FLAG_ADMIN,
  FLAG_ALLOW_BUSY,
  FLAG_DENYOOM,
  FLAG_FAST,
  FLAG_MAY_REPLICATE,
  FLAG_NO_AUTH,
  FLAG_NO_MULTI,
  FLAG_PROTECTED,
  FLAG_READONLY,
  FLAG_SKIP_MONITOR,
  FLAG_SKIP_SLOWLOG,
  FLAG_WRITE,
  findKeys,
} from "./commands/spec.js";
import { makeRoom } from "./data/eviction.js";
import { feedMonitors } from "./info/monitor.js";
import { CountedError, ErrorReply, err, NO_REPLY, OUT_OF_MEMORY, QUEUED, type Reply } from "./protocol/reply.js";
import type { BusyScript, RedisServer } from "./state.js";

const NOAUTH = new ErrorReply("NOAUTH Authentication required.");
const NO_REPLICAS = new ErrorReply("NOREPLICAS Not enough good replicas to write.");
const TOO_LONG = err("reply exceeds the longest text that this server can make");

/** Commands that a transaction runs at once in place of queueing them. */
const immediate = new Set(["exec", "discard", "multi", "watch", "quit", "reset"]);
/** Commands that a RESP2 connection may send while it is subscribed. */
const whileSubscribed = new Set([
  "ping",
  "subscribe",
  "ssubscribe",
  "unsubscribe",
  "sunsubscribe",
  "psubscribe",
  "punsubscribe",
  "quit",
  "reset",
]);

/** Up to 128 bytes of the arguments, as the error for an unknown command quotes them. */
function quotedArguments(args: readonly string[]): string {
  let out = "";
  for (let i = 1; i < args.length && out.length < 128; i++) out += `'${args[i]!.slice(0, 128 - out.length)}' `;
  return out;
}

/** The command for a request, or the error that there is none. */
export function lookup(server: RedisServer, args: readonly string[]): Command | ErrorReply {
  const name = args[0]!;
  const found = server.commands.get(name) ?? server.commands.get(name.toLowerCase());
  if (found === undefined) {
    return err(`unknown command '${name.slice(0, 128)}', with args beginning with: ${quotedArguments(args)}`);
  }
  if (!found.container || args.length === 1) return found;
  const sub = found.subcommands!.get(args[1]!) ?? found.subcommands!.get(args[1]!.toLowerCase());
  if (sub === undefined) {
    return err(`unknown subcommand '${args[1]!.slice(0, 128)}'. Try ${found.name.toUpperCase()} HELP.`);
  }
  return sub;
}

function arityFits(command: Command, count: number): boolean {
  return command.arity >= 0 ? count === command.arity : count >= -command.arity;
}

export function wrongArity(command: Command): ErrorReply {
  return err(`wrong number of arguments for '${command.fullName}' command`);
}

/** Answers with an error before the command is run; within MULTI the transaction is spoilt. */
function reject(client: Client, command: Command | undefined, error: ErrorReply): void {
  if (client.queue !== undefined) client.queueFailed = true;
  if (command !== undefined) command.stats.rejected++;
  if (command?.name === "exec" && client.queue !== undefined) {
    client.reply(new ErrorReply(`EXECABORT Transaction discarded because of: ${error.text.replace(/^ERR /, "")}`));
    client.server.stats.countError("EXECABORT");
    discard(client);
    return;
  }
  countError(client.server, error);
  client.reply(error);
}

function countError(server: RedisServer, error: ErrorReply): void {
  const space = error.text.indexOf(" ");
  server.stats.countError(space < 0 ? error.text : error.text.slice(0, space));
}

/** Leaves a transaction: the queue and the watches are gone. */
export function discard(client: Client): void {
  client.queue = undefined;
  client.queueFlags = 0;
  client.queueFailed = false;
  unwatch(client);
}

/** Forgets all watched keys. */
export function unwatch(client: Client): void {
  client.watchFailed = false;
  if (client.watching.size === 0) return;
  for (const [db, keys] of client.watching) {
    for (const key of keys.keys()) {
      const clients = db.watched.get(key);
      clients?.delete(client);
      if (clients?.size === 0) db.watched.delete(key);
    }
  }
  client.watching.clear();
}

/** Whether changes of the data are paused for this command. */
function paused(server: RedisServer, client: Client, flags: number): boolean {
  if (server.pauseKind === undefined || client.trusted) return false;
  if (server.pauseKind === "all") return true;
  return (flags & (FLAG_WRITE | FLAG_MAY_REPLICATE)) !== 0;
}

/**
 * One request of a connection: the checks that come before a command, then the command or its place in a transaction's
 * queue. The reply is added to what the connection sends.
 */
export function processRequest(server: RedisServer, client: Client, args: string[]): void {
  if (client.replies === "skip-next") client.replies = "skip";
  execute(server, client, args);
  if (client.replies === "skip") client.replies = "on";
  if (client.tracking?.caching !== undefined && client.queue === undefined) {
    if (client.cachingFresh) client.cachingFresh = false;
    else client.tracking.caching = undefined;
  }
}

function execute(server: RedisServer, client: Client, args: string[]): void {
  let command = server.spelt.get(args[0]!);
  if (command === undefined || command.container) {
    const found = lookup(server, args);
    if (found instanceof ErrorReply) {
      const lower = args[0]!.toLowerCase();
      if (lower === "host:" || lower === "post") {
        client.transport?.destroy();
        return;
      }
      reject(client, undefined, found);
      return;
    }
    command = found;
  }
  client.lastCommand = command;
  if (!arityFits(command, args.length)) {
    reject(client, command, wrongArity(command));
    return;
  }
  const { intercept } = server;
  if (intercept !== undefined && client.transport !== undefined) {
    const fault = intercept({
      engine: "redis",
      command: args[0]!,
      target: targetOf(command, args),
      connectionId: client.id,
    });
    if (fault !== undefined) {
      inject(server, client, command, args, fault);
      return;
    }
  }
  admit(server, client, command, args);
}

function targetOf(command: Command, args: readonly string[]): string | undefined {
  const first = findKeys(command, args)?.[0];
  return first === undefined ? undefined : args[first];
}

/** Does to a request what an interceptor asked for. */
function inject(server: RedisServer, client: Client, command: Command, args: string[], fault: Fault): void {
  switch (fault.kind) {
    case "delay": {
      // The connection waits as if it were blocked: its further requests keep their order.
      server.blocking.wait(client, {
        kind: "delayed",
        keys: [],
        db: client.db,
        deadline: 0,
        onTimeout: NO_REPLY,
        onGone: false,
        args,
        command,
      });
      setTimeout(() => {
        if (client.closed) return;
        server.blocking.release(client);
        server.now = server.clock.now();
        admit(server, client, command, args);
        if (client.blocked === undefined) {
          client.flush();
          client.transport?.resume();
        }
      }, fault.ms);
      return;
    }
    case "close-before":
      client.transport!.destroy();
      return;
    case "close-after":
      admit(server, client, command, args);
      client.out = "";
      client.transport!.destroy();
      return;
    case "partial":
      // Redis has no batches that can be left undone in part.
      admit(server, client, command, args);
      return;
    case "error":
      reject(client, command, new ErrorReply(`${fault.code} ${fault.message}`));
      return;
    default: {
      const never: never = fault;
      throw new Error(`not a fault: ${String(never)}`);
    }
  }
}

/** A command's flags; those of a script that declares its own in its first line (see {@link ScriptingPort}). */
function declaredFlags(server: RedisServer, command: Command, args: readonly string[]): number {
  const { flags } = command;
  if (command.group !== "scripting" || !(flags & FLAG_MAY_REPLICATE)) return flags;
  return server.scripting?.commandFlags(command, args) ?? flags;
}

function admit(server: RedisServer, client: Client, command: Command, args: string[]): void {
  // A script may say in its first line that it does not write.
  let flags = declaredFlags(server, command, args);
  if (!client.authenticated && !(flags & FLAG_NO_AUTH)) {
    reject(client, command, NOAUTH);
    return;
  }
  const { queue } = client;
  if (queue !== undefined) {
    if (flags & FLAG_NO_MULTI) {
      reject(client, command, err("Command not allowed inside a transaction"));
      return;
    }
    if (command.name === "exec") flags |= client.queueFlags;
  }
  if (flags & FLAG_PROTECTED && command.name !== "debug") {
    reject(client, command, protectedCommand(command));
    return;
  }
  if (server.config.maxmemory !== 0) {
    const fits = makeRoom(server);
    server.tracking.flushPending();
    if (!fits && (flags & FLAG_DENYOOM || (queue !== undefined && !immediate.has(command.fullName)))) {
      reject(client, command, OUT_OF_MEMORY);
      return;
    }
  }
  if (flags & FLAG_WRITE && server.config.minReplicasToWrite > 0 && !client.trusted) {
    reject(client, command, NO_REPLICAS);
    return;
  }
  if (server.persistence !== undefined && (flags & FLAG_WRITE || command.name === "ping") && !client.trusted) {
    const failure = server.persistence.failure();
    if (failure !== undefined) {
      reject(client, command, new ErrorReply(failure));
      return;
    }
  }
  if (server.busy !== undefined && !(flags & FLAG_ALLOW_BUSY)) {
    reject(client, command, busyError(server.busy));
    return;
  }
  if (client.resp === 2 && client.subscribed && !whileSubscribed.has(command.fullName)) {
    const text = `Can't execute '${command.fullName}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
    reject(client, command, err(text));
    return;
  }
  if (server.pauseKind !== undefined && paused(server, client, flags)) {
    server.blocking.wait(client, {
      kind: "postponed",
      keys: [],
      db: client.db,
      deadline: 0,
      onTimeout: NO_REPLY,
      onGone: false,
      args,
      command,
    });
    return;
  }
  if (queue !== undefined && !immediate.has(command.fullName)) {
    // A transaction that can no longer be run needs no memory for its commands.
    if (!client.queueFailed && !client.watchFailed) queue.push({ command, args });
    client.queueFlags |= flags;
    client.reply(QUEUED);
    return;
  }
  const { persistence } = server;
  const offset = persistence?.offset;
  const outer = server.requester;
  server.requester = client;
  const reply = call(server, client, command, args);
  server.requester = outer;
  if (persistence !== undefined && persistence.offset !== offset) client.changedAt = persistence.offset;
  if (client.retrying !== undefined && client.blocked !== undefined) return;
  client.reply(reply);
  finish(server, client);
}

/** What others are told while a script runs that takes long. */
export function busyError({ kind }: BusyScript): ErrorReply {
  const which = kind === "script" ? "SCRIPT KILL" : "FUNCTION KILL";
  return new ErrorReply(`BUSY Redis is busy running a script. You can only call ${which} or SHUTDOWN NOSAVE.`);
}

/** Answers a client whose command took more than one turn, and goes on with what it has sent since. */
export function finishLater(
  server: RedisServer,
  client: Client,
  command: Command,
  args: readonly string[],
  reply: Reply,
  microseconds: number,
): void {
  server.blocking.release(client);
  count(server, client, command, args, reply, microseconds);
  if (server.persistence !== undefined) client.changedAt = server.persistence.offset;
  client.reply(reply);
  finish(server, client);
  server.flushLater(client);
  client.transport?.resume();
}

function protectedCommand(command: Command): ErrorReply {
  const [container] = command.fullName.split("|") as [string];
  return err(
    `${container.toUpperCase()} command not allowed. If the enable-${container}-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`,
  );
}

/** What follows a command that was not called from inside another: messages of its own, and those who waited. */
export function finish(server: RedisServer, client: Client): void {
  if (server.tracking.active) {
    server.tracking.flushPending();
    server.tracking.flushBroadcasts();
  }
  if (client.pendingPush.length !== 0) {
    client.out += client.pendingPush;
    client.pendingPush = "";
  }
  if (server.blocking.hasReady) server.blocking.serve((waiter, blocked) => retry(server, waiter, blocked));
}

/** Runs the command of a client that waited once more. */
function retry(server: RedisServer, client: Client, blocked: Blocked): void {
  admit(server, client, blocked.command, blocked.args);
}

/** Runs what was put off by CLIENT PAUSE. */
export function resumePaused(server: RedisServer): void {
  for (const client of [...server.blocking.clients]) {
    const { blocked } = client;
    if (blocked === undefined || blocked.kind !== "postponed" || blocked.deadline !== 0) continue;
    server.blocking.release(client);
    admit(server, client, blocked.command, blocked.args);
    if (client.blocked === undefined) {
      server.flushLater(client);
      client.transport?.resume();
    }
  }
}

/**
 * Runs a command and gives its reply: counts it, tells monitors and the slow log, propagates what it changed. This is
 * what connections, transactions and scripts alike use; checks of the client come before.
 */
export function call(server: RedisServer, client: Client, command: Command, args: string[]): Reply {
  const outer = server.current;
  server.current = client;
  const { dirty } = server;
  const { db } = client;
  if (server.walks.size !== 0) for (const walk of server.walks) walk.beforeCommand(client, command, args);
  const started = performance.now();
  let reply: Reply;
  try {
    reply = command.run(client, args);
  } catch (error) {
    reply = errorOf(server, error);
  }
  const microseconds = (performance.now() - started) * 1000;
  // After the command: a transaction is shown when its commands have been.
  if (
    server.monitors.size !== 0 &&
    !(command.flags & (FLAG_SKIP_MONITOR | FLAG_ADMIN)) &&
    client.retrying === undefined
  ) {
    feedMonitors(server, client, db, redacted(command, args));
  }
  const changed = server.dirty !== dirty;
  if (server.propagator !== undefined) server.propagateCommand(client, command, args, db, changed);
  server.current = outer;
  // A script's keys are those that its commands read; whoever begins to wait has read its keys, too.
  if (command.flags & FLAG_READONLY && command.group !== "scripting") {
    const reader = outer ?? client;
    if (reader.tracking !== undefined && !reader.tracking.broadcast) rememberKeys(server, reader, command, args);
  }
  if (client.blocked !== undefined) return reply;
  count(server, client, command, args, reply, microseconds);
  return reply;
}

/** Counts a command that has run, and notes it where it was slow. */
function count(
  server: RedisServer,
  client: Client,
  command: Command,
  args: readonly string[],
  reply: Reply,
  microseconds: number,
): void {
  const { stats } = command;
  stats.calls++;
  stats.microseconds += microseconds;
  server.stats.commands++;
  if (reply instanceof ErrorReply) {
    stats.failed++;
    if (!(reply instanceof CountedError)) countError(server, reply);
  }
  if (server.config.latencyTracking) {
    stats.histogram ??= new Array<number>(32).fill(0);
    const bucket = microseconds < 1 ? 0 : 32 - Math.clz32(Math.ceil(microseconds) - 1);
    stats.histogram[Math.min(bucket, 31)]!++;
  }
  if (microseconds >= server.config.slowlogLogSlowerThan) noteSlow(server, client, command, args, microseconds);
  if (microseconds >= 1000) {
    server.latency.add(command.flags & FLAG_FAST ? "fast-command" : "command", microseconds / 1000);
  }
}

function noteSlow(
  server: RedisServer,
  client: Client,
  command: Command,
  args: readonly string[],
  microseconds: number,
): void {
  if (server.config.slowlogLogSlowerThan < 0 || command.flags & FLAG_SKIP_SLOWLOG) return;
  server.slowlog.add(client, redacted(command, args), Math.floor(microseconds));
}

function rememberKeys(server: RedisServer, client: Client, command: Command, args: readonly string[]): void {
  const positions = findKeys(command, args);
  if (positions === undefined || positions.length === 0) return;
  server.tracking.remember(
    client,
    positions.map((at) => args[at]!),
  );
}

function errorOf(server: RedisServer, error: unknown): ErrorReply {
  if (error instanceof ErrorReply) return error;
  if (error instanceof RangeError && /Invalid (string|array) length/.test(error.message)) return TOO_LONG;
  server.stats.unexpectedErrors++;
  const text = error instanceof Error ? error.message : String(error);
  if (process.env["KEYFOLD_DEBUG"] !== undefined) console.error(error);
  return err(`internal error: ${text}`);
}
