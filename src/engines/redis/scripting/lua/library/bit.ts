import { type Machine, toNumber } from "../runtime.js";
import { type LuaFunction, LuaTable, type LuaValue } from "../values.js";
import { Arguments } from "./arguments.js";

const wrap = 2 ** 32;

/** A number's low 32 bits, rounded to the even one of two neighbours, as BitOp takes them. */
function bitsOf(value: number): number {
  if (!Number.isFinite(value)) return 0;
  const floor = Math.floor(value);
  const rest = value - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return (rounded % wrap) | 0;
}

/** The `bit` library: BitOp 1.0.2, results as signed 32-bit numbers. @see https://bitop.luajit.org/api.html */
export function bitLibrary(machine: Machine): LuaTable {
  const define = (name: string, run: (bits: (at: number) => number, count: number) => LuaValue): LuaFunction => {
    return (...values) => {
      const args = new Arguments(machine, name, values);
      const bits = (at: number): number => {
        const number = toNumber(values[at]);
        return bitsOf(number ?? args.number(at));
      };
      return run(bits, values.length);
    };
  };
  const folding = (name: string, combine: (a: number, b: number) => number): LuaFunction =>
    define(name, (bits, count) => {
      let out = bits(0);
      for (let at = 1; at < count; at++) out = combine(out, bits(at));
      return out;
    });
  const shifting = (name: string, shift: (a: number, by: number) => number): LuaFunction =>
    define(name, (bits) => shift(bits(0), bits(1) & 31) | 0);
  return LuaTable.of({
    tobit: define("tobit", (bits) => bits(0)),
    bnot: define("bnot", (bits) => ~bits(0)),
    band: folding("band", (a, b) => a & b),
    bor: folding("bor", (a, b) => a | b),
    bxor: folding("bxor", (a, b) => a ^ b),
    lshift: shifting("lshift", (a, by) => a << by),
    rshift: shifting("rshift", (a, by) => a >>> by),
    arshift: shifting("arshift", (a, by) => a >> by),
    rol: shifting("rol", (a, by) => (a << by) | (by === 0 ? 0 : a >>> (32 - by))),
    ror: shifting("ror", (a, by) => (by === 0 ? a : (a << (32 - by)) | (a >>> by))),
    bswap: define("bswap", (bits) => {
      const b = bits(0);
      return (b >>> 24) | ((b >>> 8) & 0xff00) | ((b & 0xff00) << 8) | (b << 24);
    }),
    tohex: define("tohex", (bits, count) => {
      const text = (bits(0) >>> 0).toString(16).padStart(8, "0");
      const digits = count < 2 ? 8 : bits(1);
      const kept = text.slice(8 - Math.min(Math.abs(digits), 8));
      return digits < 0 ? kept.toUpperCase() : kept;
    }),
  });
}
