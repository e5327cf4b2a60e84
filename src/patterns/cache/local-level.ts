/** The in-process level. */
export interface LocalOptions {
  /** Entries at most. Default 1,000. */
  readonly max?: number;
  /** An entry is served from this process for at most this long. Default 5,000 ms. */
  readonly ttlMs?: number;
  /**
   * How it hears of what changed elsewhere. `pubsub`: caches tell each other. `tracking`: Redis tells of each key that
   * anyone changes, and of those that expire or are evicted; on one server or ioredis' Sentinel, not on a Cluster.
   * Default `pubsub`.
   */
  readonly invalidation?: "pubsub" | "tracking";
}

/** What was changed or deleted. */
export interface Changed {
  readonly ids?: readonly string[];
  readonly tags?: readonly string[];
}

interface Node<V> {
  readonly id: string;
  value: V;
  /** Milliseconds of this process' monotonic clock. */
  staleAt: number;
  until: number;
  /** Until then it may be served when nothing better can be had. */
  goneAt: number;
  loadMs: number;
  tags: readonly string[];
  visited: boolean;
  newer: Node<V> | undefined;
  older: Node<V> | undefined;
}

/** What a local hit knows of its entry. */
export type LocalEntry<V> = Pick<Node<V>, "value" | "staleAt" | "until" | "loadMs">;

/** Ids share counters: an invalidation that arrives during a read keeps its result out of this level. */
const COUNTERS = 1024;

/**
 * Entries of this process, evicted by SIEVE: a hit only sets a mark, and a hand that goes from old to new takes the
 * first without one.
 *
 * @see https://www.usenix.org/conference/nsdi24/presentation/zhang-yazhuo
 */
export class LocalLevel<V> {
  readonly #max: number;
  readonly #ttlMs: number;
  readonly #nodes = new Map<string, Node<V>>();
  readonly #counters = new Uint32Array(COUNTERS);
  #all = 0;
  #newest: Node<V> | undefined;
  #oldest: Node<V> | undefined;
  #hand: Node<V> | undefined;

  constructor({ max = 1_000, ttlMs = 5_000 }: LocalOptions) {
    this.#max = max;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get(id: string, now: number): LocalEntry<V> | undefined {
    const node = this.#nodes.get(id);
    if (node === undefined || now >= node.until) return undefined;
    node.visited = true;
    return node;
  }

  /** An entry that is served only because Redis does not answer. */
  getOld(id: string, now: number): LocalEntry<V> | undefined {
    const node = this.#nodes.get(id);
    return node === undefined || now >= node.goneAt ? undefined : node;
  }

  /** To be taken before a read is sent, and given to {@link put}. */
  stamp(id: string): number {
    return this.#all + this.#counters[counterOf(id)]!;
  }

  /** Keeps a value that was read after `stamp` was taken, unless it was invalidated since. */
  put(
    id: string,
    stamp: number,
    value: V,
    now: number,
    entry: {
      readonly staleMs: number;
      readonly goneMs: number;
      readonly loadMs: number;
      readonly tags: readonly string[];
    },
  ): void {
    if (this.stamp(id) !== stamp || this.#max < 1) return;
    const times = {
      value,
      staleAt: now + entry.staleMs,
      until: now + Math.min(entry.goneMs, this.#ttlMs),
      goneAt: now + entry.goneMs,
      loadMs: entry.loadMs,
      tags: entry.tags,
    };
    const known = this.#nodes.get(id);
    if (known !== undefined) {
      Object.assign(known, times);
      return;
    }
    if (this.#nodes.size >= this.#max) this.#evict();
    const node: Node<V> = { id, ...times, visited: false, newer: undefined, older: this.#newest };
    if (this.#newest !== undefined) this.#newest.newer = node;
    else this.#oldest = node;
    this.#newest = node;
    this.#nodes.set(id, node);
  }

  forget({ ids = [], tags = [] }: Changed): void {
    for (const id of ids) {
      this.#counters[counterOf(id)]!++;
      const node = this.#nodes.get(id);
      if (node !== undefined) this.#remove(node);
    }
    if (tags.length === 0) return;
    this.#all++;
    for (const node of this.#nodes.values()) if (node.tags.some((tag) => tags.includes(tag))) this.#remove(node);
  }

  clear(): void {
    this.#all++;
    this.#nodes.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#hand = undefined;
  }

  #evict(): void {
    let node = this.#hand ?? this.#oldest;
    while (node?.visited) {
      node.visited = false;
      node = node.newer ?? this.#oldest;
    }
    if (node === undefined) return;
    this.#hand = node.newer;
    this.#remove(node);
  }

  #remove(node: Node<V>): void {
    this.#nodes.delete(node.id);
    if (this.#hand === node) this.#hand = node.newer;
    if (node.newer !== undefined) node.newer.older = node.older;
    else this.#newest = node.older;
    if (node.older !== undefined) node.older.newer = node.newer;
    else this.#oldest = node.newer;
  }
}

function counterOf(id: string): number {
  let hash = id.length;
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0;
  return hash & (COUNTERS - 1);
}
