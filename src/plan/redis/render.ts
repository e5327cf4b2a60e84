import { formatBytes, formatNumber } from "../format.js";
import { renderFindings } from "../render.js";
import { isSlot } from "../template.js";
import type { UnservedPattern } from "../types.js";
import { readableText } from "./encoding.js";
import type {
  RedisArgument,
  RedisCommand,
  RedisCondition,
  RedisEntity,
  RedisPatternPlan,
  RedisPlan,
  RedisRequestValue,
  RedisTopPlan,
} from "./types.js";

/** The plan as text: what is stored, what is asked, what it costs, what is wrong. */
export function renderRedis(plan: RedisPlan): string {
  const lines = [`plan for redis, design ${plan.design}`, ""];
  for (const entity of Object.values(plan.entities)) lines.push(...renderEntity(entity), "");
  for (const pattern of Object.values(plan.patterns)) lines.push(...renderPattern(pattern), "");
  lines.push(...renderFindings(plan.findings));
  return `${lines.join("\n")}\n`;
}

/** Separators of keys and members, so that they can be seen. */
function seen(text: string): string {
  return text.replaceAll("\0", "␀").replaceAll("\u0001", "␁");
}

function renderEntity(entity: RedisEntity): string[] {
  const { estimate } = entity;
  const tag = `{${[entity.storedAs, ...(entity.partition.length === 0 ? [] : [entity.partition.map((one) => `<${one}>`).join("␁")])].join(":")}}`;
  const name = entity.rest.map((one) => `<${one}>`).join("␁");
  const lines = [`entity ${entity.entity}`, `  record   <prefix>:${tag}:${name}: a string, JSON with a member a line`];
  for (const [index, { field, name: stored, type }] of entity.fields.entries()) {
    const facts = [type.kind as string];
    if (type.kind === "decimal") facts.push(`scale ${type.scale}`);
    if (type.optional) facts.push("optional");
    if (type.nullable) facts.push("or null");
    const renamed = stored === field ? "" : ` (stored as ${stored})`;
    lines.push(`  ${index === 0 ? "fields  " : "        "} ${field}${renamed}: ${facts.join(", ")}`);
  }
  lines.push("  version  _v: whole number");
  for (const index of entity.lists) {
    const group = index.by.map(
      (one) => `<${[one.f, ...(one.p ?? [])].join(".")}${one.b === undefined ? "" : `'s ${one.b}`}>`,
    );
    const terms = index.terms.map((one) => `<${one.r ? "reversed " : ""}${[one.f, ...(one.p ?? [])].join(".")}>␀`);
    const size =
      index.estimate.bytes === undefined
        ? `${formatBytes(index.estimate.entryBytes)} an entry`
        : formatBytes(index.estimate.bytes);
    const some = index.where.length === 0 ? "" : `, where ${index.where.map(conditionText).join(" and ")}`;
    lines.push(
      `  set      <prefix>:${tag}/${index.name}:${group.join("␁")} of ${terms.join("")}${name}${some}, ${size}; for ${index.serves.join(", ")}`,
    );
  }
  for (const index of entity.tops) {
    const some = index.where.length === 0 ? "" : `, where ${index.where.map(conditionText).join(" and ")}`;
    lines.push(
      `  sums     <prefix>:${tag}/${index.name}@${index.levels.join("|")}:<bucket> of <${index.by.f}> → ${index.sum === undefined ? "" : `sum of ${index.sum.f}, `}count${some}; for ${index.serves.join(", ")}`,
    );
  }
  for (const unique of entity.uniques) {
    lines.push(
      `  unique   <prefix>:${tag}/${unique.name}:${unique.fields.map((one) => `<${one}>`).join("␁")} → ${name}`,
    );
  }
  if (entity.expires !== undefined) {
    lines.push(`  ends     <prefix>:${tag}/${entity.expires.name}: of ${name} by <${entity.expires.field}>`);
  }
  const total =
    estimate.records === undefined
      ? "number of records not declared"
      : `${formatNumber(estimate.records)} records, ${formatBytes(estimate.dataBytes ?? 0)} with their keys, ${formatBytes(estimate.indexBytes ?? 0)} of indexes`;
  lines.push(`  memory   ${formatBytes(estimate.recordBytes)} a record; ${total}`);
  return lines;
}

function renderPattern(plan: RedisPatternPlan | UnservedPattern): string[] {
  if (plan.kind === "unserved") return [`pattern ${plan.pattern}`, `  unserved ${plan.why}`];
  const { estimate } = plan;
  const lines = [
    `pattern ${plan.pattern} (${plan.entity}, ${plan.consistency})`,
    `  request  ${renderCommand(plan.request)}`,
  ];
  if (plan.kind === "list") lines.push(`  next     ${renderCommand(plan.next)}`);
  for (const value of plan.values) {
    const said = renderValue(value);
    if (said !== undefined) lines.push(`  value    ${said}`);
  }
  if (plan.kind === "top") lines.push(`  value    <spans>: ${spansText(plan)}`);
  lines.push(`  index    ${plan.index ?? "the record's key"}`);
  lines.push(
    `  cost     ${formatNumber(estimate.rows)} row${estimate.rows === 1 ? "" : "s"}, ${estimate.entriesRead === undefined ? "?" : formatNumber(estimate.entriesRead)} entries read${plan.kind === "top" ? " in each bucket" : ""}, ${estimate.bytesReturned === undefined ? "?" : formatBytes(estimate.bytesReturned)} returned${estimate.requestsPerSecond === undefined ? "" : `, ${formatNumber(estimate.requestsPerSecond)} requests a second`}`,
  );
  return lines;
}

function conditionText({ f, p, k, c, o, v }: RedisCondition): string {
  const value =
    typeof v === "boolean"
      ? String(v)
      : typeof v === "string"
        ? readableText(k, c, v)
        : v.map((one) => readableText(k, c, one)).join(", ");
  return `${[f, ...(p ?? [])].join(".")} ${o} ${value}`;
}

function spansText({ range }: RedisTopPlan): string {
  switch (range.kind) {
    case "none":
      return "all";
    case "bucket":
      return `the ${range.unit}s of [from, to), whole coarser buckets taken together; without bounds all`;
    case "moment":
      return `the ${range.unit}s of [from, to), both at the beginning of one; without bounds all`;
    case "value":
      return "the values in [from, to); without bounds all";
    default:
      return range satisfies never;
  }
}

function renderCommand({ command, args, filter }: RedisCommand): string {
  const words = args.map(renderArgument);
  if (filter !== undefined) {
    const conditions = filter.map((one) => `${[one.f, ...(one.p ?? [])].join(".")} ${one.o} <${one.v.$slot}>`);
    words.push(conditions.length === 0 ? '""' : `"${conditions.join(" and ")}"`);
  }
  return [command, ...words].join(" ");
}

function renderArgument({ parts, otherwise }: RedisArgument): string {
  const text = parts
    .map((part) => (isSlot(part) ? `<${(part as { $slot: string }).$slot}>` : seen(part as string)))
    .join("");
  return otherwise === undefined ? text : `(${text} or ${otherwise})`;
}

/** What a slot stands for, where its name does not say it. */
function renderValue(value: RedisRequestValue): string | undefined {
  const { source } = value;
  const form = value.form === "reversed" ? ", as text that sorts the other way round" : "";
  const optional = value.optional ? ", may be left out" : "";
  switch (source.kind) {
    case "param":
      return value.optional || form !== "" ? `<${value.name}>: parameter ${source.param}${form}${optional}` : undefined;
    case "bucketStart":
      return `<${value.name}>: first moment of the ${source.unit} in parameter ${source.param}${form}${optional}`;
    case "bucketEnd":
      return `<${value.name}>: first moment after the ${source.unit} in parameter ${source.param}${form}${optional}`;
    case "after":
      return `<${value.name}>: the member at which the cursor's page ended`;
    case "greatest":
    case "constant":
    case "limit":
      return undefined;
    default:
      return source satisfies never;
  }
}
