import { exponentialText, exponentText, fixedText, formatG } from "../numbers.js";
import { PatternMatch } from "../pattern.js";
import type { Machine } from "../runtime.js";
import { first, LuaError, type LuaFunction, LuaTable, type LuaValue, multi } from "../values.js";
import { Arguments } from "./arguments.js";

const longest = 512 * 1024 * 1024;

/** The `string` library; its table also gives strings their methods. */
export function stringLibrary(machine: Machine): LuaTable {
  const define = (name: string, run: (args: Arguments, values: LuaValue[]) => ReturnType<LuaFunction>): LuaFunction => {
    return (...values) => run(new Arguments(machine, name, values), values);
  };
  /** Pattern errors are raised without a position: give them one. */
  const positioned = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof LuaError && typeof error.value === "string" && !/^[^ ]+:\d+: /.test(error.value)) {
        throw machine.error(error.value);
      }
      throw error;
    }
  };
  const library = LuaTable.of({
    len: define("len", (args) => args.string(0).length),
    sub: define("sub", (args) => {
      const text = args.string(0);
      const from = Math.max(position(args.integer(1), text.length), 1);
      const to = Math.min(position(args.integer(2, -1), text.length), text.length);
      return from > to ? "" : text.slice(from - 1, to);
    }),
    upper: define("upper", (args) => args.string(0).replace(/[a-z]+/g, (part) => part.toUpperCase())),
    lower: define("lower", (args) => args.string(0).replace(/[A-Z]+/g, (part) => part.toLowerCase())),
    rep: define("rep", (args) => {
      const text = args.string(0);
      const times = args.integer(1);
      if (times > 0 && text.length * times > longest) throw machine.error("resulting string too large");
      return times > 0 ? text.repeat(times) : "";
    }),
    reverse: define("reverse", (args) => [...args.string(0)].reverse().join("")),
    byte: define("byte", (args) => {
      const text = args.string(0);
      const start = args.integer(1, 1);
      const from = Math.max(position(start, text.length), 1);
      const to = Math.min(position(args.integer(2, position(start, text.length)), text.length), text.length);
      const codes: number[] = [];
      for (let at = from; at <= to; at++) codes.push(text.charCodeAt(at - 1));
      return multi(...codes);
    }),
    char: define("char", (args) => {
      let out = "";
      for (let at = 0; at < args.count; at++) {
        const code = args.integer(at);
        if (code < 0 || code > 255) throw args.bad(at, "invalid value");
        out += String.fromCharCode(code);
      }
      return out;
    }),
    // Bytecode is refused wherever it could be loaded, so its head is all there is.
    dump: define("dump", (args) => {
      args.function(0);
      return "\x1bLua";
    }),
    format: define("format", (args) => format(machine, args)),
    find: define("find", (args, values) => positioned(() => find(args, values[3], true))),
    match: define("match", (args, values) => positioned(() => find(args, values[3], false))),
    gmatch: define("gmatch", (args) => {
      const text = args.string(0);
      const pattern = args.string(1);
      let at = 0;
      return () =>
        positioned(() => {
          const match = new PatternMatch(text, pattern);
          for (; at <= text.length; at++) {
            const end = match.match(at, 0);
            if (end < 0) continue;
            const from = at;
            // An empty match moves on by one, or it would be found for ever.
            at = end === from ? end + 1 : end;
            return multi(...match.captures(from, end, true));
          }
          return undefined;
        });
    }),
    gsub: define("gsub", (args, values) => positioned(() => gsub(machine, args, values[2]))),
  });
  library.set("gfind", library.get("gmatch"));
  return library;
}

/** A position counted from 1, or from the end when negative. */
function position(at: number, length: number): number {
  return at >= 0 ? at : at + length + 1;
}

const magic = /[\^$*+?.([%-]/;

function find(args: Arguments, plain: LuaValue, wantsPlace: boolean): ReturnType<LuaFunction> {
  const text = args.string(0);
  const pattern = args.string(1);
  const start = Math.max(position(args.integer(2, 1), text.length), 1) - 1;
  if (start > text.length) return undefined;
  if (wantsPlace && ((plain !== undefined && plain !== false) || !magic.test(pattern))) {
    const at = text.indexOf(pattern, start);
    return at < 0 ? undefined : multi(at + 1, at + pattern.length);
  }
  const anchored = pattern.startsWith("^");
  const match = new PatternMatch(text, pattern);
  for (let at = start; at <= text.length; at++) {
    const end = match.match(at, anchored ? 1 : 0);
    if (end >= 0) {
      return wantsPlace
        ? multi(at + 1, end, ...match.captures(at, end, false))
        : multi(...match.captures(at, end, true));
    }
    if (anchored) break;
  }
  return undefined;
}

function gsub(machine: Machine, args: Arguments, replacement: LuaValue): ReturnType<LuaFunction> {
  const text = args.string(0);
  const pattern = args.string(1);
  const most = args.integer(3, text.length + 1);
  const kind = typeof replacement;
  if (kind !== "string" && kind !== "number" && kind !== "function" && !(replacement instanceof LuaTable)) {
    throw args.bad(2, "string/function/table expected");
  }
  const anchored = pattern.startsWith("^");
  const match = new PatternMatch(text, pattern);
  const template = kind === "string" || kind === "number" ? args.string(2) : "";
  let out = "";
  let at = 0;
  let count = 0;
  while (count < most) {
    const end = match.match(at, anchored ? 1 : 0);
    if (end >= 0) {
      count++;
      const whole = text.slice(at, end);
      let value: LuaValue;
      if (typeof replacement === "function") value = first(replacement(...match.captures(at, end, true)));
      else if (replacement instanceof LuaTable)
        value = machine.index(replacement, match.capture(0, at, end), noChunk, 0);
      else value = expand(match, text, template, at, end);
      if (value === undefined || value === false) out += whole;
      else if (typeof value === "string" || typeof value === "number") out += machine.tostring(value);
      else throw machine.error(`invalid replacement value (a ${value === true ? "boolean" : "table"})`);
    }
    if (end > at) at = end;
    else if (at < text.length) out += text[at++];
    else break;
    if (anchored) break;
  }
  return multi(out + text.slice(at), count);
}

const noChunk = { name: "string", sites: [{ line: 0, what: undefined }] };

function expand(match: PatternMatch, text: string, template: string, from: number, to: number): string {
  if (!template.includes("%")) return template;
  let out = "";
  for (let at = 0; at < template.length; at++) {
    const char = template[at]!;
    if (char !== "%") {
      out += char;
      continue;
    }
    const next = template[++at] ?? "";
    if (next === "0") out += text.slice(from, to);
    else if (next >= "1" && next <= "9") out += String(match.capture(Number(next) - 1, from, to));
    else out += next;
  }
  return out;
}

const formatForm = /%([-+ #0]*)(\d{0,2})(?:\.(\d{0,2}))?(.)?/gs;

/** `string.format`, with C's flags, width and precision. */
function format(machine: Machine, args: Arguments): string {
  const template = args.string(0);
  let next = 1;
  return template.replace(
    formatForm,
    (spec, flags: string, width: string, precision: string | undefined, kind: string | undefined) => {
      if (kind === "%") return "%";
      const at = next++;
      const digits = precision === undefined ? undefined : Number(precision === "" ? "0" : precision);
      switch (kind) {
        case "c":
          return pad(String.fromCharCode(args.integer(at) & 255), flags, width, false);
        case "d":
        case "i": {
          const value = BigInt.asIntN(64, toBigInt(args.number(at)));
          const body = (value < 0n ? -value : value).toString().padStart(digits ?? 1, "0");
          return pad(sign(value < 0n, flags) + body, flags, width, digits === undefined);
        }
        case "u":
          return pad(
            BigInt.asUintN(64, toBigInt(args.number(at)))
              .toString()
              .padStart(digits ?? 1, "0"),
            flags,
            width,
            digits === undefined,
          );
        case "o":
        case "x":
        case "X": {
          const value = BigInt.asUintN(64, toBigInt(args.number(at)));
          const body = value.toString(kind === "o" ? 8 : 16).padStart(digits ?? 1, "0");
          const prefix = flags.includes("#") && value !== 0n ? (kind === "o" ? "0" : "0x") : "";
          const text = pad(prefix + body, flags, width, digits === undefined);
          return kind === "X" ? text.toUpperCase() : text;
        }
        case "e":
        case "E":
        case "f":
        case "g":
        case "G": {
          const value = args.number(at);
          const body = floatText(Math.abs(value), kind.toLowerCase(), digits ?? 6, flags.includes("#"));
          const negative = value < 0 || Object.is(value, -0);
          const text = pad(sign(negative, flags) + body, flags, width, Number.isFinite(value));
          return kind === "E" || kind === "G" ? text.toUpperCase() : text;
        }
        case "q":
          return quoted(args.string(at));
        case "s": {
          args.any(at);
          const value = args.string(at);
          return pad(digits === undefined ? value : value.slice(0, digits), flags.replace("0", ""), width, false);
        }
        default:
          throw machine.error(`invalid option '${spec.startsWith("%") ? `%${kind ?? ""}` : spec}' to 'format'`);
      }
    },
  );
}

function toBigInt(value: number): bigint {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : -(2n ** 63n);
}

function sign(negative: boolean, flags: string): string {
  if (negative) return "-";
  return flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
}

function floatText(value: number, kind: string, precision: number, alternate: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : "inf";
  if (kind === "g") return formatG(value, precision, alternate);
  if (kind === "e") {
    const [mantissa, power] = exponentialText(value, precision).split("e") as [string, string];
    return `${mantissa}e${exponentText(Number(power))}`;
  }
  if (value >= 1e21) return BigInt(value).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
  return fixedText(value, precision);
}

function pad(text: string, flags: string, width: string, zeros: boolean): string {
  const missing = Number(width) - text.length;
  if (!(missing > 0)) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!zeros || !flags.includes("0")) return " ".repeat(missing) + text;
  const lead = /^[-+ ]?(?:0x)?/.exec(text)![0];
  return lead + "0".repeat(missing) + text.slice(lead.length);
}

function quoted(text: string): string {
  const escaped = text.replace(/["\\\n\r\0]/g, (char) =>
    char === "\n" ? "\\\n" : char === "\r" ? "\\r" : char === "\0" ? "\\000" : `\\${char}`,
  );
  return `"${escaped}"`;
}
