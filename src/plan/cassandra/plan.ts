import type { EntityData, ModelData, PatternData } from "../../model/description.js";
import { designVersion } from "../design.js";
import { fieldsRead, selected } from "../select.js";
import type { UnservedPattern } from "../types.js";
import { unserved } from "../unserved.js";
import { capabilityOf } from "./capability.js";
import { keyField, storedColumns } from "./columns.js";
import { getEstimate, listEstimate, topEstimate } from "./estimates.js";
import { grantsOf } from "./grants.js";
import { limitsOf } from "./limits.js";
import { lint } from "./lint.js";
import { ownTables } from "./own-tables.js";
import { getRequest, listRequests, topRequest } from "./requests.js";
import { recordBytes } from "./sizes.js";
import { type EntityTables, TableMaker } from "./tables.js";
import type { CqlEngine, CqlEntity, CqlPatternPlan, CqlPlan, CqlTable, CqlUserType } from "./types.js";

/**
 * The physical design of a model on Cassandra: a table for each group of patterns that one can serve, cut so that its
 * partitions stay within bounds, with requests, estimates and findings. Pure: the same model gives the same plan.
 *
 * @example
 * ```ts
 * const plan = planCassandra(describe(model));
 * plan.entities["line"]?.tables.map(({ name }) => name);   // ["line", "line_by_customer_id_at_desc", …]
 * ```
 */
export function planCassandra(model: ModelData): CqlPlan<"cassandra"> {
  return planCql(model, "cassandra");
}

/** The same on ScyllaDB, within its limits. */
export function planScylladb(model: ModelData): CqlPlan<"scylladb"> {
  return planCql(model, "scylladb");
}

function planCql<E extends CqlEngine>(model: ModelData, engine: E): CqlPlan<E> {
  const limits = limitsOf(engine);
  const types = new Map<string, CqlUserType>();
  const taken = new Set<string>(Object.values(model.entities).map(({ storedAs }) => storedAs));
  const entities: Record<string, CqlEntity> = {};
  const made = new Map<string, EntityTables>();
  for (const entity of Object.values(model.entities)) {
    const columns = storedColumns(entity, types);
    const tables = new TableMaker(model, entity, columns, limits, taken).make();
    made.set(entity.name, tables);
    entities[entity.name] = entityOf(model, entity, columns, tables);
  }
  const patterns = Object.fromEntries(
    Object.values(model.patterns).map((pattern) => [
      pattern.name,
      planPattern(
        model,
        engine,
        pattern,
        entities[pattern.entity] as CqlEntity,
        made.get(pattern.entity) as EntityTables,
      ),
    ]),
  );
  const own = ownTables(entities);
  const parts = { types: [...types.values()], entities, own };
  return {
    kind: "plan",
    engine,
    design: designVersion(decisive(engine, parts, patterns)),
    ...parts,
    patterns,
    grants: grantsOf(parts),
    findings: lint({ model, engine, entities, patterns }),
  };
}

function entityOf(
  model: ModelData,
  entity: EntityData,
  columns: CqlEntity["columns"],
  { tables, contributions, uniques }: EntityTables,
): CqlEntity {
  const workload = model.workload.entities[entity.name];
  const plain = entity.appendOnly && entity.unique.length === 0;
  const storage = tables.map(({ estimate }) => estimate.storageBytes);
  return {
    entity: entity.name,
    key: entity.key,
    writes: plain ? "plain" : "conditional",
    columns,
    tables,
    contributions,
    uniques,
    estimate: {
      recordBytes: recordBytes(model, entity),
      records: workload?.records,
      writesPerSecond: workload?.writesPerSecond,
      statements: tables.length,
      storageBytes: storage.every((bytes) => bytes !== undefined)
        ? storage.reduce((sum, bytes) => sum + (bytes as number), 0)
        : undefined,
    },
  };
}

function planPattern(
  model: ModelData,
  engine: CqlEngine,
  pattern: PatternData,
  stored: CqlEntity,
  made: EntityTables,
): CqlPatternPlan | UnservedPattern {
  const without = unserved(capabilityOf(engine), pattern);
  if (without !== undefined) return without;
  const entity = model.entities[pattern.entity] as EntityData;
  const found = made.served.get(pattern.name);
  if (found === undefined) throw new TypeError(`no table is planned for "${pattern.name}"`);
  const { table, cut } = found;
  const facts = { pattern: pattern.name, entity: entity.name, consistency: pattern.consistency, table: table.name };
  switch (pattern.kind) {
    case "get": {
      const columns = [...stored.columns, ...table.columns.filter(({ name }) => name.startsWith("kf_"))];
      const request = getRequest(table, [...new Set(columns.map(({ name }) => name))]);
      return { kind: "get", ...facts, ...selected(pattern), request, estimate: getEstimate(model, pattern, table) };
    }
    case "list":
    case "listByKey":
      return {
        kind: "list",
        ...facts,
        ...selected(pattern),
        ...listRequests(pattern, table, stored, made, fieldsRead(entity, pattern)),
        estimate: listEstimate(model, entity, pattern, table, cut),
      };
    case "top": {
      const contribution = stored.contributions.find((one) => one.pattern === pattern.name);
      return {
        kind: "top",
        ...facts,
        unit: contribution?.bucket?.unit,
        shards: cut.shards,
        request: topRequest(table, pattern.range),
        by: { name: pattern.by, type: keyField(entity.fields, pattern.by) },
        sum: pattern.sum === undefined ? undefined : { name: pattern.sum, type: keyField(entity.fields, pattern.sum) },
        estimate: topEstimate(model, entity, pattern, table, cut),
      };
    }
    default:
      throw new TypeError(`${engine} serves "${pattern.kind}" by its capability, but no plan is made for it`);
  }
}

/** What decides how records are stored and asked for: without estimates, findings, and who is served by what. */
function decisive(
  engine: CqlEngine,
  { types, entities, own }: Pick<CqlPlan, "types" | "entities" | "own">,
  patterns: CqlPlan["patterns"],
): unknown {
  return [
    engine,
    types,
    own,
    Object.values(entities).map(({ entity, writes, columns, tables, contributions, uniques }) => [
      entity,
      writes,
      columns,
      tables.map(({ serves: _, estimate: __, options: ___, ...table }: CqlTable) => table),
      contributions,
      uniques,
    ]),
    Object.values(patterns).map((pattern) => {
      if (pattern.kind === "unserved") return [pattern.pattern];
      const { estimate: _, ...decided } = pattern;
      return decided;
    }),
  ];
}
