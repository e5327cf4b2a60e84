/**
 * Whether a document given to the driver is what the server stored: by value, whatever JavaScript type the driver's
 * options gave it on the way back. Order of members does not count; undefined is stored as null or left out.
 */
export function sameDocument(given: unknown, stored: unknown): boolean {
  const a = plain(given);
  const b = plain(stored);
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return typeof a === "number" && typeof b === "number" && Number.isNaN(a) && Number.isNaN(b);
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameDocument(item, b[i]))
    );
  }
  const left = members(a);
  const right = members(b);
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    if (!sameDocument(left.get(name), right.get(name))) return false;
  }
  return true;
}

function members(object: object): Map<string, unknown> {
  return new Map(object instanceof Map ? (object as Map<string, unknown>) : Object.entries(object));
}

/** A value as a primitive, an array or an object of members; equal BSON values become equal primitives. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return numeric(value);
  if (typeof value === "number") return value === 0 ? 0 : value;
  if (typeof value !== "object") return value;
  if (value instanceof Date) return `date:${value.getTime()}`;
  if (value instanceof RegExp) return `regex:${value.source}/${[...value.flags].sort().join("")}`;
  if (value instanceof Uint8Array) return `binary:0:${base64(value)}`;
  const bson = value as {
    readonly _bsontype?: string;
    readonly value?: unknown;
    readonly low?: number;
    readonly high?: number;
    readonly bytes?: Uint8Array;
    readonly buffer?: Uint8Array;
    readonly position?: number;
    readonly sub_type?: number;
    readonly id?: Uint8Array;
    readonly pattern?: string;
    readonly options?: string;
    toHexString?(): string;
    toJSON?(): unknown;
  };
  switch (bson._bsontype) {
    case undefined:
      return value;
    case "Int32":
    case "Double":
      return Number(bson.value) === 0 ? 0 : Number(bson.value);
    case "Long":
      return numeric((BigInt(bson.high ?? 0) << 32n) | BigInt((bson.low ?? 0) >>> 0));
    case "Timestamp":
      return `timestamp:${bson.high}:${bson.low}`;
    case "Decimal128":
      return `decimal:${base64(bson.bytes ?? new Uint8Array())}`;
    case "ObjectId":
      return `objectId:${bson.toHexString?.()}`;
    case "UUID":
    case "Binary":
      return `binary:${bson.sub_type}:${base64((bson.buffer ?? new Uint8Array()).subarray(0, bson.position))}`;
    case "BSONRegExp":
      return `regex:${bson.pattern}/${[...(bson.options ?? "")].sort().join("")}`;
    default:
      return `${bson._bsontype}:${JSON.stringify(bson)}`;
  }
}

function numeric(value: bigint): number | string {
  const number = Number(value);
  return BigInt(number) === value ? number : `int64:${value}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
