import type { Client } from "../client.js";
import type { Reply } from "../protocol/reply.js";

/** How a command's keys are found among its arguments: Redis' key specifications in short. */
export interface KeySpec {
  /** Flags in lower case: `RO`, `RW`, `OW`, `RM`, then `access`, `update`, `insert`, `delete`, `not_key`, … */
  readonly flags: readonly string[];
  /** Where to begin: a position, or a word to look for from a position on (negative: from the end, backwards). */
  readonly begin: { readonly index: number } | { readonly keyword: string; readonly from: number } | undefined;
  /** Which follow: up to `last` (relative; negative from the end) by steps, or a count that is itself an argument. */
  readonly find:
    | { readonly last: number; readonly step: number; readonly limit: number }
    | { readonly count: number; readonly first: number; readonly step: number }
    | undefined;
}

/** Figures that INFO and LATENCY show for a command. */
export class CommandStats {
  calls = 0;
  microseconds = 0;
  rejected = 0;
  failed = 0;
  /** Calls by the power of two of their microseconds; made at the first call. */
  histogram: number[] | undefined;

  reset(): void {
    this.calls = 0;
    this.microseconds = 0;
    this.rejected = 0;
    this.failed = 0;
    this.histogram = undefined;
  }
}

export const FLAG_WRITE = 1;
export const FLAG_READONLY = 2;
export const FLAG_DENYOOM = 4;
export const FLAG_ADMIN = 8;
export const FLAG_PUBSUB = 16;
export const FLAG_NOSCRIPT = 32;
export const FLAG_BLOCKING = 64;
export const FLAG_LOADING = 128;
export const FLAG_STALE = 256;
export const FLAG_SKIP_MONITOR = 512;
export const FLAG_SKIP_SLOWLOG = 1024;
export const FLAG_FAST = 2048;
export const FLAG_NO_AUTH = 4096;
export const FLAG_MAY_REPLICATE = 8192;
export const FLAG_NO_MULTI = 16384;
export const FLAG_PROTECTED = 32768;
export const FLAG_NO_MANDATORY_KEYS = 65536;
export const FLAG_ALLOW_BUSY = 131072;
export const FLAG_NO_ASYNC_LOADING = 262144;
export const FLAG_MOVABLE_KEYS = 524288;
export const FLAG_ASKING = 1048576;

/** Flags with the names that COMMAND INFO prints, in its order. */
export const flagNames: readonly (readonly [number, string])[] = [
  [FLAG_WRITE, "write"],
  [FLAG_READONLY, "readonly"],
  [FLAG_DENYOOM, "denyoom"],
  [FLAG_ADMIN, "admin"],
  [FLAG_PUBSUB, "pubsub"],
  [FLAG_NOSCRIPT, "noscript"],
  [FLAG_BLOCKING, "blocking"],
  [FLAG_LOADING, "loading"],
  [FLAG_STALE, "stale"],
  [FLAG_SKIP_MONITOR, "skip_monitor"],
  [FLAG_SKIP_SLOWLOG, "skip_slowlog"],
  [FLAG_ASKING, "asking"],
  [FLAG_FAST, "fast"],
  [FLAG_NO_AUTH, "no_auth"],
  [FLAG_MAY_REPLICATE, "may_replicate"],
  [FLAG_NO_MULTI, "no_multi"],
  [FLAG_PROTECTED, "protected"],
  [FLAG_NO_MANDATORY_KEYS, "no_mandatory_keys"],
  [FLAG_ALLOW_BUSY, "allow_busy"],
  [FLAG_NO_ASYNC_LOADING, "no_async_loading"],
  [FLAG_MOVABLE_KEYS, "movablekeys"],
];

/** Does a command: arguments from its name on; the reply as a value. */
export type Run = (client: Client, args: string[]) => Reply;

/** One entry of the table of commands. */
export interface CommandEntry {
  /** In lower case. */
  readonly name: string;
  /** Arguments with the name; negative: at least so many. */
  readonly arity: number;
  /** Names of flags, separated by spaces, `_` for none. */
  readonly flags: string;
  /** Key specifications in the short form of {@link parseKeys}. */
  readonly keys?: string;
  readonly since: string;
  readonly summary: string;
  /** Further ACL categories beside those that follow from flags. */
  readonly categories?: string;
  /** Why it is answered with an error whatever its arguments are, where it is. */
  readonly refused?: string;
  /** What is different from Redis, where something is. */
  readonly note?: string;
  readonly run?: Run;
  readonly subcommands?: readonly CommandEntry[];
  /** Finds the keys when the specifications cannot. */
  readonly findKeys?: (args: readonly string[]) => number[];
}

/** A command as it is looked up: the entry with its flags as bits and its figures. */
export interface Command {
  readonly name: string;
  /** With the container's name: `config|get`. */
  readonly fullName: string;
  readonly group: string;
  readonly arity: number;
  readonly flags: number;
  readonly categories: readonly string[];
  readonly keys: readonly KeySpec[];
  readonly since: string;
  readonly summary: string;
  readonly run: Run;
  readonly container: boolean;
  readonly subcommands: ReadonlyMap<string, Command> | undefined;
  readonly findKeys: ((args: readonly string[]) => number[]) | undefined;
  readonly stats: CommandStats;
}

/**
 * Key specifications in short, separated by `;`: where to begin (`1`, or `WORD@1` for the place after a word), what
 * follows (`last,step,limit`, or `#count,first,step` for a counted list, or `?` for unknown), then the flags.
 */
export function parseKeys(text: string | undefined): KeySpec[] {
  if (text === undefined) return [];
  return text.split(";").map((one) => {
    const [begin = "", find = "", ...flags] = one.trim().split(" ");
    const at = begin.indexOf("@");
    const numbers = find.replace("#", "").split(",").map(Number);
    return {
      flags,
      begin:
        begin === "?"
          ? undefined
          : at < 0
            ? { index: Number(begin) }
            : { keyword: begin.slice(0, at), from: Number(begin.slice(at + 1)) },
      find:
        find === "?"
          ? undefined
          : find.startsWith("#")
            ? { count: numbers[0]!, first: numbers[1]!, step: numbers[2]! }
            : { last: numbers[0]!, step: numbers[1]!, limit: numbers[2]! },
    };
  });
}

/** Positions of the keys among the arguments; undefined when the arguments do not fit the specifications. */
export function findKeys(command: Command, args: readonly string[]): number[] | undefined {
  if (command.findKeys !== undefined) return command.findKeys(args);
  const out: number[] = [];
  for (const spec of command.keys) {
    if (spec.begin === undefined || spec.find === undefined || spec.flags.includes("not_key")) continue;
    let first = -1;
    if ("index" in spec.begin) first = spec.begin.index;
    else {
      const { keyword, from } = spec.begin;
      const step = from < 0 ? -1 : 1;
      for (let i = from < 0 ? args.length + from : from; i > 0 && i < args.length; i += step) {
        if (args[i]!.toUpperCase() === keyword) {
          first = i + 1;
          break;
        }
      }
      if (first < 0) continue;
    }
    if (first >= args.length) continue;
    if ("count" in spec.find) {
      const count = Number(args[first + spec.find.count]);
      const start = first + spec.find.first;
      const last = start + (count - 1) * spec.find.step;
      if (!Number.isInteger(count) || count < 0 || last >= args.length) return undefined;
      for (let i = start; i <= last; i += spec.find.step) out.push(i);
    } else {
      const { last, step, limit } = spec.find;
      let end: number;
      if (last >= 0) end = first + last;
      else if (limit > 1) end = first + Math.floor((args.length - first) / limit) - 1;
      else end = args.length + last;
      for (let i = first; i <= end && i < args.length; i += step) out.push(i);
    }
  }
  return out;
}
