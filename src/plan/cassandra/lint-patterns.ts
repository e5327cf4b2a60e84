import type { EntityData, ListPattern, PatternData, TopPattern } from "../../model/description.js";
import type { Finding } from "../finding.js";
import { formatNumber } from "../format.js";
import type { UnservedPattern } from "../types.js";
import { distinctValues } from "../workload.js";
import { capabilityOf } from "./capability.js";
import { engineName } from "./limits.js";
import type { DesignView } from "./lint.js";
import type { CqlEntity, CqlPatternPlan } from "./types.js";

/** Groups below this number spread badly over nodes. */
const fewGroups = 100;

/** Findings about one pattern. */
export function lintPattern(
  view: DesignView,
  entity: EntityData,
  pattern: PatternData,
  plan: CqlPatternPlan | UnservedPattern,
): readonly Finding[] {
  if (plan.kind === "unserved") return [unservedFinding(view, pattern)];
  return [
    ...consistency(view, entity, pattern),
    ...(pattern.kind === "list" || pattern.kind === "listByKey"
      ? [...fewPartitions(view, entity, pattern), ...filter(view, pattern, plan)]
      : []),
    ...(pattern.kind === "top" ? fullScan(view, pattern) : []),
  ];
}

function unservedFinding({ engine }: DesignView, pattern: PatternData): Finding {
  const serves = Object.keys(capabilityOf(engine).serves).join(", ");
  const { cause, fix } =
    pattern.kind === "search" || pattern.kind === "together" ? reasons[pattern.kind] : reasons.other;
  return {
    code: "pattern-unserved",
    severity: "warning",
    subject: pattern.name,
    evidence: `"${pattern.name}" is a "${pattern.kind}" pattern; ${engineName(engine)} serves ${serves}`,
    cause,
    fix,
  };
}

const elsewhere = "Ask it of an engine that serves it, or leave it out of the model that is used here.";
/** Why a kind of pattern is not served, and what to do. */
const reasons = {
  search: { cause: "It finds rows by their keys; it has no index of words.", fix: elsewhere },
  together: {
    cause:
      "Entities are tables of their own, so that one record's transaction is on its own row. A partition that several entities share would make writers of all of them wait for each other: lightweight transactions agree on one partition at a time.",
    fix: "Ask for the parent with a get and for each other entity with a list by the same fields, at once: each reads one partition.",
  },
  other: { cause: "Entities are tables of their own: one request reads one of them.", fix: elsewhere },
} as const;

function consistency({ engine, entities }: DesignView, entity: EntityData, pattern: PatternData): readonly Finding[] {
  const served = capabilityOf(engine).serves[pattern.kind] ?? [];
  const plain = (entities[entity.name] as CqlEntity).writes === "plain";
  if (pattern.consistency === "strong" && pattern.kind === "get" && plain) {
    return [
      {
        code: "consistency-unserved",
        severity: "error",
        subject: pattern.name,
        evidence: `"${pattern.name}" is declared strong, and "${entity.name}" is append-only`,
        cause: "A SERIAL read sees what lightweight transactions wrote; append-only records are written without.",
        fix: 'Declare the pattern "session", or the entity without appendOnly.',
      },
    ];
  }
  if (served.includes(pattern.consistency)) return [];
  return [
    {
      code: "consistency-unserved",
      severity: "error",
      subject: pattern.name,
      evidence: `"${pattern.name}" is declared ${pattern.consistency}; ${engineName(engine)} serves "${pattern.kind}" patterns at ${served.join(", ")}`,
      cause: "Only a record by its key is linearizable here: other tables are written in a batch of their own.",
      fix: 'Declare it "session".',
    },
  ];
}

function fewPartitions({ model }: DesignView, entity: EntityData, pattern: ListPattern): readonly Finding[] {
  const workload = model.workload.entities[entity.name];
  if (pattern.by.some((part) => part.kind === "bucket") || (workload?.records ?? 0) < 10_000) return [];
  const groups = pattern.by.reduce<number | undefined>((product, part) => {
    const distinct = distinctValues(entity, workload, part.field);
    return product === undefined || distinct === undefined ? undefined : product * distinct;
  }, 1);
  if (groups === undefined || groups >= fewGroups) return [];
  return [
    {
      code: "low-cardinality-key",
      severity: "warning",
      subject: pattern.name,
      evidence: `${pattern.by.map((part) => part.field).join(", ")} ${pattern.by.length === 1 ? "has" : "have"} ${formatNumber(groups)} values for ${formatNumber(workload?.records ?? 0)} records`,
      cause: "A partition lies on the few nodes of its replicas: so few of them load some nodes and leave others idle.",
      fix: "Ask by a further field, or by a bucket of time.",
    },
  ];
}

function filter({ engine }: DesignView, pattern: ListPattern, plan: CqlPatternPlan): readonly Finding[] {
  if (plan.kind !== "list" || plan.filter === undefined) return [];
  return [
    {
      code: "filter-after-read",
      severity: "warning",
      subject: pattern.name,
      evidence: `${plan.filter.field} is tested on what was read, in the order of ${pattern.order.map((term) => term.field).join(", ")}`,
      cause: `${engineName(engine)} would need ALLOW FILTERING, which reads a partition without bound; keyfold reads a page and drops what does not fit, so that a page may be empty.`,
      fix: `Order by "${plan.filter.field}" first: the range is then one of the clustering key.`,
    },
  ];
}

function fullScan({ model }: DesignView, pattern: TopPattern): readonly Finding[] {
  if (pattern.range?.unit !== undefined) return [];
  const records = model.workload.entities[pattern.entity]?.records;
  return [
    {
      code: "full-scan",
      severity: records !== undefined && records > 100_000 ? "warning" : "info",
      subject: pattern.name,
      evidence: `each call without bounds reads what ${records === undefined ? "all" : `all ${formatNumber(records)}`} records add`,
      cause:
        "Without buckets there is nothing that could be folded into sums; counters are no way out: they are not exact.",
      fix: 'Give it a range of buckets, such as range: day("at"), and run keyfold fold.',
    },
  ];
}
