import { KeyfoldError } from "../internal/errors.js";
import type { ModelData } from "../model/description.js";
import { stableJson } from "./design.js";
import { mongodbCapability } from "./mongodb/capability.js";
import { planMongodb } from "./mongodb/plan.js";
import { renderGrants, renderMongodb } from "./mongodb/render.js";
import { redisCapability } from "./redis/capability.js";
import { renderGrants as renderRedisGrants } from "./redis/grants.js";
import { libraryCode, libraryName } from "./redis/library.js";
import { planRedis, storedDesign } from "./redis/plan.js";
import { renderRedis } from "./redis/render.js";
import type { CapabilityData, Plan, PlannedEngine } from "./types.js";

/** What there is for one engine. */
interface Planner<P extends Plan> {
  readonly capability: CapabilityData;
  readonly plan: (model: ModelData) => P;
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
  mongodb: {
    capability: mongodbCapability,
    plan: planMongodb,
    render: renderMongodb,
    documents: { grants: (plan, database) => renderGrants(plan.grants, database) },
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

/** What there is for a plan's engine. */
function plannerOf(engine: PlannedEngine): Planner<Plan> {
  return planners[engine] as unknown as Planner<Plan>;
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
export function planFor<E extends PlannedEngine>(model: ModelData, engine: E): Extract<Plan, { engine: E }>;
export function planFor(model: ModelData, engine: string): Plan;
export function planFor(model: ModelData, engine: string): Plan {
  if (!isPlannedEngine(engine)) {
    throw new KeyfoldError("INPUT_INVALID", `No plan can be made for ${JSON.stringify(engine)}.`, {
      fix: `Use one of ${plannedEngines.join(", ")}.`,
    });
  }
  return plannerOf(engine).plan(model);
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
  return plannerOf(plan.engine).render(plan);
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
  const { documents } = plannerOf(plan.engine);
  const make = Object.hasOwn(documents, name) ? documents[name] : undefined;
  if (make === undefined) {
    throw new KeyfoldError("INPUT_INVALID", `There is no document ${JSON.stringify(name)} for ${plan.engine}.`, {
      fix: `Use one of ${Object.keys(documents).join(", ")}.`,
    });
  }
  return make(plan, place);
}
