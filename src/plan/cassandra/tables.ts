import type { Condition, EntityData, ListPattern, ModelData, TopPattern } from "../../model/description.js";
import { fieldAt } from "../../model/field.js";
import { stableJson } from "../design.js";
import { type Cut, cutOf } from "../partitions.js";
import { keyColumn, keyField } from "./columns.js";
import { type Home, homeOf, isKeyOrder } from "./homes.js";
import type { EngineLimits } from "./limits.js";
import { AMOUNT, BUCKET, DEAD, DONE, GONE, GROUP, ownColumn, SHARD, tableName, VERSION, WRITES } from "./names.js";
import { partitionKeyBytes, rowBytes } from "./sizes.js";
import { tableOptions } from "./table-options.js";
import type {
  ClusteringColumn,
  CqlColumn,
  CqlContribution,
  CqlTable,
  CqlUnique,
  KeyColumn,
  StoredColumn,
} from "./types.js";

/** All tables of an entity, and what reads them. */
export interface EntityTables {
  readonly home: Home;
  readonly tables: readonly CqlTable[];
  readonly contributions: readonly CqlContribution[];
  readonly uniques: readonly CqlUnique[];
  /** By pattern: the table that serves it, and how its groups are cut. */
  readonly served: ReadonlyMap<string, { readonly table: CqlTable; readonly cut: Cut }>;
}

/** Makes the tables of one entity; names that are taken already are those of the entities before it. */
export class TableMaker {
  readonly #model: ModelData;
  readonly #entity: EntityData;
  readonly #stored: readonly StoredColumn[];
  readonly #limits: EngineLimits;
  readonly #taken: Set<string>;

  constructor(
    model: ModelData,
    entity: EntityData,
    stored: readonly StoredColumn[],
    limits: EngineLimits,
    taken: Set<string>,
  ) {
    this.#model = model;
    this.#entity = entity;
    this.#stored = stored;
    this.#limits = limits;
    this.#taken = taken;
  }

  make(): EntityTables {
    const entity = this.#entity;
    const own = Object.values(this.#model.patterns).filter((pattern) => pattern.entity === entity.name);
    const lists = own.filter(
      (pattern): pattern is ListPattern => pattern.kind === "list" || pattern.kind === "listByKey",
    );
    const tops = own.filter((pattern): pattern is TopPattern => pattern.kind === "top");
    const home = homeOf(this.#model, entity);
    const byHome = lists.filter((pattern) => isKeyOrder(entity, pattern));
    const groups = this.#groups(lists.filter((pattern) => !byHome.includes(pattern)));
    const beside = groups.length + tops.length + entity.unique.length > 0;
    const served = new Map<string, { table: CqlTable; cut: Cut }>();

    const homeMade = this.#home(
      home,
      byHome,
      own.flatMap(({ kind, name }) => (kind === "get" ? [name] : [])),
      beside,
    );
    for (const name of homeMade.table.serves) served.set(name, homeMade);
    const queries = groups.map((patterns) => {
      const made = this.#query(patterns);
      for (const { name } of patterns) served.set(name, made);
      return made.table;
    });
    const summed = tops.map((pattern) => this.#contributions(pattern));
    for (const { contribution, table, cut } of summed) served.set(contribution.pattern, { table, cut });
    const uniques = entity.unique.map((fields) => this.#unique(fields));
    return {
      home,
      tables: [homeMade.table, ...queries, ...summed.map(({ table }) => table), ...uniques.map(({ table }) => table)],
      contributions: summed.map(({ contribution }) => contribution),
      uniques: uniques.map(({ unique }) => unique),
      served,
    };
  }

  /** Lists that one table can serve: the same question, order and conditions; a range is one within the order. */
  #groups(lists: readonly ListPattern[]): readonly (readonly ListPattern[])[] {
    const groups = new Map<string, ListPattern[]>();
    for (const pattern of lists) {
      const flipped = pattern.order.map((term) => [term.field, term.direction === pattern.order[0]?.direction]);
      // A table is read in both directions.
      const identity = stableJson([pattern.by, flipped, pattern.where]);
      const group = groups.get(identity);
      if (group === undefined) groups.set(identity, [pattern]);
      else group.push(pattern);
    }
    return [...groups.values()];
  }

  /** `where`: what is in the table. Another condition is another table, which is filled anew. */
  #name(plain: string, identity: unknown, where: readonly Condition[] = []): string {
    const name = tableName(plain, stableJson(identity), this.#taken, where.length > 0);
    this.#taken.add(name);
    return name;
  }

  #home(
    home: Home,
    lists: readonly ListPattern[],
    gets: readonly string[],
    beside: boolean,
  ): { readonly table: CqlTable; readonly cut: Cut } {
    const entity = this.#entity;
    const partition = home.partition.map((field) => this.#key(field, "partition"));
    const direction = lists[0]?.order[0]?.direction ?? "asc";
    const clustering = home.clustering.map(
      (field): ClusteringColumn => ({ ...this.#key(field, "clustering"), direction }),
    );
    const plain = this.#isPlain();
    const books: CqlColumn[] = [{ name: VERSION, cql: "bigint" }];
    if (!plain) {
      books.push({ name: WRITES, cql: "frozen<list<text>>" });
      if (beside) {
        books.push({ name: DONE, cql: "bigint" }, { name: GONE, cql: "text" }, { name: DEAD, cql: "boolean" });
      }
    }
    const columns = [...this.#columnsBeside([...partition, ...clustering]), ...books];
    const by = home.partition.map((field) => ({ kind: "field", field, param: field }) as const);
    const bytes = this.#rowBytes(clustering, columns);
    const single: Cut = { unit: undefined, shards: 1, rows: 1, arithmetic: "one record a partition" };
    const cut: Cut =
      clustering.length === 0
        ? single
        : (() => {
            // The key must say where a record lies: only shards by its hash could cut it.
            const { rows, arithmetic, shards } = cutOf(this.#model, entity, by, undefined, bytes, this.#limits);
            return { unit: undefined, shards, rows, arithmetic };
          })();
    const sharded = cut.shards > 1 ? [...partition, shardColumn(cut.shards)] : partition;
    this.#taken.add(entity.storedAs);
    const table = this.#table({
      name: entity.storedAs,
      role: "home",
      partition: sharded,
      clustering,
      columns,
      has: [],
      where: [],
      serves: [...gets, ...lists.map(({ name }) => name)],
      bucketsTable: undefined,
      cut,
      bytes,
    });
    return { table, cut };
  }

  #query(patterns: readonly ListPattern[]): { readonly table: CqlTable; readonly cut: Cut } {
    const entity = this.#entity;
    const [pattern] = patterns as [ListPattern];
    const first = pattern.order[0];
    const clustering = pattern.order.map(
      ({ field, direction }): ClusteringColumn => ({ ...this.#key(field, "clustering"), direction }),
    );
    const asked = pattern.by.map((part): KeyColumn => {
      if (part.kind === "field") return this.#key(part.field, "partition");
      const source = { kind: "bucket", field: part.field, unit: part.unit, asked: true } as const;
      return { name: ownColumn(`${part.field}_${part.unit}`), cql: "text", source };
    });
    const columns = this.#columnsBeside([...asked, ...clustering]);
    const bytes = this.#rowBytes(clustering, columns);
    const date = first !== undefined && keyField(entity.fields, first.field).kind === "date" ? first.field : undefined;
    const cut = cutOf(this.#model, entity, pattern.by, date, bytes, this.#limits);
    const partition = [
      ...asked,
      ...(cut.unit === undefined
        ? []
        : [
            {
              name: BUCKET,
              cql: "text",
              source: { kind: "bucket", field: date as string, unit: cut.unit, asked: false },
            } satisfies KeyColumn,
          ]),
      ...(cut.shards > 1 ? [shardColumn(cut.shards)] : []),
    ];
    const question = pattern.by.map((part) => (part.kind === "field" ? part.field : part.unit)).join("_and_");
    const ordered = first === undefined ? "" : `_${first.field}${first.direction === "desc" ? "_desc" : ""}`;
    const where = pattern.where.length === 0 ? "" : "_where";
    // Another cut is another table, which is filled anew.
    // So is one of records that end: their buckets end with them.
    const ending = cut.unit === undefined || entity.expires === undefined ? "" : "_ending";
    const pieces = `${cut.unit === undefined ? "" : `_per_${cut.unit}`}${ending}${cut.shards > 1 ? `_x${cut.shards}` : ""}`;
    const identity = [entity.name, partition, clustering, pattern.where, ending];
    const name = this.#name(`${entity.storedAs}_by_${question}${ordered}${where}${pieces}`, identity, pattern.where);
    const table = this.#table({
      name,
      role: "query",
      partition,
      clustering,
      columns,
      has: this.#optional([...pattern.by.map(({ field }) => field), ...pattern.order.map(({ field }) => field)]),
      where: pattern.where,
      serves: patterns.map((one) => one.name),
      bucketsTable: cut.unit === undefined ? undefined : this.#name(`${name}_buckets`, [...identity, "buckets"]),
      cut,
      bytes,
    });
    return { table, cut };
  }

  #contributions(pattern: TopPattern): {
    readonly contribution: CqlContribution;
    readonly table: CqlTable;
    readonly cut: Cut;
  } {
    const entity = this.#entity;
    const { range } = pattern;
    const unit = range?.unit;
    const bucket = range === undefined || unit === undefined ? undefined : { field: range.field, unit };
    const by = bucket === undefined ? [] : [{ kind: "bucket", ...bucket, param: bucket.unit } as const];
    const ordered = [...(range !== undefined && bucket === undefined ? [range.field] : []), ...entity.key];
    const clustering = [...new Set(ordered)].map(
      (field): ClusteringColumn => ({ ...this.#key(field, "clustering"), direction: "asc" }),
    );
    const group = { name: GROUP, cql: this.#key(pattern.by, "partition").cql };
    const columns: CqlColumn[] = [
      group,
      ...(pattern.sum === undefined ? [] : [{ name: AMOUNT, cql: this.#key(pattern.sum, "partition").cql }]),
    ];
    const bytes = this.#rowBytes(clustering, columns, { [GROUP]: pattern.by, [AMOUNT]: pattern.sum });
    const cut = cutOf(this.#model, entity, by, undefined, bytes, this.#limits);
    // Without a bucket there is one partition for all time: it has a shard so that it has a key at all.
    const shards = bucket === undefined || cut.shards > 1 ? [shardColumn(cut.shards)] : [];
    const partition: KeyColumn[] = [
      ...(bucket === undefined
        ? []
        : [{ name: BUCKET, cql: "text", source: { kind: "bucket", ...bucket, asked: true } } satisfies KeyColumn]),
      ...shards,
    ];
    const identity = [entity.name, partition, clustering, pattern.by, pattern.sum, pattern.where, range];
    const name = this.#name(contributionsName(entity, pattern, cut), identity, pattern.where);
    const table = this.#table({
      name,
      role: "contributions",
      partition,
      clustering,
      columns,
      has: this.#optional([pattern.by, ...(range === undefined ? [] : [range.field])]),
      where: pattern.where,
      serves: [pattern.name],
      bucketsTable: undefined,
      cut,
      bytes,
    });
    const contribution: CqlContribution = {
      pattern: pattern.name,
      table: name,
      bucket,
      shards: cut.shards,
      by: pattern.by,
      sum: pattern.sum,
    };
    return { contribution, table, cut };
  }

  #unique(fields: readonly string[]): { readonly unique: CqlUnique; readonly table: CqlTable } {
    const partition = fields.map((field) => this.#key(field, "partition"));
    const columns: CqlColumn[] = [
      { name: "kf_owner", cql: "text" },
      { name: "kf_claim", cql: "text" },
      { name: "kf_held", cql: "boolean" },
      { name: "kf_at", cql: "timestamp" },
    ];
    const name = this.#name(`${this.#entity.storedAs}_unique_${fields.join("_")}`, [this.#entity.name, fields]);
    const table = this.#table({
      name,
      role: "unique",
      partition,
      clustering: [],
      columns,
      has: this.#optional(fields),
      where: [],
      serves: [],
      bucketsTable: undefined,
      cut: { unit: undefined, shards: 1, rows: 1, arithmetic: "one value a partition" },
      bytes: this.#rowBytes([], columns),
    });
    return { unique: { table: name, fields }, table };
  }

  #isPlain(): boolean {
    return this.#entity.appendOnly && this.#entity.unique.length === 0;
  }

  #key(field: string, place: "partition" | "clustering"): KeyColumn {
    return keyColumn(this.#entity, this.#stored, field, place);
  }

  #columnsBeside(keys: readonly KeyColumn[]): CqlColumn[] {
    return this.#stored
      .filter(({ name }) => !keys.some((key) => key.name === name))
      .map(({ name, cql }) => ({ name, cql }));
  }

  #rowBytes(
    clustering: readonly ClusteringColumn[],
    columns: readonly CqlColumn[],
    paths: Readonly<Record<string, string | undefined>> = {},
  ): number {
    return rowBytes(this.#model, this.#entity, clustering, columns, this.#stored, paths);
  }

  #optional(fields: readonly string[]): readonly string[] {
    return [...new Set(fields)].filter((name) => {
      const field = fieldAt(this.#entity.fields, name);
      return field === undefined || field.optional || field.nullable;
    });
  }

  #table(made: Omit<CqlTable, "options" | "estimate"> & { readonly cut: Cut; readonly bytes: number }): CqlTable {
    const { cut, bytes, ...table } = made;
    const records = this.#model.workload.entities[this.#entity.name]?.records;
    const overhead = partitionKeyBytes(this.#model, this.#entity, table.partition);
    return {
      ...table,
      options: tableOptions(this.#entity, table, this.#model.workload.entities[this.#entity.name]),
      estimate: {
        rowBytes: bytes,
        rows: records,
        partitionRows: cut.rows,
        partitionBytes: cut.rows === undefined ? undefined : overhead + cut.rows * bytes,
        arithmetic: cut.arithmetic,
        storageBytes:
          records === undefined ? undefined : records * bytes + (records / Math.max(1, cut.rows ?? 1)) * overhead,
      },
    };
  }
}

/** All that decides which rows there are is in the name: another range is another table. */
function contributionsName({ storedAs }: EntityData, { by, sum, range, where }: TopPattern, { shards }: Cut): string {
  const pieces = [storedAs, "top", by, sum];
  if (range !== undefined) pieces.push(range.unit === undefined ? "over" : `per_${range.unit}_of`, range.field);
  if (where.length > 0) pieces.push("where");
  if (shards > 1) pieces.push(`x${shards}`);
  return pieces.filter((piece) => piece !== undefined).join("_");
}

function shardColumn(count: number): KeyColumn {
  return { name: SHARD, cql: "smallint", source: { kind: "shard", count } };
}

/** A condition in words. */
export function conditionText({ field, operator, value }: Condition): string {
  const shown =
    value instanceof Date ? value.toISOString() : Array.isArray(value) ? value.map(String).join(", ") : String(value);
  return `${field} ${operator} ${shown}`;
}
