import { KeyfoldError } from "../../internal/errors.js";
import type { Field } from "../../model/field.js";
import type { PageCall, PageData, RecordData } from "./adapter.js";
import { compareValues, scaledInteger, scaledText } from "./conditions.js";

/** A group's sum and count; a sum is a whole number of the field's smallest unit, or a number where the field is a double. */
export interface Total {
  readonly group: unknown;
  sum: bigint | number;
  count: number;
}

/** Totals by the group's text. */
export type Totals = Map<string | number | boolean, Total>;

/** Adds up what records contribute to a `top`, for engines that keep contributions and sums themselves. */
export class Adder {
  readonly #by: Field;
  readonly #sum: Field | undefined;

  /** `sum` undefined: groups are only counted. */
  constructor(by: Field, sum: Field | undefined) {
    this.#by = by;
    this.#sum = sum;
  }

  /** Adds one contribution; `amount` in the field's own form, undefined or null where the record has none. */
  add(group: unknown, amount: unknown, to: Totals): void {
    this.#count(group, amount === undefined || amount === null ? undefined : this.unscaled(amount), 1, to);
  }

  #count(group: unknown, amount: bigint | number | undefined, count: number, to: Totals): void {
    const key = textOf(group);
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

  /** Adds a part of folded sums. */
  addFolded(part: string, to: Totals): void {
    for (const [group, amount, count] of JSON.parse(part) as [unknown, string, number][]) {
      this.#count(this.#fromJson(group), this.#sum?.kind === "double" ? Number(amount) : BigInt(amount), count, to);
    }
  }

  /** Totals as JSON, in parts of at most so many characters; one part at least. In whichever order they were added, the parts are the same. */
  foldedParts(totals: Totals, most: number): string[] {
    const parts: string[] = [];
    let part = "";
    const ordered = [...totals].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [, { group, sum, count }] of ordered) {
      const text = JSON.stringify([toJson(group), String(sum), count]);
      if (part.length + text.length > most) {
        parts.push(`[${part}]`);
        part = "";
      }
      part += part === "" ? text : `,${text}`;
    }
    parts.push(`[${part}]`);
    return parts;
  }

  #fromJson(group: unknown): unknown {
    const { kind } = this.#by;
    if (kind === "date") return new Date(group as number);
    return kind === "int64" ? BigInt(group as string) : group;
  }

  /** An amount in whole units of the field's last digit. */
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

/** A page of groups, in the pattern's order. */
export function topPage(
  adder: Adder,
  totals: Totals,
  { by, sum }: { readonly by: { readonly name: string }; readonly sum: { readonly name: string } | undefined },
  { limit, after }: Pick<PageCall, "limit" | "after">,
): PageData {
  let ordered = adder.ordered(totals);
  if (after !== undefined) ordered = ordered.filter((total) => adder.isAfter(total, after));
  const rows = ordered.slice(0, limit).map(
    (total): RecordData => ({
      [by.name]: total.group,
      ...(sum === undefined ? {} : { [sum.name]: adder.scaled(total.sum) }),
      count: total.count,
    }),
  );
  const last = rows.at(-1);
  const more = ordered.length > limit && last !== undefined;
  return { rows, next: more ? [sum === undefined ? last["count"] : last[sum.name], last[by.name]] : undefined };
}

function textOf(group: unknown): string | number | boolean {
  if (typeof group === "string" || typeof group === "number" || typeof group === "boolean") return group;
  return group instanceof Date ? group.getTime() : String(group);
}

function toJson(group: unknown): unknown {
  if (group instanceof Date) return group.getTime();
  return typeof group === "bigint" ? String(group) : group;
}
