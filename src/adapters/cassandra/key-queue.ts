import type { Deadline } from "../../internal/deadline.js";

/**
 * Lets the writes of one record by this process go one after the other: lightweight transactions of one row stand in each
 * other's way, and those of one process need not.
 */
export class KeyQueue {
  /** By key: settles, and never fails, when all that was given so far is over. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Does the work after all that was given for the key before.
   *
   * @throws KeyfoldError `DEADLINE_EXCEEDED` or `ABORTED` where its turn does not come in time: then nothing was done.
   */
  run<T>(key: string, work: () => Promise<T>, deadline: Deadline): Promise<T> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : deadline.run(() => before).then(work);
    // Who gives up waiting does not let others pass those before it.
    const over = Promise.allSettled([before, mine]);
    this.#last.set(key, over);
    over.then(() => {
      if (this.#last.get(key) === over) this.#last.delete(key);
    });
    return mine;
  }
}
