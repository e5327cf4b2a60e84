import type { Range } from "./store.js";

/**
 * Entries in a leaf or children of an inner node before it splits. Of 16 … 256 the smaller ones make gets dearer; from 64
 * on the difference is lost in the noise (bench/storage/btree.ts).
 */
const capacity = 64;

interface Leaf<V> {
  readonly leaf: true;
  keys: string[];
  /** {@link headOf} each key: a search looks at these, which lie side by side, and at few of the strings. */
  heads: number[];
  values: V[];
  next: Leaf<V> | undefined;
  previous: Leaf<V> | undefined;
}

interface Inner<V> {
  readonly leaf: false;
  /** keys[i] is at most every key of children[i + 1] and greater than every key of children[i]. */
  keys: string[];
  heads: number[];
  children: Node<V>[];
}

type Node<V> = Leaf<V> | Inner<V>;

/**
 * The first six bytes of a key as a number in the same order; keys that differ there need not be compared. The half keeps
 * all of them doubles, so that an array holds the numbers themselves.
 */
function headOf(key: string): number {
  const length = key.length;
  const high =
    ((length > 0 ? key.charCodeAt(0) : 0) << 16) |
    ((length > 1 ? key.charCodeAt(1) : 0) << 8) |
    (length > 2 ? key.charCodeAt(2) : 0);
  const low =
    ((length > 3 ? key.charCodeAt(3) : 0) << 16) |
    ((length > 4 ? key.charCodeAt(4) : 0) << 8) |
    (length > 5 ? key.charCodeAt(5) : 0);
  return high * 0x1000000 + low + 0.5;
}

/** The first position in sorted `keys` whose key is at least `key`. */
function lowerBound(heads: readonly number[], keys: readonly string[], head: number, key: string): number {
  let low = 0;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = heads[middle]!;
    if (other < head || (other === head && keys[middle]! < key)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The child of an inner node that holds `key`. */
function childOf(heads: readonly number[], keys: readonly string[], head: number, key: string): number {
  let low = 0;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = heads[middle]!;
    if (other < head || (other === head && keys[middle]! <= key)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function emptyLeaf<V>(): Leaf<V> {
  return { leaf: true, keys: [], heads: [], values: [], next: undefined, previous: undefined };
}

/**
 * A B+tree of byte strings in memory: linked leaves, and splits that leave a full leaf behind when keys arrive in
 * order, so that a million ascending keys fill their leaves. An emptied node is taken out of its parent; nodes that are
 * merely sparse are left as they are.
 */
export class BTree<V> {
  #root: Node<V> = emptyLeaf();
  #size = 0;
  /** Grows with every change of the tree's shape, so that walks know when their place is stale. */
  #version = 0;

  get size(): number {
    return this.#size;
  }

  #leafOf(head: number, key: string): Leaf<V> {
    let node = this.#root;
    while (!node.leaf) node = node.children[childOf(node.heads, node.keys, head, key)]!;
    return node;
  }

  get(key: string): V | undefined {
    const head = headOf(key);
    const leaf = this.#leafOf(head, key);
    const at = lowerBound(leaf.heads, leaf.keys, head, key);
    return leaf.keys[at] === key ? leaf.values[at] : undefined;
  }

  has(key: string): boolean {
    const head = headOf(key);
    const leaf = this.#leafOf(head, key);
    return leaf.keys[lowerBound(leaf.heads, leaf.keys, head, key)] === key;
  }

  /** Stores the value; returns the one that was there. */
  put(key: string, value: V): V | undefined {
    const head = headOf(key);
    const path: Inner<V>[] = [];
    const places: number[] = [];
    let node = this.#root;
    while (!node.leaf) {
      const at = childOf(node.heads, node.keys, head, key);
      path.push(node);
      places.push(at);
      node = node.children[at]!;
    }
    const keys = node.keys;
    const count = keys.length;
    if (count === 0 || keys[count - 1]! < key) {
      keys.push(key);
      node.heads.push(head);
      node.values.push(value);
    } else {
      const at = lowerBound(node.heads, keys, head, key);
      if (keys[at] === key) {
        const before = node.values[at];
        node.values[at] = value;
        return before;
      }
      keys.splice(at, 0, key);
      node.heads.splice(at, 0, head);
      node.values.splice(at, 0, value);
    }
    this.#size++;
    this.#version++;
    if (keys.length > capacity) this.#splitLeaf(node, path, places, keys[keys.length - 1] === key);
    return undefined;
  }

  #splitLeaf(leaf: Leaf<V>, path: Inner<V>[], places: number[], appended: boolean): void {
    const at = appended && leaf.next === undefined ? capacity : capacity >>> 1;
    const right: Leaf<V> = {
      leaf: true,
      keys: leaf.keys.splice(at),
      heads: leaf.heads.splice(at),
      values: leaf.values.splice(at),
      next: leaf.next,
      previous: leaf,
    };
    if (leaf.next !== undefined) leaf.next.previous = right;
    leaf.next = right;
    this.#insertChild(path, places, right.keys[0]!, right, appended && right.next === undefined);
  }

  #insertChild(path: Inner<V>[], places: number[], separator: string, child: Node<V>, appended: boolean): void {
    const parent = path.pop();
    const at = places.pop();
    if (parent === undefined || at === undefined) {
      this.#root = { leaf: false, keys: [separator], heads: [headOf(separator)], children: [this.#root, child] };
      return;
    }
    parent.keys.splice(at, 0, separator);
    parent.heads.splice(at, 0, headOf(separator));
    parent.children.splice(at + 1, 0, child);
    if (parent.children.length <= capacity) return;
    const middle = appended ? capacity - 1 : capacity >>> 1;
    const up = parent.keys[middle]!;
    const right: Inner<V> = {
      leaf: false,
      keys: parent.keys.splice(middle + 1),
      heads: parent.heads.splice(middle + 1),
      children: parent.children.splice(middle + 1),
    };
    parent.keys.pop();
    parent.heads.pop();
    this.#insertChild(path, places, up, right, appended);
  }

  /** Removes the key; returns the value that was there. */
  delete(key: string): V | undefined {
    const head = headOf(key);
    const path: Inner<V>[] = [];
    const places: number[] = [];
    let node = this.#root;
    while (!node.leaf) {
      const at = childOf(node.heads, node.keys, head, key);
      path.push(node);
      places.push(at);
      node = node.children[at]!;
    }
    const at = lowerBound(node.heads, node.keys, head, key);
    if (node.keys[at] !== key) return undefined;
    const before = node.values[at];
    node.keys.splice(at, 1);
    node.heads.splice(at, 1);
    node.values.splice(at, 1);
    this.#size--;
    this.#version++;
    if (node.keys.length === 0 && path.length > 0) this.#unlink(node, path, places);
    return before;
  }

  #unlink(leaf: Leaf<V>, path: Inner<V>[], places: number[]): void {
    if (leaf.previous !== undefined) leaf.previous.next = leaf.next;
    if (leaf.next !== undefined) leaf.next.previous = leaf.previous;
    for (;;) {
      const parent = path.pop()!;
      const at = places.pop()!;
      parent.children.splice(at, 1);
      parent.keys.splice(at === 0 ? 0 : at - 1, 1);
      parent.heads.splice(at === 0 ? 0 : at - 1, 1);
      if (parent.children.length > 0 || path.length === 0) break;
    }
    for (;;) {
      const root: Node<V> = this.#root;
      if (root.leaf || root.children.length > 1) break;
      if (root.children.length === 1) this.#root = root.children[0]!;
      else this.#root = emptyLeaf();
    }
  }

  /** The smallest key that is at least `from` and below `to`. */
  first(from?: string, to?: string): string | undefined {
    let leaf: Leaf<V> | undefined;
    let at = 0;
    if (from === undefined) leaf = this.#leftmost();
    else {
      const head = headOf(from);
      leaf = this.#leafOf(head, from);
      at = lowerBound(leaf.heads, leaf.keys, head, from);
    }
    if (at >= leaf.keys.length) {
      leaf = leaf.next;
      at = 0;
    }
    const key = leaf?.keys[at];
    return key === undefined || (to !== undefined && key >= to) ? undefined : key;
  }

  last(): string | undefined {
    const leaf = this.#rightmost();
    return leaf.keys[leaf.keys.length - 1];
  }

  #leftmost(): Leaf<V> {
    let node = this.#root;
    while (!node.leaf) node = node.children[0]!;
    return node;
  }

  #rightmost(): Leaf<V> {
    let node = this.#root;
    while (!node.leaf) node = node.children[node.children.length - 1]!;
    return node;
  }

  count(range: Range, limit: number): number {
    const place = range.from === undefined ? this.#places.start() : this.#places.seek(range.from);
    let leaf: Leaf<V> | undefined = place.leaf;
    let at = place.at;
    let count = 0;
    const to = range.to;
    while (leaf !== undefined && count < limit) {
      const keys: string[] = leaf.keys;
      if (to === undefined || (keys.length > 0 && keys[keys.length - 1]! < to)) count += keys.length - at;
      else return Math.min(limit, count + Math.max(0, lowerBound(leaf.heads, keys, headOf(to), to) - at));
      leaf = leaf.next;
      at = 0;
    }
    return Math.min(limit, count);
  }

  scan(range: Range = {}): BTreeCursor<V> {
    return new BTreeCursor<V>(this.#places, range);
  }

  /** What a cursor may see of the tree's inside. */
  readonly #places: Places<V> = {
    version: () => this.#version,
    seek: (key) => {
      const head = headOf(key);
      const leaf = this.#leafOf(head, key);
      return { leaf, at: lowerBound(leaf.heads, leaf.keys, head, key) };
    },
    start: () => ({ leaf: this.#leftmost(), at: 0 }),
    end: () => {
      const leaf = this.#rightmost();
      return { leaf, at: leaf.keys.length };
    },
  };
}

interface Place<V> {
  readonly leaf: Leaf<V>;
  readonly at: number;
}

interface Places<V> {
  version(): number;
  /** The place of the first key that is at least `key`. */
  seek(key: string): Place<V>;
  start(): Place<V>;
  end(): Place<V>;
}

/** A walk that finds its place again by its last key whenever the tree's shape has changed since the last step. */
export class BTreeCursor<V> {
  key = "";
  value!: V;
  readonly #tree: Places<V>;
  readonly #from: string | undefined;
  readonly #to: string | undefined;
  readonly #reverse: boolean;
  #leaf: Leaf<V> | undefined;
  /** Forwards: the next entry. Backwards: one past the next entry. */
  #at = 0;
  #version = -1;
  #started = false;
  #ended = false;

  constructor(tree: Places<V>, range: Range) {
    this.#tree = tree;
    this.#from = range.from;
    this.#to = range.to;
    this.#reverse = range.reverse === true;
  }

  next(): boolean {
    if (this.#ended) return false;
    if (this.#version !== this.#tree.version()) this.#place();
    const found = this.#reverse ? this.#backward() : this.#forward();
    if (!found) {
      this.#ended = true;
      this.#leaf = undefined;
    }
    return found;
  }

  #place(): void {
    let place: Place<V>;
    if (this.#reverse) {
      const bound = this.#started ? this.key : this.#to;
      place = bound === undefined ? this.#tree.end() : this.#tree.seek(bound);
    } else if (this.#started) {
      place = this.#tree.seek(this.key);
      if (place.leaf.keys[place.at] === this.key) place = { leaf: place.leaf, at: place.at + 1 };
    } else place = this.#from === undefined ? this.#tree.start() : this.#tree.seek(this.#from);
    this.#leaf = place.leaf;
    this.#at = place.at;
    this.#version = this.#tree.version();
    this.#started = true;
  }

  #forward(): boolean {
    let leaf = this.#leaf!;
    while (this.#at >= leaf.keys.length) {
      if (leaf.next === undefined) return false;
      leaf = leaf.next;
      this.#leaf = leaf;
      this.#at = 0;
    }
    const key = leaf.keys[this.#at]!;
    if (this.#to !== undefined && key >= this.#to) return false;
    this.key = key;
    this.value = leaf.values[this.#at]!;
    this.#at++;
    return true;
  }

  #backward(): boolean {
    let leaf = this.#leaf!;
    while (this.#at <= 0) {
      if (leaf.previous === undefined) return false;
      leaf = leaf.previous;
      this.#leaf = leaf;
      this.#at = leaf.keys.length;
    }
    const key = leaf.keys[this.#at - 1]!;
    if (this.#from !== undefined && key < this.#from) return false;
    this.#at--;
    this.key = key;
    this.value = leaf.values[this.#at]!;
    return true;
  }
}
