/** What a WHERE asks: partitions, rows within them, and what is left to be looked at row by row. */

import type { Where } from "../cql/ast.js";
import { above, composeKey, endOfRing, longestKey, tokenPrefix } from "../data/keys.js";
import { invalid } from "../errors.js";
import type { Column, Table } from "../schema/table.js";
import type { Value } from "../types/type.js";
import { type Filter, filterOf } from "./filters.js";
import { type IndexUse, indexFor } from "./index-scan.js";
import {
  indexSupports,
  mergeRestrictions,
  type Restriction,
  restrictionOf,
  type TokenRestriction,
  tokenRestriction,
} from "./relations.js";
import { type Bound, type Run, unset } from "./run.js";
import { everything, type Slice, slicesOf } from "./slices.js";
import type { BoundTerm, Preparing } from "./terms.js";

export type StatementKind = "select" | "update" | "delete";

export const filteringMessage =
  "Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING";

interface Options {
  readonly kind: StatementKind;
  readonly allowFiltering: boolean;
  readonly selectsOnlyStatics: boolean;
  readonly isDistinct: boolean;
}

export class Restrictions {
  readonly table: Table;
  /** By the position in the partition key. */
  readonly #partition: (Restriction | undefined)[];
  readonly token: TokenRestriction | undefined;
  /** In clustering order. */
  readonly clustering: readonly Restriction[];
  /** How many of {@link clustering} bound the rows; the others are filters. */
  readonly #bounding: number;
  /** What is looked at row by row. */
  readonly filtered: readonly Restriction[];
  /** Not all of the partition key is given. */
  readonly isKeyRange: boolean;
  readonly usesIndex: boolean;
  readonly hasNonKey: boolean;
  readonly hasRegular: boolean;

  constructor(table: Table, where: Where, prepare: Preparing, options: Options) {
    this.table = table;
    const { kind } = options;
    const partition: (Restriction | undefined)[] = table.partitionKey.map(() => undefined);
    const clustering: Restriction[] = [];
    const others = new Map<Column, Restriction>();
    let token: TokenRestriction | undefined;
    for (const relation of where) {
      if (relation.kind === "token") {
        const next = tokenRestriction(relation, table, prepare);
        const both = next.lower !== undefined && next.upper !== undefined;
        if (token !== undefined) {
          const names = table.partitionKey.map((column) => column.name).join(", ");
          const wasEq = token.lower !== undefined && token.lower.term === token.upper?.term;
          if (both || wasEq)
            throw invalid(`${names} cannot be restricted by more than one relation if it includes an Equal`);
          if (token.lower !== undefined && next.lower !== undefined)
            throw invalid(`More than one restriction was found for the start bound on ${names}`);
          if (token.upper !== undefined && next.upper !== undefined)
            throw invalid(`More than one restriction was found for the end bound on ${names}`);
        }
        token = { columns: next.columns, lower: next.lower ?? token?.lower, upper: next.upper ?? token?.upper };
        continue;
      }
      const restriction = restrictionOf(relation, table, prepare);
      const [first] = restriction.columns;
      if (first!.kind === "partition_key") {
        const before = partition[first!.position];
        partition[first!.position] = before === undefined ? restriction : mergeRestrictions(before, restriction);
      } else if (first!.kind === "clustering") addClustering(clustering, restriction);
      else {
        const before = others.get(first!);
        others.set(first!, before === undefined ? restriction : mergeRestrictions(before, restriction));
      }
    }
    clustering.sort((a, b) => a.columns[0]!.position - b.columns[0]!.position);
    this.#partition = partition;
    this.token = token;
    this.clustering = clustering;

    const { indexes } = table.facts;
    const indexed = (restriction: Restriction): boolean =>
      kind === "select" &&
      indexes.some(
        (index) =>
          restriction.columns.some((column) => column.name === index.column) && indexSupports(index, restriction),
      );
    const clusteringIndexed = clustering.some(indexed);
    const partitionIndexed = partition.some((each) => each !== undefined && indexed(each));
    const nonKey = [...others.values()];
    const hasIndex = clusteringIndexed || partitionIndexed || nonKey.some(indexed);
    const given = partition.filter((each) => each !== undefined);
    let isKeyRange = false;
    let usesIndex = false;
    const filtered: Restriction[] = [];
    const isRanged = token !== undefined;
    const names = (columns: readonly Column[]) => columns.map((column) => column.name).join(", ");
    const unrestricted = table.partitionKey.filter((_, at) => partition[at] === undefined);
    if (kind !== "select") {
      if (isRanged)
        throw invalid(`The token function cannot be used in WHERE clauses for ${kind.toUpperCase()} statements`);
      if (unrestricted.length > 0) throw invalid(`Some partition key parts are missing: ${names(unrestricted)}`);
      if (given.some((each) => each!.kind !== "eq" && each!.kind !== "in"))
        throw invalid(
          "Only EQ and IN relation are supported on the partition key (unless you use the token() function)",
        );
    } else {
      if (isRanged) isKeyRange = true;
      if (given.length === 0) {
        isKeyRange = true;
        usesIndex = hasIndex && !isRanged;
      }
      const incomplete = given.length > 0 && unrestricted.length > 0;
      const inexact = given.some((each) => each!.kind !== "eq" && each!.kind !== "in");
      if (incomplete || inexact) {
        if (!options.allowFiltering && !hasIndex) {
          if (isRanged && !inexact)
            throw invalid("The token() function must be applied to all partition key components or none of them");
          throw invalid(filteringMessage);
        }
        isKeyRange = true;
        usesIndex = hasIndex;
      }
      if (isKeyRange) filtered.push(...(given as Restriction[]));
    }

    if (kind === "select" && options.selectsOnlyStatics && clustering.length > 0)
      throw invalid("Cannot restrict clustering columns when selecting only static columns");
    // Clustering columns.
    let bounding = 0;
    let covered = 0;
    let sliced = false;
    for (const restriction of clustering) {
      if (restriction.columns[0]!.position !== covered || sliced || restriction.kind === "contains") break;
      bounding++;
      covered = restriction.columns.at(-1)!.position + 1;
      if (restriction.kind === "slice") sliced = true;
    }
    const clusteringFilters = bounding < clustering.length;
    if (kind !== "select") this.#checkModification(kind, clustering, nonKey, options, names);
    else {
      if (!options.allowFiltering) this.#checkSlices(clustering);
      const someContains = clustering.some((each) => each.kind === "contains");
      if (someContains && !hasIndex && !options.allowFiltering)
        throw invalid("Clustering columns can only be restricted with CONTAINS with a secondary index or filtering");
      if (clusteringFilters) {
        if (hasIndex) usesIndex = true;
        else if (!options.allowFiltering) {
          this.#checkOrder(clustering);
          throw invalid(filteringMessage);
        }
      }
    }
    if (isKeyRange && clusteringIndexed) usesIndex = true;
    // The rows of a range are looked at for these too; Cassandra only counts them where it filters by them.
    const uncounted = isKeyRange && !usesIndex && !clusteringFilters ? clustering.length : 0;
    if (clusteringFilters || (isKeyRange && clustering.length > 0)) filtered.push(...clustering);
    else if (usesIndex) filtered.push(...clustering);
    if (nonKey.length > 0) {
      if (hasIndex) usesIndex = true;
      else if (kind === "select" && !options.allowFiltering) throw invalid(filteringMessage);
      filtered.push(...nonKey);
    }
    if (usesIndex && given.some((each) => each!.kind === "in"))
      throw invalid("Select on indexed columns and with IN clause for the PRIMARY KEY are not supported");
    if (kind === "select" && !options.allowFiltering && (isKeyRange || usesIndex)) {
      const isSaiOnly = indexes.some((index) => index.isSai) && filtered.every((each) => indexed(each));
      const count = filtered.length - uncounted;
      const multipleContains = nonKey.some(
        (each) => each.kind === "contains" && each.values.length + each.keys.length + each.entries.length > 1,
      );
      if (
        !isSaiOnly &&
        (count > 1 ||
          (count === 0 && clustering.length > 0) ||
          (count !== 0 && multipleContains) ||
          (count === 1 && !indexed(filtered.at(-1)!)))
      )
        throw invalid(filteringMessage);
    }
    if (
      kind === "select" &&
      clustering.slice(bounding).some((each) => each.kind === "slice" && each.isMulti && each.columns.length > 1)
    )
      throw invalid("Multi-column slice restrictions cannot be used for filtering.");
    for (const each of nonKey)
      if (each.kind === "in" && kind === "select" && !options.allowFiltering)
        throw invalid(`IN predicates on non-primary-key columns (${each.columns[0]!.name}) is not yet supported`);
    this.#bounding = isKeyRange ? 0 : bounding;
    this.filtered = isKeyRange || usesIndex || clusteringFilters || nonKey.length > 0 ? filtered : [];
    this.isKeyRange = isKeyRange;
    this.usesIndex = usesIndex;
    this.hasNonKey = nonKey.length > 0;
    this.hasRegular = nonKey.some((each) => each.columns[0]!.kind === "regular");
  }

  #checkSlices(clustering: readonly Restriction[]): void {
    const at = clustering.findIndex((each) => each.kind === "slice");
    const next = at < 0 ? undefined : clustering[at + 1];
    if (next !== undefined)
      throw invalid(
        `Clustering column "${next.columns[0]!.name}" cannot be restricted (preceding column "${clustering[at]!.columns[0]!.name}" is restricted by a non-EQ relation)`,
      );
  }

  #checkOrder(clustering: readonly Restriction[]): void {
    const { table } = this;
    let expected = 0;
    let slicedBy: Column | undefined;
    for (const restriction of clustering) {
      const [first] = restriction.columns;
      if (slicedBy !== undefined)
        throw invalid(
          `Clustering column "${first!.name}" cannot be restricted (preceding column "${slicedBy.name}" is restricted by a non-EQ relation)`,
        );
      if (first!.position !== expected)
        throw invalid(
          `PRIMARY KEY column "${first!.name}" cannot be restricted as preceding column "${table.clustering[expected]!.name}" is not restricted`,
        );
      expected = restriction.columns.at(-1)!.position + 1;
      if (restriction.kind === "slice") slicedBy = restriction.columns[0];
    }
  }

  #checkModification(
    kind: StatementKind,
    clustering: readonly Restriction[],
    nonKey: readonly Restriction[],
    options: Options,
    names: (columns: readonly Column[]) => string,
  ): void {
    const { table } = this;
    if (kind === "update" && clustering.some((each) => each.kind === "slice"))
      throw invalid("Slice restrictions are not supported on the clustering columns in UPDATE statements");
    if (nonKey.length > 0)
      throw invalid(`Non PRIMARY KEY columns found in where clause: ${names(nonKey.map((each) => each.columns[0]!))} `);
    if (clustering.some((each) => each.kind === "contains"))
      throw invalid(`Cannot use ${kind.toUpperCase()} with CONTAINS`);
    const restricted = new Set(clustering.flatMap((each) => each.columns));
    const missing = table.clustering.filter((column) => !restricted.has(column));
    if (kind === "update" && missing.length > 0) {
      const compactAllowed = table.compact === "dense" && clustering.length > 0;
      if (!options.selectsOnlyStatics && !compactAllowed)
        throw invalid(`Some clustering keys are missing: ${names(missing)}`);
    }
    this.#checkOrder(clustering);
  }

  /** The composed keys of the partitions; undefined for a range of them. */
  partitionKeys(run: Run): Buffer[] | undefined {
    if (this.isKeyRange) return undefined;
    let combinations: Buffer[][] = [[]];
    const single = this.#partition.length === 1;
    for (const restriction of this.#partition) {
      if (restriction!.kind === "eq") {
        const value = checkedKey(restriction!.values(run)[0]!, single);
        for (const combination of combinations) combination.push(value);
        continue;
      }
      if (restriction!.kind !== "in") throw invalid("Only EQ and IN relation are supported on the partition key");
      const items = restriction!.items(run).map(([value]) => checkedKey(value!, single));
      combinations = combinations.flatMap((combination) => items.map((item) => [...combination, item]));
    }
    const keys = combinations.map(composeKey);
    for (const key of keys)
      if (key.length > longestKey) throw invalid(`Key length of ${key.length} is longer than maximum of 65535`);
    return keys;
  }

  get hasKeyIn(): boolean {
    return this.#partition.some((each) => each?.kind === "in");
  }

  get partitionIsExact(): boolean {
    return !this.isKeyRange && this.#partition.every((each) => each?.kind === "eq");
  }

  get hasClustering(): boolean {
    return this.clustering.length > 0;
  }

  get hasClusteringIn(): boolean {
    return this.clustering.some((each) => each.kind === "in");
  }

  /** Whether columns are bound to one value each; a partition key column too. */
  isFixed(column: Column): boolean {
    if (column.kind === "partition_key") return this.#partition[column.position]?.kind === "eq";
    return this.clustering.some((each) => each.kind === "eq" && each.columns.includes(column));
  }

  /** Where the tree is to be read for a range of partitions. */
  tokenRange(run: Run): { readonly from: string; readonly to: string } {
    let from = "";
    let to = endOfRing;
    const { token } = this;
    if (token === undefined) return { from, to };
    const value = (term: BoundTerm): bigint => {
      const bytes = term.evaluate(run);
      if (bytes === null) throw invalid("Invalid null token value");
      if (bytes === unset) throw invalid("Invalid unset token value");
      return bytes.length === 0 ? 0n : bytes.readBigInt64BE(0);
    };
    if (token.lower !== undefined) {
      const lower = value(token.lower.term);
      from = tokenPrefix(lower) + (token.lower.inclusive ? "" : above + above + above);
    }
    if (token.upper !== undefined) {
      const upper = value(token.upper.term);
      // The smallest token stands for the end of the ring.
      if (upper === -0x8000000000000000n) to = endOfRing;
      else to = tokenPrefix(upper) + (token.upper.inclusive ? above + above + above : "");
    }
    return { from, to };
  }

  /** The rows that the clustering restrictions leave, in clustering order. */
  slices(run: Run): Slice[] {
    if (this.#bounding === 0) return [everything];
    return slicesOf(this.table, this.clustering.slice(0, this.#bounding), run);
  }

  /** Full clustering keys, for statements that name rows; undefined where it is a range. */
  rowKeys(run: Run): Value[][] | undefined {
    let combinations: Value[][] = [[]];
    for (const restriction of this.clustering) {
      if (restriction.kind === "eq") {
        const values = restriction.values(run);
        combinations = combinations.map((combination) => [...combination, ...values]);
      } else if (restriction.kind === "in") {
        const items = restriction.items(run);
        combinations = combinations.flatMap((combination) => items.map((item) => [...combination, ...item]));
      } else return undefined;
    }
    return combinations;
  }

  /** The index that a range of partitions is read by, where there is one that can. */
  indexUse(run: Run): IndexUse | undefined {
    return this.usesIndex ? indexFor(this.table, this.filtered, run) : undefined;
  }

  /** An index can hold no value that is longer, so that a query by one is refused, also one of several columns at once. */
  #checkIndexed(run: Run): void {
    for (const restriction of this.filtered) {
      if (restriction.columns.length > 1) {
        if (restriction.kind !== "eq") continue;
        restriction.values(run).forEach((value, at) => {
          if (this.#isIndexed(restriction.columns[at]!)) checkIndexedValue(value);
        });
        continue;
      }
      if (!this.usesIndex) continue;
      const values =
        restriction.kind === "eq"
          ? restriction.values(run)
          : restriction.kind === "contains"
            ? [...restriction.values, ...restriction.keys].map((term) => term.evaluate(run))
            : [];
      for (const value of values) checkIndexedValue(value);
    }
  }

  #isIndexed(column: Column): boolean {
    return this.table.facts.indexes.some((index) => !index.isSai && index.column === column.name);
  }

  /** A test for what is looked at row by row; undefined where there is nothing. */
  filter(run: Run): Filter | undefined {
    this.#checkIndexed(run);
    const tests = this.filtered.map((restriction) => filterOf(restriction, run));
    if (tests.length === 0) return undefined;
    if (tests.length === 1) return tests[0]!;
    return (context) => tests.every((test) => test(context));
  }
}

function checkIndexedValue(value: Bound): void {
  if (Buffer.isBuffer(value) && value.length > longestKey)
    throw invalid("Index expression values may not be larger than 64K");
}

function checkedKey(value: Value, single: boolean): Buffer {
  if (value!.length === 0 && single) throw invalid("Key may not be empty");
  if (value!.length > longestKey) throw invalid(`Key length of ${value!.length} is longer than maximum of 65535`);
  return value!;
}

function addClustering(list: Restriction[], added: Restriction): void {
  const at = list.findIndex((each) => each.columns.some((column) => added.columns.includes(column)));
  if (at < 0) {
    list.push(added);
    return;
  }
  list[at] = mergeRestrictions(list[at]!, added);
}
