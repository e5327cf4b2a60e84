import { type Chunk as Ast, parse } from "luaparse";
import { generate } from "./generate.js";
import { type Chunk, isTrue, type Machine, modulo, type Site } from "./runtime.js";
import {
  all,
  first,
  LuaError,
  type LuaFunction,
  type LuaResult,
  LuaTable,
  type LuaValue,
  Multi,
  NOTHING,
  PAUSE,
} from "./values.js";

/**
 * Compiles a Lua 5.1 chunk to a function of this machine, whose globals are `globals`.
 *
 * @param text one character (0–255) for each byte
 * @param interruptible its function is also a generator that pauses in loops; slower, for scripts that run long
 * @throws LuaError with `name:line: message near '…'` when it is not Lua
 * @see https://www.lua.org/manual/5.1/manual.html
 */
export function compileLua(
  machine: Machine,
  globals: LuaTable,
  text: string,
  name: string,
  interruptible = machine.interruptible,
): LuaFunction {
  try {
    return compile(machine, globals, text, name, interruptible);
  } catch (error) {
    // Parser and generator follow the nesting of the text; so does JavaScript's own parser.
    if (error instanceof RangeError) throw new LuaError(`${name}:1: chunk has too many syntax levels`);
    throw error;
  }
}

function compile(machine: Machine, globals: LuaTable, text: string, name: string, interruptible: boolean): LuaFunction {
  const ast = parseLua(text, name);
  const { source, sites } = generate(ast, text, interruptible || /\bcoroutine\b/.test(text), interruptible);
  const helpers = helpersOf(machine, name, sites);
  // The generator makes every name itself and writes every string as JSON: nothing of the script is taken as JavaScript.
  const make = new Function("$", "G", ...Object.keys(helpers), `"use strict";${source}`);
  return make(machine, globals, ...Object.values(helpers)) as LuaFunction;
}

const syntax = {
  luaVersion: "5.1",
  encodingMode: "pseudo-latin1",
  comments: false,
  locations: true,
  ranges: true,
} as const;
// Its errors name the token before the wrong one, which it lacks until it has parsed something.
parse("", syntax);

function parseLua(text: string, name: string): Ast {
  // A first line that begins with # is no code, as in Lua's own loader.
  const body = text.startsWith("#") ? `--${text.slice(1)}` : text;
  try {
    return parse(body, syntax);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { line = 1 } = error as { line?: number };
    const message = error.message.replace(/^\[\d+:\d+\] /, "");
    throw new LuaError(`${name}:${line}: ${message}`);
  }
}

/** What generated code calls; each operator tries the common types first and leaves the rest to the machine. */
function helpersOf(machine: Machine, name: string, sites: readonly Site[]): Record<string, unknown> {
  const chunk: Chunk = { name, sites };
  type V = LuaValue;
  const helpers = {
    $Multi: Multi,
    $none: NOTHING,
    $first: first,
    $all: all,
    $true: isTrue,
    $tick: () => {
      if (--machine.fuel < 0) machine.tick();
    },
    $pause: PAUSE,
    $pausing: () => {
      if (--machine.fuel >= 0) return false;
      machine.tick();
      // A coroutine hands its values to its own resumer: it cannot pause for others.
      return machine.running === undefined;
    },
    $multi: (values: readonly V[]) => {
      const out = new Multi();
      for (let at = 0; at < values.length; at++) out.push(values[at]);
      return out;
    },
    $index: (object: V, key: V, site: number) => {
      if (object instanceof LuaTable) {
        const value = object.get(key);
        if (value !== undefined) return value;
      }
      return machine.index(object, key, chunk, site);
    },
    $set: (object: V, key: V, value: V, site: number) => {
      if (object instanceof LuaTable && object.meta === undefined && !object.readonly && typeof key === "string") {
        object.set(key, value);
      } else machine.setIndex(object, key, value, chunk, site);
    },
    $callable: (value: V, site: number) => (typeof value === "function" ? value : machine.callable(value, chunk, site)),
    $forNumber: (value: V, what: string) => (typeof value === "number" ? value : machine.forNumber(value, what)),
    $equal: (a: V, b: V) => a === b || (typeof a === "object" && machine.equal(a, b)),
    $less: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a < b : machine.lessThan(a, b, chunk, site),
    $lessEqual: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a <= b : machine.lessEqual(a, b, chunk, site),
    $greater: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a > b : machine.lessThan(b, a, chunk, site),
    $greaterEqual: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a >= b : machine.lessEqual(b, a, chunk, site),
    $concat: (a: V, b: V, site: number) =>
      typeof a === "string" && typeof b === "string" ? a + b : machine.concat(a, b, chunk, site),
    $length: (value: V, site: number) => machine.length(value, chunk, site),
    $minus: (value: V, site: number) => {
      if (typeof value === "number") return -value;
      const handler = machine.metamethod(value, "__unm");
      if (typeof handler === "function") return first(handler(value, value));
      return machine.arithmetic("*", value, -1, chunk, site);
    },
    $add: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a + b : machine.arithmetic("+", a, b, chunk, site),
    $subtract: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a - b : machine.arithmetic("-", a, b, chunk, site),
    $multiply: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a * b : machine.arithmetic("*", a, b, chunk, site),
    $divide: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a / b : machine.arithmetic("/", a, b, chunk, site),
    $modulo: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? modulo(a, b) : machine.arithmetic("%", a, b, chunk, site),
    $power: (a: V, b: V, site: number) =>
      typeof a === "number" && typeof b === "number" ? a ** b : machine.arithmetic("^", a, b, chunk, site),
    $list: (values: readonly V[]) => LuaTable.list(values),
    $table: (values: readonly V[], keyed: readonly V[]) => {
      const table = LuaTable.list(values);
      for (let at = 0; at < keyed.length; at += 2) {
        const key = keyed[at];
        if (key === undefined) throw machine.error("table index is nil");
        if (Number.isNaN(key)) throw machine.error("table index is NaN");
        // A place in the list wins over the same key written out.
        if (typeof key === "number" && Number.isInteger(key) && key >= 1 && key <= values.length) continue;
        table.set(key, keyed[at + 1]);
      }
      return table;
    },
    $argTable: (values: readonly V[]) => {
      const table = LuaTable.list(values);
      table.set("n", values.length);
      return table;
    },
    $function: (generator: NonNullable<LuaFunction["generator"]>) => fromGenerator(machine, generator),
    $yielding: callYielding,
  };
  return helpers;
}

/** A function of a script with coroutines: called from a library it runs to its end, and may not yield on the way. */
function fromGenerator(machine: Machine, generator: NonNullable<LuaFunction["generator"]>): LuaFunction {
  const run: LuaFunction = (...args) => {
    const running = generator(...args);
    let step = running.next([]);
    // Called from a library there is nobody to pause for.
    while (!step.done && step.value === PAUSE) step = running.next([]);
    if (!step.done) throw machine.error("attempt to yield across metamethod/C-call boundary");
    return step.value;
  };
  run.generator = generator;
  return run;
}

/** A call from a script with coroutines: into its own functions, and into coroutine.yield, with suspension. */
function* callYielding(callee: LuaFunction, args: LuaValue[]): Generator<LuaValue[], LuaResult, LuaValue[]> {
  return callee.generator === undefined ? callee(...args) : yield* callee.generator(...args);
}
