/** What a request's shape decides: few shapes are sent again and again. Past the bound all are forgotten. */
const MOST_KEPT = 1_000;

/**
 * Remembers what was made for a key. Writes of one entity differ in their values alone: what else they say is made once,
 * and the SDK walks texts and objects that it has seen before in half the time.
 */
export class Kept<V> {
  readonly #made = new Map<string, V>();

  /** What belongs to the key; made where it is not there. */
  get(key: string, make: () => V): V {
    let value = this.#made.get(key);
    if (value === undefined) {
      value = make();
      if (this.#made.size >= MOST_KEPT) this.#made.clear();
      this.#made.set(key, value);
    }
    return value;
  }
}

/** Names as a key: equal for equal names only, whatever they are. */
export function keyOfNames(names: Iterable<string>): string {
  let key = "";
  for (const name of names) key += `${name.length} ${name}`;
  return key;
}
