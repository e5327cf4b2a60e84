import { splitArguments } from "../protocol/inline.js";
import { ErrorReply, err } from "../protocol/reply.js";
import type { RedisServer } from "../state.js";
import { lock, newEnvironment, refuseMissing } from "./environment.js";
import { compileLua } from "./lua/compile.js";
import { errorValue, type Machine } from "./lua/runtime.js";
import { LuaError, type LuaFunction, LuaTable, type LuaValue, NOTHING } from "./lua/values.js";
import { addCommon, raise, redisTable } from "./redis-api.js";
import { readFlags, ScriptEnded, type ScriptFlags, type ScriptRun } from "./run.js";

/** A function of a library. */
export interface LibraryFunction {
  readonly name: string;
  readonly description: string | undefined;
  readonly flags: ScriptFlags;
  readonly run: LuaFunction;
}

export interface Library {
  readonly name: string;
  readonly code: string;
  readonly functions: Map<string, LibraryFunction>;
}

/** Libraries by name, and all their functions by name in lower case. */
export interface Libraries {
  readonly libraries: Map<string, Library>;
  readonly functions: Map<string, LibraryFunction>;
}

export function noLibraries(): Libraries {
  return { libraries: new Map(), functions: new Map() };
}

const loadLimitMs = 500;
const BAD_NAME =
  "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/** The Lua machine of functions, which loads libraries. */
export class FunctionEngine {
  readonly machine: Machine;
  /** The run that is on. */
  run: ScriptRun | undefined;
  readonly server: RedisServer;
  readonly #globals = new LuaTable();
  /** Where the globals' names are looked up: swapped while a library is loaded. */
  readonly #meta: LuaTable;
  readonly #running: LuaTable;
  readonly #loading: LuaTable;
  #target: Library | undefined;

  constructor(server: RedisServer) {
    this.server = server;
    const { machine, globals } = newEnvironment();
    this.machine = machine;
    const api = redisTable(this, false);
    globals.set("redis", api);
    globals.set("server", api);
    refuseMissing(machine, globals);
    lock(globals);
    this.#running = globals;
    const loadingApi = LuaTable.of({ register_function: (...values: LuaValue[]) => this.#register(values) });
    addCommon(loadingApi, server);
    refuseMissing(machine, loadingApi);
    // While a library is loaded its code sees nothing but a smaller `redis`.
    const loading = LuaTable.of({ redis: loadingApi, server: loadingApi });
    refuseMissing(machine, loading);
    lock(loading);
    this.#loading = loading;
    this.#meta = LuaTable.of({ __index: globals });
    this.#meta.readonly = true;
    this.#globals.meta = this.#meta;
    this.#globals.readonly = true;
  }

  /** A function of a library that is loaded once more, so that it can pause: what it keeps in locals begins anew. */
  interruptible(name: string, { libraries }: Libraries): NonNullable<LuaFunction["generator"]> {
    for (const { code, functions } of libraries.values()) {
      if (!functions.has(name)) continue;
      this.machine.interruptible = true;
      try {
        const library = this.load(code, noLibraries(), true, Number.POSITIVE_INFINITY);
        if (library instanceof ErrorReply) throw raise(library.text);
        const run = library.functions.get(name)!.run;
        this.machine.chunk = "user_function";
        return (
          run.generator ??
          // biome-ignore lint/correctness/useYield: a function of a library of Lua itself has nothing to pause in
          function* (...args) {
            return run(...args);
          }
        );
      } finally {
        this.machine.interruptible = false;
      }
    }
    throw raise("Function not found");
  }

  /** Compiles a library and runs it, so that it registers its functions. */
  load(code: string, replaceIn: Libraries, replace: boolean, limitMs = loadLimitMs): Library | ErrorReply {
    const parsed = metadata(code);
    if (typeof parsed === "string") return err(parsed);
    const { name, engine, body } = parsed;
    if (!/^[A-Za-z0-9_]+$/.test(name)) return err(BAD_NAME);
    if (engine.toLowerCase() !== "lua") return err(`Engine '${engine}' not found`);
    const old = replaceIn.libraries.get(name);
    if (old !== undefined && !replace) return err(`Library '${name}' already exists`);
    const library: Library = { name, code, functions: new Map() };
    const failure = this.#run(library, body, limitMs);
    if (failure !== undefined) return err(failure);
    if (library.functions.size === 0) return err("No functions registered");
    for (const one of library.functions.keys()) {
      if (replaceIn.functions.has(one) && old?.functions.has(one) !== true)
        return err(`Function ${one} already exists`);
    }
    return library;
  }

  #run(library: Library, body: string, limitMs: number): string | undefined {
    const { machine } = this;
    machine.chunk = "user_function";
    let code: LuaFunction;
    try {
      code = compileLua(machine, this.#globals, body, "user_function");
    } catch (error) {
      if (!(error instanceof LuaError)) throw error;
      return `Error compiling function: ${String(error.value)}`;
    }
    const until = performance.now() + limitMs;
    machine.onTick = () => {
      if (performance.now() > until) throw new ScriptEnded("FUNCTION LOAD timeout");
    };
    this.#meta.set("__index", this.#loading);
    this.#target = library;
    try {
      code();
      return undefined;
    } catch (error) {
      if (error instanceof ScriptEnded) return `Error registering functions: ERR ${error.message}`;
      const value = errorValue(machine, error);
      const text = value instanceof LuaTable ? value.get("err") : `ERR ${machine.tostring(value)}`;
      return `Error registering functions: ${String(text)}`;
    } finally {
      this.#meta.set("__index", this.#running);
      this.#target = undefined;
      machine.onTick = () => {};
    }
  }

  #register(values: readonly LuaValue[]) {
    const library = this.#target;
    if (library === undefined) throw raise("redis.register_function can only be called on FUNCTION LOAD command");
    if (values.length < 1 || values.length > 2) {
      throw raise("wrong number of arguments to redis.register_function");
    }
    const made = values.length === 1 ? named(this.machine, values[0]) : positional(values[0], values[1]);
    if (!/^[A-Za-z0-9_]+$/.test(made.name)) throw raise(BAD_NAME);
    if (library.functions.has(made.name)) throw raise("Function already exists in the library");
    library.functions.set(made.name, made);
    return NOTHING;
  }
}

const noFlags = readFlags([], false) as ScriptFlags;

function textOf(value: LuaValue): string | undefined {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
}

function positional(first: LuaValue, second: LuaValue): LibraryFunction {
  const name = textOf(first);
  if (name === undefined) throw raise("first argument to redis.register_function must be a string");
  if (typeof second !== "function") throw raise("second argument to redis.register_function must be a function");
  return { name, description: undefined, flags: noFlags, run: second };
}

function named(machine: Machine, table: LuaValue): LibraryFunction {
  if (!(table instanceof LuaTable)) {
    throw raise(
      "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
    );
  }
  let name: string | undefined;
  let description: string | undefined;
  let run: LuaFunction | undefined;
  let flags = noFlags;
  table.each((key, value) => {
    if (textOf(key) === undefined) throw raise("named argument key given to redis.register_function is not a string");
    switch (String(key).toLowerCase()) {
      case "function_name":
        name = textOf(value);
        if (name === undefined) {
          throw raise("function_name argument given to redis.register_function must be a string");
        }
        break;
      case "description":
        description = textOf(value);
        if (description === undefined) {
          throw raise("description argument given to redis.register_function must be a string");
        }
        break;
      case "callback":
        if (typeof value !== "function") {
          throw raise("callback argument given to redis.register_function must be a function");
        }
        run = value;
        break;
      case "flags": {
        if (!(value instanceof LuaTable)) {
          throw raise("flags argument to redis.register_function must be a table representing function flags");
        }
        const names: string[] = [];
        for (let at = 1; ; at++) {
          const flag = value.get(at);
          if (flag === undefined) break;
          names.push(textOf(flag) ?? machine.tostring(flag));
        }
        const read = readFlags(names, true);
        if (typeof read === "string") throw raise("unknown flag given");
        flags = read;
        break;
      }
      default:
        throw raise("unknown argument given to redis.register_function");
    }
  });
  if (name === undefined) throw raise("redis.register_function must get a function name argument");
  if (run === undefined) throw raise("redis.register_function must get a callback argument");
  return { name, description, flags, run };
}

/** The first line of a library (`#!lua name=…`) and the rest, which keeps its line numbers; or what is wrong with it. */
function metadata(code: string): { name: string; engine: string; body: string } | string {
  if (!code.startsWith("#!")) return "Missing library metadata";
  const end = code.indexOf("\n");
  if (end < 0) return "Invalid library metadata";
  const parts = splitArguments(code.slice(0, end));
  if (parts === undefined || parts.length === 0) return "Invalid library metadata";
  let name: string | undefined;
  for (const part of parts.slice(1)) {
    if (part.slice(0, 5).toLowerCase() !== "name=") return `Invalid metadata value given: ${part}`;
    if (name !== undefined) return "Invalid metadata value, name argument was given multiple times";
    name = part.slice(5);
  }
  if (name === undefined) return "Library name was not given";
  return { name, engine: parts[0]!.slice(2), body: code.slice(end) };
}
