import { ObjectId, Timestamp } from "bson";
import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { Doc, int32 } from "../../bson/doc.js";
import { isNumber } from "../../bson/numbers.js";
import { DateTime, type Value } from "../../bson/values.js";
import { failedToParse, MongoError, mongoError } from "../../errors.js";
import {
  type DateParts,
  dayMs,
  daysFromCivil,
  daysFromIsoWeek,
  daysInMonth,
  hourMs,
  isoWeekOf,
  msFromParts,
  partsOf,
  sundayWeekOf,
} from "../dates/calendar.js";
import { checkFormat, formatDate } from "../dates/format.js";
import { parseFreely, parseWithFormat } from "../dates/parse.js";
import { type TimeZone, timeZone, utc, utcOfLocal } from "../dates/time-zone.js";
import { toInt64 } from "../numeric.js";
import { showValue } from "../show.js";
import { type Expression, type ExpressionOperator, isNullish, operator, pure, type Result } from "./expression.js";

/** The milliseconds of what counts as a date: date, timestamp, object id. */
export function dateOf(value: Result): number | undefined {
  if (value instanceof DateTime) return value.ms;
  if (value instanceof Timestamp) return value.t * 1000;
  if (value instanceof ObjectId) return Buffer.from(value.id).readUInt32BE(0) * 1000;
  return undefined;
}

function requireDate(value: Result): number {
  const ms = dateOf(value);
  if (ms === undefined) throw mongoError(16006, `can't convert from BSON type ${typeNameOf(value)} to Date`);
  return ms;
}

/** The zone that an operand names; `undefined` when it is null. */
function zoneOf(value: Result): TimeZone | undefined {
  if (isNullish(value)) return undefined;
  if (typeof value !== "string") {
    throw mongoError(40517, `timezone must evaluate to a string, found ${typeNameOf(value)}`);
  }
  return timeZone(value);
}

/** An operator with named operands, all of which are evaluated before it runs; `given` tells which were written. */
function named(
  name: string,
  summary: string,
  parameters: {
    readonly known: readonly string[];
    readonly notAnObject: (argument: Value) => MongoError;
    readonly unknown: (parameter: string) => MongoError;
    readonly check: (given: ReadonlySet<string>) => void;
  },
  run: (operands: (parameter: string) => Result, given: ReadonlySet<string>) => Result,
): ExpressionOperator {
  return operator(name, summary, (argument, scope) => {
    if (!(argument instanceof Doc)) throw parameters.notAnObject(argument);
    const compiled = new Map<string, Expression>();
    const values = new Map<string, Value>();
    for (const [parameter, value] of argument) {
      if (!parameters.known.includes(parameter)) throw parameters.unknown(parameter);
      values.set(parameter, value);
    }
    const given = new Set(values.keys());
    parameters.check(given);
    for (const [parameter, value] of values) compiled.set(parameter, scope.compile(value));
    return pure(scope, [...compiled.values()], (root, vars) =>
      run((parameter) => compiled.get(parameter)?.evaluate(root, vars), given),
    );
  });
}

function requireAll(names: readonly (readonly [string, MongoError])[]): (given: ReadonlySet<string>) => void {
  return (given) => {
    for (const [name, error] of names) if (!given.has(name)) throw error;
  };
}

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

type Unit = "year" | "quarter" | "month" | "week" | "day" | "hour" | "minute" | "second" | "millisecond";
const units: readonly string[] = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"];
const unitMs: Readonly<Partial<Record<Unit, number>>> = {
  hour: hourMs,
  minute: 60_000,
  second: 1000,
  millisecond: 1,
};

function unitOf(name: string, value: Result): Unit {
  if (typeof value !== "string") {
    throw mongoError(5439013, `${name} requires 'unit' to be a string, but got ${typeNameOf(value)}`);
  }
  if (!units.includes(value)) {
    throw failedToParse(
      `${name} parameter 'unit' value parsing failed :: caused by :: unknown time unit value: ${value}`,
    );
  }
  return value as Unit;
}

const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

function weekdayOf(name: string, value: Result): number {
  if (typeof value !== "string") {
    throw mongoError(5439015, `${name} requires 'startOfWeek' to be a string, but got ${typeNameOf(value)}`);
  }
  const lower = value.toLowerCase();
  const at = weekdays.findIndex((day) => day === lower || day.slice(0, 3) === lower);
  if (at < 0) {
    throw mongoError(
      5439016,
      `${name} parameter 'startOfWeek' value cannot be recognized as a day of a week: ${value}`,
    );
  }
  return at;
}

function arithmetic(name: "$dateAdd" | "$dateSubtract", summary: string, sign: 1 | -1): ExpressionOperator {
  return named(
    name,
    summary,
    {
      known: ["startDate", "unit", "amount", "timezone"],
      notAnObject: () => mongoError(5166400, `${name} expects an object as its argument`),
      unknown: (parameter) =>
        mongoError(
          5166401,
          `Unrecognized argument to ${name}: ${parameter}. Expected arguments are startDate, unit, amount, and optionally timezone.`,
        ),
      check: (given) => {
        if (!given.has("startDate") || !given.has("unit") || !given.has("amount")) {
          throw mongoError(5166402, `${name} requires startDate, unit, and amount to be present`);
        }
      },
    },
    (operand, given) => {
      const date = operand("startDate");
      const unitValue = operand("unit");
      const amountValue = operand("amount");
      if (isNullish(date) || isNullish(unitValue) || isNullish(amountValue)) return null;
      const unit = unitOf(name, unitValue);
      const ms = dateOf(date);
      if (ms === undefined) throw mongoError(5166403, `${name} requires startDate to be convertible to a date`);
      const amount = isNumber(amountValue) ? toInt64(amountValue) : undefined;
      if (amount === undefined) throw mongoError(5166405, `${name} expects integer amount of time units`);
      const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
      if (zone === undefined) return null;
      return new DateTime(addToDate(ms, unit, BigInt(sign) * amount, zone));
    },
  );
}

const farthestUnits: Readonly<Record<Unit, bigint>> = {
  year: 584_942_417n,
  quarter: 584_942_417n * 4n,
  month: 584_942_417n * 12n,
  week: 30_500_568_905n,
  day: 213_503_982_335n,
  hour: 5_124_095_576_040n,
  minute: 307_445_734_562_400n,
  second: 18_446_744_073_744_000n,
  millisecond: 9_223_372_036_854_775_807n,
};

function addToDate(ms: number, unit: Unit, amount: bigint, zone: TimeZone): number {
  if (amount > farthestUnits[unit] || amount < -farthestUnits[unit]) {
    throw mongoError(5976500, `invalid dateAdd 'amount' parameter value: ${amount} ${unit}`);
  }
  const count = Number(amount);
  const step = unitMs[unit];
  let result: number;
  if (step !== undefined) {
    result = ms + count * step;
  } else {
    const local = ms + zone.offsetAt(ms);
    if (unit === "day" || unit === "week") {
      result = utcOfLocal(zone, local + count * dayMs * (unit === "week" ? 7 : 1));
    } else {
      const parts = partsOf(local);
      const months = parts.year * 12 + parts.month - 1 + count * (unit === "year" ? 12 : unit === "quarter" ? 3 : 1);
      const year = Math.floor(months / 12);
      const month = months - year * 12 + 1;
      const day = Math.min(parts.day, daysInMonth(year, month));
      const timeOfDay = local - Math.floor(local / dayMs) * dayMs;
      result = utcOfLocal(zone, daysFromCivil(year, month, day) * dayMs + timeOfDay);
    }
  }
  if (Math.abs(result) >= 9.223372036854775e18) {
    throw new MongoError(159, "DurationOverflow", `Overflow while adding ${amount} ${unit} to a date`);
  }
  return result;
}

const dateDiff = named(
  "$dateDiff",
  "How many unit boundaries lie between two dates.",
  {
    known: ["startDate", "endDate", "unit", "timezone", "startOfWeek"],
    notAnObject: () => mongoError(5166301, "$dateDiff only supports an object as its argument"),
    unknown: (parameter) => mongoError(5166302, `Unrecognized argument to $dateDiff: ${parameter}`),
    check: requireAll([
      ["startDate", mongoError(5166303, "Missing 'startDate' parameter to $dateDiff")],
      ["endDate", mongoError(5166304, "Missing 'endDate' parameter to $dateDiff")],
      ["unit", mongoError(5166305, "Missing 'unit' parameter to $dateDiff")],
    ]),
  },
  (operand, given) => {
    const start = operand("startDate");
    const end = operand("endDate");
    if (isNullish(start) || isNullish(end)) return null;
    const unitValue = operand("unit");
    if (isNullish(unitValue)) return null;
    const unit = unitOf("$dateDiff", unitValue);
    let weekday = 0;
    if (unit === "week" && given.has("startOfWeek")) {
      const wanted = operand("startOfWeek");
      if (isNullish(wanted)) return null;
      weekday = weekdayOf("$dateDiff", wanted);
    }
    const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
    if (zone === undefined) return null;
    const from = dateOrError("$dateDiff", "startDate", start);
    const to = dateOrError("$dateDiff", "endDate", end);
    return BigInt(unitNumber(to, unit, zone, weekday) - unitNumber(from, unit, zone, weekday));
  },
);

function dateOrError(name: string, parameter: string, value: Result): number {
  const ms = dateOf(value);
  if (ms === undefined) {
    throw mongoError(5166307, `${name} requires '${parameter}' to be a date, but got ${typeNameOf(value)}`);
  }
  return ms;
}

/** A number for the unit that a moment lies in, such that neighbouring units have neighbouring numbers. */
function unitNumber(ms: number, unit: Unit, zone: TimeZone, weekday: number): number {
  const offset = zone.offsetAt(ms);
  const step = unitMs[unit];
  // Hours are counted in elapsed time; only an offset of half an hour moves their boundaries.
  if (step !== undefined) return Math.floor((ms + (offset % step)) / step);
  const local = ms + offset;
  const days = Math.floor(local / dayMs);
  if (unit === "day") return days;
  if (unit === "week") return Math.floor((days + 4 - weekday) / 7);
  const parts = partsOf(local);
  if (unit === "year") return parts.year;
  const months = parts.year * 12 + parts.month - 1;
  return unit === "quarter" ? Math.floor(months / 3) : months;
}

const dateTrunc = named(
  "$dateTrunc",
  "A date cut down to the beginning of its unit or bin.",
  {
    known: ["date", "unit", "binSize", "timezone", "startOfWeek"],
    notAnObject: () => mongoError(5439007, "$dateTrunc only supports an object as its argument"),
    unknown: (parameter) =>
      mongoError(
        5439008,
        `Unrecognized argument to $dateTrunc: ${parameter}. Expected arguments are date, unit, and optionally, binSize, timezone, startOfWeek`,
      ),
    check: requireAll([
      ["date", mongoError(5439009, "Missing 'date' parameter to $dateTrunc")],
      ["unit", mongoError(5439010, "Missing 'unit' parameter to $dateTrunc")],
    ]),
  },
  (operand, given) => {
    const date = operand("date");
    if (isNullish(date)) return null;
    const unitValue = operand("unit");
    if (isNullish(unitValue)) return null;
    const unit = unitOf("$dateTrunc", unitValue);
    let size = 1;
    if (given.has("binSize")) {
      const wanted = operand("binSize");
      if (isNullish(wanted)) return null;
      const number = isNumber(wanted) ? toInt64(wanted) : undefined;
      if (number === undefined) {
        throw mongoError(
          5439017,
          `$dateTrunc requires 'binSize' to be a 64-bit integer, but got value '${showValue(wanted)}' of type ${typeNameOf(wanted)}`,
        );
      }
      if (number <= 0n) {
        throw mongoError(5439018, `$dateTrunc requires 'binSize' to be greater than 0, but got value ${number}`);
      }
      size = Number(number);
    }
    let weekday = 0;
    if (unit === "week" && given.has("startOfWeek")) {
      const wanted = operand("startOfWeek");
      if (isNullish(wanted)) return null;
      weekday = weekdayOf("$dateTrunc", wanted);
    }
    const zone = given.has("timezone") ? zoneOf(operand("timezone")) : utc;
    if (zone === undefined) return null;
    return new DateTime(truncate(dateOrError("$dateTrunc", "date", date), unit, size, weekday, zone));
  },
);

// Bins are counted from the beginning of 2000 in the zone; bins of weeks from its first such weekday.
const referenceDays = daysFromCivil(2000, 1, 1);

function truncate(ms: number, unit: Unit, size: number, weekday: number, zone: TimeZone): number {
  const step = unitMs[unit];
  if (step !== undefined) {
    const reference = utcOfLocal(zone, referenceDays * dayMs);
    const bin = step * size;
    return reference + Math.floor((ms - reference) / bin) * bin;
  }
  const local = ms + zone.offsetAt(ms);
  if (unit === "day" || unit === "week") {
    const bin = unit === "week" ? size * 7 : size;
    // 1 January 2000 was a Saturday.
    const reference = unit === "week" ? referenceDays + ((weekday + 1) % 7) : referenceDays;
    const days = reference + Math.floor((Math.floor(local / dayMs) - reference) / bin) * bin;
    return utcOfLocal(zone, days * dayMs);
  }
  const parts = partsOf(local);
  const bin = size * (unit === "year" ? 12 : unit === "quarter" ? 3 : 1);
  const months = 24_000 + Math.floor((parts.year * 12 + parts.month - 1 - 24_000) / bin) * bin;
  return utcOfLocal(zone, msFromParts(0, months + 1, 1));
}

/** The operators on dates. */
export const dateOperators: readonly ExpressionOperator[] = [
  arithmetic("$dateAdd", "A date with an amount of time added.", 1),
  dateDiff,
  dateFromParts,
  dateFromString,
  arithmetic("$dateSubtract", "A date with an amount of time taken off.", -1),
  dateToParts,
  dateToString,
  dateTrunc,
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
