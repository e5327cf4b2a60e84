import { MongoError } from "../../errors.js";
import { dayMs, daysFromCivil, daysFromIsoWeek, daysInMonth, hourMs, msFromParts } from "./calendar.js";
import { monthNames } from "./format.js";
import { type TimeZone, timeZone, utcOfLocal } from "./time-zone.js";

function failure(message: string): MongoError {
  return new MongoError(241, "ConversionFailure", message);
}

function incomplete(text: string): MongoError {
  return failure(`an incomplete date/time string has been found, with elements missing: "${text}"`);
}

interface Found {
  year?: number;
  month?: number;
  day?: number;
  dayOfYear?: number;
  isoYear?: number;
  isoWeek?: number;
  isoDay?: number;
  hour?: number;
  minute?: number;
  second?: number;
  millisecond?: number;
  /** minutes ahead of UTC */
  offset?: number;
}

/** Reads a date written in a given format. */
export function parseWithFormat(text: string, format: string, zone: TimeZone, zoneGiven: boolean): number {
  const found: Found = {};
  let at = 0;
  const fail = (why: string) => failure(`Error parsing date string '${text}'; ${at}: ${why} '${text[at] ?? " "}'`);
  const digits = (least: number, most: number): number => {
    let end = at;
    while (end < text.length && end - at < most && text[end]! >= "0" && text[end]! <= "9") end++;
    if (end - at < least)
      throw at >= text.length ? fail("Not enough data available to satisfy format") : fail("Unexpected character");
    const value = Number(text.slice(at, end));
    at = end;
    return value;
  };
  for (let i = 0; i < format.length; i++) {
    const char = format[i]!;
    if (char !== "%") {
      if (text[at] !== char) {
        throw at >= text.length
          ? fail("Not enough data available to satisfy format")
          : fail("The format separator does not match");
      }
      at++;
      continue;
    }
    switch (format[++i]) {
      case "Y":
        found.year = digits(4, 4);
        break;
      case "G":
        found.isoYear = digits(4, 4);
        break;
      case "m":
        found.month = digits(1, 2);
        break;
      case "b":
      case "B": {
        const month = monthAt(text, at);
        if (month === undefined) throw fail("A textual month could not be found");
        found.month = month.month;
        at += month.length;
        break;
      }
      case "d":
        found.day = digits(1, 2);
        break;
      case "H":
        found.hour = digits(1, 2);
        break;
      case "M":
        found.minute = digits(2, 2);
        break;
      case "S":
        found.second = digits(2, 2);
        break;
      case "L":
        found.millisecond = digits(1, 3);
        break;
      case "j":
        found.dayOfYear = digits(1, 3);
        break;
      case "V":
        found.isoWeek = digits(1, 2);
        break;
      case "u":
        found.isoDay = digits(1, 1);
        break;
      case "z": {
        const match = /^(?:Z|UTC|GMT|([+-])(\d\d):?(\d\d)?)/.exec(text.slice(at));
        if (match === null) throw fail("The timezone could not be found in the database");
        at += match[0].length;
        const minutes = Number(match[2] ?? "0") * 60 + Number(match[3] ?? "0");
        found.offset = match[1] === "-" ? -minutes : minutes;
        break;
      }
      case "Z": {
        const match = /^[+-]\d{1,4}/.exec(text.slice(at));
        if (match === null) throw fail("Invalid timezone offset in minutes");
        at += match[0].length;
        found.offset = Number(match[0]);
        break;
      }
      default:
        if (text[at] !== "%") throw fail("The format separator does not match");
        at++;
    }
  }
  if (at < text.length) throw failure(`Error parsing date string '${text}'; ${at}: Trailing data '${text[at]}'`);
  return combine(text, found, zone, zoneGiven);
}

const monthForm = /^[A-Za-z]+\.?/;

function monthAt(text: string, at: number): { month: number; length: number } | undefined {
  const match = monthForm.exec(text.slice(at));
  if (match === null) return undefined;
  const word = match[0].replace(".", "").toLowerCase();
  const month = monthNames.findIndex(
    (each) =>
      each.toLowerCase() === word ||
      each.slice(0, 3).toLowerCase() === word ||
      (word === "sept" && each === "September"),
  );
  return month < 0 ? undefined : { month: month + 1, length: match[0].length };
}

function combine(text: string, found: Found, zone: TimeZone, zoneGiven: boolean): number {
  if (found.offset !== undefined && zoneGiven) {
    throw failure(`you cannot pass in a date/time string with GMT offset together with a timezone argument: "${text}"`);
  }
  const { hour = 0, minute = 0, second = 0, millisecond = 0 } = found;
  const invalid = () => failure(`Error parsing date string '${text}'; ${text.length}: The parsed date was invalid ' '`);
  if (hour > 24 || minute > 59 || second > 60) throw invalid();
  const time = hour * hourMs + minute * 60_000 + second * 1000 + millisecond;
  let days: number;
  if (found.isoYear !== undefined) {
    days = daysFromIsoWeek(found.isoYear, found.isoWeek ?? 1, found.isoDay ?? 1);
  } else if (found.year !== undefined && found.dayOfYear !== undefined) {
    // MongoDB counts the days that it reads from 0, those that it writes from 1.
    days = daysFromCivil(found.year, 1, 1) + found.dayOfYear;
  } else {
    if (found.year === undefined || found.month === undefined || found.day === undefined) throw incomplete(text);
    if (found.month < 1 || found.month > 12 || found.day < 1 || found.day > daysInMonth(found.year, found.month)) {
      throw invalid();
    }
    days = daysFromCivil(found.year, found.month, found.day);
  }
  const local = days * dayMs + time;
  return found.offset === undefined ? utcOfLocal(zone, local) : local - found.offset * 60_000;
}

const timeForm =
  "(?:[T ]\\s*(?<hour>\\d{1,2})(?::?(?<minute>\\d\\d)(?::?(?<second>\\d\\d)(?:[.,](?<fraction>\\d{1,9}))?)?)?\\s*(?<half>[AaPp]\\.?[Mm]\\.?)?)?";
const zoneForm = "\\s*(?<zone>Z|z|UTC|GMT|[A-Z]{3,4}|[+-]\\d\\d(?::?\\d\\d)?|[A-Z][A-Za-z_]+/[A-Za-z_/]+)?";
const ordinal = "(?:st|nd|rd|th)?";
const dateForms = [
  "(?<year>\\d{4})-(?<month>0?[1-9]|1[0-2])-(?<day>\\d{1,2})",
  "(?<year>\\d{4})-(?<month>0[1-9]|1[0-2])",
  "(?<year>\\d{4})/(?<month>\\d{1,2})/(?<day>\\d{1,2})",
  "(?<month>\\d{1,2})/(?<day>\\d{1,2})/(?<year>\\d{4})",
  "(?<day>\\d{1,2})[.-](?<month>\\d{1,2})[.-](?<year>\\d{4})",
  "(?<year>\\d{4})(?<month>\\d\\d)(?<day>\\d\\d)",
  "(?<year>\\d{4})-?W(?<week>\\d\\d)(?:-?(?<weekday>[0-7]))?",
  `(?:[A-Za-z]+,?\\s+)?(?<name>[A-Za-z]{3,9})\\.?[\\s-]+(?<day>\\d{1,2})${ordinal},?[\\s-]+(?<year>\\d{4})`,
  `(?:[A-Za-z]+,?\\s+)?(?<day>\\d{1,2})${ordinal}[\\s-]*(?<name>[A-Za-z]{3,9})\\.?,?[\\s-]+(?<year>\\d{4})`,
  "(?<name>[A-Za-z]{3,9})\\s+(?<year>\\d{4})",
].map((date) => new RegExp(`^\\s*${date},?${timeForm}${zoneForm}\\s*$`));

/** Reads a date in one of the ordinary forms: ISO 8601, `1/2/2020`, `Jan 2, 2020`, `2 January 2020`. */
export function parseFreely(text: string, zone: TimeZone, zoneGiven: boolean): number {
  if (text === "") throw failure(`Error parsing date string '${text}'; 0: Empty string ' '`);
  for (const form of dateForms) {
    const groups = form.exec(text)?.groups;
    if (groups === undefined) continue;
    const month = groups["name"] === undefined ? undefined : monthAt(groups["name"], 0)?.month;
    if (groups["name"] !== undefined && month === undefined) continue;
    return fromGroups(text, groups, month, zone, zoneGiven);
  }
  if (/^\d{4}-\d/.test(text)) {
    throw failure(
      `Error parsing date string '${text}'; ${Math.min(6, text.length)}: Unexpected character '${text[6] ?? " "}'`,
    );
  }
  throw incomplete(text);
}

function fromGroups(
  text: string,
  groups: Record<string, string | undefined>,
  month: number | undefined,
  zone: TimeZone,
  zoneGiven: boolean,
): number {
  const number = (name: string) => (groups[name] === undefined ? undefined : Number(groups[name]));
  const year = number("year")!;
  let hour = number("hour") ?? 0;
  const half = groups["half"]?.[0]?.toLowerCase();
  if (half === "p" && hour < 12) hour += 12;
  if (half === "a" && hour === 12) hour = 0;
  const minute = number("minute") ?? 0;
  const second = number("second") ?? 0;
  const millisecond =
    groups["fraction"] === undefined ? 0 : Math.floor(Number(`0.${groups["fraction"]}`) * 1000 + 1e-9);
  if (hour > 24 || minute > 59 || second > 60) {
    throw failure(`Error parsing date string '${text}'; ${text.length}: Unexpected character ' '`);
  }
  let local: number;
  const week = number("week");
  if (week !== undefined) {
    local = daysFromIsoWeek(year, week, number("weekday") ?? 1) * dayMs;
  } else {
    const inMonth = month ?? number("month")!;
    const day = number("day") ?? 1;
    if (inMonth < 1 || inMonth > 12 || day < 1 || day > daysInMonth(year, inMonth)) {
      throw failure(`Error parsing date string '${text}'; ${text.length + 1}: The parsed date was invalid ' '`);
    }
    local = msFromParts(year, inMonth, day);
  }
  local += hour * hourMs + minute * 60_000 + second * 1000 + millisecond;
  const written = groups["zone"];
  if (written === undefined) return utcOfLocal(zone, local);
  if (written.includes("/")) {
    throw failure(
      `Error parsing date string '${text}'; ${text.length}: passing a time zone identifier as part of the string is not allowed '${written[0]}'`,
    );
  }
  if (zoneGiven) {
    throw failure(
      `you cannot pass in a date/time string with time zone information ('${written}') together with a timezone argument`,
    );
  }
  if (written === "Z" || written === "z") return local;
  try {
    return utcOfLocal(timeZone(written), local);
  } catch {
    throw failure(
      `Error parsing date string '${text}'; ${text.length}: The timezone could not be found in the database '${written[0]}'`,
    );
  }
}
