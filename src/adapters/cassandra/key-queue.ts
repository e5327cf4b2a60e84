/**
 * Lets the writes of one record by this process go one after the other: lightweight transactions of one row stand in each
 * other's way, and those of one process need not.
 */
export class KeyQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does the work after all that was given for the key before. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#last.set(key, mine);
    const forget = (): void => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  }
}
