import { KeyfoldError } from "../../internal/errors.js";
import type { StoreSession } from "../port/adapter.js";

const TOKEN = "dynamodb:1";

/**
 * A session of DynamoDB has nothing to remember: every read at `session` is strongly consistent, and so sees all that
 * was acknowledged before it, by whomever.
 */
export function sessionOf(token: string | undefined): StoreSession {
  if (token !== undefined && token !== TOKEN) {
    throw new KeyfoldError("INPUT_INVALID", "This is not the token of a DynamoDB session.", {
      fix: "Pass the text that $token() gave, unchanged.",
    });
  }
  return { token: () => TOKEN, async close() {} };
}
