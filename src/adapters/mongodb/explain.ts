import type { Explanation } from "../port/adapter.js";
import { numberOf } from "./bson-values.js";
import type { Doc } from "./driver.js";

/** A command as people read it: BSON's own values as extended JSON writes them. */
export function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  switch ((value as { readonly _bsontype?: string })._bsontype) {
    case undefined:
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, readable(member)]));
    case "Long": {
      const { low, high } = value as { readonly low: number; readonly high: number };
      return { $numberLong: String((BigInt(high) << 32n) | BigInt(low >>> 0)) };
    }
    case "Double":
      return (value as { readonly value: number }).value;
    case "Decimal128":
      return { $numberDecimal: decimalText((value as { readonly bytes: Uint8Array }).bytes) };
    case "Binary": {
      const { buffer, sub_type: subType } = value as { readonly buffer: Uint8Array; readonly sub_type: number };
      return {
        $binary: { base64: Buffer.from(buffer).toString("base64"), subType: subType.toString(16).padStart(2, "0") },
      };
    }
    case "MaxKey":
      return { $maxKey: 1 };
    default:
      return String(value);
  }
}

function decimalText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const high = view.getBigUint64(8, true);
  const coefficient = ((high & ((1n << 49n) - 1n)) << 64n) | view.getBigUint64(0, true);
  const exponent = Number((high >> 49n) & 0x3fffn) - 6176;
  const digits = coefficient.toString();
  const sign = high >> 63n === 1n ? "-" : "";
  if (exponent >= 0) return `${sign}${digits}${"0".repeat(Math.min(exponent, 40))}`;
  const padded = digits.padStart(1 - exponent, "0");
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

/** The index that a plan used and what the executor counted, from an `explain` reply of any shape of 7.0 and 8.0. */
export function statisticsOf(raw: Doc): Pick<Explanation, "index" | "keysExamined" | "documentsExamined" | "rows"> {
  // An aggregation whose first part is a query wraps it in a $cursor stage.
  const stages = raw["stages"] as readonly Doc[] | undefined;
  const cursor = stages?.map((stage) => stage["$cursor"] as Doc | undefined).find((each) => each !== undefined) ?? raw;
  const statistics = (cursor["executionStats"] ?? raw["executionStats"]) as Doc | undefined;
  const planner = (cursor["queryPlanner"] ?? raw["queryPlanner"]) as Doc | undefined;
  const last = stages?.at(-1);
  return {
    index: indexIn(planner?.["winningPlan"]),
    keysExamined: numberOf(statistics?.["totalKeysExamined"]),
    documentsExamined: numberOf(statistics?.["totalDocsExamined"]),
    rows: numberOf(last?.["nReturned"]) ?? numberOf(statistics?.["nReturned"]),
  };
}

function indexIn(node: unknown): string | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  if (Array.isArray(node)) {
    for (const item of node) {
      const found = indexIn(item);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const { stage, indexName } = node as { readonly stage?: unknown; readonly indexName?: unknown };
  if (typeof indexName === "string") return indexName;
  // Lookups by _id have stages of their own, without an index name.
  if (stage === "IDHACK" || stage === "EXPRESS_IXSCAN") return "_id_";
  for (const [name, member] of Object.entries(node)) {
    if (name === "rejectedPlans") continue;
    const found = indexIn(member);
    if (found !== undefined) return found;
  }
  return undefined;
}
