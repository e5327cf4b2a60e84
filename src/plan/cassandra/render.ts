import { formatBytes, formatNumber } from "../format.js";
import { renderFindings } from "../render.js";
import type { UnservedPattern } from "../types.js";
import { createTableText, createTypeText, shapesOf } from "./ddl.js";
import { limitsOf } from "./limits.js";
import { selectText, unqualified } from "./statements.js";
import { conditionText } from "./tables.js";
import type { CqlEntity, CqlPatternPlan, CqlPlan, CqlSelect, CqlTable } from "./types.js";

/** The plan as text: tables, requests, what they cost, what is wrong. */
export function renderCqlPlan(plan: CqlPlan): string {
  const { tablets, perPartitionRateLimit } = limitsOf(plan.engine);
  const lines = [`plan for ${plan.engine}, design ${plan.design}`, ""];
  if (tablets || perPartitionRateLimit) {
    lines.push(
      "keyspace",
      "  tablets  off where keyfold makes the keyspace: up to 2025.3 they refuse lightweight transactions",
      "  hot keys a table takes WITH per_partition_rate_limit = {'max_writes_per_second': …}; keyfold sets none",
      "",
    );
  }
  if (plan.types.length > 0) lines.push("types", ...plan.types.map((type) => `  ${createTypeText(type)}`), "");
  const shapes = new Map(shapesOf(plan).map((shape) => [shape.name, createTableText(shape)]));
  for (const { name } of plan.own) lines.push(`table ${name}`, ...indented(shapes.get(name) ?? ""), "");
  for (const entity of Object.values(plan.entities)) lines.push(...renderEntity(entity, shapes));
  for (const pattern of Object.values(plan.patterns)) lines.push(...renderPattern(pattern), "");
  lines.push(...renderFindings(plan.findings));
  return `${lines.join("\n")}\n`;
}

function indented(text: string): string[] {
  return text.split("\n").map((line) => `  ${line}`);
}

function renderEntity(entity: CqlEntity, shapes: ReadonlyMap<string, string>): string[] {
  const { estimate, writes } = entity;
  const lines = [
    `entity ${entity.entity}`,
    writes === "plain"
      ? `  insert   ${formatNumber(estimate.statements)} statement${estimate.statements === 1 ? "" : "s in one logged batch with one timestamp"}; no lightweight transaction`
      : `  insert   a lightweight transaction on the home row${estimate.statements === 1 ? "" : `, then ${formatNumber(estimate.statements - 1)} statements in one logged batch with the version as its timestamp`}`,
    `  size     ${formatBytes(estimate.recordBytes)} a record; ${estimate.storageBytes === undefined ? "number of records not declared" : `${formatNumber(estimate.records ?? 0)} records, ${formatBytes(estimate.storageBytes)} in all tables, before compression and for each replica`}`,
    "",
  ];
  for (const table of entity.tables) lines.push(...renderTable(table, shapes));
  return lines;
}

function renderTable(table: CqlTable, shapes: ReadonlyMap<string, string>): string[] {
  const only = [...table.has.map((field) => `has ${field}`), ...table.where.map(conditionText)];
  const { rowBytes, partitionRows, partitionBytes, arithmetic } = table.estimate;
  const lines = [
    `table ${table.name} (${table.role}${table.serves.length === 0 ? "" : `; for ${table.serves.join(", ")}`})`,
    ...indented(shapes.get(table.name) ?? ""),
  ];
  if (table.bucketsTable !== undefined) lines.push(...indented(shapes.get(table.bucketsTable) ?? ""));
  if (only.length > 0) lines.push(`  rows     where a record ${only.join(" and ")}`);
  lines.push(
    `  largest  ${partitionRows === undefined ? "not known" : `${formatNumber(partitionRows)} row${partitionRows === 1 ? "" : "s"}, ${formatBytes(partitionBytes ?? 0)}`}; a row ${formatBytes(rowBytes)}`,
    `           ${arithmetic}`,
  );
  if (table.options.why !== undefined) lines.push(`  options  ${table.options.why}`);
  return [...lines, ""];
}

function renderPattern(plan: CqlPatternPlan | UnservedPattern): string[] {
  if (plan.kind === "unserved") return [`pattern ${plan.pattern}`, `  unserved ${plan.why}`];
  const lines = [`pattern ${plan.pattern} (${plan.entity}, ${plan.consistency})`];
  const { rows, requests, bytes, requestsPerSecond } = plan.estimate;
  switch (plan.kind) {
    case "get":
      lines.push(`  request  ${shown(plan.request, false)}`);
      break;
    case "list":
      if (plan.buckets !== undefined) lines.push(`  buckets  ${shown(plan.buckets.request)}`);
      lines.push(
        `  request  ${shown(plan.request)}${plan.shards === 1 ? "" : `, of ${plan.shards} shards at once, merged`}`,
        ...plan.next.map((next) => `  next     ${shown(next)}`),
      );
      if (plan.filter !== undefined) lines.push(`  then     tests ${plan.filter.field} on what was read`);
      break;
    case "top":
      lines.push(
        ...(plan.unit === undefined
          ? []
          : ["  buckets  with their sums where they are folded, from kf_buckets; of each bucket that is not:"]),
        `  request  ${shown(plan.request, false)}${plan.shards === 1 ? "" : `, of ${plan.shards} shards at once`}`,
      );
      break;
    default:
      plan satisfies never;
  }
  const facts = [
    `${formatNumber(rows)} row${rows === 1 ? "" : "s"}`,
    `${formatNumber(requests)} request${requests === 1 ? "" : "s"}`,
    bytes === undefined ? "bytes not known" : formatBytes(bytes),
    ...(requestsPerSecond === undefined ? [] : [`${formatNumber(requestsPerSecond)} calls a second`]),
  ];
  lines.push(
    `  cost     ${facts.join(", ")}${plan.kind === "top" && plan.unit !== undefined ? "; over a year of buckets, none folded" : ""}`,
  );
  return lines;
}

function shown(select: CqlSelect, limit = true): string {
  return selectText(select, unqualified, () => true, limit);
}
