import type { EntityData, ModelData } from "../model/description.js";
import type { Finding } from "./finding.js";

/**
 * The finding of an entity whose number of records is not stated.
 *
 * @param cause what cannot be estimated without it, on this engine
 * @param numbers what the workload is to state
 */
export function workloadMissing(
  model: ModelData,
  entity: EntityData,
  cause: string,
  numbers = "records: …",
): readonly Finding[] {
  if (model.workload.entities[entity.name]?.records !== undefined) return [];
  return [
    {
      code: "workload-missing",
      severity: "info",
      subject: entity.name,
      evidence: `the workload does not say how many "${entity.name}" records there are`,
      cause,
      fix: `Add workload: { ${entity.name}: { ${numbers} } } to the model.`,
    },
  ];
}
