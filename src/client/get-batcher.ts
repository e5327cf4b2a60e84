import type { EntityStore, ReadCall, RecordData, Versioned } from "../adapters/port/adapter.js";
import { Deadline } from "../internal/deadline.js";
import { KeyfoldError } from "../internal/errors.js";

interface Waiting {
  readonly key: RecordData;
  readonly call: ReadCall;
  readonly resolve: (found: Versioned | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the single gets of one tick, so that they travel as one request. One batcher serves one entity of one
 * session; each level has a batch of its own. A `strong` read names one record and travels alone.
 */
export class GetBatcher {
  readonly #store: EntityStore;
  readonly #batches = new Map<string, Waiting[]>();

  constructor(store: EntityStore) {
    this.#store = store;
  }

  get(key: RecordData, call: ReadCall): Promise<Versioned | undefined> {
    if (call.consistency === "strong") return this.#store.getMany([key], call).then((found) => found[0]);
    const answer = new Promise<Versioned | undefined>((resolve, reject) => {
      const level = `${call.consistency}:${call.maxStalenessMs ?? ""}`;
      let batch = this.#batches.get(level);
      if (batch === undefined) {
        batch = [];
        this.#batches.set(level, batch);
        // After all promises that are settled now have run their callbacks: calls made by those belong to this tick.
        queueMicrotask(() => process.nextTick(() => this.#send(level)));
      }
      batch.push({ key, call, resolve, reject });
    });
    // The batch goes on for the others when this caller's signal is aborted.
    if (call.signal === undefined) return answer;
    const deadline = new Deadline({
      deadlineMs: Math.max(1, (call.deadlineAt ?? Number.POSITIVE_INFINITY) - Date.now()),
      signal: call.signal,
    });
    return deadline.run(() => answer).finally(() => deadline.dispose());
  }

  #send(level: string): void {
    const batch = this.#batches.get(level);
    this.#batches.delete(level);
    if (batch === undefined) return;
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      this.#store.getMany([first.key], first.call).then((found) => first.resolve(found[0]), first.reject);
      return;
    }
    const { signal: _, ...shared } = first!.call;
    const deadlineAt = Math.max(...batch.map(({ call }) => call.deadlineAt ?? Number.POSITIVE_INFINITY));
    const call: ReadCall = Number.isFinite(deadlineAt) ? { ...shared, deadlineAt } : shared;
    this.#store
      .getMany(
        batch.map(({ key }) => key),
        call,
      )
      .then(
        (found) => {
          for (let i = 0; i < batch.length; i++) batch[i]!.resolve(found[i]);
        },
        (error) => {
          if (error instanceof KeyfoldError && error.code === "SCHEMA_MISMATCH") this.#sendEach(batch);
          else for (const { reject } of batch) reject(error);
        },
      );
  }

  /** One stored record that does not fit its schema must not fail the others' gets. */
  #sendEach(batch: readonly Waiting[]): void {
    for (const { key, call, resolve, reject } of batch) {
      this.#store.getMany([key], call).then((found) => resolve(found[0]), reject);
    }
  }
}
