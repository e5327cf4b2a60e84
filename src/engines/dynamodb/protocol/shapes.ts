import { serialization, validation } from "../errors.js";

/**
 * What the members of a request must look like, and the check of one against it, with the texts of the frame that all of
 * AWS's services share: types first, then all constraints at once.
 */

/** Limits of one member. Lengths are of texts, lists and maps. */
interface Limits {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  /** The pattern as errors quote it, where that is another one. */
  readonly shownPattern?: string;
  readonly values?: readonly string[];
}

export type Shape = Limits &
  (
    | { readonly kind: "string" | "integer" | "long" | "boolean" | "blob" | "timestamp" }
    | { readonly kind: "list"; readonly of: Shape }
    | {
        readonly kind: "map";
        readonly of: Shape;
        readonly keyPattern?: RegExp;
        readonly lengths?: readonly [number, number];
      }
    | { readonly kind: "structure"; readonly name: string; readonly members: Members }
    /** Attribute values; what is in them is checked where they are used. */
    | { readonly kind: "item" }
    | { readonly kind: "value" }
  );

export type Members = Readonly<Record<string, Shape>>;

export const string: Shape = { kind: "string" };
export const boolean: Shape = { kind: "boolean" };
export const item: Shape = { kind: "item" };
export const value: Shape = { kind: "value" };
export const requiredItem: Shape = { kind: "item", required: true };

const mostErrors = 10;

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** A value as Java's toString shows it, which is how AWS quotes it. */
function javaText(shape: Shape | undefined, input: unknown): string {
  if (input === null || input === undefined) return "null";
  if (Array.isArray(input)) {
    const of = shape?.kind === "list" ? shape.of : undefined;
    return `[${input.map((each) => javaText(of, each)).join(", ")}]`;
  }
  if (typeof input !== "object") return String(input);
  if (shape?.kind === "structure") {
    const parts = Object.entries(shape.members)
      .filter(([name]) => (input as Record<string, unknown>)[name] !== undefined)
      .map(([name, each]) => `${lowerFirst(name)}=${javaText(each, (input as Record<string, unknown>)[name])}`);
    return `${shape.name}(${parts.join(", ")})`;
  }
  const of = shape?.kind === "map" ? shape.of : undefined;
  return `{${Object.entries(input)
    .map(([name, each]) => `${name}=${javaText(of, each)}`)
    .join(", ")}}`;
}

const javaNames = { string: "String", integer: "Integer", long: "Long", boolean: "Boolean" } as const;

function kindOf(input: unknown): string {
  if (typeof input === "number") return Number.isInteger(input) ? "NUMBER_VALUE" : "DECIMAL_VALUE";
  if (typeof input === "string") return "STRING_VALUE";
  return input === true ? "TRUE_VALUE" : "FALSE_VALUE";
}

function structureOf(shape: Shape, input: unknown): Record<string, unknown> {
  if (typeof input !== "object" || input === null) throw serialization("Unexpected field type");
  if (Array.isArray(input)) {
    throw serialization(
      shape.kind === "structure"
        ? `Unrecognized collection type class com.amazonaws.dynamodb.v20120810.${shape.name}`
        : "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>",
    );
  }
  return input as Record<string, unknown>;
}

/** Throws a SerializationException where JSON of another type stands than the member has. */
function checkType(shape: Shape, input: unknown): void {
  switch (shape.kind) {
    case "string":
    case "integer":
    case "long":
    case "boolean": {
      const wanted = shape.kind === "string" || shape.kind === "boolean" ? shape.kind : "number";
      if (typeof input === wanted) return;
      const name = javaNames[shape.kind];
      if (Array.isArray(input)) throw serialization(`Unrecognized collection type class java.lang.${name}`);
      if (typeof input === "object") throw serialization("Start of structure or map found where not expected");
      throw serialization(`${kindOf(input)} cannot be converted to ${name}`);
    }
    case "blob":
      if (typeof input !== "string") throw serialization("only base-64-encoded strings are convertible to bytes");
      return;
    case "timestamp":
      if (typeof input !== "number")
        throw serialization(`${kindOf(input)} cannot be converted to milliseconds since epoch`);
      return;
    case "list":
      if (Array.isArray(input)) {
        for (const each of input) if (each !== null) checkType(shape.of, each);
        return;
      }
      if (typeof input === "object") throw serialization("Start of structure or map found where not expected");
      throw serialization("Unexpected field type");
    case "map": {
      const map = structureOf(shape, input);
      for (const name of Object.keys(map)) if (map[name] !== null) checkType(shape.of, map[name]);
      return;
    }
    case "structure":
      checkTypes(shape.members, structureOf(shape, input));
      return;
    default:
      structureOf(shape, input);
  }
}

function checkTypes(members: Members, input: Record<string, unknown>): void {
  for (const name in members) {
    const member = input[name];
    if (member === undefined) continue;
    // A null is a member that is not there.
    if (member === null) delete input[name];
    else checkType(members[name]!, member);
  }
}

function lengthOf(input: unknown): number {
  if (typeof input === "string" || Array.isArray(input)) return input.length;
  return Object.keys(input as object).length;
}

/** Adds what is wrong with a member to `errors`. */
function checkMember(shape: Shape, name: string, parent: string, input: unknown, errors: string[]): void {
  const report = (constraint: string): void => {
    if (errors.length >= mostErrors) return;
    const shown = input === null || input === undefined ? "null" : `'${javaText(shape, input)}'`;
    errors.push(`Value ${shown} at '${parent}${name}' failed to satisfy constraint: ${constraint}`);
  };
  if (input === undefined || input === null) {
    if (shape.required) report("Member must not be null");
    return;
  }
  const { min, max, pattern, values } = shape;
  if (shape.kind === "integer" || shape.kind === "long") {
    if (min !== undefined && (input as number) < min) report(`Member must have value greater than or equal to ${min}`);
    if (max !== undefined && (input as number) > max) report(`Member must have value less than or equal to ${max}`);
    return;
  }
  if (values !== undefined && !values.includes(input as string)) {
    report(`Member must satisfy enum value set: [${values.join(", ")}]`);
  }
  if (
    pattern !== undefined &&
    (min === undefined || (input as string).length >= min) &&
    !pattern.test(input as string)
  ) {
    report(`Member must satisfy regular expression pattern: ${shape.shownPattern ?? pattern.source.slice(1, -1)}`);
  }
  if (min !== undefined && lengthOf(input) < min) report(`Member must have length greater than or equal to ${min}`);
  if (max !== undefined && lengthOf(input) > max) report(`Member must have length less than or equal to ${max}`);
  if (shape.kind === "list") {
    const { of } = shape;
    for (let at = 0; at < (input as unknown[]).length; at++) {
      checkMember(of, "member", `${parent}${name}.${at + 1}.`, (input as unknown[])[at], errors);
    }
  } else if (shape.kind === "map") {
    const { of, lengths, keyPattern } = shape;
    for (const [key, each] of Object.entries(input)) {
      if (keyPattern !== undefined && !keyPattern.test(key)) {
        report(
          `Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]`,
        );
      }
      if (lengths !== undefined && Array.isArray(each) && (each.length < lengths[0] || each.length > lengths[1])) {
        report(
          `Map value must satisfy constraint: [Member must have length less than or equal to ${lengths[1]}, Member must have length greater than or equal to ${lengths[0]}]`,
        );
      }
      checkMember(of, "member", `${parent}${name}.${key}.`, each, errors);
    }
  } else if (shape.kind === "structure") {
    // Members of a structure in a list or map are named right behind its place.
    checkMembers(shape.members, input as Record<string, unknown>, `${parent}${name}.`, errors);
  }
}

function checkMembers(members: Members, input: Record<string, unknown>, parent: string, errors: string[]): void {
  for (const name in members) checkMember(members[name]!, lowerFirst(name), parent, input[name], errors);
}

/**
 * Checks a request against the members of its operation. Throws a SerializationException for JSON of the wrong type,
 * or one ValidationException that lists all constraints that are not kept.
 */
export function checkRequest(members: Members, input: Record<string, unknown>): void {
  checkTypes(members, input);
  const errors: string[] = [];
  checkMembers(members, input, "", errors);
  if (errors.length > 0) throw constraints(errors);
}

/** The error that lists constraints which are not kept. */
export function constraints(errors: readonly string[]): Error {
  return validation(`${errors.length} validation error${errors.length > 1 ? "s" : ""} detected: ${errors.join("; ")}`);
}
