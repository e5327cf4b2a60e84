import { formatG, numberText } from "../numbers.js";
import type { Machine } from "../runtime.js";
import { type LuaFunction, type LuaResult, LuaTable, type LuaValue, multi, typeName, Userdata } from "../values.js";
import { Arguments } from "./arguments.js";
import { JsonParser } from "./cjson-parser.js";

/** `cjson.null`. */
export const JSON_NULL = new Userdata("userdata: (nil)");

/** What scripts can set; it holds for all later scripts, as in Redis. */
interface Settings {
  sparseConvert: boolean;
  sparseRatio: number;
  sparseSafe: number;
  encodeDepth: number;
  decodeDepth: number;
  encodeInvalid: boolean | "null";
  decodeInvalid: boolean;
  keepBuffer: boolean;
  precision: number;
}

const defaults: Settings = {
  sparseConvert: false,
  sparseRatio: 2,
  sparseSafe: 10,
  encodeDepth: 1000,
  decodeDepth: 1000,
  encodeInvalid: false,
  decodeInvalid: true,
  keepBuffer: true,
  precision: 14,
};

const shortEscapes: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
  '"': '\\"',
  "/": "\\/",
  "\\": "\\\\",
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const special = /["\\/\x00-\x1f\x7f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const specials = /["\\/\x00-\x1f\x7f]/g;

function quoted(text: string): string {
  if (!special.test(text)) return `"${text}"`;
  const escaped = text.replace(
    specials,
    (char) => shortEscapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}

class Encoder {
  readonly #machine: Machine;
  readonly #settings: Settings;

  constructor(machine: Machine, settings: Settings) {
    this.#machine = machine;
    this.#settings = settings;
  }

  #refuse(value: LuaValue, reason: string): Error {
    return this.#machine.error(`Cannot serialise ${typeName(value)}: ${reason}`);
  }

  #number(value: number): string {
    const { encodeInvalid, precision } = this.#settings;
    if (!Number.isFinite(value)) {
      if (encodeInvalid === false) throw this.#refuse(value, "must not be NaN or Inf");
      if (encodeInvalid === "null") return "null";
      return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    }
    return precision === 14 ? numberText(value) : formatG(value, precision);
  }

  /** How many elements the table has as an array; -1 when it is an object. */
  #arrayLength(table: LuaTable): number {
    let most = 0;
    let items = 0;
    let isArray = true;
    table.each((key) => {
      if (typeof key === "number" && key >= 1 && Number.isInteger(key)) {
        if (key > most) most = key;
        items++;
      } else isArray = false;
    });
    if (!isArray) return -1;
    const { sparseConvert, sparseRatio, sparseSafe } = this.#settings;
    if (sparseRatio > 0 && most > items * sparseRatio && most > sparseSafe) {
      if (!sparseConvert) throw this.#refuse(table, "excessively sparse array");
      return -1;
    }
    return most;
  }

  value(value: LuaValue, depth: number): string {
    switch (typeof value) {
      case "string":
        return quoted(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return value ? "true" : "false";
      case "undefined":
        return "null";
    }
    if (value === JSON_NULL) return "null";
    if (!(value instanceof LuaTable)) throw this.#refuse(value, "type not supported");
    const inner = depth + 1;
    if (inner > this.#settings.encodeDepth) {
      throw this.#machine.error(`Cannot serialise, excessive nesting (${inner})`);
    }
    const length = this.#arrayLength(value);
    if (length > 0) {
      let out = "[";
      for (let at = 1; at <= length; at++) out += (at === 1 ? "" : ",") + this.value(value.get(at), inner);
      return `${out}]`;
    }
    let out = "{";
    value.each((key, item) => {
      if (out.length > 1) out += ",";
      if (typeof key === "number") out += `"${this.#number(key)}":`;
      else if (typeof key === "string") out += `${quoted(key)}:`;
      else throw this.#refuse(key, "table key must be a number or string");
      out += this.value(item, inner);
    });
    return `${out}}`;
  }
}

const intMax = 2_147_483_647;

/** The `cjson` library: lua-cjson 2.1 as Redis has it. @see https://kyne.au/~mark/software/lua-cjson-manual.html */
export function cjsonLibrary(machine: Machine): LuaTable {
  const settings = { ...defaults };
  const encoder = new Encoder(machine, settings);
  const define = (name: string, most: number, run: (args: Arguments, values: LuaValue[]) => LuaResult): LuaFunction => {
    return (...values) => {
      const args = new Arguments(machine, name, values);
      if (values.length > most) throw args.bad(most, "found too many arguments");
      return run(args, values);
    };
  };
  const integerOption = (
    args: Arguments,
    value: LuaValue,
    at: number,
    min: number,
    max: number,
  ): number | undefined => {
    if (value === undefined) return undefined;
    const number = args.integer(at);
    if (number < min || number > max) throw args.bad(0, `expected integer between ${min} and ${max}`);
    return number;
  };
  const switchOption = (args: Arguments, value: LuaValue): boolean | undefined => {
    if (value === undefined || typeof value === "boolean") return value;
    const text = args.string(0);
    if (text !== "on" && text !== "off") throw args.bad(0, `invalid option '${text}'`);
    return text === "on";
  };
  return LuaTable.of({
    encode: (...values) => {
      if (values.length !== 1) throw machine.badArgument(1, "encode", "expected 1 argument");
      return encoder.value(values[0], 0);
    },
    decode: (...values) => {
      const args = new Arguments(machine, "decode", values);
      if (values.length !== 1) throw args.bad(0, "expected 1 argument");
      return new JsonParser(machine, args.string(0), settings.decodeDepth, settings.decodeInvalid, JSON_NULL).parse();
    },
    encode_sparse_array: define("encode_sparse_array", 3, (args, [convert, ratio, safe]) => {
      settings.sparseConvert = switchOption(args, convert) ?? settings.sparseConvert;
      settings.sparseRatio = integerOption(args, ratio, 1, 0, intMax) ?? settings.sparseRatio;
      settings.sparseSafe = integerOption(args, safe, 2, 0, intMax) ?? settings.sparseSafe;
      return multi(settings.sparseConvert, settings.sparseRatio, settings.sparseSafe);
    }),
    encode_max_depth: define("encode_max_depth", 1, (args, [depth]) => {
      settings.encodeDepth = integerOption(args, depth, 0, 1, intMax) ?? settings.encodeDepth;
      return settings.encodeDepth;
    }),
    decode_max_depth: define("decode_max_depth", 1, (args, [depth]) => {
      settings.decodeDepth = integerOption(args, depth, 0, 1, intMax) ?? settings.decodeDepth;
      return settings.decodeDepth;
    }),
    encode_number_precision: define("encode_number_precision", 1, (args, [digits]) => {
      settings.precision = integerOption(args, digits, 0, 1, 14) ?? settings.precision;
      return settings.precision;
    }),
    encode_keep_buffer: define("encode_keep_buffer", 1, (args, [keep]) => {
      settings.keepBuffer = switchOption(args, keep) ?? settings.keepBuffer;
      return settings.keepBuffer;
    }),
    encode_invalid_numbers: define("encode_invalid_numbers", 1, (args, [mode]) => {
      settings.encodeInvalid = mode === "null" ? "null" : (switchOption(args, mode) ?? settings.encodeInvalid);
      return settings.encodeInvalid;
    }),
    decode_invalid_numbers: define("decode_invalid_numbers", 1, (args, [mode]) => {
      settings.decodeInvalid = switchOption(args, mode) ?? settings.decodeInvalid;
      return settings.decodeInvalid;
    }),
    new: () => cjsonLibrary(machine),
    null: JSON_NULL,
    _NAME: "cjson",
    _VERSION: "2.1.0",
  });
}
