import type { By, EntityData, ListPattern, ModelData, OrderTerm, TogetherPattern } from "../../model/description.js";
import { type Field, fieldAt } from "../../model/field.js";
import type { KeyPart, KeyRecipe } from "./types.js";

/** Where records lie: the partition that an entity's home items share, by the first fields of its key. */
export interface Home {
  /** The partition's first text: the entity's name, or that of the entities that lie beside it. */
  readonly group: string;
  /** Fields of the key that name the partition, in the partition's order. */
  readonly partitionFields: readonly string[];
  /** The rest of the key. */
  readonly sortFields: readonly string[];
  /** Other entities lie in the same partitions. */
  readonly shared: boolean;
}

/** How a list is answered by the table's own key. */
export interface TableAccess {
  /** Fields of the key that the question gives: the partition's, then the beginning of the sort key. */
  readonly given: readonly string[];
}

/** The field behind a name that the model has checked. */
export function typeOf(entity: EntityData, field: string): Field {
  const type = fieldAt(entity.fields, field);
  if (type === undefined) throw new TypeError(`entity "${entity.name}" has no field "${field}"`);
  return { ...type, optional: false, nullable: false };
}

/** The homes of all entities. Entities of a `together` whose keys begin with its `by` share their partitions. */
export function homesOf(model: ModelData): ReadonlyMap<string, Home> {
  const homes = new Map<string, Home>();
  const { localIndexes } = model.physical.dynamodb;
  for (const pattern of Object.values(model.patterns)) {
    if (pattern.kind !== "together") continue;
    const fields = pattern.by.map((part) => part.field);
    const members = pattern.entities.map((name) => model.entities[name] as EntityData);
    if (!members.every((entity) => isPrefix(fields, entity.key))) continue;
    const settled = members.map((entity) => homes.get(entity.name));
    const first = settled.find((home) => home !== undefined);
    const group = first?.group ?? pattern.entity;
    const partitionFields = first?.partitionFields ?? fields;
    // An entity that already lies elsewhere stays there: this pattern is then answered in another way.
    if (!sameSet(partitionFields, fields) || settled.some((home) => home !== undefined && home.group !== group))
      continue;
    for (const entity of members) homes.set(entity.name, homeAt(group, partitionFields, entity, true));
  }
  for (const entity of Object.values(model.entities)) {
    if (homes.has(entity.name)) continue;
    const lengths = Object.values(model.patterns).flatMap((pattern) =>
      (pattern.kind === "list" || pattern.kind === "listByKey") && pattern.entity === entity.name
        ? (keyAccess(entity, pattern)?.given.length ?? (localIndexes.includes(pattern.name) ? pattern.by.length : []))
        : [],
    );
    const length = Math.min(entity.key.length, ...lengths);
    homes.set(entity.name, homeAt(entity.name, entity.key.slice(0, length), entity, false));
  }
  return homes;
}

function homeAt(group: string, partitionFields: readonly string[], entity: EntityData, shared: boolean): Home {
  const sortFields = entity.key.filter((field) => !partitionFields.includes(field));
  return { group, partitionFields, sortFields, shared };
}

function isPrefix(fields: readonly string[], key: readonly string[]): boolean {
  return fields.length <= key.length && sameSet(fields, key.slice(0, fields.length));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((field) => b.includes(field));
}

/** Whether a list asks for the beginning of the key and is ordered by the rest of it: then the table answers it. */
function keyAccess(entity: EntityData, pattern: ListPattern): TableAccess | undefined {
  const given = pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  const bucket = pattern.by.find((part) => part.kind === "bucket");
  const length = given.length;
  if (length === 0 || !isPrefix(given, entity.key)) return undefined;
  const rest = entity.key.slice(length);
  const direction = pattern.order[0]?.direction;
  const inOrder =
    pattern.order.length === rest.length &&
    pattern.order.every((term, index) => term.field === rest[index] && term.direction === direction);
  if (!inOrder) return undefined;
  if (bucket !== undefined && (bucket.field !== rest[0] || pattern.range !== undefined)) return undefined;
  return { given: entity.key.slice(0, length) };
}

/** The table's own key as an answer to a list, where records' homes allow it. */
export function tableAccess(entity: EntityData, home: Home, pattern: ListPattern): TableAccess | undefined {
  const access = keyAccess(entity, pattern);
  return access !== undefined && home.partitionFields.every((field) => access.given.includes(field))
    ? access
    : undefined;
}

/** Whether a local index can answer a list that is to have one: the question names the whole partition. */
export function localAccess(model: ModelData, home: Home, pattern: ListPattern): boolean {
  const asked = pattern.by.map((part) => part.field);
  return (
    model.physical.dynamodb.localIndexes.includes(pattern.name) &&
    home.partitionFields.every((field) => asked.includes(field))
  );
}

/** Whether the table's own key answers a `together`. */
export function togetherInTable(homes: ReadonlyMap<string, Home>, pattern: TogetherPattern): boolean {
  const members = pattern.entities.map((name) => homes.get(name) as Home);
  const fields = pattern.by.map((part) => part.field);
  return members.every((home) => home.group === members[0]?.group && sameSet(home.partitionFields, fields));
}

export function fieldPart(entity: EntityData, field: string): KeyPart {
  return { kind: "field", field, type: typeOf(entity, field), direction: "asc" };
}

/** The key of home items. The sort key begins with the entity's name, so that entities of one partition lie apart. */
export function homeRecipe(entity: EntityData, home: Home, shards: number): KeyRecipe {
  return {
    partition: [
      { kind: "text", text: home.group },
      ...home.partitionFields.map((field) => fieldPart(entity, field)),
      ...shardParts(shards),
    ],
    sort: [{ kind: "text", text: entity.name }, ...home.sortFields.map((field) => fieldPart(entity, field))],
  };
}

export function shardParts(shards: number): readonly KeyPart[] {
  return shards > 1 ? [{ kind: "shard", count: shards }] : [];
}

/** The parts of a question as parts of a partition. */
export function byParts(entity: EntityData, by: readonly By[]): readonly KeyPart[] {
  return by.map((part) =>
    part.kind === "field" ? fieldPart(entity, part.field) : { kind: "bucket", field: part.field, unit: part.unit },
  );
}

/** An order as a sort key: the first term's direction is that of reading, the others are written against it where they differ. */
export function orderParts(entity: EntityData, order: readonly OrderTerm[]): readonly KeyPart[] {
  const forward = order[0]?.direction ?? "asc";
  return order.map((term) => ({
    kind: "field",
    field: term.field,
    type: typeOf(entity, term.field),
    direction: term.direction === forward ? "asc" : "desc",
  }));
}

/** "customerId+day(at)": a question in the name of a place. */
export function byName(by: readonly By[]): string {
  return by.map((part) => (part.kind === "field" ? part.field : `${part.unit}(${part.field})`)).join("+");
}
