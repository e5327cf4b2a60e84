import { createHash } from "node:crypto";
import { DynamoError } from "../errors.js";
import type { Catalog } from "./catalog.js";

/** Tokens that make a transaction harmless when it is sent twice, for ten minutes. */

const keptMs = 10 * 60 * 1000;

interface StoredToken {
  readonly ms: number;
  /** A digest of what was asked. */
  readonly request: string;
  /** What the first answer told beside its units. */
  readonly reply: Readonly<Record<string, unknown>>;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest().toString("latin1");
}

/** Finds what was answered to this token; throws when it came with another request. */
export function findToken(catalog: Catalog, token: string, request: string, nowMs: number): StoredToken | undefined {
  const stored = catalog.tokens.get(digest(token));
  if (stored === undefined) return undefined;
  const found = JSON.parse(stored.toString("utf8")) as StoredToken;
  if (found.ms <= nowMs - keptMs) return undefined;
  if (found.request !== digest(request)) {
    throw new DynamoError(
      "IdempotentParameterMismatchException",
      "An error occurred (IdempotentParameterMismatchException)",
    );
  }
  return found;
}

/** Keeps a token with its transaction; only inside a write. */
export function keepToken(
  catalog: Catalog,
  token: string,
  request: string,
  reply: StoredToken["reply"],
  nowMs: number,
): void {
  const stored: StoredToken = { ms: nowMs, request: digest(request), reply };
  catalog.tokens.put(digest(token), Buffer.from(JSON.stringify(stored)));
}

/** Removes tokens that are too old to count. */
export async function pruneTokens(catalog: Catalog, nowMs: number): Promise<void> {
  const old: string[] = [];
  const cursor = catalog.tokens.scan();
  while (cursor.next()) {
    const { ms } = JSON.parse(cursor.value.toString("utf8")) as StoredToken;
    if (ms <= nowMs - keptMs) old.push(cursor.key);
  }
  if (old.length === 0) return;
  await catalog.write(() => {
    for (const key of old) catalog.tokens.delete(key);
  });
}
