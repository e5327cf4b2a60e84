import type { By, Condition, EntityData, GetPattern, ListPattern, Range, TopPattern } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import { fieldsRead } from "../select.js";
import type { RequestValue, Slot, Template, TemplateObject, ValueSource } from "../template.js";
import { pathOf, typeOf } from "./collections.js";
import { keyObject } from "./indexes.js";
import { type KeyPart, type ListAccess, mayBeMissing } from "./needs.js";
import type {
  IndexDirection,
  MongoAggregate,
  MongoFind,
  MongoGetPlan,
  MongoIndexKey,
  MongoListPlan,
  MongoTopPlan,
} from "./types.js";

const integer: Field = { kind: "int", optional: false, nullable: false };
const anything: Field = { kind: "json", optional: false, nullable: false };

/** Collects a request's values, each under one name. */
class Values {
  readonly #byName = new Map<string, RequestValue>();

  get list(): readonly RequestValue[] {
    return [...this.#byName.values()];
  }

  slot(
    name: string,
    source: ValueSource,
    type: Field,
    facts: { optional?: boolean; otherwise?: "greatest" } = {},
  ): Slot {
    const { optional = false, otherwise } = facts;
    this.#byName.set(name, { name, source, type, optional, ...(otherwise === undefined ? {} : { otherwise }) });
    return { $slot: name };
  }

  limit(): Slot {
    return this.slot("limit", { kind: "limit" }, integer);
  }

  /** A fixed value: as it is where JSON has it and BSON stores it so, else through a slot. */
  constant(name: string, value: unknown, type: Field): Template {
    if (typeof value === "boolean") return value;
    if (typeof value === "string" && (type.kind === "string" || type.kind === "enum")) return value;
    if (typeof value === "number" && (type.kind === "double" || Math.abs(value) < 2 ** 31)) return value;
    return this.slot(name, { kind: "constant", value }, type);
  }
}

/** Conditions on paths: `{ path: { $op: value } }`, and whole clauses that have no path. */
class Filter {
  readonly #paths = new Map<string, Map<string, Template>>();
  readonly #clauses: TemplateObject[] = [];

  /** A second condition with the same operator replaces the first when `replaces`, else both hold. */
  add(path: string, operator: string, value: Template, replaces = false): void {
    const operators = this.#paths.get(path) ?? new Map<string, Template>();
    this.#paths.set(path, operators);
    if (operators.has(operator) && !replaces) this.#clauses.push({ [path]: { [operator]: value } });
    else operators.set(operator, value);
  }

  clause(clause: TemplateObject): void {
    this.#clauses.push(clause);
  }

  template(): TemplateObject {
    const filter: Record<string, Template> = {};
    for (const [path, operators] of this.#paths) {
      const equal = operators.get("$eq");
      filter[path] = operators.size === 1 && equal !== undefined ? equal : Object.fromEntries(operators);
    }
    const [only, ...more] = this.#clauses;
    if (only === undefined) return filter;
    const apart = more.length === 0 && Object.keys(only).every((key) => !Object.hasOwn(filter, key));
    return apart ? { ...filter, ...only } : { ...filter, $and: this.#clauses };
  }
}

/**
 * What an entity's reads demand where its records end: MongoDB removes those that have ended about once a minute, so they
 * are told apart by the server's own clock. Null and a field that is not there are one to MongoDB here.
 */
export function notEnded(path: string): TemplateObject {
  return { $or: [{ [path]: null }, { $expr: { $gt: [`$${path}`, "$$NOW"] } }] };
}

/** What a record that has ended meets. */
export function ended(path: string): TemplateObject {
  return { [path]: { $ne: null }, $expr: { $lte: [`$${path}`, "$$NOW"] } };
}

/** The parts of a plan that say what is sent. */
type Sent<P> = Pick<P, Extract<keyof P, "kind" | "request" | "next" | "values" | "position" | "row" | "reads">>;

export function getRequest(entity: EntityData, pattern: GetPattern): Sent<MongoGetPlan> {
  const values = new Values();
  const slots = pattern.by.map((part) =>
    values.slot(part.param, { kind: "param", param: part.param }, typeOf(entity, part.field)),
  );
  const [only] = slots;
  const id =
    slots.length === 1 && only !== undefined
      ? only
      : Object.fromEntries(entity.key.map((field, index) => [field, slots[index] as Slot]));
  return {
    kind: "get",
    request: {
      kind: "find",
      collection: entity.storedAs,
      filter: {
        _id: id,
        ...(entity.expires === undefined ? {} : notEnded(pathOf(entity, entity.expires))),
      },
      sort: undefined,
      hint: undefined,
      limit: 1,
    },
    values: values.list,
  };
}

export function listRequest(
  entity: EntityData,
  pattern: ListPattern,
  access: ListAccess,
  index: MongoIndexKey | undefined,
): Sent<MongoListPlan> {
  const values = new Values();
  const reads = fieldsRead(entity, pattern);
  const projection = reads && Object.fromEntries(reads.map((field) => [pathOf(entity, field), 1 as const]));
  const find = (continued: boolean): MongoFind => {
    const filter = new Filter();
    if (access.kind === "id") idFilter(entity, pattern, access.direction, continued, filter, values);
    else pathFilter(entity, pattern, continued, filter, values);
    addConditions(entity, pattern.where, filter, values);
    if (entity.expires !== undefined) filter.clause(notEnded(pathOf(entity, entity.expires)));
    return {
      kind: "find",
      collection: entity.storedAs,
      filter: filter.template(),
      ...(projection === undefined ? {} : { projection }),
      sort:
        access.kind === "id"
          ? { _id: access.direction }
          : access.kind === "unique"
            ? undefined
            : keyObject(orderKeys(entity, pattern)),
      hint: access.kind === "id" ? { _id: 1 } : index,
      limit: values.limit(),
    };
  };
  const request = find(false);
  const next = find(true);
  return {
    kind: "list",
    request,
    ...(reads === undefined ? {} : { reads }),
    next,
    position: pattern.order.map((term) => ({
      field: term.field,
      path: pathOf(entity, term.field),
      type: typeOf(entity, term.field),
    })),
    values: values.list,
  };
}

function orderKeys(entity: EntityData, pattern: ListPattern): readonly KeyPart[] {
  return pattern.order.map((term) => [pathOf(entity, term.field), term.direction === "asc" ? 1 : -1]);
}

/** Conditions on the fields' own paths. */
function pathFilter(
  entity: EntityData,
  pattern: ListPattern,
  continued: boolean,
  filter: Filter,
  values: Values,
): void {
  for (const part of pattern.by) {
    const path = pathOf(entity, part.field);
    const type = typeOf(entity, part.field);
    if (part.kind === "field")
      filter.add(path, "$eq", values.slot(part.param, { kind: "param", param: part.param }, type));
    else addInterval(path, bucketBounds(part, type, values), filter);
  }
  if (pattern.range !== undefined) {
    addInterval(pathOf(entity, pattern.range.field), rangeBounds(entity, pattern.range, values), filter);
  }
  if (continued) addAfter(entity, pattern, filter, values);
}

interface Bounds {
  readonly from: Slot;
  readonly to: Slot;
}

function bucketBounds(part: By & { readonly kind: "bucket" }, type: Field, values: Values): Bounds {
  const { param, unit } = part;
  return {
    from: values.slot(`${param}.start`, { kind: "bucketStart", param, unit }, type),
    to: values.slot(`${param}.end`, { kind: "bucketEnd", param, unit }, type),
  };
}

function rangeBounds(entity: EntityData, range: Range, values: Values, otherwise?: "greatest"): Bounds {
  const type = typeOf(entity, range.field);
  // Both bounds are a bucket's first moment: `to` is exclusive.
  const source = (param: string): ValueSource =>
    range.unit === undefined ? { kind: "param", param } : { kind: "bucketStart", param, unit: range.unit };
  return {
    from: values.slot("from", source("from"), type, { optional: true }),
    to: values.slot("to", source("to"), type, { optional: true, ...(otherwise === undefined ? {} : { otherwise }) }),
  };
}

function addInterval(path: string, bounds: Bounds, filter: Filter): void {
  filter.add(path, "$gte", bounds.from);
  filter.add(path, "$lt", bounds.to);
}

/**
 * What comes after the cursor in the order (a, b, c): a beyond, or a equal and (b beyond, or b equal and c beyond). Written as
 * `a ≥ A and (a > A or (b ≥ B and (b > B or c > C)))`, so that the first condition bounds the index scan.
 */
function addAfter(entity: EntityData, pattern: ListPattern, filter: Filter, values: Values): void {
  const terms = pattern.order.map((term, position) => ({
    path: pathOf(entity, term.field),
    beyond: term.direction === "asc" ? "$gt" : "$lt",
    slot: values.slot(`after.${term.field}`, { kind: "after", position }, typeOf(entity, term.field)),
  }));
  const rest = (at: number): TemplateObject | undefined => {
    const term = terms[at];
    if (term === undefined) return undefined;
    const beyond = { [term.path]: { [term.beyond]: term.slot } };
    const deeper = rest(at + 1);
    if (deeper === undefined) return beyond;
    // The first term's own bound stands at the filter's top.
    const bound = at === 0 ? {} : { [term.path]: { [`${term.beyond}e`]: term.slot } };
    return { ...bound, $or: [beyond, deeper] };
  };
  const [first] = terms;
  if (first === undefined) return;
  if (terms.length === 1) {
    filter.add(first.path, first.beyond, first.slot, true);
    return;
  }
  filter.add(first.path, `${first.beyond}e`, first.slot, true);
  filter.clause(rest(0) as TemplateObject);
}

/**
 * A range of `_id`, which sorts like the key: from { tenant } up to { tenant, id: greatest }. An embedded document that is
 * the beginning of another sorts before it (manual: "BSON comparison order, objects").
 */
function idFilter(
  entity: EntityData,
  pattern: ListPattern,
  direction: IndexDirection,
  continued: boolean,
  filter: Filter,
  values: Values,
): void {
  const equal = new Map(pattern.by.flatMap((part) => (part.kind === "field" ? [[part.field, part] as const] : [])));
  const head: Record<string, Template> = {};
  for (const field of entity.key.slice(0, equal.size)) {
    head[field] = values.slot(field, { kind: "param", param: field }, typeOf(entity, field));
  }
  const rest = entity.key.slice(equal.size);
  const [next] = rest;
  if (next === undefined) {
    // The whole key is given: one record. A further page cannot have any.
    const [only] = Object.values(head);
    const id = entity.key.length === 1 && only !== undefined ? only : head;
    if (continued) filter.add("_id", "$in", []);
    else filter.add("_id", "$eq", id);
    return;
  }
  const bucket = pattern.by.find((part) => part.kind === "bucket");
  const single = entity.key.length === 1;
  let bounds: Bounds | undefined;
  if (bucket !== undefined) bounds = bucketBounds(bucket, typeOf(entity, next), values);
  else if (pattern.range !== undefined)
    bounds = rangeBounds(entity, pattern.range, values, single ? undefined : "greatest");

  const after = (): Template => {
    const slots = rest.map(
      (field, position) =>
        [field, values.slot(`after.${field}`, { kind: "after", position }, typeOf(entity, field))] as const,
    );
    return single ? (slots[0] as (typeof slots)[0])[1] : { ...head, ...Object.fromEntries(slots) };
  };
  const from = continued && direction === 1 ? undefined : bounds?.from;
  const to = continued && direction === -1 ? undefined : bounds?.to;
  if (single) {
    if (from !== undefined) filter.add("_id", "$gte", from);
    if (to !== undefined) filter.add("_id", "$lt", to);
  } else {
    const greatest = (): Slot => values.slot("greatest", { kind: "greatest" }, anything);
    if (!(continued && direction === 1))
      filter.add("_id", "$gte", from === undefined ? head : { ...head, [next]: from });
    if (!(continued && direction === -1)) filter.add("_id", "$lt", { ...head, [next]: to ?? greatest() });
  }
  if (continued) filter.add("_id", direction === 1 ? "$gt" : "$lt", after());
}

function addConditions(entity: EntityData, conditions: readonly Condition[], filter: Filter, values: Values): void {
  for (const { field, operator, value } of conditions) {
    const path = pathOf(entity, field);
    const type = typeOf(entity, field);
    const name = `where.${field}.${operator}`;
    switch (operator) {
      case "eq":
        filter.add(path, "$eq", values.constant(name, value, type));
        break;
      case "in":
        filter.add(
          path,
          "$in",
          (value as unknown[]).map((one, index) => values.constant(`${name}.${index}`, one, type)),
        );
        break;
      case "exists":
        // Null and missing are one to MongoDB here, as they are to keyfold.
        filter.add(path, value === true ? "$ne" : "$eq", null);
        break;
      case "ne":
      case "gt":
      case "gte":
      case "lt":
      case "lte":
        filter.add(path, `$${operator}`, values.constant(name, value, type));
        break;
      default:
        operator satisfies never;
    }
  }
}

export function topRequest(
  entity: EntityData,
  pattern: TopPattern,
  bounded: MongoIndexKey | undefined,
): Sent<MongoTopPlan> {
  const values = new Values();
  const narrowed = pattern.where.some(({ operator }) => operator === "eq" || operator === "in");
  const hint = { bounded, unbounded: narrowed ? undefined : ({ $natural: 1 } as const) };
  const by = pathOf(entity, pattern.by);
  const byType = typeOf(entity, pattern.by);
  const sumType =
    pattern.sum === undefined ? undefined : { ...typeOf(entity, pattern.sum), optional: false, nullable: false };
  const measure = sumType === undefined ? "count" : "sum";
  const aggregate = (continued: boolean): MongoAggregate => {
    const match = new Filter();
    if (pattern.range !== undefined) {
      addInterval(pathOf(entity, pattern.range.field), rangeBounds(entity, pattern.range, values), match);
    }
    addConditions(entity, pattern.where, match, values);
    if (mayBeMissing(entity, pattern.by)) match.add(by, "$ne", null);
    const filter = match.template();
    const group: Record<string, Template> = { _id: `$${by}` };
    if (pattern.sum !== undefined) group["sum"] = { $sum: `$${pathOf(entity, pattern.sum)}` };
    group["count"] = { $sum: 1 };
    const stages: TemplateObject[] = [];
    if (Object.keys(filter).length > 0) stages.push({ $match: filter });
    stages.push({ $group: group });
    if (continued) {
      const last = values.slot(`after.${measure}`, { kind: "after", position: 0 }, sumType ?? integer);
      const group = values.slot(`after.${pattern.by}`, { kind: "after", position: 1 }, byType);
      stages.push({
        $match: { [measure]: { $lte: last }, $or: [{ [measure]: { $lt: last } }, { _id: { $gt: group } }] },
      });
    }
    stages.push({ $sort: { [measure]: -1, _id: 1 } }, { $limit: values.limit() });
    return { kind: "aggregate", collection: entity.storedAs, pipeline: stages, hint };
  };
  const request = aggregate(false);
  const next = aggregate(true);
  return {
    kind: "top",
    request,
    next,
    row: {
      by: { name: pattern.by, type: { ...byType, optional: false, nullable: false } },
      sum: pattern.sum === undefined || sumType === undefined ? undefined : { name: pattern.sum, type: sumType },
    },
    values: values.list,
  };
}
