import { BSONRegExp, BSONSymbol, Code, Decimal128, Int32, Timestamp } from "bson";
import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber, toDouble } from "../../bson/numbers.js";
import { DateTime, type Value } from "../../bson/values.js";
import { MongoError, mongoError } from "../../errors.js";
import { compilePattern, type Pattern } from "../../query/regex.js";
import { formatDate } from "../dates/format.js";
import { utc } from "../dates/time-zone.js";
import { toInt32 } from "../numeric.js";
import { doubleText, showValue } from "../show.js";
import { readIndex } from "./arrays.js";
import {
  binary,
  constant,
  type Expression,
  type ExpressionOperator,
  exactly,
  isNullish,
  namedArguments,
  operator,
  pure,
  type Result,
  ranged,
  unary,
  unfolded,
  variadic,
} from "./expression.js";

/** A value as text where an operator takes text of numbers and dates too; null is the empty text. */
export function coerceToText(value: Result): string {
  if (isNullish(value)) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return doubleText(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Int32) return String(value.value);
  if (value instanceof Decimal128) return value.toString();
  if (value instanceof BSONSymbol) return value.value;
  if (value instanceof Code) return String(value.code);
  if (value instanceof DateTime) return formatDate(value.ms, "%Y-%m-%dT%H:%M:%S.%LZ", utc);
  if (value instanceof Timestamp) return showValue(value);
  throw mongoError(16007, `can't convert from BSON type ${typeNameOf(value)} to String`);
}

function concat(operands: Iterable<Result>): Result {
  let text = "";
  for (const each of operands) {
    if (isNullish(each)) return null;
    if (typeof each !== "string") throw mongoError(16702, `$concat only supports strings, not ${typeNameOf(each)}`);
    text += each;
  }
  return text;
}

function indexOfText(
  name: string,
  codes: readonly [number, number],
  split: (text: string) => {
    readonly length: number;
    slice(from: number, to: number): unknown;
    indexOf(text: string, from: number): number;
  },
): (operands: Result[], count: number) => Result {
  return (operands, count) => {
    const [text, wanted] = operands;
    if (isNullish(text)) return null;
    if (typeof text !== "string") {
      throw mongoError(codes[0], `${name} requires a string as the first argument, found: ${typeNameOf(text)}`);
    }
    if (typeof wanted !== "string") {
      throw mongoError(codes[1], `${name} requires a string as the second argument, found: ${typeNameOf(wanted)}`);
    }
    const whole = split(text);
    const from = count > 2 ? readIndex(name, "starting", operands[2]) : 0;
    const to = count > 3 ? Math.min(whole.length, readIndex(name, "ending", operands[3])) : whole.length;
    if (from > to || from > whole.length || (from === whole.length && whole.length > 0)) return int32(-1);
    const at = whole.indexOf(wanted, from);
    return int32(at >= 0 && at + split(wanted).length <= to ? at : -1);
  };
}

/** Text as an array of code points. */
class CodePoints {
  readonly #points: string[];
  constructor(text: string) {
    this.#points = [...text];
  }
  get length(): number {
    return this.#points.length;
  }
  slice(from: number, to: number): string {
    return this.#points.slice(from, to).join("");
  }
  indexOf(text: string, from: number): number {
    const wanted = [...text];
    for (let i = from; i + wanted.length <= this.#points.length; i++) {
      if (wanted.every((each, k) => this.#points[i + k] === each)) return i;
    }
    return -1;
  }
}

// What MongoDB trims when no characters are given: Unicode white space and NUL.
const whitespace = new Set(
  "\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a",
);

function trim(name: string, summary: string, left: boolean, right: boolean): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const given = namedArguments(
      argument,
      {
        notAnObject: (value) =>
          mongoError(50696, `${name} only supports an object as an argument, found ${typeNameOf(value)}`),
        unknown: (each) => mongoError(50694, `${name} found an unknown argument: ${each}`),
      },
      ["input", "chars"],
    );
    if (!given.has("input")) throw mongoError(50695, `${name} requires an 'input' field`);
    const input = scope.compile(given.get("input")!);
    const chars = given.has("chars") ? scope.compile(given.get("chars")!) : undefined;
    return pure(scope, chars === undefined ? [input] : [input, chars], (root, vars) => {
      const text = input.evaluate(root, vars);
      if (isNullish(text)) return null;
      if (typeof text !== "string") {
        throw mongoError(
          50699,
          `${name} requires its input to be a string, got ${showValue(text)} (of type ${typeNameOf(text)}) instead.`,
        );
      }
      let set = whitespace;
      if (chars !== undefined) {
        const wanted = chars.evaluate(root, vars);
        if (isNullish(wanted)) return null;
        if (typeof wanted !== "string") {
          throw mongoError(
            50700,
            `${name} requires 'chars' to be a string, got ${showValue(wanted)} (of type ${typeNameOf(wanted)}) instead.`,
          );
        }
        set = new Set(wanted);
      }
      const points = [...text];
      let from = 0;
      let to = points.length;
      if (left) while (from < to && set.has(points[from]!)) from++;
      if (right) while (to > from && set.has(points[to - 1]!)) to--;
      return points.slice(from, to).join("");
    });
  });
}

function split(text: Result, separator: Result): Result {
  if (isNullish(text) || isNullish(separator)) return null;
  if (typeof text !== "string") {
    throw mongoError(
      40085,
      `$split requires an expression that evaluates to a string as a first argument, found: ${typeNameOf(text)}`,
    );
  }
  if (typeof separator !== "string") {
    throw mongoError(
      40086,
      `$split requires an expression that evaluates to a string as a second argument, found: ${typeNameOf(separator)}`,
    );
  }
  if (separator === "") throw mongoError(40087, "$split requires a non-empty separator");
  return text.split(separator);
}

function length(name: string, code: number, count: (text: string) => number): (value: Result) => Result {
  return (value) => {
    if (typeof value !== "string") {
      throw mongoError(code, `${name} requires a string argument, found: ${typeNameOf(value)}`);
    }
    return int32(count(value));
  };
}

// Only ASCII changes its case, as in MongoDB.
const lower = (text: string) => text.replace(/[A-Z]+/g, (each) => each.toLowerCase());
const upper = (text: string) => text.replace(/[a-z]+/g, (each) => each.toUpperCase());

function strcasecmp(left: Result, right: Result): Result {
  const order = Buffer.compare(Buffer.from(upper(coerceToText(left))), Buffer.from(upper(coerceToText(right))));
  return int32(order);
}

function substrBytes(operands: Result[]): Result {
  const [value, start, count] = operands;
  const bytes = Buffer.from(coerceToText(value));
  if (!isNumber(start)) {
    throw mongoError(16034, `$substrBytes:  starting index must be a numeric type (is BSON type ${typeNameOf(start)})`);
  }
  if (!isNumber(count)) {
    throw mongoError(16035, `$substrBytes:  length must be a numeric type (is BSON type ${typeNameOf(count)})`);
  }
  const from = Math.trunc(toDouble(start));
  if (from < 0) throw mongoError(50752, `$substrBytes:  starting index must be non-negative (got: ${from})`);
  const wanted = Math.trunc(toDouble(count));
  const to = wanted < 0 ? bytes.length : Math.min(bytes.length, from + wanted);
  if (from >= bytes.length) return "";
  const continues = (at: number) => at < bytes.length && (bytes[at]! & 0xc0) === 0x80;
  if (continues(from)) {
    throw mongoError(28656, "$substrBytes:  Invalid range, starting index is a UTF-8 continuation byte.");
  }
  if (continues(to)) {
    throw mongoError(28657, "$substrBytes:  Invalid range, ending index is in the middle of a UTF-8 character.");
  }
  return bytes.toString("utf8", from, to);
}

function substrCP(operands: Result[]): Result {
  const [value, start, count] = operands;
  const text = coerceToText(value);
  if (!isNumber(start)) {
    throw mongoError(34450, `$substrCP: starting index must be a numeric type (is BSON type ${typeNameOf(start)})`);
  }
  const from = toInt32(start);
  if (from === undefined) {
    throw mongoError(
      34451,
      `$substrCP: starting index cannot be represented as a 32-bit integral value: ${showValue(start)}`,
    );
  }
  if (!isNumber(count)) {
    throw mongoError(34452, `$substrCP: length must be a numeric type (is BSON type ${typeNameOf(count)})`);
  }
  const wanted = toInt32(count);
  if (wanted === undefined) {
    throw mongoError(34453, `$substrCP: length cannot be represented as a 32-bit integral value: ${showValue(count)}`);
  }
  if (wanted < 0) throw mongoError(34454, "$substrCP: length must be a nonnegative integer.");
  if (from < 0) throw mongoError(34455, "$substrCP: the starting index must be nonnegative integer.");
  return new CodePoints(text).slice(from, from + wanted);
}

interface RegexRun {
  readonly text: string;
  /** The match from an index on. */
  readonly match: (from: number) => RegExpExecArray | null;
}

function compileRegex(name: string, pattern: string, options: string): Pattern {
  for (const option of options) {
    if (!"imsxu".includes(option)) throw mongoError(51108, `${name} invalid flag in regex options: ${option}`);
  }
  try {
    return compilePattern(pattern, options, true);
  } catch (error) {
    if (!(error instanceof MongoError)) throw error;
    throw mongoError(
      51111,
      `Invalid Regex in ${name}: ${error.message.replace("Regular expression is invalid: ", "")}`,
    );
  }
}

/** The three `$regex…` operators share their arguments; a null input or pattern matches nothing. */
function regexOperator(name: string, summary: string, run: (found: RegexRun | undefined) => Value): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    const given = namedArguments(
      argument,
      {
        notAnObject: (value) =>
          mongoError(51103, `${name} expects an object of named arguments but found: ${typeNameOf(value)}`),
        unknown: (each) => mongoError(31024, `${name} found an unknown argument: ${each}`),
      },
      ["input", "regex", "options"],
    );
    if (!given.has("input")) throw mongoError(31022, `${name} requires 'input' parameter`);
    if (!given.has("regex")) throw mongoError(31023, `${name} requires 'regex' parameter`);
    const input = scope.compile(given.get("input")!);
    const pattern = scope.compile(given.get("regex")!);
    const options: Expression = given.has("options") ? scope.compile(given.get("options")!) : constant(undefined);
    // A constant pattern is checked beforehand; the match itself waits for a document.
    pure(scope, [pattern, options], () => {
      regexOfOperands(name, pattern.constant?.value, options.constant?.value);
      return null;
    });
    return unfolded((root, vars) => {
      const regex = regexOfOperands(name, pattern.evaluate(root, vars), options.evaluate(root, vars));
      const text = input.evaluate(root, vars);
      if (!isNullish(text) && typeof text !== "string") {
        throw mongoError(51104, `${name} needs 'input' to be of type string`);
      }
      if (isNullish(text) || regex === undefined) return run(undefined);
      return run({
        text,
        match: (from) => {
          const match = regex.exec(text, from);
          if (match !== undefined) return match;
          throw mongoError(
            51156,
            `Error occurred while executing the regular expression in ${name}. Result code: match limit exceeded`,
          );
        },
      });
    });
  });
}

function regexOfOperands(name: string, pattern: Result, options: Result): Pattern | undefined {
  let flags = "";
  if (!isNullish(options)) {
    if (typeof options !== "string") throw mongoError(51106, `${name} needs 'options' to be of type string`);
    flags = options;
  }
  if (isNullish(pattern)) return undefined;
  if (pattern instanceof BSONRegExp) {
    if (pattern.options !== "" && !isNullish(options)) {
      throw mongoError(51107, `${name}: found regex option(s) specified in both 'regex' and 'option' fields`);
    }
    return compileRegex(name, pattern.pattern, pattern.options === "" ? flags : pattern.options);
  }
  if (typeof pattern !== "string") throw mongoError(51105, `${name} needs 'regex' to be of type string or regex`);
  if (pattern.includes("\0"))
    throw mongoError(51109, `${name}: regular expression cannot contain an embedded null byte`);
  return compileRegex(name, pattern, flags);
}

function matchDocument(text: string, match: RegExpExecArray): Doc {
  return Doc.of(
    ["match", "idx", "captures"],
    [match[0], int32([...text.slice(0, match.index)].length), match.slice(1).map((each) => each ?? null)],
  );
}

function findAll({ text, match }: RegexRun): Value[] {
  const all: Value[] = [];
  let at = 0;
  // An empty match at the very end is not one for MongoDB, unless the text is empty too.
  do {
    const found = match(at);
    if (found === null || (found[0] === "" && found.index >= text.length && text !== "")) return all;
    all.push(matchDocument(text, found));
    at = found.index + found[0].length;
    if (found[0] === "") at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  } while (at < text.length);
  return all;
}

function replacer(name: string, summary: string, replace: (text: string, find: string, by: string) => string) {
  return operator(name, summary, (argument, scope) => {
    const given = namedArguments(
      argument,
      {
        notAnObject: (value) =>
          mongoError(51751, `${name} requires an object as an argument, found: ${typeNameOf(value)}`),
        unknown: (each) => mongoError(51750, `${name} found an unknown argument: ${each}`),
      },
      ["input", "find", "replacement"],
    );
    if (!given.has("input")) throw mongoError(51749, `${name} requires 'input' to be specified`);
    if (!given.has("find")) throw mongoError(51748, `${name} requires 'find' to be specified`);
    if (!given.has("replacement")) throw mongoError(51747, `${name} requires 'replacement' to be specified`);
    const operands = ["input", "find", "replacement"].map((each) => scope.compile(given.get(each)!));
    const codes = [51746, 51745, 51744];
    return unfolded((root, vars) => {
      const values = operands.map((each) => each.evaluate(root, vars));
      for (const [i, value] of values.entries()) {
        if (isNullish(value) || typeof value === "string") continue;
        const parameter = ["input", "find", "replacement"][i];
        throw mongoError(codes[i]!, `${name} requires that '${parameter}' be a string, found: ${showValue(value)}`);
      }
      if (values.some(isNullish)) return null;
      const [text, find, by] = values as [string, string, string];
      return replace(text, find, by);
    });
  });
}

function replaceAll(text: string, find: string, by: string): string {
  if (find !== "") return text.split(find).join(by);
  return by + [...text].map((each) => each + by).join("");
}

function replaceOne(text: string, find: string, by: string): string {
  const at = text.indexOf(find);
  return at < 0 ? text : text.slice(0, at) + by + text.slice(at + find.length);
}

/** The operators on strings. */
export const stringOperators: readonly ExpressionOperator[] = [
  variadic("$concat", "Joins strings.", concat),
  ranged(
    "$indexOfBytes",
    "Where a string first occurs in another, in UTF-8 bytes.",
    2,
    4,
    indexOfText("$indexOfBytes", [40091, 40092], (text) => {
      const bytes = Buffer.from(text);
      return {
        length: bytes.length,
        slice: (a, b) => bytes.subarray(a, b),
        indexOf: (each, from) => bytes.indexOf(each, from),
      };
    }),
  ),
  ranged(
    "$indexOfCP",
    "Where a string first occurs in another, in code points.",
    2,
    4,
    indexOfText("$indexOfCP", [40093, 40094], (text) => new CodePoints(text)),
  ),
  trim("$ltrim", "A string without white space or given characters at its beginning.", true, false),
  regexOperator("$regexFind", "The first match of a regular expression, with its captures.", (run) => {
    const match = run?.match(0) ?? null;
    return match === null ? null : matchDocument(run!.text, match);
  }),
  regexOperator("$regexFindAll", "All matches of a regular expression.", (run) =>
    run === undefined ? [] : findAll(run),
  ),
  regexOperator(
    "$regexMatch",
    "Whether a regular expression matches.",
    (run) => run !== undefined && run.match(0) !== null,
  ),
  replacer("$replaceAll", "A string with all occurrences of another replaced.", replaceAll),
  replacer("$replaceOne", "A string with the first occurrence of another replaced.", replaceOne),
  trim("$rtrim", "A string without white space or given characters at its end.", false, true),
  binary("$split", "The parts of a string between separators.", split),
  unary("$strLenBytes", "The length of a string in UTF-8 bytes.", length("$strLenBytes", 34473, Buffer.byteLength)),
  unary(
    "$strLenCP",
    "The length of a string in code points.",
    length("$strLenCP", 34471, (text) => [...text].length),
  ),
  binary("$strcasecmp", "Compares two strings without regard to the case of ASCII letters.", strcasecmp),
  exactly("$substr", "The same as $substrBytes.", 3, substrBytes),
  exactly("$substrBytes", "A part of a string, in UTF-8 bytes.", 3, substrBytes),
  exactly("$substrCP", "A part of a string, in code points.", 3, substrCP),
  unary("$toLower", "A string in lower case (ASCII).", (value) => lower(coerceToText(value))),
  unary("$toUpper", "A string in upper case (ASCII).", (value) => upper(coerceToText(value))),
  trim("$trim", "A string without white space or given characters at both ends.", true, true),
];
