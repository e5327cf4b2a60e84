import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { bucketOf, bucketStart } from "../../model/bucket.js";
import type { TopPattern } from "../../model/description.js";
import type { Field } from "../../model/field.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import {
  decodeComponent,
  END,
  encodeComponent,
  joinKey,
  shardName,
  splitKey,
} from "../../plan/dynamodb/key-encoding.js";
import { AMOUNT, GROUP, SORT } from "../../plan/dynamodb/names.js";
import type { DynamoContribution, DynamoTopPlan } from "../../plan/dynamodb/types.js";
import type { PageCall, RecordData } from "../port/adapter.js";
import { compareValues, scaledInteger, scaledText } from "../port/conditions.js";
import { compileDecoder } from "./attribute-values.js";
import { bucketBounds, bucketsKey, EPOCH, STATE, SUMS } from "./buckets.js";
import { queryAll } from "./query.js";
import { isConsistent } from "./read-records.js";
import type { Requests } from "./requests.js";

/** Queries of one read under way at once. */
const IN_FLIGHT = 16;

/** A group's sum and count; a sum is a whole number of the field's smallest unit, or a number where the field is a double. */
export interface Total {
  readonly group: unknown;
  sum: bigint | number;
  count: number;
}

/** Totals by the group's key text. */
export type Totals = Map<string, Total>;

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
  readonly #by: Field;
  readonly #sum: Field | undefined;
  readonly #group: ReturnType<typeof compileDecoder>;
  readonly #amount: ReturnType<typeof compileDecoder> | undefined;
  readonly #requests: Requests;

  constructor(plan: DynamoTopPlan, contribution: DynamoContribution, requests: Requests) {
    this.contribution = contribution;
    this.#by = plan.by.type;
    this.#sum = plan.sum?.type;
    this.#group = compileDecoder(this.#by);
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
        const [bucket = "", kind] = splitKey(item[SORT]?.S ?? "");
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
    const group = this.#group(stored);
    const amount = item[AMOUNT];
    const value = amount === undefined || this.#amount === undefined ? undefined : this.#amount(amount);
    this.#count(group, value === undefined ? undefined : this.unscaled(value), 1, to);
  }

  #count(group: unknown, amount: bigint | number | undefined, count: number, to: Totals): void {
    const key = encodeComponent(this.#by, "asc", group);
    let total = to.get(key);
    if (total === undefined) {
      total = { group, sum: this.#sum?.kind === "double" ? 0 : 0n, count: 0 };
      to.set(key, total);
    }
    if (amount !== undefined) {
      total.sum = typeof total.sum === "bigint" ? total.sum + (amount as bigint) : total.sum + (amount as number);
    }
    total.count += count;
  }

  /** The sums of a folded bucket; false: it is not folded, or not wholly. */
  addFolded({ state, sums }: ListedBucket, to: Totals): boolean {
    if (state[STATE]?.S !== "folded") return false;
    const epoch = state[EPOCH]?.N ?? "";
    const own = sums.filter((item) => item[EPOCH]?.N === epoch);
    if (own.length !== Number(state["p"]?.N ?? -1)) return false;
    for (const item of own) {
      for (const [group, amount, count] of JSON.parse(item[SUMS]?.S ?? "[]") as [unknown, string, number][]) {
        this.#count(this.#fromJson(group), this.#sum?.kind === "double" ? Number(amount) : BigInt(amount), count, to);
      }
    }
    return true;
  }

  /** Totals as JSON, in parts of at most so many characters. */
  foldedParts(totals: Totals, most: number): string[] {
    const parts: string[] = [];
    let part = "";
    for (const { group, sum, count } of totals.values()) {
      const text = JSON.stringify([this.#toJson(group), String(sum), count]);
      if (part.length + text.length > most) {
        parts.push(`[${part}]`);
        part = "";
      }
      part += part === "" ? text : `,${text}`;
    }
    parts.push(`[${part}]`);
    return parts;
  }

  #toJson(group: unknown): unknown {
    return group instanceof Date || typeof group === "bigint" ? encodeComponent(this.#by, "asc", group) : group;
  }

  #fromJson(group: unknown): unknown {
    const { kind } = this.#by;
    return kind === "date" || kind === "int64" ? decodeComponent(this.#by, "asc", group as string) : group;
  }

  unscaled(value: unknown): bigint | number {
    const type = this.#sum;
    if (type?.kind === "decimal") return scaledInteger(value as string, type.scale);
    return type?.kind === "double" ? (value as number) : BigInt(value as number | bigint);
  }

  /** A sum in the field's own form. */
  scaled(sum: bigint | number): unknown {
    const type = this.#sum;
    if (type?.kind === "decimal") return scaledText(sum as bigint, type.scale);
    if (type?.kind === "int64") return sum;
    const number = Number(sum);
    if (type?.kind === "int" && !Number.isSafeInteger(number)) {
      throw new KeyfoldError("OUT_OF_RANGE", `A sum of ${sum} is not exact as a number.`, {
        fix: "Declare the summed field as int64.",
      });
    }
    return number;
  }

  /** Totals in the pattern's order: the largest first, ties by the group. */
  ordered(totals: Totals): readonly Total[] {
    const bySum = this.#sum !== undefined;
    return [...totals.values()].sort((a, b) => {
      const [x, y] = bySum ? [a.sum, b.sum] : [a.count, b.count];
      return x > y ? -1 : x < y ? 1 : compareValues(this.#by, a.group, b.group);
    });
  }

  /** Whether a total comes after a cursor's. */
  isAfter({ group, sum, count }: Total, after: readonly unknown[]): boolean {
    const own = this.#sum === undefined ? count : sum;
    const last = this.#sum === undefined ? (after[0] as number) : this.unscaled(after[0]);
    return own < last || (own === last && compareValues(this.#by, group, after[1]) > 0);
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
