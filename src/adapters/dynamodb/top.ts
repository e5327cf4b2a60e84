import type { Deadline } from "../../internal/deadline.js";
import { bucketOf, bucketStart } from "../../model/bucket.js";
import type { TopPattern } from "../../model/description.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import { END, encodeComponent, joinKey, shardName, splitKey } from "../../plan/dynamodb/key-encoding.js";
import { AMOUNT, GROUP } from "../../plan/dynamodb/names.js";
import type { DynamoContribution, DynamoTopPlan } from "../../plan/dynamodb/types.js";
import type { PageCall, RecordData } from "../port/adapter.js";
import { Adder, type Totals } from "../port/totals.js";
import { compileDecoder } from "./attribute-values.js";
import { bucketBounds, bucketsKey, EPOCH, STATE, SUMS } from "./buckets.js";
import { queryAll } from "./query.js";
import { isConsistent } from "./read-records.js";
import type { Requests } from "./requests.js";

/** Queries of one read under way at once. */
const IN_FLIGHT = 16;

/** A bucket as it is listed. */
export interface ListedBucket {
  readonly bucket: string;
  readonly state: Item;
  /** Parts of its sums, those of other epochs too. */
  readonly sums: readonly Item[];
}

/** Adds up one pattern's contributions. */
export class Sums {
  readonly contribution: DynamoContribution;
  readonly adder: Adder;
  readonly #group: ReturnType<typeof compileDecoder>;
  readonly #amount: ReturnType<typeof compileDecoder> | undefined;
  readonly #requests: Requests;

  constructor(plan: DynamoTopPlan, contribution: DynamoContribution, requests: Requests) {
    this.contribution = contribution;
    this.adder = new Adder(plan.by.type, plan.sum?.type);
    this.#group = compileDecoder(plan.by.type);
    this.#amount = plan.sum === undefined ? undefined : compileDecoder(plan.sum.type);
    this.#requests = requests;
  }

  /** The buckets that there are from one to before another, with their states and sums. */
  async buckets(
    from: string | undefined,
    to: string | undefined,
    consistent: boolean,
    deadline: Deadline,
  ): Promise<{ readonly buckets: readonly ListedBucket[]; readonly units: number }> {
    const found = new Map<string, { state: Item | undefined; sums: Item[] }>();
    const units = await queryAll(
      this.#requests.table,
      bucketsKey(this.contribution.name),
      bucketBounds(from, to),
      consistent,
      (item) => {
        const [bucket = "", kind] = splitKey(this.#requests.key.of(item).sk);
        let entry = found.get(bucket);
        if (entry === undefined) {
          entry = { state: undefined, sums: [] };
          found.set(bucket, entry);
        }
        if (kind === "0") entry.state = item;
        else entry.sums.push(item);
      },
      this.#requests,
      deadline,
    );
    const buckets = [...found].flatMap(([bucket, { state, sums }]) =>
      state === undefined ? [] : [{ bucket, state, sums }],
    );
    return { buckets, units };
  }

  /** Adds the contributions of a bucket; undefined: those that have none. */
  async addContributions(
    bucket: string | undefined,
    range: { readonly from: string; readonly to: string } | undefined,
    consistent: boolean,
    to: Totals,
    deadline: Deadline,
  ): Promise<number> {
    const { name, shards } = this.contribution;
    const parts = bucket === undefined ? [name] : [name, bucket];
    const partitions =
      shards > 1
        ? Array.from({ length: shards }, (_, shard) => joinKey([...parts, shardName(shard)]))
        : [joinKey(parts)];
    const units = await Promise.all(
      partitions.map((partition) =>
        queryAll(
          this.#requests.table,
          partition,
          range,
          consistent,
          (item) => this.#add(item, to),
          this.#requests,
          deadline,
        ),
      ),
    );
    return units.reduce((sum, one) => sum + one, 0);
  }

  #add(item: Item, to: Totals): void {
    const stored = item[GROUP];
    if (stored === undefined) return;
    const amount = item[AMOUNT];
    this.adder.add(this.#group(stored), amount === undefined ? undefined : this.#amount?.(amount), to);
  }

  /** The sums of a folded bucket; false: it is not folded, or not wholly. */
  addFolded({ state, sums }: ListedBucket, to: Totals): boolean {
    if (state[STATE]?.S !== "folded") return false;
    const epoch = state[EPOCH]?.N ?? "";
    const own = sums.filter((item) => item[EPOCH]?.N === epoch);
    if (own.length !== Number(state["p"]?.N ?? -1)) return false;
    for (const item of own) this.adder.addFolded(item[SUMS]?.S ?? "[]", to);
    return true;
  }
}

/** All totals of a question. */
export async function readTotals(
  sums: Sums,
  pattern: Pick<TopPattern, "range">,
  params: RecordData,
  call: PageCall,
  deadline: Deadline,
): Promise<{ readonly totals: Totals; readonly units: number }> {
  const consistent = isConsistent(call.consistency);
  const totals: Totals = new Map();
  const { range } = pattern;
  const { bucket } = sums.contribution;
  if (bucket === undefined) {
    const bounds = range === undefined ? undefined : rangeBounds(sums, params);
    return { totals, units: await sums.addContributions(undefined, bounds, consistent, totals, deadline) };
  }
  const name = (bound: unknown): string | undefined =>
    bound === undefined ? undefined : bucketOf(bucket.unit, bucketStart(bucket.unit, bound as string));
  const listed = await sums.buckets(name(params["from"]), name(params["to"]), consistent, deadline);
  let { units } = listed;
  const open = listed.buckets.filter((one) => !sums.addFolded(one, totals));
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let one = open[next++]; one !== undefined; one = open[next++]) {
      const own = await sums.addContributions(one.bucket, undefined, consistent, totals, deadline);
      units += own;
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, open.length) }, worker));
  return { totals, units };
}

/** Bounds of the sort keys of contributions that lie in a range of a field. */
function rangeBounds({ contribution }: Sums, params: RecordData): { readonly from: string; readonly to: string } {
  const [first] = contribution.key.sort;
  if (first?.kind !== "field") throw new TypeError("a range without buckets begins the sort key");
  const component = (value: unknown): string => encodeComponent(first.type, "asc", value);
  const { from, to } = params;
  return {
    from: from === undefined ? END : component(from),
    to: to === undefined ? "\u{10ffff}" : component(to),
  };
}
