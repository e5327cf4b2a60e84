import type { EntityData, ListPattern, ModelData, PatternData, TopPattern } from "../../model/description.js";
import { designVersion } from "../design.js";
import { selected } from "../select.js";
import type { UnservedPattern } from "../types.js";
import { unserved } from "../unserved.js";
import { redisCapability } from "./capability.js";
import {
  entityEstimate,
  getEstimate,
  listEstimate,
  listIndexEstimate,
  topEstimate,
  topIndexEstimate,
} from "./estimates.js";
import { partitionOf, storedFields, storedName } from "./fields.js";
import { redisGrants } from "./grants.js";
import { listAccess, topIndex, uniqueOf } from "./indexes.js";
import { PROTOCOL, type StoredDesign, type StoredEntity } from "./library.js";
import { inexact, lint } from "./lint.js";
import { getRequest, listRequest, rankRequest, topRequest } from "./requests.js";
import type { RedisEntity, RedisListIndex, RedisPatternPlan, RedisPlan, RedisTopIndex } from "./types.js";

/**
 * The physical design of a model on Redis or Valkey 7 and later: names of keys, sorted sets, sums, the library that
 * writes them, each pattern's command, estimates and findings. Pure: the same model gives the same plan, byte for byte.
 *
 * @example
 * ```ts
 * const plan = planRedis(describe(model));
 * plan.entities["line"]?.lists.map((index) => index.name);   // ["customerId|at", …]
 * ```
 */
export function planRedis(model: ModelData): RedisPlan {
  const entities = Object.fromEntries(
    Object.values(model.entities).map((entity) => [entity.name, planEntity(model, entity)] as const),
  );
  const patterns = Object.fromEntries(
    Object.values(model.patterns).map(
      (pattern) => [pattern.name, planPattern(model, pattern, entities[pattern.entity]!)] as const,
    ),
  );
  return {
    kind: "plan",
    engine: "redis",
    design: designVersion(decisive(entities, patterns)),
    entities,
    patterns,
    grants: redisGrants,
    findings: lint(model, entities, patterns),
  };
}

function planEntity(model: ModelData, entity: EntityData): RedisEntity {
  const workload = model.workload.entities[entity.name];
  const partition = partitionOf(model, entity);
  const lists = new Map<string, RedisListIndex>();
  const tops = new Map<string, RedisTopIndex>();
  for (const pattern of Object.values(model.patterns)) {
    if (pattern.entity !== entity.name || inexact(entity, pattern) !== undefined) continue;
    if (pattern.kind === "list" || pattern.kind === "listByKey" || pattern.kind === "rank") {
      const access = listAccess(entity, pattern, partition);
      const known = lists.get(access.index.name);
      lists.set(access.index.name, {
        ...access.index,
        serves: [...(known?.serves ?? []), pattern.name],
        estimate: listIndexEstimate(entity, workload, pattern, access),
      });
    }
    if (pattern.kind === "top") {
      const index = topIndex(entity, pattern);
      const known = tops.get(index.name);
      tops.set(index.name, {
        ...index,
        serves: [...(known?.serves ?? []), pattern.name],
        estimate: topIndexEstimate(entity, workload, pattern),
      });
    }
  }
  const uniques = entity.unique.map((fields) => uniqueOf(entity, fields));
  return {
    entity: entity.name,
    storedAs: entity.storedAs,
    partition,
    rest: entity.key.slice(partition.length),
    key: entity.key,
    fields: storedFields(entity),
    lists: [...lists.values()],
    tops: [...tops.values()],
    uniques,
    expires:
      entity.expires === undefined
        ? undefined
        : {
            name: `expires(${entity.expires})`,
            field: entity.expires,
            member: storedName(entity, entity.expires),
          },
    estimate: entityEstimate(entity, workload, [...lists.values()], [...tops.values()], uniques),
  };
}

function planPattern(model: ModelData, pattern: PatternData, stored: RedisEntity): RedisPatternPlan | UnservedPattern {
  const without = unserved(redisCapability, pattern);
  if (without !== undefined) return without;
  const entity = model.entities[pattern.entity] as EntityData;
  const why = inexact(entity, pattern);
  if (why !== undefined) return { kind: "unserved", pattern: pattern.name, why };
  const facts = { pattern: pattern.name, entity: entity.name, consistency: pattern.consistency };
  switch (pattern.kind) {
    case "get":
      return {
        ...getRequest(entity, pattern, stored),
        ...facts,
        ...selected(pattern),
        index: undefined,
        estimate: getEstimate(model, entity, pattern.name),
      };
    case "list":
    case "listByKey": {
      const access = listAccess(entity, pattern as ListPattern, stored.partition);
      return {
        ...listRequest(entity, pattern, access, stored),
        ...facts,
        ...selected(pattern),
        index: access.index.name,
        estimate: listEstimate(model, entity, pattern, access),
      };
    }
    case "rank": {
      const access = listAccess(entity, pattern, stored.partition);
      return {
        ...rankRequest(entity, access, stored),
        ...facts,
        index: access.index.name,
        estimate: getEstimate(model, entity, pattern.name),
      };
    }
    case "top": {
      const index = topIndex(entity, pattern as TopPattern);
      return {
        ...topRequest(entity, pattern, index, stored),
        ...facts,
        index: index.name,
        estimate: topEstimate(model, entity, pattern),
      };
    }
    default:
      throw new TypeError(`redis serves "${pattern.kind}" by its capability, but no plan is made for it`);
  }
}

/** What the library is told of the plan's entities, all indexes being of the first epoch. */
export function storedDesign(plan: Pick<RedisPlan, "entities">): StoredDesign {
  return {
    entities: Object.fromEntries(
      Object.values(plan.entities).map((entity): [string, StoredEntity] => [
        entity.entity,
        {
          epoch: 1,
          storedAs: entity.storedAs,
          partition: entity.partition,
          lists: entity.lists.map(({ name, by, terms, where }) => ({ n: name, s: 1, by, t: terms, w: where })),
          tops: entity.tops.map(({ name, by, sum, range, levels, where }) => ({
            n: name,
            s: 1,
            by,
            ...(sum === undefined ? {} : { m: sum }),
            ...(range === undefined ? {} : { r: range }),
            l: levels,
            w: where,
          })),
          uniques: entity.uniques.map(({ name, parts }) => ({ n: name, s: 1, parts })),
          ...(entity.expires === undefined ? {} : { x: { n: entity.expires.name, s: 1, f: entity.expires.member } }),
        },
      ]),
    ),
  };
}

/** What decides how records are stored and asked for: without estimates, findings, and who is served by what. */
function decisive(
  entities: { readonly [entity: string]: RedisEntity },
  patterns: { readonly [name: string]: RedisPatternPlan | UnservedPattern },
): unknown {
  return [
    "redis",
    PROTOCOL,
    storedDesign({ entities }),
    Object.values(entities).map(({ fields }) => fields),
    Object.values(patterns).map((pattern) =>
      pattern.kind === "unserved" ? [pattern.pattern] : [pattern.pattern, pattern.request, pattern.values],
    ),
  ];
}
