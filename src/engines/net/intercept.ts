import type { Fault, Intercept, RequestInfo } from "../engine.js";
import type { Connection } from "./connection.js";

/** What the seam needs from an engine to run one request. */
export interface Interceptable<R> {
  readonly run: () => R | Promise<R>;
  /** Runs a part of a batch. An engine without batches of that kind runs the whole request. */
  readonly partly?: (share: number) => R | Promise<R>;
  /** The engine's reply for an injected error. */
  readonly fail: (fault: Extract<Fault, { kind: "error" }>) => R;
}

/**
 * The one place through which every request of every engine passes. Without an interceptor it costs one comparison. The
 * answer is `undefined` when the fault closed the connection.
 */
export function pass<R>(
  intercept: Intercept | undefined,
  connection: Connection,
  request: () => RequestInfo,
  target: Interceptable<R>,
): R | undefined | Promise<R | undefined> {
  if (intercept === undefined) return target.run();
  const fault = intercept(request());
  if (fault === undefined) return target.run();
  switch (fault.kind) {
    case "delay":
      return new Promise<void>((resolve) => setTimeout(resolve, fault.ms)).then(() => target.run());
    case "close-before":
      connection.destroy();
      return undefined;
    case "close-after":
      return Promise.resolve(target.run()).then(
        () => connection.destroy(),
        () => connection.destroy(),
      ) as Promise<undefined>;
    case "partial":
      return target.partly === undefined ? target.run() : target.partly(fault.share);
    case "error":
      return target.fail(fault);
    default: {
      const never: never = fault;
      throw new Error(`not a fault: ${String(never)}`);
    }
  }
}
