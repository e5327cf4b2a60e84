import type { EntityData, EntityWorkload, ModelData } from "../../model/description.js";
import { type Finding, worstFirst } from "../finding.js";
import type { UnservedPattern } from "../types.js";
import { lintDocument } from "./lint-document.js";
import { lintIndexes } from "./lint-indexes.js";
import { lintLoad } from "./lint-load.js";
import { lintPattern } from "./lint-patterns.js";
import type { MongoCollection, MongoPatternPlan } from "./types.js";

/** What a lint of one collection sees. */
export interface CollectionView {
  readonly model: ModelData;
  readonly entity: EntityData;
  readonly workload: EntityWorkload | undefined;
  readonly collection: MongoCollection;
}

/** All findings: errors first, then warnings, then what is good to know; each in the model's order. */
export function lint(
  model: ModelData,
  collections: { readonly [entity: string]: MongoCollection },
  patterns: { readonly [pattern: string]: MongoPatternPlan | UnservedPattern },
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const entity of Object.values(model.entities)) {
    const collection = collections[entity.name];
    if (collection === undefined) continue;
    const view: CollectionView = { model, entity, workload: model.workload.entities[entity.name], collection };
    findings.push(...lintDocument(view), ...lintLoad(view), ...lintIndexes(view));
  }
  for (const plan of Object.values(patterns)) {
    const pattern = model.patterns[plan.pattern];
    const entity = pattern === undefined ? undefined : model.entities[pattern.entity];
    if (pattern !== undefined && entity !== undefined) findings.push(...lintPattern(model, entity, pattern, plan));
  }
  return worstFirst(findings);
}
