import { compileLua } from "../compile.js";
import { numberText, parseInBase } from "../numbers.js";
import { errorValue, isTrue, type Machine, toNumber } from "../runtime.js";
import {
  all,
  Coroutine,
  first,
  LuaError,
  type LuaFunction,
  type LuaResult,
  LuaTable,
  type LuaValue,
  multi,
  NOTHING,
  PAUSE,
  typeName,
} from "../values.js";
import { Arguments } from "./arguments.js";

/** Sets Lua 5.1's basic functions and the coroutine library, as far as scripts of Redis have them. */
export function addBaseLibrary(machine: Machine, globals: LuaTable): void {
  const define = (name: string, run: (args: Arguments, values: LuaValue[]) => LuaResult): LuaFunction => {
    const made: LuaFunction = (...values) => run(new Arguments(machine, name, values), values);
    globals.set(name, made);
    return made;
  };
  const next = define("next", (args, [, key]) => {
    const entry = args.table(0).next(key);
    if (entry === null) throw machine.error("invalid key to 'next'");
    return entry === undefined ? undefined : multi(entry[0], entry[1]);
  });
  globals.set("_G", globals);
  globals.set("_VERSION", "Lua 5.1");
  define("assert", (args, values) => {
    if (isTrue(args.any(0))) return multi(...values);
    throw values.length > 1 ? new LuaError(values[1]) : machine.error("assertion failed!");
  });
  define("error", (_, [value, level]) => {
    const positioned = typeof value === "string" && toNumber(level) !== 0;
    throw positioned ? machine.error(value) : new LuaError(value);
  });
  define("ipairs", (args) => {
    const table = args.table(0);
    const step: LuaFunction = (_, at) => {
      const value = table.get((at as number) + 1);
      return value === undefined ? undefined : multi((at as number) + 1, value);
    };
    return multi(step, table, 0);
  });
  define("pairs", (args) => multi(next, args.table(0), undefined));
  const pcall = define("pcall", (args, [callee, ...rest]) => {
    args.any(0);
    return protectedCall(machine, () => machine.callable(callee, unknown, 0)(...rest), undefined);
  });
  pcall.generator = function* (...values) {
    const [callee, ...rest] = values;
    new Arguments(machine, "pcall", values).any(0);
    try {
      return multi(true, ...all(yield* pausing(machine, machine.callable(callee, unknown, 0), rest)));
    } catch (error) {
      return multi(false, errorValue(machine, error));
    }
  };
  define("xpcall", (args, [callee, handler]) => {
    args.any(1);
    return protectedCall(machine, () => machine.callable(callee, unknown, 0)(), handler);
  });
  define("rawequal", (args) => args.any(0) === args.any(1));
  define("rawget", (args, [, key]) => args.table(0).get(key));
  define("rawset", (args, [, key, value]) => {
    const table = args.table(0);
    if (table.readonly) throw machine.error("Attempt to modify a readonly table");
    if (key === undefined || Number.isNaN(key))
      throw machine.error(`table index is ${key === undefined ? "nil" : "NaN"}`);
    table.set(key, value);
    return table;
  });
  define("select", (args, values) => {
    if (values[0] === "#") return values.length - 1;
    const at = args.integer(0);
    if (at === 0 || -at > values.length - 1) throw args.bad(0, "index out of range");
    return multi(...(at > 0 ? values.slice(at) : values.slice(at)));
  });
  define("setmetatable", (args, [table, meta]) => {
    const target = args.table(0);
    if (meta !== undefined && !(meta instanceof LuaTable)) throw args.bad(1, "nil or table expected");
    if (target.readonly) throw machine.error("Attempt to modify a readonly table");
    if (target.meta?.get("__metatable") !== undefined) throw machine.error("cannot change a protected metatable");
    target.meta = meta;
    return table;
  });
  define("getmetatable", (args) => {
    const value = args.any(0);
    if (typeof value === "string") return stringMeta(machine);
    if (!(value instanceof LuaTable)) return undefined;
    return value.meta?.get("__metatable") ?? value.meta;
  });
  define("tonumber", (args, [value, base]) => {
    if (base === undefined || base === 10) return toNumber(args.any(0));
    const radix = args.integer(1);
    if (radix < 2 || radix > 36) throw args.bad(1, "base out of range");
    return parseInBase(typeof value === "number" ? numberText(value) : args.string(0), radix);
  });
  define("tostring", (args) => machine.tostring(args.any(0)));
  define("type", (args) => typeName(args.any(0)));
  define("unpack", (args, [, , to]) => {
    const table = args.table(0);
    const from = args.integer(1, 1);
    const last = to === undefined ? table.length : args.integer(2);
    if (last - from >= 8000) throw machine.error("too many results to unpack");
    const values: LuaValue[] = [];
    for (let at = from; at <= last; at++) values.push(table.get(at));
    return multi(...values);
  });
  const load = (text: string, name: string): LuaResult => {
    if (text.startsWith("\x1b")) return multi(undefined, "bytecode is not accepted");
    try {
      return compileLua(machine, globals, text, name);
    } catch (error) {
      return multi(undefined, errorValue(machine, error));
    }
  };
  define("loadstring", (args) => {
    const text = args.string(0);
    return load(text, chunkName(args.string(1, text)));
  });
  define("load", (args) => {
    const reader = args.function(0);
    let text = "";
    for (;;) {
      const part = first(reader());
      if (part === undefined || part === "") break;
      if (typeof part !== "string") throw machine.error("reader function must return a string");
      text += part;
    }
    return load(text, chunkName(args.string(1, "=(load)")));
  });
  define("collectgarbage", (_, [what]) => (what === "count" ? multi(process.memoryUsage().heapUsed / 1024, 0) : 0));
  define("gcinfo", () => multi(Math.floor(process.memoryUsage().heapUsed / 1024), 0));
  for (const name of ["getfenv", "setfenv"]) {
    define(name, () => {
      throw machine.error(`${name} is not supported: functions have no environments of their own here`);
    });
  }
  globals.set("coroutine", coroutineLibrary(machine));
}

/** A protected call in an interruptible script: it may pause, but no coroutine yields across it. */
function* pausing(
  machine: Machine,
  callee: LuaFunction,
  args: LuaValue[],
): Generator<LuaValue[], LuaResult, LuaValue[]> {
  if (callee.generator === undefined) return callee(...args);
  const running = callee.generator(...args);
  for (;;) {
    const step = running.next([]);
    if (step.done) return step.value;
    if (step.value !== PAUSE) throw machine.error("attempt to yield across metamethod/C-call boundary");
    yield PAUSE;
  }
}

const unknown = { name: "user_script", sites: [{ line: 0, what: undefined }] };

function stringMeta(machine: Machine): LuaTable {
  return LuaTable.of({ __index: machine.strings });
}

function chunkName(name: string): string {
  if (name.startsWith("=") || name.startsWith("@")) return name.slice(1);
  const line = name.split("\n")[0]!;
  return `[string "${line.length < name.length || line.length > 60 ? `${line.slice(0, 60)}...` : line}"]`;
}

function protectedCall(machine: Machine, work: () => LuaResult, handler: LuaValue): LuaResult {
  try {
    return multi(true, ...all(work()));
  } catch (error) {
    const value = errorValue(machine, error);
    return handler === undefined
      ? multi(false, value)
      : multi(false, ...all(machine.callable(handler, unknown, 0)(value)));
  }
}

function coroutineLibrary(machine: Machine): LuaTable {
  const resume = (thread: Coroutine, values: LuaValue[]): LuaResult => {
    const outer = machine.running;
    if (thread.status !== "suspended") {
      throw new LuaError(`cannot resume ${thread.status === "dead" ? "dead" : "non-suspended"} coroutine`);
    }
    if (outer !== undefined) outer.status = "normal";
    thread.status = "running";
    machine.running = thread;
    try {
      if (thread.generator === undefined) {
        if (thread.body.generator === undefined) {
          thread.status = "dead";
          return thread.body(...values);
        }
        thread.generator = thread.body.generator(...values);
        values = [];
      }
      const step = thread.generator.next(values);
      thread.status = step.done ? "dead" : "suspended";
      return step.done ? step.value : multi(...step.value);
    } catch (error) {
      thread.status = "dead";
      throw error;
    } finally {
      machine.running = outer;
      if (outer !== undefined) outer.status = "running";
    }
  };
  const threadOf = (value: LuaValue): Coroutine => {
    if (!(value instanceof Coroutine)) throw machine.badArgument(1, "coroutine", "coroutine expected");
    return value;
  };
  const yieldNow: LuaFunction = () => {
    throw machine.error("attempt to yield across metamethod/C-call boundary");
  };
  yieldNow.generator = function* (...values) {
    if (machine.running === undefined) throw machine.error("attempt to yield from outside a coroutine");
    return multi(...(yield values));
  };
  return LuaTable.of({
    create: (body) => {
      if (typeof body !== "function") throw machine.badArgument(1, "create", "Lua function expected");
      return new Coroutine(body);
    },
    resume: (thread, ...values) => {
      try {
        return multi(true, ...all(resume(threadOf(thread), values)));
      } catch (error) {
        return multi(false, errorValue(machine, error));
      }
    },
    wrap: (body) => {
      if (typeof body !== "function") throw machine.badArgument(1, "wrap", "Lua function expected");
      const thread = new Coroutine(body);
      return (...values) => resume(thread, values);
    },
    yield: yieldNow,
    status: (thread) => threadOf(thread).status,
    running: () => machine.running ?? NOTHING,
  });
}
