import type { Condition, EntityData, ModelData, TopPattern } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import { homeShards, writeShards } from "./load.js";
import { attributeOf } from "./names.js";
import { type Need, optionalFields } from "./needs.js";
import { fieldPart, type Home, homeRecipe, shardParts, typeOf } from "./places.js";
import type {
  DynamoContribution,
  DynamoEntity,
  DynamoEntry,
  DynamoIndex,
  DynamoIndexEntry,
  DynamoUnique,
  KeyPart,
  KeyRecipe,
  StoredAttribute,
} from "./types.js";

/** What is stored of one entity: home items, entries in indexes, copies, contributions and unique values. */
export function entityParts(
  model: ModelData,
  entity: EntityData,
  home: Home,
  needs: readonly Need[],
  indexOf: (need: Need) => DynamoIndex,
): DynamoEntity {
  const own = needs.filter((need) => Object.hasOwn(need.keys, entity.name));
  const entry = (need: Need): DynamoEntry => ({
    name: need.name,
    key: need.keys[entity.name] as KeyRecipe,
    has: need.has[entity.name] ?? [],
    where: need.where,
    ...(need.listed[entity.name] === undefined ? {} : { listed: need.listed[entity.name] as KeyRecipe }),
    serves: need.patterns,
  });
  return {
    entity: entity.name,
    key: entity.key,
    home: homeRecipe(entity, home, homeShards(model, entity, home)),
    attributes: attributesOf(model, entity),
    expires: entity.expires,
    appendOnly: entity.appendOnly,
    indexed: own
      .filter((need) => need.kind !== "copies")
      .map((need): DynamoIndexEntry => {
        const { name, partition, sort } = indexOf(need);
        const attributes = { partition: need.kind === "local" ? undefined : partition, sort };
        return { ...entry(need), index: name, attributes };
      }),
    copies: own.filter((need) => need.kind === "copies").map(entry),
    contributions: Object.values(model.patterns).flatMap((pattern) =>
      pattern.kind === "top" && pattern.entity === entity.name ? [contribution(model, entity, pattern)] : [],
    ),
    uniques: entity.unique.map((fields) => unique(entity, fields)),
  };
}

function attributesOf(model: ModelData, entity: EntityData): readonly StoredAttribute[] {
  const names = [...entity.key, ...Object.keys(entity.fields).filter((name) => !entity.key.includes(name))];
  return names.map((field) => ({
    field,
    attribute: attributeOf(field, entity.fields, model.physical.dynamodb.key),
    type: entity.fields[field] as Field,
  }));
}

/** "line/top(customerId,total)": the same contributions serve the same question. */
export function topName(entity: EntityData, pattern: TopPattern, shards: number): string {
  const range =
    pattern.range === undefined
      ? ""
      : `/${pattern.range.unit === undefined ? pattern.range.field : `${pattern.range.unit}(${pattern.range.field})`}`;
  const sum = pattern.sum === undefined ? "" : `,${pattern.sum}`;
  const where = pattern.where.length === 0 ? "" : `/${pattern.where.map(conditionName).join("+")}`;
  return `${entity.name}/top(${pattern.by}${sum})${range}${where}${shards > 1 ? `*${shards}` : ""}`;
}

function conditionName({ field, operator, value }: Condition): string {
  const text =
    value instanceof Date ? value.toISOString() : Array.isArray(value) ? value.map(String).join(",") : String(value);
  return `${field} ${operator} ${text}`;
}

function contribution(model: ModelData, entity: EntityData, pattern: TopPattern): DynamoContribution {
  const shards = writeShards(model, pattern, "contributions");
  const name = topName(entity, pattern, shards);
  const { range } = pattern;
  const unit = range?.unit;
  const bucket = range === undefined || unit === undefined ? undefined : { field: range.field, unit };
  const bucketPart: readonly KeyPart[] = bucket === undefined ? [] : [{ kind: "bucket", ...bucket }];
  // A range without buckets is one of sort keys.
  const rangePart = range !== undefined && bucket === undefined ? [fieldPart(entity, range.field)] : [];
  const key: KeyRecipe = {
    partition: [{ kind: "text", text: name }, ...bucketPart, ...shardParts(shards)],
    sort: [...rangePart, ...entity.key.map((field) => fieldPart(entity, field))],
  };
  const groupPart: KeyPart = { kind: "field", field: pattern.by, type: typeOf(entity, pattern.by), direction: "asc" };
  return {
    name,
    pattern: pattern.name,
    key,
    has: optionalFields(entity, [groupPart, ...key.partition, ...key.sort]),
    where: pattern.where,
    serves: [pattern.name],
    bucket,
    shards,
    by: pattern.by,
    sum: pattern.sum,
  };
}

function unique(entity: EntityData, fields: readonly string[]): DynamoUnique {
  const parts = fields.map((field) => fieldPart(entity, field));
  const name = `${entity.name}/unique(${fields.join(",")})`;
  return {
    name,
    fields,
    key: { partition: [{ kind: "text", text: name }, ...parts], sort: [{ kind: "text", text: "unique" }] },
    has: optionalFields(entity, parts),
    where: [],
    serves: [],
  };
}
