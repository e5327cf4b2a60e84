import { consistencyLevels } from "../../model/consistency.js";
import type { EntityData, ListPattern, ModelData, PatternData, TopPattern } from "../../model/description.js";
import type { Finding } from "../finding.js";
import { formatNumber } from "../format.js";
import type { UnservedPattern } from "../types.js";
import { distinctValues, recordsPerGroup } from "../workload.js";
import { mongodbCapability } from "./capability.js";
import type { MongoPatternPlan } from "./types.js";

/** Fewer groups than this do not narrow a question. */
const fewGroups = 20;
/** Groups of fewer records than this are no matter. */
const largeGroup = 100_000;
/** Reading more documents than this for one answer is slow. */
const manyDocuments = 100_000;

/** Findings about one pattern. */
export function lintPattern(
  model: ModelData,
  entity: EntityData,
  pattern: PatternData,
  plan: MongoPatternPlan | UnservedPattern,
): readonly Finding[] {
  if (plan.kind === "unserved") return [unservedFinding(pattern)];
  const findings = [...consistency(pattern)];
  if (pattern.kind === "list" || pattern.kind === "listByKey") {
    findings.push(...lowCardinality(model, entity, pattern, plan), ...inMemory(pattern, plan), ...residual(pattern));
  }
  if (pattern.kind === "top") findings.push(...readsAll(model, entity, pattern, plan));
  return findings;
}

/** Why MongoDB does not serve a kind of pattern. */
const unservedCauses: { readonly [kind: string]: string } = {
  search: "MongoDB Community has no ranked text search that agrees with the other engines'.",
  together: "Each entity has a collection of its own, and one request reads one collection.",
  rank: "An index does not tell how many of its entries come before one: they would be counted, one by one.",
};

function unservedFinding(pattern: PatternData): Finding {
  return {
    code: "pattern-unserved",
    severity: "warning",
    subject: pattern.name,
    evidence: `"${pattern.name}" is a "${pattern.kind}" pattern; MongoDB serves ${Object.keys(mongodbCapability.serves).join(", ")}`,
    cause: unservedCauses[pattern.kind] ?? "MongoDB has nothing that answers it in one request.",
    fix: "Ask it of an engine that serves it, or leave it out of the model that is used with MongoDB.",
  };
}

function consistency(pattern: PatternData): readonly Finding[] {
  const served = mongodbCapability.serves[pattern.kind] ?? [];
  if (served.includes(pattern.consistency)) return [];
  const weaker = consistencyLevels.find((level) => served.includes(level)) ?? "eventual";
  return [
    {
      code: "consistency-unserved",
      severity: "error",
      subject: pattern.name,
      evidence: `"${pattern.name}" is declared ${pattern.consistency}; MongoDB serves "${pattern.kind}" patterns at ${served.join(", ")}`,
      cause: "A linearizable read must name one document (manual: read concern linearizable).",
      fix: `Declare it "${weaker}", or ask for single records with get.`,
    },
  ];
}

function lowCardinality(
  model: ModelData,
  entity: EntityData,
  pattern: ListPattern,
  plan: MongoPatternPlan,
): readonly Finding[] {
  const workload = model.workload.entities[entity.name];
  const fields = pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  if (fields.length !== pattern.by.length || plan.index === "_id_") return [];
  const counts = fields.map((field) => distinctValues(entity, workload, field));
  if (!counts.every((count) => count !== undefined)) return [];
  const groups = counts.reduce((product, count) => product * count, 1);
  const group = recordsPerGroup(entity, workload, fields);
  if (groups >= fewGroups || (group !== undefined && group < largeGroup)) return [];
  return [
    {
      code: "low-cardinality-leading-field",
      severity: group === undefined ? "info" : "warning",
      subject: pattern.name,
      evidence: `${fields.join(", ")} ${fields.length === 1 ? "has" : "have"} ${formatNumber(groups)} different values${group === undefined ? "" : `: about ${formatNumber(group)} records share one`}`,
      cause:
        "The index's leading fields do not narrow the question: a full pass reads most of the collection, and all writes of a group fall into one part of the index.",
      fix: "Ask by a further field or a time bucket, such as day(…), if callers read more than the first pages.",
    },
  ];
}

function inMemory(pattern: ListPattern, plan: MongoPatternPlan): readonly Finding[] {
  if (!plan.estimate.sortsInMemory) return [];
  const bucket = pattern.by.find((part) => part.kind === "bucket");
  return [
    {
      code: "sort-in-memory",
      severity: "warning",
      subject: pattern.name,
      evidence: `rows are ordered by ${pattern.order.map((term) => term.field).join(", ")}, and asked for by ${bucket?.param ?? "a bucket"} of "${bucket?.field ?? ""}", a range in the index`,
      cause: "Behind a range an index is not in the pattern's order: each page reads and sorts the whole bucket.",
      fix: `Order by "${bucket?.field ?? ""}" first.`,
    },
  ];
}

function residual(pattern: ListPattern): readonly Finding[] {
  if (pattern.where.length === 0) return [];
  return [
    {
      code: "filter-after-index",
      severity: "info",
      subject: pattern.name,
      evidence: `where: ${[...new Set(pattern.where.map((condition) => condition.field))].join(", ")}`,
      cause:
        "The index finds the records in order; the condition is tested on each, so that a page may examine more than it returns.",
      fix: "Nothing, if most records meet it; else add the field to by.",
    },
  ];
}

function readsAll(
  model: ModelData,
  entity: EntityData,
  pattern: TopPattern,
  plan: MongoPatternPlan,
): readonly Finding[] {
  const records = model.workload.entities[entity.name]?.records;
  const rate = model.workload.patterns[pattern.name]?.readsPerSecond ?? 0;
  if (records !== undefined && records <= manyDocuments) return [];
  if (plan.index !== undefined) {
    return [
      {
        code: "top-reads-range",
        severity: "info",
        subject: pattern.name,
        evidence: `every record in [from, to) is read${records === undefined ? "" : `; without bounds all ${formatNumber(records)}`}`,
        cause: "MongoDB computes sums when it is asked.",
        fix: "Give narrow bounds, and a deadline.",
      },
    ];
  }
  return [
    {
      code: "pattern-without-index",
      severity: records === undefined ? "info" : "warning",
      subject: pattern.name,
      evidence: `each call reads ${records === undefined ? "the whole collection" : `all ${formatNumber(records)} records`}${rate === 0 ? "" : `, ${formatNumber(rate)} times a second`}`,
      cause: "Without a range there is nothing that an index could narrow.",
      fix: 'Add a range, such as range: day("at"), and ask for the days that matter.',
    },
  ];
}
