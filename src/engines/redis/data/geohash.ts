/*
 * Places as Redis keeps them: 26 bits of latitude and of longitude, interleaved to a 52-bit score. The area is that of
 * EPSG:3857, the earth a sphere. https://redis.io/docs/latest/commands/geoadd/
 */

export const maxLongitude = 180;
export const maxLatitude = 85.05112878;
const maxStep = 26;
const earthRadius = 6372797.560856;
const mercatorMax = 20037726.37;

/** A square of the grid: its column and row at 2^step to a side. */
export interface Cell {
  readonly x: number;
  readonly y: number;
  readonly step: number;
}

/** Bits of the row at even places and of the column at odd ones. */
function interleave(x: number, y: number, step: number): number {
  let bits = 0;
  let weight = 1;
  for (let i = 0; i < step; i++) {
    bits += (((y >>> i) & 1) + 2 * ((x >>> i) & 1)) * weight;
    weight *= 4;
  }
  return bits;
}

function cellAt(longitude: number, latitude: number, step: number, maxLat = maxLatitude): Cell {
  const side = 2 ** step;
  return {
    x: Math.floor(((longitude + maxLongitude) / (2 * maxLongitude)) * side),
    y: Math.floor(((latitude + maxLat) / (2 * maxLat)) * side),
    step,
  };
}

/** The score of a place. */
export function encodePlace(longitude: number, latitude: number): number {
  const { x, y, step } = cellAt(longitude, latitude, maxStep);
  return interleave(x >>> 0, y >>> 0, step);
}

/** The middle of the smallest square of a score. */
export function decodePlace(score: number): { longitude: number; latitude: number } {
  let x = 0;
  let y = 0;
  let rest = score;
  for (let i = 0; i < maxStep; i++) {
    const pair = rest % 4;
    rest = Math.floor(rest / 4);
    if (pair & 1) y += 2 ** i;
    if (pair & 2) x += 2 ** i;
  }
  const area = areaOf({ x, y, step: maxStep });
  const clamp = (value: number, max: number): number => Math.max(-max, Math.min(max, value));
  return {
    longitude: clamp((area.west + area.east) / 2, maxLongitude),
    latitude: clamp((area.south + area.north) / 2, maxLatitude),
  };
}

function areaOf({ x, y, step }: Cell): { west: number; east: number; south: number; north: number } {
  const side = 2 ** step;
  const width = 2 * maxLongitude;
  const height = 2 * maxLatitude;
  return {
    west: -maxLongitude + (x / side) * width,
    east: -maxLongitude + ((x + 1) / side) * width,
    south: -maxLatitude + (y / side) * height,
    north: -maxLatitude + ((y + 1) / side) * height,
  };
}

const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz";

/** The usual geohash of eleven letters, the last of them always 0. */
export function geohashOf(longitude: number, latitude: number): string {
  const { x, y } = cellAt(longitude, latitude, maxStep, 90);
  const bits = BigInt(interleave(x >>> 0, y >>> 0, maxStep));
  let out = "";
  for (let i = 0; i < 10; i++) out += alphabet[Number((bits >> BigInt(52 - (i + 1) * 5)) & 31n)];
  return `${out}0`;
}

function radians(degrees: number): number {
  return degrees * (Math.PI / 180);
}

function degrees(angle: number): number {
  return angle / (Math.PI / 180);
}

function latitudeDistance(a: number, b: number): number {
  return earthRadius * Math.abs(radians(b) - radians(a));
}

/** Metres between two places, by the haversine formula. */
export function distance(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const v = Math.sin((radians(lon2) - radians(lon1)) / 2);
  if (v === 0) return latitudeDistance(lat1, lat2);
  const a1 = radians(lat1);
  const a2 = radians(lat2);
  const u = Math.sin((a2 - a1) / 2);
  return 2 * earthRadius * Math.asin(Math.sqrt(u * u + Math.cos(a1) * Math.cos(a2) * v * v));
}

/** What is searched: a circle, or a box that lies along the axes. All in metres. */
export interface Shape {
  readonly longitude: number;
  readonly latitude: number;
  readonly radius: number | undefined;
  readonly width: number;
  readonly height: number;
}

/** The distance of a place from the shape's middle, or undefined when it is outside. */
export function within(shape: Shape, longitude: number, latitude: number): number | undefined {
  if (shape.radius !== undefined) {
    const metres = distance(shape.longitude, shape.latitude, longitude, latitude);
    return metres > shape.radius ? undefined : metres;
  }
  if (latitudeDistance(latitude, shape.latitude) > shape.height / 2) return undefined;
  if (distance(longitude, latitude, shape.longitude, latitude) > shape.width / 2) return undefined;
  return distance(shape.longitude, shape.latitude, longitude, latitude);
}

function stepFor(metres: number, latitude: number): number {
  if (metres === 0) return maxStep;
  let step = 1;
  for (let range = metres; range < mercatorMax; range *= 2) step++;
  step -= 2;
  // Squares are narrower towards the poles.
  if (Math.abs(latitude) > 66) step--;
  if (Math.abs(latitude) > 80) step--;
  return Math.max(1, Math.min(maxStep, step));
}

function neighbour({ x, y, step }: Cell, dx: number, dy: number): Cell {
  const side = 2 ** step;
  return { x: (x + dx + side) % side, y: (y + dy + side) % side, step };
}

/** Ranges of scores [from, to) that together cover a shape, in the order in which Redis looks through them. */
export function coveringRanges(shape: Shape): { from: number; to: number }[] {
  const { longitude, latitude, radius } = shape;
  const height = radius ?? shape.height / 2;
  const width = radius ?? shape.width / 2;
  const latDelta = degrees(height / earthRadius);
  const topDelta = degrees(width / earthRadius / Math.cos(radians(latitude + latDelta)));
  const bottomDelta = degrees(width / earthRadius / Math.cos(radians(latitude - latDelta)));
  const lonDelta = latitude < 0 ? bottomDelta : topDelta;
  const west = longitude - lonDelta;
  const east = longitude + lonDelta;
  const south = latitude - latDelta;
  const north = latitude + latDelta;
  const reach = radius ?? Math.sqrt((shape.width / 2) ** 2 + (shape.height / 2) ** 2);
  let step = stepFor(reach, latitude);
  let cell = cellAt(longitude, latitude, step);
  const tooSmall =
    areaOf(neighbour(cell, 0, 1)).north < north ||
    areaOf(neighbour(cell, 0, -1)).south > south ||
    areaOf(neighbour(cell, 1, 0)).east < east ||
    areaOf(neighbour(cell, -1, 0)).west > west;
  if (step > 1 && tooSmall) {
    step--;
    cell = cellAt(longitude, latitude, step);
  }
  const area = areaOf(cell);
  const useSouth = step < 2 || area.south >= south;
  const useNorth = step < 2 || area.north <= north;
  const useWest = step < 2 || area.west >= west;
  const useEast = step < 2 || area.east <= east;
  const order: readonly (readonly [number, number, boolean])[] = [
    [0, 0, true],
    [0, 1, useNorth],
    [0, -1, useSouth],
    [1, 0, useEast],
    [-1, 0, useWest],
    [1, 1, useNorth && useEast],
    [-1, 1, useNorth && useWest],
    [1, -1, useSouth && useEast],
    [-1, -1, useSouth && useWest],
  ];
  const out: { from: number; to: number }[] = [];
  const unit = 4 ** (maxStep - step);
  let last = -1;
  order.forEach(([dx, dy, used], i) => {
    if (!used) return;
    const one = neighbour(cell, dx, dy);
    const bits = interleave(one.x >>> 0, one.y >>> 0, step);
    // Large areas wrap around to the same square.
    if (last > 0 && bits * unit === out.at(-1)!.from) return;
    out.push({ from: bits * unit, to: (bits + 1) * unit });
    last = i;
  });
  return out;
}
