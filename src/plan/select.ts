import type { EntityData, GetPattern, ListPattern } from "../model/description.js";

/** The fields of a pattern's rows, as a part of its plan. */
export function selected({ select }: GetPattern | ListPattern): { readonly select?: readonly string[] } {
  return select === undefined ? {} : { select };
}

/**
 * Top-level fields that a list reads, in the schema's order: those of its rows and its cursor, what a range tests, and
 * when a record ends. Undefined: whole records.
 */
export function fieldsRead(entity: EntityData, pattern: ListPattern): readonly string[] | undefined {
  if (pattern.select === undefined) return undefined;
  const paths = [
    ...pattern.order.map(({ field }) => field),
    ...(pattern.range === undefined ? [] : [pattern.range.field]),
    ...(entity.expires === undefined ? [] : [entity.expires]),
  ];
  const read = new Set([...pattern.select, ...entity.key, ...paths.map((path) => path.split(".")[0])]);
  return Object.keys(entity.fields).filter((name) => read.has(name));
}
