import { KeyfoldError } from "../../internal/errors.js";

/** What a subscription hears: messages, and where messages are missing. */
export type Heard<T> =
  | { readonly kind: "message"; readonly channel: string; readonly message: T }
  /** Messages were lost: the connection was away, or this reader was too slow and `dropped` of them made room. */
  | { readonly kind: "gap"; readonly reason: "reconnected" | "overflow"; readonly dropped: number | undefined }
  /** Something that the codec cannot read. */
  | { readonly kind: "unreadable"; readonly channel: string; readonly raw: string; readonly error: unknown };

/** How much waits for a reader, and what becomes of the rest. */
export interface QueueOptions {
  /** What waits at most. Default 1,000. */
  readonly maxQueue?: number;
  /**
   * When it is full: `drop-oldest` and `drop-newest` lose messages and say so by a gap, `error` ends the subscription.
   * Default `drop-oldest`.
   */
  readonly overflow?: "drop-oldest" | "drop-newest" | "error";
  /** Ends the subscription. */
  readonly signal?: AbortSignal | undefined;
}

/** What one subscriber hears, to be read with `for await`. Leaving the loop ends the subscription. */
export class Subscription<T> implements AsyncIterableIterator<Heard<T>> {
  readonly #max: number;
  readonly #overflow: "drop-oldest" | "drop-newest" | "error";
  readonly #end: () => void;
  readonly #queue: Heard<T>[] = [];
  readonly #readers: { resolve: (result: IteratorResult<Heard<T>>) => void; reject: (error: unknown) => void }[] = [];
  #dropped = 0;
  #failure: KeyfoldError | undefined;
  #over = false;

  constructor(options: QueueOptions, end: () => void) {
    this.#max = options.maxQueue ?? 1_000;
    this.#overflow = options.overflow ?? "drop-oldest";
    this.#end = end;
    if (!(this.#max >= 1)) throw new KeyfoldError("INPUT_INVALID", "maxQueue is at least 1.");
    const { signal } = options;
    if (signal?.aborted) this.close();
    else signal?.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Hands something to the reader, or keeps it for later. */
  push(heard: Heard<T>): void {
    if (this.#over) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: heard });
      return;
    }
    if (this.#queue.length < this.#max || heard.kind === "gap") {
      this.#queue.push(heard);
      return;
    }
    if (this.#overflow === "error") {
      this.#failure = new KeyfoldError("TOO_LARGE", `More than ${this.#max} messages wait for their reader.`, {
        fix: "Read faster, raise maxQueue, or let it drop messages.",
      });
      this.close();
      return;
    }
    this.#dropped++;
    if (this.#overflow === "drop-oldest") {
      this.#queue.shift();
      this.#queue.push(heard);
    }
  }

  next(): Promise<IteratorResult<Heard<T>>> {
    // The gap is told where it is: before what is left when the oldest went, after it when the newest did.
    if (this.#dropped > 0 && (this.#overflow === "drop-oldest" || this.#queue.length === 0)) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      return Promise.resolve({ done: false, value: { kind: "gap", reason: "overflow", dropped } });
    }
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<Heard<T>>> {
    this.close();
    this.#queue.length = 0;
    return { done: true, value: undefined };
  }

  /** Ends it: what waits can still be read. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#end();
    for (const { resolve } of this.#readers.splice(0)) resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
