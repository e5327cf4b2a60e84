import type { EntityData, ListPattern, ModelData } from "../../model/description.js";
import type { PhysicalData } from "../../model/physical.js";
import { designVersion } from "../design.js";
import { attributeOf, indexAttributes } from "./names.js";
import type { Need } from "./needs.js";
import type { DynamoFieldSource, DynamoIndex, KeyPart, KeyRecipe } from "./types.js";

/** Attributes that all indexes of a table may include, one in two of them counted twice (manual: "Quotas in Amazon DynamoDB"). */
export const includesLimit = 100;

/** Attributes that one index may include (API reference: "Projection"). */
export const includesOfIndex = 20;

/** What the entries of an index hold. */
export interface Projection extends Pick<DynamoIndex, "projection" | "includes"> {
  /** It would hold less, but for the limit of attributes. */
  readonly widened: boolean;
}

/** Names of the attributes of the table's key. */
type TableKeyNames = PhysicalData["dynamodb"]["key"];

/** A key that an entry has in any case. */
interface OwnKey {
  readonly attribute: string;
  readonly parts: readonly KeyPart[];
}

/** The keys of an index's entries of one entity: its own, and that of the item. */
export function entryKeys(
  { partition, sort }: Pick<DynamoIndex, "partition" | "sort">,
  key: KeyRecipe,
  home: KeyRecipe,
  table: TableKeyNames,
): readonly OwnKey[] {
  return [
    { attribute: table.partition, parts: home.partition },
    { attribute: table.sort, parts: home.sort },
    { attribute: partition, parts: key.partition },
    { attribute: sort, parts: key.sort },
  ];
}

/**
 * Where a list's fields come from: from keys where the entry has no more than it must, else from attributes. The moment
 * at which a record ends is read with them.
 */
export function fieldSources(
  entity: EntityData,
  pattern: ListPattern,
  keys: readonly OwnKey[],
  table: TableKeyNames,
): readonly DynamoFieldSource[] | undefined {
  const { select } = pattern;
  if (select === undefined) return undefined;
  const { expires } = entity;
  const wanted = expires === undefined || select.includes(expires) ? select : [...select, expires];
  return wanted.map((field) => {
    const type = entity.fields[field];
    if (type === undefined) throw new TypeError(`entity "${entity.name}" has no field "${field}"`);
    const inKey = field === expires ? undefined : componentOf(field, keys);
    return { field, type, ...(inKey ?? { attribute: attributeOf(field, entity.fields, table) }) };
  });
}

function componentOf(
  field: string,
  keys: readonly OwnKey[],
): Required<Pick<DynamoFieldSource, "attribute" | "component">> | undefined {
  for (const { attribute, parts } of keys) {
    for (const [at, part] of parts.entries()) {
      if (part.kind === "field" && part.field === field) {
        return { attribute, component: { at, direction: part.direction } };
      }
    }
  }
  return undefined;
}

/** Attributes that a need's patterns read beside the keys, by their names in order; undefined: all. `slot`: the index's attributes. */
export function needAttributes(
  model: ModelData,
  need: Need,
  slot: string,
  homes: { readonly [entity: string]: KeyRecipe },
): readonly string[] | undefined {
  const found = new Set<string>();
  const table = model.physical.dynamodb.key;
  for (const name of need.patterns) {
    const pattern = model.patterns[name];
    if (pattern === undefined || (pattern.kind !== "list" && pattern.kind !== "listByKey")) return undefined;
    const entity = model.entities[pattern.entity] as EntityData;
    const own = need.keys[entity.name] as KeyRecipe;
    const keys = entryKeys(indexAttributes(slot), own, homes[entity.name] as KeyRecipe, table);
    const sources = fieldSources(entity, pattern, keys, table);
    if (sources === undefined) return undefined;
    for (const { attribute, component } of sources) if (component === undefined) found.add(attribute);
    // A range beside the order is tested on the entry.
    const { range } = pattern;
    if (range !== undefined && range.field !== pattern.order[0]?.field) {
      found.add(attributeOf(range.field.split(".")[0] as string, entity.fields, table));
    }
  }
  return [...found].sort();
}

/**
 * The name of an index. DynamoDB cannot change what an index holds: another projection is another index, on the same
 * attributes, and both may stand beside each other until nobody reads the older one.
 */
export function indexName(
  slot: string,
  { projection, includes = [] }: Pick<DynamoIndex, "projection" | "includes">,
): string {
  switch (projection) {
    case "ALL":
      return slot;
    case "KEYS_ONLY":
      return `${slot}_keys`;
    case "INCLUDE":
      return `${slot}_${designVersion(includes).slice(0, 8)}`;
    default:
      return projection satisfies never;
  }
}

/** The least that the entries of each index must hold, by its place in the list. */
export function projectionsOf(reads: readonly (readonly string[] | undefined)[]): readonly Projection[] {
  let left = includesLimit;
  // The narrowest ones save the most: they are served first.
  const order = reads.map((_, at) => at).sort((a, b) => (reads[a]?.length ?? 0) - (reads[b]?.length ?? 0) || a - b);
  const found: Projection[] = reads.map(() => ({ projection: "ALL", widened: false }));
  for (const at of order) {
    const attributes = reads[at];
    if (attributes === undefined) continue;
    if (attributes.length === 0) found[at] = { projection: "KEYS_ONLY", widened: false };
    else if (attributes.length <= Math.min(left, includesOfIndex)) {
      left -= attributes.length;
      found[at] = { projection: "INCLUDE", includes: attributes, widened: false };
    } else found[at] = { projection: "ALL", widened: true };
  }
  return found;
}
