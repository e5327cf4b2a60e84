import { KeyfoldError } from "../../internal/errors.js";
import { type BucketUnit, bucketOf, bucketStart } from "../../model/bucket.js";
import type { Field } from "../../model/field.js";
import { type BucketSpan, spansOf } from "../../plan/redis/buckets.js";
import { decimalOfDigits, textDecoder, textEncoder } from "../../plan/redis/encoding.js";
import type { RedisTopPlan } from "../../plan/redis/types.js";
import type { PageData, Position, RecordData } from "../port/adapter.js";

/** Turns the sums of buckets into a page of groups. */
export interface TopRows {
  /** The spans that [from, to) is made of; throws INPUT_INVALID where a bound cuts a bucket. */
  spans(params: RecordData): readonly BucketSpan[];
  page(hashes: readonly (readonly string[])[], limit: number, after: Position | undefined): PageData;
}

interface Group {
  readonly text: string;
  sum: bigint;
  count: number;
}

export function compileTop(plan: RedisTopPlan): TopRows {
  const { by, sum } = plan.row;
  const decode = textDecoder(by.type);
  const measure = sum === undefined ? (group: Group) => BigInt(group.count) : (group: Group) => group.sum;
  const sumOf = sum === undefined ? undefined : sumReader(sum.type, sum.name);
  const rowOf = (group: Group): RecordData => {
    const row: Record<string, unknown> = { [by.name]: decode(group.text) };
    if (sum !== undefined && sumOf !== undefined) row[sum.name] = sumOf(group.sum);
    row["count"] = group.count;
    return row;
  };
  return {
    spans: compileSpans(plan),
    page(hashes, limit, after) {
      let groups = addUp(hashes);
      if (after !== undefined) {
        const [last, text] = after as readonly [bigint, string];
        groups = groups.filter((group) => {
          const own = measure(group);
          return own < last || (own === last && compareText(group.text, text) > 0);
        });
      }
      groups.sort((a, b) => {
        const [x, y] = [measure(a), measure(b)];
        return x < y ? 1 : x > y ? -1 : compareText(a.text, b.text);
      });
      const rows = groups.slice(0, limit);
      const last = rows.at(-1);
      const more = groups.length > limit && last !== undefined;
      return { rows: rows.map(rowOf), next: more ? [measure(last), last.text] : undefined };
    },
  };
}

function addUp(hashes: readonly (readonly string[])[]): Group[] {
  const groups = new Map<string, Group>();
  for (const hash of hashes) {
    for (let i = 0; i < hash.length; i += 2) {
      const text = hash[i]!;
      const value = hash[i + 1]!;
      const colon = value.indexOf(":");
      const sum = BigInt(value.slice(0, colon));
      const count = Number(value.slice(colon + 1));
      const known = groups.get(text);
      if (known === undefined) groups.set(text, { text, sum, count });
      else {
        known.sum += sum;
        known.count += count;
      }
    }
  }
  return [...groups.values()];
}

function sumReader(type: Field, name: string): (sum: bigint) => unknown {
  switch (type.kind) {
    case "decimal":
      return (sum) => decimalOfDigits(String(sum), type.scale);
    case "int64":
      return (sum) => sum;
    default:
      return (sum) => {
        const value = Number(sum);
        if (Number.isSafeInteger(value)) return value;
        throw new KeyfoldError("OUT_OF_RANGE", `The sum of ${name} is ${sum}, which a number does not hold exactly.`, {
          fix: `Declare ${name} as int64 or decimal(0).`,
        });
      };
  }
}

function compileSpans({ range }: RedisTopPlan): TopRows["spans"] {
  switch (range.kind) {
    case "none":
      return () => spansOf("month", undefined, undefined);
    case "bucket":
      return ({ from, to }) => spansOf(range.unit, from as string | undefined, to as string | undefined);
    case "moment": {
      const bucket = (param: string, at: unknown): string | undefined =>
        at === undefined ? undefined : wholeBucket(range.unit, param, at as Date);
      return ({ from, to }) => spansOf(range.unit, bucket("from", from), bucket("to", to));
    }
    case "value": {
      const encode = textEncoder(range.type);
      return ({ from, to }) =>
        from === undefined && to === undefined
          ? spansOf("month", undefined, undefined)
          : [
              {
                level: "value",
                min: from === undefined ? "-" : `[${encode(from)}`,
                max: to === undefined ? "+" : `(${encode(to)}`,
              },
            ];
    }
    default:
      return range satisfies never;
  }
}

function wholeBucket(unit: BucketUnit, param: string, at: Date): string {
  const name = bucketOf(unit, at);
  if (bucketStart(unit, name).getTime() === at.getTime()) return name;
  throw new KeyfoldError(
    "INPUT_INVALID",
    `${param} is ${at.toISOString()}, within an ${unit}: sums are kept by the ${unit}.`,
    {
      fix: `Give the moment at which an ${unit} begins.`,
      data: { param, unit },
    },
  );
}

/** Order of the texts' UTF-8 bytes: UTF-16 has the characters beyond the first plane before U+E000. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;
}
