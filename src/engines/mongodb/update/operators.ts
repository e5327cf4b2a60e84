import { BSONRegExp, Decimal128, Int32, Timestamp } from "bson";
import { bsonTypeName, compareValues, equalValues } from "../bson/compare.js";
import { isIntegerDecimal } from "../bson/decimal128.js";
import { Doc, int32 } from "../bson/doc.js";
import { add, isNumber, multiply, type NumberValue, toDouble } from "../bson/numbers.js";
import { DateTime, type Value } from "../bson/values.js";
import { documentText, elementText } from "../data/text.js";
import { badValue, failedToParse, mongoError, typeMismatch } from "../errors.js";
import { queryOperators } from "../query/filter.js";
import { compileFilter } from "../query/matcher.js";
import { integerPart } from "../query/parse-filter.js";
import { type ApplyContext, type Change, noChange, removal, type UpdateLeaf } from "./tree.js";

/** What parsing an operator needs to know. */
export interface OperatorContext {
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** An update operator, as the support page lists it. */
export interface UpdateOperator {
  readonly name: string;
  readonly summary: string;
  readonly supported: boolean;
  /** Parses the operator's argument for one path. */
  readonly parse: (argument: Value, path: string, context: OperatorContext) => UpdateLeaf;
}

/** The update operators but `$rename`, which works on two paths (rename.ts). */
export const updateOperators: readonly UpdateOperator[] = [
  { name: "$addToSet", summary: "adds values to an array that are not in it", supported: true, parse: parseAddToSet },
  { name: "$bit", summary: "and, or, xor on an integer", supported: true, parse: parseBit },
  { name: "$currentDate", summary: "sets the field to the current time", supported: true, parse: parseCurrentDate },
  { name: "$inc", summary: "adds to a number", supported: true, parse: parseArithmetic("$inc") },
  { name: "$max", summary: "sets the field if the value is greater", supported: true, parse: parseExtreme(1) },
  { name: "$min", summary: "sets the field if the value is less", supported: true, parse: parseExtreme(-1) },
  { name: "$mul", summary: "multiplies a number", supported: true, parse: parseArithmetic("$mul") },
  { name: "$pop", summary: "removes the first or the last element of an array", supported: true, parse: parsePop },
  {
    name: "$pull",
    summary: "removes the elements of an array that meet a condition",
    supported: true,
    parse: parsePull,
  },
  { name: "$pullAll", summary: "removes these values from an array", supported: true, parse: parsePullAll },
  { name: "$push", summary: "adds values to an array, at a position, sorted, cut", supported: true, parse: parsePush },
  { name: "$set", summary: "sets the field", supported: true, parse: (value) => setter(value, false) },
  {
    name: "$setOnInsert",
    summary: "sets the field if the update inserts",
    supported: true,
    parse: (value) => setter(value, true),
  },
  { name: "$unset", summary: "removes the field", supported: true, parse: () => leaf(false, () => removal) },
];

function leaf(
  creates: boolean | ((context: ApplyContext) => boolean),
  apply: (value: Value | undefined, context: ApplyContext, path: string) => Change,
): UpdateLeaf {
  return { kind: "leaf", creates: typeof creates === "boolean" ? () => creates : creates, apply };
}

function strictLeaf(apply: UpdateLeaf["apply"]): UpdateLeaf {
  return { kind: "leaf", creates: () => false, strict: true, apply };
}

function set(value: Value): Change {
  return { kind: "set", value };
}

function setter(value: Value, onInsert: boolean): UpdateLeaf {
  const change = set(value);
  if (!onInsert) return leaf(true, () => change);
  return leaf(
    (context) => context.isInsert,
    (_, context) => (context.isInsert ? change : noChange),
  );
}

function parseArithmetic(name: "$inc" | "$mul"): UpdateOperator["parse"] {
  return (argument, path) => {
    if (!isNumber(argument)) {
      const verb = name === "$inc" ? "increment" : "multiply";
      throw typeMismatch(`Cannot ${verb} with non-numeric argument: {${path}: ${elementText(argument)}}`);
    }
    return leaf(true, (value, context, at) => {
      if (value === undefined) return set(name === "$inc" ? argument : multiply(int32(0), argument));
      if (!isNumber(value)) {
        throw typeMismatch(
          `Cannot apply ${name} to a value of non-numeric type. {${context.idText}} has the field '${lastPart(at)}' of non-numeric type ${bsonTypeName(value)}`,
        );
      }
      const result = name === "$inc" ? add(value, argument, "fail") : multiply(value, argument, "fail");
      if (result === undefined) {
        throw badValue(
          `Failed to apply ${name} operations to current value (${numberText(value)}) for document {${context.idText}}`,
        );
      }
      return set(result);
    });
  };
}

function numberText(value: NumberValue): string {
  if (typeof value === "bigint") return `(NumberLong)${value}`;
  if (value instanceof Int32) return `(NumberInt)${value.value}`;
  return value instanceof Decimal128 ? `(NumberDecimal)${value}` : `(NumberDouble)${value}`;
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function parseExtreme(sign: 1 | -1): UpdateOperator["parse"] {
  return (argument) =>
    leaf(true, (value) =>
      value === undefined || compareValues(argument, value) * sign > 0 ? set(argument) : noChange,
    );
}

function parseCurrentDate(argument: Value, _path: string, context: OperatorContext): UpdateLeaf {
  let type = "date";
  if (argument instanceof Doc) {
    for (const [name] of argument) if (name !== "$type") throw badValue(`Unrecognized $currentDate option: ${name}`);
    const asked = argument.get("$type");
    if (asked !== "date" && asked !== "timestamp") {
      throw badValue(
        "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}",
      );
    }
    type = asked;
  } else if (typeof argument !== "boolean") {
    throw badValue(
      `${bsonTypeName(argument)} is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).`,
    );
  }
  const change = set(
    type === "date" ? new DateTime(context.now) : new Timestamp({ t: Math.floor(context.now / 1000), i: 1 }),
  );
  return leaf(true, () => change);
}

/** An integer of any kind of number, or undefined. */
function integerOf(value: Value | undefined): number | undefined {
  if (!isNumber(value)) return undefined;
  if (typeof value === "number" && !Number.isInteger(value)) return undefined;
  if (value instanceof Decimal128 && !isIntegerDecimal(value)) return undefined;
  return integerPart(value) === undefined ? undefined : toDouble(value);
}

function parsePush(argument: Value): UpdateLeaf {
  let each: readonly Value[] = [argument];
  let position = Number.POSITIVE_INFINITY;
  let slice: number | undefined;
  let compare: ((a: Value, b: Value) => number) | undefined;
  if (argument instanceof Doc && argument.has("$each")) {
    const list = argument.get("$each")!;
    if (!Array.isArray(list)) {
      throw badValue(`The argument to $each in $push must be an array but it was of type: ${bsonTypeName(list)}`);
    }
    each = list;
    for (const [name, value] of argument) {
      switch (name) {
        case "$each":
          break;
        case "$slice":
          slice = integerOf(value);
          if (slice === undefined) {
            throw badValue(`The value for $slice must be an integer value but was given type: ${bsonTypeName(value)}`);
          }
          break;
        case "$position": {
          const asked = integerOf(value);
          if (asked === undefined) {
            throw badValue(`The value for $position must be an integer value, not of type: ${bsonTypeName(value)}`);
          }
          position = asked;
          break;
        }
        case "$sort":
          compare = parsePushSort(value);
          break;
        default:
          throw badValue(`Unrecognized clause in $push: ${name}`);
      }
    }
  }
  return leaf(true, (value, context, path) => {
    if (value !== undefined && !Array.isArray(value)) {
      throw badValue(
        `The field '${path}' must be an array but is of type ${bsonTypeName(value)} in document {${context.idText}}`,
      );
    }
    const array = value === undefined ? [] : value.slice();
    const at = position < 0 ? Math.max(0, array.length + position) : Math.min(position, array.length);
    // Not by spreading: a very long list would overflow the stack.
    let result = at >= array.length ? array.concat(each) : array.slice(0, at).concat(each, array.slice(at));
    if (compare !== undefined) result.sort(compare);
    if (slice !== undefined) result = slice >= 0 ? result.slice(0, slice) : result.slice(slice);
    return { kind: "set", value: result, always: each.length > 0 || (compare !== undefined && result.length > 0) };
  });
}

function parsePushSort(value: Value): (a: Value, b: Value) => number {
  if (isNumber(value)) {
    const direction = toDouble(value);
    if (direction !== 1 && direction !== -1) throw badValue("The $sort element value must be either 1 or -1");
    return (a, b) => compareValues(a, b) * direction;
  }
  if (!(value instanceof Doc)) {
    throw badValue("The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields");
  }
  if (value.isEmpty) throw badValue("The sort pattern is empty when it should be a set of fields.");
  const fields: { parts: string[]; direction: number }[] = [];
  for (const [path, order] of value) {
    const direction = isNumber(order) ? toDouble(order) : 0;
    if (direction !== 1 && direction !== -1) throw badValue("The sort element value must be either 1 or -1");
    if (path === "") throw badValue("The sort field cannot be empty");
    const parts = path.split(".");
    if (parts.includes("")) throw badValue(`The sort field is a dotted field but has an empty part: ${path}`);
    fields.push({ parts, direction });
  }
  return (a, b) => {
    for (const { parts, direction } of fields) {
      const difference = compareValues(fieldOf(a, parts), fieldOf(b, parts));
      if (difference !== 0) return difference * direction;
    }
    return 0;
  };
}

function fieldOf(element: Value, parts: readonly string[]): Value {
  let current: Value | undefined = element;
  for (const part of parts) {
    if (current instanceof Doc) current = current.get(part);
    else if (Array.isArray(current)) current = /^\d+$/.test(part) ? current[Number(part)] : undefined;
    else return null;
  }
  return current ?? null;
}

function parseAddToSet(argument: Value): UpdateLeaf {
  let each: readonly Value[] = [argument];
  if (argument instanceof Doc && argument.first()?.[0] === "$each") {
    const list = argument.get("$each")!;
    if (!Array.isArray(list)) {
      throw typeMismatch(
        `The argument to $each in $addToSet must be an array but it was of type ${bsonTypeName(list)}`,
      );
    }
    if (argument.size > 1) {
      throw badValue(`Found unexpected fields after $each in $addToSet: ${documentText(argument)}`);
    }
    each = list;
  }
  const distinct: Value[] = [];
  for (const value of each) if (!distinct.some((other) => equalValues(other, value))) distinct.push(value);
  return leaf(true, (value, _context, path) => {
    if (value === undefined) return set(distinct.slice());
    if (!Array.isArray(value)) {
      throw badValue(
        `Cannot apply $addToSet to non-array field. Field named '${lastPart(path)}' has non-array type ${bsonTypeName(value)}`,
      );
    }
    const added = distinct.filter((each) => !value.some((other) => equalValues(other, each)));
    return added.length === 0 ? noChange : set(value.concat(added));
  });
}

function parsePop(argument: Value, path: string): UpdateLeaf {
  if (!isNumber(argument)) throw failedToParse(`Expected a number in: ${path}: ${elementText(argument)}`);
  const direction = integerOf(argument);
  if (direction === undefined) throw failedToParse(`Expected an integer: ${path}: ${elementText(argument)}`);
  if (direction !== 1 && direction !== -1) throw failedToParse(`$pop expects 1 or -1, found: ${direction}`);
  return strictLeaf((value, _context, at) => {
    if (!Array.isArray(value)) {
      throw typeMismatch(`Path '${at}' contains an element of non-array type '${bsonTypeName(value)}'`);
    }
    if (value.length === 0) return noChange;
    return set(direction === 1 ? value.slice(0, -1) : value.slice(1));
  });
}

const operatorNames = new Set(queryOperators.filter((each) => each.supported).map((each) => each.name));
const treeOperators = new Set(["$and", "$or", "$nor", "$not", "$comment", "$expr", "$alwaysTrue", "$alwaysFalse"]);

function parsePull(argument: Value): UpdateLeaf {
  let test: (element: Value) => boolean;
  const first = argument instanceof Doc ? argument.first()?.[0] : undefined;
  if (
    argument instanceof BSONRegExp ||
    (first !== undefined && operatorNames.has(first) && !treeOperators.has(first))
  ) {
    const matcher = compileFilter(Doc.of([""], [argument]));
    test = (element) => matcher.matches(Doc.of([""], [element]));
  } else if (argument instanceof Doc) {
    const matcher = compileFilter(argument);
    test = (element) => element instanceof Doc && matcher.matches(element);
  } else test = (element) => equalValues(element, argument);
  return puller(test);
}

function puller(test: (element: Value) => boolean): UpdateLeaf {
  return strictLeaf((value) => {
    if (!Array.isArray(value)) throw badValue("Cannot apply $pull to a non-array value");
    const kept = value.filter((element) => !test(element));
    return kept.length === value.length ? noChange : set(kept);
  });
}

function parsePullAll(argument: Value): UpdateLeaf {
  if (!Array.isArray(argument)) {
    throw badValue(`$pullAll requires an array argument but was given a ${bsonTypeName(argument)}`);
  }
  return puller((element) => argument.some((value) => equalValues(value, element)));
}

function parseBit(argument: Value): UpdateLeaf {
  if (!(argument instanceof Doc)) {
    throw badValue(
      `The $bit modifier is not compatible with a ${bsonTypeName(argument)}. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}`,
    );
  }
  const steps: { name: string; operand: Int32 | bigint }[] = [];
  for (const [name, operand] of argument) {
    if (name !== "and" && name !== "or" && name !== "xor") {
      throw badValue(
        `The $bit modifier only supports 'and', 'or', and 'xor', not '${name}' which is an unknown operator: {${name}: ${elementText(operand)}}`,
      );
    }
    if (!(operand instanceof Int32) && typeof operand !== "bigint") {
      throw badValue(
        `The $bit modifier field must be an Integer(32/64 bit); a '${bsonTypeName(operand)}' is not supported here: {${name}: ${elementText(operand)}}`,
      );
    }
    steps.push({ name, operand });
  }
  if (steps.length === 0) {
    throw badValue("You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}");
  }
  return leaf(true, (value, context, path) => {
    let current: Value = value === undefined ? int32(0) : value;
    if (!(current instanceof Int32) && typeof current !== "bigint") {
      throw badValue(
        `Cannot apply $bit to a value of non-integral type.${context.idText} has the field ${lastPart(path)} of non-integer type ${bsonTypeName(current)}`,
      );
    }
    for (const { name, operand } of steps) {
      if (current instanceof Int32 && operand instanceof Int32) {
        const a: number = current.value;
        const b = operand.value;
        current = int32(name === "and" ? a & b : name === "or" ? a | b : a ^ b);
      } else {
        const a: bigint = current instanceof Int32 ? BigInt(current.value) : current;
        const b = operand instanceof Int32 ? BigInt(operand.value) : operand;
        current = name === "and" ? a & b : name === "or" ? a | b : a ^ b;
      }
    }
    return set(current);
  });
}

/** 66 for a change of `_id`. */
export function idIsImmutable() {
  return mongoError(66, "Performing an update on the path '_id' would modify the immutable field '_id'");
}
