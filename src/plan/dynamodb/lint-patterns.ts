import type { EntityData, ListPattern, PatternData, TopPattern } from "../../model/description.js";
import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import type { UnservedPattern } from "../types.js";
import { recordsPerGroup } from "../workload.js";
import { dynamodbCapability } from "./capability.js";
import type { DesignView } from "./lint.js";
import { hotWrites } from "./lint-entities.js";
import { hottestShare, hottestWriteUnits, partitionReadUnits, partitionWriteUnits } from "./load.js";
import type { Need } from "./needs.js";
import { collectionLimit } from "./sizes.js";
import type { EstimatedEntity, EstimatedPattern } from "./types.js";

/** Findings about one pattern. */
export function lintPattern(
  view: DesignView,
  entity: EntityData,
  pattern: PatternData,
  plan: EstimatedPattern | UnservedPattern,
): readonly Finding[] {
  if (plan.kind === "unserved") return [unservedFinding(pattern)];
  return [
    ...consistency(pattern),
    ...copies(view, entity, plan as EstimatedPattern),
    ...hotReads(view, entity, pattern, plan as EstimatedPattern),
    ...(pattern.kind === "list" || pattern.kind === "listByKey"
      ? [
          ...filter(pattern, plan as EstimatedPattern),
          ...hotPlace(view, entity, pattern, plan as EstimatedPattern),
          ...unbounded(view, entity, pattern, plan as EstimatedPattern),
        ]
      : []),
    ...(pattern.kind === "top"
      ? [...contributions(view, entity, pattern), ...hotContributions(view, entity, pattern)]
      : []),
  ];
}

function unservedFinding(pattern: PatternData): Finding {
  return {
    code: "pattern-unserved",
    severity: "warning",
    subject: pattern.name,
    evidence: `"${pattern.name}" is a "${pattern.kind}" pattern; DynamoDB serves ${Object.keys(dynamodbCapability.serves).join(", ")}`,
    cause:
      pattern.kind === "rank"
        ? "An index does not tell how many of its items come before one: they would be read, one by one."
        : "DynamoDB finds items by their keys; it has no index of words.",
    fix: "Ask it of an engine that serves it, or leave it out of the model that is used with DynamoDB.",
  };
}

function consistency(pattern: PatternData): readonly Finding[] {
  const served = dynamodbCapability.serves[pattern.kind] ?? [];
  if (served.includes(pattern.consistency)) return [];
  return [
    {
      code: "consistency-unserved",
      severity: "error",
      subject: pattern.name,
      evidence: `"${pattern.name}" is declared ${pattern.consistency}; DynamoDB serves "${pattern.kind}" patterns at ${served.join(", ")}`,
      cause: "Its answer is summed over several requests, which are no single moment.",
      fix: 'Declare it "session".',
    },
  ];
}

function copies({ entities }: DesignView, entity: EntityData, plan: EstimatedPattern): readonly Finding[] {
  if (plan.reads.kind !== "copies") return [];
  const { table } = (entities[entity.name] as EstimatedEntity).estimate.insertUnits;
  return [
    {
      code: "strong-read-on-index",
      severity: "info",
      subject: plan.pattern,
      evidence: `it is declared "${plan.consistency}" and is not in the order of the key: copies in ${plan.reads.place} are written in the record's transaction; an insert takes ${formatNumber(table)} write units in the table`,
      cause:
        "An index of DynamoDB follows a moment later and cannot be read strongly; what is written in a transaction takes twice the units.",
      fix: 'Declare it "eventual", if its readers need not see the last second: an index then serves it for one unit a KiB.',
    },
  ];
}

function hotReads(
  { model }: DesignView,
  entity: EntityData,
  pattern: PatternData,
  plan: EstimatedPattern,
): readonly Finding[] {
  const rate = model.workload.patterns[pattern.name]?.readsPerSecond;
  const units = plan.estimate.readUnits;
  if (rate === undefined || units === undefined || pattern.kind === "top" || pattern.kind === "search") return [];
  const share = hottestShare(model, entity, pattern.by) ?? 0;
  const hottest = (rate * units * share) / plan.estimate.requests;
  if (hottest <= partitionReadUnits) return [];
  return [
    {
      code: "hot-key",
      severity: "warning",
      subject: pattern.name,
      evidence: `the hottest partition key would be read with about ${formatNumber(Math.round(hottest))} read units a second`,
      cause: "One partition key takes 3,000 read units a second, whatever the table has.",
      fix:
        pattern.consistency === "eventual"
          ? "Keep what is read so often in a cache, or ask for fewer rows."
          : 'Declare the pattern "eventual", which takes half the units, or keep what is read so often in a cache.',
    },
  ];
}

function filter(pattern: ListPattern, plan: EstimatedPattern): readonly Finding[] {
  if (plan.kind !== "list" || plan.request.filter === undefined) return [];
  const { where, range } = plan.request.filter;
  const fields = [
    ...new Set([...where.map((condition) => condition.field), ...(range === undefined ? [] : [range.field])]),
  ];
  return [
    {
      code: "filter-after-read",
      severity: "warning",
      subject: pattern.name,
      evidence: `${fields.join(", ")} ${fields.length === 1 ? "is" : "are"} tested on what was read, in the order of ${pattern.order.map((term) => term.field).join(", ")}`,
      cause:
        "DynamoDB takes units for every item that it reads, also for those that a filter drops: a page may cost far more than it returns.",
      fix:
        range === undefined
          ? "Nothing, if most records meet it; else add the field to by."
          : `Order by "${range.field}" first: the range is then one of the sort key.`,
    },
  ];
}

function hotPlace(
  { model, needs }: DesignView,
  entity: EntityData,
  pattern: ListPattern,
  plan: EstimatedPattern,
): readonly Finding[] {
  if (plan.reads.kind === "table" || plan.kind !== "list") return [];
  const need = needs.find((one) => one.patterns.includes(pattern.name));
  if (need === undefined || need.kind === "local") return [];
  const units = hottestWriteUnits(model, entity, pattern.by, need.kind);
  return [
    ...(units <= partitionWriteUnits ? [] : [hotWrites(pattern.name, units, need.shards)]),
    ...cutBySize(pattern, need, units <= partitionWriteUnits),
  ];
}

/** A place that is cut by time, or into shards for its size alone. */
function cutBySize(pattern: ListPattern, { cut, shards }: Need, calm: boolean): readonly Finding[] {
  if (cut === undefined || (cut.unit === undefined && (shards === 1 || !calm))) return [];
  return [
    {
      code: cut.unit === undefined ? "size-sharded" : "time-bucketed",
      severity: "info",
      subject: pattern.name,
      evidence: cut.arithmetic,
      cause:
        cut.unit === undefined
          ? "A partition holds 10 GB. A list asks all shards at once and merges them in order."
          : `A partition holds 10 GB. A list goes from ${cut.unit} to ${cut.unit}, and asks only for those that the group has, which a small item for each of them tells.`,
      fix: "Nothing; state truer records, writesPerSecond or distinct values if these are guesses.",
    },
  ];
}

function unbounded(
  { model, entities }: DesignView,
  entity: EntityData,
  pattern: ListPattern,
  plan: EstimatedPattern,
): readonly Finding[] {
  const fields = pattern.by.flatMap((part) => (part.kind === "field" ? [part.field] : []));
  if (fields.length < pattern.by.length || plan.reads.kind === "table" || plan.kind !== "list") return [];
  // What is cut by time is bounded; of a local index another finding tells.
  if (plan.walk !== undefined || plan.request.local === true) return [];
  const workload = model.workload.entities[entity.name];
  const even = recordsPerGroup(entity, workload, fields);
  const hottest = (workload?.records ?? 0) * (hottestShare(model, entity, pattern.by) ?? 0);
  const group = Math.max(even ?? 0, hottest) / plan.request.shards;
  const bytes = group * (entities[entity.name] as EstimatedEntity).estimate.itemBytes;
  if (bytes < collectionLimit) return [];
  return [
    {
      code: "unbounded-collection",
      severity: "warning",
      subject: pattern.name,
      evidence: `the largest ${fields.join(", ")} has about ${formatNumber(Math.round(group))} items in one partition key, ${formatBytes(bytes)}`,
      cause:
        "Nothing bounds the collection: it grows beyond the 10 GB of one partition, and all its writes keep to one key.",
      fix: "Add a time bucket to by, such as month(…).",
    },
  ];
}

function contributions({ model, entities }: DesignView, entity: EntityData, pattern: TopPattern): readonly Finding[] {
  const made = (entities[entity.name] as EstimatedEntity).contributions.find((one) => one.pattern === pattern.name);
  if (made === undefined || made.bucket !== undefined) return [];
  const records = model.workload.entities[entity.name]?.records;
  return [
    {
      code: "full-scan",
      severity: records !== undefined && records > 100_000 ? "warning" : "info",
      subject: pattern.name,
      evidence: `each call without bounds reads the contributions of ${records === undefined ? "all" : `all ${formatNumber(records)}`} records`,
      cause: "DynamoDB does not aggregate; without buckets there is nothing that could be folded into sums.",
      fix: 'Give it a range of buckets, such as range: day("at"), and run keyfold fold.',
    },
  ];
}

function hotContributions(
  { model, entities }: DesignView,
  entity: EntityData,
  pattern: TopPattern,
): readonly Finding[] {
  const made = (entities[entity.name] as EstimatedEntity).contributions.find((one) => one.pattern === pattern.name);
  const units = hottestWriteUnits(model, entity, [], "contributions");
  if (made === undefined || units <= partitionWriteUnits) return [];
  return [hotWrites(pattern.name, units, made.shards)];
}
