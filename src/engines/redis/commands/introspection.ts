import type { Client } from "../client.js";
import { globMatch } from "../data/glob.js";
import { lookup } from "../execute.js";
import { allCommands } from "../info/info.js";
import { ErrorReply, err, type Reply, ReplyMap, ReplySet, Status, SYNTAX } from "../protocol/reply.js";
import { argumentDocs } from "./argument-docs.js";
import { help } from "./generic.js";
import { type Command, findKeys, flagNames, type KeySpec } from "./spec.js";

/** Commands and their parts, described by themselves: COMMAND and its subcommands. */

function keySpecReply(spec: KeySpec): Reply {
  const out: Reply[] = ["flags", new ReplySet(spec.flags.map((flag) => new Status(flag)))];
  if (spec.begin === undefined) out.push("begin_search", new ReplyMap(["type", "unknown", "spec", new ReplyMap([])]));
  else if ("index" in spec.begin) {
    out.push("begin_search", new ReplyMap(["type", "index", "spec", new ReplyMap(["index", spec.begin.index])]));
  } else {
    const { keyword, from } = spec.begin;
    out.push(
      "begin_search",
      new ReplyMap(["type", "keyword", "spec", new ReplyMap(["keyword", keyword, "startfrom", from])]),
    );
  }
  if (spec.find === undefined) out.push("find_keys", new ReplyMap(["type", "unknown", "spec", new ReplyMap([])]));
  else if ("count" in spec.find) {
    const { count, first, step } = spec.find;
    out.push(
      "find_keys",
      new ReplyMap(["type", "keynum", "spec", new ReplyMap(["keynumidx", count, "firstkey", first, "keystep", step])]),
    );
  } else {
    const { last, step, limit } = spec.find;
    out.push(
      "find_keys",
      new ReplyMap(["type", "range", "spec", new ReplyMap(["lastkey", last, "keystep", step, "limit", limit])]),
    );
  }
  return new ReplyMap(out);
}

/** First key, last key and step of the old form. */
function legacyRange(command: Command): [number, number, number] {
  let first = 0;
  let last = 0;
  let step = 0;
  for (const { begin, find } of command.keys) {
    if (begin === undefined || find === undefined || !("index" in begin) || "count" in find) continue;
    const end = find.last < 0 ? find.last : begin.index + find.last;
    if (first === 0) {
      first = begin.index;
      last = end;
      step = find.step;
    } else if (begin.index === last + 1 && find.step === 1) last = end;
  }
  return [first, last, step];
}

function describe(command: Command): Reply {
  const flags = flagNames.filter(([bit]) => command.flags & bit).map(([, name]) => new Status(name));
  const [first, last, step] = legacyRange(command);
  return [
    command.fullName,
    command.arity,
    new ReplySet(flags),
    first,
    last,
    step,
    new ReplySet(command.categories.map((category) => new Status(`@${category}`))),
    [],
    command.keys.map(keySpecReply),
    command.subcommands === undefined ? [] : [...command.subcommands.values()].map(describe),
  ];
}

/** A command by the name that COMMAND's subcommands take: `config|get`. */
function byName(c: Client, text: string): Command | undefined {
  const [name = "", sub, ...more] = text.toLowerCase().split("|");
  const command = c.server.commands.get(name);
  if (sub === undefined || command === undefined || more.length > 0) return more.length > 0 ? undefined : command;
  return command.subcommands?.get(sub);
}

export function command(c: Client): Reply {
  return [...c.server.commands.values()].map(describe);
}

export function commandCount(c: Client): Reply {
  return c.server.commands.size;
}

export function commandInfo(c: Client, a: string[]): Reply {
  if (a.length === 2) return command(c);
  return a.slice(2).map((name) => {
    const found = byName(c, name);
    return found === undefined ? null : describe(found);
  });
}

function documentation(found: Command): Reply {
  const out: Reply[] = ["summary", found.summary, "since", found.since, "group", found.group];
  const listed = argumentDocs(found.fullName);
  if (listed !== undefined) out.push("arguments", listed);
  if (found.subcommands !== undefined) {
    out.push(
      "subcommands",
      new ReplyMap([...found.subcommands.values()].flatMap((sub) => [sub.fullName, documentation(sub)])),
    );
  }
  return new ReplyMap(out);
}

export function commandDocs(c: Client, a: string[]): Reply {
  const found =
    a.length === 2
      ? [...c.server.commands.values()]
      : a.slice(2).flatMap((name) => {
          const one = byName(c, name);
          return one === undefined ? [] : [one];
        });
  return new ReplyMap(found.flatMap((one) => [one.fullName, documentation(one)]));
}

export function commandList(c: Client, a: string[]): Reply {
  const all = allCommands(c.server);
  if (a.length === 2) return all.map(({ fullName }) => fullName);
  if (a.length !== 5 || a[2]!.toUpperCase() !== "FILTERBY") return SYNTAX;
  const value = a[4]!.toLowerCase();
  switch (a[3]!.toUpperCase()) {
    case "ACLCAT":
      return all.filter(({ categories }) => categories.includes(value)).map(({ fullName }) => fullName);
    case "PATTERN":
      return all.filter(({ fullName }) => globMatch(a[4]!, fullName, true)).map(({ fullName }) => fullName);
    case "MODULE":
      return [];
    default:
      return SYNTAX;
  }
}

function keysOf(c: Client, a: string[]): { command: Command; positions: number[]; args: string[] } | ErrorReply {
  const args = a.slice(2);
  const found = lookup(c.server, args);
  if (found instanceof ErrorReply) return err("Invalid command specified");
  if (found.keys.length === 0 && found.findKeys === undefined) return err("The command has no key arguments");
  const { arity } = found;
  if (arity > 0 ? args.length !== arity : args.length < -arity) {
    return err("Invalid number of arguments specified for command");
  }
  const positions = findKeys(found, args);
  if (positions === undefined || (positions.length === 0 && !noMandatoryKeys(found))) {
    return err("Invalid arguments specified for command");
  }
  return { command: found, positions, args };
}

function noMandatoryKeys(found: Command): boolean {
  return flagNames.some(([bit, name]) => name === "no_mandatory_keys" && (found.flags & bit) !== 0);
}

export function commandGetkeys(c: Client, a: string[]): Reply {
  const found = keysOf(c, a);
  if (found instanceof ErrorReply) return found;
  return found.positions.map((at) => found.args[at]!);
}

export function commandGetkeysandflags(c: Client, a: string[]): Reply {
  const found = keysOf(c, a);
  if (found instanceof ErrorReply) return found;
  const { command: one, positions, args } = found;
  return positions.map((at) => {
    // A key that only the options name is a destination.
    let flags = at === 1 || one.findKeys === undefined ? (one.keys[0]?.flags ?? []) : ["OW", "update"];
    for (const spec of one.keys) {
      if (one.findKeys === undefined && findKeys({ ...one, keys: [spec] }, args)?.includes(at)) {
        flags = spec.flags;
        break;
      }
    }
    const shown =
      one.name === "set" && !args.slice(3).some((arg) => arg.toUpperCase() === "GET") ? ["OW", "update"] : flags;
    return [args[at]!, new ReplySet(shown.filter((flag) => flag !== "variable_flags").map((flag) => new Status(flag)))];
  });
}

export function commandHelp(): Reply {
  return help("COMMAND", [
    "(no subcommand)",
    "    All commands.",
    "COUNT",
    "    How many there are.",
    "DOCS [<command-name> ...]",
    "    What commands are for.",
    "GETKEYS <full-command>",
    "    The keys of a request.",
    "GETKEYSANDFLAGS <full-command>",
    "    The keys of a request, and what it does to them.",
    "INFO [<command-name> ...]",
    "    Commands by name.",
    "LIST [FILTERBY (ACLCAT|PATTERN|MODULE) <value>]",
    "    Names of commands.",
  ]);
}
