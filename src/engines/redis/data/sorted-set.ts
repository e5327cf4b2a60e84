import { RankedTree } from "./ranked-tree.js";
import { MemberIndex } from "./string-index.js";

/** Up to so many members are searched one after the other. */
const linearMembers = 12;

/**
 * A sorted set: each member's score, and the members in order. Members and scores also stand in dense arrays, in which
 * a removed one's place is taken by the last: for scans (see `scanDown`) and random members.
 */
export class SortedSetData {
  readonly members: string[] = [];
  readonly scores: number[] = [];
  #index: MemberIndex | undefined;
  readonly tree = new RankedTree();
  /** Whether Redis would hold it as a listpack. */
  compact = true;
  bytes = 0;

  get size(): number {
    return this.members.length;
  }

  /** Where a member stands in the arrays, or -1; valid until a member comes or goes. */
  place(member: string): number {
    if (this.#index !== undefined) return this.#index.find(member);
    const { members } = this;
    for (let i = 0; i < members.length; i++) if (members[i] === member) return i;
    return -1;
  }

  score(member: string): number | undefined {
    const at = this.place(member);
    return at < 0 ? undefined : this.scores[at];
  }

  has(member: string): boolean {
    return this.place(member) >= 0;
  }

  /** Sets a member's score; tells whether the member is new. */
  set(member: string, score: number): boolean {
    const at = this.place(member);
    if (at < 0) {
      this.#index?.add(member, this.members.length);
      this.members.push(member);
      this.scores.push(score);
      this.tree.insert(score, member);
      this.bytes += member.length;
      if (this.#index === undefined && this.members.length > linearMembers) this.#index = new MemberIndex(this.members);
      return true;
    }
    this.setAt(at, score);
    return false;
  }

  /** Sets the score of the member at a {@link place}. */
  setAt(place: number, score: number): void {
    const old = this.scores[place]!;
    // −0 and 0 are one score; Redis keeps the sign of the first.
    if (old === score) return;
    const member = this.members[place]!;
    this.tree.remove(old, member);
    this.scores[place] = score;
    this.tree.insert(score, member);
  }

  delete(member: string): boolean {
    const at = this.place(member);
    if (at < 0) return false;
    this.#index?.remove(member, at);
    this.tree.remove(this.scores[at]!, member);
    this.bytes -= member.length;
    const lastMember = this.members.pop()!;
    const lastScore = this.scores.pop()!;
    if (at < this.members.length) {
      this.#index?.move(lastMember, this.members.length, at);
      this.members[at] = lastMember;
      this.scores[at] = lastScore;
    }
    return true;
  }

  /** The rank from the lowest score on, or -1. */
  rank(member: string): number {
    const at = this.place(member);
    return at < 0 ? -1 : this.tree.rank(this.scores[at]!, member);
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
