import { KeyfoldError } from "../../internal/errors.js";
import type { StoreSession } from "../port/adapter.js";
import type { Levels } from "./levels.js";

/**
 * A session has nothing to remember where reads and writes overlap: what was acknowledged is seen, by whoever reads. Where
 * they overlap in one data centre only, its token names that one, and cannot go on in another.
 */
export function sessionMaker(levels: Levels, datacenter: string | undefined): (token?: string) => StoreSession {
  const local = levels.read.startsWith("LOCAL") ? (datacenter ?? "local") : "";
  const own = `cql:1:${encodeURIComponent(local)}`;
  return (token) => {
    if (token !== undefined && token !== own) {
      if (!/^cql:1:[^:]*$/.test(token)) {
        throw new KeyfoldError("INPUT_INVALID", "This is not the token of a Cassandra or ScyllaDB session.", {
          fix: "Pass the text that $token() gave, unchanged.",
        });
      }
      throw new KeyfoldError(
        "CONSISTENCY_UNAVAILABLE",
        `The session was in data centre "${decodeURIComponent(token.slice(6))}", and this client reads ${local === "" ? "all of them" : `"${local}"`}.`,
        { fix: "Go on with the session in its own data centre, or read and write at QUORUM in both." },
      );
    }
    return { token: () => own, async close() {} };
  };
}
