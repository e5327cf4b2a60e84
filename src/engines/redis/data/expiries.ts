import type { Entry } from "./entry.js";

/**
 * The entries of one database that expire, soonest first: a heap of times. An entry whose time was changed leaves its
 * old place behind, recognised by the time, and the heap is rebuilt when such places outnumber the true ones.
 */
export class Expiries {
  #times: number[] = [];
  #entries: Entry[] = [];
  /** Entries that expire, in a dense array for random picks. */
  readonly #members = new Map<Entry, number>();
  readonly #dense: Entry[] = [];

  /** How many entries expire. */
  get size(): number {
    return this.#dense.length;
  }

  /** Notes an entry's new {@link Entry.expireAt}, which is not 0. */
  add(entry: Entry): void {
    if (!this.#members.has(entry)) {
      this.#members.set(entry, this.#dense.length);
      this.#dense.push(entry);
    }
    this.#push(entry.expireAt, entry);
    if (this.#times.length > 64 && this.#times.length > this.#dense.length * 3) this.#rebuild();
  }

  remove(entry: Entry): void {
    const at = this.#members.get(entry);
    if (at === undefined) return;
    this.#members.delete(entry);
    const last = this.#dense.pop()!;
    if (last !== entry) {
      this.#dense[at] = last;
      this.#members.set(last, at);
    }
    if (this.#times.length > 64 && this.#times.length > this.#dense.length * 3) this.#rebuild();
  }

  /** The entry at a place of the dense array, for random picks. */
  at(index: number): Entry {
    return this.#dense[index]!;
  }

  /** An entry whose time is before this one. */
  due(now: number): Entry | undefined {
    while (this.#times.length > 0 && this.#times[0]! < now) {
      const entry = this.#entries[0]!;
      if (entry.expireAt === this.#times[0] && this.#members.has(entry)) return entry;
      this.#pop();
    }
    return undefined;
  }

  #rebuild(): void {
    this.#times = [];
    this.#entries = [];
    for (const entry of this.#dense) this.#push(entry.expireAt, entry);
  }

  #push(time: number, entry: Entry): void {
    const times = this.#times;
    const entries = this.#entries;
    let at = times.length;
    times.push(time);
    entries.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      entries[at] = entries[parent]!;
      at = parent;
    }
    times[at] = time;
    entries[at] = entry;
  }

  #pop(): void {
    const times = this.#times;
    const entries = this.#entries;
    const time = times.pop()!;
    const entry = entries.pop()!;
    const { length } = times;
    if (length === 0) return;
    let at = 0;
    while (true) {
      let child = at * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      times[at] = times[child]!;
      entries[at] = entries[child]!;
      at = child;
    }
    times[at] = time;
    entries[at] = entry;
  }
}
