/** What the seam, where faults are injected, is told of a statement, and what an injected error needs. */
import { type CqlError, errorCode } from "../errors.js";
import type { Prepared } from "../prepare.js";

/** The command of a statement, as faults name it. */
export function commandOf({ plan }: Prepared): string {
  switch (plan.kind) {
    case "select":
      return "SELECT";
    case "modify":
      return plan.modification.kind.toUpperCase();
    case "batch":
      return "BATCH";
    default:
      return plan.statement.kind === "refused" ? plan.statement.statement : plan.statement.kind.toUpperCase();
  }
}

/** The table that a statement is about. */
export function targetOf({ plan, table, keyspace }: Prepared): string | undefined {
  if (table !== undefined) return table.fullName;
  if (plan.kind !== "other") return undefined;
  const { statement } = plan;
  if ("table" in statement) return `${statement.table.keyspace ?? keyspace ?? ""}.${statement.table.name}`;
  return undefined;
}

/** Injected errors need the fields that their code has. */
export function detailOf(code: number, message: string): CqlError["detail"] {
  switch (code) {
    case errorCode.unavailable:
      return { kind: "unavailable", consistency: 1, required: 1, alive: 0 };
    case errorCode.writeTimeout:
      return { kind: "write-timeout", consistency: 1, received: 0, blockFor: 1, writeType: "SIMPLE" };
    case errorCode.readTimeout:
      return { kind: "read-timeout", consistency: 1, received: 0, blockFor: 1, dataPresent: false };
    case errorCode.alreadyExists:
      return { kind: "already-exists", keyspace: message, table: "" };
    default:
      return undefined;
  }
}
