import { bsonTypeName as typeNameOf } from "../../bson/compare.js";
import { isNumber } from "../../bson/numbers.js";
import { DateTime } from "../../bson/values.js";
import { failedToParse, MongoError, mongoError } from "../../errors.js";
import { dayMs, daysFromCivil, daysInMonth, hourMs, msFromParts, partsOf } from "../dates/calendar.js";
import { type TimeZone, utc, utcOfLocal } from "../dates/time-zone.js";
import { toInt64 } from "../numeric.js";
import { showValue } from "../show.js";
import { dateOf, named, requireAll, zoneOf } from "./date-arguments.js";
import { type ExpressionOperator, isNullish, type Result } from "./expression.js";

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

/** The operators that move, compare and cut dates. */
export const dateArithmeticOperators: readonly ExpressionOperator[] = [
  arithmetic("$dateAdd", "A date with an amount of time added.", 1),
  dateDiff,
  arithmetic("$dateSubtract", "A date with an amount of time taken off.", -1),
  dateTrunc,
];
