/*
 * Members ordered by score, then by bytes: a B+tree whose inner nodes count what is below them, so that ranks, ranges
 * by index and changes all cost O(log n), with few objects for the garbage collector.
 */

const leafSize = 64;
const innerSize = 32;

/** The lowest level: members and their scores in order, linked to its neighbours. */
export class Leaf {
  members: string[] = [];
  scores: number[] = [];
  next: Leaf | undefined = undefined;
  previous: Leaf | undefined = undefined;
  parent: Inner | undefined = undefined;
}

class Inner {
  children: (Leaf | Inner)[] = [];
  counts: number[] = [];
  /** For each child but the first a pair that is not after its first one, and after all of the children before it. */
  scores: number[] = [];
  members: string[] = [];
  parent: Inner | undefined = undefined;
}

/** Puts one into a short array: moving the rest by hand takes a fraction of the time of splice, which makes an array. */
function putIn<T>(array: T[], at: number, value: T): void {
  for (let i = array.length; i > at; i--) array[i] = array[i - 1]!;
  array[at] = value;
}

/** Takes one out of a short array. */
function takeOut<T>(array: T[], at: number): void {
  const last = array.length - 1;
  for (let i = at; i < last; i++) array[i] = array[i + 1]!;
  array.pop();
}

/** Members under a node. */
function countOf(node: Leaf | Inner): number {
  if (node instanceof Leaf) return node.members.length;
  let sum = 0;
  for (const count of node.counts) sum += count;
  return sum;
}

/** A place in the order; valid until the next change. */
export interface Place {
  readonly leaf: Leaf;
  readonly index: number;
}

/** Ordered (score, member) pairs. A pair must not be inserted twice. */
export class RankedTree {
  #root: Leaf | Inner = new Leaf();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The leaf in which a pair is or belongs. On the way it counts what is about to come (1) or go (-1) there. */
  #leafFor(score: number, member: string, change: -1 | 0 | 1): Leaf {
    let node = this.#root;
    while (node instanceof Inner) {
      const { children, counts, scores, members } = node as Inner;
      let low = 0;
      let high = children.length - 1;
      // The last child that does not begin after the wanted pair.
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        const s = scores[middle]!;
        if (s < score || (s === score && members[middle]! <= member)) low = middle;
        else high = middle - 1;
      }
      if (change !== 0) counts[low]! += change;
      node = children[low]!;
    }
    return node;
  }

  static #indexIn(leaf: Leaf, score: number, member: string): number {
    const { scores, members } = leaf;
    let low = 0;
    let high = scores.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const s = scores[middle]!;
      if (s < score || (s === score && members[middle]! < member)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(score: number, member: string): void {
    const leaf = this.#leafFor(score, member, 1);
    const at = RankedTree.#indexIn(leaf, score, member);
    putIn(leaf.members, at, member);
    putIn(leaf.scores, at, score);
    this.#size++;
    if (leaf.members.length > leafSize) this.#splitLeaf(leaf);
  }

  #splitLeaf(leaf: Leaf): void {
    const right = new Leaf();
    // Appending at the end is the common case (times, growing ids): leave the left one nearly full then.
    const at = leaf.next === undefined ? leafSize - 4 : leafSize >> 1;
    right.members = leaf.members.splice(at);
    right.scores = leaf.scores.splice(at);
    right.next = leaf.next;
    if (leaf.next !== undefined) leaf.next.previous = right;
    right.previous = leaf;
    leaf.next = right;
    this.#attach(leaf, right, right.scores[0]!, right.members[0]!);
  }

  /** Hangs a new right neighbour beside a node that was split. */
  #attach(left: Leaf | Inner, right: Leaf | Inner, score: number, member: string): void {
    let parent = left.parent;
    if (parent === undefined) {
      parent = new Inner();
      parent.children = [left, right];
      parent.counts = [countOf(left), countOf(right)];
      parent.scores = [0, score];
      parent.members = ["", member];
      left.parent = parent;
      right.parent = parent;
      this.#root = parent;
      return;
    }
    const at = parent.children.indexOf(left);
    parent.children.splice(at + 1, 0, right);
    parent.counts.splice(at + 1, 0, countOf(right));
    parent.scores.splice(at + 1, 0, score);
    parent.members.splice(at + 1, 0, member);
    parent.counts[at] = countOf(left);
    right.parent = parent;
    if (parent.children.length <= innerSize) return;
    const sibling = new Inner();
    const half = innerSize >> 1;
    sibling.children = parent.children.splice(half);
    sibling.counts = parent.counts.splice(half);
    sibling.scores = parent.scores.splice(half);
    sibling.members = parent.members.splice(half);
    for (const child of sibling.children) child.parent = sibling;
    this.#attach(parent, sibling, sibling.scores[0]!, sibling.members[0]!);
  }

  /** Takes out a pair that is there. */
  remove(score: number, member: string): void {
    const leaf = this.#leafFor(score, member, -1);
    const at = RankedTree.#indexIn(leaf, score, member);
    takeOut(leaf.members, at);
    takeOut(leaf.scores, at);
    this.#size--;
    if (leaf.members.length === 0) this.#detachLeaf(leaf);
    else if (leaf.members.length < leafSize >> 3) this.#mergeLeaf(leaf);
  }

  #detachLeaf(leaf: Leaf): void {
    if (leaf.parent === undefined) return;
    if (leaf.previous !== undefined) leaf.previous.next = leaf.next;
    if (leaf.next !== undefined) leaf.next.previous = leaf.previous;
    this.#detach(leaf);
  }

  #detach(node: Leaf | Inner): void {
    const parent = node.parent!;
    const at = parent.children.indexOf(node);
    parent.children.splice(at, 1);
    parent.counts.splice(at, 1);
    parent.scores.splice(at, 1);
    parent.members.splice(at, 1);
    if (parent.children.length === 0) {
      if (parent.parent !== undefined) this.#detach(parent);
      else this.#root = new Leaf();
      return;
    }
    // A root with one child gives way to it.
    let root = this.#root;
    while (root instanceof Inner && root.children.length === 1) {
      root = root.children[0]!;
      root.parent = undefined;
    }
    this.#root = root;
  }

  /** Moves a nearly empty leaf into its left neighbour under the same parent, when there is room. */
  #mergeLeaf(leaf: Leaf): void {
    const left = leaf.previous;
    const parent = leaf.parent;
    if (left === undefined || parent === undefined || left.parent !== parent) return;
    if (left.members.length + leaf.members.length > leafSize - 8) return;
    const moved = leaf.members.length;
    left.members.push(...leaf.members);
    left.scores.push(...leaf.scores);
    const at = parent.children.indexOf(leaf);
    parent.counts[at - 1]! += moved;
    parent.counts[at] = 0;
    this.#detachLeaf(leaf);
  }

  /** How many pairs are before this one. */
  rank(score: number, member: string): number {
    const leaf = this.#leafFor(score, member, 0);
    return this.#rankOf(leaf) + RankedTree.#indexIn(leaf, score, member);
  }

  #rankOf(leaf: Leaf): number {
    let rank = 0;
    let child: Leaf | Inner = leaf;
    let parent = leaf.parent;
    while (parent !== undefined) {
      const at = parent.children.indexOf(child);
      for (let i = 0; i < at; i++) rank += parent.counts[i]!;
      child = parent;
      parent = parent.parent;
    }
    return rank;
  }

  /** How many pairs are before the first for which the test holds; the test must turn from false to true once. */
  countBefore(test: (score: number, member: string) => boolean): number {
    let node = this.#root;
    let rank = 0;
    while (node instanceof Inner) {
      const { children, counts, scores, members } = node as Inner;
      let low = 0;
      let high = children.length - 1;
      // The last child whose bound fails the test; the turn is in it, or at its beginning or end.
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (test(scores[middle]!, members[middle]!)) high = middle - 1;
        else low = middle;
      }
      for (let i = 0; i < low; i++) rank += counts[i]!;
      node = children[low]!;
    }
    let low = 0;
    let high = node.members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (test(node.scores[middle]!, node.members[middle]!)) high = middle;
      else low = middle + 1;
    }
    return rank + low;
  }

  /** The place of the pair with this rank, which must exist. */
  at(rank: number): Place {
    let node = this.#root;
    let rest = rank;
    while (node instanceof Inner) {
      let i = 0;
      while (rest >= node.counts[i]!) {
        rest -= node.counts[i]!;
        i++;
      }
      node = node.children[i]!;
    }
    return { leaf: node, index: rest };
  }

  /** Up to `count` members from a rank on, upwards or downwards. */
  members(rank: number, count: number, down: boolean): string[] {
    const out: string[] = [];
    if (count <= 0 || this.#size === 0) return out;
    const place = this.at(rank);
    let leaf: Leaf | undefined = place.leaf;
    let { index } = place;
    let left = count;
    while (leaf !== undefined && left > 0) {
      const { members } = leaf;
      if (down) {
        for (; index >= 0 && left > 0; index--, left--) out.push(members[index]!);
        leaf = leaf.previous;
        index = leaf === undefined ? 0 : leaf.members.length - 1;
      } else {
        for (; index < members.length && left > 0; index++, left--) out.push(members[index]!);
        leaf = leaf.next;
        index = 0;
      }
    }
    return out;
  }

  /** Calls for up to `count` pairs from a rank on, upwards or downwards. */
  walk(rank: number, count: number, down: boolean, each: (member: string, score: number) => void): void {
    if (count <= 0 || this.#size === 0) return;
    const place = this.at(rank);
    let leaf: Leaf | undefined = place.leaf;
    let { index } = place;
    let left = count;
    while (left > 0 && leaf !== undefined) {
      if (down) {
        while (index >= 0 && left > 0) {
          each(leaf.members[index]!, leaf.scores[index]!);
          index--;
          left--;
        }
        leaf = leaf.previous;
        index = leaf === undefined ? 0 : leaf.members.length - 1;
      } else {
        while (index < leaf.members.length && left > 0) {
          each(leaf.members[index]!, leaf.scores[index]!);
          index++;
          left--;
        }
        leaf = leaf.next;
        index = 0;
      }
    }
  }
}
