import { numberText } from "../numbers.js";
import type { Machine } from "../runtime.js";
import { isTrue } from "../runtime.js";
import { first, type LuaFunction, type LuaResult, LuaTable, type LuaValue, typeName } from "../values.js";
import { Arguments } from "./arguments.js";

const nowhere = { name: "table", sites: [{ line: 0, what: undefined }] };

/** The `table` library. */
export function tableLibrary(machine: Machine): LuaTable {
  const define = (name: string, run: (args: Arguments, values: LuaValue[]) => LuaResult): LuaFunction => {
    return (...values) => run(new Arguments(machine, name, values), values);
  };
  const writable = (table: LuaTable): LuaTable => {
    if (table.readonly) throw machine.error("Attempt to modify a readonly table");
    return table;
  };
  return LuaTable.of({
    concat: define("concat", (args, [, , , to]) => {
      const table = args.table(0);
      const separator = args.string(1, "");
      const last = to === undefined ? table.length : args.integer(3);
      const parts: string[] = [];
      for (let at = args.integer(2, 1); at <= last; at++) {
        const value = table.get(at);
        if (typeof value !== "string" && typeof value !== "number") {
          throw machine.error(`invalid value (${typeName(value)}) at index ${at} in table for 'concat'`);
        }
        parts.push(typeof value === "string" ? value : numberText(value));
      }
      return parts.join(separator);
    }),
    insert: define("insert", (args, values) => {
      const table = writable(args.table(0));
      const end = table.length + 1;
      if (values.length === 2) table.set(end, values[1]);
      else if (values.length === 3) {
        const place = args.integer(1);
        for (let at = Math.max(end, place); at > place; at--) table.set(at, table.get(at - 1));
        table.set(place, values[2]);
      } else throw machine.error("wrong number of arguments to 'insert'");
      return undefined;
    }),
    remove: define("remove", (args) => {
      const table = writable(args.table(0));
      const end = table.length;
      const place = args.integer(1, end);
      if (place < 1 || place > end) return undefined;
      const removed = table.get(place);
      for (let at = place; at < end; at++) table.set(at, table.get(at + 1));
      table.set(end, undefined);
      return removed;
    }),
    sort: define("sort", (args, [, compare]) => {
      const table = writable(args.table(0));
      const count = table.length;
      const values = Array.from({ length: count }, (_, at) => table.get(at + 1));
      const before =
        compare === undefined
          ? (a: LuaValue, b: LuaValue) => machine.lessThan(a, b, nowhere, 0)
          : (a: LuaValue, b: LuaValue) => isTrue(first(machine.callable(compare, nowhere, 0)(a, b)));
      values.sort((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0));
      for (let at = 0; at < count; at++) table.set(at + 1, values[at]);
      return undefined;
    }),
    maxn: define("maxn", (args) => {
      let most = 0;
      const table = args.table(0);
      for (let entry = table.next(undefined); entry; entry = table.next(entry[0])) {
        if (typeof entry[0] === "number" && entry[0] > most) most = entry[0];
      }
      return most;
    }),
    getn: define("getn", (args) => args.table(0).length),
    setn: define("setn", () => {
      throw machine.error("'setn' is obsolete");
    }),
    foreachi: define("foreachi", (args) => {
      const table = args.table(0);
      const visit = args.function(1);
      for (let at = 1; at <= table.length; at++) {
        const result = first(visit(at, table.get(at)));
        if (result !== undefined) return result;
      }
      return undefined;
    }),
    foreach: define("foreach", (args) => {
      const table = args.table(0);
      const visit = args.function(1);
      for (let entry = table.next(undefined); entry; entry = table.next(entry[0])) {
        const result = first(visit(entry[0], entry[1]));
        if (result !== undefined) return result;
      }
      return undefined;
    }),
  });
}
