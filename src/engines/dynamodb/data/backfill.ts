import type { Catalog } from "./catalog.js";
import type { Table } from "./table.js";

/** Items that one step looks at before others get their turn. */
const step = 500;

/**
 * Goes through all items of a table in steps, while requests go on: what they write is taken care of by themselves. The
 * first step is done before this returns, where the store is in memory. `start` says whether there is something to do
 * still, and what to do with an item; `end` runs with the last step.
 */
function walk(
  catalog: Catalog,
  table: Table,
  start: () => ((key: string, stored: Buffer) => void) | undefined,
  end: () => void,
): void {
  const go = (from: string | undefined): void => {
    let next: string | undefined;
    const done = catalog.write(() => {
      const visit = table.dropped ? undefined : start();
      if (visit === undefined) return;
      catalog.touch(table);
      const cursor = table.tree.scan(from === undefined ? {} : { from });
      let count = 0;
      while (count < step && cursor.next()) {
        visit(cursor.key, cursor.value);
        count++;
        next = `${cursor.key}\x00`;
      }
      if (count === step) return;
      next = undefined;
      end();
    });
    const goOn = (): void => {
      if (next !== undefined && !catalog.closed) setImmediate(go, next);
    };
    // What could not be finished is begun anew at the next start.
    if (done instanceof Promise) done.then(goOn, () => {});
    else goOn();
  };
  go(undefined);
}

/** Adds the items that a table has to an index that is new; a small table's index can be used at once. */
export function fillIndex(catalog: Catalog, table: Table, name: string): void {
  walk(
    catalog,
    table,
    () => {
      const index = table.index(name);
      if (index?.definition.backfilling !== true) return undefined;
      return (key, stored) => table.fill(index, key, stored);
    },
    () => {
      const indexes = table.definition.indexes.map((each) => {
        if (each.name !== name) return each;
        const { backfilling: _, ...rest } = each;
        return rest;
      });
      catalog.change(table, { indexes });
    },
  );
}

/** Notes when the items that a table has expire. */
export function fillExpiries(catalog: Catalog, table: Table): void {
  walk(
    catalog,
    table,
    () => (table.definition.ttl?.filling === true ? (key, stored) => table.fillExpiry(key, stored) : undefined),
    () => {
      const { filling: _, ...ttl } = table.definition.ttl!;
      catalog.change(table, { ttl });
    },
  );
}

/** Goes on with what was being filled when the engine stopped. */
export function resumeBackfills(catalog: Catalog): void {
  for (const table of catalog.tables()) {
    for (const { definition } of table.indexes) {
      if (definition.backfilling === true) fillIndex(catalog, table, definition.name);
    }
    if (table.definition.ttl?.filling === true) fillExpiries(catalog, table);
  }
}
