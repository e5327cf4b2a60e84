/** Records as JSON: dates in ISO 8601, decimals and 64-bit integers as strings, bytes in base64. What `load` reads back. */

/** One record or row as a line of NDJSON, without the line end. Members keep their order. */
export function toJsonLine(record: unknown): string {
  return JSON.stringify(record, replacer);
}

function replacer(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  // A Buffer's own toJSON comes before the replacer sees it; so look at what it was.
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (isBufferJson(value)) return Buffer.from(value.data).toString("base64");
  return value;
}

function isBufferJson(value: unknown): value is { type: "Buffer"; data: number[] } {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    value.type === "Buffer" &&
    "data" in value &&
    Array.isArray(value.data) &&
    Object.keys(value).length === 2
  );
}
