import { createHash } from "node:crypto";

/** A value as JSON, always in the same bytes: members in the order of their making, bigint as text, dates in ISO 8601. */
export function stableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? String(member) : member), indent);
}

/** Version of a design: twelve hexadecimal digits over what is given. */
export function designVersion(parts: unknown): string {
  return createHash("sha256").update(stableJson(parts)).digest("hex").slice(0, 12);
}
