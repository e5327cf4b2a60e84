import { KeyfoldError } from "../../internal/errors.js";
import { checkPrefix, checkWhole, hashTag } from "../redis/keys.js";
import type { RedisClient } from "../redis/link.js";
import { once } from "../redis/once.js";
import type { Script } from "../redis/script.js";
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

type Rows = [from: number, before: number, flat: string[], data: (string | null)[]];

/** Ranks members by score; made by {@link leaderboard}. */
export class Leaderboard<D = unknown> {
  readonly #store: RedisStore;
  readonly #prefix: string;
  /** Scores are kept so that the best is the smallest: names then order upwards within one score. */
  readonly #sign: 1 | -1;
  readonly #ties: Ties;
  readonly #scripts: BoardScripts;
  readonly #periods: Periods | undefined;
  readonly #fixedAt: number | undefined;

  constructor(client: RedisClient | RedisStore, options: LeaderboardOptions, fixedAt?: number) {
    this.#store = client instanceof RedisStore ? client : new RedisStore(client, options);
    this.#prefix = checkPrefix(options.prefix);
    this.#sign = options.order === "asc" ? 1 : -1;
    this.#ties = options.ties ?? "lexicographic";
    this.#scripts = boardScripts(this.#ties);
    this.#periods = options.period === undefined ? undefined : new Periods(options.period);
    this.#fixedAt = fixedAt;
    this.at = (time) => new Leaderboard<D>(this.#store, options, Number(time));
  }

  /** The board of the period that `time` lies in. */
  readonly at: (time: Date | number) => Leaderboard<D>;

  /** Gives a member this score, and resolves to it. */
  set(member: string, score: number, options?: ScoreOptions<D>): Promise<number> {
    return this.#write(this.#scripts.set, member, score, options);
  }

  /** Gives a member this score where it is better than the present one, and resolves to the better. */
  best(member: string, score: number, options?: ScoreOptions<D>): Promise<number> {
    return this.#write(this.#scripts.best, member, score, options);
  }

  /** Adds to a member's score, and resolves to the sum. */
  increment(member: string, by: number, options?: ScoreOptions<D>): Promise<number> {
    return this.#write(this.#scripts.increment, member, by, options);
  }

  /** Takes a member off the board; false when it was not there. */
  async remove(member: string, options?: CallOptions): Promise<boolean> {
    const { keys } = await this.#board();
    return (await this.#store.run(this.#scripts.remove, keys, [checkMember(member)], options)) === 1;
  }

  /** The best `count` members. */
  top(count: number, options?: ReadOptions): Promise<Entry<D>[]> {
    return this.page(0, count, options);
  }

  /** `limit` members after the first `offset`. */
  async page(offset: number, limit: number, options?: ReadOptions): Promise<Entry<D>[]> {
    checkWhole(offset, "offset", 0);
    checkWhole(limit, "limit");
    const { keys } = await this.#board();
    const args = [String(offset), String(offset + limit - 1), options?.data === true ? "1" : "0"];
    return this.#entries((await this.#store.run(this.#scripts.page, keys, args, options)) as Rows);
  }

  /** A member with up to `count` before and after it; empty when it is not on the board. */
  async around(member: string, count: number, options?: ReadOptions): Promise<Entry<D>[]> {
    checkWhole(count, "count", 0);
    const { keys } = await this.#board();
    const args = [checkMember(member), String(count), options?.data === true ? "1" : "0"];
    const rows = (await this.#store.run(this.#scripts.around, keys, args, options)) as Rows | null;
    return rows === null ? [] : this.#entries(rows);
  }

  /** A member's place; undefined when it is not on the board. */
  async rank(member: string, options?: ReadOptions): Promise<Standing<D> | undefined> {
    const { keys } = await this.#board();
    const args = [checkMember(member), options?.data === true ? "1" : "0"];
    const reply = await this.#store.run(this.#scripts.rank, keys, args, options);
    if (reply === null) return undefined;
    const [at, score, count, data] = reply as [number, string, number, string | null];
    return { member, score: this.#score(score), rank: at + 1, count, ...dataOf<D>(data) };
  }

  /** How many members there are. */
  async count(options?: CallOptions): Promise<number> {
    const { keys } = await this.#board();
    return (await this.#store.command(keys[0], "ZCARD", [keys[0]!], false, options)) as number;
  }

  async #write(script: Script, member: string, score: number, options?: ScoreOptions<D>): Promise<number> {
    if (typeof score !== "number" || !Number.isFinite(score))
      throw new KeyfoldError("INPUT_INVALID", `A score is a finite number, not ${String(score)}.`);
    const board = this.#periods === undefined ? this.#at(undefined) : await this.#board();
    const maybe = once(this.#store, options?.writeId, options?.deadlineMs);
    const [id, until] = Array.isArray(maybe) ? maybe : await maybe;
    const data = options?.data === undefined ? "" : JSON.stringify(options.data);
    const args = [checkMember(member), String(this.#sign * score), data, board.expireAt, id, until];
    const keys = id === "" ? board.keys : [...board.keys, `${board.keys[0]}:${id}`];
    // Without an id nobody may send it twice: a broken connection is an unknown outcome.
    const call = id === "" ? { ...options, repeatable: false } : options;
    return this.#score((await this.#store.run(script, keys, args, call)) as string);
  }

  /** The board of now, or of the time that it was asked for. */
  async #board(): Promise<{ readonly keys: string[]; readonly expireAt: string }> {
    if (this.#periods === undefined) return this.#at(undefined);
    const now = this.#fixedAt ?? (await serverClock(this.#store).ready());
    return this.#at(this.#periods.at(now));
  }

  #at(period: Period | undefined): { readonly keys: string[]; readonly expireAt: string } {
    const head = `${this.#prefix}:${hashTag(period?.label ?? "all")}:`;
    return { keys: [`${head}z`, `${head}d`, `${head}t`], expireAt: String(period?.expireAt ?? 0) };
  }

  /** As it was given: no -0. */
  #score(stored: string): number {
    return this.#sign * Number(stored) + 0;
  }

  #entries([from, before, flat, data]: Rows): Entry<D>[] {
    const entries: Entry<D>[] = [];
    let rank = 0;
    for (let i = 0; i < flat.length; i += 2) {
      const stored = flat[i + 1]!;
      if (i === 0) rank = before + 1;
      else if (this.#ties !== "shared" || stored !== flat[i - 1]) rank = from + i / 2 + 1;
      const member = this.#ties === "first" ? flat[i]!.slice(TIE_WIDTH) : flat[i]!;
      entries.push({ member, score: this.#score(stored), rank, ...dataOf<D>(data[i / 2]) });
    }
    return entries;
  }
}

function checkMember(member: string): string {
  if (typeof member === "string" && member !== "") return member;
  throw new KeyfoldError("INPUT_INVALID", "A member is a text that is not empty.");
}

function dataOf<D>(json: string | null | undefined): { readonly data?: D } {
  return typeof json === "string" ? { data: JSON.parse(json) as D } : {};
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
