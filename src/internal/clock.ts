import { onAbort } from "./aborts.js";

/** Time and chance as the library sees them; tests put their own in their place. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z: what is stored and shown. */
  now(): number;
  /** Milliseconds that never step back: what deadlines are measured with. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

/** The machine's own time and chance. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = setTimeout(() => {
        stayed?.();
        resolve();
      }, ms);
      const stayed =
        signal &&
        onAbort(signal, () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
    });
  },
};
