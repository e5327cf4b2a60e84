import { fromBase64Url, toBase64Url } from "../../internal/bytes.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { StoreSession } from "../port/adapter.js";
import { type BsonValues, type LongValue, numberOf } from "./bson-values.js";
import type { Doc } from "./driver.js";

/** A moment of the deployment's own clock: seconds in `high`, a counter in `low`. */
type Moment = LongValue;

/**
 * What a session has seen, kept as MongoDB's operation time: reads at `session` ask the server to answer from a state
 * at least as new (`afterClusterTime` with read concern majority, on the primary).
 * A deployment without a clock (a standalone server) has one copy of the data, which is always new enough.
 */
export class MongoSession implements StoreSession {
  #operationTime: Moment | undefined;
  /** The operation time as the driver takes it, made when it is first asked for. */
  #after: unknown;
  /**
   * The newest `$clusterTime` seen, with its signature as the server sent it, or as a token holds it (`told`); a server
   * refuses times that it has not heard of.
   */
  #clusterTime: { readonly time: Moment; readonly signature: Doc | undefined; readonly told: boolean } | undefined;
  /** The cluster time came with a token and has not been told to this process' connections yet. */
  #tellClusterTime = false;

  constructor(token?: string) {
    if (token !== undefined) this.#adopt(token);
  }

  /** For `readConcern.afterClusterTime`. */
  afterClusterTime(values: BsonValues): unknown {
    if (this.#operationTime === undefined) return undefined;
    this.#after ??= values.timestamp(this.#operationTime.low, this.#operationTime.high);
    return this.#after;
  }

  /** A `$clusterTime` that the driver must pass on before the first read of an adopted session. */
  clusterTimeToTell(values: BsonValues): object | undefined {
    if (!this.#tellClusterTime || this.#clusterTime === undefined) return undefined;
    const { time, signature } = this.#clusterTime;
    const keyId = typeof signature?.["keyId"] === "string" ? BigInt(signature["keyId"]) : 0n;
    const hash = typeof signature?.["hash"] === "string" ? fromBase64Url(signature["hash"]) : undefined;
    return {
      clusterTime: values.timestamp(time.low, time.high),
      signature: { hash: values.binary(hash ?? new Uint8Array(20)), keyId: values.longOfBigInt(keyId) },
    };
  }

  /** Moves on with a reply of the server. */
  observe(reply: Doc): void {
    const operationTime = momentOf(reply["operationTime"]);
    if (
      operationTime !== undefined &&
      (this.#operationTime === undefined || isLater(operationTime, this.#operationTime))
    ) {
      this.#operationTime = operationTime;
      this.#after = undefined;
    }
    const told = reply["$clusterTime"] as { readonly clusterTime?: unknown; readonly signature?: Doc } | undefined;
    const time = momentOf(told?.clusterTime);
    if (time !== undefined && (this.#clusterTime === undefined || !isLater(this.#clusterTime.time, time))) {
      // Kept as it came: every reply has one, and few sessions are ever asked for a token.
      this.#clusterTime = { time, signature: told?.signature, told: true };
      this.#tellClusterTime = false;
    }
  }

  token(): string {
    const data = {
      f: 1,
      o: this.#operationTime && [this.#operationTime.low, this.#operationTime.high],
      c: this.#clusterTime && [this.#clusterTime.time.low, this.#clusterTime.time.high],
      s: this.#clusterTime?.told === true ? signatureData(this.#clusterTime.signature) : this.#clusterTime?.signature,
    };
    return toBase64Url(new TextEncoder().encode(JSON.stringify(data)));
  }

  #adopt(token: string): void {
    let data: { f?: unknown; o?: unknown; c?: unknown; s?: unknown };
    try {
      data = JSON.parse(new TextDecoder().decode(fromBase64Url(token) ?? new Uint8Array()));
    } catch (cause) {
      throw badToken(cause);
    }
    if (typeof data !== "object" || data === null || data.f !== 1) throw badToken();
    const operationTime = pairOf(data.o);
    const clusterTime = pairOf(data.c);
    if (operationTime !== undefined) this.#operationTime = operationTime;
    if (clusterTime !== undefined) {
      this.#clusterTime = {
        time: clusterTime,
        signature: typeof data.s === "object" ? ((data.s ?? undefined) as Doc | undefined) : undefined,
        told: false,
      };
      this.#tellClusterTime = true;
    }
  }

  /** Nothing is held on the server for a session. */
  async close(): Promise<void> {}
}

function badToken(cause?: unknown): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", "This is not the token of a MongoDB session.", {
    cause,
    fix: "Pass the text that $token() gave, unchanged.",
  });
}

function pairOf(value: unknown): Moment | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && Number.isInteger(value[0]) && Number.isInteger(value[1]))
    return { low: value[0] | 0, high: value[1] | 0 };
  throw badToken();
}

function momentOf(value: unknown): Moment | undefined {
  if (typeof value === "object" && value !== null && "low" in value && "high" in value) {
    return { low: Number(value.low) | 0, high: Number(value.high) | 0 };
  }
  return undefined;
}

function isLater(a: Moment, b: Moment): boolean {
  const seconds = (a.high >>> 0) - (b.high >>> 0);
  return seconds === 0 ? a.low >>> 0 > b.low >>> 0 : seconds > 0;
}

/** The signature as JSON holds it: the hash in base64, the key's id as text. */
function signatureData(signature: Doc | undefined): Doc | undefined {
  if (signature === undefined) return undefined;
  const hash = signature["hash"] as { readonly buffer?: Uint8Array } | Uint8Array | undefined;
  const bytes = hash instanceof Uint8Array ? hash : hash?.buffer;
  return {
    hash: bytes === undefined ? undefined : toBase64Url(new Uint8Array(bytes).subarray(0, 20)),
    keyId: bigintText(signature["keyId"]),
  };
}

function bigintText(value: unknown): string {
  if (typeof value === "object" && value !== null && "low" in value && "high" in value) {
    return ((BigInt(Number(value.high)) << 32n) | BigInt(Number(value.low) >>> 0)).toString();
  }
  return typeof value === "bigint" ? value.toString() : String(numberOf(value) ?? 0);
}
