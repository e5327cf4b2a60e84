import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber } from "../../bson/numbers.js";
import { DateTime, type Value } from "../../bson/values.js";
import { MongoError, mongoError } from "../../errors.js";
import {
  type DateParts,
  dayMs,
  daysFromIsoWeek,
  hourMs,
  isoWeekOf,
  msFromParts,
  partsOf,
  sundayWeekOf,
} from "../dates/calendar.js";
import { checkFormat, formatDate } from "../dates/format.js";
import { parseFreely, parseWithFormat } from "../dates/parse.js";
import { utc, utcOfLocal } from "../dates/time-zone.js";
import { toInt64 } from "../numeric.js";
import { showValue } from "../show.js";
import { named, requireAll, requireDate, zoneOf } from "./date-arguments.js";
import { type Expression, type ExpressionOperator, isNullish, operator, pure } from "./expression.js";

/** `$year` and its kind: a date, or `{ date, timezone }`. */
function part(name: string, summary: string, read: (parts: DateParts) => Value): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    let date: Expression;
    let zone: Expression | undefined;
    if (argument instanceof Doc && !(argument.first()?.[0].startsWith("$") ?? false)) {
      let dateValue: Value | undefined;
      for (const [option, value] of argument) {
        if (option === "date") dateValue = value;
        else if (option === "timezone") zone = scope.compile(value);
        else throw mongoError(40535, `unrecognized option to ${name}: "${option}"`);
      }
      if (dateValue === undefined) {
        throw mongoError(40539, `missing 'date' argument to ${name}, provided: ${name}: ${showValue(argument)}`);
      }
      date = scope.compile(dateValue);
    } else if (Array.isArray(argument)) {
      if (argument.length !== 1) {
        throw mongoError(
          40536,
          `${name} accepts exactly one argument if given an array, but was given ${argument.length}`,
        );
      }
      date = scope.compile(argument[0]!);
    } else {
      date = scope.compile(argument);
    }
    return pure(scope, zone === undefined ? [date] : [date, zone], (root, vars) => {
      const value = date.evaluate(root, vars);
      const inZone = zone === undefined ? utc : zoneOf(zone.evaluate(root, vars));
      if (inZone === undefined || isNullish(value)) return null;
      const ms = requireDate(value);
      return read(partsOf(ms + inZone.offsetAt(ms)));
    });
  });
}

const dateToString = named(
  "$dateToString",
  "A date as text, in a format and a time zone.",
  {
    known: ["date", "format", "timezone", "onNull"],
    notAnObject: () => mongoError(18629, "$dateToString only supports an object as its argument"),
    unknown: (parameter) => mongoError(18534, `Unrecognized argument to $dateToString: ${parameter}`),
    check: requireAll([["date", mongoError(18628, "Missing 'date' parameter to $dateToString")]]),
  },
  (operand, given) => {
    const value = operand("date");
    const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
    let format = zone === utc ? "%Y-%m-%dT%H:%M:%S.%LZ" : "%Y-%m-%dT%H:%M:%S.%L";
    if (given.has("format")) {
      const wanted = operand("format");
      if (isNullish(wanted)) return null;
      if (typeof wanted !== "string") {
        throw mongoError(
          18533,
          `$dateToString requires that 'format' be a string, found: ${typeNameOf(wanted)} with value ${showValue(wanted)}`,
        );
      }
      checkFormat(wanted, false);
      format = wanted;
    }
    if (zone === undefined) return null;
    if (isNullish(value)) return given.has("onNull") ? operand("onNull") : null;
    return formatDate(requireDate(value), format, zone);
  },
);

const dateFromString = named(
  "$dateFromString",
  "The date that a text tells.",
  {
    known: ["dateString", "format", "timezone", "onError", "onNull"],
    notAnObject: (value) =>
      mongoError(40540, `$dateFromString only supports an object as an argument, found: ${typeNameOf(value)}`),
    unknown: (parameter) => mongoError(40541, `Unrecognized argument to $dateFromString: ${parameter}`),
    check: requireAll([["dateString", mongoError(40542, "Missing 'dateString' parameter to $dateFromString")]]),
  },
  (operand, given) => {
    const text = operand("dateString");
    const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
    let format: string | undefined;
    if (given.has("format")) {
      const wanted = operand("format");
      if (isNullish(wanted)) return isNullish(text) && given.has("onNull") ? operand("onNull") : null;
      if (typeof wanted !== "string") {
        throw mongoError(
          40684,
          `$dateFromString requires that 'format' be a string, found: ${typeNameOf(wanted)} with value ${showValue(wanted)}`,
        );
      }
      checkFormat(wanted, true);
      format = wanted;
    }
    if (isNullish(text)) return given.has("onNull") ? operand("onNull") : null;
    if (zone === undefined) return null;
    try {
      if (typeof text !== "string") {
        throw new MongoError(
          241,
          "ConversionFailure",
          `$dateFromString requires that 'dateString' be a string, found: ${typeNameOf(text)} with value ${showValue(text)}`,
        );
      }
      const zoneGiven = given.has("timezone");
      return new DateTime(
        format === undefined ? parseFreely(text, zone, zoneGiven) : parseWithFormat(text, format, zone, zoneGiven),
      );
    } catch (error) {
      if (given.has("onError") && error instanceof MongoError && error.code === 241) return operand("onError");
      throw error;
    }
  },
);

/** The date that a text without a format tells, for `$toDate`. */
export function dateFromText(text: string): DateTime {
  return new DateTime(parseFreely(text, utc, false));
}

const dateToParts = named(
  "$dateToParts",
  "The parts of a date as a document.",
  {
    known: ["date", "timezone", "iso8601"],
    notAnObject: () => mongoError(40524, "$dateToParts only supports an object as its argument"),
    unknown: (parameter) => mongoError(40520, `Unrecognized argument to $dateToParts: ${parameter}`),
    check: requireAll([["date", mongoError(40522, "Missing 'date' parameter to $dateToParts")]]),
  },
  (operand, given) => {
    const value = operand("date");
    const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
    if (zone === undefined) return null;
    const iso = given.has("iso8601") ? operand("iso8601") : false;
    if (isNullish(iso)) return null;
    if (typeof iso !== "boolean") {
      throw mongoError(40521, `iso8601 must evaluate to a bool, found ${typeNameOf(iso)}`);
    }
    if (isNullish(value)) return null;
    const ms = requireDate(value);
    const parts = partsOf(ms + zone.offsetAt(ms));
    const week = isoWeekOf(parts);
    const date: [string, number][] = iso
      ? [
          ["isoWeekYear", week.year],
          ["isoWeek", week.week],
          ["isoDayOfWeek", week.dayOfWeek],
        ]
      : [
          ["year", parts.year],
          ["month", parts.month],
          ["day", parts.day],
        ];
    const time: [string, number][] = [
      ["hour", parts.hour],
      ["minute", parts.minute],
      ["second", parts.second],
      ["millisecond", parts.millisecond],
    ];
    return Doc.from([...date, ...time].map(([name, each]) => [name, int32(each)] as const));
  },
);

const naturalParts = ["year", "month", "day"];
const isoParts = ["isoWeekYear", "isoWeek", "isoDayOfWeek"];
const timeParts = ["hour", "minute", "second", "millisecond"];

const dateFromParts = named(
  "$dateFromParts",
  "The date with these parts.",
  {
    known: [...naturalParts, ...isoParts, ...timeParts, "timezone"],
    notAnObject: () => mongoError(40519, "$dateFromParts only supports an object as its argument"),
    unknown: (parameter) => mongoError(40518, `Unrecognized argument to $dateFromParts: ${parameter}`),
    check: (given) => {
      if (!given.has("year") && !given.has("isoWeekYear")) {
        throw mongoError(40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present");
      }
      if (given.has("year") && isoParts.some((each) => given.has(each))) {
        throw mongoError(40489, "$dateFromParts does not allow mixing natural dates with ISO dates");
      }
      if (given.has("isoWeekYear") && naturalParts.some((each) => given.has(each))) {
        throw mongoError(40525, "$dateFromParts does not allow mixing ISO dates with natural dates");
      }
    },
  },
  (operand, given) => {
    // Every part is checked before a null one decides.
    let missing = false;
    const read = (name: string, otherwise: number): number => {
      if (!given.has(name)) return otherwise;
      const value = operand(name);
      if (isNullish(value)) {
        missing = true;
        return otherwise;
      }
      const number = isNumber(value) ? toInt64(value) : undefined;
      if (number === undefined) {
        throw mongoError(
          40515,
          `'${name}' must evaluate to an integer, found ${typeNameOf(value)} with value ${showValue(value)}`,
        );
      }
      if (name === "year" || name === "isoWeekYear") {
        if (number < 1n || number > 9999n) {
          throw mongoError(
            name === "year" ? 40523 : 31095,
            `'${name}' must evaluate to an integer in the range 1 to 9999, found ${number}`,
          );
        }
      } else if (name !== "second" && name !== "millisecond" && (number < -32768n || number > 32767n)) {
        throw mongoError(
          31034,
          `'${name}' must evaluate to a value in the range [-32768, 32767]; value ${number} is not in range`,
        );
      }
      return Number(number);
    };
    const iso = given.has("isoWeekYear");
    const [first, second, third] = iso ? isoParts : naturalParts;
    const a = read(first!, 1970);
    const b = read(second!, 1);
    const c = read(third!, 1);
    const time =
      read("hour", 0) * hourMs + read("minute", 0) * 60_000 + read("second", 0) * 1000 + read("millisecond", 0);
    const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
    if (missing || zone === undefined) return null;
    const local = (iso ? daysFromIsoWeek(a, b, c) * dayMs : msFromParts(a, b, c)) + time;
    return new DateTime(utcOfLocal(zone, local));
  },
);

/** The operators on dates. */
export const dateOperators: readonly ExpressionOperator[] = [
  dateFromParts,
  dateFromString,
  dateToParts,
  dateToString,
  part("$dayOfMonth", "The day of the month of a date.", (parts) => int32(parts.day)),
  part("$dayOfWeek", "The day of the week of a date, 1 (Sunday) to 7.", (parts) => int32(parts.dayOfWeek + 1)),
  part("$dayOfYear", "The day of the year of a date.", (parts) => int32(parts.dayOfYear)),
  part("$hour", "The hour of a date.", (parts) => int32(parts.hour)),
  part("$isoDayOfWeek", "The ISO day of the week of a date, 1 (Monday) to 7.", (parts) =>
    int32(isoWeekOf(parts).dayOfWeek),
  ),
  part("$isoWeek", "The ISO week of a date.", (parts) => int32(isoWeekOf(parts).week)),
  part("$isoWeekYear", "The year of the ISO week of a date.", (parts) => BigInt(isoWeekOf(parts).year)),
  part("$millisecond", "The milliseconds of a date.", (parts) => int32(parts.millisecond)),
  part("$minute", "The minute of a date.", (parts) => int32(parts.minute)),
  part("$month", "The month of a date.", (parts) => int32(parts.month)),
  part("$second", "The second of a date.", (parts) => int32(parts.second)),
  part("$week", "The week of the year of a date, 0 to 53, from Sunday.", (parts) => int32(sundayWeekOf(parts))),
  part("$year", "The year of a date.", (parts) => int32(parts.year)),
];
