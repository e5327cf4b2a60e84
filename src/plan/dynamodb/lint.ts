import type { EntityData, ModelData } from "../../model/description.js";
import { type Finding, worstFirst } from "../finding.js";
import type { UnservedPattern } from "../types.js";
import { lintEntity } from "./lint-entities.js";
import { lintLocalIndexes } from "./lint-local-indexes.js";
import { lintPattern } from "./lint-patterns.js";
import { lintProjection } from "./lint-projections.js";
import { slotOf } from "./names.js";
import type { Need } from "./needs.js";
import type { Home } from "./places.js";
import type { DynamoIndex, EstimatedEntity, EstimatedPattern } from "./types.js";

/** What the lints see. */
export interface DesignView {
  readonly model: ModelData;
  readonly homes: ReadonlyMap<string, Home>;
  readonly needs: readonly Need[];
  readonly entities: { readonly [entity: string]: EstimatedEntity };
  readonly indexes: readonly DynamoIndex[];
  /** Names of indexes that hold more than they must, for the limit of attributes that a table's indexes include. */
  readonly widened: ReadonlySet<string>;
  readonly patterns: { readonly [name: string]: EstimatedPattern | UnservedPattern };
}

/** Global secondary indexes that a table may have (manual: "Quotas in Amazon DynamoDB"). */
const indexLimit = 20;

/** All findings. */
export function lint(view: DesignView): readonly Finding[] {
  const { model } = view;
  const findings: Finding[] = [];
  for (const entity of Object.values(model.entities)) findings.push(...lintEntity(view, entity));
  for (const pattern of Object.values(model.patterns)) {
    const plan = view.patterns[pattern.name];
    if (plan !== undefined)
      findings.push(...lintPattern(view, model.entities[pattern.entity] as EntityData, pattern, plan));
  }
  return worstFirst([...findings, ...lintIndexes(view), ...lintLocalIndexes(view)]);
}

function lintIndexes(view: DesignView): readonly Finding[] {
  const { model, indexes } = view;
  const findings: Finding[] = [...indexes.flatMap((index) => lintProjection(view, index))];
  const global = indexes.filter(({ name }) => slotOf(name).startsWith("gsi"));
  if (global.length > indexLimit) {
    findings.push({
      code: "too-many-indexes",
      severity: "error",
      subject: "table",
      evidence: `the patterns need ${global.length} indexes`,
      cause: `A table may have ${indexLimit} global secondary indexes.`,
      fix: "Ask some of the patterns of another engine, or let patterns share their by and order.",
    });
  }
  for (const { name, serves } of indexes) {
    if (!serves.every((pattern) => model.workload.patterns[pattern]?.readsPerSecond === 0)) continue;
    findings.push({
      code: "index-unused",
      severity: "warning",
      subject: name,
      evidence: `it serves only ${serves.join(", ")}, and the workload says that nobody asks ${serves.length === 1 ? "it" : "them"}`,
      cause: "Each write of a record in the index costs write units and storage there, whether it is read or not.",
      fix: "Remove the pattern from the model.",
    });
  }
  return findings;
}
