import { consistencyLevels } from "../../model/consistency.js";
import type { EntityData, EntityWorkload, ModelData, PatternData } from "../../model/description.js";
import { fieldAt } from "../../model/field.js";
import { type Finding, worstFirst } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import type { UnservedPattern } from "../types.js";
import { distinctValues } from "../workload.js";
import { redisCapability } from "./capability.js";
import { groupSize } from "./estimates.js";
import type { RedisEntity, RedisPatternPlan } from "./types.js";

/** Writes a second that one thread does with their indexes; above this a slot must not hold everything. */
const slotWrites = 20_000;
/** Memory of one node that is no matter of concern. */
const slotBytes = 8 * 1024 ** 3;
/** Reads a second of one key that take a large part of one thread. */
const hotReads = 30_000;
/** Members of one sorted set above which its key is a burden: it cannot be split, moves as one, and is freed as one. */
const largeSet = 1_000_000;
const secondsOfDay = 86_400;
/** Groups that a `top` may read for each answer. */
const manyGroups = 50_000;

/** All findings: errors first, then warnings, then what is good to know; each in the model's order. */
export function lint(
  model: ModelData,
  entities: { readonly [entity: string]: RedisEntity },
  patterns: { readonly [pattern: string]: RedisPatternPlan | UnservedPattern },
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const entity of Object.values(model.entities)) {
    const stored = entities[entity.name];
    const workload = model.workload.entities[entity.name];
    if (stored !== undefined)
      findings.push(
        ...oneSlot(model, entity, workload, stored),
        ...hotKey(model, entity, workload),
        ...noExpiry(model, entity, workload, stored),
      );
  }
  for (const plan of Object.values(patterns)) {
    const pattern = model.patterns[plan.pattern];
    const entity = pattern === undefined ? undefined : model.entities[pattern.entity];
    if (pattern !== undefined && entity !== undefined) findings.push(...lintPattern(model, entity, pattern, plan));
  }
  return worstFirst(findings);
}

function lintPattern(
  model: ModelData,
  entity: EntityData,
  pattern: PatternData,
  plan: RedisPatternPlan | UnservedPattern,
): readonly Finding[] {
  if (plan.kind === "unserved") return [unservedFinding(pattern, plan)];
  const findings: Finding[] = [...consistency(pattern)];
  const workload = model.workload.entities[entity.name];
  if (pattern.kind === "list" || pattern.kind === "listByKey" || pattern.kind === "rank") {
    const group = groupSize(entity, workload, pattern);
    const skewed = Math.max(group ?? 0, (workload?.hottestKeyShare ?? 0) * (workload?.records ?? 0));
    if (skewed > largeSet) {
      findings.push({
        code: "unbounded-set",
        severity: "warning",
        subject: pattern.name,
        evidence: `about ${formatNumber(Math.round(skewed))} records are in one group of ${pattern.by.map((part) => part.param).join(", ")}, thus in one sorted set`,
        cause: "A key lives on one node, is moved as one and freed as one; nothing bounds how far this one grows.",
        fix: "Ask by a further field or a time bucket, such as day(…), so that groups stay small.",
      });
    }
    if (pattern.kind !== "rank" && plan.kind === "list" && (plan.request.filter?.length ?? 0) > 0) {
      findings.push({
        code: "filter-after-index",
        severity: "info",
        subject: pattern.name,
        evidence: `from and to bound "${pattern.range?.field}", and the order begins with "${pattern.order[0]?.field}"`,
        cause:
          "Records are read in the order's sequence and those outside [from, to) are dropped: a page may examine more than it returns, and may be short.",
        fix: `Order by "${pattern.range?.field}" first.`,
      });
    }
  }
  if (pattern.kind === "top") {
    const groups = distinctValues(entity, workload, pattern.by);
    if (groups !== undefined && groups > manyGroups) {
      findings.push({
        code: "top-reads-groups",
        severity: "warning",
        subject: pattern.name,
        evidence: `each answer reads the sums of all ${formatNumber(groups)} values of "${pattern.by}" in each bucket`,
        cause: "Sums are exact and kept by bucket; which of them are largest is found when they are added up.",
        fix: "Ask less often and keep the answer, or group by a field with fewer values.",
      });
    }
    if (plan.kind === "top" && plan.range.kind === "moment") {
      findings.push({
        code: "top-whole-buckets",
        severity: "info",
        subject: pattern.name,
        evidence: `"${pattern.range?.field}" is a date without a bucket: sums are kept by the hour`,
        cause: "A bound within an hour would cut a sum in two, and is refused.",
        fix: `Say so in the model: range: hour("${pattern.range?.field}").`,
      });
    }
    if (plan.kind === "top" && plan.range.kind === "value") {
      const values = distinctValues(entity, workload, pattern.range?.field ?? "");
      findings.push({
        code: "top-bucket-per-value",
        severity: values !== undefined && values < 1_000 ? "info" : "warning",
        subject: pattern.name,
        evidence: `each value of "${pattern.range?.field}" has its own bucket of sums${values === undefined ? "" : `, ${formatNumber(values)} of them`}`,
        cause: "A range of such values is read bucket by bucket.",
        fix: "Use a bucket of a date, or a field with few values.",
      });
    }
  }
  return findings;
}

function unservedFinding(pattern: PatternData, plan: UnservedPattern): Finding {
  const known = redisCapability.serves[pattern.kind] !== undefined;
  return {
    code: "pattern-unserved",
    severity: "warning",
    subject: pattern.name,
    evidence: known
      ? plan.why
      : `"${pattern.name}" is a "${pattern.kind}" pattern; Redis serves ${Object.keys(redisCapability.serves).join(", ")}`,
    cause: known
      ? "A double is rounded by each addition: sums that records enter and leave would drift."
      : "Only the core of Redis is used, which any Redis 7 and Valkey has.",
    fix: known
      ? "Declare the summed field as decimal(…) or a whole number."
      : "Ask it of an engine that serves it, or leave it out of the model that is used with Redis.",
  };
}

function consistency(pattern: PatternData): readonly Finding[] {
  const served = redisCapability.serves[pattern.kind] ?? [];
  if (served.includes(pattern.consistency)) return [];
  const weaker = consistencyLevels.find((level) => served.includes(level)) ?? "eventual";
  return [
    {
      code: "consistency-unserved",
      severity: "error",
      subject: pattern.name,
      evidence: `"${pattern.name}" is declared ${pattern.consistency}; Redis serves "${pattern.kind}" patterns at ${served.join(", ")}`,
      cause: "Replication is asynchronous: a failover may lose what was acknowledged, whatever a client does.",
      fix: `Declare it "${weaker}", or keep the entity on an engine that has this level.`,
    },
  ];
}

/** All keys of an entity in one slot: on a Cluster, on one node. */
function oneSlot(
  model: ModelData,
  entity: EntityData,
  workload: EntityWorkload | undefined,
  stored: RedisEntity,
): readonly Finding[] {
  if (stored.partition.length > 0) return [];
  const { dataBytes, indexBytes } = stored.estimate;
  const bytes = dataBytes === undefined ? undefined : dataBytes + (indexBytes ?? 0);
  const writes = workload?.writesPerSecond ?? 0;
  const large = (bytes ?? 0) > slotBytes || writes > slotWrites;
  const spanning = Object.values(model.patterns)
    .filter((pattern) => pattern.entity === entity.name && pattern.kind !== "get" && pattern.kind !== "search")
    .map((pattern) => pattern.name);
  const unique = entity.unique.map((fields) => `unique(${fields.join(", ")})`);
  const [first = ""] = entity.key;
  const why =
    entity.key.length === 1
      ? `its key is the one field "${first}"`
      : `${[...spanning, ...unique].join(", ")} ${spanning.length + unique.length === 1 ? "does" : "do"} not name "${first}"`;
  return [
    {
      code: "cross-slot",
      severity: large ? "warning" : "info",
      subject: entity.name,
      evidence: `all its keys are in one slot, for ${why}${bytes === undefined ? "" : `; ${formatBytes(bytes)}`}${writes === 0 ? "" : `, ${formatNumber(writes)} writes a second`}`,
      cause:
        "A record and all that finds it are written by one script, and on a Cluster a script's keys must share a slot, thus a node.",
      fix: large
        ? "Let the key begin with a field that every pattern and unique constraint names, such as a tenant: each of its values is then a partition of its own."
        : "Nothing now: one node carries this.",
    },
  ];
}

function hotKey(model: ModelData, entity: EntityData, workload: EntityWorkload | undefined): readonly Finding[] {
  const share = workload?.hottestKeyShare;
  if (share === undefined) return [];
  const reads = Object.values(model.patterns)
    .filter((pattern) => pattern.entity === entity.name)
    .reduce((sum, pattern) => sum + share * (model.workload.patterns[pattern.name]?.readsPerSecond ?? 0), 0);
  const writes = share * (workload?.writesPerSecond ?? 0);
  if (reads <= hotReads && writes <= slotWrites) return [];
  return [
    {
      code: "hot-key",
      severity: "warning",
      subject: entity.name,
      evidence: `the most frequent key has ${formatNumber(share * 100)} % of the load: about ${formatNumber(Math.round(writes))} writes and ${formatNumber(Math.round(reads))} reads a second`,
      cause: "One key is served by one thread of one node, however many nodes there are.",
      fix:
        writes > slotWrites
          ? "Spread the writes of such a key over several records (a number from 0 to n as part of the key) and add them up when reading."
          : 'Keep what is read so often in the process (keyfold/cache), or declare the pattern "eventual", so that replicas answer too.',
    },
  ];
}

/** Records that are written all the time, are only ever got by their key, as a cache's are, and never end. */
function noExpiry(
  model: ModelData,
  entity: EntityData,
  workload: EntityWorkload | undefined,
  { estimate }: RedisEntity,
): readonly Finding[] {
  const writes = workload?.writesPerSecond ?? 0;
  const patterns = Object.values(model.patterns).filter((pattern) => pattern.entity === entity.name);
  if (entity.expires !== undefined || writes === 0 || patterns.length === 0) return [];
  if (!patterns.every(({ kind }) => kind === "get")) return [];
  const dayBytes = writes * secondsOfDay * estimate.recordBytes;
  const within = estimate.dataBytes !== undefined && dayBytes > estimate.dataBytes;
  return [
    {
      code: "no-expiry",
      severity: within ? "warning" : "info",
      subject: entity.name,
      evidence: `${formatNumber(writes)} writes a second, each read by its key alone; were all of them new records, a day brought ${formatBytes(dayBytes)}${within ? ", more than all records that the workload names" : ""}`,
      cause: "Redis keeps all of it in memory, and nothing ever removes a record.",
      fix: "If it is a cache, say when a record ends (expires: a date field), or use keyfold/cache, which has a TTL for each value.",
    },
  ];
}

/** Why a `top` cannot be kept exactly; undefined: it can. */
export function inexact(entity: EntityData, pattern: PatternData): string | undefined {
  if (pattern.kind !== "top" || pattern.sum === undefined) return undefined;
  return fieldAt(entity.fields, pattern.sum)?.kind === "double"
    ? `redis() keeps exact sums, and "${pattern.sum}" is a double: see keyfold plan`
    : undefined;
}
