import { KeyfoldError } from "../../internal/errors.js";
import { Batches } from "../redis/batch.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { serverClock } from "../redis/server-clock.js";
import { type CallOptions, RedisStore, type StoreOptions } from "../redis/store.js";
import { type Period, type PeriodOptions, Periods } from "./period.js";
import { type BoardScripts, boardScripts, TIE_WIDTH, type Ties } from "./scripts.js";

/** What a board is called and how it orders. */
export interface LeaderboardOptions extends StoreOptions {
  /** What all its keys begin with. */
  readonly prefix: string;
  /** Which score is best. Default `desc`: the highest. */
  readonly order?: "desc" | "asc";
  /**
   * Members with one score: `first` puts who reached it first before the others, `lexicographic` orders by name,
   * `shared` gives them one rank (1, 2, 2, 4) and orders them by name. Default `lexicographic`.
   */
  readonly ties?: Ties;
  /** A board for each day, week or month. Default: one that stays. */
  readonly period?: PeriodOptions;
}

/** One member's place. */
export interface Entry<D> {
  readonly member: string;
  readonly score: number;
  /** 1 is best. */
  readonly rank: number;
  /** What was stored with the member, where it was asked for and is there. */
  readonly data?: D;
}

/** A member's place among all. */
export interface Standing<D> extends Entry<D> {
  /** Members on the board. */
  readonly count: number;
  /** How much of the others stands behind it or level with it, in percent: 100 for the best, 0 for the last. */
  readonly percentile: number;
}

/** One write's wishes. */
export interface ScoreOptions<D> extends CallOptions {
  /** Stored with the member, as JSON. */
  readonly data?: D;
  /** Names the write, so that the caller can repeat it: within its deadline the server does it once. */
  readonly writeId?: string;
}

/** One read's wishes. */
export interface ReadOptions extends CallOptions {
  /** Also give what was stored with the members. Default false. */
  readonly data?: boolean;
}

/** Ranks members by score; made by {@link leaderboard}. */
export class Leaderboard<D = unknown> {
  readonly #store: RedisStore;
  readonly #prefix: string;
  /** Scores are kept so that the best is the smallest: names then order upwards within one score. */
  readonly #sign: 1 | -1;
  readonly #ties: Ties;
  readonly #calls: Batches;
  readonly #scripts: BoardScripts;
  readonly #periods: Periods | undefined;
  readonly #fixedAt: number | undefined;

  constructor(client: RedisClient | RedisStore, options: LeaderboardOptions, fixedAt?: number) {
    this.#store = client instanceof RedisStore ? client : new RedisStore(client, options);
    this.#prefix = checkPrefix(options.prefix);
    this.#sign = options.order === "asc" ? 1 : -1;
    this.#ties = options.ties ?? "lexicographic";
    this.#calls = new Batches(this.#store);
    this.#scripts = boardScripts(this.#ties);
    this.#periods = options.period === undefined ? undefined : new Periods(options.period);
    this.#fixedAt = fixedAt;
    this.at = (time) => new Leaderboard<D>(this.#store, options, Number(time));
  }

  /** The board of the period that `time` lies in. */
  readonly at: (time: Date | number) => Leaderboard<D>;

  /** Gives a member this score, and resolves to it. */
  set(member: string, score: number, options?: ScoreOptions<D>): Promise<number> {
    return this.#write("set", member, score, options);
  }

  /** Gives a member this score where it is better than the present one, and resolves to the better. */
  best(member: string, score: number, options?: ScoreOptions<D>): Promise<number> {
    return this.#write("best", member, score, options);
  }

  /** Adds to a member's score, and resolves to the sum. */
  increment(member: string, by: number, options?: ScoreOptions<D>): Promise<number> {
    return this.#write("increment", member, by, options);
  }

  /** Takes a member off the board; false when it was not there. */
  async remove(member: string, options?: CallOptions): Promise<boolean> {
    const { keys } = await this.#board();
    return (await this.#calls.run(this.#scripts.write, keys, [checkMember(member), "r", ""], options)) === 1;
  }

  /** The best `count` members. */
  top(count: number, options?: ReadOptions): Promise<Entry<D>[]> {
    return this.page(0, count, options);
  }

  /** `limit` members after the first `offset`. */
  async page(offset: number, limit: number, options?: ReadOptions): Promise<Entry<D>[]> {
    checkWhole(offset, "offset", 0);
    checkWhole(limit, "limit");
    return this.#rows("p", [String(offset), String(offset + limit - 1)], options);
  }

  /** A member with up to `count` before and after it; empty when it is not on the board. */
  async around(member: string, count: number, options?: ReadOptions): Promise<Entry<D>[]> {
    checkWhole(count, "count", 0);
    return this.#rows("a", [checkMember(member), String(count)], options);
  }

  /** A member's place; undefined when it is not on the board. */
  async rank(member: string, options?: ReadOptions): Promise<Standing<D> | undefined> {
    const reply = await this.#read(options?.data === true ? "rd" : "r", [checkMember(member), ""], options);
    if (reply === null) return undefined;
    const [numbers, data] = reply.split("\n") as [string, string];
    const [at, score, count] = numbers.split(" ").map(Number) as [number, number, number];
    const rank = at + 1;
    const percentile = count > 1 ? (100 * (count - rank)) / (count - 1) : 100;
    return { member, score: this.#score(score), rank, count, percentile, ...dataOf<D>(data) };
  }

  /** How many members there are. */
  async count(options?: CallOptions): Promise<number> {
    const { keys } = await this.#board();
    return (await this.#store.command(keys[0], "ZCARD", [keys[0]!], false, options)) as number;
  }

  async #write(
    kind: "set" | "best" | "increment",
    member: string,
    score: number,
    options?: ScoreOptions<D>,
  ): Promise<number> {
    if (typeof score !== "number" || !Number.isFinite(score))
      throw new KeyfoldError("INPUT_INVALID", `A score is a finite number, not ${String(score)}.`);
    const { keys, expireAt } = this.#periods === undefined ? this.#at(undefined) : await this.#board();
    const data = options?.data === undefined ? "" : JSON.stringify(options.data);
    const rest = data === "" && expireAt === "0" ? "" : `${expireAt} ${data}`;
    const args = [checkMember(member), kind[0]! + String(this.#sign * score), rest];
    const stored = await this.#calls.run(this.#scripts.write, keys, args, options);
    return kind === "set" ? score : this.#score(Number(stored));
  }

  async #read(what: string, args: readonly string[], options: CallOptions | undefined): Promise<string | null> {
    const { keys } = this.#periods === undefined ? this.#at(undefined) : await this.#board();
    return (await this.#calls.run(this.#scripts.read, keys, [what, ...args], options)) as string | null;
  }

  async #rows(kind: "p" | "a", args: readonly string[], options: ReadOptions | undefined): Promise<Entry<D>[]> {
    const what = options?.data === true ? `${kind}d` : kind;
    const reply = await this.#read(what, args, options);
    if (reply === null) return [];
    let lines = reply.split("\n");
    // A name with a line feed in it has cut a line in two; that is asked for again in a form that takes longer to read.
    if (lines.length !== Number(lines.at(-1)!.split(" ")[2]) * (what === kind ? 1 : 1.5) + 1)
      lines = JSON.parse((await this.#read(`${what}j`, args, options)) ?? '["0 0 0"]') as string[];
    return this.#entries(lines);
  }

  /** The board of now, or of the time that it was asked for. */
  async #board(): Promise<{ readonly keys: string[]; readonly expireAt: string }> {
    if (this.#periods === undefined) return this.#at(undefined);
    const now = this.#fixedAt ?? (await serverClock(this.#store).ready());
    return this.#at(this.#periods.at(now));
  }

  /** Each board has a slot of its own, so that those of a Cluster do not all lie on one node. */
  #at(period: Period | undefined): { readonly keys: string[]; readonly expireAt: string } {
    const head = `${this.#prefix}:${hashTag(`${this.#prefix}:${period?.label ?? "all"}`)}:`;
    return { keys: [`${head}z`, `${head}d`, `${head}t`], expireAt: String(period?.expireAt ?? 0) };
  }

  /** As it was given: no -0. */
  #score(stored: number): number {
    return this.#sign * stored + 0;
  }

  #entries(lines: readonly string[]): Entry<D>[] {
    const [from, before, flat] = lines.at(-1)!.split(" ").map(Number) as [number, number, number];
    const entries: Entry<D>[] = [];
    let rank = 0;
    for (let i = 0; i < flat; i += 2) {
      const stored = lines[i + 1]!;
      if (i === 0) rank = before + 1;
      else if (this.#ties !== "shared" || stored !== lines[i - 1]) rank = from + i / 2 + 1;
      const member = this.#ties === "first" ? lines[i]!.slice(TIE_WIDTH) : lines[i]!;
      const entry = { member, score: this.#score(Number(stored)), rank };
      entries.push(lines.length > flat + 1 ? { ...entry, ...dataOf<D>(lines[flat + i / 2]!) } : entry);
    }
    return entries;
  }
}

function checkMember(member: string): string {
  if (typeof member === "string" && member !== "") return member;
  throw new KeyfoldError("INPUT_INVALID", "A member is a text that is not empty.");
}

function dataOf<D>(json: string): { readonly data?: D } {
  return json === "" ? {} : { data: JSON.parse(json) as D };
}

/**
 * A leaderboard over all processes that share a Redis. Every question and every write is one round trip; a write is
 * done once also by a client that sends it again by itself.
 *
 * @throws KeyfoldError `INPUT_INVALID` for wrong options.
 * @example
 * ```ts
 * const board = leaderboard(redis, { prefix: "race", ties: "first", period: { every: "week", timeZone: "Europe/Oslo" } });
 * await board.best("ada", 9_120);
 * const near = await board.around("ada", 2);
 * ```
 */
export function leaderboard<D = unknown>(client: RedisClient, options: LeaderboardOptions): Leaderboard<D> {
  return new Leaderboard<D>(client, options);
}
