import type { PatternStore, RecordData } from "./adapter.js";

/** Makes a row of some of a record's fields. */
export function compilePick(fields: readonly string[]): (record: RecordData) => RecordData {
  return (record) => {
    const row: Record<string, unknown> = {};
    for (const field of fields) {
      const value = record[field];
      if (value !== undefined) row[field] = value;
    }
    return row;
  };
}

/** A pattern whose rows have these fields and no others, over a store that may read more of the record. */
export function selecting(store: PatternStore, fields: readonly string[]): PatternStore {
  const pick = compilePick(fields);
  return {
    async page(params, call) {
      const { rows, next } = await store.page(params, call);
      return { rows: rows.map(pick), next };
    },
    explain: (params, call) => store.explain(params, call),
  };
}
