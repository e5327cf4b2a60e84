import type { TableShape } from "../../plan/cassandra/ddl.js";
import type { DesignItem, DesignState } from "../port/adapter.js";
import type { Contents } from "./contents.js";
import { type FoundTable, plainType } from "./schema.js";

/** How a user-defined type compares with what is planned. */
export function typeState(
  fields: readonly { readonly name: string; readonly cql: string }[],
  found: ReadonlyMap<string, string>,
): Pick<DesignItem, "state" | "detail"> {
  const missing = fields.filter(({ name }) => !found.has(name));
  if (missing.length > 0) return { state: "missing", detail: `without ${missing.map(({ name }) => name).join(", ")}` };
  const other = fields.find(({ name, cql }) => found.get(name) !== plainType(cql));
  return other === undefined
    ? { state: "same" }
    : { state: "differs", detail: `${other.name} is ${found.get(other.name)} and not ${plainType(other.cql)}` };
}

/** How a table compares with what is planned; columns that it has not are items of their own. */
export function tableItems(shape: TableShape, found: FoundTable): DesignItem[] {
  const facts = { kind: "table", name: shape.name } as const;
  const key = (columns: readonly { readonly name: string; readonly cql: string }[]): string =>
    columns.map(({ name, cql }) => `${name} ${plainType(cql)}`).join(", ");
  const order = (
    columns: readonly { readonly name: string; readonly order?: string; readonly direction?: string }[],
  ): string => columns.map(({ name, order: is, direction }) => `${name} ${is ?? direction}`).join(", ");
  const [planned, there] = [key(shape.partition), key(found.partition)];
  if (planned !== there)
    return [{ ...facts, state: "differs", detail: `its partition key is ${there} and not ${planned}` }];
  const [ordered, orderedThere] = [key(shape.clustering), key(found.clustering)];
  if (ordered !== orderedThere || order(shape.clustering) !== order(found.clustering)) {
    const detail = `its clustering key is ${order(found.clustering)} and not ${order(shape.clustering)}`;
    return [{ ...facts, state: "differs", detail }];
  }
  const other = shape.columns.find(({ name, cql }) => {
    const column = found.columns.get(name);
    return column !== undefined && column.cql !== plainType(cql);
  });
  if (other !== undefined) {
    const detail = `${other.name} is ${found.columns.get(other.name)?.cql} and not ${plainType(other.cql)}`;
    return [{ ...facts, state: "differs", detail }];
  }
  const missing = shape.columns.filter(({ name }) => !found.columns.has(name));
  return [
    { ...facts, state: "same" },
    ...missing.map(
      ({ name }): DesignItem => ({ kind: "setting", name: `column ${shape.name}.${name}`, state: "missing" }),
    ),
  ];
}

/** How far a table is, for each pattern that waits for it. */
export function contentsItems(contents: Contents, state: "missing" | "same" | "building"): DesignItem[] {
  const facts = { kind: "contents", name: contents.table, state } as const;
  // A unique constraint that is not whole would admit what it must refuse: everything waits for it.
  if (state === "same" || contents.patterns.length === 0) return [facts];
  return contents.patterns.map((pattern) => ({ ...facts, pattern }));
}

/** What the items of a design come to. */
export function stateOf(items: readonly DesignItem[]): DesignState {
  const ready = items.every(({ state }) => state === "same" || state === "created" || state === "extra");
  return { ready, items };
}
