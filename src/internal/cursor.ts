import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { fromBase64Url, toBase64Url } from "./bytes.js";
import { KeyfoldError } from "./errors.js";

/** A value that a cursor can hold: what order fields and keys are made of. */
export type CursorValue = string | number | bigint | boolean | null | Date | Uint8Array | readonly CursorValue[];

const MAC_BYTES = 16;
/** First byte of every cursor, so that a later format can be told from this one. */
const FORMAT = 1;

/** Lives as long as the process: cursors signed with it end with it. */
const processSecret = randomBytes(32);

/**
 * Signs and reads opaque page cursors. A cursor is bound to its context (pattern, parameters, design version) by the
 * signature alone: the context is not in it.
 */
export class CursorSigner {
  readonly #secret: Uint8Array;

  /** `secret`: shared by all processes that pass cursors to each other; at least 16 characters. Default: the process' own. */
  constructor(secret?: string | Uint8Array) {
    if (secret !== undefined && secret.length < 16) {
      throw new KeyfoldError("INPUT_INVALID", "cursorSecret is shorter than 16 characters.", {
        fix: "Use a random secret, for example 32 random bytes in base64.",
      });
    }
    this.#secret =
      secret === undefined ? processSecret : typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
  }

  /** A cursor that stands for `position` of the question that `context` names. */
  sign(context: string, position: readonly CursorValue[]): string {
    const body = Buffer.from(JSON.stringify(position.map(toJson)), "utf8");
    const signed = Buffer.allocUnsafe(1 + MAC_BYTES + body.length);
    signed[0] = FORMAT;
    signed.set(this.#mac(context, body), 1);
    signed.set(body, 1 + MAC_BYTES);
    return toBase64Url(signed);
  }

  /** The position in a cursor; throws CURSOR_INVALID when it was altered or belongs to another question. */
  read(context: string, cursor: string): CursorValue[] {
    const bytes = typeof cursor === "string" ? fromBase64Url(cursor) : undefined;
    if (bytes === undefined || bytes.length <= 1 + MAC_BYTES || bytes[0] !== FORMAT) throw invalid();
    const body = bytes.subarray(1 + MAC_BYTES);
    if (!timingSafeEqual(bytes.subarray(1, 1 + MAC_BYTES), this.#mac(context, body))) throw invalid();
    const position: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    if (!Array.isArray(position)) throw invalid();
    return position.map(fromJson);
  }

  #mac(context: string, body: Uint8Array): Uint8Array {
    const mac = createHmac("sha256", this.#secret);
    mac.update(`${FORMAT}\0${Buffer.byteLength(context)}\0${context}\0`);
    mac.update(body);
    return mac.digest().subarray(0, MAC_BYTES);
  }
}

function invalid(): KeyfoldError {
  return new KeyfoldError(
    "CURSOR_INVALID",
    "This cursor was altered, or it belongs to another pattern, other parameters, another design, or a process with another cursorSecret.",
    {
      fix: "Start again without a cursor. If cursors travel between processes or survive restarts, give all of them the same cursorSecret.",
    },
  );
}

/** JSON holds text, booleans, null and arrays as they are; the rest is tagged, numbers too (NaN, -0, Infinity). */
function toJson(value: CursorValue): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { n: Object.is(value, -0) ? "-0" : String(value) };
  if (typeof value === "bigint") return { i: value.toString() };
  if (value instanceof Date) return { d: value.getTime() };
  if (value instanceof Uint8Array) return { b: toBase64Url(value) };
  return (value as readonly CursorValue[]).map(toJson);
}

function fromJson(value: unknown): CursorValue {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number")
    return value;
  if (Array.isArray(value)) return value.map(fromJson);
  const tagged = value as { n?: string; i?: string; d?: number; b?: string };
  if (tagged.n !== undefined) return Number(tagged.n);
  if (tagged.i !== undefined) return BigInt(tagged.i);
  if (tagged.d !== undefined) return new Date(tagged.d);
  if (tagged.b !== undefined) return fromBase64Url(tagged.b) ?? new Uint8Array();
  throw invalid();
}
