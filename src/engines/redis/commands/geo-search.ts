import type { Client } from "../client.js";
import { NOTIFY_GENERIC, NOTIFY_ZSET } from "../data/database.js";
import { TYPE_ZSET } from "../data/entry.js";
import { coveringRanges, decodePlace, type Shape, within } from "../data/geohash.js";
import { SortedSetData } from "../data/sorted-set.js";
import { EMPTY_ARRAY, err, type Reply, SYNTAX } from "../protocol/reply.js";
import { double, long, zsetAt } from "./arguments.js";
import { coordinate, metresText, placeAt, unitAt } from "./geo.js";
import { putScore } from "./zset.js";

type Kind = "place" | "member" | "search" | "store";

interface Found {
  readonly member: string;
  readonly metres: number;
  readonly score: number;
  readonly longitude: number;
  readonly latitude: number;
}

interface Query {
  shape: { longitude: number; latitude: number; radius: number | undefined; width: number; height: number };
  unit: number;
  withDistance: boolean;
  withHash: boolean;
  withPlace: boolean;
  order: "asc" | "desc" | undefined;
  any: boolean;
  count: number;
  target: string | undefined;
  storeDistance: boolean;
}

const NO_MEMBER = err("could not decode requested zset member");

function radiusAt(text: string): number {
  const radius = double(text, err("need numeric radius"));
  if (radius < 0) throw err("radius cannot be negative");
  return radius;
}

function lookFrom(query: Query, zset: SortedSetData | undefined, member: string): void {
  if (zset === undefined) return;
  const score = zset.score(member);
  if (score === undefined) throw NO_MEMBER;
  Object.assign(query.shape, decodePlace(score));
}

function parse(a: string[], kind: Kind, zset: SortedSetData | undefined, mayStore: boolean): Query {
  const query: Query = {
    shape: { longitude: 0, latitude: 0, radius: undefined, width: 0, height: 0 },
    unit: 1,
    withDistance: false,
    withHash: false,
    withPlace: false,
    order: undefined,
    any: false,
    count: 0,
    target: kind === "store" ? a[1]! : undefined,
    storeDistance: false,
  };
  const searching = kind === "search" || kind === "store";
  let at = kind === "place" ? 6 : kind === "member" ? 5 : kind === "search" ? 2 : 3;
  if (kind === "place") Object.assign(query.shape, placeAt(a, 2));
  if (kind === "member") lookFrom(query, zset, a[2]!);
  if (!searching) {
    query.shape.radius = radiusAt(a[at - 2]!);
    query.unit = unitAt(a[at - 1]!);
    query.shape.radius *= query.unit;
  }
  let from: string | undefined;
  let by: string | undefined;
  for (; at < a.length; at++) {
    const option = a[at]!.toUpperCase();
    const more = a.length - at - 1;
    if (option === "WITHDIST") query.withDistance = true;
    else if (option === "WITHHASH") query.withHash = true;
    else if (option === "WITHCOORD") query.withPlace = true;
    else if (option === "ANY") query.any = true;
    else if (option === "ASC") query.order = "asc";
    else if (option === "DESC") query.order = "desc";
    else if (option === "COUNT" && more > 0) {
      query.count = long(a[++at]!);
      if (query.count <= 0) throw err("COUNT must be > 0");
    } else if ((option === "STORE" || option === "STOREDIST") && more > 0 && mayStore && !searching) {
      query.target = a[++at]!;
      query.storeDistance = option === "STOREDIST";
    } else if (option === "STOREDIST" && kind === "store") query.storeDistance = true;
    else if (option === "FROMMEMBER" && more > 0 && searching && from !== "place") {
      lookFrom(query, zset, a[++at]!);
      from = "member";
    } else if (option === "FROMLONLAT" && more > 1 && searching && from !== "member") {
      Object.assign(query.shape, placeAt(a, at + 1));
      at += 2;
      from = "place";
    } else if (option === "BYRADIUS" && more > 1 && searching && by !== "box") {
      const radius = radiusAt(a[at + 1]!);
      query.unit = unitAt(a[at + 2]!);
      query.shape.radius = radius * query.unit;
      at += 2;
      by = "radius";
    } else if (option === "BYBOX" && more > 2 && searching && by !== "radius") {
      const width = double(a[at + 1]!, err("need numeric width"));
      const height = double(a[at + 2]!, err("need numeric height"));
      if (width < 0 || height < 0) throw err("height or width cannot be negative");
      query.unit = unitAt(a[at + 3]!);
      query.shape.width = width * query.unit;
      query.shape.height = height * query.unit;
      at += 3;
      by = "box";
    } else throw SYNTAX;
  }
  if (query.target !== undefined && (query.withDistance || query.withHash || query.withPlace)) {
    const what = kind === "store" ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS";
    throw err(`${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`);
  }
  if (searching && from === undefined) {
    throw err(`exactly one of FROMMEMBER or FROMLONLAT can be specified for ${a[0]}`);
  }
  if (searching && by === undefined) throw err(`exactly one of BYRADIUS and BYBOX can be specified for ${a[0]}`);
  if (query.any && query.count === 0) throw err("the ANY argument requires COUNT argument");
  if (query.count > 0 && query.order === undefined && !query.any) query.order = "asc";
  return query;
}

function find(zset: SortedSetData, shape: Shape, limit: number): Found[] {
  const out: Found[] = [];
  for (const { from, to } of coveringRanges(shape)) {
    if (limit > 0 && out.length >= limit) break;
    const first = zset.tree.countBefore((score) => score >= from);
    const last = zset.tree.countBefore((score) => score >= to);
    if (last <= first) continue;
    for (const { member, score } of zset.range(first, last - 1, false)) {
      const { longitude, latitude } = decodePlace(score);
      const metres = within(shape, longitude, latitude);
      if (metres !== undefined) out.push({ member, metres, score, longitude, latitude });
      if (limit > 0 && out.length >= limit) break;
    }
  }
  return out;
}

function search(c: Client, a: string[], kind: Kind, mayStore: boolean): Reply {
  const zset = zsetAt(c.db.read(a[kind === "store" ? 2 : 1]!));
  const query = parse(a, kind, zset, mayStore);
  const { target, order } = query;
  let found = zset === undefined ? [] : find(zset, query.shape, query.any ? query.count : 0);
  if (order === "asc") found.sort((x, y) => x.metres - y.metres);
  else if (order === "desc") found.sort((x, y) => y.metres - x.metres);
  if (query.count > 0) found = found.slice(0, query.count);
  if (target !== undefined) {
    return store(c, target, found, query, kind === "store" ? "geosearchstore" : "georadiusstore");
  }
  if (found.length === 0) return EMPTY_ARRAY;
  return found.map((one): Reply => {
    if (!query.withDistance && !query.withHash && !query.withPlace) return one.member;
    const out: Reply[] = [one.member];
    if (query.withDistance) out.push(metresText(one.metres / query.unit));
    if (query.withHash) out.push(one.score);
    if (query.withPlace) out.push([coordinate(one.longitude), coordinate(one.latitude)]);
    return out;
  });
}

function store(c: Client, target: string, found: readonly Found[], query: Query, event: string): Reply {
  const { db, server } = c;
  if (found.length === 0) {
    const existing = db.peek(target);
    if (existing !== undefined) {
      db.delete(existing);
      db.signal(target, c);
      server.notify(NOTIFY_GENERIC, "del", target, db);
      server.dirty++;
    }
    return 0;
  }
  const zset = new SortedSetData();
  for (const { member, metres, score } of found) {
    putScore(c, zset, member, query.storeDistance ? metres / query.unit : score);
  }
  db.peek(target);
  db.set(target, TYPE_ZSET, zset);
  db.changed(target, c);
  server.notify(NOTIFY_ZSET, event, target, db);
  server.dirty += found.length;
  return found.length;
}

export function georadius(c: Client, a: string[]): Reply {
  return search(c, a, "place", true);
}

export function georadiusRo(c: Client, a: string[]): Reply {
  return search(c, a, "place", false);
}

export function georadiusbymember(c: Client, a: string[]): Reply {
  return search(c, a, "member", true);
}

export function georadiusbymemberRo(c: Client, a: string[]): Reply {
  return search(c, a, "member", false);
}

export function geosearch(c: Client, a: string[]): Reply {
  return search(c, a, "search", false);
}

export function geosearchstore(c: Client, a: string[]): Reply {
  return search(c, a, "store", false);
}
