/** The proleptic Gregorian calendar over milliseconds since 1970, for years far beyond those of JavaScript's Date. */

export const dayMs = 86_400_000;
export const hourMs = 3_600_000;

/** Days since 1970-01-01. Algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** A date and time of day, in whatever zone the milliseconds were shifted to. */
export interface DateParts {
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  /** 0 is Sunday */
  readonly dayOfWeek: number;
  /** 1 to 366 */
  readonly dayOfYear: number;
}

/** Splits milliseconds since 1970 into the parts of a date; civil_from_days of the same source. */
export function partsOf(ms: number): DateParts {
  const days = Math.floor(ms / dayMs);
  const rest = ms - days * dayMs;
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const fromMarch = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const m = Math.floor((5 * fromMarch + 2) / 153);
  const day = fromMarch - Math.floor((153 * m + 2) / 5) + 1;
  const month = m < 10 ? m + 3 : m - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    month,
    day,
    hour: Math.floor(rest / hourMs),
    minute: Math.floor(rest / 60_000) % 60,
    second: Math.floor(rest / 1000) % 60,
    millisecond: rest % 1000,
    dayOfWeek: (((days + 4) % 7) + 7) % 7,
    dayOfYear: days - daysFromCivil(year, 1, 1) + 1,
  };
}

/** Milliseconds since 1970 of a date; parts out of their range carry into the next. */
export function msFromParts(
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
  millisecond = 0,
): number {
  const months = year * 12 + month - 1;
  const y = Math.floor(months / 12);
  const days = daysFromCivil(y, months - y * 12 + 1, 1) + day - 1;
  return days * dayMs + hour * hourMs + minute * 60_000 + second * 1000 + millisecond;
}

/** The number of days of a month. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The ISO 8601 week that a date lies in; `dayOfWeek` is 1 (Monday) to 7. */
export function isoWeekOf(parts: DateParts): { year: number; week: number; dayOfWeek: number } {
  const dayOfWeek = parts.dayOfWeek === 0 ? 7 : parts.dayOfWeek;
  // The week belongs to the year of its Thursday.
  const thursday = daysFromCivil(parts.year, parts.month, parts.day) - dayOfWeek + 4;
  const year = partsOf(thursday * dayMs).year;
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1, dayOfWeek };
}

/** Days since 1970 of a day of an ISO week; week and day may lie out of their range. */
export function daysFromIsoWeek(year: number, week: number, dayOfWeek: number): number {
  const fourth = daysFromCivil(year, 1, 4);
  const weekday = (((fourth + 3) % 7) + 7) % 7;
  return fourth - weekday + (week - 1) * 7 + dayOfWeek - 1;
}

/** The week of the year, 0 to 53; weeks begin on Sunday. */
export function sundayWeekOf(parts: DateParts): number {
  return Math.floor((parts.dayOfYear - 1 + 7 - parts.dayOfWeek) / 7);
}
