import type { Answer } from "./compare.js";
import type { Statement } from "./statements.js";

interface Known {
  /** What differs, and why it stays so; docs/engines/cassandra.md has it too. */
  readonly what: string;
  readonly test: (statement: Statement, ours: Answer, theirs: Answer) => boolean;
}

const known: readonly Known[] = [
  {
    what: "Some functions of timeuuids have the type of an internal class in Cassandra 5.0",
    test: (_, ours, theirs) => ours.message === undefined && theirs.text.includes("LegacyTimeUUIDType"),
  },
  {
    what: "Cassandra takes a plain constant for a tuple that is clustered downwards, and then cannot flush the table",
    test: (_, ours) => /^Invalid \w+ constant .* of type frozen<tuple</.test(ours.message ?? ""),
  },
  {
    what: "Whether an inequality with null in IF is an error depends on which condition is looked at first",
    test: (_, ...both) =>
      both.some(({ message }) => message?.startsWith("Invalid comparison with null for operator") === true),
  },
  {
    what: "A slice of a clustering column that begins or ends at null is an error here, and empty in Cassandra",
    test: (_, ours) => (ours.message ?? "").startsWith("Invalid null value in condition for column"),
  },
  {
    what: "A page of groups that is full with the last of them has a state which Cassandra then refuses",
    test: ({ text }, _, theirs) => text.includes("GROUP BY") && theirs.message === "Invalid value for the paging state",
  },
  {
    what: "Cassandra casts an int to a timestamp of four bytes, which no driver can read",
    test: (_, ours) => ours.message === "int cannot be cast to timestamp",
  },
  {
    what: "Cassandra answers a conditional batch with an IN on the partition key with a server's error",
    test: (_, ours, theirs) => ours.text === "error 0x2200" && theirs.text === "error 0x0",
  },
];

/** Whether two answers may differ. */
export function knownDifference(statement: Statement, ours: Answer, theirs: Answer): boolean {
  return known.some(({ test }) => test(statement, ours, theirs));
}
