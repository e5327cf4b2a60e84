import { KeyfoldError } from "../internal/errors.js";
import type { ModelData } from "../model/description.js";
import { cassandraCapability, scylladbCapability } from "./cassandra/capability.js";
import { renderCql } from "./cassandra/ddl.js";
import { renderGrants as renderCqlGrants } from "./cassandra/grants.js";
import { planCassandra, planScylladb } from "./cassandra/plan.js";
import { renderCqlPlan } from "./cassandra/render.js";
import { stableJson } from "./design.js";
import { dynamodbCapability } from "./dynamodb/capability.js";
import { renderCloudFormation } from "./dynamodb/create-table.js";
import { renderGrants } from "./dynamodb/grants.js";
import { planDynamodb } from "./dynamodb/plan.js";
import { renderDynamodb } from "./dynamodb/render.js";
import type { DynamoPrices } from "./dynamodb/types.js";
import { mongodbCapability } from "./mongodb/capability.js";
import { planMongodb } from "./mongodb/plan.js";
import { renderMongodb, renderGrants as renderMongodbGrants } from "./mongodb/render.js";
import { redisCapability } from "./redis/capability.js";
import { renderGrants as renderRedisGrants } from "./redis/grants.js";
import { libraryCode, libraryName } from "./redis/library.js";
import { planRedis, storedDesign } from "./redis/plan.js";
import { renderRedis } from "./redis/render.js";
import type { CapabilityData, Plan, PlannedEngine } from "./types.js";

/** What a plan is made with beside the model. */
export interface PlanOptions {
  /** Prices of DynamoDB's units and storage, which money is estimated with; left out: no money. */
  readonly prices?: DynamoPrices;
}

/** What there is for one engine. */
interface Planner<P extends Plan> {
  readonly capability: CapabilityData;
  readonly plan: (model: ModelData, options: PlanOptions) => P;
  readonly render: (plan: P) => string;
  /**
   * Texts that other tools take, by name. `grants`, which every engine has: the least rights. `place` is what they are
   * made for: the name of a database, a keyspace or a table.
   */
  readonly documents: { readonly grants: PlanDocument<P>; readonly [name: string]: PlanDocument<P> };
}
type PlanDocument<P extends Plan> = (plan: P, place: string) => string;

/** What there is for each engine: one entry per engine, and no other place that names them. */
const planners: { readonly [E in PlannedEngine]: Planner<Extract<Plan, { engine: E }>> } = {
  cassandra: {
    capability: cassandraCapability,
    plan: planCassandra,
    render: renderCqlPlan,
    documents: { grants: (plan, keyspace) => renderCqlGrants(plan.grants, keyspace), cql: renderCql },
  },
  dynamodb: {
    capability: dynamodbCapability,
    plan: planDynamodb,
    render: renderDynamodb,
    documents: {
      grants: (plan, table) => renderGrants(plan.grants, table),
      cloudformation: (plan, table) => renderCloudFormation(plan.table, table),
    },
  },
  mongodb: {
    capability: mongodbCapability,
    plan: planMongodb,
    render: renderMongodb,
    documents: { grants: (plan, database) => renderMongodbGrants(plan.grants, database) },
  },
  scylladb: {
    capability: scylladbCapability,
    plan: planScylladb,
    render: renderCqlPlan,
    documents: { grants: (plan, keyspace) => renderCqlGrants(plan.grants, keyspace), cql: renderCql },
  },
  redis: {
    capability: redisCapability,
    plan: planRedis,
    render: renderRedis,
    documents: {
      grants: (plan, prefix) => renderRedisGrants(plan.grants, prefix),
      library: (plan, prefix) => libraryCode(libraryName(prefix), storedDesign(plan)),
    },
  },
};

/** The planner of a plan's engine: the table's types tie them together. */
function plannerOf<P extends Plan>(plan: P): Planner<P> {
  return planners[plan.engine] as unknown as Planner<P>;
}

/** Engines that a plan can be made for. */
export const plannedEngines = Object.keys(planners) as readonly PlannedEngine[];

/**
 * Whether a plan can be made for the engine of this name.
 *
 * @example
 * ```ts
 * isPlannedEngine("mongodb");   // true
 * ```
 */
export function isPlannedEngine(engine: string): engine is PlannedEngine {
  return Object.hasOwn(planners, engine);
}

/**
 * The physical design of a model on an engine. Pure: the same model gives the same plan.
 *
 * @throws KeyfoldError `INPUT_INVALID` for an engine that no plan can be made for.
 *
 * @example
 * ```ts
 * console.log(renderPlanText(planFor(describe(model), "mongodb")));
 * ```
 */
export function planFor<E extends PlannedEngine>(
  model: ModelData,
  engine: E,
  options?: PlanOptions,
): Extract<Plan, { engine: E }>;
export function planFor(model: ModelData, engine: string, options?: PlanOptions): Plan;
export function planFor(model: ModelData, engine: string, options: PlanOptions = {}): Plan {
  if (!isPlannedEngine(engine)) {
    throw new KeyfoldError("INPUT_INVALID", `No plan can be made for ${JSON.stringify(engine)}.`, {
      fix: `Use one of ${plannedEngines.join(", ")}.`,
    });
  }
  return (planners[engine] as unknown as Planner<Plan>).plan(model, options);
}

/**
 * A plan as text for people; the same bytes for the same plan.
 *
 * @example
 * ```ts
 * process.stdout.write(renderPlanText(planFor(describe(model), "mongodb")));
 * ```
 */
export function renderPlanText(plan: Plan): string {
  return plannerOf(plan).render(plan);
}

/**
 * A plan as JSON for programs; the same bytes for the same plan.
 *
 * @example
 * ```ts
 * const plan: unknown = JSON.parse(renderPlanJson(planFor(describe(model), "mongodb")));
 * ```
 */
export function renderPlanJson(plan: Plan): string {
  return `${stableJson(plan, 2)}\n`;
}

/** Names of the documents that `planDocument` makes for an engine. */
export function planDocuments(engine: PlannedEngine): readonly string[] {
  return Object.keys(planners[engine].documents);
}

/**
 * A text that another tool takes: `grants`, the least rights as the engine's own statements, or what else
 * `planDocuments` lists.
 *
 * @param place name of the database, keyspace or table that it is made for
 * @throws KeyfoldError `INPUT_INVALID` for a document that the engine does not have.
 */
export function planDocument(plan: Plan, name: string, place: string): string {
  const { documents } = plannerOf(plan);
  const make = Object.hasOwn(documents, name) ? documents[name] : undefined;
  if (make === undefined) {
    throw new KeyfoldError("INPUT_INVALID", `There is no document ${JSON.stringify(name)} for ${plan.engine}.`, {
      fix: `Use one of ${Object.keys(documents).join(", ")}.`,
    });
  }
  return make(plan, place);
}
