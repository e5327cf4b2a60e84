import { invalidBson, MongoError } from "../errors.js";
import { BsonType } from "./raw.js";

/** MongoDB's own bound for nesting. */
const maxDepth = 200;

/**
 * Checks that the bytes from `start` to `end` are one whole BSON document: every length inside its parent, every name
 * and string ended, only known types, nesting of at most 200. Runs in one pass, without recursion.
 *
 * @throws MongoError 22 InvalidBSON; 15 Overflow when it is nested too deeply
 */
export function validateDoc(bytes: Buffer, start = 0, end = bytes.length): void {
  if (end - start < 5 || end > bytes.length) throw invalidBson("BSON data has to be at least 5 bytes");
  const length = bytes.readInt32LE(start);
  if (length < 5 || start + length !== end) throw invalidBson(`incorrect BSON length in object: ${length}`);
  if (bytes[end - 1] !== 0) throw invalidBson("incorrect BSON terminator in object");
  // Ends of the documents that are open, and of the code-with-scope around them where there is one (else 0).
  const ends: number[] = [end];
  const outer: number[] = [0];
  let at = start + 4;
  while (ends.length > 0) {
    const last = ends[ends.length - 1]! - 1;
    if (at > last) throw invalidBson("BSON element passes the end of its document");
    const type = bytes[at]!;
    if (type === 0) {
      if (at !== last) throw invalidBson("BSON document ends before its length");
      at++;
      ends.pop();
      const code = outer.pop()!;
      if (code !== 0 && code !== at) throw invalidBson("incorrect BSON length of code with scope");
      continue;
    }
    const nameEnd = bytes.indexOf(0, at + 1);
    if (nameEnd < 0 || nameEnd >= last) throw invalidBson("BSON element name is not ended");
    at = nameEnd + 1;
    const room = last - at;
    let size: number;
    switch (type) {
      case BsonType.double:
      case BsonType.date:
      case BsonType.int64:
      case BsonType.timestamp:
        size = 8;
        break;
      case BsonType.int32:
        size = 4;
        break;
      case BsonType.objectId:
        size = 12;
        break;
      case BsonType.decimal128:
        size = 16;
        break;
      case BsonType.null:
      case BsonType.undefined:
      case BsonType.minKey:
      case BsonType.maxKey:
        size = 0;
        break;
      case BsonType.boolean:
        size = 1;
        if (room >= 1 && bytes[at]! > 1) throw invalidBson("BSON bool is neither 0 nor 1");
        break;
      case BsonType.string:
      case BsonType.code:
      case BsonType.symbol:
        size = stringSize(bytes, at, room);
        break;
      case BsonType.dbPointer:
        size = stringSize(bytes, at, room) + 12;
        break;
      case BsonType.binary: {
        if (room < 5) throw invalidBson("BSON binary is cut");
        const inner = bytes.readInt32LE(at);
        if (inner < 0) throw invalidBson("BSON binary has a negative length");
        size = 5 + inner;
        break;
      }
      case BsonType.regex: {
        const patternEnd = bytes.indexOf(0, at);
        const optionsEnd = patternEnd < 0 ? -1 : bytes.indexOf(0, patternEnd + 1);
        if (optionsEnd < 0 || optionsEnd >= last) throw invalidBson("BSON regex is not ended");
        size = optionsEnd + 1 - at;
        break;
      }
      case BsonType.document:
      case BsonType.array:
      case BsonType.codeWithScope: {
        let from = at;
        let code = 0;
        if (type === BsonType.codeWithScope) {
          if (room < 14) throw invalidBson("BSON code with scope is cut");
          const whole = bytes.readInt32LE(at);
          if (whole < 14 || whole > room) throw invalidBson("BSON code with scope passes its document");
          code = at + whole;
          from = at + 4 + stringSize(bytes, at + 4, whole - 4);
        }
        if (last - from < 5) throw invalidBson("BSON sub-document is cut");
        const inner = bytes.readInt32LE(from);
        if (inner < 5 || inner > last - from) throw invalidBson(`incorrect BSON length in object: ${inner}`);
        if (bytes[from + inner - 1] !== 0) throw invalidBson("incorrect BSON terminator in object");
        if (ends.length >= maxDepth) {
          throw new MongoError(15, "Overflow", `BSONObj exceeded maximum nested object depth: ${maxDepth}`);
        }
        ends.push(from + inner);
        outer.push(code);
        at = from + 4;
        continue;
      }
      default:
        throw invalidBson(`Unrecognized BSON type ${type}`);
    }
    if (size > room) throw invalidBson("BSON value passes the end of its document");
    at += size;
  }
  if (at !== end) throw invalidBson("BSON document ends before its length");
}

function stringSize(bytes: Buffer, at: number, room: number): number {
  if (room < 5) throw invalidBson("BSON string is cut");
  const length = bytes.readInt32LE(at);
  if (length < 1 || length > room - 4) throw invalidBson("BSON string passes the end of its document");
  if (bytes[at + 3 + length] !== 0) throw invalidBson("BSON string is not ended by NUL");
  return 4 + length;
}
