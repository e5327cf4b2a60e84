import { formatBytes, formatNumber } from "../format.js";
import { renderFindings } from "../render.js";
import type { UnservedPattern } from "../types.js";
import type {
  AskedKey,
  AskedPart,
  DynamoEntry,
  DynamoMoney,
  DynamoPatternPlan,
  DynamoPlan,
  DynamoQuery,
  DynamoTable,
  EstimatedEntity,
  EstimatedPattern,
  KeyPart,
} from "./types.js";

/** The plan as text: what is stored, what is asked, what it costs, what is wrong. */
export function renderDynamodb(plan: DynamoPlan): string {
  const lines = [`plan for dynamodb, design ${plan.design}`, "", ...renderTable(plan.table), ""];
  for (const entity of Object.values(plan.entities)) lines.push(...renderEntity(entity, plan.table), "");
  for (const pattern of Object.values(plan.patterns)) lines.push(...renderPattern(pattern, plan.table), "");
  lines.push(...renderFindings(plan.findings));
  return `${lines.join("\n")}\n`;
}

function renderTable(table: DynamoPlan["table"]): string[] {
  const lines = ["table", `  key      ${table.partition}, ${table.sort}: strings`];
  for (const { name, partition, sort, projection, includes, serves } of table.indexes) {
    const more = includes === undefined ? "" : ` ${includes.join(", ")}`;
    lines.push(`  index    ${name} (${partition}, ${sort}), projects ${projection}${more}; for ${serves.join(", ")}`);
  }
  for (const { name, sort, serves } of table.localIndexes)
    lines.push(`  local    ${name} (${table.partition}, ${sort}), projects ALL; for ${serves.join(", ")}`);
  if (table.expires !== undefined)
    lines.push(`  expiry   ${table.expires}: seconds since 1970, from which on DynamoDB deletes`);
  const { storageBytes, readUnitsPerSecond, writeUnitsPerSecond, money } = table.estimate;
  const known = (value: number | undefined, unit: string): string =>
    value === undefined ? `? ${unit}` : `${formatNumber(value)} ${unit}`;
  lines.push(
    `  size     ${storageBytes === undefined ? "number of records not declared" : formatBytes(storageBytes)}`,
    `  load     ${known(readUnitsPerSecond, "read units")} and ${known(writeUnitsPerSecond, "write units")} a second`,
  );
  if (money !== undefined) lines.push(`  money    ${renderMoney(money)}`);
  return lines;
}

function renderMoney({ reads, writes, storage }: DynamoMoney): string {
  const sum = Math.round((reads + writes + storage) * 100) / 100;
  return `${formatNumber(sum)} a month: ${formatNumber(reads)} for reads, ${formatNumber(writes)} for writes, ${formatNumber(storage)} for storage`;
}

function renderEntity(entity: EstimatedEntity, { partition, sort }: DynamoTable): string[] {
  const { estimate } = entity;
  const lines = [
    `entity ${entity.entity}`,
    `  item     ${partition} ${renderParts(entity.home.partition)}`,
    `           ${sort} ${renderParts(entity.home.sort)}`,
  ];
  for (const [index, { field, attribute, type }] of entity.attributes.entries()) {
    const facts = [type.kind as string];
    if (type.kind === "decimal") facts.push(`scale ${type.scale}`);
    if (type.optional) facts.push("optional");
    if (type.nullable) facts.push("or null");
    const renamed = attribute === field ? "" : ` (stored as ${attribute})`;
    lines.push(`  ${index === 0 ? "fields  " : "        "} ${field}${renamed}: ${facts.join(", ")}`);
  }
  if (entity.expires !== undefined) lines.push(`  expires  at ${entity.expires}, with all that is made of it`);
  for (const entry of entity.indexed)
    lines.push(
      ...renderEntry(`entry in ${entry.index}`, entry, entry.attributes.partition ?? partition, entry.attributes.sort),
    );
  for (const entry of entity.copies) lines.push(...renderEntry("copy", entry, partition, sort));
  for (const entry of entity.contributions) lines.push(...renderEntry("contribution", entry, partition, sort));
  for (const entry of entity.uniques) lines.push(...renderEntry("unique value", entry, partition, sort));
  const { table, indexes } = estimate.insertUnits;
  const items = estimate.items === 1 ? "1 item" : `${formatNumber(estimate.items)} items in one transaction`;
  lines.push(
    `  size     ${formatBytes(estimate.itemBytes)} an item; ${estimate.storageBytes === undefined ? "number of records not declared" : `${formatNumber(estimate.records ?? 0)} records, ${formatBytes(estimate.storageBytes)} with all that is made of them`}`,
    `  insert   ${items}: ${formatNumber(table)} write units in the table, ${formatNumber(indexes)} in indexes`,
  );
  if (estimate.money !== undefined) lines.push(`  money    ${renderMoney(estimate.money)}`);
  return lines;
}

function renderEntry(
  what: string,
  { key, has, where, serves }: DynamoEntry,
  partition: string,
  sort: string,
): string[] {
  const only = [
    ...has.map((field) => `has ${field}`),
    ...where.map(({ field, operator, value }) => `${field} ${operator} ${constantText(value)}`),
  ];
  return [
    `  ${what}${only.length === 0 ? "" : `, where it ${only.join(" and ")}`}${serves.length === 0 ? "" : `; for ${serves.join(", ")}`}`,
    `           ${partition} ${renderParts(key.partition)}`,
    `           ${sort} ${renderParts(key.sort)}`,
  ];
}

function constantText(value: unknown): string {
  return value instanceof Date
    ? value.toISOString()
    : Array.isArray(value)
      ? value.map(constantText).join(", ")
      : String(value);
}

function renderParts(parts: readonly KeyPart[]): string {
  return parts
    .map((part) => {
      switch (part.kind) {
        case "text":
          return part.text;
        case "field":
          return part.direction === "asc" ? `<${part.field}>` : `<${part.field} reversed>`;
        case "bucket":
          return `<${part.unit} of ${part.field}>`;
        case "shard":
          return `<shard of ${part.count}>`;
        default:
          return part satisfies never;
      }
    })
    .map((text) => `${text}#`)
    .join("");
}

function renderPattern(plan: EstimatedPattern | UnservedPattern, table: DynamoTable): string[] {
  if (plan.kind === "unserved") return [`pattern ${plan.pattern}`, `  unserved ${plan.why}`];
  const lines = [`pattern ${plan.pattern} (${plan.entity}, ${plan.consistency})`, ...renderRequests(plan, table)];
  const { rows, requests, readUnits, readUnitsFolded, requestsPerSecond, moneyPerMonth } = plan.estimate;
  const facts = [
    `${formatNumber(rows)} row${rows === 1 ? "" : "s"}`,
    `${formatNumber(requests)} request${requests === 1 ? "" : "s"}`,
    `${readUnits === undefined ? "?" : formatNumber(readUnits)} read units${readUnitsFolded === undefined ? "" : `, ${formatNumber(readUnitsFolded)} when folded`}`,
    ...(requestsPerSecond === undefined ? [] : [`${formatNumber(requestsPerSecond)} calls a second`]),
    ...(moneyPerMonth === undefined ? [] : [`${formatNumber(moneyPerMonth)} a month`]),
  ];
  lines.push(
    `  cost     ${facts.join(", ")}${plan.kind === "top" && plan.buckets.unit !== undefined ? "; over a year of buckets" : ""}`,
  );
  return lines;
}

function renderRequests(plan: DynamoPatternPlan, { partition }: DynamoTable): string[] {
  switch (plan.kind) {
    case "get":
      return ["  request  GetItem, or BatchGetItem for many, by the item's key"];
    case "list":
      return [
        ...(plan.walk === undefined
          ? []
          : [
              `  buckets  Query ${partition} = ${renderBound(plan.walk.partition)}: the ${plan.walk.unit}s that there are, ${plan.walk.direction === "desc" ? "newest" : "oldest"} first; of each, as far as rows are missing:`,
            ]),
        `  request  ${renderQuery(plan.request)}`,
        `  next     ${renderQuery(plan.next)}`,
      ];
    case "together":
      return [
        `  request  ${renderQuery(plan.request)}`,
        ...Object.entries(plan.next).map(([entity, query]) => `  next     ${renderQuery(query)} behind a ${entity}`),
      ];
    case "top":
      return [
        `  request  Query ${partition} = ${renderAsked(plan.buckets.partition)}: the buckets, with their sums where they are folded`,
        `  then     Query of the contributions of each bucket that is not folded`,
      ];
    default:
      return plan satisfies never;
  }
}

function renderQuery(query: DynamoQuery): string {
  const where = query.index === undefined ? "" : ` on ${query.index}`;
  const sort =
    query.from === undefined
      ? ""
      : ` and ${query.sortAttribute} between ${renderBound(query.from)} and ${renderBound(query.to as AskedKey)}`;
  const filter =
    query.filter === undefined
      ? ""
      : `, then tests ${[...new Set([...query.filter.where.map(({ field }) => field), ...(query.filter.range === undefined ? [] : [query.filter.range.field])])].join(", ")}`;
  const shards = query.shards === 1 ? "" : `, ${query.shards} shards merged`;
  const sent = query.projection === undefined ? "" : `, gives ${query.projection.join(", ")}`;
  return `Query${where} ${query.partitionAttribute} = ${renderBound(query.partition)}${sort}, ${query.forward ? "forwards" : "backwards"}${filter}${sent}${shards}`;
}

function renderBound({ bound, parts }: AskedKey): string {
  const text = renderAsked(parts);
  switch (bound) {
    case "key":
    case "from":
      return text === "" ? '""' : text;
    case "to":
      return text.slice(0, -1);
    case "through":
      return text === "" ? "the end" : `${text.slice(0, -1)}$`;
    case "above":
      return `right above ${text}`;
    case "below":
      return `right below ${text}`;
    default:
      return bound satisfies never;
  }
}

function renderAsked(parts: readonly AskedPart[]): string {
  return parts
    .map((part) => {
      switch (part.kind) {
        case "text":
          return part.text;
        case "param":
          return `<${part.param}>`;
        case "bucket":
          return `<${part.param}>`;
        case "walked":
          return `<${part.unit}>`;
        case "bucketMoment":
          return `<${part.next ? "end" : "start"} of ${part.param}>`;
        case "after":
          return `<cursor ${part.position}>`;
        case "shard":
          return "<shard>";
        default:
          return part satisfies never;
      }
    })
    .map((text) => `${text}#`)
    .join("");
}
