import { KeyfoldError } from "../../internal/errors.js";

/**
 * Part of a key between braces, so that all keys of one subject share a slot of a Cluster. Braces within it are
 * escaped: Redis takes the first `}` for the end, and hashes the whole key when nothing stands between.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashTag(subject: string): string {
  if (typeof subject !== "string")
    throw new KeyfoldError("INPUT_INVALID", `A key is a string, not ${subject === null ? "null" : typeof subject}.`);
  return `{${/[%}]/.test(subject) || subject === "" ? `%${encodeURIComponent(subject)}` : subject}}`;
}

/** Checks the name that all keys of a pattern begin with. */
export function checkPrefix(prefix: string, option = "prefix"): string {
  if (typeof prefix === "string" && prefix !== "" && !/[{}]/.test(prefix)) return prefix;
  throw new KeyfoldError("INPUT_INVALID", `${option} is a text without braces, not ${JSON.stringify(prefix)}.`, {
    fix: "Braces are how Redis Cluster marks what a key is placed by; keyfold sets them itself.",
  });
}

/** Checks a number of an option: whole, and at least `min`. */
export function checkWhole(value: number, name: string, min = 1): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new KeyfoldError("INPUT_INVALID", `${name} is a whole number of at least ${min}, not ${String(value)}.`);
}
