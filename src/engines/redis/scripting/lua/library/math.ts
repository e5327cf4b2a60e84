import { type Machine, modulo } from "../runtime.js";
import { type LuaFunction, type LuaResult, LuaTable, type LuaValue, multi } from "../values.js";
import { Arguments } from "./arguments.js";

/**
 * The `math` library. Its random numbers are those of Redis: drand48's generator, seeded alike before each script, so
 * that a script gives the same numbers on every server.
 */
export function mathLibrary(machine: Machine): { readonly table: LuaTable; reseed(): void } {
  const random = new Drand48();
  const define = (name: string, run: (args: Arguments, values: LuaValue[]) => LuaResult): LuaFunction => {
    return (...values) => run(new Arguments(machine, name, values), values);
  };
  const ofOne = (name: string, run: (value: number) => number) => define(name, (args) => run(args.number(0)));
  const extreme = (name: string, better: (a: number, b: number) => boolean) =>
    define(name, (args) => {
      let best = args.number(0);
      for (let at = 1; at < args.count; at++) if (better(args.number(at), best)) best = args.number(at);
      return best;
    });
  const table = LuaTable.of({
    abs: ofOne("abs", Math.abs),
    acos: ofOne("acos", Math.acos),
    asin: ofOne("asin", Math.asin),
    atan: ofOne("atan", Math.atan),
    atan2: define("atan2", (args) => Math.atan2(args.number(0), args.number(1))),
    ceil: ofOne("ceil", Math.ceil),
    cos: ofOne("cos", Math.cos),
    cosh: ofOne("cosh", Math.cosh),
    deg: ofOne("deg", (value) => (value * 180) / Math.PI),
    exp: ofOne("exp", Math.exp),
    floor: ofOne("floor", Math.floor),
    fmod: define("fmod", (args) => args.number(0) % args.number(1)),
    mod: define("mod", (args) => args.number(0) % args.number(1)),
    frexp: define("frexp", (args) => {
      const value = args.number(0);
      if (value === 0 || !Number.isFinite(value)) return multi(value, 0);
      let exponent = Math.floor(Math.log2(Math.abs(value))) + 1;
      let fraction = value / 2 ** exponent;
      if (Math.abs(fraction) >= 1) {
        fraction /= 2;
        exponent++;
      }
      return multi(fraction, exponent);
    }),
    ldexp: define("ldexp", (args) => args.number(0) * 2 ** args.integer(1)),
    log: ofOne("log", Math.log),
    log10: ofOne("log10", Math.log10),
    max: extreme("max", (a, b) => a > b),
    min: extreme("min", (a, b) => a < b),
    modf: define("modf", (args) => {
      const value = args.number(0);
      const whole = Math.trunc(value);
      return multi(whole, Number.isFinite(value) ? value - whole : 0);
    }),
    pow: define("pow", (args) => args.number(0) ** args.number(1)),
    rad: ofOne("rad", (value) => (value * Math.PI) / 180),
    random: define("random", (args) => {
      const unit = modulo(random.next(), largest) / largest;
      switch (args.count) {
        case 0:
          return unit;
        case 1: {
          const to = args.integer(0);
          if (to < 1) throw args.bad(0, "interval is empty");
          return Math.floor(unit * to) + 1;
        }
        case 2: {
          const [from, to] = [args.integer(0), args.integer(1)];
          if (from > to) throw args.bad(1, "interval is empty");
          return Math.floor(unit * (to - from + 1)) + from;
        }
        default:
          throw machine.error("wrong number of arguments");
      }
    }),
    randomseed: define("randomseed", (args) => {
      random.seed(args.integer(0));
      return undefined;
    }),
    sin: ofOne("sin", Math.sin),
    sinh: ofOne("sinh", Math.sinh),
    sqrt: ofOne("sqrt", Math.sqrt),
    tan: ofOne("tan", Math.tan),
    tanh: ofOne("tanh", Math.tanh),
    pi: Math.PI,
    huge: Number.POSITIVE_INFINITY,
  });
  return { table, reseed: () => random.seed(0) };
}

const largest = 0x7fffffff;

/** drand48's 48-bit linear congruence: x = (0x5deece66d × x + 0xb) mod 2^48; a number is its upper 31 bits. */
class Drand48 {
  #state = 0x330en;

  seed(value: number): void {
    this.#state = (BigInt.asUintN(32, BigInt(Math.trunc(value) || 0)) << 16n) | 0x330en;
  }

  next(): number {
    this.#state = BigInt.asUintN(48, this.#state * 0x5deece66dn + 0xbn);
    return Number(this.#state >> 17n);
  }
}
