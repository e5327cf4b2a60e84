import type { Clock } from "../../internal/clock.js";
import type { Deadline } from "../../internal/deadline.js";
import type { KeyfoldError } from "../../internal/errors.js";
import { fullJitterMs, type RetryBudget } from "../../internal/retry.js";
import type { Doc, Operation } from "./driver.js";
import { type Failure, failureOf } from "./errors.js";

/** Bytes of one request: the limit is 16 MB, and large requests are slow to repeat. */
const BATCH_BYTES = 4_000_000;
const CAP_MS = 2_000;
const BASE_MS = 25;
const THROTTLED_BASE_MS = 50;

/** Sends one request to one table, without retrying it. */
export interface BatchSender {
  readonly table: string;
  readonly clock: Clock;
  /** Retries are paid from here. */
  readonly budget: RetryBudget;
  once(operation: Operation, input: Doc, attempt: number, deadline: Deadline, batch?: number): Promise<Doc>;
}

/**
 * Why something of a batch was not done before its time was over.
 *
 * - `unprocessed`: the server answered without doing it, and said so.
 * - `throttled`: the server refused the whole request for load.
 * - `failed`: the request failed in another way; `sent` tells whether it may have been done all the same.
 */
export interface Leftover<T> {
  readonly item: T;
  readonly position: number;
  readonly reason: "unprocessed" | "throttled" | "failed";
  readonly sent: boolean;
  readonly error: KeyfoldError | undefined;
}

/** Something to do, with its place in what the caller gave. */
export interface Entry<T> {
  readonly item: T;
  readonly position: number;
}

/** How one operation's requests are made and read. */
export interface BatchOperation<T> {
  readonly operation: Operation;
  /** Entries that one request takes. */
  readonly most: number;
  sizeOf(item: T): number;
  inputOf(entries: readonly Entry<T>[]): Doc;
  /** What an answer gives back undone. `unanswered`: positions that an earlier request may have done. */
  leftOf(entries: readonly Entry<T>[], output: Doc, unanswered: ReadonlySet<number>): readonly Entry<T>[];
}

/** What waits to be sent again. */
interface Waiting<T> extends Entry<T> {
  /** Requests in a row that did nothing. */
  readonly tries: number;
  readonly reason: Leftover<T>["reason"];
  readonly error: KeyfoldError | undefined;
  /** Moment of the monotonic clock before which it stays. */
  readonly notBefore: number;
}

/**
 * Sends all of it in requests as large as they may be, several at once. What is given back, refused for load or not
 * answered waits its own time and then travels with others like it, so that retries need few requests. Returns what is
 * left when the deadline or the retry budget ends it.
 */
export async function runBatches<T>(
  items: readonly T[],
  sender: BatchSender,
  deadline: Deadline,
  inFlight: number,
  operation: BatchOperation<T>,
): Promise<readonly Leftover<T>[]> {
  const run = new BatchRun(items, sender, deadline, operation);
  const workers = Math.min(inFlight, Math.ceil(items.length / operation.most) * 2);
  await Promise.all(Array.from({ length: workers }, () => run.work()));
  return run.leftovers.sort((a, b) => a.position - b.position);
}

class BatchRun<T> {
  readonly leftovers: Leftover<T>[] = [];
  readonly #items: readonly T[];
  readonly #sender: BatchSender;
  readonly #deadline: Deadline;
  readonly #operation: BatchOperation<T>;
  /** Of `items`, the first that was not sent yet. */
  #next = 0;
  #waiting: Waiting<T>[] = [];
  /** What was sent and not answered: should its time end, it may have been done. */
  readonly #unanswered = new Set<number>();

  constructor(items: readonly T[], sender: BatchSender, deadline: Deadline, operation: BatchOperation<T>) {
    this.#items = items;
    this.#sender = sender;
    this.#deadline = deadline;
    this.#operation = operation;
  }

  /** Sends requests until there is nothing left to send. */
  async work(): Promise<void> {
    for (;;) {
      const { entries, tries } = this.#take();
      if (entries.length > 0) await this.#send(entries, tries);
      else if (this.#waiting.length === 0) return;
      else await this.#wait();
    }
  }

  /** The next request: what has waited long enough where that fills one, then what is new, then the rest. */
  #take(): { readonly entries: readonly Entry<T>[]; readonly tries: number } {
    if (this.#deadline.over) this.#end();
    const now = this.#sender.clock.monotonic();
    const ripe = this.#waiting.filter(({ notBefore }) => notBefore <= now);
    const fresh = this.#next < this.#items.length;
    const entries: Entry<T>[] = [];
    if (fresh && ripe.length < this.#operation.most) {
      this.#fill(entries, () => {
        const position = this.#next;
        return position < this.#items.length ? { item: this.#items[position] as T, position } : undefined;
      });
      return { entries, tries: 0 };
    }
    let at = 0;
    this.#fill(entries, () => ripe[at++]);
    const taken = new Set(entries);
    this.#waiting = this.#waiting.filter((one) => !taken.has(one));
    return { entries, tries: (entries as Waiting<T>[]).reduce((most, { tries }) => Math.max(most, tries), 0) };
  }

  #fill(entries: Entry<T>[], next: () => Entry<T> | undefined): void {
    let bytes = 0;
    while (entries.length < this.#operation.most) {
      const entry = next();
      if (entry === undefined) return;
      bytes += this.#operation.sizeOf(entry.item);
      if (entries.length > 0 && bytes > BATCH_BYTES) return;
      entries.push(entry);
      if (entry.position === this.#next) this.#next++;
    }
  }

  /** All that is not under way is left. */
  #end(): void {
    for (const one of this.#waiting) this.#leave([one], one.reason, one.error ?? this.#deadline.error());
    this.#waiting = [];
    const error = this.#deadline.error();
    for (; this.#next < this.#items.length; this.#next++)
      this.#leave([{ item: this.#items[this.#next] as T, position: this.#next }], "failed", error);
  }

  #leave(entries: readonly Entry<T>[], reason: Leftover<T>["reason"], error: KeyfoldError | undefined): void {
    for (const { item, position } of entries)
      this.leftovers.push({ item, position, reason, sent: this.#unanswered.has(position), error });
  }

  async #send(entries: readonly Entry<T>[], tries: number): Promise<void> {
    const { operation, inputOf, leftOf } = this.#operation;
    let output: Doc;
    try {
      // An attempt that hears nothing is given up while there is time for another one.
      using part = this.#deadline.part(Math.max(50, this.#deadline.totalMs * 0.4));
      output = await this.#sender.once(operation, inputOf(entries), tries + 1, part, entries.length);
    } catch (thrown) {
      const failure = failureOf(thrown);
      const late = failure.error.code === "DEADLINE_EXCEEDED" || failure.error.code === "ABORTED";
      if (failure.mayHaveRun || late) for (const { position } of entries) this.#unanswered.add(position);
      // One item that is refused takes its whole request with it: by halves, the others get through.
      if (isRefusal(failure) && entries.length > 1) {
        const half = entries.length >> 1;
        await this.#send(entries.slice(0, half), tries);
        await this.#send(entries.slice(half), tries);
        return;
      }
      const reason = failure.overloaded ? "throttled" : "failed";
      const again = failure.retry || (late && !this.#deadline.over);
      if (!again || !this.#sender.budget.spend(5)) this.#leave(entries, reason, failure.error);
      else this.#later(entries, tries + 1, reason, failure.error, failure.overloaded ? THROTTLED_BASE_MS : BASE_MS);
      return;
    }
    const left = leftOf(entries, output, this.#unanswered);
    const progress = left.length < entries.length;
    // An answer that did some of it tells of a server that is busy, not of one that refuses: to go on costs nothing.
    if (progress) this.#sender.budget.refund();
    if (left.length === 0) return;
    if (!progress && !this.#sender.budget.spend(5)) this.#leave(left, "unprocessed", undefined);
    else this.#later(left, progress ? 1 : tries + 1, "unprocessed", undefined, BASE_MS);
  }

  #later(
    entries: readonly Entry<T>[],
    tries: number,
    reason: Leftover<T>["reason"],
    error: KeyfoldError | undefined,
    baseMs: number,
  ): void {
    const { clock } = this.#sender;
    const waitMs = fullJitterMs(tries - 1, baseMs, CAP_MS, () => clock.random());
    if (waitMs >= this.#deadline.remainingMs()) {
      this.#leave(entries, reason, error);
      return;
    }
    const notBefore = clock.monotonic() + waitMs;
    for (const { item, position } of entries) this.#waiting.push({ item, position, tries, reason, error, notBefore });
  }

  /** Until something has waited long enough, or the deadline ends it. */
  async #wait(): Promise<void> {
    const { clock } = this.#sender;
    const first = this.#waiting.reduce((least, { notBefore }) => Math.min(least, notBefore), Number.POSITIVE_INFINITY);
    await clock.sleep(Math.max(1, first - clock.monotonic()), this.#deadline.signal).catch(() => {});
  }
}

/** Certainly not done, and for what was sent rather than for load or rights. */
function isRefusal({ error, retry, mayHaveRun }: Failure): boolean {
  return !retry && !mayHaveRun && (error.code === "TOO_LARGE" || error.code === "DRIVER_ERROR");
}
