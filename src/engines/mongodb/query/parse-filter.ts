import { Binary, BSONRegExp, Decimal128, Int32 } from "bson";
import { typeNumbers } from "../bson/compare.js";
import { integerOfDecimal, isIntegerDecimal } from "../bson/decimal128.js";
import { Doc } from "../bson/doc.js";
import { isNumber, type NumberValue, toDouble } from "../bson/numbers.js";
import { UNDEFINED, type Value } from "../bson/values.js";
import { elementText } from "../data/text.js";
import { badValue, failedToParse, mongoError, typeMismatch } from "../errors.js";
import type { BitsNode, ComparisonNode, FilterNode, InNode, RegexNode } from "./filter.js";
import { compilePattern } from "./regex.js";

/** How deeply a filter may be nested. */
const maxDepth = 100;

/**
 * Parses a filter.
 *
 * @throws MongoError 2 BadValue and others, with MongoDB's texts
 */
export function parseFilter(filter: Doc): FilterNode {
  return parseDocument(filter, 0, true);
}

function parseDocument(filter: Doc, depth: number, top: boolean): FilterNode {
  if (depth > maxDepth) throw badValue(`exceeded maximum query tree depth of ${maxDepth} at ${elementText(filter)}`);
  const children: FilterNode[] = [];
  for (const [name, value] of filter) {
    if (name.startsWith("$")) {
      const child = parseTopLevel(name, value, depth, top);
      if (child !== undefined) children.push(child);
    } else parseField(name, value, depth, children);
  }
  return all(children);
}

function all(children: FilterNode[]): FilterNode {
  if (children.length === 0) return { kind: "always", value: true };
  return children.length === 1 ? children[0]! : { kind: "and", children };
}

function parseTopLevel(name: string, value: Value, depth: number, top: boolean): FilterNode | undefined {
  switch (name) {
    case "$and":
    case "$or":
    case "$nor": {
      if (!Array.isArray(value)) throw badValue(`${name} argument must be an array`);
      if (value.length === 0) throw badValue("$and/$or/$nor must be a nonempty array");
      const children = value.map((each) => {
        if (!(each instanceof Doc)) throw badValue("$or/$and/$nor entries need to be full objects");
        return parseDocument(each, depth + 1, top);
      });
      return { kind: name.slice(1) as "and" | "or" | "nor", children };
    }
    case "$comment":
      return undefined;
    case "$alwaysTrue":
    case "$alwaysFalse":
      if (!isNumber(value) || toDouble(value) !== 1) {
        throw failedToParse(`${name} must be an integer value of 1`);
      }
      return { kind: "always", value: name === "$alwaysTrue" };
    case "$expr":
      if (!top) throw badValue("$expr can only be applied to the top-level document");
      return { kind: "expr", expression: value };
    case "$sampleRate":
      if (!top) throw badValue("$sampleRate can only be applied to the top-level document");
      return sample(value);
    default:
      if (name === "$not") {
        throw badValue("unknown top level operator: $not. If you are trying to negate an entire expression, use $nor.");
      }
      // A reference to another document is compared field by field.
      if (name === "$ref" || name === "$id" || name === "$db")
        return { kind: "comparison", path: name, op: "eq", value };
      throw badValue(
        `unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.`,
      );
  }
}

/** A share of the documents: `$sampleRate` is short for `{ $expr: { $lt: [{ $rand: {} }, share] } }`. */
function sample(share: Value): FilterNode {
  if (!isNumber(share)) throw badValue("argument to $sampleRate must be a numeric type");
  const rate = toDouble(share);
  if (!(rate >= 0 && rate <= 1)) throw badValue("numeric argument to $sampleRate must be in [0, 1]");
  if (rate === 0 || rate === 1) return { kind: "always", value: rate === 1 };
  return { kind: "expr", expression: Doc.of(["$lt"], [[Doc.of(["$rand"], [new Doc()]), rate]]) };
}

function parseField(path: string, value: Value, depth: number, out: FilterNode[]): void {
  if (value instanceof Doc && isOperatorDoc(value)) {
    parseOperators(path, value, depth, out);
    return;
  }
  if (value instanceof BSONRegExp) {
    out.push(regexNode(path, value.pattern, value.options));
    return;
  }
  out.push(comparison(path, "eq", value));
}

/** Whether the document of a field is a list of operators, not a value; a reference (`$ref`, `$id`) is a value. */
function isOperatorDoc(value: Doc): boolean {
  const first = value.first();
  if (first === undefined || !first[0].startsWith("$")) return false;
  const [name] = first;
  if (name === "$id" || name === "$db") return !(value.has("$ref") || value.has("$id"));
  return name !== "$ref" || !value.has("$id");
}

function parseOperators(path: string, operators: Doc, depth: number, out: FilterNode[]): void {
  for (const [name, value] of operators) {
    const node = parseOperator(path, name, value, operators, depth);
    if (node !== undefined) out.push(node);
  }
}

function comparison(path: string, op: ComparisonNode["op"], value: Value): FilterNode {
  if (value === UNDEFINED) throw badValue("cannot compare to undefined");
  if (value instanceof BSONRegExp && op !== "eq") {
    throw badValue(`Can't have RegEx as arg to predicate over field '${path}'.`);
  }
  return { kind: "comparison", path, op, value };
}

function not(child: FilterNode): FilterNode {
  return { kind: "not", child };
}

function parseOperator(path: string, name: string, value: Value, whole: Doc, depth: number): FilterNode | undefined {
  switch (name) {
    case "$eq":
      return comparison(path, "eq", value);
    case "$gt":
    case "$gte":
    case "$lt":
    case "$lte":
      return comparison(path, name.slice(1) as ComparisonNode["op"], value);
    case "$ne":
      if (value instanceof BSONRegExp) throw badValue("Can't have regex as arg to $ne.");
      return not(comparison(path, "eq", value));
    case "$in":
      return parseIn(path, name, value);
    case "$nin":
      return not(parseIn(path, name, value));
    case "$not":
      return parseNot(path, value, depth);
    case "$exists":
      return isTruthy(value) ? { kind: "exists", path } : not({ kind: "exists", path });
    case "$type":
      return { kind: "type", path, types: parseTypes(value) };
    case "$mod":
      return parseMod(path, value);
    case "$size":
      return { kind: "size", path, size: parseSize(value) };
    case "$all":
      return parseAll(path, value, depth);
    case "$elemMatch":
      return parseElemMatch(path, value, depth);
    case "$regex":
      return parseRegex(path, value, whole);
    case "$options":
      if (!whole.has("$regex")) throw badValue("$options needs a $regex");
      return undefined;
    case "$bitsAllSet":
    case "$bitsAllClear":
    case "$bitsAnySet":
    case "$bitsAnyClear":
      return {
        kind: "bits",
        path,
        op: `${name[5]!.toLowerCase()}${name.slice(6)}` as BitsNode["op"],
        positions: parseBits(name, value),
      };
    default:
      throw badValue(`unknown operator: ${name}`);
  }
}

function isTruthy(value: Value): boolean {
  if (value === false || value === null || value === UNDEFINED) return false;
  return !isNumber(value) || toDouble(value) !== 0;
}

function parseIn(path: string, name: string, value: Value): InNode {
  if (!Array.isArray(value)) throw badValue(`${name} needs an array`);
  const values: Value[] = [];
  const regexes: RegexNode[] = [];
  for (const each of value) {
    if (each instanceof Doc && each.first()?.[0].startsWith("$") && isOperatorDoc(each)) {
      throw badValue(`cannot nest $ under ${name}`);
    }
    if (each === UNDEFINED) throw badValue("InMatchExpression equality cannot be undefined");
    if (each instanceof BSONRegExp) regexes.push(regexNode(path, each.pattern, each.options));
    else values.push(each);
  }
  return { kind: "in", path, values, regexes };
}

function parseNot(path: string, value: Value, depth: number): FilterNode {
  if (value instanceof BSONRegExp) return not(regexNode(path, value.pattern, value.options));
  if (!(value instanceof Doc)) throw badValue("$not needs a regex or a document");
  if (value.isEmpty) throw badValue("$not cannot be empty");
  if (depth >= maxDepth) throw badValue(`exceeded maximum query tree depth of ${maxDepth} at ${elementText(value)}`);
  const children: FilterNode[] = [];
  for (const [name, each] of value) {
    const child = parseOperator(path, name, each, value, depth + 1);
    if (child !== undefined) children.push(child);
  }
  return not(all(children));
}

/** The names of types that `$type` asks for; "number" stands for four of them. */
export function parseTypes(value: Value): ReadonlySet<string> {
  const types = new Set<string>();
  const list: readonly Value[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw failedToParse(" must match at least one type");
  for (const each of list) {
    if (typeof each === "string") {
      if (each === "number") for (const name of ["int", "long", "double", "decimal"]) types.add(name);
      else if (typeNumbers[each] !== undefined && Object.hasOwn(typeNumbers, each)) types.add(each);
      else throw badValue(`Unknown type name alias: ${each}`);
      continue;
    }
    if (!isNumber(each)) throw typeMismatch("type must be represented as a number or a string");
    const number = toDouble(each);
    if (!Number.isInteger(number)) throw badValue(`Invalid numerical type code: ${elementText(each as Value)}`);
    const name = Object.keys(typeNumbers).find((known) => typeNumbers[known] === number);
    if (name === undefined) throw badValue(`Invalid numerical type code: ${number}`);
    types.add(name);
  }
  return types;
}

function parseMod(path: string, value: Value): FilterNode {
  if (!Array.isArray(value)) throw badValue("malformed mod, needs to be an array");
  if (value.length < 2) throw badValue("malformed mod, not enough elements");
  if (value.length > 2) throw badValue("malformed mod, too many elements");
  const [divisor, remainder] = value as [Value, Value];
  if (!isNumber(divisor)) throw badValue("malformed mod, divisor not a number");
  if (!isNumber(remainder)) throw badValue("malformed mod, remainder not a number");
  const d = truncated(divisor, "malformed mod, divisor value is invalid");
  const r = truncated(remainder, "malformed mod, remainder value is invalid");
  if (d === 0n) throw badValue("divisor cannot be 0");
  return { kind: "mod", path, divisor: d, remainder: r };
}

function truncated(value: NumberValue, what: string): bigint {
  const integer = integerPart(value);
  if (integer === undefined) {
    const text = value instanceof Decimal128 ? value.toString() : String(toDouble(value));
    throw badValue(
      /NaN|Infinity/.test(text)
        ? `${what} :: caused by :: Unable to coerce NaN/Inf to integral type`
        : `${what} :: caused by :: Out of bounds coercing to integral value`,
    );
  }
  return integer;
}

/** A number without its fraction as an int64, or undefined of NaN, infinities and what does not fit. */
export function integerPart(value: NumberValue): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (value instanceof Int32) return BigInt(value.value);
  if (value instanceof Decimal128) {
    const integer = integerOfDecimal(value);
    return integer !== undefined && BigInt.asIntN(64, integer) === integer ? integer : undefined;
  }
  if (!(value >= -(2 ** 63) && value < 2 ** 63)) return undefined;
  return BigInt(Math.trunc(value));
}

function parseSize(value: Value): number {
  const prefix = "Failed to parse $size. Expected ";
  if (!isNumber(value)) throw badValue(`${prefix}a number in: $size: ${elementText(value)}`);
  const whole =
    value instanceof Decimal128 ? isIntegerDecimal(value) : typeof value !== "number" || Number.isInteger(value);
  const size = toDouble(value);
  if (!whole) throw badValue(`${prefix}an integer: $size: ${elementText(value)}`);
  if (integerPart(value) === undefined) {
    throw badValue(`Failed to parse $size. Cannot represent as a 64-bit integer: $size: ${elementText(value)}`);
  }
  if (size > 2147483647 || size < -2147483648) {
    throw badValue(`Failed to parse $size. Cannot represent $size: ${elementText(value)} in an int`);
  }
  if (size < 0) throw badValue(`${prefix}a non-negative number in: $size: ${elementText(value)}`);
  return size;
}

function parseAll(path: string, value: Value, depth: number): FilterNode {
  if (!Array.isArray(value)) throw badValue("$all needs an array");
  if (value.length === 0) return { kind: "always", value: false };
  const first = value[0];
  if (first instanceof Doc && first.first()?.[0] === "$elemMatch") {
    return all(
      value.map((each) => {
        if (!(each instanceof Doc)) throw badValue("$all/$elemMatch has to be consistent");
        if (each.first()?.[0] !== "$elemMatch") throw badValue("$all/$elemMatch has to be consistent");
        return parseElemMatch(path, each.first()![1], depth);
      }),
    );
  }
  return all(
    value.map((each) => {
      if (each instanceof BSONRegExp) return regexNode(path, each.pattern, each.options);
      if (each instanceof Doc && each.first()?.[0].startsWith("$") && isOperatorDoc(each)) {
        throw badValue("no $ expressions in $all");
      }
      return comparison(path, "eq", each);
    }),
  );
}

function parseElemMatch(path: string, value: Value, depth: number): FilterNode {
  if (!(value instanceof Doc)) throw badValue("$elemMatch needs an Object");
  if (depth >= maxDepth) throw badValue(`exceeded maximum query tree depth of ${maxDepth} at ${elementText(value)}`);
  const first = value.first()?.[0];
  const isValue =
    first?.startsWith("$") &&
    isOperatorDoc(value) &&
    first !== "$and" &&
    first !== "$nor" &&
    first !== "$or" &&
    first !== "$where";
  if (!isValue) {
    if (value.has("$where")) throw badValue("$elemMatch cannot contain $where expression");
    return { kind: "elemMatchObject", path, child: parseDocument(value, depth + 1, false) };
  }
  const children: FilterNode[] = [];
  parseOperators("", value, depth + 1, children);
  return { kind: "elemMatchValue", path, child: all(children) };
}

function parseRegex(path: string, value: Value, whole: Doc): FilterNode {
  const options = whole.get("$options");
  if (options !== undefined && typeof options !== "string") throw badValue("$options has to be a string");
  if (value instanceof BSONRegExp) {
    if (options !== undefined && value.options !== "")
      throw mongoError(51075, "options set in both $regex and $options");
    return regexNode(path, value.pattern, options ?? value.options);
  }
  if (typeof value !== "string") throw badValue("$regex has to be a string");
  return regexNode(path, value, options ?? "");
}

function regexNode(path: string, pattern: string, flags: string): RegexNode {
  for (const flag of flags) {
    if (!"imsxu".includes(flag)) throw mongoError(51108, `invalid flag in regex options: ${flag}`);
  }
  if (pattern.includes("\0")) throw badValue("Regular expression cannot contain an embedded null byte");
  if (flags.includes("\0")) throw badValue("Regular expression options string cannot contain an embedded null byte");
  compilePattern(pattern, flags);
  return { kind: "regex", path, pattern, flags };
}

function parseBits(name: string, value: Value): number[] {
  if (Array.isArray(value)) {
    const positions = value.map((each, i) => {
      const at = `Failed to parse bit position. Expected `;
      if (!isNumber(each)) throw badValue(`${at}a number in: ${i}: ${elementText(each)}`);
      const position = toDouble(each);
      if (!Number.isInteger(position)) throw badValue(`${at}an integer: ${i}: ${elementText(each)}`);
      if (position < 0) throw badValue(`${at}a non-negative number in: ${i}: ${elementText(each)}`);
      if (position > 2147483647) {
        throw badValue(`Failed to parse bit position. Expected an int: ${i}: ${elementText(each)}`);
      }
      return position;
    });
    return [...new Set(positions)].sort((a, b) => a - b);
  }
  if (isNumber(value)) {
    const text = elementText(value);
    const whole =
      value instanceof Decimal128 ? isIntegerDecimal(value) : typeof value !== "number" || Number.isInteger(value);
    if (!whole) throw failedToParse(`Expected an integer: ${name}: ${text}`);
    const mask = integerPart(value);
    if (mask === undefined) throw failedToParse(`Cannot represent as a 64-bit integer: ${name}: ${text}`);
    if (mask < 0n) throw failedToParse(`Expected a non-negative number in: ${name}: ${text}`);
    const positions: number[] = [];
    for (let i = 0; i < 64; i++) if ((mask >> BigInt(i)) & 1n) positions.push(i);
    return positions;
  }
  if (value instanceof Binary) {
    const positions: number[] = [];
    for (let i = 0; i < value.position; i++) {
      for (let bit = 0; bit < 8; bit++) if (value.buffer[i]! & (1 << bit)) positions.push(i * 8 + bit);
    }
    return positions;
  }
  throw badValue(`${name} takes an Array, a number, or a BinData but received: ${name}: ${elementText(value)}`);
}
