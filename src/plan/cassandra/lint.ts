import type { EntityData, ModelData } from "../../model/description.js";
import { type Finding, worstFirst } from "../finding.js";
import type { UnservedPattern } from "../types.js";
import { lintEntity } from "./lint-entities.js";
import { lintPattern } from "./lint-patterns.js";
import type { CqlEngine, CqlEntity, CqlPatternPlan } from "./types.js";

/** What the lints see. */
export interface DesignView {
  readonly model: ModelData;
  readonly engine: CqlEngine;
  readonly entities: { readonly [entity: string]: CqlEntity };
  readonly patterns: { readonly [name: string]: CqlPatternPlan | UnservedPattern };
}

/** All findings. */
export function lint(view: DesignView): readonly Finding[] {
  const { model } = view;
  const findings: Finding[] = [];
  for (const entity of Object.values(model.entities)) findings.push(...lintEntity(view, entity));
  for (const pattern of Object.values(model.patterns)) {
    const plan = view.patterns[pattern.name];
    const entity = model.entities[pattern.entity] as EntityData;
    if (plan !== undefined) findings.push(...lintPattern(view, entity, pattern, plan));
  }
  return worstFirst(findings);
}
