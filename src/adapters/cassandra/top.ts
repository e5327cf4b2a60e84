import type { Deadline } from "../../internal/deadline.js";
import { inParallel } from "../../internal/in-parallel.js";
import { bucketEnd, bucketOf, bucketStart } from "../../model/bucket.js";
import { AMOUNT, GROUP } from "../../plan/cassandra/names.js";
import type { CqlTopPlan } from "../../plan/cassandra/types.js";
import type {
  Explanation,
  FoldCall,
  FoldedBucket,
  PageCall,
  PageData,
  PatternStore,
  RecordData,
} from "../port/adapter.js";
import { Adder, type Totals, topPage } from "../port/totals.js";
import { type Buckets, isLeased, type ListedBucket, sumsOf } from "./buckets.js";
import { levelCodes, readLevel } from "./levels.js";
import type { Requests } from "./requests.js";
import { compileSelect, eachRow, type MakeSelect } from "./select.js";
import { compileDecoder } from "./values.js";

/** Partitions of one read under way at once. */
const IN_FLIGHT = 32;
/** Rows of one page of contributions. */
const PAGE_ROWS = 5_000;
/** Characters of one part of a bucket's sums. */
const PART_CHARACTERS = 200_000;

/** A `top`: contributions, and sums in place of those that are folded. */
export class TopStore implements PatternStore {
  readonly #plan: CqlTopPlan;
  readonly #requests: Requests;
  readonly #buckets: Buckets;
  readonly #adder: Adder;
  readonly #select: MakeSelect;
  readonly #group: (raw: unknown) => unknown;
  readonly #amount: ((raw: unknown) => unknown) | undefined;

  constructor(plan: CqlTopPlan, requests: Requests, buckets: Buckets) {
    this.#plan = plan;
    this.#requests = requests;
    this.#buckets = buckets;
    this.#adder = new Adder(plan.by.type, plan.sum?.type);
    this.#select = compileSelect(plan.request, false, requests.qualify, requests.bigints);
    this.#group = compileDecoder(plan.by.type);
    this.#amount = plan.sum === undefined ? undefined : compileDecoder(plan.sum.type);
  }

  async page(params: RecordData, call: PageCall): Promise<PageData> {
    using deadline = this.#requests.deadline(call);
    const totals = await this.#totals(params, readLevel(call.consistency, this.#requests.levels), deadline);
    return topPage(this.#adder, totals, this.#plan, call);
  }

  async #totals(params: RecordData, level: number, deadline: Deadline): Promise<Totals> {
    const totals: Totals = new Map();
    const { unit, table } = this.#plan;
    if (unit === undefined) {
      await this.#add([undefined], params, level, totals, deadline);
      return totals;
    }
    const name = (bound: unknown): string | undefined =>
      bound === undefined ? undefined : bucketOf(unit, bucketStart(unit, bound as string));
    const listed = await this.#buckets.list(table, name(params["from"]), name(params["to"]), level, deadline);
    const open = listed.filter((one) => !this.#addFolded(one, totals)).map(({ bucket }) => bucket);
    await this.#add(open, params, level, totals, deadline);
    return totals;
  }

  /** The sums of a folded bucket; false: it is not folded, or not all of them can be seen. */
  #addFolded(bucket: ListedBucket, to: Totals): boolean {
    const sums = sumsOf(bucket);
    if (sums === undefined) return false;
    for (const text of sums) this.#adder.addFolded(text, to);
    return true;
  }

  /** Adds the contributions of buckets; undefined: those that have none. */
  async #add(
    buckets: readonly (string | undefined)[],
    params: RecordData,
    level: number,
    to: Totals,
    deadline: Deadline,
  ): Promise<void> {
    const partitions = buckets.flatMap((bucket) =>
      Array.from({ length: this.#plan.shards }, (_, shard) => ({ bucket, shard })),
    );
    await inParallel(partitions, IN_FLIGHT, async ({ bucket, shard }) => {
      const select = this.#select({ params, after: undefined, bucket, shard }, undefined);
      await eachRow(
        select,
        level,
        PAGE_ROWS,
        (row) => {
          const amount = row[AMOUNT];
          this.#adder.add(
            this.#group(row[GROUP]),
            amount === null || amount === undefined ? undefined : this.#amount?.(amount),
            to,
          );
        },
        this.#requests,
        deadline,
      );
    });
  }

  /** Folds all closed buckets, one after the other. */
  async fold(call: FoldCall, deadline: Deadline): Promise<readonly FoldedBucket[]> {
    const { unit, table, pattern } = this.#plan;
    if (unit === undefined) return [];
    const level = levelCodes[this.#requests.levels.read];
    const listed = await this.#buckets.list(table, undefined, undefined, level, deadline);
    const done: FoldedBucket[] = [];
    for (const { bucket } of listed) {
      deadline.throwIfOver();
      const result = {
        pattern,
        bucket,
        ...(await this.#foldBucket(bucket, bucketEnd(unit, bucket).getTime(), deadline)),
      };
      call.onProgress?.(result);
      done.push(result);
    }
    return done;
  }

  /**
   * Adds up a bucket, stores the sums, and declares them valid if no writer took a lease since its state was read. Killed
   * anywhere, it leaves an open bucket and parts of sums that nobody reads.
   */
  async #foldBucket(
    bucket: string,
    end: number,
    deadline: Deadline,
  ): Promise<Pick<FoldedBucket, "state" | "groups" | "records">> {
    const { table } = this.#plan;
    const state = await this.#buckets.current(table, bucket, deadline);
    if (state === undefined) return { state: "open" };
    if (sumsOf(state) !== undefined) return { state: "same" };
    const now = this.#requests.clock.now();
    if (end > now || isLeased(state, now)) return { state: "open" };
    const totals: Totals = new Map();
    await this.#add([bucket], {}, levelCodes[this.#requests.levels.read], totals, deadline);
    const parts = this.#adder.foldedParts(totals, PART_CHARACTERS);
    if (!(await this.#buckets.fold(table, state, parts, deadline))) return { state: "lost" };
    let records = 0;
    for (const { count } of totals.values()) records += count;
    return { state: "folded", groups: totals.size, records };
  }

  async explain(params: RecordData, call: PageCall): Promise<Explanation> {
    const { rows } = await this.page(params, call);
    const { statement } = this.#select({ params, after: undefined, bucket: "<bucket>", shard: 0 }, undefined);
    return {
      engine: this.#requests.engine,
      pattern: this.#plan.pattern,
      request: { query: statement.query, shards: this.#plan.shards },
      index: this.#plan.table,
      keysExamined: undefined,
      documentsExamined: undefined,
      rows: rows.length,
      raw: undefined,
    };
  }
}
