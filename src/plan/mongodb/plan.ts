import type { EntityData, ModelData, PatternData } from "../../model/description.js";
import { designVersion } from "../design.js";
import { selected } from "../select.js";
import type { UnservedPattern } from "../types.js";
import { unserved } from "../unserved.js";
import { mongodbCapability } from "./capability.js";
import { serves } from "./choose-indexes.js";
import { idRecipe, pathOf, storedFields } from "./collections.js";
import { collectionEstimate, entryBytes, getEstimate, indexFields, listEstimate, topEstimate } from "./estimates.js";
import { grantsOf } from "./grants.js";
import { indexesOf } from "./indexes.js";
import { lint } from "./lint.js";
import { listAccess, type Need, topNeed } from "./needs.js";
import { getRequest, listRequest, topRequest } from "./requests.js";
import type { MongoCollection, MongoIndex, MongoIndexKey, MongoPatternPlan, MongoPlan } from "./types.js";

/**
 * The physical design of a model on MongoDB: collections, `_id`, indexes, each pattern's request, estimates and findings.
 * Pure: the same model gives the same plan, byte for byte.
 *
 * @example
 * ```ts
 * const plan = planMongodb(describe(model));
 * plan.collections["line"]?.indexes.map((index) => index.name);   // ["customerId_1_at_-1__id_-1", …]
 * ```
 */
export function planMongodb(model: ModelData): MongoPlan {
  const collections = Object.fromEntries(
    Object.values(model.entities).map((entity) => [entity.name, planCollection(model, entity)] as const),
  );
  const patterns = Object.fromEntries(
    Object.values(model.patterns).map((pattern) => [pattern.name, planPattern(model, pattern, collections)] as const),
  );
  return {
    kind: "plan",
    engine: "mongodb",
    design: designVersion(decisive(collections, patterns)),
    collections,
    patterns,
    grants: grantsOf(Object.values(collections)),
    findings: lint(model, collections, patterns),
  };
}

function planCollection(model: ModelData, entity: EntityData): MongoCollection {
  const workload = model.workload.entities[entity.name];
  const indexes = indexesOf(model, entity).map((index): MongoIndex => {
    const { name, key, unique, partialFilterExpression, expireAfterSeconds } = index;
    const bytes = entryBytes(entity, indexFields(entity, index));
    return {
      name,
      key,
      unique,
      partialFilterExpression,
      ...(expireAfterSeconds === undefined ? {} : { expireAfterSeconds }),
      serves: index.serves,
      estimate: { entryBytes: bytes, bytes: workload?.records === undefined ? undefined : workload.records * bytes },
    };
  });
  return {
    entity: entity.name,
    name: entity.storedAs,
    id: idRecipe(entity),
    fields: storedFields(entity),
    version: { path: "_v" },
    ...(entity.expires === undefined ? {} : { expires: pathOf(entity, entity.expires) }),
    indexes,
    estimate: collectionEstimate(
      entity,
      workload,
      indexes.map((index) => index.estimate),
    ),
  };
}

function planPattern(
  model: ModelData,
  pattern: PatternData,
  collections: { readonly [entity: string]: MongoCollection },
): MongoPatternPlan | UnservedPattern {
  const without = unserved(mongodbCapability, pattern);
  if (without !== undefined) return without;
  const entity = model.entities[pattern.entity] as EntityData;
  const indexes = collections[pattern.entity]?.indexes ?? [];
  const facts = {
    pattern: pattern.name,
    entity: entity.name,
    collection: entity.storedAs,
    consistency: pattern.consistency,
  };
  switch (pattern.kind) {
    case "get":
      return {
        ...getRequest(entity, pattern),
        ...facts,
        ...selected(pattern),
        index: "_id_",
        estimate: getEstimate(model, entity, pattern.name),
      };
    case "list":
    case "listByKey": {
      const access = listAccess(entity, pattern);
      const index =
        access.kind === "id"
          ? undefined
          : find(indexes, access.need, access.kind === "unique" ? access.fields : undefined);
      return {
        ...listRequest(entity, pattern, access, index?.key),
        ...facts,
        ...selected(pattern),
        index: access.kind === "id" ? "_id_" : index?.name,
        estimate: listEstimate(model, entity, pattern, access),
      };
    }
    case "top": {
      const need = topNeed(entity, pattern);
      const index = need === undefined ? undefined : find(indexes, need, undefined);
      const byId = pattern.range !== undefined && need === undefined;
      return {
        ...topRequest(entity, pattern, byId ? { _id: 1 } : index?.key),
        ...facts,
        index: byId ? "_id_" : index?.name,
        estimate: topEstimate(model, entity, pattern, byId || index !== undefined),
      };
    }
    default:
      throw new TypeError(`mongodb serves "${pattern.kind}" by its capability, but no plan is made for it`);
  }
}

/** The first index that serves a need: a unique one by its constraint, else one over all records. */
function find(
  indexes: readonly MongoIndex[],
  need: Need,
  unique: readonly string[] | undefined,
): MongoIndex | undefined {
  if (unique !== undefined) return indexes.find((index) => index.serves.includes(`unique(${unique.join(", ")})`));
  return indexes.find((index) => index.partialFilterExpression === undefined && serves(keysOf(index.key), need));
}

function keysOf(key: MongoIndexKey): readonly (readonly [string, 1 | -1])[] {
  return Object.entries(key);
}

/** What decides how records are stored and asked for: without estimates, findings, and who is served by what. */
function decisive(
  collections: { readonly [entity: string]: MongoCollection },
  patterns: { readonly [name: string]: MongoPatternPlan | UnservedPattern },
): unknown {
  return [
    "mongodb",
    Object.values(collections).map(({ entity, name, id, fields, version, indexes }) => [
      entity,
      name,
      id,
      fields,
      version,
      indexes.map(({ name, key, unique, partialFilterExpression, expireAfterSeconds }) => [
        name,
        Object.entries(key),
        unique,
        partialFilterExpression,
        ...(expireAfterSeconds === undefined ? [] : [expireAfterSeconds]),
      ]),
    ]),
    Object.values(patterns).map((pattern) =>
      pattern.kind === "unserved"
        ? [pattern.pattern]
        : [pattern.pattern, pattern.request, pattern.kind === "get" ? undefined : pattern.next, pattern.values],
    ),
  ];
}
