import type { EntityData, ModelData, PatternData } from "../../model/description.js";
import { designVersion } from "../design.js";
import type { UnservedPattern } from "../types.js";
import { unserved } from "../unserved.js";
import { dynamodbCapability } from "./capability.js";
import { entityParts } from "./entities.js";
import { entityEstimate, patternEstimate, tableEstimate } from "./estimates.js";
import { grantsOf } from "./grants.js";
import { lint } from "./lint.js";
import { EXPIRES, indexAttributes, PARTITION, SORT } from "./names.js";
import { assignIndexes, type Need, needsOf } from "./needs.js";
import { type Home, homesOf, tableAccess, togetherInTable, typeOf } from "./places.js";
import { bucketsPartition, listRequests, type Place, tableAttributes, togetherRequests } from "./requests.js";
import type {
  DynamoEntity,
  DynamoIndex,
  DynamoPatternPlan,
  DynamoPlan,
  DynamoPrices,
  DynamoTableDesign,
  EstimatedEntity,
  EstimatedPattern,
  KeyRecipe,
} from "./types.js";

/** What a plan is made with beside the model. */
export interface DynamoPlanOptions {
  /** Prices that money is estimated with. */
  readonly prices?: DynamoPrices;
}

/** A design, and what decided it. */
interface Designed {
  readonly design: DynamoTableDesign;
  readonly homes: ReadonlyMap<string, Home>;
  readonly needs: readonly Need[];
}

/**
 * The physical design of a model on DynamoDB: one table, its overloaded indexes, where each record and each thing that
 * is made of it lies, and the patterns' requests. Pure: the same model gives the same design.
 */
export function designDynamodb(model: ModelData): DynamoTableDesign {
  return designed(model).design;
}

function designed(model: ModelData): Designed {
  const homes = homesOf(model);
  const needs = needsOf(model, homes);
  const assigned = assignIndexes(needs.filter((need) => need.kind === "index"));
  const indexName = (need: Need): string => `gsi${(assigned.get(need) ?? 0) + 1}`;
  const entities: Record<string, DynamoEntity> = {};
  for (const entity of Object.values(model.entities))
    entities[entity.name] = entityParts(model, entity, homes.get(entity.name) as Home, needs, indexName);
  const indexes = indexesOf([...assigned.keys()], indexName);
  const context: Context = { model, homes, needs, indexName, entities };
  const patterns = Object.fromEntries(
    Object.values(model.patterns).map((pattern) => [pattern.name, planPattern(pattern, context)] as const),
  );
  const expires = Object.values(entities).some((entity) => entity.expires !== undefined);
  return {
    design: {
      engine: "dynamodb",
      design: designVersion(decisive(entities, indexes, patterns)),
      table: { partition: PARTITION, sort: SORT, indexes, expires: expires ? EXPIRES : undefined },
      entities,
      patterns,
    },
    homes,
    needs,
  };
}

/**
 * The design of a model on DynamoDB with its estimates, grants and findings. Pure: the same model gives the same plan.
 *
 * @example
 * ```ts
 * const plan = planDynamodb(describe(model));
 * plan.table.indexes.map((index) => index.name);   // ["gsi1"]
 * ```
 */
export function planDynamodb(model: ModelData, options: DynamoPlanOptions = {}): DynamoPlan {
  const { prices } = options;
  const { design, homes, needs } = designed(model);
  const { indexes, expires } = design.table;
  const entities: Record<string, EstimatedEntity> = {};
  for (const [name, entity] of Object.entries(design.entities))
    entities[name] = { ...entity, estimate: entityEstimate(model, model.entities[name] as EntityData, entity, prices) };
  const patterns: Record<string, EstimatedPattern | UnservedPattern> = {};
  for (const [name, pattern] of Object.entries(design.patterns)) {
    patterns[name] =
      pattern.kind === "unserved"
        ? pattern
        : { ...pattern, estimate: patternEstimate(model, pattern, entities, prices) };
  }
  const served = Object.values(patterns).filter((plan): plan is EstimatedPattern => plan.kind !== "unserved");
  return {
    kind: "plan",
    ...design,
    table: { ...design.table, estimate: tableEstimate(Object.values(entities), served, prices) },
    entities,
    patterns,
    grants: grantsOf(indexes.length, expires !== undefined),
    findings: lint({ model, homes, needs, entities, indexes, patterns }),
  };
}

interface Context {
  readonly model: ModelData;
  readonly homes: ReadonlyMap<string, Home>;
  readonly needs: readonly Need[];
  readonly indexName: (need: Need) => string;
  readonly entities: { readonly [entity: string]: DynamoEntity };
}

function indexesOf(needs: readonly Need[], indexName: (need: Need) => string): readonly DynamoIndex[] {
  const names = [...new Set(needs.map(indexName))].sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)));
  return names.map((name) => ({
    name,
    ...indexAttributes(name),
    projection: "ALL",
    serves: needs.filter((need) => indexName(need) === name).flatMap((need) => need.patterns),
  }));
}

function planPattern(pattern: PatternData, context: Context): DynamoPatternPlan | UnservedPattern {
  const without = unserved(dynamodbCapability, pattern);
  if (without !== undefined) return without;
  const { model, homes, entities } = context;
  const entity = model.entities[pattern.entity] as EntityData;
  const stored = entities[entity.name] as DynamoEntity;
  const home = homes.get(entity.name) as Home;
  const facts = { pattern: pattern.name, entity: entity.name, consistency: pattern.consistency };
  switch (pattern.kind) {
    case "get":
      return { kind: "get", ...facts, reads: { kind: "table" } };
    case "list":
    case "listByKey": {
      const inTable = tableAccess(entity, home, pattern) !== undefined;
      const { place, reads } = placeOf(pattern, entity.name, inTable, context);
      return { kind: "list", ...facts, reads, ...listRequests(entity, pattern, place, inTable) };
    }
    case "together": {
      const inTable = togetherInTable(homes, pattern);
      const found = pattern.entities.map((name) => [name, placeOf(pattern, name, inTable, context)] as const);
      const [, { reads }] = found[0] as (typeof found)[number];
      const places = Object.fromEntries(found.map(([name, { place }]) => [name, place]));
      return { kind: "together", ...facts, reads, ...togetherRequests(pattern, places) };
    }
    case "top": {
      const made = stored.contributions.find((one) => one.pattern === pattern.name);
      if (made === undefined) throw new TypeError(`no contributions are planned for "${pattern.name}"`);
      return {
        kind: "top",
        ...facts,
        reads: { kind: "contributions", place: made.name },
        buckets: { partition: bucketsPartition(made.name), unit: made.bucket?.unit },
        by: { name: pattern.by, type: typeOf(entity, pattern.by) },
        sum: pattern.sum === undefined ? undefined : { name: pattern.sum, type: typeOf(entity, pattern.sum) },
      };
    }
    default:
      throw new TypeError(`dynamodb serves "${pattern.kind}" by its capability, but no plan is made for it`);
  }
}

/** Where a pattern's rows of one entity are read. */
function placeOf(
  pattern: PatternData,
  entity: string,
  inTable: boolean,
  { needs, indexName, entities }: Context,
): { readonly place: Place; readonly reads: DynamoPatternPlan["reads"] } {
  if (inTable) {
    const { home } = entities[entity] as DynamoEntity;
    return { place: { ...tableAttributes, ...home }, reads: { kind: "table" } };
  }
  const need = needs.find((one) => one.patterns.includes(pattern.name));
  if (need === undefined) throw new TypeError(`no place is planned for "${pattern.name}"`);
  const key = need.keys[entity] as KeyRecipe;
  if (need.kind === "copies") {
    return { place: { ...tableAttributes, ...key }, reads: { kind: "copies", place: need.name } };
  }
  const index = indexName(need);
  const { partition, sort } = indexAttributes(index);
  return {
    place: { index, partitionAttribute: partition, sortAttribute: sort, ...key },
    reads: { kind: "index", index, place: need.name },
  };
}

/** What decides how records are stored and asked for: without who is served by what. */
function decisive(
  entities: { readonly [entity: string]: DynamoEntity },
  indexes: readonly DynamoIndex[],
  patterns: { readonly [name: string]: DynamoPatternPlan | UnservedPattern },
): unknown {
  return [
    "dynamodb",
    Object.values(entities).map(({ entity, home, attributes, expires, indexed, copies, contributions, uniques }) => [
      entity,
      home,
      attributes,
      ...(expires === undefined ? [] : [expires]),
      [...indexed, ...copies, ...contributions, ...uniques].map(({ serves: _, ...entry }) => entry),
    ]),
    indexes.map(({ serves: _, ...index }) => index),
    Object.values(patterns).map((pattern) => (pattern.kind === "unserved" ? [pattern.pattern] : pattern)),
  ];
}
