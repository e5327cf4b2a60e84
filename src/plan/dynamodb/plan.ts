import type { EntityData, ModelData, PatternData } from "../../model/description.js";
import { designVersion } from "../design.js";
import type { UnservedPattern } from "../types.js";
import { unserved } from "../unserved.js";
import { dynamodbCapability } from "./capability.js";
import { entityParts } from "./entities.js";
import {
  contributionBytes,
  entityEstimate,
  getEstimate,
  listEstimate,
  tableEstimate,
  togetherEstimate,
  topEstimate,
} from "./estimates.js";
import { grantsOf } from "./grants.js";
import { lint } from "./lint.js";
import { EXPIRES, indexAttributes, PARTITION, SORT } from "./names.js";
import { assignIndexes, type Need, needsOf } from "./needs.js";
import { type Home, homesOf, tableAccess, togetherInTable, typeOf } from "./places.js";
import { bucketsPartition, listRequests, type Place, tableAttributes, togetherRequests } from "./requests.js";
import type { DynamoEntity, DynamoIndex, DynamoPatternPlan, DynamoPlan, DynamoPrices, KeyRecipe } from "./types.js";

/** What a plan is made with beside the model. */
export interface DynamoPlanOptions {
  /** Prices that money is estimated with. */
  readonly prices?: DynamoPrices;
}

/**
 * The physical design of a model on DynamoDB: one table, its overloaded indexes, where each record and each thing that
 * is made of it lies, the pattern's requests, estimates and findings. Pure: the same model gives the same plan.
 *
 * @example
 * ```ts
 * const plan = planDynamodb(describe(model));
 * plan.table.indexes.map((index) => index.name);   // ["gsi1"]
 * ```
 */
export function planDynamodb(model: ModelData, options: DynamoPlanOptions = {}): DynamoPlan {
  const { prices } = options;
  const homes = homesOf(model);
  const needs = needsOf(model, homes);
  const assigned = assignIndexes(needs.filter((need) => need.kind === "index"));
  const indexName = (need: Need): string => `gsi${(assigned.get(need) ?? 0) + 1}`;
  const entities: Record<string, DynamoEntity> = {};
  for (const entity of Object.values(model.entities)) {
    const parts = entityParts(model, entity, homes.get(entity.name) as Home, needs, indexName);
    entities[entity.name] = { ...parts, estimate: entityEstimate(model, entity, parts, prices) };
  }
  const indexes = indexesOf([...assigned.keys()], indexName);
  const context: Context = { model, homes, needs, indexName, entities, prices };
  const patterns = Object.fromEntries(
    Object.values(model.patterns).map((pattern) => [pattern.name, planPattern(pattern, context)] as const),
  );
  const expires = Object.values(entities).some((entity) => entity.expires !== undefined);
  const served = Object.values(patterns).filter((plan): plan is DynamoPatternPlan => plan.kind !== "unserved");
  return {
    kind: "plan",
    engine: "dynamodb",
    design: designVersion(decisive(entities, indexes, patterns)),
    table: {
      partition: PARTITION,
      sort: SORT,
      indexes,
      expires: expires ? EXPIRES : undefined,
      estimate: tableEstimate(Object.values(entities), served, prices),
    },
    entities,
    patterns,
    grants: grantsOf(indexes.length, expires),
    findings: lint({ model, homes, needs, entities, indexes, patterns }),
  };
}

interface Context {
  readonly model: ModelData;
  readonly homes: ReadonlyMap<string, Home>;
  readonly needs: readonly Need[];
  readonly indexName: (need: Need) => string;
  readonly entities: { readonly [entity: string]: DynamoEntity };
  readonly prices: DynamoPrices | undefined;
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
  const { model, homes, entities, prices } = context;
  const entity = model.entities[pattern.entity] as EntityData;
  const stored = entities[entity.name] as DynamoEntity;
  const home = homes.get(entity.name) as Home;
  const facts = { pattern: pattern.name, entity: entity.name, consistency: pattern.consistency };
  const bytes = stored.estimate.itemBytes;
  switch (pattern.kind) {
    case "get":
      return { kind: "get", ...facts, reads: { kind: "table" }, estimate: getEstimate(model, pattern, bytes, prices) };
    case "list":
    case "listByKey": {
      const inTable = tableAccess(entity, home, pattern) !== undefined;
      const { place, reads, shards } = placeOf(pattern, entity.name, inTable, context);
      const requests = listRequests(entity, pattern, place, inTable);
      const filtered = requests.request.filter !== undefined;
      return {
        kind: "list",
        ...facts,
        reads,
        ...requests,
        estimate: listEstimate(model, entity, pattern, { bytes, shards, filtered }, prices),
      };
    }
    case "together": {
      const inTable = togetherInTable(homes, pattern);
      const found = pattern.entities.map((name) => [name, placeOf(pattern, name, inTable, context)] as const);
      const [, { reads, shards }] = found[0] as (typeof found)[number];
      const places = Object.fromEntries(found.map(([name, { place }]) => [name, place]));
      const members = pattern.entities.map((name) => ({
        entity: model.entities[name] as EntityData,
        bytes: (entities[name] as DynamoEntity).estimate.itemBytes,
      }));
      return {
        kind: "together",
        ...facts,
        reads,
        ...togetherRequests(pattern, places),
        estimate: togetherEstimate(model, pattern, members, shards, prices),
      };
    }
    case "top": {
      const made = stored.contributions.find((one) => one.pattern === pattern.name);
      if (made === undefined) throw new TypeError(`no contributions are planned for "${pattern.name}"`);
      const foldable = made.bucket !== undefined;
      return {
        kind: "top",
        ...facts,
        reads: { kind: "contributions", place: made.name },
        buckets: { partition: bucketsPartition(made.name), unit: made.bucket?.unit },
        by: { name: pattern.by, type: typeOf(entity, pattern.by) },
        sum: pattern.sum === undefined ? undefined : { name: pattern.sum, type: typeOf(entity, pattern.sum) },
        estimate: topEstimate(
          model,
          entity,
          pattern,
          { bytes: contributionBytes(made.key), shards: made.shards, foldable },
          prices,
        ),
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
): { readonly place: Place; readonly reads: DynamoPatternPlan["reads"]; readonly shards: number } {
  if (inTable) {
    const { home } = entities[entity] as DynamoEntity;
    const shard = home.partition.find((part) => part.kind === "shard");
    return { place: { ...tableAttributes, ...home }, reads: { kind: "table" }, shards: shard?.count ?? 1 };
  }
  const need = needs.find((one) => one.patterns.includes(pattern.name));
  if (need === undefined) throw new TypeError(`no place is planned for "${pattern.name}"`);
  const key = need.keys[entity] as KeyRecipe;
  if (need.kind === "copies") {
    return { place: { ...tableAttributes, ...key }, reads: { kind: "copies", place: need.name }, shards: need.shards };
  }
  const index = indexName(need);
  const { partition, sort } = indexAttributes(index);
  return {
    place: { index, partitionAttribute: partition, sortAttribute: sort, ...key },
    reads: { kind: "index", index, place: need.name },
    shards: need.shards,
  };
}

/** What decides how records are stored and asked for: without estimates, findings, and who is served by what. */
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
    Object.values(patterns).map((pattern) => {
      if (pattern.kind === "unserved") return [pattern.pattern];
      const { estimate: _, ...decided } = pattern;
      return decided;
    }),
  ];
}
