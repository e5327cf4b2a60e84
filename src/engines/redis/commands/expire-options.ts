import type { Client } from "../client.js";
import { INT64_MAX, type Int } from "../data/numbers.js";
import { type ErrorReply, err } from "../protocol/reply.js";
import { int64 } from "./arguments.js";

export function invalidExpire(command: string): ErrorReply {
  return err(`invalid expire time in '${command}' command`);
}

/** How SET and GETEX give an expiry. */
export type ExpiryUnit = "EX" | "PX" | "EXAT" | "PXAT";

/** The moment of an expiry that must lie after 1970, as SET and its kin demand. */
export function expiryMoment(client: Client, text: string, unit: ExpiryUnit, command: string): number {
  const value: Int = int64(text);
  if (value <= 0) throw invalidExpire(command);
  let ms = BigInt(value);
  if (unit === "EX" || unit === "EXAT") ms *= 1000n;
  if (ms > INT64_MAX) throw invalidExpire(command);
  if (unit === "EX" || unit === "PX") ms += BigInt(client.server.now);
  if (ms > INT64_MAX) throw invalidExpire(command);
  return Number(ms);
}
