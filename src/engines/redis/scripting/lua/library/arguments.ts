import { numberText } from "../numbers.js";
import type { Machine } from "../runtime.js";
import { toNumber } from "../runtime.js";
import { LuaTable, type LuaValue, typeName } from "../values.js";

/** Reads a library function's arguments, with Lua's own messages for those that do not fit. */
export class Arguments {
  readonly #machine: Machine;
  readonly #name: string;
  readonly #values: readonly LuaValue[];

  constructor(machine: Machine, name: string, values: readonly LuaValue[]) {
    this.#machine = machine;
    this.#name = name;
    this.#values = values;
  }

  get count(): number {
    return this.#values.length;
  }

  /** Any value, which must be given. */
  any(at: number): LuaValue {
    if (at >= this.#values.length) throw this.bad(at, "value expected");
    return this.#values[at];
  }

  number(at: number, otherwise?: number): number {
    const value = this.#values[at];
    if (value === undefined && otherwise !== undefined) return otherwise;
    const number = toNumber(value);
    if (number === undefined) throw this.#wrong(at, "number");
    return number;
  }

  /** A number cut to an integer, as C's cast does. */
  integer(at: number, otherwise?: number): number {
    return Math.trunc(this.number(at, otherwise));
  }

  string(at: number, otherwise?: string): string {
    const value = this.#values[at];
    if (typeof value === "string") return value;
    if (typeof value === "number") return numberText(value);
    if (value === undefined && otherwise !== undefined) return otherwise;
    throw this.#wrong(at, "string");
  }

  table(at: number): LuaTable {
    const value = this.#values[at];
    if (!(value instanceof LuaTable)) throw this.#wrong(at, "table");
    return value;
  }

  function(at: number) {
    const value = this.#values[at];
    if (typeof value !== "function") throw this.#wrong(at, "function");
    return value;
  }

  bad(at: number, problem: string): Error {
    return this.#machine.badArgument(at + 1, this.#name, problem);
  }

  #wrong(at: number, expected: string): Error {
    const given = at < this.#values.length ? typeName(this.#values[at]) : "no value";
    return this.bad(at, `${expected} expected, got ${given}`);
  }
}
