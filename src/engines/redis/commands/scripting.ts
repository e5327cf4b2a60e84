import type { Client } from "../client.js";
import { globMatch } from "../data/glob.js";
import { BadData, RdbReader, verifyDump } from "../data/rdb-read.js";
import { busyError } from "../execute.js";
import { ErrorReply, err, NOT_INTEGER, OK, type Reply, ReplyMap, ReplySet, Status } from "../protocol/reply.js";
import { dumpLibraries, LIBRARY_CODE, OLD_LIBRARY_CODE } from "../scripting/dump.js";
import { noLibraries } from "../scripting/functions.js";
import { flagFields } from "../scripting/run.js";
import { scriptingOf } from "../scripting/scripting.js";
import { long } from "./arguments.js";

const NO_SCRIPT = new ErrorReply("NOSCRIPT No matching script. Please use EVAL.");
const NOT_BUSY = new ErrorReply("NOTBUSY No scripts in execution right now.");

/** How many of the arguments are keys. */
function keyCount(a: readonly string[], error = NOT_INTEGER): number {
  const count = long(a[2]!, error);
  if (count > a.length - 3) throw err("Number of keys can't be greater than number of args");
  if (count < 0) throw err("Number of keys can't be negative");
  return count;
}

function evaluate(c: Client, a: string[], readOnly: boolean): Reply {
  const keys = keyCount(a);
  const scripting = scriptingOf(c.server);
  const script = scripting.load(a[1]!);
  return script instanceof ErrorReply ? script : scripting.evaluate(c, script, a, keys, readOnly);
}

function evaluateBySha(c: Client, a: string[], readOnly: boolean): Reply {
  if (a[1]!.length !== 40) return NO_SCRIPT;
  const keys = keyCount(a);
  const scripting = scriptingOf(c.server);
  const script = scripting.bySha(a[1]!);
  return script === undefined ? NO_SCRIPT : scripting.evaluate(c, script, a, keys, readOnly);
}

export function evalScript(c: Client, a: string[]): Reply {
  return evaluate(c, a, false);
}

export function evalRo(c: Client, a: string[]): Reply {
  return evaluate(c, a, true);
}

export function evalSha(c: Client, a: string[]): Reply {
  return evaluateBySha(c, a, false);
}

export function evalShaRo(c: Client, a: string[]): Reply {
  return evaluateBySha(c, a, true);
}

export function scriptLoad(c: Client, a: string[]): Reply {
  const script = scriptingOf(c.server).load(a[2]!);
  return script instanceof ErrorReply ? script : script.sha;
}

export function scriptExists(c: Client, a: string[]): Reply {
  const scripting = scriptingOf(c.server);
  return a.slice(2).map((sha) => (scripting.has(sha) ? 1 : 0));
}

export function scriptFlush(c: Client, a: string[]): Reply {
  const mode = a[2]?.toUpperCase();
  if (a.length > 3 || (mode !== undefined && mode !== "SYNC" && mode !== "ASYNC")) {
    return err("SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  scriptingOf(c.server).flushScripts();
  return OK;
}

const UNKILLABLE = new ErrorReply(
  "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);

function kill(c: Client, kind: "script" | "function"): Reply {
  const { busy } = c.server;
  if (busy === undefined) return NOT_BUSY;
  if (busy.wrote()) return UNKILLABLE;
  if (busy.kind !== kind) return busyError(busy);
  busy.kill();
  return OK;
}

export function scriptKill(c: Client): Reply {
  return kill(c, "script");
}

export function functionKill(c: Client): Reply {
  return kill(c, "function");
}

export function scriptDebug(_: Client, a: string[]): Reply {
  const mode = a[2]!.toUpperCase();
  if (mode === "NO") return OK;
  if (mode === "YES" || mode === "SYNC") return err("the debugger for scripts is not supported by this server");
  return err("Use SCRIPT DEBUG YES/SYNC/NO");
}

export function scriptHelp(): Reply {
  return [
    "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DEBUG (YES|SYNC|NO)",
    "    Set the debug mode for subsequent scripts executed.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the Lua scripts cache. Very dangerous on replicas.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the scripts cache.",
    "    * SYNC: Synchronously flush the scripts cache.",
    "KILL",
    "    Kill the currently executing Lua script.",
    "LOAD <script>",
    "    Load a script into the scripts cache without executing it.",
    "HELP",
    "    Print this help.",
  ].map((line) => new Status(line));
}

const BAD_KEY_COUNT = err("Bad number of keys provided");

function callFunction(c: Client, a: string[], readOnly: boolean): Reply {
  const scripting = scriptingOf(c.server);
  if (!scripting.libraries.functions.has(a[1]!.toLowerCase())) return err("Function not found");
  return scripting.callFunction(c, a, keyCount(a, BAD_KEY_COUNT), readOnly);
}

export function fcall(c: Client, a: string[]): Reply {
  return callFunction(c, a, false);
}

export function fcallRo(c: Client, a: string[]): Reply {
  return callFunction(c, a, true);
}

export function functionLoad(c: Client, a: string[]): Reply {
  let replace = false;
  let at = 2;
  while (at < a.length - 1) {
    const option = a[at++]!;
    if (option.toLowerCase() !== "replace") return err(`Unknown option given: ${option}`);
    replace = true;
  }
  if (at >= a.length) return err("Function code is missing");
  const scripting = scriptingOf(c.server);
  const limit = c.trusted ? Number.POSITIVE_INFINITY : undefined;
  const library = scripting.functionEngine.load(a[at]!, scripting.libraries, replace, limit);
  if (library instanceof ErrorReply) return library;
  scripting.link(library);
  c.server.dirty++;
  return library.name;
}

export function functionDelete(c: Client, a: string[]): Reply {
  if (!scriptingOf(c.server).unlink(a[2]!)) return err("Library not found");
  c.server.dirty++;
  return OK;
}

export function functionFlush(c: Client, a: string[]): Reply {
  const mode = a[2]?.toUpperCase();
  if (a.length > 3) return err("unknown subcommand or wrong number of arguments for 'flush'. Try FUNCTION HELP.");
  if (mode !== undefined && mode !== "SYNC" && mode !== "ASYNC") {
    return err("FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  scriptingOf(c.server).libraries = noLibraries();
  c.server.dirty++;
  return OK;
}

export function functionList(c: Client, a: string[]): Reply {
  let withCode = false;
  let pattern: string | undefined;
  for (let at = 2; at < a.length; at++) {
    const option = a[at]!.toLowerCase();
    if (!withCode && option === "withcode") withCode = true;
    else if (pattern === undefined && option === "libraryname") {
      if (at >= a.length - 1) return err("library name argument was not given");
      pattern = a[++at]!;
    } else return err(`Unknown argument ${a[at]}`);
  }
  const out: Reply[] = [];
  for (const library of scriptingOf(c.server).libraries.libraries.values()) {
    if (pattern !== undefined && !globMatch(pattern, library.name, true)) continue;
    const functions = [...library.functions.values()].map(
      ({ name, description, flags }) =>
        new ReplyMap([
          "name",
          name,
          "description",
          description ?? null,
          "flags",
          new ReplySet(flagFields.filter(([, field]) => flags[field]).map(([shown]) => new Status(shown))),
        ]),
    );
    const flat: Reply[] = ["library_name", library.name, "engine", "LUA", "functions", functions];
    if (withCode) flat.push("library_code", library.code);
    out.push(new ReplyMap(flat));
  }
  return out;
}

export function functionStats(c: Client): Reply {
  const { functions, libraries } = scriptingOf(c.server).libraries;
  const lua = new ReplyMap(["libraries_count", libraries.size, "functions_count", functions.size]);
  const { busy } = c.server;
  if (busy?.kind === "script") return busyError(busy);
  const running =
    busy === undefined
      ? null
      : new ReplyMap(["name", busy.name, "command", [...busy.args], "duration_ms", Math.floor(busy.runningMs())]);
  return new ReplyMap(["running_script", running, "engines", new ReplyMap(["LUA", lua])]);
}

export function functionDump(c: Client): Reply {
  return dumpLibraries(scriptingOf(c.server).libraries);
}

export function functionRestore(c: Client, a: string[]): Reply {
  if (a.length > 4) {
    return err("unknown subcommand or wrong number of arguments for 'restore'. Try FUNCTION HELP.");
  }
  const policy = a[3]?.toLowerCase() ?? "append";
  if (policy !== "append" && policy !== "replace" && policy !== "flush") {
    return err("Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  }
  const data = Buffer.from(a[2]!, "latin1");
  if (!verifyDump(data)) return err("DUMP payload version or checksum are wrong");
  const scripting = scriptingOf(c.server);
  const loaded = noLibraries();
  const reader = new RdbReader(data.subarray(0, data.length - 10));
  while (!reader.ended) {
    const type = reader.byte();
    if (type === OLD_LIBRARY_CODE) return err("Pre-GA function format not supported");
    if (type !== LIBRARY_CODE) return err("given type is not a function");
    let code: string;
    try {
      code = reader.text();
    } catch (error) {
      if (error instanceof BadData) return err("Failed loading library code");
      throw error;
    }
    const library = scripting.functionEngine.load(code, loaded, false);
    if (library instanceof ErrorReply) return library;
    loaded.libraries.set(library.name, library);
    for (const [name, one] of library.functions) loaded.functions.set(name.toLowerCase(), one);
  }
  const now = scripting.libraries;
  if (policy !== "flush") {
    const replaced = new Set<string>();
    for (const name of loaded.libraries.keys()) {
      const old = now.libraries.get(name);
      if (old === undefined) continue;
      if (policy !== "replace") return err(`Library ${name} already exists`);
      for (const one of old.functions.keys()) replaced.add(one.toLowerCase());
    }
    for (const name of loaded.functions.keys()) {
      if (now.functions.has(name) && !replaced.has(name)) return err(`Function ${name} already exists`);
    }
  } else scripting.libraries = noLibraries();
  for (const library of loaded.libraries.values()) scripting.link(library);
  c.server.dirty++;
  return OK;
}

export function functionHelp(): Reply {
  return [
    "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Create a new library with the given library name and code.",
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries:",
    "    * Library name",
    "    * The engine used to run the Library",
    "    * Library description",
    "    * Functions list",
    "    * Library code (if WITHCODE is given)",
    "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
    "STATS",
    "    Return information about the current function running:",
    "    * Function name",
    "    * Command used to run the function",
    "    * Duration in MS that the function is running",
    "    If no function is running, return nil",
    "    In addition, returns a list of available engines.",
    "KILL",
    "    Kill the current running function.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
    "DUMP",
    "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
    "    control how to handle existing libraries (default APPEND):",
    "    * FLUSH: delete all existing libraries.",
    "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
    "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
    "      libraries with the new libraries (notice that even on this option there is a chance of failure",
    "      in case of functions name collision with another library).",
    "HELP",
    "    Print this help.",
  ].map((line) => new Status(line));
}
