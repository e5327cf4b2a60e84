import { Binary, BSONRegExp, BSONSymbol, Decimal128, Int32, ObjectId } from "bson";
import { bsonTypeName, compareValues, equalValues, TypeOrder, typeOrder } from "../bson/compare.js";
import { isIntegerDecimal } from "../bson/decimal128.js";
import { readValue } from "../bson/doc.js";
import { isNumber, toDouble } from "../bson/numbers.js";
import { BsonType, int32At } from "../bson/raw.js";
import { DateTime, UNDEFINED, type Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import type { BitsNode, ComparisonNode, InNode, RegexNode } from "./filter.js";
import { integerPart } from "./parse-filter.js";
import { compilePattern } from "./regex.js";

/** A predicate over one value that a path reaches. */
export interface Leaf {
  test(value: Value | undefined): boolean;
  /** The same on the bytes of a value that is no array. */
  testRaw(bytes: Buffer, type: number, at: number): boolean;
  /** Whether elements of an array at the end of the path are tested one by one. */
  readonly traverse: boolean;
  /** Whether an array itself can pass; where it cannot, only its elements are looked at. */
  readonly arrays: boolean;
}

function leaf(test: Leaf["test"], options: { traverse?: boolean; arrays?: boolean; raw?: Leaf["testRaw"] } = {}): Leaf {
  return {
    test,
    testRaw: options.raw ?? ((bytes, type, at) => test(readValue(bytes, type, at))),
    traverse: options.traverse ?? true,
    arrays: options.arrays ?? true,
  };
}

function isNaNValue(value: Value | undefined): boolean {
  return isNumber(value) && typeof value !== "bigint" && Number.isNaN(toDouble(value));
}

/** `$eq`, `$gt`, `$gte`, `$lt`, `$lte`: only values of the same order of types compare, but for null, MinKey and MaxKey. */
export function comparisonLeaf(node: ComparisonNode): Leaf {
  const { op, value: right } = node;
  const order = typeOrder(right);
  if (order === TypeOrder.null) {
    const matches = op === "eq" || op === "gte" || op === "lte";
    return leaf((value) => matches && (value === null || value === undefined), { arrays: false });
  }
  if (order === TypeOrder.minKey || order === TypeOrder.maxKey) {
    return leaf((value) => {
      if (typeOrder(value) === order) return op === "eq" || op === "gte" || op === "lte";
      if (op === "eq") return false;
      return order === TypeOrder.minKey ? op === "gt" || op === "gte" : op === "lt" || op === "lte";
    });
  }
  const nan = isNaNValue(right);
  const test = (value: Value | undefined): boolean => {
    if (typeOrder(value) !== order) return false;
    if (op === "eq") return equalValues(value, right);
    if (order === TypeOrder.number && (nan || isNaNValue(value))) {
      return nan && isNaNValue(value) && (op === "gte" || op === "lte");
    }
    return holds(op, compareValues(value, right));
  };
  return leaf(test, { arrays: order === TypeOrder.array, raw: rawComparison(op, right, nan, test) });
}

function holds(op: ComparisonNode["op"], difference: number): boolean {
  switch (op) {
    case "eq":
      return difference === 0;
    case "gt":
      return difference > 0;
    case "gte":
      return difference >= 0;
    case "lt":
      return difference < 0;
    default:
      return difference <= 0;
  }
}

/** The common cases, on bytes: no value is made of them. */
function rawComparison(
  op: ComparisonNode["op"],
  right: Value,
  nan: boolean,
  test: Leaf["test"],
): Leaf["testRaw"] | undefined {
  const slow = (bytes: Buffer, type: number, at: number) => test(readValue(bytes, type, at));
  if (typeof right === "string" && op === "eq") {
    const wanted = Buffer.from(right, "utf8");
    const { length } = wanted;
    return (bytes, type, at) => {
      if (type !== BsonType.string) return type === BsonType.symbol && slow(bytes, type, at);
      if (int32At(bytes, at) !== length + 1) return false;
      for (let i = 0; i < length; i++) if (bytes[at + 4 + i] !== wanted[i]) return false;
      return true;
    };
  }
  if ((right instanceof Int32 || typeof right === "number") && !nan) {
    const wanted = right instanceof Int32 ? right.value : right;
    return (bytes, type, at) => {
      let value: number;
      if (type === BsonType.int32) value = int32At(bytes, at);
      else if (type === BsonType.double) value = bytes.readDoubleLE(at);
      else return (type === BsonType.int64 || type === BsonType.decimal128) && slow(bytes, type, at);
      switch (op) {
        case "eq":
          return value === wanted;
        case "gt":
          return value > wanted;
        case "gte":
          return value >= wanted;
        case "lt":
          return value < wanted;
        default:
          return value <= wanted;
      }
    };
  }
  if (right instanceof ObjectId && op === "eq") {
    const wanted = right.id;
    return (bytes, type, at) => {
      if (type !== BsonType.objectId) return false;
      for (let i = 0; i < 12; i++) if (bytes[at + i] !== wanted[i]) return false;
      return true;
    };
  }
  if (right instanceof DateTime) {
    const wanted = right.ms;
    return (bytes, type, at) =>
      type === BsonType.date && holds(op, int32At(bytes, at + 4) * 4294967296 + (int32At(bytes, at) >>> 0) - wanted);
  }
  return undefined;
}

/** `$in`: strings through a set, other values by binary search. */
export function inLeaf(node: InNode): Leaf {
  const strings = new Set<string>();
  const others: Value[] = [];
  let hasNull = false;
  let arrays = false;
  for (const value of node.values) {
    if (typeof value === "string") strings.add(value);
    else if (value === null) hasNull = true;
    else {
      if (Array.isArray(value)) arrays = true;
      others.push(value);
    }
  }
  others.sort(compareValues);
  const regexes = node.regexes.map(regexTest);
  return leaf(
    (value) => {
      if (value === undefined || value === null) return hasNull;
      if (value === UNDEFINED) return false;
      if (typeof value === "string" && strings.has(value)) return true;
      if (value instanceof BSONSymbol && strings.has(value.value)) return true;
      let low = 0;
      let high = others.length - 1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        const difference = compareValues(others[middle], value);
        if (difference === 0) return true;
        if (difference < 0) low = middle + 1;
        else high = middle - 1;
      }
      for (const regex of regexes) if (regex(value)) return true;
      return false;
    },
    { arrays },
  );
}

/** How often a filter's pattern may reach the limit of one match before the filter ends: some seconds' worth. */
const maxUndecided = 20;

function regexTest(node: RegexNode): (value: Value | undefined) => boolean {
  const pattern = compilePattern(node.pattern, node.flags);
  let undecided = 0;
  // As in MongoDB, a text at which the matching gives up does not match. There that takes little time; here it takes so
  // much that a filter which gives up again and again is ended.
  const matches = (text: string): boolean => {
    const matched = pattern.test(text);
    if (matched === undefined && ++undecided >= maxUndecided) throw mongoError(50, "operation exceeded time limit");
    return matched === true;
  };
  return (value) => {
    if (typeof value === "string") return matches(value);
    if (value instanceof BSONSymbol) return matches(value.value);
    return value instanceof BSONRegExp && value.pattern === node.pattern && value.options === node.flags;
  };
}

/** `$regex`: strings that match, and stored regular expressions that are this one. */
export function regexLeaf(node: RegexNode): Leaf {
  return leaf(regexTest(node), { arrays: false });
}

export function existsLeaf(): Leaf {
  return leaf((value) => value !== undefined, { raw: () => true });
}

export function typeLeaf(types: ReadonlySet<string>): Leaf {
  return leaf((value) => value !== undefined && types.has(bsonTypeName(value)), { arrays: types.has("array") });
}

export function modLeaf(divisor: bigint, remainder: bigint): Leaf {
  return leaf(
    (value) => {
      if (!isNumber(value)) return false;
      const integer = integerPart(value);
      return integer !== undefined && integer % divisor === remainder;
    },
    { arrays: false },
  );
}

export function sizeLeaf(size: number): Leaf {
  return leaf((value) => Array.isArray(value) && value.length === size, { traverse: false, raw: () => false });
}

/** `$bits…` on integers (two's complement, the sign going on for ever) and on binary data (the lowest byte first). */
export function bitsLeaf(node: BitsNode): Leaf {
  const { op, positions } = node;
  const check = (bit: (position: number) => boolean): boolean => {
    switch (op) {
      case "allSet":
        return positions.every(bit);
      case "allClear":
        return !positions.some(bit);
      case "anySet":
        return positions.some(bit);
      default:
        return !positions.every(bit);
    }
  };
  return leaf(
    (value) => {
      if (value instanceof Binary) {
        const { buffer, position: length } = value;
        return check((at) => at < length * 8 && ((buffer[at >> 3]! >> (at & 7)) & 1) === 1);
      }
      if (!isNumber(value)) return false;
      if (typeof value === "number" && !Number.isInteger(value)) return false;
      if (value instanceof Decimal128 && !isIntegerDecimal(value)) return false;
      const integer = integerPart(value);
      if (integer === undefined) return false;
      return check((at) => ((integer >> BigInt(Math.min(at, 63))) & 1n) === 1n);
    },
    { arrays: false },
  );
}
