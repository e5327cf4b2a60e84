import { mongoError } from "../../errors.js";
import { dayMs, msFromParts } from "./calendar.js";

/** A time zone: how far local time is ahead of UTC at a moment. */
export interface TimeZone {
  readonly isUtc: boolean;
  /** Milliseconds to add to UTC at this moment. */
  offsetAt(utcMs: number): number;
}

/** Coordinated universal time. */
export const utc: TimeZone = { isUtc: true, offsetAt: () => 0 };

const zones = new Map<string, TimeZone>([
  ["UTC", utc],
  ["GMT", utc],
]);
const offsetForm = /^([+-])(\d\d)(?::?(\d\d))?$/;
// Intl takes names in any case, MongoDB does not.
const nameForm = /^[A-Z][A-Za-z0-9_+-]*(\/[A-Z][A-Za-z0-9_+-]*)*$/;

/** A zone by its Olson name or its offset (`+05:30`, `-0800`, `+03`). */
export function timeZone(name: string): TimeZone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = fixedZone(name) ?? namedZone(name);
  if (zone === undefined) throw mongoError(40485, `unrecognized time zone identifier: "${name}"`);
  if (zones.size > 1000) zones.clear();
  zones.set(name, zone);
  return zone;
}

function fixedZone(name: string): TimeZone | undefined {
  const match = offsetForm.exec(name);
  if (match === null) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? "0");
  const offset = (match[1] === "-" ? -minutes : minutes) * 60_000;
  return { isUtc: false, offsetAt: () => offset };
}

function namedZone(name: string): TimeZone | undefined {
  if (!nameForm.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    return undefined;
  }
  // Asking Intl is slow; zones change their offset on quarter hours.
  const offsets = new Map<number, number>();
  return {
    isUtc: false,
    offsetAt: (utcMs) => {
      const quarter = Math.floor(utcMs / 900_000);
      let offset = offsets.get(quarter);
      if (offset === undefined) {
        offset = offsetOf(format, quarter * 900_000);
        if (offsets.size > 50_000) offsets.clear();
        offsets.set(quarter, offset);
      }
      return offset;
    },
  };
}

const farthest = 8.64e15;

function offsetOf(format: Intl.DateTimeFormat, utcMs: number): number {
  const at = Math.max(-farthest, Math.min(farthest, utcMs));
  const parts: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(at)) parts[type] = value;
  const year = parts["era"] === "BC" ? 1 - Number(parts["year"]) : Number(parts["year"]);
  const local = msFromParts(
    year,
    Number(parts["month"]),
    Number(parts["day"]),
    Number(parts["hour"]),
    Number(parts["minute"]),
    Number(parts["second"]),
  );
  return local - Math.floor(at / 1000) * 1000;
}

/** The moment at which clocks of the zone show a local time; of two the first, in a gap the time after it. */
export function utcOfLocal(zone: TimeZone, localMs: number): number {
  if (zone.isUtc) return localMs;
  const before = zone.offsetAt(localMs - dayMs);
  if (zone.offsetAt(localMs - before) === before) return localMs - before;
  const after = zone.offsetAt(localMs + dayMs);
  if (zone.offsetAt(localMs - after) === after) return localMs - after;
  return localMs - before;
}
