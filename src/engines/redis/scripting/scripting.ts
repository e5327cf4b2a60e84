import { createHash } from "node:crypto";
import { Client } from "../client.js";
import { type Command, FLAG_DENYOOM, FLAG_MAY_REPLICATE, FLAG_WRITE } from "../commands/spec.js";
import { makeRoom } from "../data/eviction.js";
import { finishLater } from "../execute.js";
import { feedMonitors } from "../info/monitor.js";
import { splitArguments } from "../protocol/inline.js";
import { CountedError, ErrorReply, err, NO_REPLY, type Reply } from "../protocol/reply.js";
import type { RedisServer, ScriptingPort } from "../state.js";
import { fromLua } from "./convert.js";
import { lock, newEnvironment, refuseMissing } from "./environment.js";
import { FunctionEngine, type Libraries, type Library, noLibraries } from "./functions.js";
import { compileLua } from "./lua/compile.js";
import { errorValue, fuelPerTick, type Machine } from "./lua/runtime.js";
import { first, LuaError, type LuaFunction, type LuaResult, LuaTable, type LuaValue, PAUSE } from "./lua/values.js";
import { redisTable } from "./redis-api.js";
import { readFlags, ScriptEnded, type ScriptFlags, ScriptRun, TooSlow } from "./run.js";

/** A script of the cache. */
interface Script {
  readonly sha: string;
  readonly body: string;
  /** What its first line declares; undefined when it has no such line. */
  readonly flags: ScriptFlags | undefined;
  readonly run: LuaFunction;
}

/** The Lua machine of EVAL. */
class EvalEngine {
  readonly machine: Machine;
  readonly globals: LuaTable;
  readonly server: RedisServer;
  run: ScriptRun | undefined;

  constructor(server: RedisServer) {
    this.server = server;
    const { machine, globals } = newEnvironment();
    machine.chunk = "user_script";
    this.machine = machine;
    this.globals = globals;
    const api = redisTable(this, true);
    globals.set("redis", api);
    globals.set("server", api);
    refuseMissing(machine, globals);
    lock(globals);
  }

  setGlobal(name: string, value: LuaTable): void {
    this.globals.set(name, value);
  }
}

const READ_ONLY_COMMAND = err("Can not execute a script with write flag using *_ro command.");
const OUT_OF_MEMORY = new ErrorReply(
  "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
);
const NO_REPLICAS = new ErrorReply("NOREPLICAS Not enough good replicas to write.");

/** How long a turn of a slow script is, and after how many of its steps it may end. */
const turnMs = 5;
const slowFuel = 200;

/** What is needed to run a script that takes long once more, so that others get their turns. */
interface SlowScript {
  readonly kind: "script" | "function";
  readonly caller: Client;
  readonly args: readonly string[];
  /** Begins the second run. */
  readonly begin: () => Generator<LuaValue[], LuaResult, LuaValue[]>;
}

/** Scripts and functions of one server; the Lua machines are made when they are first needed. */
export class Scripting implements ScriptingPort {
  readonly #server: RedisServer;
  readonly #byText = new Map<string, Script>();
  readonly #bySha = new Map<string, Script>();
  #scriptBytes = 0;
  #eval: EvalEngine | undefined;
  #functions: FunctionEngine | undefined;
  #client: Client | undefined;
  libraries: Libraries = noLibraries();

  constructor(server: RedisServer) {
    this.#server = server;
  }

  get functionEngine(): FunctionEngine {
    this.#functions ??= new FunctionEngine(this.#server);
    return this.#functions;
  }

  reset(): void {
    this.flushScripts();
    this.libraries = noLibraries();
    this.#functions = undefined;
  }

  /** Drops all cached scripts, and the machine with what scripts have set in it. */
  flushScripts(): void {
    this.#byText.clear();
    this.#bySha.clear();
    this.#scriptBytes = 0;
    this.#eval = undefined;
  }

  info(): { scripts: number; functions: number; libraries: number; bytes: number } {
    let bytes = this.#scriptBytes;
    for (const library of this.libraries.libraries.values()) bytes += library.code.length + 256;
    return {
      scripts: this.#bySha.size,
      functions: this.libraries.functions.size,
      libraries: this.libraries.libraries.size,
      bytes,
    };
  }

  commandFlags(command: Command, args: readonly string[]): number | undefined {
    const text = args[1]!;
    let flags: ScriptFlags | undefined;
    if (command.name === "fcall") flags = this.libraries.functions.get(text.toLowerCase())?.flags;
    else if (command.name === "evalsha") flags = this.bySha(text)?.flags;
    else {
      const head = text.startsWith("#!") ? shebang(text) : undefined;
      flags = head instanceof ErrorReply ? undefined : head?.flags;
    }
    if (flags === undefined) return undefined;
    let out = command.flags & ~(FLAG_WRITE | FLAG_DENYOOM | FLAG_MAY_REPLICATE);
    if (!flags.noWrites) out |= FLAG_WRITE;
    if (!flags.noWrites && !flags.allowOom) out |= FLAG_DENYOOM;
    return out;
  }

  has(sha: string): boolean {
    return this.#bySha.has(sha);
  }

  bySha(sha: string): Script | undefined {
    return this.#bySha.get(sha) ?? this.#bySha.get(sha.toLowerCase());
  }

  /** The script for a text: from the cache, or compiled and cached. */
  load(body: string): Script | ErrorReply {
    const known = this.#byText.get(body);
    if (known !== undefined) return known;
    const head = shebang(body);
    if (head instanceof ErrorReply) return head;
    this.#eval ??= new EvalEngine(this.#server);
    const { machine, globals } = this.#eval;
    let run: LuaFunction;
    try {
      run = compileLua(machine, globals, body.slice(head.length), "user_script");
    } catch (error) {
      if (!(error instanceof LuaError)) throw error;
      return err(`Error compiling script (new function): ${String(error.value)}`);
    }
    const sha = createHash("sha1").update(body, "latin1").digest("hex");
    const script: Script = { sha, body, flags: head.flags, run };
    this.#byText.set(body, script);
    this.#bySha.set(sha, script);
    this.#scriptBytes += body.length + 160;
    return script;
  }

  /** EVAL and its kin. */
  evaluate(caller: Client, script: Script, args: readonly string[], keys: number, readOnlyCommand: boolean): Reply {
    this.#eval ??= new EvalEngine(this.#server);
    const engine = this.#eval;
    const run = this.#begin(caller, script.sha, script.flags, readOnlyCommand, args);
    if (run instanceof ErrorReply) return run;
    engine.machine.chunk = "user_script";
    const given = (): void => {
      engine.setGlobal("KEYS", LuaTable.list(args.slice(3, 3 + keys)));
      engine.setGlobal("ARGV", LuaTable.list(args.slice(3 + keys)));
    };
    given();
    return this.#execute(engine, run, () => script.run(), {
      kind: "script",
      caller,
      args,
      begin: () => {
        given();
        const { machine, globals } = engine;
        const body = script.body.startsWith("#!") ? script.body.slice(script.body.indexOf("\n")) : script.body;
        return compileLua(machine, globals, body, "user_script", true).generator!();
      },
    });
  }

  /** FCALL and FCALL_RO. */
  callFunction(caller: Client, args: readonly string[], keys: number, readOnlyCommand: boolean): Reply {
    const found = this.libraries.functions.get(args[1]!.toLowerCase());
    if (found === undefined) return err("Function not found");
    const engine = this.functionEngine;
    const run = this.#begin(caller, found.name, found.flags, readOnlyCommand, args);
    if (run instanceof ErrorReply) return run;
    engine.machine.chunk = "user_function";
    const keyTable = LuaTable.list(args.slice(3, 3 + keys));
    const argTable = LuaTable.list(args.slice(3 + keys));
    return this.#execute(engine, run, () => found.run(keyTable, argTable), {
      kind: "function",
      caller,
      args,
      begin: () => {
        const again = engine.interruptible(found.name, this.libraries);
        return again(LuaTable.list(args.slice(3, 3 + keys)), LuaTable.list(args.slice(3 + keys)));
      },
    });
  }

  /** Adds a library that was loaded, in place of one of its name. */
  link(library: Library): void {
    const { libraries, functions } = this.libraries;
    this.unlink(library.name);
    libraries.set(library.name, library);
    for (const [name, one] of library.functions) functions.set(name.toLowerCase(), one);
  }

  unlink(name: string): boolean {
    const { libraries, functions } = this.libraries;
    const old = libraries.get(name);
    if (old === undefined) return false;
    for (const one of old.functions.keys()) functions.delete(one.toLowerCase());
    return libraries.delete(name);
  }

  /** The checks before a script; the run when it may begin. */
  #begin(
    caller: Client,
    name: string,
    flags: ScriptFlags | undefined,
    readOnlyCommand: boolean,
    args: readonly string[],
  ): ScriptRun | ErrorReply {
    const server = this.#server;
    const outOfMemory = server.config.maxmemory !== 0 && !makeRoom(server);
    if (flags !== undefined && !flags.noWrites) {
      const failure = server.persistence?.failure();
      if (failure !== undefined) return new ErrorReply(failure);
      if (readOnlyCommand) return READ_ONLY_COMMAND;
      if (server.config.minReplicasToWrite > 0 && !caller.trusted) return NO_REPLICAS;
      if (outOfMemory && !flags.allowOom) return OUT_OF_MEMORY;
    }
    // Before the commands that the script calls.
    if (server.monitors.size !== 0) feedMonitors(server, caller, caller.db, args);
    this.#client ??= new Client(server, 0, undefined, caller.db);
    const client = this.#client;
    client.scripted = true;
    client.denyBlocking = true;
    client.db = caller.db;
    client.resp = 2;
    client.user = caller.user;
    client.authenticated = true;
    client.noTouch = caller.noTouch;
    client.inTransaction = caller.inTransaction;
    client.trusted = caller.trusted;
    return new ScriptRun(client, name, {
      readOnly: readOnlyCommand || flags?.noWrites === true,
      allowOom: flags?.allowOom === true,
      outOfMemory,
      // Within a transaction others could see one half of it.
      repeatable: caller.transport !== undefined && !caller.inTransaction && !caller.trusted,
    });
  }

  #execute(
    engine: EvalEngine | FunctionEngine,
    run: ScriptRun,
    work: () => ReturnType<LuaFunction>,
    again: SlowScript,
  ): Reply {
    const server = this.#server;
    const { machine } = engine;
    engine.run = run;
    machine.onTick = () => run.tick();
    server.enterUnit();
    try {
      return fromLua(first(work()), run.client.resp);
    } catch (error) {
      if (error instanceof TooSlow) return this.#goOnSlowly(engine, run, again);
      return this.#errorOf(machine, run, error);
    } finally {
      engine.run = undefined;
      machine.running = undefined;
      machine.onTick = () => {};
      server.leaveUnit();
    }
  }

  /** Runs a script once more from its beginning, in turns between which others are answered that it is busy. */
  #goOnSlowly(engine: EvalEngine | FunctionEngine, run: ScriptRun, script: SlowScript): Reply {
    const server = this.#server;
    const { machine } = engine;
    const { args, caller, kind } = script;
    const { now } = server;
    const command = caller.lastCommand!;
    run.repeat(caller.db);
    let generator: Generator<LuaValue[], LuaResult, LuaValue[]>;
    try {
      generator = script.begin();
    } catch (error) {
      return this.#errorOf(machine, run, error);
    }
    server.enterUnit();
    server.busy = {
      kind,
      name: run.name,
      args,
      runningMs: () => performance.now() - run.startedAt,
      wrote: () => run.wrote,
      kill: () => {
        run.killed = true;
      },
    };
    const end = (reply: Reply): void => {
      server.busy = undefined;
      finishLater(server, caller, command, args, reply, (performance.now() - run.startedAt) * 1000);
    };
    const turn = (): void => {
      const until = performance.now() + turnMs;
      const requester = server.requester;
      engine.run = run;
      machine.onTick = () => run.tick();
      machine.interruptible = true;
      machine.fuelPerTick = slowFuel;
      machine.fuel = slowFuel;
      server.requester = caller;
      // To the script time stands still.
      server.now = now;
      let reply: Reply | undefined;
      try {
        for (;;) {
          const step = generator.next([]);
          if (step.done) {
            reply = fromLua(first(step.value), run.client.resp);
            break;
          }
          if (step.value !== PAUSE) throw machine.error("attempt to yield from outside a coroutine");
          if (performance.now() > until) break;
        }
      } catch (error) {
        reply = this.#errorOf(machine, run, error);
      } finally {
        engine.run = undefined;
        machine.running = undefined;
        machine.onTick = () => {};
        machine.interruptible = false;
        machine.fuelPerTick = fuelPerTick;
        server.requester = requester;
        server.now = server.clock.now();
      }
      if (reply === undefined) {
        setImmediate(turn);
        return;
      }
      server.leaveUnit();
      end(reply);
    };
    setImmediate(turn);
    return server.blocking.wait(caller, {
      kind: "script",
      keys: [],
      db: caller.db,
      deadline: 0,
      onTimeout: NO_REPLY,
      onGone: false,
      args: [...args],
      command,
    });
  }

  #errorOf(machine: Machine, run: ScriptRun, error: unknown): ErrorReply {
    if (error instanceof ScriptEnded) return failed(machine, `ERR ${error.message}`, run);
    const value = errorValue(machine, error);
    if (value instanceof LuaTable) {
      const text = value.get("err");
      const reply = failed(machine, typeof text === "string" ? text : "ERR unknown error", run);
      return value.get("ignore_error_stats_update") === true ? new CountedError(reply.text) : reply;
    }
    return failed(machine, `ERR ${machine.tostring(value)}`, run);
  }
}

/** The error of a script that did not end well, with the place. */
function failed(machine: Machine, text: string, run: ScriptRun): ErrorReply {
  return new ErrorReply(`${text} script: ${run.name}, on @${machine.chunk}:${machine.line}.`);
}

/** What a script's first line declares (`#!lua flags=…`), and its length. */
function shebang(body: string): { flags: ScriptFlags | undefined; length: number } | ErrorReply {
  if (!body.startsWith("#!")) return { flags: undefined, length: 0 };
  const length = body.indexOf("\n");
  if (length < 0) return err("Invalid script shebang");
  const parts = splitArguments(body.slice(0, length));
  if (parts === undefined || parts.length === 0) return err("Invalid engine in script shebang");
  if (parts[0] !== "#!lua") return err(`Unexpected engine in script shebang: ${parts[0]}`);
  const names: string[] = [];
  for (const part of parts.slice(1)) {
    if (!part.startsWith("flags=")) return err(`Unknown lua shebang option: ${part}`);
    if (part.length > 6) names.push(...part.slice(6).split(","));
  }
  const flags = readFlags(names, false);
  return typeof flags === "string" ? err(`Unexpected flag in script shebang: ${flags}`) : { flags, length };
}

/** The scripting of a server, made at its first use. */
export function scriptingOf(server: RedisServer): Scripting {
  if (server.scripting instanceof Scripting) return server.scripting;
  const made = new Scripting(server);
  server.scripting = made;
  return made;
}
