import { mongoError } from "../../errors.js";
import { type DateParts, isoWeekOf, partsOf, sundayWeekOf } from "./calendar.js";
import type { TimeZone } from "./time-zone.js";

export const monthNames = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const toStringCharacters = "bBdGHjLmMSuUVwYzZ%";
const fromStringCharacters = "bBdGHjLmMSuVYzZ%";

/** Refuses a format with a specifier that is not known. */
export function checkFormat(format: string, reading: boolean): void {
  const known = reading ? fromStringCharacters : toStringCharacters;
  for (let i = 0; i < format.length; i++) {
    if (format[i] !== "%") continue;
    const specifier = format[++i];
    if (specifier === undefined) throw mongoError(18535, "Unmatched '%' at end of format string");
    if (!known.includes(specifier)) {
      throw mongoError(18536, `Invalid format character '%${specifier}' in format string`);
    }
  }
}

/** Writes a date as `$dateToString` does. @see https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToString/ */
export function formatDate(ms: number, format: string, zone: TimeZone): string {
  const offset = zone.offsetAt(ms);
  const parts = partsOf(ms + offset);
  let text = "";
  for (let i = 0; i < format.length; i++) {
    const char = format[i]!;
    text += char === "%" ? formatPart(format[++i]!, parts, offset) : char;
  }
  return text;
}

const two = (value: number) => String(value).padStart(2, "0");

function formatPart(specifier: string, parts: DateParts, offsetMs: number): string {
  switch (specifier) {
    case "Y":
      return year(parts.year);
    case "G":
      return year(isoWeekOf(parts).year);
    case "m":
      return two(parts.month);
    case "b":
      return monthNames[parts.month - 1]!.slice(0, 3);
    case "B":
      return monthNames[parts.month - 1]!;
    case "d":
      return two(parts.day);
    case "H":
      return two(parts.hour);
    case "M":
      return two(parts.minute);
    case "S":
      return two(parts.second);
    case "L":
      return String(parts.millisecond).padStart(3, "0");
    case "j":
      return String(parts.dayOfYear).padStart(3, "0");
    case "w":
      return String(parts.dayOfWeek + 1);
    case "u":
      return String(isoWeekOf(parts).dayOfWeek);
    case "U":
      return two(sundayWeekOf(parts));
    case "V":
      return two(isoWeekOf(parts).week);
    case "z": {
      const minutes = Math.trunc(Math.abs(offsetMs) / 60_000);
      return `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
    }
    case "Z":
      return String(Math.trunc(offsetMs / 60_000));
    case "%":
      return "%";
    default:
      throw mongoError(18536, `Invalid format character '%${specifier}' in format string`);
  }
}

function year(value: number): string {
  if (value < 0 || value > 9999) {
    throw mongoError(
      18537,
      `Could not convert date to string: date component was outside the supported range of 0-9999: ${value}`,
    );
  }
  return String(value).padStart(4, "0");
}
