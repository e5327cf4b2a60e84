import type { Bucket, BucketUnit } from "./bucket.js";
import type { AtMost, Consistency } from "./consistency.js";
import type { AnyEntity, Entity } from "./entity.js";
import type { AmountOrEmpty, At, DateOrEmpty, Names, NamesOf, Simplify, TextOrEmpty } from "./names.js";

/**
 * A named question. `Kind` is what an adapter's capability is keyed by. A pattern carries the entity's name, its
 * parameters and its row, never the schema: hovers stay plain and no zod type reaches a declaration file.
 */
export interface Pattern<Kind extends string, EntityName extends string, P, Row, Level extends Consistency> {
  readonly kind: Kind;
  readonly entity: EntityName;
  /** Only a type: the parameters. */
  readonly $params: P;
  /** Only a type: the row; "record": the entity's record; "records": one entity's name and a record of it. */
  readonly $row: Row;
  /** Only a type: the levels that a call may ask for. */
  readonly $level: AtMost<Level>;
}

/** Any pattern, for constraints. */
export interface AnyPattern {
  readonly kind: string;
  readonly entity: string;
  readonly $params: unknown;
  readonly $row: unknown;
  readonly $level: Consistency;
}

/** Conditions on one field; all must hold. A bare value means equality. */
export type Compare<V> =
  | V
  | {
      readonly eq?: V;
      readonly ne?: V;
      readonly gt?: V;
      readonly gte?: V;
      readonly lt?: V;
      readonly lte?: V;
      readonly in?: readonly V[];
      readonly exists?: boolean;
    };
/** Fixed conditions by field; all must hold. */
export type Where<F extends string, R> = { readonly [K in F]?: Compare<At<R, K>> };
/** The order of the rows: first named, first compared. */
export type Order<F extends string> = { readonly [K in F]?: "asc" | "desc" };

/** Parameters of a question: `{ customerId: string }` from "customerId", `{ day: string }` from day("at"); `from` and `to` from a range. */
export type Params<R, B, Range> = [Range] extends [never]
  ? Asked<R, B>
  : Simplify<Asked<R, B> & Between<Range extends string ? At<R, Range> : string>>;
type Asked<R, B> = {
  [X in B as X extends string ? X : X extends Bucket<string, infer U> ? U : never]: X extends string
    ? At<R, X>
    : string;
} & {};
/** The half-open range [from, to); a bound left out is open. */
export interface Between<V> {
  readonly from?: V;
  readonly to?: V;
}

/** The row of a pattern that reads only some fields: these, as the record has them. */
type Selected<R, S extends keyof R> = [S] extends [never] ? "record" : Simplify<Pick<R, S>>;

type ListKind<K extends readonly string[], B extends readonly unknown[]> = K extends readonly [...B, ...unknown[]]
  ? "listByKey"
  : "list";

/** What a pattern is before `defineModel` has checked it. */
export interface PatternDraft {
  readonly kind: "get" | "list" | "rank" | "top" | "search" | "together";
  readonly entity: string;
  /** Of `together`: all entities. */
  readonly entities?: readonly string[];
  readonly spec: {
    readonly by?: unknown;
    readonly order?: unknown;
    readonly where?: unknown;
    readonly range?: unknown;
    readonly sum?: unknown;
    readonly text?: unknown;
    readonly filter?: unknown;
    readonly facets?: unknown;
    readonly select?: unknown;
    readonly consistency?: unknown;
  };
}

function draft<Kind extends string, N extends string, P, Row, Level extends Consistency>(
  kind: PatternDraft["kind"],
  entity: string,
  spec: PatternDraft["spec"],
): Pattern<Kind, N, P, Row, Level> {
  return { kind, entity, spec } satisfies PatternDraft as unknown as Pattern<Kind, N, P, Row, Level>;
}

/**
 * One record by its key.
 *
 * @param spec `select`: the fields that are wanted, of the record's own, no paths; exactly these are in the answer.
 *
 * @example
 * ```ts
 * lineBySeq: get(line)   // await shop.lineBySeq({ seq: 1 }) is the record, or undefined
 * ```
 */
export function get<
  N extends string,
  R,
  K extends readonly string[],
  const S extends keyof R & string = never,
  const Level extends Consistency = "session",
>(
  entity: Entity<N, R, K, unknown>,
  spec: { readonly select?: readonly S[]; readonly consistency?: Level } = {},
): Pattern<"get", N, Params<R, K[number], never>, Selected<R, S>, Level> {
  return draft("get", entity.name, spec);
}

/**
 * Records that are equal in `by`, in order; page by page or one by one.
 *
 * @param spec
 * - `by`: fields, or buckets of a date field (`day("at")`), that each call gives a value for.
 * - `order`: made total with the key's remaining fields, in the direction of the last term. Left out: by `range`'s
 *   field or the bucket's, then by the key, ascending.
 * - `where`: fixed conditions.
 * - `range`: a field (`from` and `to` are its values) or a bucket (`from` and `to` are buckets); [from, to), both optional.
 * - `select`: the fields that are wanted, of the record's own, no paths; exactly these are in the rows, and the plan
 *   has the engine store and read no more for them where that saves something. Left out: whole records.
 *
 * @example
 * ```ts
 * linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
 * // const { items, cursor } = await shop.linesByCustomer({ customerId: "17850" }, { limit: 5 });
 * ```
 */
export function list<
  N extends string,
  R,
  K extends readonly string[],
  const B extends readonly (
    | Names<R>[keyof R & string]
    | Bucket<NamesOf<R, DateOrEmpty>[keyof R & string], BucketUnit>
  )[],
  const Range extends
    | Names<R>[keyof R & string]
    | Bucket<NamesOf<R, DateOrEmpty>[keyof R & string], BucketUnit> = never,
  const S extends keyof R & string = never,
  const Level extends Consistency = "session",
>(
  entity: Entity<N, R, K, unknown>,
  spec: {
    readonly by: B;
    readonly order?: Order<Names<R>[keyof R & string]>;
    readonly where?: Where<Names<R>[keyof R & string], R>;
    readonly range?: Range;
    readonly select?: readonly S[];
    readonly consistency?: Level;
  },
): Pattern<ListKind<K, B>, N, Params<R, B[number], Range>, Selected<R, S>, Level> {
  return draft("list", entity.name, spec);
}

/** An answer of `rank`: the record's place, from 1, how many there are in its group, and the record. */
export interface RankRow<R> {
  readonly rank: number;
  readonly of: number;
  readonly record: R;
}

/**
 * One record's place among those that are equal to it in `by`: 1 is the first in `order`. Asked for by the record's key;
 * undefined where there is no such record, or it is in no group. No two records share a place: where `order` ties, the
 * key's remaining fields decide, in the direction of the last term, as in a {@link list} with the same `by`, `order` and
 * `where`.
 *
 * @param spec
 * - `by`: fields, or buckets of a date field, of the group.
 * - `order`: what a better place is: `{ points: "desc" }`.
 * - `where`: fixed conditions; a record that does not meet them has no place, and is not counted.
 *
 * @example
 * ```ts
 * lineRank: rank(line, { by: ["country"], order: { total: "desc" } }),
 * // await shop.lineRank({ seq: 1 })   →   { rank: 3, of: 1204, record: { seq: 1, … } }
 * ```
 */
export function rank<N extends string, R, K extends readonly string[], const Level extends Consistency = "session">(
  entity: Entity<N, R, K, unknown>,
  spec: {
    readonly by: readonly (
      | Names<R>[keyof R & string]
      | Bucket<NamesOf<R, DateOrEmpty>[keyof R & string], BucketUnit>
    )[];
    readonly order: Order<Names<R>[keyof R & string]>;
    readonly where?: Where<Names<R>[keyof R & string], R>;
    readonly consistency?: Level;
  },
): Pattern<"rank", N, Params<R, K[number], never>, RankRow<R>, Level> {
  return draft("rank", entity.name, spec);
}

/** A row of `top`: the group, its sum where one was asked for, and the number of its records. */
export type TopRow<R, B extends string, Sum extends string> = {
  [F in B | Sum | "count"]: F extends "count" ? number : At<R, F>;
} & {};

/**
 * Sum and count per value of a field, the largest first; ties by the field ascending. Records without the field are left out.
 *
 * @param spec
 * - `by`: the field to group by.
 * - `sum`: the field to add up, exactly; left out: groups are ordered by their count.
 * - `where`: fixed conditions.
 * - `range`: a field or a bucket; parameters `from` and `to` as in {@link list}.
 *
 * @example
 * ```ts
 * topCustomers: top(line, { by: "customerId", sum: "total", where: { quantity: { gt: 0 } }, range: day("at"), consistency: "eventual" }),
 * // (await shop.topCustomers({ from: "2010-12-01", to: "2011-01-01" }, { limit: 3 })).items
 * // [{ customerId: "18102", total: "27834.610", count: 45 }, …]
 * ```
 */
export function top<
  N extends string,
  R,
  const B extends Names<R>[keyof R & string],
  const Sum extends NamesOf<R, AmountOrEmpty>[keyof R & string] = never,
  const Range extends
    | Names<R>[keyof R & string]
    | Bucket<NamesOf<R, DateOrEmpty>[keyof R & string], BucketUnit> = never,
  const Level extends Consistency = "session",
>(
  entity: Entity<N, R, readonly string[], unknown>,
  spec: {
    readonly by: B;
    readonly sum?: Sum;
    readonly where?: Where<Names<R>[keyof R & string], R>;
    readonly range?: Range;
    readonly consistency?: Level;
  },
): Pattern<"top", N, Params<R, never, Range>, TopRow<R, B, Sum>, Level> {
  return draft("top", entity.name, spec);
}

/**
 * Records whose text matches words, best first. Only engines with a text index of their own serve it: on the others its
 * use is a compile error and a finding of `plan`.
 *
 * @example
 * ```ts
 * searchLines: search(line, { text: ["description"], filter: ["country"], facets: ["country"], consistency: "eventual" })
 * ```
 */
export function search<
  N extends string,
  R,
  const Filter extends Names<R>[keyof R & string] = never,
  const Level extends Consistency = "session",
>(
  entity: Entity<N, R, readonly string[], unknown>,
  spec: {
    readonly text: readonly NamesOf<R, TextOrEmpty>[keyof R & string][];
    readonly filter?: readonly Filter[];
    readonly facets?: readonly Names<R>[keyof R & string][];
    readonly consistency?: Level;
  },
): Pattern<"search", N, Simplify<{ text: string } & { [F in Filter]?: At<R, F> }>, "record", Level> {
  return draft("search", entity.name, spec);
}

/** A row of `together`: which entity it is of, and the record. */
export type TogetherRow<E, Name> = {
  [N in Name & keyof E]: E[N] extends { readonly $record: infer R }
    ? { readonly entity: N; readonly record: R }
    : never;
}[Name & keyof E];

/**
 * Records of several entities that belong together, in one request: a customer and all their orders. Rows come entity
 * by entity, in the order of the entities' names, each in the order of its key. Where the entities' keys begin with
 * `by`, the design places them side by side.
 *
 * @param entities what is read; each has all fields of `by`
 * @param spec `by`: fields that each call gives a value for.
 *
 * @example
 * ```ts
 * customerFile: together([customer, order], { by: ["customerId"] }),
 * // for await (const row of shop.customerFile.each({ customerId: "17850" })) {
 * //   if (row.entity === "order") console.log(row.record.total);
 * // }
 * ```
 */
export function together<
  const E extends readonly AnyEntity[],
  const B extends readonly (keyof E[number]["$record"] & string)[],
  const Level extends Consistency = "session",
>(
  entities: E,
  spec: { readonly by: B; readonly consistency?: Level },
): Pattern<"together", E[number]["name"], Asked<E[number]["$record"], B[number]>, "records", Level> {
  const names = entities.map(({ name }) => name);
  const made: PatternDraft = { kind: "together", entity: names[0] ?? "", entities: names, spec };
  return made as unknown as Pattern<
    "together",
    E[number]["name"],
    Asked<E[number]["$record"], B[number]>,
    "records",
    Level
  >;
}
