import type { Client } from "../client.js";
import { decodePlace, distance, encodePlace, geohashOf, maxLatitude, maxLongitude } from "../data/geohash.js";
import { formatLongDouble, longDoubleOf } from "../data/long-double.js";
import { Double, err, NULL_ARRAY, type Reply, SYNTAX } from "../protocol/reply.js";
import { double, zsetAt } from "./arguments.js";
import { zadd } from "./zset.js";

/** A longitude and a latitude from two arguments. */
export function placeAt(a: readonly string[], at: number): { longitude: number; latitude: number } {
  const longitude = double(a[at]!);
  const latitude = double(a[at + 1]!);
  if (Math.abs(longitude) > maxLongitude || Math.abs(latitude) > maxLatitude) {
    throw err(`invalid longitude,latitude pair ${longitude.toFixed(6)},${latitude.toFixed(6)}`);
  }
  return { longitude, latitude };
}

/** Metres of a unit. */
export function unitAt(text: string): number {
  switch (text.toLowerCase()) {
    case "m":
      return 1;
    case "km":
      return 1000;
    case "ft":
      return 0.3048;
    case "mi":
      return 1609.34;
    default:
      throw err("unsupported unit provided. please use M, KM, FT, MI");
  }
}

/** A coordinate with up to 17 digits after the point. */
export function coordinate(value: number): Reply {
  return new Double(value, formatLongDouble(longDoubleOf(value)));
}

/** A distance with four digits after the point. */
export function metresText(value: number): string {
  return value.toFixed(4);
}

export function geoadd(c: Client, a: string[]): Reply {
  let at = 2;
  let nx = false;
  let xx = false;
  for (; at < a.length; at++) {
    const option = a[at]!.toUpperCase();
    if (option === "NX") nx = true;
    else if (option === "XX") xx = true;
    else if (option !== "CH") break;
  }
  if ((a.length - at) % 3 !== 0 || (nx && xx)) return SYNTAX;
  const args = ["zadd", ...a.slice(1, at)];
  for (let i = at; i < a.length; i += 3) {
    const { longitude, latitude } = placeAt(a, i);
    args.push(String(encodePlace(longitude, latitude)), a[i + 2]!);
  }
  const reply = zadd(c, args);
  c.rewrite(...args);
  return reply;
}

export function geodist(c: Client, a: string[]): Reply {
  if (a.length > 5) return SYNTAX;
  const unit = a.length === 5 ? unitAt(a[4]!) : 1;
  const zset = zsetAt(c.db.read(a[1]!));
  const first = zset?.score(a[2]!);
  const second = zset?.score(a[3]!);
  if (first === undefined || second === undefined) return null;
  const from = decodePlace(first);
  const to = decodePlace(second);
  return metresText(distance(from.longitude, from.latitude, to.longitude, to.latitude) / unit);
}

export function geohash(c: Client, a: string[]): Reply {
  const zset = zsetAt(c.db.read(a[1]!));
  return a.slice(2).map((member) => {
    const score = zset?.score(member);
    if (score === undefined) return null;
    const { longitude, latitude } = decodePlace(score);
    return geohashOf(longitude, latitude);
  });
}

export function geopos(c: Client, a: string[]): Reply {
  const zset = zsetAt(c.db.read(a[1]!));
  return a.slice(2).map((member) => {
    const score = zset?.score(member);
    if (score === undefined) return NULL_ARRAY;
    const { longitude, latitude } = decodePlace(score);
    return [coordinate(longitude), coordinate(latitude)];
  });
}
