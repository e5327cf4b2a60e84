import type { Field } from "./field.js";

/** Whether every value of the field is a JSON value. */
export function isJson(field: Field): boolean {
  switch (field.kind) {
    case "string":
    case "enum":
    case "int":
    case "double":
    case "decimal":
    case "boolean":
    case "uuid":
    case "json":
      return true;
    case "int64":
    case "date":
    case "bytes":
      return false;
    case "array":
      return isJson(field.element);
    case "map":
      return isJson(field.value);
    case "object":
      return Object.values(field.fields).every(isJson);
    default:
      return field satisfies never;
  }
}

/** One description that holds the values of both; undefined when there is none. Objects are merged field by field. */
export function mergeAlternatives(a: Field, b: Field): Field | undefined {
  const flags = { optional: a.optional || b.optional, nullable: a.nullable || b.nullable };
  if (a.kind === "enum" && b.kind === "enum")
    return { kind: "enum", values: [...new Set([...a.values, ...b.values])], ...flags };
  if ((a.kind === "enum" || a.kind === "string") && (b.kind === "enum" || b.kind === "string"))
    return { kind: "string", ...flags };
  if ((a.kind === "int" || a.kind === "double") && (b.kind === "int" || b.kind === "double")) {
    return { kind: a.kind === b.kind ? a.kind : "double", ...flags };
  }
  if (a.kind === "decimal" && b.kind === "decimal") return a.scale === b.scale ? { ...a, ...flags } : undefined;
  if (a.kind === "array" && b.kind === "array") {
    const element = mergeAlternatives(a.element, b.element);
    if (element === undefined) return undefined;
    const bounded = a.maxItems !== undefined && b.maxItems !== undefined;
    return { kind: "array", element, ...flags, ...(bounded ? { maxItems: Math.max(a.maxItems, b.maxItems) } : {}) };
  }
  if (a.kind === "map" && b.kind === "map") {
    const value = mergeAlternatives(a.value, b.value);
    return value === undefined ? undefined : { kind: "map", value, ...flags };
  }
  if (a.kind === "object" && b.kind === "object") {
    const fields: Record<string, Field> = {};
    for (const name of new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])) {
      const left = a.fields[name];
      const right = b.fields[name];
      const one = left !== undefined && right !== undefined ? mergeAlternatives(left, right) : (left ?? right);
      if (one === undefined) return undefined;
      fields[name] = left === undefined || right === undefined ? { ...one, optional: true } : one;
    }
    return { kind: "object", fields, ...flags };
  }
  if (a.kind !== b.kind) return undefined;
  // What is left are kinds without facts of their own.
  return { ...a, ...flags };
}
