import { checkEntity } from "./check-entity.js";
import { checkPattern, checkTogether } from "./check-pattern.js";
import type { EntityData, EntityWorkload, ModelData, PatternData, PatternWorkload } from "./description.js";
import type { EntityDraft } from "./entity.js";
import { fieldAt } from "./field.js";
import { Issues, quoted } from "./issues.js";
import type { PatternDraft } from "./patterns.js";
import { checkPhysical } from "./physical.js";

/** Checks a model as it was written and gives it its full description; throws `MODEL_INVALID` with all mistakes. */
export function checkModel(spec: {
  readonly entities: unknown;
  readonly patterns: unknown;
  readonly workload?: unknown;
  readonly physical?: unknown;
}): ModelData {
  const issues = new Issues();
  const drafts = members(spec.entities, "entities", issues);
  const entities: Record<string, EntityData> = {};
  for (const [name, value] of drafts) {
    const path = ["entities", name];
    checkName(name, path, issues);
    const draft = value as Partial<EntityDraft> | null;
    if (typeof draft !== "object" || draft?.kind !== "entity") {
      issues.add(
        "entity-expected",
        path,
        `"${name}" is not an entity`,
        "Declare it with entity(name, { schema, key }).",
      );
      continue;
    }
    if (draft.name !== name) {
      issues.add("entity-renamed", path, `the entity is called "${draft.name}"`, `Write entities: { ${draft.name} }.`);
    }
    const entity = checkEntity(draft as EntityDraft, path, issues);
    if (entity !== undefined) entities[name] = entity;
  }
  checkStoredNames(entities, issues);

  const patterns: Record<string, PatternData> = {};
  for (const [name, value] of members(spec.patterns, "patterns", issues)) {
    const path = ["patterns", name];
    checkName(name, path, issues);
    if (drafts.some(([entity]) => entity === name)) {
      issues.add("name-taken", path, `"${name}" is already the name of an entity`, "Give the pattern another name.");
    }
    const draft = value as Partial<PatternDraft> | null;
    if (typeof draft !== "object" || draft === null || draft.entity === undefined || draft.spec === undefined) {
      issues.add(
        "pattern-expected",
        path,
        `"${name}" is not a pattern`,
        "Declare it with get, list, rank, top, search or together.",
      );
      continue;
    }
    const named = draft.entities ?? [draft.entity];
    const absent = named.find((one) => !drafts.some(([entity]) => entity === one));
    if (absent !== undefined) {
      issues.add(
        "pattern-entity",
        path,
        `entity "${absent}" is not in the model`,
        `Add it to entities, or use one of ${quoted(drafts.map(([entity]) => entity))}.`,
      );
      continue;
    }
    const found = named.flatMap((one) => entities[one] ?? []);
    // An entity whose own schema is wrong has been reported; its patterns cannot be judged.
    const [entity] = found;
    if (entity !== undefined && found.length === named.length) {
      patterns[name] =
        draft.kind === "together"
          ? checkTogether(name, draft as PatternDraft, [entity, ...found.slice(1)], path, issues)
          : checkPattern(name, draft as PatternDraft, entity, path, issues);
    }
  }

  const workload = checkWorkload(
    spec.workload,
    drafts.map(([name]) => name),
    entities,
    patterns,
    issues,
  );
  const physical = checkPhysical(spec.physical, entities, patterns, issues);
  issues.throwIfAny();
  return { kind: "model", format: 1, entities, patterns, workload, physical };
}

function members(value: unknown, what: string, issues: Issues): [string, unknown][] {
  if (typeof value === "object" && value !== null) return Object.entries(value);
  issues.add(`${what}-missing`, [what], `the model has no ${what}`, `Give ${what} as an object, by name.`);
  return [];
}

function checkName(name: string, path: readonly string[], issues: Issues): void {
  if (name.startsWith("$") || name === "then") {
    issues.add(
      "name-reserved",
      path,
      `the name "${name}" is reserved for the client's own members`,
      'Use a name that is not "then" and does not begin with $.',
    );
  }
}

function checkStoredNames(entities: Readonly<Record<string, EntityData>>, issues: Issues): void {
  const seen = new Map<string, string>();
  for (const entity of Object.values(entities)) {
    const other = seen.get(entity.storedAs);
    if (other !== undefined) {
      issues.add(
        "stored-as-repeats",
        ["entities", entity.name],
        `"${entity.name}" and "${other}" would be stored in one place, "${entity.storedAs}"`,
        "Give each its own storedAs.",
      );
    }
    seen.set(entity.storedAs, entity.name);
  }
}

function checkWorkload(
  value: unknown,
  entityNames: readonly string[],
  entities: Readonly<Record<string, EntityData>>,
  patterns: Readonly<Record<string, PatternData>>,
  issues: Issues,
): ModelData["workload"] {
  const found: { entities: Record<string, EntityWorkload>; patterns: Record<string, PatternWorkload> } = {
    entities: {},
    patterns: {},
  };
  for (const [name, numbers] of Object.entries((value ?? {}) as Record<string, Record<string, unknown> | undefined>)) {
    if (numbers === undefined) continue;
    const path = ["workload", name];
    const isEntity = entityNames.includes(name);
    if (!isEntity && patterns[name] === undefined) {
      // A pattern that was left out above for a mistake of its own is not reported twice.
      if (issues.list.some((issue) => issue.path[0] === "patterns" && issue.path[1] === name)) continue;
      issues.add(
        "workload-unknown",
        path,
        `"${name}" is neither an entity nor a pattern of the model`,
        `Use one of ${quoted([...entityNames, ...Object.keys(patterns)])}.`,
      );
      continue;
    }
    checkNumbers(
      numbers,
      isEntity ? ["records", "bytes", "writesPerSecond", "hottestKeyShare", "distinct"] : ["readsPerSecond", "rows"],
      path,
      issues,
    );
    if (isEntity) {
      found.entities[name] = numbers as EntityWorkload;
      checkDistinct(numbers["distinct"], entities[name], path, issues);
    } else {
      found.patterns[name] = numbers as PatternWorkload;
    }
  }
  return found;
}

function checkNumbers(
  numbers: Record<string, unknown>,
  known: readonly string[],
  path: readonly string[],
  issues: Issues,
): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!known.includes(name)) {
      issues.add("workload-option", [...path, name], `"${name}" is not a workload number`, `Use ${quoted(known)}.`);
    } else if (name !== "distinct" && value !== undefined) {
      const good =
        typeof value === "number" && Number.isFinite(value) && value >= 0 && (name !== "hottestKeyShare" || value <= 1);
      if (!good) {
        issues.add(
          "workload-number",
          [...path, name],
          `${String(value)} cannot be ${name}`,
          name === "hottestKeyShare" ? "Give a share between 0 and 1." : "Give a number of at least 0.",
        );
      }
    }
  }
}

function checkDistinct(
  distinct: unknown,
  entity: EntityData | undefined,
  path: readonly string[],
  issues: Issues,
): void {
  if (distinct === undefined || entity === undefined) return;
  for (const [field, count] of Object.entries(distinct as Record<string, unknown>)) {
    const at = [...path, "distinct", field];
    if (fieldAt(entity.fields, field) === undefined) {
      issues.add(
        "field-unknown",
        at,
        `entity "${entity.name}" has no field "${field}"`,
        `Use one of ${quoted(Object.keys(entity.fields))}.`,
      );
    }
    if (!(typeof count === "number" && Number.isFinite(count) && count >= 1)) {
      issues.add(
        "workload-number",
        at,
        `${String(count)} cannot be a number of different values`,
        "Give a number of at least 1.",
      );
    }
  }
}
