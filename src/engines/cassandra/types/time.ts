/** Dates, times, durations and version 1 UUIDs: text to bytes and back, as Cassandra's serializers do it. */
import { invalid } from "../errors.js";

const dayMs = 86_400_000;

/** Days since 1970 of a proleptic Gregorian date; the year may be any. */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const mp = Math.floor((5 * dayOfYear + 2) / 153);
  const month = mp + (mp < 10 ? 3 : -9);
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * mp + 2) / 5) + 1,
  };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Day number as the type `date` has it: unsigned, 1970-01-01 is 2^31. */
export function parseDate(text: string): number {
  if (/^-?\d+$/.test(text)) {
    const raw = Number(text);
    if (raw < 0 || raw > 0xffffffff) throw invalid(`Unable to make unsigned int (for date) from: '${text}'`);
    return raw;
  }
  const match = /^(-?\d{4,9})-(\d{2})-(\d{2})$/.exec(text);
  const fail = () => invalid(`Unable to coerce '${text}' to a formatted date (long)`);
  if (match === null) throw fail();
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw fail();
  const days = daysOf(year, month, day);
  if (days < -0x80000000) throw invalid(`Input date ${text} is less than min supported date -5877641-06-23`);
  if (days > 0x7fffffff) throw invalid(`Input date ${text} is greater than max supported date 5881580-07-11`);
  return days + 0x80000000;
}

export function dateText(raw: number): string {
  const { year, month, day } = dateOf(raw - 0x80000000);
  const y = year < 0 ? `-${String(-year).padStart(4, "0")}` : String(year).padStart(4, "0");
  return `${y}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

/** Nanoseconds since midnight. */
export function parseTime(text: string): bigint {
  if (/^-?\d+$/.test(text)) {
    const raw = BigInt(text);
    if (raw < 0n || raw >= 86_400_000_000_000n) throw invalid(`Input long out of bounds: ${text}`);
    return raw;
  }
  const match = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?$/.exec(text.trim());
  const fail = () => invalid(`(TimeType) Unable to coerce '${text}' to a formatted time (long)`);
  if (match === null) throw fail();
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (hours > 23 || minutes > 59 || seconds > 59) throw fail();
  const nanos = BigInt((match[4] ?? "").padEnd(9, "0"));
  return BigInt(hours * 3600 + minutes * 60 + seconds) * 1_000_000_000n + nanos;
}

export function timeText(nanos: bigint): string {
  const seconds = Number(nanos / 1_000_000_000n);
  const pad = (value: number) => String(value).padStart(2, "0");
  const part = (nanos % 1_000_000_000n).toString().padStart(9, "0");
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}.${part}`;
}

/** Milliseconds since 1970. Without a zone the time is UTC. */
export function parseTimestamp(text: string, now: () => number): bigint {
  if (text.toLowerCase() === "now") return BigInt(now());
  if (/^-?\d+$/.test(text)) {
    const raw = BigInt(text);
    if (raw > 0x7fffffffffffffffn || raw < -0x8000000000000000n)
      throw invalid(`Unable to make long (for date) from: '${text}'`);
    return raw;
  }
  const match =
    /^(-?\d{4,9})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/.exec(
      text.trim(),
    );
  const fail = () => invalid(`Unable to parse a date/time from '${text}'`);
  if (match === null) throw fail();
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hours, minutes, seconds] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw fail();
  if (hours > 23 || minutes > 59 || seconds > 59) throw fail();
  if ((match[7] ?? "").length > 3) throw fail();
  const part = match[7] === undefined ? 0 : Number(match[7].padEnd(3, "0"));
  let offset = 0;
  const zone = match[8];
  if (zone !== undefined && (zone.startsWith("+") || zone.startsWith("-"))) {
    const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
    offset = (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * (zone.startsWith("-") ? -1 : 1);
  }
  const ofDay = hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + part - offset * 60_000;
  return BigInt(daysOf(year, month, day)) * BigInt(dayMs) + BigInt(ofDay);
}

/** `yyyy-MM-dd HH:mm:ss.SSSZ`, UTC: what `toJson` and casts to text write. */
export function timestampText(millis: bigint, form: "json" | "cast"): string {
  const perDay = BigInt(dayMs);
  let days = millis / perDay;
  let ofDay = millis % perDay;
  if (ofDay < 0n) {
    days -= 1n;
    ofDay += perDay;
  }
  const date = dateText(Number(days) + 0x80000000);
  const time = timeText(ofDay * 1_000_000n);
  return form === "json" ? `${date} ${time.slice(0, 12)}Z` : `${date}T${time.slice(0, 12)}Z`;
}

/** 100 ns steps from 1582-10-15 to 1970-01-01. */
const gregorian = 122_192_928_000_000_000n;

/** Milliseconds since 1970 of a version 1 UUID. */
export function timeUuidMillis(bytes: Buffer): bigint {
  const time =
    (BigInt(bytes.readUInt16BE(6) & 0x0fff) << 48n) |
    (BigInt(bytes.readUInt16BE(4)) << 32n) |
    BigInt(bytes.readUInt32BE(0));
  const steps = time - gregorian;
  return steps >= 0n ? steps / 10_000n : (steps - 9_999n) / 10_000n;
}

function timeUuid(millis: bigint, extraSteps: bigint, rest: Buffer): Buffer {
  const time = (millis * 10_000n + gregorian + extraSteps) & 0x0fffffffffffffffn;
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUInt32BE(Number(time & 0xffffffffn), 0);
  bytes.writeUInt16BE(Number((time >> 32n) & 0xffffn), 4);
  bytes.writeUInt16BE(Number((time >> 48n) & 0x0fffn) | 0x1000, 6);
  rest.copy(bytes, 8);
  return bytes;
}

export function minTimeUuid(millis: bigint): Buffer {
  return timeUuid(millis, 0n, Buffer.alloc(8, 0x80));
}

export function maxTimeUuid(millis: bigint): Buffer {
  return timeUuid(millis, 9_999n, Buffer.alloc(8, 0x7f));
}

/** Makes version 1 UUIDs that never repeat and never go back. */
export class TimeUuids {
  readonly #now: () => number;
  readonly #node: Buffer;
  #lastMs = 0;
  #steps = 0;

  constructor(now: () => number, random: () => number) {
    this.#now = now;
    this.#node = Buffer.alloc(8);
    for (let at = 0; at < 8; at++) this.#node[at] = Math.floor(random() * 256);
    this.#node[0] = (this.#node[0]! & 0x3f) | 0x80;
    this.#node[2] = this.#node[2]! | 0x01;
  }

  next(): Buffer {
    const now = this.#now();
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#steps = 0;
    } else if (++this.#steps === 10_000) {
      this.#lastMs++;
      this.#steps = 0;
    }
    return timeUuid(BigInt(this.#lastMs), BigInt(this.#steps), this.#node);
  }
}

export function parseUuid(text: string): Buffer | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) return undefined;
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export interface Duration {
  readonly months: bigint;
  readonly days: bigint;
  readonly nanos: bigint;
}

const unitNanos: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  ns: 1n,
};
const unitOrder = ["y", "mo", "w", "d", "h", "m", "s", "ms", "us", "ns"];
const unitNames: Readonly<Record<string, string>> = {
  y: "years",
  mo: "months",
  w: "weeks",
  d: "days",
  h: "hours",
  m: "minutes",
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
};

/** `1y2mo3w4d5h6m7s8ms9us10ns`, `P1Y2M3DT4H5M6S`, `P1W` and `P0001-02-03T04:05:06`, with a sign. */
export function parseDuration(source: string): Duration {
  const fail = () => invalid(`Unable to convert '${source}' to a duration`);
  const negative = source.startsWith("-");
  const text = negative ? source.slice(1) : source;
  let months = 0n;
  let days = 0n;
  let nanos = 0n;
  const add = (unit: string, amount: bigint): void => {
    if (unit === "y") months += amount * 12n;
    else if (unit === "mo") months += amount;
    else if (unit === "w") days += amount * 7n;
    else if (unit === "d") days += amount;
    else nanos += amount * unitNanos[unit]!;
  };
  if (text.startsWith("P") || text.startsWith("p")) {
    const upper = text.toUpperCase();
    const designators = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(upper);
    const week = /^P(\d+)W$/.exec(upper);
    const alternative = /^P(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/.exec(upper);
    const found = designators ?? alternative;
    if (week !== null) add("w", BigInt(week[1]!));
    else if (found !== null) {
      ["y", "mo", "d", "h", "m", "s"].forEach((unit, at) => {
        if (found[at + 1] !== undefined) add(unit, BigInt(found[at + 1]!));
      });
    } else throw fail();
  } else {
    if (text === "") throw fail();
    let at = 0;
    let order = -1;
    const part = /(\d+)(mo|ms|us|µs|ns|y|w|d|h|m|s)/iy;
    while (at < text.length) {
      part.lastIndex = at;
      const match = part.exec(text);
      if (match === null) throw fail();
      const unit = match[2]!.toLowerCase().replace("µs", "us");
      const position = unitOrder.indexOf(unit);
      if (position === order) throw invalid(`Invalid duration. The ${unitNames[unit]} are specified multiple times`);
      if (position < order)
        throw invalid(`Invalid duration. The ${unitNames[unitOrder[order]!]} should be after ${unitNames[unit]}`);
      order = position;
      add(unit, BigInt(match[1]!));
      at = part.lastIndex;
    }
  }
  if (months > 0x7fffffffn)
    throw invalid("Invalid duration. The total number of months must be less or equal to 2147483647");
  if (days > 0x7fffffffn)
    throw invalid("Invalid duration. The total number of days must be less or equal to 2147483647");
  if (nanos > 0x7fffffffffffffffn)
    throw invalid("Invalid duration. The total number of nanoseconds must be less or equal to 9223372036854775807");
  return negative ? { months: -months, days: -days, nanos: -nanos } : { months, days, nanos };
}

export function durationText({ months, days, nanos }: Duration): string {
  const negative = months < 0n || days < 0n || nanos < 0n;
  const abs = (value: bigint) => (value < 0n ? -value : value);
  let out = negative ? "-" : "";
  const put = (amount: bigint, unit: string): void => {
    if (amount !== 0n) out += `${amount}${unit}`;
  };
  put(abs(months) / 12n, "y");
  put(abs(months) % 12n, "mo");
  put(abs(days), "d");
  let rest = abs(nanos);
  for (const unit of ["h", "m", "s", "ms", "us", "ns"]) {
    put(rest / unitNanos[unit]!, unit);
    rest %= unitNanos[unit]!;
  }
  return out;
}

function writeVint(value: bigint): Buffer {
  let zigzag = value >= 0n ? value << 1n : (-value << 1n) - 1n;
  let extra = 0;
  while (extra < 8 && zigzag >> BigInt(7 * (extra + 1)) !== 0n) extra++;
  const bytes = Buffer.alloc(extra + 1);
  for (let at = extra; at >= 0; at--) {
    bytes[at] = Number(zigzag & 0xffn);
    zigzag >>= 8n;
  }
  bytes[0] = bytes[0]! | (extra === 0 ? 0 : (0xff00 >> extra) & 0xff);
  return bytes;
}

function readVint(bytes: Buffer, at: number): { value: bigint; next: number } {
  const first = bytes[at];
  if (first === undefined) throw invalid("Invalid data for a duration");
  const extra = Math.clz32(~first & 0xff) - 24;
  if (at + extra >= bytes.length) throw invalid("Invalid data for a duration");
  let raw = BigInt(extra >= 8 ? 0 : first & (0xff >> (extra + 1)));
  for (let i = 1; i <= extra; i++) raw = (raw << 8n) | BigInt(bytes[at + i]!);
  return { value: (raw >> 1n) ^ -(raw & 1n), next: at + extra + 1 };
}

export function writeDuration({ months, days, nanos }: Duration): Buffer {
  return Buffer.concat([writeVint(months), writeVint(days), writeVint(nanos)]);
}

export function readDuration(bytes: Buffer): Duration {
  const months = readVint(bytes, 0);
  const days = readVint(bytes, months.next);
  const nanos = readVint(bytes, days.next);
  return { months: months.value, days: days.value, nanos: nanos.value };
}

/** Milliseconds since 1970, moved by a duration: months by the calendar, then days, then the rest. */
export function addDuration(millis: bigint, { months, days, nanos }: Duration): bigint {
  const perDay = BigInt(dayMs);
  let day = millis / perDay;
  let ofDay = millis % perDay;
  if (ofDay < 0n) {
    day -= 1n;
    ofDay += perDay;
  }
  const date = dateOf(Number(day));
  const month = date.year * 12 + date.month - 1 + Number(months);
  const year = Math.floor(month / 12);
  const inYear = month - year * 12 + 1;
  const moved = daysOf(year, inYear, Math.min(date.day, daysInMonth(year, inYear)));
  return BigInt(moved) * perDay + days * perDay + ofDay + nanos / 1_000_000n;
}
