import type { Catalog } from "./catalog.js";
import type { Table } from "./table.js";

/** Items that one step looks at before others get their turn. */
const step = 500;

/**
 * Adds the items that a table has to an index that is new, in steps, while requests go on: what is written meanwhile is
 * in the index already. The first step is done before this returns, where the store is in memory; a small table's index
 * can be used at once.
 */
export function fillIndex(catalog: Catalog, table: Table, name: string): void {
  const walk = (from: string | undefined): void => {
    let next: string | undefined;
    const done = catalog.write(() => {
      const index = table.index(name);
      if (table.dropped || index?.definition.backfilling !== true) return;
      const cursor = table.tree.scan(from === undefined ? {} : { from });
      catalog.touch(table);
      let count = 0;
      while (count < step && cursor.next()) {
        table.fill(index, cursor.key, cursor.value);
        count++;
        next = `${cursor.key}\x00`;
      }
      if (count === step) return;
      next = undefined;
      const indexes = table.definition.indexes.map((each) => {
        if (each.name !== name) return each;
        const { backfilling: _, ...rest } = each;
        return rest;
      });
      catalog.change(table, { indexes });
    });
    const goOn = (): void => {
      if (next !== undefined && !catalog.closed) setImmediate(walk, next);
    };
    // An index that could not be filled is filled anew at the next start.
    if (done instanceof Promise) done.then(goOn, () => {});
    else goOn();
  };
  walk(undefined);
}

/** Goes on with what was being filled when the engine stopped. */
export function resumeBackfills(catalog: Catalog): void {
  for (const table of catalog.tables()) {
    for (const { definition } of table.indexes) {
      if (definition.backfilling === true) fillIndex(catalog, table, definition.name);
    }
  }
}
