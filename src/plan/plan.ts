import { KeyfoldError } from "../internal/errors.js";
import type { ModelData } from "../model/description.js";
import { stableJson } from "./design.js";
import { mongodbCapability } from "./mongodb/capability.js";
import { planMongodb } from "./mongodb/plan.js";
import { renderMongodb } from "./mongodb/render.js";
import type { CapabilityData, Plan, PlannedEngine } from "./types.js";

/** What there is for each engine: one entry per engine, and no other place that names them. */
const planners: {
  readonly [E in PlannedEngine]: {
    readonly capability: CapabilityData;
    readonly plan: (model: ModelData) => Extract<Plan, { engine: E }>;
    readonly render: (plan: Extract<Plan, { engine: E }>) => string;
  };
} = {
  mongodb: { capability: mongodbCapability, plan: planMongodb, render: renderMongodb },
};

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
export function planFor(model: ModelData, engine: string): Plan {
  if (!isPlannedEngine(engine)) {
    throw new KeyfoldError("INPUT_INVALID", `No plan can be made for ${JSON.stringify(engine)}.`, {
      fix: `Use one of ${plannedEngines.join(", ")}.`,
    });
  }
  return planners[engine].plan(model);
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
  return planners[plan.engine].render(plan);
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
