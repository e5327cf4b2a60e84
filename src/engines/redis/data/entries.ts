import type { Entry } from "./entry.js";
import { StringIndex } from "./string-index.js";

/** The entries of a database by their keys, and all of them in one dense array (see `scanDown`). */
export class Entries extends StringIndex {
  readonly dense: Entry[] = [];

  protected textAt(place: number): string {
    return this.dense[place]!.key;
  }

  get(key: string): Entry | undefined {
    const place = this.find(key);
    return place < 0 ? undefined : this.dense[place];
  }

  has(key: string): boolean {
    return this.find(key) >= 0;
  }

  /** Takes in an entry whose key is not there. */
  insert(entry: Entry): void {
    entry.index = this.dense.length;
    this.dense.push(entry);
    this.add(entry.key, entry.index);
  }

  /** Takes an entry out; the last one gets its place. */
  delete(entry: Entry): void {
    const { dense } = this;
    this.remove(entry.key, entry.index);
    const last = dense.pop()!;
    if (last === entry) return;
    this.move(last.key, last.index, entry.index);
    dense[entry.index] = last;
    last.index = entry.index;
  }
}
