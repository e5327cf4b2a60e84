import type { EntityData, GetPattern, ListPattern, TopPattern } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import type { Slot, ValueSource } from "../template.js";
import { NO_KEY, PART, tagText } from "./encoding.js";
import { specOf, typeOf } from "./fields.js";
import { type ListAccess, topRange } from "./indexes.js";
import type { LibraryFunction } from "./library.js";
import type {
  RedisArgument,
  RedisCommand,
  RedisEntity,
  RedisForm,
  RedisGetPlan,
  RedisListPlan,
  RedisRankPlan,
  RedisRequestValue,
  RedisTopIndex,
  RedisTopPlan,
} from "./types.js";

const integer: Field = { kind: "int", optional: false, nullable: false };
const text: Field = { kind: "string", optional: false, nullable: false };
/** What an adapter puts before all keys, and the name of its library. */
const PREFIX: Slot = { $slot: "prefix" };
const LIBRARY: Slot = { $slot: "library" };

type Part = string | Slot;

/** Collects a request's values, each under one name. */
class Values {
  readonly #byName = new Map<string, RedisRequestValue>();

  get list(): readonly RedisRequestValue[] {
    return [...this.#byName.values()];
  }

  slot(name: string, source: ValueSource, type: Field, form: RedisForm, optional = false): Slot {
    this.#byName.set(name, { name, source, type, optional, form });
    return { $slot: name };
  }

  param(entity: EntityData, field: string, form: RedisForm): Slot {
    return this.slot(field, { kind: "param", param: field }, typeOf(entity, field), form);
  }
}

function argument(...parts: Part[]): RedisArgument {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === "string" && typeof last === "string") joined[joined.length - 1] = last + part;
    else if (part !== "") joined.push(part);
  }
  return { parts: joined };
}

function separated(slots: readonly Slot[], by: string): Part[] {
  return slots.flatMap((slot, i): Part[] => (i === 0 ? [slot] : [by, slot]));
}

/** What the keys of a partition begin with: `shop:{line}`, or `shop:{account:acme}`. */
function base(entity: EntityData, { partition }: Pick<RedisEntity, "partition">, values: Values): Part[] {
  const tags = partition.map((field) => {
    const { $slot } = values.param(entity, field, "tag");
    return { $slot };
  });
  return [PREFIX, `:{${tagText(entity.storedAs)}${tags.length === 0 ? "" : ":"}`, ...separated(tags, PART), "}"];
}

type Sent<P> = Pick<P, Extract<keyof P, "kind" | "request" | "next" | "values" | "range" | "row">>;

export function getRequest(
  entity: EntityData,
  _pattern: GetPattern,
  stored: Pick<RedisEntity, "partition" | "rest">,
): Sent<RedisGetPlan> {
  const values = new Values();
  const head = base(entity, stored, values);
  const key = argument(...head, ":", ...recordName(entity, stored, values));
  return {
    kind: "get",
    request:
      entity.expires === undefined
        ? { command: "MGET", args: [key] }
        : { command: "FCALL_RO", args: [argument(LIBRARY, "_read"), argument("1"), key, argument(entity.name)] },
    values: values.list,
  };
}

/**
 * A call of the library on what one key finds in its partition. It names a second key, which is never there: while a
 * Cluster moves the slot from node to node, neither of them then runs it on the part that it has (TRYAGAIN).
 */
function call(
  name: LibraryFunction,
  head: readonly Part[],
  key: RedisArgument,
  ...args: readonly RedisArgument[]
): RedisCommand {
  return {
    command: "FCALL_RO",
    args: [argument(LIBRARY, `_${name}`), argument("2"), key, argument(...head, NO_KEY), ...args],
  };
}

/** What names a record within its partition. */
function recordName(entity: EntityData, { rest }: Pick<RedisEntity, "rest">, values: Values): Part[] {
  return separated(
    rest.map((field) => values.param(entity, field, "text")),
    PART,
  );
}

export function listRequest(
  entity: EntityData,
  pattern: ListPattern,
  access: ListAccess,
  stored: Pick<RedisEntity, "partition">,
): Sent<RedisListPlan> {
  const values = new Values();
  const groups = pattern.by
    .filter((part) => !(part.kind === "field" && stored.partition.includes(part.field)))
    .map((part) =>
      part.kind === "field"
        ? values.param(entity, part.field, "text")
        : values.slot(part.param, { kind: "param", param: part.param }, text, "plain"),
    );
  const head = base(entity, stored, values);
  const key = argument(...head, `/${access.index.name}:`, ...separated(groups, PART));
  const bounds = boundsOf(entity, pattern, access, values);
  const filter = filterOf(entity, pattern, access, values);
  const limit = values.slot("limit", { kind: "limit" }, integer, "plain");
  const page = (continued: boolean): RedisCommand => {
    const after = continued
      ? argument("(", values.slot("after", { kind: "after", position: 0 }, text, "plain"))
      : undefined;
    const forwards = access.direction === "asc";
    return {
      ...call(
        "list",
        head,
        key,
        argument(entity.name),
        argument(access.direction),
        (forwards ? after : undefined) ?? bounds.min,
        (forwards ? undefined : after) ?? bounds.max,
        argument(limit),
      ),
      filter,
    };
  };
  const request = page(false);
  const next = page(true);
  return { kind: "list", request, next, values: values.list };
}

/** The least and the greatest member, as ZRANGE BYLEX takes them. */
function boundsOf(
  entity: EntityData,
  pattern: ListPattern,
  { range }: ListAccess,
  values: Values,
): { readonly min: RedisArgument; readonly max: RedisArgument } {
  const least = { parts: ["-"] };
  const greatest = { parts: ["+"] };
  if (range.kind === "none" || range.kind === "filter" || pattern.range === undefined)
    return { min: least, max: greatest };
  const { field, unit } = pattern.range;
  const form: RedisForm = range.kind === "term" && range.reversed ? "reversed" : "text";
  const bound = (param: "from" | "to"): Slot => {
    const source: ValueSource = unit === undefined ? { kind: "param", param } : { kind: "bucketStart", param, unit };
    return values.slot(param, source, typeOf(entity, field), form, true);
  };
  const from = bound("from");
  const to = bound("to");
  const head: Part[] =
    range.kind === "name" ? range.fixed.flatMap((one): Part[] => [values.param(entity, one, "text"), PART]) : [];
  // A term is closed by the least byte: what is one above it lies behind every member with the term's value.
  if (form === "reversed") {
    return {
      min: { ...argument("[", to, "\u0001"), otherwise: "-" },
      max: { ...argument("(", from, "\u0001"), otherwise: "+" },
    };
  }
  return {
    min: { ...argument("[", ...head, from), otherwise: "-" },
    max: { ...argument("(", ...head, to), otherwise: "+" },
  };
}

function filterOf(
  entity: EntityData,
  pattern: ListPattern,
  { range }: ListAccess,
  values: Values,
): NonNullable<RedisCommand["filter"]> {
  if (range.kind !== "filter" || pattern.range === undefined) return [];
  const { field, unit } = pattern.range;
  const bound = (param: "from" | "to"): Slot => {
    const source: ValueSource = unit === undefined ? { kind: "param", param } : { kind: "bucketStart", param, unit };
    return values.slot(param, source, typeOf(entity, field), "text", true);
  };
  const spec = specOf(entity, field);
  return [
    { ...spec, o: "gte", v: bound("from") },
    { ...spec, o: "lt", v: bound("to") },
  ];
}

export function rankRequest(
  entity: EntityData,
  access: ListAccess,
  stored: Pick<RedisEntity, "partition" | "rest">,
): Sent<RedisRankPlan> {
  const values = new Values();
  const head = base(entity, stored, values);
  const key = argument(...head, ":", ...recordName(entity, stored, values));
  return {
    kind: "rank",
    request: call("rank", head, key, argument(entity.name), argument(access.index.name), argument(access.direction)),
    values: values.list,
  };
}

export function topRequest(
  entity: EntityData,
  pattern: TopPattern,
  index: Pick<RedisTopIndex, "name">,
  stored: Pick<RedisEntity, "partition">,
): Sent<RedisTopPlan> {
  const values = new Values();
  const head = base(entity, stored, values);
  const key = argument(...head, `/${index.name}`);
  const range = topRange(entity, pattern);
  const type = { ...typeOf(entity, pattern.by), optional: false, nullable: false };
  return {
    kind: "top",
    request: call("top", head, key, argument({ $slot: "spans" })),
    values: values.list,
    range,
    row: {
      by: { name: pattern.by, type },
      sum:
        pattern.sum === undefined
          ? undefined
          : { name: pattern.sum, type: { ...typeOf(entity, pattern.sum), optional: false, nullable: false } },
    },
  };
}
