/* How long something takes, judged fairly on a busy machine. */

/** The most that is excused: work that blocks its own process for longer is late by its own fault. */
const EXCUSED_MS = 300;

/**
 * Milliseconds that work takes, less what this process's own timers were late by meanwhile: on a busy machine a deadline
 * is heard late, and that is not the fault of what is tested.
 */
export async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const everyMs = 5;
  const from = performance.now();
  let last = from;
  let lateMs = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    lateMs += Math.max(0, now - last - 2 * everyMs);
    last = now;
  }, everyMs);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return performance.now() - from - Math.min(lateMs, EXCUSED_MS);
}

/** The least time in milliseconds of a few tries: what a busy machine adds to one of them is left out. */
export async function quickestOf(work: () => Promise<unknown>, tries = 5): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < tries; i++) {
    const from = performance.now();
    await work();
    times.push(performance.now() - from);
  }
  return Math.min(...times);
}
