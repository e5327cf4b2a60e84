import type { EntityData, PatternData } from "./description.js";
import { type Issues, quoted } from "./issues.js";

/** What a model says of its physical design on single engines, where the plan is not to decide alone. */
export interface Physical<PatternName> {
  readonly dynamodb?: DynamoPhysical<PatternName>;
}

/** What a model says of its table on DynamoDB. */
export interface DynamoPhysical<PatternName> {
  /** Names of the attributes of the table's key, both of type string: those of a table that is adopted. Default pk and sk. */
  readonly key?: { readonly partition: string; readonly sort: string };
  /**
   * Lists that a local secondary index serves: each asks for the first fields of its entity's key. It is read as strongly
   * as the list is declared. DynamoDB makes local indexes with the table alone, never later, and refuses writes beyond
   * 10 GB under one partition key of a table that has one. Default none.
   */
  readonly localIndexes?: readonly PatternName[];
}

/** The same, checked, with its defaults. */
export interface PhysicalData {
  readonly dynamodb: {
    readonly key: { readonly partition: string; readonly sort: string };
    readonly localIndexes: readonly string[];
  };
}

const KEY = { partition: "pk", sort: "sk" } as const;
/** Names that keyfold gives attributes of its own, or may give. */
const TAKEN = /^(_.*|[gl]si\d.*|l_.*|.|whole|segments)$/;

/** Checks what a model says of single engines. */
export function checkPhysical(
  value: unknown,
  entities: Readonly<Record<string, EntityData>>,
  patterns: Readonly<Record<string, PatternData>>,
  issues: Issues,
): PhysicalData {
  const known = members(value, ["physical"], ["dynamodb"], issues);
  const dynamodb = members(known["dynamodb"], ["physical", "dynamodb"], ["key", "localIndexes"], issues);
  return {
    dynamodb: {
      key: checkKey(dynamodb["key"], issues),
      localIndexes: checkLocalIndexes(dynamodb["localIndexes"], entities, patterns, issues),
    },
  };
}

/** The members of an object of options; unknown ones are reported. */
function members(
  value: unknown,
  path: readonly string[],
  known: readonly string[],
  issues: Issues,
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null) {
    issues.add("physical-option", path, "it is not an object", `Give an object with ${quoted(known)}.`);
    return {};
  }
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    issues.add("physical-option", [...path, name], `there is no option "${name}"`, `Use ${quoted(known)}.`);
  }
  return value as Record<string, unknown>;
}

function checkKey(value: unknown, issues: Issues): PhysicalData["dynamodb"]["key"] {
  if (value === undefined) return KEY;
  const path = ["physical", "dynamodb", "key"];
  const { partition, sort } = members(value, path, ["partition", "sort"], issues);
  for (const [name, attribute] of Object.entries({ partition, sort })) {
    const good = typeof attribute === "string" && /^[A-Za-z0-9_.-]{1,255}$/.test(attribute) && !TAKEN.test(attribute);
    if (good) continue;
    issues.add(
      "physical-key",
      [...path, name],
      `${JSON.stringify(attribute)} cannot be the name of a key's attribute`,
      'Use 2 to 255 letters, digits, "_", "-" and ".", not beginning with "_", "l_", "gsi" or "lsi" and a digit: those are keyfold\'s own.',
    );
  }
  if (partition === sort) {
    issues.add("physical-key", path, "both attributes have one name", "Name the attributes of the table's key.");
  }
  return { partition: String(partition), sort: String(sort) };
}

function checkLocalIndexes(
  value: unknown,
  entities: Readonly<Record<string, EntityData>>,
  patterns: Readonly<Record<string, PatternData>>,
  issues: Issues,
): readonly string[] {
  if (value === undefined) return [];
  const path = ["physical", "dynamodb", "localIndexes"];
  const names: readonly unknown[] = Array.isArray(value) ? value : [];
  if (!Array.isArray(value)) issues.add("local-index", path, "it is not a list", "Give the names of patterns.");
  for (const name of new Set(names)) {
    const pattern = typeof name === "string" && Object.hasOwn(patterns, name) ? patterns[name] : undefined;
    const key = pattern === undefined ? [] : (entities[pattern.entity]?.key ?? []);
    const list = pattern?.kind === "list" || pattern?.kind === "listByKey" ? pattern : undefined;
    const asked = list?.by.map((part) => (part.kind === "field" ? part.field : "")) ?? [];
    if (
      list !== undefined &&
      asked.length < key.length &&
      asked.every((one) => key.indexOf(one) < asked.length && key.includes(one))
    )
      continue;
    issues.add(
      "local-index",
      [...path, String(name)],
      list === undefined
        ? `${JSON.stringify(name)} is not a list of the model`
        : `it does not ask for the first fields of the key (${key.join(", ")}), and no more`,
      "A local index orders the records of one partition of the table in another way: name lists by the first fields of the key.",
    );
  }
  return names.filter((name): name is string => typeof name === "string");
}
