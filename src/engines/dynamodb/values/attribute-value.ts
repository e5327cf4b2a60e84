import { invalidValue, serialization, validation } from "../errors.js";
import { canonicalNumber, compareNumbers, numberSize } from "./number.js";

/** The names of DynamoDB's types, as they stand in a request. */
export type TypeName = "S" | "N" | "B" | "BOOL" | "NULL" | "SS" | "NS" | "BS" | "L" | "M";

/** One attribute's value: an object with one member, which is named by the type. */
export type Value = { readonly [T in TypeName]?: unknown };

/** Attributes by name. Names are the user's: look them up with {@link attribute}, store with {@link setAttribute}. */
export type Item = { [name: string]: Value };

/** Levels of lists and maps that a value may have. */
const deepest = 32;

const typeNames: ReadonlySet<string> = new Set(["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"]);

export function isTypeName(name: string): name is TypeName {
  return typeNames.has(name);
}

/** The type of a value that was checked. */
export function typeOf(value: Value): TypeName {
  for (const type in value) return type as TypeName;
  throw new Error("a value without a type");
}

/** The attribute of this name: never what objects have from their prototype. */
export function attribute(item: Item, name: string): Value | undefined {
  return Object.hasOwn(item, name) ? item[name] : undefined;
}

/** Stores an attribute under any name, `__proto__` included. */
export function setAttribute(item: Item, name: string, value: Value): void {
  if (name === "__proto__") {
    Object.defineProperty(item, name, { value, writable: true, enumerable: true, configurable: true });
  } else item[name] = value;
}

/** Bytes of a text in UTF-8. */
export function textSize(text: string): number {
  return Buffer.byteLength(text);
}

/** Bytes of a binary value, from its base64. */
export function binarySize(base64: string): number {
  const length = base64.length;
  if (length === 0) return 0;
  const padding = base64.charCodeAt(length - 1) === 61 ? (base64.charCodeAt(length - 2) === 61 ? 2 : 1) : 0;
  return (length / 4) * 3 - padding;
}

const canonicalBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;

/** Throws when a text is not base64. */
export function checkBase64(text: string): void {
  if (text.length % 4 !== 0) {
    throw serialization(`Base64 encoded length is expected a multiple of 4 bytes but found: ${text.length}`);
  }
  if (!canonicalBase64.test(text)) throw serialization("Invalid last non-pad Base64 character dectected");
}

function wrongJson(value: unknown, wanted: string): never {
  if (Array.isArray(value)) throw serialization(`Unrecognized collection type class java.lang.${wanted}`);
  if (typeof value === "object") throw serialization("Start of structure or map found where not expected");
  const kind =
    typeof value === "number"
      ? Number.isInteger(value)
        ? "NUMBER_VALUE"
        : "DECIMAL_VALUE"
      : value === true
        ? "TRUE_VALUE"
        : value === false
          ? "FALSE_VALUE"
          : "STRING_VALUE";
  throw serialization(`${kind} cannot be converted to ${wanted}`);
}

function text(value: unknown): string {
  if (typeof value !== "string") wrongJson(value, "String");
  return value;
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "object") throw serialization("Start of structure or map found where not expected");
  throw serialization("Unexpected field type");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws when what stands for a value in a request is no structure at all. */
function structure(value: unknown): Record<string, unknown> {
  if (isObject(value)) return value;
  if (value === null || value === undefined) {
    throw validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }
  if (Array.isArray(value)) {
    throw serialization("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue");
  }
  throw serialization("Unexpected value type in payload");
}

function checkSet(members: unknown[], kind: "SS" | "NS" | "BS"): number {
  if (members.length === 0) {
    throw invalidValue(
      kind === "BS"
        ? "Binary sets should not be empty"
        : `An ${kind === "SS" ? "string" : "number"} set  may not be empty`,
    );
  }
  let size = 0;
  const seen = new Set<string>();
  for (let i = 0; i < members.length; i++) {
    let member = text(members[i]);
    if (kind === "NS") {
      member = canonicalNumber(member);
      members[i] = member;
      size += numberSize(member);
    } else if (kind === "BS") {
      checkBase64(member);
      size += binarySize(member);
    } else size += textSize(member);
    seen.add(member);
  }
  if (seen.size !== members.length) {
    throw invalidValue(
      kind === "NS"
        ? "Input collection contains duplicates"
        : `Input collection [${members.join(", ")}]${kind === "BS" ? "of type BS" : ""} contains duplicates.`,
    );
  }
  return size;
}

/**
 * Checks a value that came with a request, brings its numbers to their one text, and tells its size in bytes as
 * DynamoDB counts it.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function checkValue(input: unknown, depth = 0): number {
  const value = structure(input);
  let type: string | undefined;
  for (const name in value) {
    const member = value[name];
    if (member === null || !typeNames.has(name)) {
      delete value[name];
      continue;
    }
    if (type !== undefined) {
      throw validation(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
      );
    }
    type = name;
  }
  if (type === undefined) {
    throw validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }
  const member = value[type];
  switch (type) {
    case "S":
      return textSize(text(member));
    case "N": {
      const number = canonicalNumber(text(member));
      value["N"] = number;
      return number.length < 3 && number.charCodeAt(0) !== 45 ? 2 : numberSize(number);
    }
    case "B": {
      if (typeof member !== "string") {
        if (typeof member === "object") wrongJson(member, "ByteBuffer");
        throw serialization("only base-64-encoded strings are convertible to bytes");
      }
      checkBase64(member);
      return binarySize(member);
    }
    case "BOOL":
      value["BOOL"] = boolean(member);
      return 1;
    case "NULL":
      if (!boolean(member)) {
        throw invalidValue("Null attribute value types must have the value of true");
      }
      value["NULL"] = true;
      return 1;
    case "SS":
    case "NS":
    case "BS":
      return checkSet(list(member), type);
    case "L": {
      if (depth >= deepest) throw tooDeep();
      let size = 3;
      for (const element of list(member)) size += 1 + checkValue(element, depth + 1);
      return size;
    }
    default: {
      if (depth >= deepest) throw tooDeep();
      if (!isObject(member)) {
        if (Array.isArray(member)) {
          throw serialization(
            "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>",
          );
        }
        throw serialization("Unexpected field type");
      }
      let size = 3;
      for (const name of Object.keys(member)) size += 1 + textSize(name) + checkValue(member[name], depth + 1);
      return size;
    }
  }
}

function tooDeep(): Error {
  return validation(
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
  );
}

/** A boolean, or a text that stands for one. */
function boolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") {
    const upper = value.toUpperCase();
    if (upper === "TRUE" || upper === "1" || upper === "YES") return true;
    if (upper === "FALSE" || upper === "0" || upper === "NO") return false;
    throw serialization("Unexpected token received from parser");
  }
  return wrongJson(value, "Boolean");
}

/** Checks every attribute of an item or key; tells the size of all in bytes. */
export function checkItem(item: Item): number {
  let size = 0;
  for (const name of Object.keys(item)) size += textSize(name) + checkValue(item[name]);
  return size;
}

/** The size of a value that was checked before. */
export function sizeOf(value: Value): number {
  const type = typeOf(value);
  const member = value[type];
  switch (type) {
    case "S":
      return textSize(member as string);
    case "N":
      return numberSize(member as string);
    case "B":
      return binarySize(member as string);
    case "BOOL":
    case "NULL":
      return 1;
    case "SS":
      return (member as string[]).reduce((sum, each) => sum + textSize(each), 0);
    case "NS":
      return (member as string[]).reduce((sum, each) => sum + numberSize(each), 0);
    case "BS":
      return (member as string[]).reduce((sum, each) => sum + binarySize(each), 0);
    case "L":
      return (member as Value[]).reduce((sum, each) => sum + 1 + sizeOf(each), 3);
    default: {
      let size = 3;
      for (const [name, each] of Object.entries(member as Item)) size += 1 + textSize(name) + sizeOf(each);
      return size;
    }
  }
}

/** The size of an item that was checked before. */
export function itemSize(item: Item): number {
  let size = 0;
  for (const name of Object.keys(item)) size += textSize(name) + sizeOf(item[name]!);
  return size;
}

/** Whether a value nests deeper than an item may. */
export function checkDepth(value: Value, depth = 0): void {
  const type = typeOf(value);
  if (type !== "L" && type !== "M") return;
  if (depth >= deepest) throw tooDeep();
  for (const each of Object.values(value[type] as Record<string, Value>)) checkDepth(each, depth + 1);
}

/** Whether two values are the same: of one type, sets in any order. */
export function equalValues(a: Value, b: Value): boolean {
  const type = typeOf(a);
  const left = a[type];
  const right = b[type];
  if (right === undefined) return false;
  switch (type) {
    case "S":
    case "N":
    case "B":
    case "BOOL":
    case "NULL":
      return left === right;
    case "SS":
    case "NS":
    case "BS": {
      const members = new Set(left as string[]);
      return members.size === (right as string[]).length && (right as string[]).every((each) => members.has(each));
    }
    case "L": {
      const one = left as Value[];
      const other = right as Value[];
      return one.length === other.length && one.every((each, at) => equalValues(each, other[at]!));
    }
    default: {
      const one = left as Item;
      const other = right as Item;
      const names = Object.keys(one);
      return (
        names.length === Object.keys(other).length &&
        names.every((name) => Object.hasOwn(other, name) && equalValues(one[name]!, other[name]!))
      );
    }
  }
}

/** Whether two items have the same attributes. */
export function equalItems(a: Item, b: Item): boolean {
  return equalValues({ M: a }, { M: b });
}

/** The bytes of a text in UTF-8 as a byte string: a text of plain ASCII is its own. */
export function utf8Bytes(value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0x7f) return Buffer.from(value, "utf8").toString("latin1");
  }
  return value;
}

/** The bytes of a binary value as a byte string. */
export function binaryBytes(base64: string): string {
  return Buffer.from(base64, "base64").toString("latin1");
}

/**
 * Below, at or above 0 in the order of texts (by their bytes), numbers or binaries; undefined for values that are not of
 * one such type.
 */
export function compareValues(a: Value, b: Value): number | undefined {
  if (typeof a.S === "string" && typeof b.S === "string") {
    const left = utf8Bytes(a.S);
    const right = utf8Bytes(b.S);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (typeof a.N === "string" && typeof b.N === "string") return compareNumbers(a.N, b.N);
  if (typeof a.B === "string" && typeof b.B === "string") {
    const left = binaryBytes(a.B);
    const right = binaryBytes(b.B);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return undefined;
}
