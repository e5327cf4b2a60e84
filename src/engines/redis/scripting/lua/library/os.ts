import type { Machine } from "../runtime.js";
import { LuaTable } from "../values.js";

/** The `os` library, as far as Redis lets scripts have it: the time that the process has worked. */
export function osLibrary(_machine: Machine): LuaTable {
  return LuaTable.of({
    clock: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  });
}
