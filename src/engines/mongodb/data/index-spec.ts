import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { failedToParse, mongoError, typeMismatch } from "../errors.js";
import type { Collection } from "./collection.js";
import type { Index } from "./index.js";
import { bsonTypeName, compileFilter, equalValues, isNumber } from "./language.js";
import { documentText } from "./text.js";

const maxFields = 32;
const maxIndexes = 64;

/** Options that are kept as they are given. */
const flags = new Set(["unique", "sparse", "hidden", "background", "dropDups", "prepareUnique"]);

/**
 * Checks an index specification of createIndexes, and gives the form that is kept and listed.
 *
 * @throws MongoError 67 CannotCreateIndex, 197 InvalidIndexSpecificationOption, 9, 14
 */
export function indexSpec(given: Doc): Doc {
  const wrap = (error: Error & { code?: number; codeName?: string }): Error =>
    mongoError(error.code ?? 2, `Error in specification ${documentText(given)} :: caused by :: ${error.message}`);
  let key: Doc | undefined;
  let name: string | undefined;
  const options: [string, Value][] = [];
  for (const [field, value] of given) {
    switch (field) {
      case "key":
        if (!(value instanceof Doc)) {
          throw wrap(typeMismatch(`The field 'key' must be an object, but got ${bsonTypeName(value)}`));
        }
        key = value;
        break;
      case "name":
        if (typeof value !== "string") {
          throw wrap(typeMismatch(`The field 'name' must be a string, but got ${bsonTypeName(value)}`));
        }
        name = value;
        break;
      case "v":
        if (!isNumber(value))
          throw wrap(typeMismatch(`The field 'v' must be a number, but got ${bsonTypeName(value)}`));
        if (Number(value) !== 2 && Number(value) !== 1) {
          throw wrap(
            mongoError(
              67,
              `Invalid index specification ${documentText(given)}; cannot create an index with v=${Number(value)}`,
            ),
          );
        }
        break;
      case "ns":
        break;
      case "collation":
        if (!(value instanceof Doc))
          throw wrap(typeMismatch(`The field 'collation' must be an object, but got ${bsonTypeName(value)}`));
        if (value.get("locale") !== "simple") {
          throw wrap(mongoError(2, `Field 'locale' is invalid in: ${documentText(value)}`));
        }
        break;
      case "partialFilterExpression":
        if (!(value instanceof Doc)) {
          throw wrap(
            typeMismatch(`The field 'partialFilterExpression' must be an object, but got ${bsonTypeName(value)}`),
          );
        }
        compileFilter(value, { now: () => 0 });
        checkPartial(value, wrap);
        options.push([field, value]);
        break;
      case "expireAfterSeconds": {
        if (!isNumber(value)) {
          throw mongoError(
            67,
            `TTL index 'expireAfterSeconds' option must be numeric, but received a type of '${bsonTypeName(value)}'`,
          );
        }
        const seconds = Number(String(value));
        if (seconds < 0) throw wrap(mongoError(67, "TTL index 'expireAfterSeconds' option cannot be less than 0"));
        if (seconds > 2147483647) {
          throw wrap(
            mongoError(
              67,
              "TTL index 'expireAfterSeconds' option must be within an acceptable range, try a lower number",
            ),
          );
        }
        options.push([field, value]);
        break;
      }
      default:
        if (!flags.has(field)) {
          throw wrap(
            mongoError(
              197,
              `The field '${field}' is not valid for an index specification. Specification: ${documentText(given)}`,
            ),
          );
        }
        if (typeof value !== "boolean" && !isNumber(value)) {
          throw wrap(
            typeMismatch(`The field '${field}' has value ${field}: ${String(value)}, which is not convertible to bool`),
          );
        }
        if (field === "background" || field === "dropDups") break;
        if (value === true || (typeof value !== "boolean" && Number(String(value)) !== 0)) options.push([field, true]);
    }
  }
  if (key === undefined) throw wrap(failedToParse("The 'key' field is a required property of an index specification"));
  if (name === undefined)
    throw wrap(failedToParse("The 'name' field is a required property of an index specification"));
  if (name === "") throw wrap(mongoError(67, "index name cannot be empty"));
  if (name === "*") throw wrap(mongoError(2, "The index name '*' is not valid."));
  try {
    checkKey(key);
  } catch (error) {
    throw wrap(error as Error);
  }
  const option = new Map(options);
  if (option.has("expireAfterSeconds") && key.size > 1) {
    throw mongoError(67, "TTL indexes are single-field indexes, compound indexes do not support TTL");
  }
  const isId = key.size === 1 && key.has("_id");
  if (isId) {
    if (Number(String(key.get("_id"))) !== 1) {
      throw mongoError(2, `The field 'key' for an _id index must be {_id: 1}, but got ${documentText(key)}`);
    }
    for (const field of option.keys()) {
      throw mongoError(
        197,
        `The field '${field}' is not valid for an _id index specification. Specification: ${documentText(given)}`,
      );
    }
  }
  if (option.has("sparse") && option.has("partialFilterExpression")) {
    throw mongoError(67, 'cannot mix "partialFilterExpression" and "sparse" options');
  }
  const spec = new Doc().set("v", int32(2)).set("key", key).set("name", name);
  for (const [field, value] of options) spec.set(field, value);
  // A copy of its own: the message that it came in must not be held by the catalog.
  return Doc.raw(Buffer.from(spec.toBytes()));
}

const inPartial = new Set(["$and", "$or", "$eq", "$exists", "$gt", "$gte", "$in", "$lt", "$lte", "$type"]);

/** A partial index takes only filters of which it can be seen whether a query implies them. */
function checkPartial(filter: Doc, wrap: (error: Error) => Error): void {
  const check = (value: Value): void => {
    if (Array.isArray(value)) for (const each of value) check(each);
    if (!(value instanceof Doc)) return;
    for (const [name, inner] of value) {
      if (name.startsWith("$") && (!inPartial.has(name) || (name === "$exists" && inner === false))) {
        throw wrap(mongoError(67, `Expression not supported in partial index: ${documentText(value)}`));
      }
      if (name === "$and" || name === "$or") check(inner);
      else if (!name.startsWith("$") && inner instanceof Doc && inner.first()?.[0].startsWith("$") === true)
        check(inner);
    }
  };
  check(filter);
}

function checkKey(key: Doc): void {
  if (key.isEmpty) throw mongoError(67, "Index keys cannot be empty.");
  if (key.size > maxFields) throw mongoError(13103, `Index key pattern has too many fields: more than ${maxFields}`);
  const seen = new Set<string>();
  for (const [path, order] of key) {
    if (seen.has(path)) throw mongoError(31249, `Path collision at ${path}`);
    seen.add(path);
    if (typeof order === "string") throw mongoError(67, `Unknown index plugin '${order}'`);
    if (!isNumber(order)) {
      throw mongoError(
        67,
        `Values in v:2 index key pattern cannot be of type ${bsonTypeName(order)}. Only numbers > 0, numbers < 0, and strings are allowed.`,
      );
    }
    const number = Number(String(order));
    if (number === 0) throw mongoError(67, "Values in the index key pattern cannot be 0.");
    if (Number.isNaN(number)) throw mongoError(67, "Values in the index key pattern cannot be NaN.");
    if (path === "") throw mongoError(67, "Index keys cannot be an empty field.");
    const parts = path.split(".");
    if (parts.includes("")) throw mongoError(67, "Index keys cannot contain an empty field.");
    if (parts.some((part) => part.startsWith("$") && part !== "$ref" && part !== "$id" && part !== "$db")) {
      if (path === "$**" || path.endsWith(".$**")) throw mongoError(67, "Unknown index plugin 'wildcard'");
      throw mongoError(67, "Index key contains an illegal field name: field name starts with '$'.");
    }
  }
}

function sameOption(a: Index, spec: Doc, field: string): boolean {
  const one = a.spec.get(field);
  const two = spec.get(field);
  if (field === "unique" && a.isId) return true;
  return one === undefined || two === undefined ? one === two : equalValues(one, two);
}

/**
 * Whether the collection has this index already.
 *
 * @throws MongoError 85, 86 when it has one that is too much like it
 */
export function sameIndex(collection: Collection, spec: Doc): boolean {
  const key = spec.get("key") as Doc;
  const name = spec.get("name") as string;
  const sameKey = (index: Index): boolean => equalValues(index.keyPattern, key);
  // What tells two indexes over the same fields apart.
  const signature = (index: Index): boolean =>
    ["unique", "sparse", "partialFilterExpression"].every((field) => sameOption(index, spec, field));
  const idIndex = collection.idIndex;
  if (sameKey(idIndex)) return true;
  const asText = (index: Index): string =>
    `Requested index: ${documentText(spec)}, existing index: ${documentText(index.spec)}`;
  const byName = collection.indexes.find((index) => index.name === name);
  if (byName !== undefined) {
    if (!sameKey(byName) || !signature(byName)) {
      throw mongoError(
        86,
        `An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. ${asText(byName)}`,
      );
    }
    if (!["expireAfterSeconds", "hidden"].every((field) => sameOption(byName, spec, field))) {
      throw mongoError(
        85,
        `An equivalent index already exists with the same name but different options. ${asText(byName)}`,
      );
    }
    return true;
  }
  const byKey = collection.indexes.find((index) => sameKey(index) && signature(index));
  if (byKey !== undefined) {
    if (["expireAfterSeconds"].every((field) => sameOption(byKey, spec, field))) {
      throw mongoError(85, `Index already exists with a different name: ${byKey.name}`);
    }
    throw mongoError(85, `An equivalent index already exists with a different name and options. ${asText(byKey)}`);
  }
  if (collection.indexes.length >= maxIndexes) {
    throw mongoError(67, `add index fails, too many indexes for ${collection.ns} key:${documentText(key)}`);
  }
  return false;
}
