import type { Entry } from "./entry.js";
import type { Waiting } from "./reader.js";

/** Who asked for values, of which each has a number. */
export interface Caller<V> {
  resolve(value: V, at: number): void;
  failed(error: unknown): void;
}

/** What a cache answers with when it has heard from the store. */
export interface Answers<V> {
  stored(asked: Asked<V>, entry: Entry<V>): V;
  missing(asked: Asked<V>, invalid: string): Promise<V>;
  down(asked: Asked<V>, error: unknown): Promise<V>;
}

/** One id that a caller waits for; there are many at a time, so it is one object without closures. */
export class Asked<V> implements Waiting<V> {
  readonly id: string;
  /** When it was asked for, in the order of loads. */
  readonly since: number;
  /** Of the in-process level. */
  readonly stamp: number | undefined;
  next: Waiting<V> | undefined;
  readonly #answers: Answers<V>;
  readonly #caller: Caller<V>;
  readonly #at: number;

  constructor(
    answers: Answers<V>,
    caller: Caller<V>,
    id: string,
    at: number,
    since: number,
    stamp: number | undefined,
  ) {
    this.id = id;
    this.since = since;
    this.stamp = stamp;
    this.next = undefined;
    this.#answers = answers;
    this.#caller = caller;
    this.#at = at;
  }

  found(entry: Entry<V> | undefined, invalid: string): void {
    if (entry !== undefined) this.#caller.resolve(this.#answers.stored(this, entry), this.#at);
    else this.#wait(this.#answers.missing(this, invalid));
  }

  failed(error: unknown): void {
    this.#wait(this.#answers.down(this, error));
  }

  #wait(value: Promise<V>): void {
    value.then(
      (each) => this.#caller.resolve(each, this.#at),
      (error) => this.#caller.failed(error),
    );
  }
}
