import { addBaseLibrary } from "./lua/library/base.js";
import { bitLibrary } from "./lua/library/bit.js";
import { cjsonLibrary } from "./lua/library/cjson.js";
import { cmsgpackLibrary } from "./lua/library/cmsgpack.js";
import { mathLibrary } from "./lua/library/math.js";
import { osLibrary } from "./lua/library/os.js";
import { stringLibrary } from "./lua/library/string.js";
import { structLibrary } from "./lua/library/struct.js";
import { tableLibrary } from "./lua/library/table.js";
import { Machine } from "./lua/runtime.js";
import { type LuaFunction, type LuaResult, LuaTable, type LuaValue, Multi, multi } from "./lua/values.js";

/** A machine with the globals that scripts of Redis have, and what is needed to lock them. */
export interface Environment {
  readonly machine: Machine;
  readonly globals: LuaTable;
}

/** Makes a Lua machine with all libraries; `redis` and `server` are set by the caller, who then locks the globals. */
export function newEnvironment(): Environment {
  const machine = new Machine();
  const globals = new LuaTable();
  addBaseLibrary(machine, globals);
  const strings = stringLibrary(machine);
  machine.strings = strings;
  globals.set("string", strings);
  globals.set("table", tableLibrary(machine));
  globals.set("math", mathLibrary(machine).table);
  globals.set("os", osLibrary(machine));
  globals.set("bit", bitLibrary(machine));
  globals.set("cjson", cjsonLibrary(machine));
  globals.set("cmsgpack", cmsgpackLibrary(machine));
  globals.set("struct", structLibrary(machine));
  const pcall = globals.get("pcall");
  if (typeof pcall !== "function") throw new Error("the base library has pcall");
  // Errors of commands are tables since Redis 7; scripts that catch them get the message, as before.
  const wrapped: LuaFunction = (...values) => withMessage(pcall(...values));
  wrapped.generator = function* (...values) {
    return withMessage(yield* pcall.generator!(...values));
  };
  globals.set("pcall", wrapped);
  return { machine, globals };
}

function withMessage(result: LuaResult): LuaResult {
  if (!(result instanceof Multi) || result[0] !== false || !(result[1] instanceof LuaTable)) return result;
  const message = result[1].get("err");
  return typeof message === "string" ? multi(false, message) : result;
}

/** Reading a field that is not there becomes an error. */
export function refuseMissing(machine: Machine, table: LuaTable): void {
  table.meta = LuaTable.of({
    __index: (_: LuaValue, name: LuaValue) => {
      if (typeof name !== "string" && typeof name !== "number") {
        throw machine.error("Second argument to luaProtectedTableError must be a string or number");
      }
      throw machine.error(`Script attempted to access nonexistent global variable '${machine.tostring(name)}'`);
    },
  });
}

/** Makes a table and all that can be reached from it read-only. */
export function lock(table: LuaTable): void {
  if (table.readonly) return;
  table.readonly = true;
  table.each((_, value) => {
    if (value instanceof LuaTable) lock(value);
  });
  if (table.meta !== undefined) lock(table.meta);
}
