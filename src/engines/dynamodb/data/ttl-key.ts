import type { Value } from "../values/attribute-value.js";

/** Seconds that a time of expiry may lie back before DynamoDB takes it for a mistake and leaves the item: five years. */
export const longestPastSeconds = 5 * 365 * 24 * 3600;

const secondsBytes = 5;

/** The bytes of a time in whole seconds, in the order of the times. */
export function secondsKey(seconds: number): string {
  let key = "";
  for (let at = secondsBytes - 1; at >= 0; at--) key += String.fromCharCode(Math.floor(seconds / 256 ** at) % 256);
  return key;
}

/** The entry for an item in the tree of times; undefined for a value that is no time to expire at. */
export function expiryKey(value: Value | undefined, key: string): string | undefined {
  if (typeof value?.N !== "string") return undefined;
  const seconds = Math.floor(Number(value.N));
  if (!(seconds >= 0) || seconds >= 256 ** secondsBytes) return undefined;
  return secondsKey(seconds) + key;
}

/** The item's key in an entry of the tree of times. */
export function keyOfExpiry(entry: string): string {
  return entry.slice(secondsBytes);
}
