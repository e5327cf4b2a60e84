const resolved = Promise.resolve();

/**
 * Calls back when the promises that are settled now have run, and before anything is read from a socket: what they ask
 * for can travel together.
 */
export function soon(callback: () => void): void {
  resolved.then(() => process.nextTick(callback));
}
