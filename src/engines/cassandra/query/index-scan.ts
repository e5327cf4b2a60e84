/** Which index answers a query, and a walk over the rows that it finds. */
import type { Reader } from "../cluster/reader.js";
import { aboveRows, entryPart, indexPart, isWholePart } from "../data/index-entries.js";
import { above, kind, later, prefixLength } from "../data/keys.js";
import type { IndexRange } from "../data/replica.js";
import type { Index, Table } from "../schema/table.js";
import { type CqlType, keyPart, MapType } from "../types/type.js";
import { indexSupports, type Restriction } from "./relations.js";
import { type Bound, type Run, unset } from "./run.js";

/** An index with the part of it that a query asks for. */
export interface IndexUse {
  readonly index: Index;
  readonly range: IndexRange;
  /** Whether what it finds stands for whole partitions. */
  readonly ofPartitions: boolean;
}

const everything: IndexRange = { from: "", to: aboveRows, part: undefined };

function exactly(part: string): IndexRange {
  const from = indexPart(part);
  return { from, to: from + aboveRows, part: isWholePart(part) ? from : undefined };
}

/** The part of an index that a restriction asks for; undefined where a value of it is none. */
function rangeOf({ of }: Index, restriction: Restriction, run: Run): IndexRange | undefined {
  const [column] = restriction.columns;
  const { type } = column!;
  const part = (of_: CqlType, bound: Bound | undefined): string | undefined =>
    bound === undefined || bound === null || bound === unset ? undefined : keyPart(of_, bound);
  switch (restriction.kind) {
    case "eq": {
      const found = part(type, restriction.values(run)[0]);
      return found === undefined ? undefined : exactly(found);
    }
    case "slice": {
      const low = restriction.lower === undefined ? undefined : part(type, restriction.lower.values(run)[0]);
      const high = restriction.upper === undefined ? undefined : part(type, restriction.upper.values(run)[0]);
      return {
        from: low === undefined ? everything.from : indexPart(low),
        to: high === undefined ? everything.to : indexPart(high) + aboveRows,
        part: undefined,
      };
    }
    case "contains": {
      const keys = type instanceof MapType ? type.keys : type;
      const values = type instanceof MapType ? type.values : (type as unknown as { element: CqlType }).element;
      if (of === "keys") {
        const found = part(keys, restriction.keys[0]?.evaluate(run));
        return found === undefined ? undefined : exactly(found);
      }
      if (of === "values") {
        const found = part(values, restriction.values[0]?.evaluate(run));
        return found === undefined ? undefined : exactly(found);
      }
      const entry = restriction.entries[0];
      const key = part(keys, entry?.[0].evaluate(run));
      const value = part(values, entry?.[1].evaluate(run));
      return key === undefined || value === undefined ? undefined : exactly(entryPart(key, value));
    }
    default:
      return undefined;
  }
}

/** The index that a query over a range of partitions is answered from: one of an equality where there is one. */
export function indexFor(table: Table, restrictions: readonly Restriction[], run: Run): IndexUse | undefined {
  let best: IndexUse | undefined;
  for (const restriction of restrictions) {
    const [column] = restriction.columns;
    for (const index of table.facts.indexes) {
      if (column!.name !== index.column || !indexSupports(index, restriction)) continue;
      const range = rangeOf(index, restriction, run);
      if (range === undefined) continue;
      const ofPartitions = column!.kind === "static" || column!.kind === "partition_key";
      if (best === undefined || (best.range.part === undefined && range.part !== undefined))
        best = { index, range, ofPartitions };
    }
  }
  return best;
}

/** Keys that are asked for at once. */
const atOnce = 256;

/** The rows that an index finds, as a walk over the table would show them: each partition's static row before its rows. */
export class IndexCursor {
  readonly #reader: Reader;
  readonly #use: IndexUse;
  readonly #from: string;
  readonly #to: string;
  #found: readonly string[] = [];
  #at = 0;
  #next: string;
  #isDone = false;
  #prefix = "";
  /** A partition that is shown whole. */
  #whole: { next(): boolean; readonly key: string; readonly value: Buffer } | undefined;
  #pending: { readonly key: string; readonly value: Buffer } | undefined;
  key = "";
  value: Buffer = Buffer.alloc(0);

  /** Rows with keys in [from, to). */
  constructor(reader: Reader, use: IndexUse, from: string, to: string) {
    this.#reader = reader;
    this.#use = use;
    this.#from = from;
    // What stands for a whole partition may lie before where the walk goes on in it.
    this.#next = use.ofPartitions ? from.slice(0, prefixLength(from)) : from;
    this.#to = to;
  }

  #take(): string | undefined {
    while (this.#at >= this.#found.length) {
      if (this.#isDone) return undefined;
      const { index, range } = this.#use;
      this.#found = this.#reader.find(index, range, this.#next, atOnce);
      this.#at = 0;
      this.#isDone = range.part === undefined || this.#found.length < atOnce;
      if (this.#found.length > 0) this.#next = `${this.#found.at(-1)!}\x00`;
    }
    const key = this.#found[this.#at++]!;
    return key < this.#to ? key : undefined;
  }

  #show(key: string, value: Buffer): true {
    this.key = key;
    this.value = value;
    return true;
  }

  next(): boolean {
    for (;;) {
      if (this.#pending !== undefined) {
        const { key, value } = this.#pending;
        this.#pending = undefined;
        return this.#show(key, value);
      }
      if (this.#whole !== undefined) {
        if (this.#whole.next()) return this.#show(this.#whole.key, this.#whole.value);
        this.#whole = undefined;
      }
      const key = this.#take();
      if (key === undefined) return false;
      const prefix = key.slice(0, prefixLength(key));
      if (this.#use.ofPartitions) {
        if (prefix === this.#prefix) continue;
        this.#prefix = prefix;
        this.#whole = this.#reader.scan(later(prefix, this.#from), prefix + above);
        continue;
      }
      const value = this.#reader.get(prefix, key.slice(prefix.length + 1));
      if (value === undefined) continue;
      const begins = prefix !== this.#prefix;
      this.#prefix = prefix;
      const statics = begins ? this.#reader.get(prefix, undefined) : undefined;
      if (statics === undefined) return this.#show(key, value);
      this.#pending = { key, value };
      return this.#show(prefix + kind.staticRow, statics);
    }
  }
}
