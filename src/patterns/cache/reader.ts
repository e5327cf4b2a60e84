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

/** A caller that waits for what is stored for an id. */
export interface Waiting<V> {
  readonly id: string;
  /** As in {@link Found}. */
  found(entry: Entry<V> | undefined, invalid: string): void;
  failed(error: unknown): void;
  /** Another that waits for the same. */
  next: Waiting<V> | undefined;
}

/** Reads entries: all that are asked for within one turn of the event loop travel as one MGET. */
export class Reader<V> {
  readonly #store: RedisStore;
  readonly #prefix: string;
  readonly #serializer: Serializer<V>;
  readonly #tags: Tags;
  readonly #hints = new Set<string>();
  #batch = new Map<string, Waiting<V>>();

  constructor(store: RedisStore, prefix: string, serializer: Serializer<V>, tags: Tags) {
    this.#store = store;
    this.#prefix = prefix;
    this.#serializer = serializer;
    this.#tags = tags;
  }

  key(id: string): string {
    return `${this.#prefix}:${hashTag(id)}:v`;
  }

  /** What is stored for an id. */
  read(id: string): Promise<Found<V>> {
    return new Promise((resolve, failed) =>
      this.ask({ id, found: (entry, invalid) => resolve({ entry, invalid }), failed, next: undefined }),
    );
  }

  /** The same, without a promise. */
  ask(waiting: Waiting<V>): void {
    const batch = this.#batch;
    const other = batch.get(waiting.id);
    if (other !== undefined) {
      waiting.next = other.next;
      other.next = waiting;
      return;
    }
    if (batch.size === 0) soon(() => this.#flush(batch));
    batch.set(waiting.id, waiting);
    if (batch.size >= MAX_BATCH) this.#batch = new Map();
  }

  #flush(batch: Map<string, Waiting<V>>): void {
    if (this.#batch === batch) this.#batch = new Map();
    const all = [...batch.values()];
    if (!this.#store.link.cluster) {
      this.#ask(all, [...this.#hints]);
      return;
    }
    for (const group of groupBySlot(all, ({ id }) => this.key(id))) this.#ask(group, []);
  }

  #ask(all: readonly Waiting<V>[], hints: readonly string[]): void {
    const keys: string[] = [];
    try {
      for (const { id } of all) keys.push(this.key(id));
    } catch (error) {
      for (const each of all) fail(each, error);
      return;
    }
    for (const tag of hints) keys.push(this.#tags.key(tag));
    this.#store.command(keys[0], "MGET", keys, false, { bytes: this.#serializer.bytes === true }).then(
      (reply) => this.#settle(all, hints, reply as (string | Buffer | null)[]),
      (error) => {
        for (const each of all) fail(each, error);
      },
    );
  }

  #settle(all: readonly Waiting<V>[], hints: readonly string[], values: readonly (string | Buffer | null)[]): void {
    let tagged: Tagged<V>[] | undefined;
    for (let i = 0; i < all.length; i++) {
      const stored = values[i];
      const waiting = all[i]!;
      if (stored === null || stored === undefined) {
        tell(waiting, undefined, "");
        continue;
      }
      let entry: Entry<V> | undefined;
      try {
        entry = decodeEntry(stored, this.#serializer);
      } catch {
        // What cannot be read is loaded anew.
      }
      if (entry?.tagged) {
        tagged ??= [];
        tagged.push({ waiting, entry, tags: entry.tags! });
        continue;
      }
      // Something else under this key is replaced like an entry that is not valid any more.
      tell(waiting, entry, entry === undefined ? "?" : "");
    }
    if (tagged === undefined) return;
    const pending = tagged;
    const known = new Map(hints.map((tag, i) => [tag, versionOf(values[all.length + i])]));
    this.#validate(pending, known).catch((error) => {
      for (const { waiting } of pending) fail(waiting, error);
    });
  }

  /** Entries with tags are valid while each tag has the version that they carry. */
  async #validate(tagged: readonly Tagged<V>[], known: Map<string, number | undefined>): Promise<void> {
    const missing = new Set<string>();
    for (const { tags } of tagged) for (const tag in tags) if (!known.has(tag)) missing.add(tag);
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
    for (const { waiting, entry, tags } of tagged) {
      const valid = Object.entries(tags).every(([tag, version]) => known.get(tag) === version);
      if (valid) tell(waiting, entry, "");
      else tell(waiting, undefined, entry.head);
    }
  }
}

interface Tagged<V> {
  readonly waiting: Waiting<V>;
  readonly entry: Entry<V>;
  readonly tags: Readonly<Record<string, number>>;
}

function tell<V>(waiting: Waiting<V>, entry: Entry<V> | undefined, invalid: string): void {
  for (let each: Waiting<V> | undefined = waiting; each !== undefined; each = each.next) each.found(entry, invalid);
}

function fail<V>(waiting: Waiting<V>, error: unknown): void {
  for (let each: Waiting<V> | undefined = waiting; each !== undefined; each = each.next) each.failed(error);
}

function versionOf(stored: string | Buffer | null | undefined): number | undefined {
  return stored === null || stored === undefined ? undefined : Number(stored);
}
