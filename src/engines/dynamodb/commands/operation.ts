import type { EngineClock } from "../../engine.js";
import type { Catalog } from "../data/catalog.js";
import type { Throttle } from "../data/throttle.js";
import type { Members } from "../protocol/shapes.js";

/** The engine as operations see it. */
export interface Engine {
  readonly catalog: Catalog;
  readonly clock: EngineClock;
  readonly random: () => number;
  /** `host:port` that clients are told to use. */
  readonly address: () => string;
  /** Set where tables have only so many units a second. */
  readonly throttle: Throttle | undefined;
}

/** A request on its way. Its members have passed the shapes of the operation. */
export interface Call {
  readonly engine: Engine;
  readonly input: Record<string, unknown>;
  /** The region that the request was signed for. */
  readonly region: string;
  /** The share of a batch that is to be left undone; a test asks for it. */
  readonly unprocessedShare?: number | undefined;
}

/** What an operation answers: members of a JSON object, in which {@link RawJson} may stand; undefined for no body. */
export type Reply = Readonly<Record<string, unknown>> | undefined;

/** One operation: an entry of the table. */
export interface Operation {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  readonly supported: boolean;
  readonly members?: Members;
  readonly run?: (call: Call) => Reply | Promise<Reply>;
}

/** Goes on with a result that may be there already. */
export function andThen<T, R>(value: T | Promise<T>, next: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
