/**
 * Lua values as JavaScript ones: nil is `undefined`, booleans and numbers (doubles in both languages) are themselves, a
 * string holds bytes (one character, 0–255, for each), tables are {@link LuaTable}, functions are {@link LuaFunction}.
 */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction | Coroutine | Userdata;

/** Takes its arguments one by one; returns one value plainly, and none or several as {@link Multi}. */
export interface LuaFunction {
  (...args: LuaValue[]): LuaResult;
  /** The same as a generator, for functions of a script that uses coroutines. */
  generator?: (...args: LuaValue[]) => Generator<LuaValue[], LuaResult, LuaValue[]>;
}

export type LuaResult = LuaValue | Multi;

/** No value, or more than one, where a call's results go. */
export class Multi extends Array<LuaValue> {}

/** What a function returns that returns nothing. */
export const NOTHING: Multi = new Multi();

/** Several values as a function's result. */
export function multi(...values: LuaValue[]): Multi {
  const out = new Multi();
  for (const value of values) out.push(value);
  return out;
}

/** The first of a call's results, where one value is wanted. */
export function first(result: LuaResult): LuaValue {
  return result instanceof Multi ? result[0] : result;
}

/** All of a call's results. */
export function all(result: LuaResult): readonly LuaValue[] {
  return result instanceof Multi ? result : [result];
}

/** What a function of an interruptible script yields so that others get their turn; no coroutine's own value. */
export const PAUSE: LuaValue[] = [];

/** A thread of coroutine.create. */
export class Coroutine {
  status: "suspended" | "running" | "normal" | "dead" = "suspended";
  body: LuaFunction;
  generator: Generator<LuaValue[], LuaResult, LuaValue[]> | undefined;
  constructor(body: LuaFunction) {
    this.body = body;
  }
}

/** A value that scripts can only pass on and compare: `cjson.null`. */
export class Userdata {
  readonly shown: string;
  constructor(shown: string) {
    this.shown = shown;
  }
}

/** An error on its way to the next pcall. */
export class LuaError extends Error {
  readonly value: LuaValue;
  constructor(value: LuaValue) {
    super(typeof value === "string" ? value : "lua error");
    this.value = value;
  }
}

export function typeName(value: LuaValue): string {
  switch (typeof value) {
    case "undefined":
      return "nil";
    case "function":
      return "function";
    case "object":
      return value instanceof LuaTable ? "table" : value instanceof Userdata ? "userdata" : "thread";
    default:
      return typeof value;
  }
}

/**
 * A table: values at 1…n in an array, all others in insertion order beside a map from key to place. A removed key keeps
 * its place until the next growth, so that a traversal may clear fields, as Lua allows.
 */
export class LuaTable {
  /** Values at 1…n; the last is never nil. */
  readonly array: LuaValue[] = [];
  meta: LuaTable | undefined;
  /** Writes are refused: the tables that scripts share. */
  readonly = false;
  #places: Map<LuaValue, number> | undefined;
  #keys: LuaValue[] = [];
  #values: LuaValue[] = [];
  #removed = 0;

  static of(entries: Record<string, LuaValue>): LuaTable {
    const table = new LuaTable();
    for (const [key, value] of Object.entries(entries)) table.set(key, value);
    return table;
  }

  static list(values: readonly LuaValue[]): LuaTable {
    const table = new LuaTable();
    for (const value of values) table.array.push(value);
    table.#trim();
    return table;
  }

  get(key: LuaValue): LuaValue {
    if (typeof key === "number") {
      const value = this.array[key - 1];
      if (value !== undefined) return value;
    }
    if (this.#places === undefined) return undefined;
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#values[place];
  }

  /** Sets without metamethods; the key is neither nil nor NaN. */
  set(key: LuaValue, value: LuaValue): void {
    if (typeof key === "number") {
      const { array } = this;
      if (key > 0 && key <= array.length && Number.isInteger(key)) {
        array[key - 1] = value;
        if (value === undefined && key === array.length) this.#trim();
        return;
      }
      if (key === array.length + 1) {
        if (value === undefined) {
          this.#setHash(key, undefined);
          return;
        }
        array.push(value);
        if (this.#places !== undefined && this.#places.size > 0) this.#absorb(key);
        return;
      }
    }
    this.#setHash(key, value);
  }

  /** A border: n with a value at n and none at n + 1. */
  get length(): number {
    return this.array.length;
  }

  /** The key after `key` in traversal order, with its value; undefined at the end, null for a key that is not there. */
  next(key: LuaValue): readonly [LuaValue, LuaValue] | undefined | null {
    const { array } = this;
    let place = 0;
    if (key === undefined || (typeof key === "number" && key >= 1 && key <= array.length && Number.isInteger(key))) {
      for (let at = key === undefined ? 0 : key; at < array.length; at++) {
        if (array[at] !== undefined) return [at + 1, array[at]];
      }
    } else {
      const found = this.#places?.get(key);
      if (found === undefined) {
        // The last array element may have been removed by the traversal itself.
        return typeof key === "number" && Number.isInteger(key) && key > 0 ? this.#nextHash(0) : null;
      }
      place = found + 1;
    }
    return this.#nextHash(place);
  }

  #nextHash(from: number): readonly [LuaValue, LuaValue] | undefined {
    for (let place = from; place < this.#keys.length; place++) {
      if (this.#values[place] !== undefined) return [this.#keys[place], this.#values[place]];
    }
    return undefined;
  }

  /** Visits all entries in traversal order; the visitor changes nothing. */
  each(visit: (key: LuaValue, value: LuaValue) => void): void {
    const { array } = this;
    for (let at = 0; at < array.length; at++) if (array[at] !== undefined) visit(at + 1, array[at]);
    for (let at = 0; at < this.#keys.length; at++) {
      if (this.#values[at] !== undefined) visit(this.#keys[at], this.#values[at]);
    }
  }

  /** Whether there is nothing in it. */
  get isEmpty(): boolean {
    return this.next(undefined) === undefined;
  }

  #setHash(key: LuaValue, value: LuaValue): void {
    const place = this.#places?.get(key);
    if (place !== undefined) {
      if (value === undefined && this.#values[place] !== undefined) this.#removed++;
      else if (value !== undefined && this.#values[place] === undefined) this.#removed--;
      this.#values[place] = value;
      return;
    }
    if (value === undefined) return;
    if (this.#removed > 8 && this.#removed > this.#keys.length / 2) this.#compact();
    this.#places ??= new Map();
    this.#places.set(key, this.#keys.length);
    this.#keys.push(key);
    this.#values.push(value);
  }

  #compact(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = [];
    this.#values = [];
    this.#removed = 0;
    this.#places = new Map();
    for (let at = 0; at < keys.length; at++) if (values[at] !== undefined) this.#setHash(keys[at], values[at]);
  }

  /** Takes over what the map held for the places after the array's new last one. */
  #absorb(last: number): void {
    for (let key = last + 1; ; key++) {
      const place = this.#places!.get(key);
      if (place === undefined || this.#values[place] === undefined) return;
      this.array.push(this.#values[place]);
      this.#values[place] = undefined;
      this.#removed++;
    }
  }

  #trim(): void {
    const { array } = this;
    while (array.length > 0 && array[array.length - 1] === undefined) array.pop();
  }
}
