import type { BucketUnit } from "./bucket.js";
import { type Consistency, consistencyLevels } from "./consistency.js";
import type {
  By,
  Condition,
  EntityData,
  Operator,
  OrderTerm,
  PatternData,
  Range,
  TogetherPattern,
} from "./description.js";
import { type Field, type FieldKind, fieldAt } from "./field.js";
import { type Issues, quoted } from "./issues.js";
import type { PatternDraft } from "./patterns.js";
import { fits } from "./values.js";

type Path = readonly (string | number)[];

/** Kinds that a question can give a value of. */
const askable: ReadonlySet<FieldKind> = new Set([
  "string",
  "enum",
  "int",
  "int64",
  "double",
  "decimal",
  "boolean",
  "date",
  "uuid",
]);
/** Kinds that order alike on every engine. */
const ordered: ReadonlySet<FieldKind> = askable;
const summable: ReadonlySet<FieldKind> = new Set(["int", "int64", "double", "decimal"]);
const operators: ReadonlySet<string> = new Set<Operator>(["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists"]);
const units: ReadonlySet<string> = new Set<BucketUnit>(["hour", "day", "month"]);

/** Checks one pattern against its entity and gives it its full description. */
export function checkPattern(
  name: string,
  draft: PatternDraft,
  entity: EntityData,
  path: Path,
  issues: Issues,
): PatternData {
  return new PatternCheck(name, draft, entity, path, issues).run();
}

/** Checks a `together` pattern against its entities. */
export function checkTogether(
  name: string,
  draft: PatternDraft,
  entities: readonly [EntityData, ...EntityData[]],
  path: Path,
  issues: Issues,
): PatternData {
  const [first, ...others] = entities;
  const common = new PatternCheck(name, draft, first, path, issues).together(entities.map((entity) => entity.name));
  if (new Set(common.entities).size !== entities.length || entities.length < 2) {
    issues.add(
      "together-entities",
      path,
      "it does not name two or more different entities",
      "Name each once; for a single entity use list.",
    );
  }
  for (const { field } of common.by) {
    const type = fieldAt(first.fields, field);
    for (const other of others) {
      const found = fieldAt(other.fields, field);
      if (found === undefined || type === undefined || !sameType(type, found)) {
        issues.add(
          "together-by",
          [...path, "by"],
          found === undefined
            ? `entity "${other.name}" has no field "${field}"`
            : `"${field}" is of another type in "${other.name}" than in "${first.name}"`,
          "Use fields that all of the entities have, of one type.",
        );
      }
    }
  }
  return common;
}

/** Whether the values of two fields are equal where they look equal. */
function sameType(a: Field, b: Field): boolean {
  if (a.kind === "decimal" && b.kind === "decimal") return a.scale === b.scale;
  const text: ReadonlySet<FieldKind> = new Set(["string", "enum"]);
  return a.kind === b.kind || (text.has(a.kind) && text.has(b.kind));
}

class PatternCheck {
  readonly #name: string;
  readonly #draft: PatternDraft;
  readonly #entity: EntityData;
  readonly #path: Path;
  readonly #issues: Issues;

  constructor(name: string, draft: PatternDraft, entity: EntityData, path: Path, issues: Issues) {
    this.#name = name;
    this.#draft = draft;
    this.#entity = entity;
    this.#path = path;
    this.#issues = issues;
  }

  run(): PatternData {
    const spec = this.#draft.spec;
    const facts = { name: this.#name, entity: this.#entity.name, consistency: this.#consistency() };
    switch (this.#draft.kind) {
      case "get":
        return {
          kind: "get",
          ...facts,
          by: this.#entity.key.map((field) => ({ kind: "field", field, param: field })),
          select: this.#select(spec.select),
        };
      case "list": {
        const by = this.#by(spec.by);
        const range = this.#range(spec.range, by);
        const order = this.#order(spec.order, by, range);
        const prefix = by.every((part, index) => part.kind === "field" && part.field === this.#entity.key[index]);
        return {
          kind: prefix ? "listByKey" : "list",
          ...facts,
          by,
          where: this.#where(spec.where, [...by, ...(range === undefined ? [] : [range])]),
          range,
          order,
          select: this.#select(spec.select),
        };
      }
      case "rank": {
        const by = this.#by(spec.by);
        const order = this.#order(spec.order, by, undefined);
        if (Object.values((spec.order ?? {}) as object).every((direction) => direction === undefined)) {
          this.#add("rank-order", ["order"], "nothing says what a better place is", "Name the field that is compared.");
        }
        return { kind: "rank", ...facts, by, where: this.#where(spec.where, by), order };
      }
      case "top": {
        const by = this.#field(spec.by, "by", askable) ?? "";
        const sum = spec.sum === undefined ? undefined : this.#field(spec.sum, "sum", summable);
        if (sum !== undefined && sum === by) {
          this.#add("top-sum-is-by", ["sum"], `"${sum}" is both the group and the sum`, "Sum another field.");
        }
        for (const [option, field] of [
          ["by", by],
          ["sum", sum],
        ] as const) {
          if (field === "count") {
            this.#add("top-count", [option], 'a row\'s "count" is the number of records', 'Rename the field "count".');
          }
        }
        if (this.#entity.expires !== undefined) {
          this.#add(
            "top-expires",
            [],
            `"${this.#entity.name}" expires, and engines differ in whether a sum keeps what expired`,
            "Sum an entity whose records stay.",
          );
        }
        const range = this.#range(spec.range, []);
        return {
          kind: "top",
          ...facts,
          by,
          sum,
          where: this.#where(spec.where, range === undefined ? [] : [range]),
          range,
        };
      }
      case "search": {
        const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
        const text = list(spec.text);
        if (text.length === 0)
          this.#add("search-text", ["text"], "no field is searched", "Name at least one text field.");
        const names = (values: unknown[], option: string, kinds: ReadonlySet<FieldKind>): string[] =>
          values.flatMap((value) => this.#field(value, option, kinds) ?? []);
        const filter = names(list(spec.filter), "filter", askable);
        if (filter.includes("text")) {
          this.#add(
            "param-repeats",
            ["filter"],
            'the parameter "text" is the searched words',
            'Rename the field "text".',
          );
        }
        return {
          kind: "search",
          ...facts,
          text: names(text, "text", new Set(["string", "enum"])),
          filter,
          facets: names(list(spec.facets), "facets", askable),
        };
      }
      case "together":
        return this.together([this.#entity.name]);
      default:
        return this.#draft.kind satisfies never;
    }
  }

  together(entities: readonly string[]): TogetherPattern {
    const facts = { name: this.#name, entity: this.#entity.name, consistency: this.#consistency() };
    return { kind: "together", ...facts, entities, by: this.#by(this.#draft.spec.by) };
  }

  #add(code: string, path: Path, message: string, fix: string): void {
    this.#issues.add(code, [...this.#path, ...path], message, fix);
  }

  #consistency(): Consistency {
    const level = this.#draft.spec.consistency ?? "session";
    if (consistencyLevels.includes(level as Consistency)) return level as Consistency;
    this.#add(
      "consistency-unknown",
      ["consistency"],
      `${JSON.stringify(level)} is not a consistency level`,
      `Use one of ${quoted(consistencyLevels)}.`,
    );
    return "session";
  }

  /** The named field, when it is there and of one of the kinds. */
  #field(name: unknown, option: string, kinds: ReadonlySet<FieldKind>): string | undefined {
    const field = typeof name === "string" ? fieldAt(this.#entity.fields, name) : undefined;
    if (typeof name !== "string" || field === undefined) {
      this.#add(
        "field-unknown",
        [option],
        `entity "${this.#entity.name}" has no field ${JSON.stringify(name)}`,
        `Use one of ${quoted(Object.keys(this.#entity.fields))}, or a path such as "address.city".`,
      );
      return undefined;
    }
    if (!kinds.has(field.kind)) {
      this.#add(
        "field-type",
        [option],
        `"${name}" is of type ${field.kind}`,
        `Use a field of type ${[...kinds].join(", ")}.`,
      );
      return undefined;
    }
    return name;
  }

  /** Fields of the record itself that a row has. */
  #select(value: unknown): readonly string[] | undefined {
    if (value === undefined) return undefined;
    const named: readonly unknown[] = Array.isArray(value) ? value : [];
    const known = Object.keys(this.#entity.fields);
    if (named.length === 0) {
      this.#add("select-empty", ["select"], "no field is named", "Name at least one field, or leave select out.");
    }
    for (const name of named) {
      if (known.includes(name as string)) continue;
      this.#add(
        "field-unknown",
        ["select"],
        `entity "${this.#entity.name}" has no field ${JSON.stringify(name)}`,
        `Use some of ${quoted(known)}: fields of the record itself, no paths.`,
      );
    }
    if (new Set(named).size !== named.length) {
      this.#add("select-repeats", ["select"], "a field is named twice", "Name it once.");
    }
    return known.filter((name) => named.includes(name));
  }

  /** A bucket of a date field, when the value is one. */
  #bucket(value: unknown, option: string): { readonly field: string; readonly unit: BucketUnit } | undefined {
    if (!isBucket(value)) return undefined;
    const field = this.#field(value.field, option, new Set(["date"]));
    return field === undefined ? undefined : { field, unit: value.unit };
  }

  #by(value: unknown): readonly By[] {
    const parts = Array.isArray(value) ? (value as unknown[]) : [];
    if (parts.length === 0) {
      this.#add(
        "by-empty",
        ["by"],
        "a list must be asked for by something",
        "Name at least one field or bucket: reading everything is a scan, not a pattern.",
      );
    }
    const by: By[] = [];
    for (const part of parts) {
      if (isBucket(part)) {
        const bucket = this.#bucket(part, "by");
        if (bucket !== undefined) by.push({ kind: "bucket", ...bucket, param: bucket.unit });
      } else {
        const field = this.#field(part, "by", askable);
        if (field !== undefined) by.push({ kind: "field", field, param: field });
      }
    }
    const params = new Map<string, By>();
    for (const part of by) {
      const other = params.get(part.param);
      if ((other !== undefined && other.field !== part.field) || ["from", "to"].includes(part.param)) {
        this.#add(
          "param-repeats",
          ["by"],
          `two parameters would be called "${part.param}"`,
          "Use one bucket of each unit, and rename a field that is called like a bucket, from or to.",
        );
      }
      params.set(part.param, part);
    }
    if (new Set(by.map((part) => part.field)).size !== by.length) {
      this.#add("by-repeats", ["by"], "one field is asked for twice", "Name it once.");
    }
    return by;
  }

  #range(value: unknown, by: readonly By[]): Range | undefined {
    if (value === undefined) return undefined;
    const bucket = this.#bucket(value, "range");
    const field = isBucket(value) ? bucket?.field : this.#field(value, "range", ordered);
    if (field === undefined) return undefined;
    if (by.some((part) => part.field === field)) {
      this.#add("range-of-by", ["range"], `"${field}" is already asked for in by`, "Remove it from one of the two.");
    }
    return { field, unit: bucket?.unit };
  }

  #order(value: unknown, by: readonly By[], range: Range | undefined): readonly OrderTerm[] {
    const terms: OrderTerm[] = [];
    if (value !== undefined) {
      for (const [name, direction] of Object.entries(value as Record<string, unknown>)) {
        if (direction === undefined) continue;
        if (direction !== "asc" && direction !== "desc") {
          this.#add(
            "order-direction",
            ["order", name],
            `${JSON.stringify(direction)} is not a direction`,
            'Use "asc" or "desc".',
          );
          continue;
        }
        const field = this.#field(name, "order", ordered);
        if (field === undefined) continue;
        const facts = fieldAt(this.#entity.fields, field) as Field;
        if (facts.optional || facts.nullable) {
          this.#add(
            "order-optional",
            ["order", field],
            `"${field}" may be missing, and engines disagree on where such records come`,
            "Order by fields that every record has.",
          );
        }
        if (by.some((part) => part.kind === "field" && part.field === field)) {
          this.#add("order-of-by", ["order", field], `"${field}" is equal in all rows`, "Remove it from order.");
        }
        terms.push({ field, direction });
      }
    } else {
      const bucket = by.find((part) => part.kind === "bucket");
      const first = range?.field ?? bucket?.field;
      const facts = first === undefined ? undefined : fieldAt(this.#entity.fields, first);
      if (first !== undefined && facts !== undefined && !facts.optional && !facts.nullable) {
        terms.push({ field: first, direction: "asc" });
      }
    }
    const direction = terms.at(-1)?.direction ?? "asc";
    for (const field of this.#entity.key) {
      const fixed = by.some((part) => part.kind === "field" && part.field === field);
      if (!fixed && !terms.some((term) => term.field === field)) terms.push({ field, direction });
    }
    return terms;
  }

  #where(value: unknown, taken: readonly { readonly field: string }[]): readonly Condition[] {
    if (value === undefined) return [];
    const conditions: Condition[] = [];
    for (const [name, compare] of Object.entries(value as Record<string, unknown>)) {
      if (compare === undefined) continue;
      const field = this.#field(name, "where", askable);
      if (field === undefined) continue;
      if (taken.some((other) => other.field === field)) {
        this.#add(
          "where-of-by",
          ["where", field],
          `"${field}" is already asked for in by or range`,
          "Remove it from one of the two.",
        );
      }
      conditions.push(
        ...checkConditions(
          field,
          fieldAt(this.#entity.fields, field) as Field,
          compare,
          [...this.#path, "where"],
          this.#issues,
        ),
      );
    }
    return conditions;
  }
}

/** Conditions on one field, as people write them: a value, or operators. */
export function checkConditions(name: string, field: Field, compare: unknown, path: Path, issues: Issues): Condition[] {
  const isOperators = typeof compare === "object" && compare !== null && !(compare instanceof Date);
  const pairs = isOperators ? Object.entries(compare as Record<string, unknown>) : [["eq", compare] as const];
  const conditions: Condition[] = [];
  for (const [operator, value] of pairs) {
    if (value === undefined) continue;
    const at = [...path, name, ...(isOperators ? [operator] : [])];
    if (!operators.has(operator)) {
      issues.add(
        "where-operator",
        at,
        `${JSON.stringify(operator)} is not an operator`,
        `Use one of ${quoted(operators)}.`,
      );
      continue;
    }
    const values = operator === "in" ? (Array.isArray(value) ? (value as unknown[]) : [undefined]) : [value];
    const fit = operator === "exists" ? typeof value === "boolean" : values.every((one) => fits(field, one));
    if (!fit) {
      issues.add(
        "where-value",
        at,
        `the value does not fit the field's type ${field.kind}`,
        `Give ${operator === "in" ? "a list of values" : operator === "exists" ? "true or false" : "a value"} of that type.`,
      );
      continue;
    }
    conditions.push({ field: name, operator: operator as Operator, value });
  }
  return conditions;
}

function isBucket(value: unknown): value is { readonly field: string; readonly unit: BucketUnit } {
  return (
    typeof value === "object" &&
    value !== null &&
    "unit" in value &&
    units.has(value.unit as string) &&
    "field" in value
  );
}
