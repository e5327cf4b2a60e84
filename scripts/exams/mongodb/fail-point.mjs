// What `configureFailPoint: failCommand` asks of a server, as a fault of the embedded engine's one seam.
import { NotSupported } from "./operations.mjs";

/** Codes for which a server adds RetryableWriteError by itself (retryable writes specification). */
const retryable = new Set([6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]);
const known = new Set([
  "failCommands",
  "errorCode",
  "closeConnection",
  "errorLabels",
  "blockConnection",
  "blockTimeMS",
]);

/** The faults to inject; none for mode "off". */
export function faultsOf({ configureFailPoint, mode, data = {} }) {
  if (configureFailPoint !== "failCommand") throw new NotSupported(`fail point ${configureFailPoint}`);
  if (mode === "off") return [];
  const other = Object.keys(data).find((key) => !known.has(key));
  if (other !== undefined) throw new NotSupported(`failCommand's ${other}`);
  const often = mode === "alwaysOn" ? { times: "always" } : { times: mode.times, skip: mode.skip };
  if (often.times === undefined && mode !== "alwaysOn") often.times = "always";
  const rule = (fault) => ({
    engine: "mongodb",
    command: data.failCommands,
    fault,
    times: often.times,
    skip: often.skip ?? 0,
  });
  if (data.closeConnection === true) return [rule({ kind: "close-before" })];
  if (data.errorCode !== undefined) {
    if (data.blockConnection === true) throw new NotSupported("failCommand's errorCode together with blockConnection");
    const labels = data.errorLabels ?? (retryable.has(data.errorCode) ? ["RetryableWriteError"] : []);
    return [
      rule({ kind: "error", code: data.errorCode, message: "Failing command via 'failCommand' failpoint", labels }),
    ];
  }
  if (data.blockConnection === true) return [rule({ kind: "delay", ms: data.blockTimeMS })];
  throw new NotSupported("failCommand without an effect");
}
