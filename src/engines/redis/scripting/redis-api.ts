import { createHash } from "node:crypto";
import { lookup } from "../execute.js";
import { ErrorReply } from "../protocol/reply.js";
import type { RedisServer } from "../state.js";
import { errorTable, toLua } from "./convert.js";
import type { Machine } from "./lua/runtime.js";
import { toNumber } from "./lua/runtime.js";
import { LuaError, type LuaFunction, LuaTable, type LuaValue, NOTHING } from "./lua/values.js";
import type { ScriptRun } from "./run.js";

/** Whose API a script sees, and the run that is on, if any. */
export interface ApiHost {
  readonly server: RedisServer;
  readonly machine: Machine;
  readonly run: ScriptRun | undefined;
}

/** What scripts are told about the version: that of Redis, and the names that Valkey gave it. */
const VERSION_NUMBER = 0x00070204;

/** An error of the API: a table, as all errors of commands are. */
export function raise(text: string): LuaError {
  return new LuaError(errorTable(text));
}

/** A number as a command's argument: integers in full, others in their shortest form. */
function numberArgument(value: number): string {
  if (Number.isInteger(value)) {
    if (Number.isSafeInteger(value)) return String(value + 0);
    if (Math.abs(value) < 2 ** 62) return BigInt(value).toString();
  }
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(value);
}

/** A Lua call's arguments as a command's; throws when one is no string or number. */
function commandArguments(values: readonly LuaValue[]): string[] {
  if (values.length === 0) throw raise("Please specify at least one argument for this redis lib call");
  const args = new Array<string>(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (typeof value === "string") args[at] = value;
    else if (typeof value === "number") args[at] = numberArgument(value);
    else throw raise("Lua redis lib command arguments must be strings or integers");
  }
  return args;
}

const logLevels = ["debug", "verbose", "notice", "warning"] as const;

/** Logging and version: what code may also use while a library is loaded. */
export function addCommon(table: LuaTable, server: RedisServer): void {
  table.set("log", (...values) => {
    if (values.length < 2) throw raise("redis.log() requires two arguments or more.");
    const level = toNumber(values[0]);
    if (level === undefined) throw raise("First argument must be a number (log level).");
    if (!(level >= 0 && level <= 3)) throw raise("Invalid debug level.");
    const words = values.slice(1).filter((value) => typeof value === "string" || typeof value === "number");
    server.logOfScript(logLevels[Math.trunc(level)]!, words.join(" "));
    return NOTHING;
  });
  for (const [at, name] of logLevels.entries()) table.set(`LOG_${name.toUpperCase()}`, at);
  table.set("REDIS_VERSION_NUM", VERSION_NUMBER);
  table.set("REDIS_VERSION", server.version);
  table.set("VALKEY_VERSION_NUM", VERSION_NUMBER);
  table.set("VALKEY_VERSION", server.version);
  table.set("SERVER_NAME", "redis");
}

/** The table `redis` (and `server`, Valkey's name for it). @see https://redis.io/docs/latest/develop/interact/programmability/lua-api/ */
export function redisTable(host: ApiHost, debugging: boolean): LuaTable {
  const { server } = host;
  const running = (): ScriptRun => {
    if (host.run === undefined) throw raise("This function can only be called while a script runs");
    return host.run;
  };
  const single = (values: readonly LuaValue[], make: (text: string) => LuaTable): LuaTable => {
    const [value] = values;
    if (values.length !== 1 || typeof value !== "string") return errorTable("wrong number or type of arguments");
    return make(value);
  };
  const callCommand =
    (raises: boolean): LuaFunction =>
    (...values) => {
      const run = running();
      let args: string[];
      try {
        args = commandArguments(values);
      } catch (error) {
        if (raises || !(error instanceof LuaError)) throw error;
        return error.value;
      }
      const reply = run.call(args);
      if (reply instanceof ErrorReply && raises) throw new LuaError(toLua(reply, run.client.resp));
      return toLua(reply, run.client.resp);
    };
  const table = LuaTable.of({
    call: callCommand(true),
    pcall: callCommand(false),
    setresp: (...values) => {
      if (values.length !== 1) throw raise("redis.setresp() requires one argument.");
      const version = toNumber(values[0]);
      if (version !== 2 && version !== 3) throw raise("RESP version must be 2 or 3.");
      running().client.resp = version;
      return NOTHING;
    },
    sha1hex: (...values) => {
      if (values.length !== 1) throw raise("wrong number of arguments");
      const [value] = values;
      const text = typeof value === "number" ? host.machine.tostring(value) : value;
      return createHash("sha1")
        .update(typeof text === "string" ? text : "", "latin1")
        .digest("hex");
    },
    error_reply: (...values) => single(values, (text) => errorTable(text.startsWith("-") ? text : `-${text}`)),
    status_reply: (...values) => single(values, (text) => LuaTable.of({ ok: text })),
    set_repl: (...values) => {
      if (values.length !== 1) throw raise("redis.set_repl() requires one argument.");
      const flags = Math.trunc(toNumber(values[0]) ?? 0);
      if ((flags & ~3) !== 0) {
        throw raise("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
      }
      running().propagated = (flags & 1) !== 0;
      return NOTHING;
    },
    REPL_NONE: 0,
    REPL_AOF: 1,
    REPL_SLAVE: 2,
    REPL_REPLICA: 2,
    REPL_ALL: 3,
    acl_check_cmd: (...values) => {
      running();
      if (lookup(server, commandArguments(values)) instanceof ErrorReply) {
        throw raise("Invalid command passed to redis.acl_check_cmd()");
      }
      // Users have no rules beyond their password: who is logged in may run every command.
      return true;
    },
  });
  addCommon(table, server);
  if (debugging) {
    // Outside of the debugger these three do nothing; there is no debugger here.
    table.set("breakpoint", () => false);
    table.set("debug", () => NOTHING);
    table.set("replicate_commands", () => true);
  }
  return table;
}
