import { BsonType, nameAt, nameEnd, valueSize } from "../bson/raw.js";
import { mongoError } from "../errors.js";

/** Levels of nesting that a stored document may have. */
const maxDepth = 180;

/** Whether the element at this offset is named `_id`. */
export function firstElementIsId(bytes: Buffer, element: number): boolean {
  return (
    bytes[element + 1] === 0x5f &&
    bytes[element + 2] === 0x69 &&
    bytes[element + 3] === 0x64 &&
    bytes[element + 4] === 0
  );
}

/**
 * Checks what MongoDB refuses to store: an `_id` that is an array, a regex or undefined or that has `$` names inside,
 * and nesting beyond 180 levels. `bytes` has its `_id` first.
 *
 * @throws MongoError 53 InvalidIdField, 52 DollarPrefixedFieldName, 15 Overflow
 */
export function checkStorable(bytes: Buffer, purpose: "insert" | "update"): void {
  const type = bytes[4]!;
  if (firstElementIsId(bytes, 4)) {
    const bad =
      type === BsonType.array
        ? "array"
        : type === BsonType.regex
          ? "regex"
          : type === BsonType.undefined
            ? "undefined"
            : undefined;
    if (bad !== undefined) throw mongoError(53, `The '_id' value cannot be of type ${bad}`);
    if (type === BsonType.document) checkIdNames(bytes, nameEnd(bytes, 5) + 1);
  }
  // A document nested so deeply has at least this many bytes.
  if (bytes.length > maxDepth * 7 && depthExceeds(bytes, 0, 1)) {
    const doing =
      purpose === "insert" ? "insert document because it exceeds" : "update document because it would exceed";
    throw mongoError(15, `cannot ${doing} ${maxDepth} levels of nesting`);
  }
}

function depthExceeds(bytes: Buffer, start: number, depth: number): boolean {
  if (depth > maxDepth) return true;
  let element = start + 4;
  while (bytes[element] !== 0) {
    const type = bytes[element]!;
    const value = nameEnd(bytes, element + 1) + 1;
    if (type === BsonType.document || type === BsonType.array) {
      if (depthExceeds(bytes, value, depth + 1)) return true;
    }
    element = value + valueSize(bytes, type, value);
  }
  return false;
}

/** @throws MongoError 52 for a name with a dollar sign anywhere in the document at `start`, which is an `_id` */
function checkIdNames(bytes: Buffer, start: number): void {
  let element = start + 4;
  while (bytes[element] !== 0) {
    const type = bytes[element]!;
    const value = nameEnd(bytes, element + 1) + 1;
    if (bytes[element + 1] === 0x24) {
      const name = nameAt(bytes, element + 1, value - 1);
      throw mongoError(52, `_id fields may not contain '$'-prefixed fields: ${name} is not valid for storage.`);
    }
    if (type === BsonType.document || type === BsonType.array) checkIdNames(bytes, value);
    element = value + valueSize(bytes, type, value);
  }
}
