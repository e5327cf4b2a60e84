/** ScyllaDB's `per_partition_rate_limit`: a replica may have refused what another one took. */
const RATE_LIMIT = "Rate limit was exceeded for a partition";

/**
 * ScyllaDB's own driver for Node is a shell around its Rust driver, whose errors come as words alone
 * (`DbError` in https://docs.rs/scylla/latest/scylla/errors/enum.DbError.html), with no code.
 */
const codes: readonly (readonly [words: string, code: number])[] = [
  ["Not enough nodes are alive", 0x1000],
  ["The request cannot be processed because the coordinator node is overloaded", 0x1001],
  ["The coordinator node is still bootstrapping", 0x1002],
  ["Error during truncate operation", 0x1003],
  ["Not enough nodes responded to the write request in time", 0x1100],
  ["Not enough nodes responded to the read request in time", 0x1200],
  ["A non-timeout error during a read request", 0x1300],
  ["A non-timeout error during a write request", 0x1500],
  ["The submitted query has a syntax error", 0x2000],
  ["The logged user doesn't have the right to perform the query", 0x2100],
  ["Authentication failed", 0x0100],
  ["The query is syntatically correct but invalid", 0x2200],
  ["The query is syntactically correct but invalid", 0x2200],
  ["The query is invalid because of some configuration issue", 0x2300],
  ["An attempt was made to create a keyspace or a table that was already existing", 0x2400],
  [RATE_LIMIT, 0x1001],
  ["Internal server error", 0x0000],
];

/** What a server's error says, as the other drivers have it in fields. */
export interface ErrorInWords {
  readonly code: number;
  readonly message: string;
  readonly required?: number;
  readonly alive?: number;
  readonly received?: number;
  /** As the protocol writes it: BATCH_LOG. */
  readonly writeType?: string;
  /** Some replicas may have done what others refused for load. */
  readonly partly?: boolean;
}

/** The server's error in the words of the Rust driver; undefined: these are none. */
export function errorInWords(text: string): ErrorInWords | undefined {
  const [, said, message = ""] = /Database returned an error: (.*?)(?:, Error message: (.*))?$/s.exec(text) ?? [];
  if (said === undefined) return undefined;
  const code = codes.find(([words]) => said.startsWith(words))?.[1];
  if (code === undefined) return undefined;
  const numbers = Object.fromEntries(
    [...said.matchAll(/\b(required|alive|received): (\d+)/g)].map(([, name, digits]) => [name, Number(digits)]),
  );
  // The Rust driver's name for it, or the protocol's.
  const [, type] = /\bwrite_type: (\w+)/.exec(said) ?? [];
  return {
    code,
    message: message === "" ? said : message,
    ...numbers,
    ...(type === undefined ? {} : { writeType: type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase() }),
    ...(said.startsWith(RATE_LIMIT) ? { partly: true } : {}),
  };
}
