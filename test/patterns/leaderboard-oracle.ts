import type { Ties } from "../../src/patterns/leaderboard/index.js";

interface Place {
  readonly member: string;
  score: number;
  reached: number;
}

/** What a board must say, computed by sorting. */
export class BoardOracle {
  readonly #places = new Map<string, Place>();
  readonly #order: "desc" | "asc";
  readonly #ties: Ties;
  #count = 0;
  #sorted: Place[] | undefined;

  constructor(order: "desc" | "asc", ties: Ties) {
    this.#order = order;
    this.#ties = ties;
  }

  /** The same places, ordered another way. */
  withTies(ties: Ties): BoardOracle {
    const other = new BoardOracle(this.#order, ties);
    for (const [member, place] of this.#places) other.#places.set(member, place);
    return other;
  }

  put(member: string, score: number): void {
    this.#sorted = undefined;
    const place = this.#places.get(member);
    if (place === undefined) this.#places.set(member, { member, score, reached: ++this.#count });
    else if (place.score !== score) {
      place.score = score;
      place.reached = ++this.#count;
    }
  }

  score(member: string): number | undefined {
    return this.#places.get(member)?.score;
  }

  remove(member: string): void {
    this.#sorted = undefined;
    this.#places.delete(member);
  }

  page(offset: number, limit: number) {
    const all = this.#all();
    return all
      .slice(offset, offset + limit)
      .map(({ member, score }, i) => ({ member, score, rank: this.#rank(offset + i) }));
  }

  position(member: string): number {
    return this.#all().findIndex((place) => place.member === member);
  }

  standing(member: string) {
    const at = this.position(member);
    if (at < 0) return undefined;
    const [place] = this.page(at, 1);
    const count = this.#places.size;
    const behind = count - place!.rank;
    return { ...place, count, percentile: count > 1 ? (100 * behind) / (count - 1) : 100 };
  }

  around(member: string, count: number) {
    const at = this.position(member);
    if (at < 0) return [];
    const from = Math.max(0, at - count);
    return this.page(from, at + count - from + 1);
  }

  #rank(position: number): number {
    if (this.#ties !== "shared") return position + 1;
    const all = this.#all();
    let first = position;
    while (first > 0 && all[first - 1]!.score === all[position]!.score) first--;
    return first + 1;
  }

  #all(): Place[] {
    this.#sorted ??= [...this.#places.values()].sort((a, b) => {
      const byScore = this.#order === "desc" ? b.score - a.score : a.score - b.score;
      if (byScore !== 0) return byScore;
      if (this.#ties === "first") return a.reached - b.reached;
      return a.member < b.member ? -1 : 1;
    });
    return this.#sorted;
  }
}
