import { numberText, parseNumber } from "./numbers.js";
import {
  type Coroutine,
  first,
  LuaError,
  type LuaFunction,
  LuaTable,
  type LuaValue,
  typeName,
  Userdata,
} from "./values.js";

/** What an operation was written on, for messages: line and "local 'x'", "field 'y'", or nothing known. */
export interface Site {
  readonly line: number;
  readonly what: string | undefined;
}

/** The name that messages give to a script. */
export interface Chunk {
  readonly name: string;
  readonly sites: readonly Site[];
}

/** State of one Lua machine: what operators and libraries need beside their operands. */
export class Machine {
  /** Line of the statement being run. */
  line = 0;
  /** Loop turns left until {@link onTick}. */
  fuel = 0;
  chunk = "user_script";
  /** Chunks that are compiled meanwhile (`loadstring`) are interruptible, too. */
  interruptible = false;
  /** Loop turns and calls between two calls of {@link onTick}. */
  fuelPerTick = fuelPerTick;
  /** Called every {@link fuelPerTick} loop turns and calls; may throw to end the script. */
  onTick: () => void = () => {};
  /** Methods of strings. */
  strings = new LuaTable();
  running: Coroutine | undefined;

  constructor() {
    this.fuel = fuelPerTick;
  }

  tick(): void {
    this.fuel = this.fuelPerTick;
    this.onTick();
  }

  /** An error with the position of the running statement before it. */
  error(message: string): LuaError {
    return new LuaError(`${this.chunk}:${this.line}: ${message}`);
  }

  /** "bad argument #1 to 'rep' (number expected, got nil)" */
  badArgument(at: number, name: string, problem: string): LuaError {
    return this.error(`bad argument #${at} to '${name}' (${problem})`);
  }

  metamethod(value: LuaValue, event: string): LuaValue {
    if (value instanceof LuaTable) return value.meta?.get(event);
    if (typeof value === "string" && event === "__index") return this.strings;
    return undefined;
  }

  #at(chunk: Chunk, site: number, message: (what: string) => string): LuaError {
    const { line, what } = chunk.sites[site]!;
    this.line = line;
    return new LuaError(`${chunk.name}:${line}: ${message(what === undefined ? "" : `${what} `)}`);
  }

  index(object: LuaValue, key: LuaValue, chunk: Chunk, site: number): LuaValue {
    if (object instanceof LuaTable) {
      const value = object.get(key);
      if (value !== undefined || object.meta === undefined) return value;
    }
    return this.#indexSlowly(object, key, chunk, site);
  }

  #indexSlowly(object: LuaValue, key: LuaValue, chunk: Chunk, site: number): LuaValue {
    let target: LuaValue = object;
    for (let depth = 0; depth < 100; depth++) {
      if (target instanceof LuaTable) {
        const value = target.get(key);
        if (value !== undefined) return value;
      }
      const handler = this.metamethod(target, "__index");
      if (handler === undefined) {
        if (target instanceof LuaTable) return undefined;
        throw this.#at(chunk, site, (what) => `attempt to index ${what}${described(what, target)}`);
      }
      if (typeof handler === "function") return first(handler(target, key));
      target = handler;
    }
    throw this.error("loop in gettable");
  }

  setIndex(object: LuaValue, key: LuaValue, value: LuaValue, chunk: Chunk, site: number): void {
    let target: LuaValue = object;
    for (let depth = 0; depth < 100; depth++) {
      if (target instanceof LuaTable) {
        const handler =
          target.meta === undefined || target.get(key) !== undefined ? undefined : target.meta.get("__newindex");
        if (handler === undefined) {
          if (target.readonly) throw this.#at(chunk, site, () => "Attempt to modify a readonly table");
          if (key === undefined) throw this.#at(chunk, site, () => "table index is nil");
          if (Number.isNaN(key)) throw this.#at(chunk, site, () => "table index is NaN");
          target.set(key, value);
          return;
        }
        if (typeof handler === "function") {
          handler(target, key, value);
          return;
        }
        target = handler;
      } else {
        const handler = this.metamethod(target, "__newindex");
        if (handler === undefined)
          throw this.#at(chunk, site, (what) => `attempt to index ${what}${described(what, target)}`);
        if (typeof handler === "function") {
          handler(target, key, value);
          return;
        }
        target = handler;
      }
    }
    throw this.error("loop in settable");
  }

  /** The function to call in place of a value: itself, or its `__call` with the value bound as first argument. */
  callable(value: LuaValue, chunk: Chunk, site: number): LuaFunction {
    if (typeof value === "function") return value;
    const handler = this.metamethod(value, "__call");
    if (typeof handler === "function") return (...args) => handler(value, ...args);
    throw this.#at(chunk, site, (what) => `attempt to call ${what}${described(what, value)}`);
  }

  arithmetic(operator: Arithmetic, a: LuaValue, b: LuaValue, chunk: Chunk, site: number): LuaValue {
    const x = toNumber(a);
    const y = toNumber(b);
    if (x !== undefined && y !== undefined) return operations[operator](x, y);
    const handler = this.metamethod(a, events[operator]) ?? this.metamethod(b, events[operator]);
    if (handler !== undefined) return first(this.callable(handler, chunk, site)(a, b));
    const culprit = x === undefined ? a : b;
    throw this.#at(chunk, site, (what) => `attempt to perform arithmetic on ${what}${described(what, culprit)}`);
  }

  concat(a: LuaValue, b: LuaValue, chunk: Chunk, site: number): LuaValue {
    const x = typeof a === "string" ? a : typeof a === "number" ? numberText(a) : undefined;
    const y = typeof b === "string" ? b : typeof b === "number" ? numberText(b) : undefined;
    if (x !== undefined && y !== undefined) return x + y;
    const handler = this.metamethod(a, "__concat") ?? this.metamethod(b, "__concat");
    if (handler !== undefined) return first(this.callable(handler, chunk, site)(a, b));
    const culprit = x === undefined ? a : b;
    throw this.#at(chunk, site, (what) => `attempt to concatenate ${what}${described(what, culprit)}`);
  }

  length(value: LuaValue, chunk: Chunk, site: number): LuaValue {
    if (typeof value === "string") return value.length;
    if (value instanceof LuaTable) return value.length;
    const handler = this.metamethod(value, "__len");
    if (handler !== undefined) return first(this.callable(handler, chunk, site)(value));
    throw this.#at(chunk, site, (what) => `attempt to get length of ${what}${described(what, value)}`);
  }

  equal(a: LuaValue, b: LuaValue): boolean {
    if (a === b) return true;
    if (!(a instanceof LuaTable) || !(b instanceof LuaTable)) return false;
    const handler = a.meta?.get("__eq");
    if (handler === undefined || handler !== b.meta?.get("__eq") || typeof handler !== "function") return false;
    return isTrue(first(handler(a, b)));
  }

  lessThan(a: LuaValue, b: LuaValue, chunk: Chunk, site: number): boolean {
    if (typeof a === "number" && typeof b === "number") return a < b;
    if (typeof a === "string" && typeof b === "string") return a < b;
    return this.#compareBy("__lt", a, b, chunk, site);
  }

  lessEqual(a: LuaValue, b: LuaValue, chunk: Chunk, site: number): boolean {
    if (typeof a === "number" && typeof b === "number") return a <= b;
    if (typeof a === "string" && typeof b === "string") return a <= b;
    if (this.metamethod(a, "__le") === undefined && this.metamethod(a, "__lt") !== undefined) {
      return !this.#compareBy("__lt", b, a, chunk, site);
    }
    return this.#compareBy("__le", a, b, chunk, site);
  }

  #compareBy(event: string, a: LuaValue, b: LuaValue, chunk: Chunk, site: number): boolean {
    const handler = this.metamethod(a, event);
    if (handler !== undefined && handler === this.metamethod(b, event)) {
      return isTrue(first(this.callable(handler, chunk, site)(a, b)));
    }
    const [one, two] = [typeName(a), typeName(b)];
    throw this.#at(chunk, site, () =>
      one === two ? `attempt to compare two ${one} values` : `attempt to compare ${one} with ${two}`,
    );
  }

  /** A bound of a numeric `for`. */
  forNumber(value: LuaValue, name: string): number {
    const number = toNumber(value);
    if (number === undefined) throw this.error(`'for' ${name} must be a number`);
    return number;
  }

  tostring(value: LuaValue): string {
    const handler = this.metamethod(value, "__tostring");
    if (typeof handler === "function") {
      const text = first(handler(value));
      if (typeof text !== "string") throw this.error("'tostring' must return a string to 'print'");
      return text;
    }
    switch (typeof value) {
      case "string":
        return value;
      case "number":
        return numberText(value);
      case "undefined":
        return "nil";
      case "boolean":
        return String(value);
      default:
        if (value instanceof Userdata) return value.shown;
        return `${typeName(value)}: 0x${addressOf(value as object)
          .toString(16)
          .padStart(14, "0")}`;
    }
  }
}

/** Loop turns and calls between two looks at the clock. */
export const fuelPerTick = 100_000;

export function isTrue(value: LuaValue): boolean {
  return value !== undefined && value !== false;
}

export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" ? parseNumber(value) : undefined;
}

export type Arithmetic = "+" | "-" | "*" | "/" | "%" | "^";

const operations: Readonly<Record<Arithmetic, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": modulo,
  "^": (a, b) => a ** b,
};

const events: Readonly<Record<Arithmetic, string>> = {
  "+": "__add",
  "-": "__sub",
  "*": "__mul",
  "/": "__div",
  "%": "__mod",
  "^": "__pow",
};

/** a - floor(a / b) * b */
export function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function described(what: string, value: LuaValue): string {
  return what === "" ? `a ${typeName(value)} value` : `(a ${typeName(value)} value)`;
}

const addresses = new WeakMap<object, number>();
let nextAddress = 0x55d0c0de0000;

function addressOf(value: object): number {
  let address = addresses.get(value);
  if (address === undefined) {
    address = nextAddress += 32;
    addresses.set(value, address);
  }
  return address;
}

/** What pcall gives for something thrown in JavaScript: Lua's own error, or a machine limit as one. */
export function errorValue(machine: Machine, thrown: unknown): LuaValue {
  if (thrown instanceof LuaError) return thrown.value;
  if (thrown instanceof RangeError) {
    const what = /call stack/.test(thrown.message) ? "stack overflow" : "not enough memory";
    return `${machine.chunk}:${machine.line}: ${what}`;
  }
  throw thrown;
}
