import type { EntityData } from "../../model/description.js";
import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import { groupShare } from "../workload.js";
import type { DesignView } from "./lint.js";
import { slotOf } from "./names.js";
import type { Home } from "./places.js";
import { collectionLimit } from "./sizes.js";
import type { EstimatedEntity } from "./types.js";

/** Local indexes that a table may have, and bytes of one partition key of such a table (manual: "Local Secondary Indexes"). */
const localLimit = 5;

/** Findings of a table with local indexes, and of lists that were to have one. */
export function lintLocalIndexes(view: DesignView): readonly Finding[] {
  const { model, needs, homes, indexes } = view;
  const local = indexes.filter(({ name }) => slotOf(name).startsWith("lsi"));
  const findings: Finding[] = [];
  if (local.length > localLimit) {
    findings.push({
      code: "too-many-local-indexes",
      severity: "error",
      subject: "table",
      evidence: `physical.dynamodb.localIndexes asks for ${local.length}`,
      cause: `A table may have ${localLimit} local secondary indexes.`,
      fix: "Keep those whose lists must be read strongly.",
    });
  }
  for (const name of model.physical.dynamodb.localIndexes) {
    if (needs.some(({ kind, patterns }) => kind === "local" && patterns.includes(name))) continue;
    const home = homes.get(model.patterns[name]?.entity ?? "");
    const inTable = view.patterns[name]?.kind === "list" && !needs.some(({ patterns }) => patterns.includes(name));
    findings.push({
      code: "local-index-unserved",
      severity: inTable ? "info" : "error",
      subject: name,
      evidence: inTable
        ? "its order is that of the key, in which the table itself lies"
        : `records of its entity lie by ${home?.partitionFields.join(", ")}, which it does not ask for`,
      cause: "A local index orders the records under one partition key of the table in another way.",
      fix: "Take it out of physical.dynamodb.localIndexes.",
    });
  }
  return local.length === 0 ? findings : [...findings, ...collections(view)];
}

/** What one partition key holds, against what such a table refuses to exceed. */
function collections({ model, needs, homes, entities }: DesignView): readonly Finding[] {
  return Object.values(model.entities).flatMap((entity: EntityData): readonly Finding[] => {
    const { partitionFields, sortFields } = homes.get(entity.name) as Home;
    const own = needs.filter(({ kind, keys }) => kind === "local" && Object.hasOwn(keys, entity.name));
    if (sortFields.length === 0 || own.length === 0) return [];
    const { itemBytes, records } = (entities[entity.name] as EstimatedEntity).estimate;
    const share = groupShare(model, entity, partitionFields);
    const rows = records === undefined || share === undefined ? undefined : Math.ceil(records * share);
    const bytes = rows === undefined ? undefined : rows * itemBytes * (1 + own.length);
    const asked = own.flatMap(({ patterns }) => patterns).join(", ");
    return [
      {
        code: "local-index-collection",
        severity: bytes !== undefined && bytes > collectionLimit ? "error" : "info",
        subject: entity.name,
        evidence: `${asked} ${own.length === 1 ? "has a local index" : "have local indexes"}; the largest ${partitionFields.join(", ")} has ${rows === undefined || bytes === undefined ? "a number of records that the workload does not tell" : `${formatNumber(rows)} records, ${formatBytes(bytes)} with their entries`}`,
        cause:
          "In a table with a local index DynamoDB refuses writes beyond 10 GB under one partition key (ItemCollectionSizeLimitExceededException), and the index can be neither added later nor taken away.",
        fix: "Keep collections small; else leave the list to copies or to a global index.",
      },
    ];
  });
}
