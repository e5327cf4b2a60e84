import { hashTag, slotOf } from "../redis/keys.js";
import type { CallOptions, RedisStore } from "../redis/store.js";
import { bumpTagsScript, clockScript, touchTagsScript } from "./scripts.js";

/**
 * Tags as versions, and a clock that counts deletions by tag. An entry carries its tags' versions; one that differs is
 * not served. A version is the clock's reading at the tag's last deletion, so an entry whose tags are known only from
 * its value can still tell whether one of them was deleted while it was loaded: its version is above the clock before.
 * No host's clock is asked, and a version that was lost (evicted, expired) makes entries invalid, never valid again.
 */
export class Tags {
  readonly #store: RedisStore;
  readonly #prefix: string;
  /** Versions outlive the entries that carry them. */
  readonly #ttlMs: string;

  constructor(store: RedisStore, prefix: string, longestEntryMs: number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#ttlMs = String(longestEntryMs + 60_000);
  }

  key(tag: string): string {
    return `${this.#prefix}:${hashTag(`#${tag}`)}:t`;
  }

  /** The clock's reading. */
  async clock(options?: CallOptions): Promise<number> {
    return Number(await this.#store.run(clockScript, [this.#clockKey], ["0", this.#ttlMs], options));
  }

  /** The versions of tags after a load that began at `before` on the clock; undefined when one was deleted meanwhile. */
  async snapshot(tags: readonly string[], before: number): Promise<Record<string, number> | undefined> {
    const versions: Record<string, number> = {};
    let clean = true;
    await Promise.all(
      this.#bySlot(tags).map(async (group) => {
        const keys = group.map((tag) => this.key(tag));
        const found = (await this.#store.run(touchTagsScript, keys, [String(before), this.#ttlMs])) as string[];
        found.forEach((version, i) => {
          versions[group[i]!] = Number(version);
          if (Number(version) > before) clean = false;
        });
      }),
    );
    return clean ? versions : undefined;
  }

  /** Makes all entries with one of these tags invalid. The clock first: a load that began after it sees the deletion. */
  async bump(tags: readonly string[], options?: CallOptions): Promise<void> {
    const clock = (await this.#store.run(clockScript, [this.#clockKey], ["1", this.#ttlMs], options)) as string;
    await Promise.all(
      this.#bySlot(tags).map((group) =>
        this.#store.run(
          bumpTagsScript,
          group.map((tag) => this.key(tag)),
          [clock, this.#ttlMs],
          options,
        ),
      ),
    );
  }

  get #clockKey(): string {
    return `${this.#prefix}:{#}:c`;
  }

  #bySlot(tags: readonly string[]): string[][] {
    return this.#store.link.cluster ? groupBySlot(tags, (tag) => this.key(tag)) : [[...tags]];
  }
}

/** Items whose keys lie in one slot, together. */
export function groupBySlot<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const slot = slotOf(keyOf(item));
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
