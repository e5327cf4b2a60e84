import { type Machine, modulo } from "../runtime.js";
import { type LuaFunction, type LuaResult, LuaTable, type LuaValue, multi } from "../values.js";
import { Arguments } from "./arguments.js";

const largestInteger = 32;
const intMax = 2_147_483_647;

/** Reads a format, option by option, with its byte order and alignment. */
class Format {
  readonly #machine: Machine;
  readonly #name: string;
  readonly #text: string;
  #at = 0;
  #alignment = 1;
  little = true;
  /** The option that was read, its size and how many bytes of padding come before it. */
  option = "";
  size = 0;

  constructor(machine: Machine, name: string, text: string) {
    this.#machine = machine;
    this.#name = name;
    // The format ends where C's string ends.
    const end = text.indexOf("\0");
    this.#text = end < 0 ? text : text.slice(0, end);
  }

  #number(otherwise: number): number {
    let value = -1;
    for (; this.#at < this.#text.length; this.#at++) {
      const digit = this.#text.charCodeAt(this.#at) - 48;
      if (digit < 0 || digit > 9) break;
      value = Math.max(value, 0) * 10 + digit;
      if (value > intMax) throw this.#machine.error("integral size overflow");
    }
    return value < 0 ? otherwise : value;
  }

  next(): boolean {
    if (this.#at >= this.#text.length) return false;
    this.option = this.#text[this.#at++]!;
    this.size = this.#sizeOf(this.option);
    return true;
  }

  #sizeOf(option: string): number {
    switch (option) {
      case "B":
      case "b":
      case "x":
        return 1;
      case "H":
      case "h":
        return 2;
      case "f":
        return 4;
      case "L":
      case "l":
      case "T":
      case "d":
        return 8;
      case "c":
        return this.#number(1);
      case "i":
      case "I": {
        const size = this.#number(4);
        if (size > largestInteger) {
          throw this.#machine.error(`integral size ${size} is larger than limit of ${largestInteger}`);
        }
        return size;
      }
      default:
        return 0;
    }
  }

  padding(position: number): number {
    if (this.size === 0 || this.option === "c") return 0;
    const size = Math.min(this.size, this.#alignment);
    return (size - (position & (size - 1))) & (size - 1);
  }

  /** Obeys an option that stands for no value. */
  control(): void {
    switch (this.option) {
      case " ":
        return;
      case ">":
        this.little = false;
        return;
      case "<":
        this.little = true;
        return;
      case "!": {
        const alignment = this.#number(8);
        if (alignment <= 0 || (alignment & (alignment - 1)) !== 0) {
          throw this.#machine.error(`alignment ${alignment} is not a power of 2`);
        }
        this.#alignment = alignment;
        return;
      }
      default:
        throw this.#machine.badArgument(1, this.#name, `invalid format option '${this.option}'`);
    }
  }
}

const scratch = Buffer.alloc(8);

function integerText(value: number, size: number, little: boolean): string {
  let bits = BigInt.asUintN(64, Number.isFinite(value) ? BigInt(Math.trunc(value)) : 1n << 63n);
  let out = "";
  for (let at = 0; at < size; at++) {
    const char = String.fromCharCode(Number(bits & 255n));
    out = little ? out + char : char + out;
    bits >>= 8n;
  }
  return out;
}

function integerAt(data: string, at: number, size: number, little: boolean, signed: boolean): number {
  let bits = 0n;
  for (let i = 0; i < size; i++) {
    bits = BigInt.asUintN(64, (bits << 8n) | BigInt(data.charCodeAt(little ? at + size - 1 - i : at + i)));
  }
  return Number(signed ? BigInt.asIntN(Math.min(size, 8) * 8, bits) : bits);
}

function floatText(value: number, size: number, little: boolean): string {
  if (size === 4) {
    if (little) scratch.writeFloatLE(value, 0);
    else scratch.writeFloatBE(value, 0);
  } else if (little) scratch.writeDoubleLE(value, 0);
  else scratch.writeDoubleBE(value, 0);
  return scratch.toString("latin1", 0, size);
}

function floatAt(data: string, at: number, size: number, little: boolean): number {
  scratch.write(data.slice(at, at + size), 0, "latin1");
  if (size === 4) return little ? scratch.readFloatLE(0) : scratch.readFloatBE(0);
  return little ? scratch.readDoubleLE(0) : scratch.readDoubleBE(0);
}

function pack(machine: Machine, args: Arguments): LuaResult {
  const format = new Format(machine, "pack", args.string(0));
  let next = 1;
  let out = "";
  while (format.next()) {
    out += "\0".repeat(format.padding(out.length));
    const { option, size, little } = format;
    switch (option) {
      case "b":
      case "B":
      case "h":
      case "H":
      case "l":
      case "L":
      case "T":
      case "i":
      case "I":
        out += integerText(args.number(next++), size, little);
        break;
      case "x":
        out += "\0";
        break;
      case "f":
      case "d":
        out += floatText(args.number(next++), size, little);
        break;
      case "c":
      case "s": {
        const text = args.string(next++);
        const length = size === 0 ? text.length : size;
        if (text.length < length) throw args.bad(next, "string too short");
        out += text.slice(0, length);
        if (option === "s") out += "\0";
        break;
      }
      default:
        format.control();
    }
  }
  return out;
}

function unpack(machine: Machine, args: Arguments): LuaResult {
  const format = new Format(machine, "unpack", args.string(0));
  const data = args.string(1);
  let at = args.integer(2, 1) - 1;
  if (at < 0) throw args.bad(2, "offset must be 1 or greater");
  const values: LuaValue[] = [];
  const need = (size: number): void => {
    if (size > data.length || at > data.length - size) throw args.bad(1, "data string too short");
  };
  while (format.next()) {
    at += format.padding(at);
    const { option, little } = format;
    let { size } = format;
    need(size);
    switch (option) {
      case "b":
      case "B":
      case "h":
      case "H":
      case "l":
      case "L":
      case "T":
      case "i":
      case "I":
        values.push(integerAt(data, at, size, little, option >= "a"));
        break;
      case "x":
        break;
      case "f":
      case "d":
        values.push(floatAt(data, at, size, little));
        break;
      case "c":
        if (size === 0) {
          const last = values.pop();
          if (typeof last !== "number") throw machine.error("format 'c0' needs a previous size");
          size = Math.trunc(modulo(last, 2 ** 64));
          need(size);
        }
        values.push(data.slice(at, at + size));
        break;
      case "s": {
        const end = data.indexOf("\0", at);
        if (end < 0) throw machine.error("unfinished string in data");
        values.push(data.slice(at, end));
        size = end - at + 1;
        break;
      }
      default:
        format.control();
    }
    at += size;
  }
  return multi(...values, at + 1);
}

function sizeOf(machine: Machine, args: Arguments): LuaResult {
  const format = new Format(machine, "size", args.string(0));
  let at = 0;
  while (format.next()) {
    at += format.padding(at);
    const { option, size } = format;
    if (option === "s") throw args.bad(0, "option 's' has no fixed size");
    if (option === "c" && size === 0) throw args.bad(0, "option 'c0' has no fixed size");
    if (!/[a-zA-Z0-9]/.test(option)) format.control();
    at += size;
  }
  return at;
}

/** The `struct` library: values packed as C's structures. @see http://www.inf.puc-rio.br/~roberto/struct/ */
export function structLibrary(machine: Machine): LuaTable {
  const define = (name: string, run: (machine: Machine, args: Arguments) => LuaResult): LuaFunction => {
    return (...values) => run(machine, new Arguments(machine, name, values));
  };
  return LuaTable.of({
    pack: define("pack", pack),
    unpack: define("unpack", unpack),
    size: define("size", sizeOf),
  });
}
