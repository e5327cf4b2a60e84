/** What waits for each signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `ended` once when a signal is aborted; the function that is returned takes it back. However many wait for a
 * signal, it has one listener of keyfold's: one that an application shares among hundreds of calls warns of no leak.
 */
export function onAbort(signal: AbortSignal, ended: () => void): () => void {
  const there = waiting.get(signal);
  const all = there ?? new Set();
  all.add(ended);
  if (there === undefined) {
    waiting.set(signal, all);
    signal.addEventListener("abort", tellAll, { once: true });
  }
  return () => {
    if (!all.delete(ended) || all.size > 0 || waiting.get(signal) !== all) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", tellAll);
  };
}

function tellAll(this: AbortSignal): void {
  const all = waiting.get(this);
  waiting.delete(this);
  for (const ended of all ?? []) ended();
}
