import type { EntityData, ModelData, PatternData } from "../../model/description.js";
import { designVersion } from "../design.js";
import { selected } from "../select.js";
import type { UnservedPattern } from "../types.js";
import { unserved } from "../unserved.js";
import { dynamodbCapability } from "./capability.js";
import { entityParts } from "./entities.js";
import { entityEstimate, patternEstimate, tableEstimate } from "./estimates.js";
import { grantsOf } from "./grants.js";
import { lint } from "./lint.js";
import { homeShards } from "./load.js";
import { EXPIRES, indexAttributes, localAttribute } from "./names.js";
import { assignIndexes, type Need, needsOf } from "./needs.js";
import { type Home, homeRecipe, homesOf, tableAccess, togetherInTable, typeOf } from "./places.js";
import { entryKeys, fieldSources, indexName, needAttributes, projectionsOf } from "./projections.js";
import { bucketsPartition, listRequests, type Place, tableAttributes, togetherRequests, walkOf } from "./requests.js";
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
  readonly widened: ReadonlySet<string>;
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
  const indexes = planIndexes(model, homes, needs);
  const entities: Record<string, DynamoEntity> = {};
  for (const entity of Object.values(model.entities))
    entities[entity.name] = entityParts(model, entity, homes.get(entity.name) as Home, needs, indexes.of);
  const context: Context = { model, homes, needs, indexes, entities };
  const patterns = Object.fromEntries(
    Object.values(model.patterns).map((pattern) => [pattern.name, planPattern(pattern, context)] as const),
  );
  const expires = Object.values(entities).some((entity) => entity.expires !== undefined);
  return {
    design: {
      engine: "dynamodb",
      design: designVersion(
        decisive(model.physical.dynamodb.key, entities, [...indexes.list, ...indexes.local], patterns),
      ),
      table: {
        ...model.physical.dynamodb.key,
        indexes: indexes.list,
        localIndexes: indexes.local,
        expires: expires ? EXPIRES : undefined,
      },
      entities,
      patterns,
    },
    homes,
    needs,
    widened: indexes.widened,
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
  const { design, homes, needs, widened } = designed(model);
  const { expires } = design.table;
  const indexes = [...design.table.indexes, ...design.table.localIndexes];
  const entities: Record<string, EstimatedEntity> = {};
  for (const [name, entity] of Object.entries(design.entities)) {
    const estimate = entityEstimate(model, model.entities[name] as EntityData, entity, indexes, prices);
    entities[name] = { ...entity, estimate };
  }
  const patterns: Record<string, EstimatedPattern | UnservedPattern> = {};
  for (const [name, pattern] of Object.entries(design.patterns)) {
    patterns[name] =
      pattern.kind === "unserved"
        ? pattern
        : { ...pattern, estimate: patternEstimate(model, pattern, entities, { indexes, needs }, prices) };
  }
  const served = Object.values(patterns).filter((plan): plan is EstimatedPattern => plan.kind !== "unserved");
  return {
    kind: "plan",
    ...design,
    table: { ...design.table, estimate: tableEstimate(Object.values(entities), served, prices) },
    entities,
    patterns,
    grants: grantsOf(indexes.length, expires !== undefined),
    findings: lint({ model, homes, needs, entities, indexes, widened, patterns }),
  };
}

interface Context {
  readonly model: ModelData;
  readonly homes: ReadonlyMap<string, Home>;
  readonly needs: readonly Need[];
  readonly indexes: PlannedIndexes;
  readonly entities: { readonly [entity: string]: DynamoEntity };
}

interface PlannedIndexes {
  readonly list: readonly DynamoIndex[];
  readonly local: readonly DynamoIndex[];
  /** Names of those that hold more than they must, since a table's indexes may include so many attributes. */
  readonly widened: ReadonlySet<string>;
  readonly of: (need: Need) => DynamoIndex;
}

/** The indexes that needs share, each with what its entries must hold for the patterns that read it. */
function planIndexes(model: ModelData, homes: ReadonlyMap<string, Home>, needs: readonly Need[]): PlannedIndexes {
  const assigned = assignIndexes(
    needs.filter((need) => need.kind === "index"),
    model,
  );
  const recipes = Object.fromEntries(
    Object.values(model.entities).map((entity) => {
      const home = homes.get(entity.name) as Home;
      return [entity.name, homeRecipe(entity, home, homeShards(model, entity, home))];
    }),
  );
  const slots = [...new Set(assigned.values())].sort((a, b) => a - b);
  const users = slots.map((slot) => [...assigned].flatMap(([need, at]) => (at === slot ? [need] : [])));
  const reads = users.map((members, at) => {
    const found = members.map((need) => needAttributes(model, need, slotName(slots[at] as number), recipes));
    return found.every((one) => one !== undefined) ? [...new Set(found.flat())].sort() : undefined;
  });
  const list: DynamoIndex[] = [];
  const widened = new Set<string>();
  for (const [at, { widened: wide, ...projection }] of projectionsOf(reads).entries()) {
    const slot = slotName(slots[at] as number);
    const name = indexName(slot, projection);
    if (wide) widened.add(name);
    const serves = (users[at] as readonly Need[]).flatMap((need) => need.patterns);
    list.push({ name, ...indexAttributes(slot), ...projection, serves });
  }
  const { local, ofLocal } = planLocalIndexes(model, needs);
  return {
    list,
    local,
    widened,
    of: (need) => ofLocal.get(need) ?? (list[slots.indexOf(assigned.get(need) as number)] as DynamoIndex),
  };
}

/** Local indexes hold all of a record: what they hold can never be changed. */
function planLocalIndexes(
  model: ModelData,
  needs: readonly Need[],
): { readonly local: readonly DynamoIndex[]; readonly ofLocal: ReadonlyMap<Need, DynamoIndex> } {
  const assigned = assignIndexes(
    needs.filter((need) => need.kind === "local"),
    model,
  );
  const slots = [...new Set(assigned.values())].sort((a, b) => a - b);
  const local = slots.map((slot): DynamoIndex => {
    const name = `lsi${slot + 1}`;
    const serves = [...assigned].flatMap(([need, at]) => (at === slot ? need.patterns : []));
    return {
      name,
      partition: model.physical.dynamodb.key.partition,
      sort: localAttribute(name),
      projection: "ALL",
      serves,
    };
  });
  const ofLocal = new Map(
    [...assigned].map(([need, slot]) => [need, local[slots.indexOf(slot)] as DynamoIndex] as const),
  );
  return { local, ofLocal };
}

function slotName(slot: number): string {
  return `gsi${slot + 1}`;
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
      return { kind: "get", ...facts, ...selected(pattern), reads: { kind: "table" } };
    case "list":
    case "listByKey": {
      const inTable = tableAccess(entity, home, pattern) !== undefined;
      const { place, reads, index, need } = placeOf(pattern, entity.name, inTable, context);
      const walk = walkOf(pattern, need?.listed[entity.name]);
      const narrow = index !== undefined && index.projection !== "ALL";
      const { key } = model.physical.dynamodb;
      const fields = fieldSources(entity, pattern, narrow ? entryKeys(index, place, stored.home, key) : [], key);
      return {
        kind: "list",
        ...facts,
        ...selected(pattern),
        reads,
        ...listRequests(entity, pattern, place, inTable, fields),
        ...(walk === undefined ? {} : { walk }),
        ...(fields === undefined ? {} : { fields }),
      };
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
  { model, needs, indexes, entities }: Context,
): {
  readonly place: Place;
  readonly reads: DynamoPatternPlan["reads"];
  readonly index: DynamoIndex | undefined;
  /** The place, where it is not that of the homes. */
  readonly need: Need | undefined;
} {
  if (inTable) {
    const { home } = entities[entity] as DynamoEntity;
    const reads = { kind: "table" } as const;
    return { place: { ...tableAttributes(model), ...home }, reads, index: undefined, need: undefined };
  }
  const need = needs.find((one) => one.patterns.includes(pattern.name));
  if (need === undefined) throw new TypeError(`no place is planned for "${pattern.name}"`);
  const key = need.keys[entity] as KeyRecipe;
  if (need.kind === "copies") {
    const reads = { kind: "copies", place: need.name } as const;
    return { place: { ...tableAttributes(model), ...key }, reads, index: undefined, need };
  }
  const index = indexes.of(need);
  const place = { index: index.name, partitionAttribute: index.partition, sortAttribute: index.sort, ...key };
  return {
    place: need.kind === "local" ? { ...place, local: true } : place,
    reads: { kind: "index", index: index.name, place: need.name },
    index,
    need,
  };
}

/** What decides how records are stored and asked for: without who is served by what. */
function decisive(
  key: ModelData["physical"]["dynamodb"]["key"],
  entities: { readonly [entity: string]: DynamoEntity },
  indexes: readonly DynamoIndex[],
  patterns: { readonly [name: string]: DynamoPatternPlan | UnservedPattern },
): unknown {
  return [
    "dynamodb",
    // Another key is that of another table.
    ...(key.partition === "pk" && key.sort === "sk" ? [] : [key]),
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
