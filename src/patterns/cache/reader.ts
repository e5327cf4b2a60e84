import { hashTag } from "../redis/keys.js";
import { soon } from "../redis/soon.js";
import type { RedisStore } from "../redis/store.js";
import { decodeEntry, type Entry } from "./entry.js";
import type { Serializer } from "./serializer.js";
import { groupBySlot, type Tags } from "./tags.js";

/** So many values are asked for in one command. */
const MAX_BATCH = 512;
/** So many tags seen lately are asked for together with values, so that a second round trip is rarely needed. */
const MAX_HINTS = 16;

/** What is stored for an id. `invalid`: head of an entry that is there and must not be served, "?" for anything else. */
export type Found<V> = { readonly entry: Entry<V> | undefined; readonly invalid: string };

interface Waiting<V> {
  readonly resolve: (found: Found<V>) => void;
  readonly reject: (error: unknown) => void;
}

/** Nothing is stored. */
const nothing = { entry: undefined, invalid: "" } as const;

/** Reads entries: all that are asked for within one turn of the event loop travel as one MGET. */
export class Reader<V> {
  readonly #store: RedisStore;
  readonly #prefix: string;
  readonly #serializer: Serializer<V>;
  readonly #tags: Tags;
  readonly #hints = new Set<string>();
  #batch = new Map<string, Waiting<V>[]>();

  constructor(store: RedisStore, prefix: string, serializer: Serializer<V>, tags: Tags) {
    this.#store = store;
    this.#prefix = prefix;
    this.#serializer = serializer;
    this.#tags = tags;
  }

  key(id: string): string {
    return `${this.#prefix}:${hashTag(id)}:v`;
  }

  read(id: string): Promise<Found<V>> {
    return new Promise((resolve, reject) => {
      const batch = this.#batch;
      const waiting = batch.get(id);
      if (waiting !== undefined) {
        waiting.push({ resolve, reject });
        return;
      }
      if (batch.size === 0) soon(() => this.#flush(batch));
      batch.set(id, [{ resolve, reject }]);
      if (batch.size >= MAX_BATCH) this.#batch = new Map();
    });
  }

  #flush(batch: Map<string, Waiting<V>[]>): void {
    if (this.#batch === batch) this.#batch = new Map();
    const ids = [...batch.keys()];
    if (!this.#store.link.cluster) {
      this.#ask(ids, batch, [...this.#hints]);
      return;
    }
    for (const group of groupBySlot(ids, (id) => this.key(id))) this.#ask(group, batch, []);
  }

  #ask(ids: readonly string[], batch: ReadonlyMap<string, Waiting<V>[]>, hints: readonly string[]): void {
    const keys = ids.map((id) => this.key(id));
    for (const tag of hints) keys.push(this.#tags.key(tag));
    const settle = (each: (id: string, i: number) => void) => ids.forEach(each);
    const fail = (error: unknown) => settle((id) => batch.get(id)!.forEach(({ reject }) => void reject(error)));
    this.#store
      .command(keys[0], "MGET", keys, false, { bytes: this.#serializer.bytes === true })
      .then((reply) => {
        const values = reply as (string | Buffer | null)[];
        let pending: [string, Entry<V>][] | undefined;
        settle((id, i) => {
          const stored = values[i];
          const waiting = batch.get(id)!;
          let found: Found<V> = nothing;
          if (stored !== null && stored !== undefined) {
            let entry: Entry<V> | undefined;
            try {
              entry = decodeEntry(stored, this.#serializer);
            } catch {
              // What cannot be read is loaded anew.
            }
            if (entry !== undefined && entry.tags !== undefined) {
              pending ??= [];
              pending.push([id, entry]);
              return;
            }
            // Something else under this key is replaced like an entry that is not valid any more.
            found = { entry, invalid: entry === undefined ? "?" : "" };
          }
          for (const { resolve } of waiting) resolve(found);
        });
        if (pending !== undefined) {
          const known = new Map(hints.map((tag, i) => [tag, versionOf(values[ids.length + i])]));
          this.#validate(pending, known, batch).catch(fail);
        }
      })
      .catch(fail);
  }

  /** Entries with tags are valid while each tag has the version that they carry. */
  async #validate(
    pending: readonly [string, Entry<V>][],
    known: Map<string, number | undefined>,
    batch: ReadonlyMap<string, Waiting<V>[]>,
  ): Promise<void> {
    const missing = new Set<string>();
    for (const [, { tags }] of pending) for (const tag in tags) if (!known.has(tag)) missing.add(tag);
    for (const tag of missing) {
      if (this.#hints.size >= MAX_HINTS) this.#hints.delete(this.#hints.values().next().value!);
      this.#hints.add(tag);
    }
    if (missing.size > 0) {
      const { cluster } = this.#store.link;
      const groups = cluster ? groupBySlot([...missing], (tag) => this.#tags.key(tag)) : [[...missing]];
      await Promise.all(
        groups.map(async (group) => {
          const keys = group.map((tag) => this.#tags.key(tag));
          const reply = (await this.#store.command(keys[0], "MGET", keys, false)) as (string | null)[];
          for (const [i, tag] of group.entries()) known.set(tag, versionOf(reply[i]));
        }),
      );
    }
    for (const [id, entry] of pending) {
      const valid = Object.entries(entry.tags!).every(([tag, version]) => known.get(tag) === version);
      const found: Found<V> = valid ? { entry, invalid: "" } : { entry: undefined, invalid: entry.head };
      for (const { resolve } of batch.get(id)!) resolve(found);
    }
  }
}

function versionOf(stored: string | Buffer | null | undefined): number | undefined {
  return stored === null || stored === undefined ? undefined : Number(stored);
}
