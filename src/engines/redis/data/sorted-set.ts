import { RankedTree } from "./ranked-tree.js";

/**
 * A sorted set: each member's score, and the members in order. Members and scores also stand in dense arrays, in which
 * a removed one's place is taken by the last: for scans (see `scanDown`) and random members.
 */
export class SortedSetData {
  readonly members: string[] = [];
  readonly scores: number[] = [];
  readonly #index = new Map<string, number>();
  readonly tree = new RankedTree();
  /** Whether Redis would hold it as a listpack. */
  compact = true;
  bytes = 0;

  get size(): number {
    return this.members.length;
  }

  score(member: string): number | undefined {
    const at = this.#index.get(member);
    return at === undefined ? undefined : this.scores[at];
  }

  has(member: string): boolean {
    return this.#index.has(member);
  }

  /** Sets a member's score; tells whether the member is new. */
  set(member: string, score: number): boolean {
    const at = this.#index.get(member);
    if (at === undefined) {
      this.#index.set(member, this.members.length);
      this.members.push(member);
      this.scores.push(score);
      this.tree.insert(score, member);
      this.bytes += member.length;
      return true;
    }
    const old = this.scores[at]!;
    // −0 and 0 are one score; Redis keeps the sign of the first.
    if (old === score) return false;
    this.tree.remove(old, member);
    this.scores[at] = score;
    this.tree.insert(score, member);
    return false;
  }

  delete(member: string): boolean {
    const at = this.#index.get(member);
    if (at === undefined) return false;
    this.#index.delete(member);
    this.tree.remove(this.scores[at]!, member);
    this.bytes -= member.length;
    const lastMember = this.members.pop()!;
    const lastScore = this.scores.pop()!;
    if (at < this.members.length) {
      this.members[at] = lastMember;
      this.scores[at] = lastScore;
      this.#index.set(lastMember, at);
    }
    return true;
  }

  /** The rank from the lowest score on, or -1. */
  rank(member: string): number {
    const at = this.#index.get(member);
    return at === undefined ? -1 : this.tree.rank(this.scores[at]!, member);
  }

  /** Members and scores from rank to rank, both included, upwards or (ranks counted from the end) downwards. */
  range(from: number, to: number, down: boolean): { member: string; score: number }[] {
    const out: { member: string; score: number }[] = [];
    const start = down ? this.size - 1 - from : from;
    this.tree.walk(start, to - from + 1, down, (member, score) => out.push({ member, score }));
    return out;
  }

  /** All members with their scores, lowest first. */
  entries(): { member: string; score: number }[] {
    return this.size === 0 ? [] : this.range(0, this.size - 1, false);
  }
}
