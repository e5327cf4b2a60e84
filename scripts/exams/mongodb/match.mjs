// "Evaluating matches" of the unified test format: is what came back what the test file expects?
import { isDeepStrictEqual } from "node:util";
import { BSON } from "mongodb";

/** Thrown when something is not as the test wants it. */
export class Mismatch extends Error {}

const show = (value) => BSON.EJSON.stringify(value ?? null).slice(0, 300);

const typeNames = {
  number: ["int", "long", "double", "number"],
  bigint: ["long", "number"],
  string: ["string"],
  boolean: ["bool"],
};

function typesOf(value) {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (value instanceof Date) return ["date"];
  if (value instanceof RegExp) return ["regex"];
  if (typeof value !== "object") return typeNames[typeof value] ?? [];
  const bson = {
    ObjectId: "objectId",
    Binary: "binData",
    UUID: "binData",
    Timestamp: "timestamp",
    Long: "long",
    Int32: "int",
    Double: "double",
    Decimal128: "decimal",
    BSONRegExp: "regex",
    MinKey: "minKey",
    MaxKey: "maxKey",
    Code: "javascript",
    BSONSymbol: "symbol",
  }[value._bsontype];
  return bson === undefined
    ? ["object"]
    : [bson, ...(["long", "int", "double", "decimal"].includes(bson) ? ["number"] : [])];
}

/** Numbers of any BSON type as one, where that is exact. */
function plain(value) {
  if (value?._bsontype === "Long") return value.toBigInt();
  if (value?._bsontype === "Int32" || value?._bsontype === "Double") return value.valueOf();
  return value;
}

/**
 * @param expected from the test file, with its `$$` operators
 * @param found what the driver gave
 * @param context `{ entities, path, root }`; at the root a document may hold further keys
 */
export function match(expected, found, { entities, path = "result", root = true }) {
  // The driver keeps the order of sorts and keys in a Map.
  const actual = found instanceof Map ? Object.fromEntries(found) : found;
  const fail = (why) => {
    throw new Mismatch(`${path}: ${why}`);
  };
  if (isDocument(expected)) {
    const [operator] = Object.keys(expected);
    if (operator?.startsWith("$$")) return special(operator, expected[operator], actual, { entities, path, root });
    if (actual === null || typeof actual !== "object" || Array.isArray(actual))
      fail(`expected ${show(expected)}, got ${show(actual)}`);
    for (const [key, value] of Object.entries(expected)) {
      const inner = actual[key];
      if (isDocument(value) && "$$exists" in value) {
        if (value.$$exists !== (inner !== undefined)) fail(`${key} is ${value.$$exists ? "missing" : "there"}`);
      } else if (isDocument(value) && "$$unsetOrMatches" in value) {
        if (inner !== undefined && inner !== null)
          match(value.$$unsetOrMatches, inner, { entities, path: `${path}.${key}`, root: false });
      } else {
        if (inner === undefined) fail(`${key} is missing`);
        match(value, inner, { entities, path: `${path}.${key}`, root: false });
      }
    }
    if (!root) for (const key of Object.keys(actual)) if (!(key in expected)) fail(`unexpected ${key}`);
    return;
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      fail(`expected ${show(expected)}, got ${show(actual)}`);
    // The documents of a result are roots of their own.
    expected.forEach((value, index) => {
      match(value, actual[index], { entities, path: `${path}[${index}]`, root });
    });
    return;
  }
  const [left, right] = [plain(expected), plain(actual)];
  const numbers =
    (typeof left === "number" || typeof left === "bigint") && (typeof right === "number" || typeof right === "bigint");
  // biome-ignore lint/suspicious/noDoubleEquals: 1 and 1n are the same number here.
  if (numbers ? left == right : isDeepStrictEqual(left, right) || sameBytes(left, right)) return;
  fail(`expected ${show(expected)}, got ${show(actual)}`);
}

function isDocument(value) {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    value._bsontype === undefined &&
    !(value instanceof Date) &&
    !(value instanceof RegExp)
  );
}

function sameBytes(left, right) {
  if (left?._bsontype === undefined || left._bsontype !== right?._bsontype) return false;
  return Buffer.compare(Buffer.from(BSON.serialize({ left })), Buffer.from(BSON.serialize({ left: right }))) === 0;
}

function special(operator, argument, actual, context) {
  const fail = (why) => {
    throw new Mismatch(`${context.path}: ${why}`);
  };
  switch (operator) {
    case "$$exists":
      return;
    case "$$unsetOrMatches":
      return actual === undefined || actual === null ? undefined : match(argument, actual, context);
    case "$$type": {
      const wanted = [argument].flat();
      if (!typesOf(actual).some((type) => wanted.includes(type))) fail(`${show(actual)} is no ${wanted.join(" or ")}`);
      return;
    }
    case "$$matchesEntity":
      return match(context.entities.get(argument), actual, context);
    case "$$matchesHexBytes":
      if (Buffer.from(actual).toString("hex") !== argument) fail("other bytes");
      return;
    case "$$sessionLsid":
      return match(context.entities.get(argument).id, actual, context);
    case "$$lte":
      if (!(plain(actual) <= argument)) fail(`${show(actual)} is over ${argument}`);
      return;
    case "$$matchAsDocument":
      return match(argument, BSON.EJSON.parse(actual), context);
    case "$$matchAsRoot":
      return match(argument, actual, { ...context, root: true });
    default:
      fail(`the runner has no ${operator}`);
  }
}
