import { formatBytes, formatNumber } from "../format.js";
import { renderFindings, renderTemplate } from "../render.js";
import type { RequestValue } from "../template.js";
import type { UnservedPattern } from "../types.js";
import type { MongoAggregate, MongoCollection, MongoFind, MongoGrants, MongoPatternPlan, MongoPlan } from "./types.js";

/** The plan as text: what is stored, what is asked, what it costs, what is wrong. */
export function renderMongodb(plan: MongoPlan): string {
  const lines = [`plan for mongodb, design ${plan.design}`, ""];
  for (const collection of Object.values(plan.collections)) lines.push(...renderCollection(collection), "");
  for (const pattern of Object.values(plan.patterns)) lines.push(...renderPattern(pattern), "");
  lines.push(...renderFindings(plan.findings));
  return `${lines.join("\n")}\n`;
}

function renderCollection(collection: MongoCollection): string[] {
  const { id, estimate } = collection;
  const made =
    id.kind === "value"
      ? `${id.field} (${id.bson})`
      : `{ ${id.parts.map((part) => `${part.field} (${part.bson})`).join(", ")} }`;
  const lines = [`collection ${collection.name}`, `  _id      ${made}`];
  const others = collection.fields.filter((field) => !field.path.startsWith("_id") || field.path === `${field.field}_`);
  for (const [index, field] of others.entries()) {
    const facts = [field.bson as string];
    if (field.type.kind === "decimal") facts.push(`scale ${field.type.scale}`);
    if (field.type.optional) facts.push("optional");
    if (field.type.nullable) facts.push("or null");
    const renamed = field.path === field.field ? "" : ` (stored as ${field.path})`;
    lines.push(`  ${index === 0 ? "fields  " : "        "} ${field.field}${renamed}: ${facts.join(", ")}`);
  }
  lines.push(`  version  ${collection.version.path}: long`);
  lines.push(`  index    _id_ { _id: 1 }`);
  for (const index of collection.indexes) {
    const keys = renderTemplate(index.key);
    const facts = [
      ...(index.unique ? ["unique"] : []),
      ...(index.partialFilterExpression === undefined
        ? []
        : [`where ${renderTemplate(index.partialFilterExpression)}`]),
      ...(index.expireAfterSeconds === undefined ? [] : ["that removes what has ended"]),
    ];
    const size =
      index.estimate.bytes === undefined
        ? `${formatBytes(index.estimate.entryBytes)} an entry`
        : formatBytes(index.estimate.bytes);
    lines.push(
      `  index    ${index.name} ${keys}${facts.length === 0 ? "" : ` ${facts.join(" ")}`}, ${size}; for ${index.serves.join(", ")}`,
    );
  }
  const total =
    estimate.documents === undefined
      ? "number of records not declared"
      : `${formatNumber(estimate.documents)} documents, ${formatBytes(estimate.dataBytes ?? 0)} of data, ${formatBytes(estimate.indexBytes ?? 0)} of indexes, before compression`;
  lines.push(`  size     ${formatBytes(estimate.documentBytes)} a document; ${total}`);
  return lines;
}

function renderPattern(plan: MongoPatternPlan | UnservedPattern): string[] {
  if (plan.kind === "unserved") return [`pattern ${plan.pattern}`, `  unserved ${plan.why}`];
  const { estimate } = plan;
  const lines = [
    `pattern ${plan.pattern} (${plan.entity}, ${plan.consistency})`,
    `  request  ${renderRequest(plan.request)}`,
  ];
  if (plan.kind !== "get") lines.push(`  next     ${renderRequest(plan.next)}`);
  if (plan.kind === "top") lines.push(`  hint     ${renderHint(plan.request)}`);
  for (const value of plan.values) {
    const said = renderValue(value);
    if (said !== undefined) lines.push(`  value    ${said}`);
  }
  lines.push(`  index    ${plan.index ?? "none: reads the collection"}`);
  const examined = (count: number | undefined): string => (count === undefined ? "?" : formatNumber(count));
  lines.push(
    `  cost     ${formatNumber(estimate.rows)} row${estimate.rows === 1 ? "" : "s"}, ${examined(estimate.keysExamined)} keys and ${examined(estimate.documentsExamined)} documents examined${plan.kind === "top" ? " at most" : ""}, ${estimate.bytesReturned === undefined ? "?" : formatBytes(estimate.bytesReturned)} returned${estimate.requestsPerSecond === undefined ? "" : `, ${formatNumber(estimate.requestsPerSecond)} requests a second`}`,
  );
  return lines;
}

function renderRequest(request: MongoFind | MongoAggregate): string {
  if (request.kind === "aggregate") {
    return `db.${request.collection}.aggregate(${renderTemplate(request.pipeline)}, { hint: <hint> })`;
  }
  const { collection, filter, projection, sort, hint, limit } = request;
  const calls = [
    ...(sort === undefined ? [] : [`.sort(${renderTemplate(sort)})`]),
    ...(hint === undefined ? [] : [`.hint(${renderTemplate(hint)})`]),
    `.limit(${renderTemplate(limit)})`,
  ];
  return `db.${collection}.find(${renderTemplate(filter)}${projection === undefined ? "" : `, ${renderTemplate(projection)}`})${calls.join("")}`;
}

function renderHint({ hint }: MongoAggregate): string {
  const unbounded = hint.unbounded === undefined ? "none" : renderTemplate(hint.unbounded);
  return hint.bounded === undefined ? unbounded : `${renderTemplate(hint.bounded)} with from or to, else ${unbounded}`;
}

/** What a slot stands for, where its name does not say it. */
function renderValue(value: RequestValue): string | undefined {
  const { source } = value;
  const optional = value.optional
    ? value.otherwise === undefined
      ? ", left out when not given"
      : ", MaxKey when not given"
    : "";
  switch (source.kind) {
    case "param":
      return value.optional ? `<${value.name}>: parameter ${source.param}${optional}` : undefined;
    case "bucketStart":
      return `<${value.name}>: first moment of the ${source.unit} in parameter ${source.param}${optional}`;
    case "bucketEnd":
      return `<${value.name}>: first moment after the ${source.unit} in parameter ${source.param}${optional}`;
    case "after":
      return `<${value.name}>: from the cursor`;
    case "greatest":
      return `<${value.name}>: MaxKey`;
    case "constant":
      return `<${value.name}>: ${constantText(source.value)} as ${value.type.kind}`;
    case "limit":
      return undefined;
    default:
      return source satisfies never;
  }
}

function constantText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** The grants as statements for mongosh; `database` is put in. */
export function renderGrants(grants: MongoGrants, database: string): string {
  const role = (name: string, privileges: MongoGrants["run"]): string =>
    `db.createRole(${JSON.stringify(
      {
        role: name,
        privileges: privileges.map(({ collection, actions }) => ({ resource: { db: database, collection }, actions })),
        roles: [],
      },
      undefined,
      2,
    )})`;
  return `${role("keyfold-run", grants.run)}\n${role("keyfold-apply", grants.apply)}\n`;
}
