import type { EntityData, ModelData } from "../../model/description.js";
import type { TemplateObject } from "../template.js";
import { chooseIndexes, serves } from "./choose-indexes.js";
import { pathOf } from "./collections.js";
import { type KeyPart, listAccess, mayBeMissing, type Need, needsOf } from "./needs.js";
import type { IndexDirection, MongoIndexKey } from "./types.js";

/** An index without its estimate. */
export interface ChosenIndex {
  readonly name: string;
  readonly key: MongoIndexKey;
  readonly keys: readonly KeyPart[];
  readonly unique: boolean;
  readonly partialFilterExpression: TemplateObject | undefined;
  readonly expireAfterSeconds?: 0;
  readonly serves: readonly string[];
}

/** MongoDB's own way of naming an index, so that one made by hand is the same. */
export function indexName(keys: readonly KeyPart[]): string {
  return keys.map(([path, direction]) => `${path}_${direction}`).join("_");
}

/** The indexes of an entity's collection, `_id` aside: unique constraints first, then the fewest that serve the patterns. */
export function indexesOf(model: ModelData, entity: EntityData): readonly ChosenIndex[] {
  const needs = needsOf(model, entity);
  const uniques = entity.unique.map((fields) => uniqueIndex(model, entity, fields));
  // A partial index lacks records, so that it cannot stand in for an index over all.
  const whole = uniques.filter((index) => index.partialFilterExpression === undefined).map((index) => index.keys);
  const chosen = chooseIndexes(needs, whole);
  const servedBy = (keys: readonly KeyPart[]): Need[] => needs.filter((need) => serves(keys, need));
  const all: readonly ChosenIndex[] = [
    ...uniques.map((index) =>
      index.partialFilterExpression === undefined
        ? { ...index, serves: [...index.serves, ...servedBy(index.keys).map((need) => need.subject)] }
        : index,
    ),
    ...chosen.map((keys) => ({
      // A partial unique index on the same keys has the plain name.
      name: uniques.some((index) => index.name === indexName(keys)) ? `${indexName(keys)}_all` : indexName(keys),
      key: keyObject(keys),
      keys,
      unique: false,
      partialFilterExpression: undefined,
      serves: servedBy(keys).map((need) => need.subject),
    })),
  ];
  return entity.expires === undefined ? all : withExpiry(all, pathOf(entity, entity.expires), entity.expires);
}

/** MongoDB has one index of a key: where the date has one already, that one removes what has ended too. */
function withExpiry(indexes: readonly ChosenIndex[], path: string, field: string): readonly ChosenIndex[] {
  const subject = `expires(${field})`;
  const removing = (index: ChosenIndex): ChosenIndex => ({
    ...index,
    expireAfterSeconds: 0,
    serves: [...index.serves, subject],
  });
  const own = indexes.find(({ keys }) => keys.length === 1 && keys[0]?.[0] === path);
  if (own !== undefined) return indexes.map((index) => (index === own ? removing(index) : index));
  const keys: readonly KeyPart[] = [[path, 1]];
  const plain = {
    name: indexName(keys),
    key: keyObject(keys),
    keys,
    unique: false,
    partialFilterExpression: undefined,
  };
  return [...indexes, removing({ ...plain, serves: [] })];
}

export function keyObject(keys: readonly KeyPart[]): MongoIndexKey {
  return Object.fromEntries(keys) as Record<string, IndexDirection>;
}

function uniqueIndex(model: ModelData, entity: EntityData, fields: readonly string[]): ChosenIndex {
  const keys = fields.map((field): KeyPart => [pathOf(entity, field), 1]);
  const missing = fields.filter((field) => mayBeMissing(entity, field));
  const patterns = Object.values(model.patterns).flatMap((pattern) => {
    if (pattern.entity !== entity.name || (pattern.kind !== "list" && pattern.kind !== "listByKey")) return [];
    const access = listAccess(entity, pattern);
    return access.kind === "unique" && access.fields === fields ? [pattern.name] : [];
  });
  return {
    name: indexName(keys),
    key: keyObject(keys),
    keys,
    unique: true,
    partialFilterExpression:
      missing.length === 0
        ? undefined
        : Object.fromEntries(missing.map((field) => [pathOf(entity, field), { $exists: true }])),
    serves: [`unique(${fields.join(", ")})`, ...patterns],
  };
}
