import type { CqlType } from "../types/type.js";

export type ColumnKind = "partition_key" | "clustering" | "static" | "regular";

export interface Column {
  /** Its number in the rows of its table. */
  readonly id: number;
  name: string;
  readonly type: CqlType;
  readonly kind: ColumnKind;
  /** Within the partition key or the clustering; -1 for others. */
  readonly position: number;
  readonly descending: boolean;
}

/** What an index is on. */
export interface Index {
  readonly name: string;
  /** `COMPOSITES` for the built-in ones, `CUSTOM` for others. */
  readonly kind: "COMPOSITES" | "KEYS" | "CUSTOM";
  readonly column: string;
  readonly of: "simple" | "keys" | "values" | "entries" | "full";
  readonly options: ReadonlyMap<string, string>;
  readonly isSai: boolean;
  /** The number of its tree in every replica's store. */
  readonly tree: number;
}

export interface DroppedColumn {
  readonly name: string;
  readonly type: CqlType;
  readonly isStatic: boolean;
  /** Microseconds. */
  readonly droppedAt: bigint;
  /** The number that it had, and has again when it is added again. */
  readonly id: number;
}

export type TableOptions = ReadonlyMap<string, string | ReadonlyMap<string, string>>;

/** `WITH COMPACT STORAGE`: `static` without clustering columns, `dense` with them. */
export type Compact = "static" | "dense" | undefined;

export interface TableFacts {
  readonly keyspace: string;
  readonly name: string;
  readonly id: Buffer;
  /** The number of its tree in every replica's store. */
  readonly tree: number;
  readonly columns: readonly Column[];
  readonly options: TableOptions;
  readonly indexes: readonly Index[];
  readonly dropped: readonly DroppedColumn[];
  readonly nextColumn: number;
  readonly compact: Compact;
  readonly isVirtual: boolean;
}

/** A table. It does not change: what alters it makes another one with the same id and tree. */
export class Table {
  readonly facts: TableFacts;
  readonly keyspace: string;
  readonly name: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly partitionKey: readonly Column[];
  readonly clustering: readonly Column[];
  readonly statics: readonly Column[];
  readonly regulars: readonly Column[];
  /** As `SELECT *` has them. */
  readonly all: readonly Column[];
  readonly isCounter: boolean;
  readonly compact: Compact;

  constructor(facts: TableFacts) {
    this.facts = facts;
    this.keyspace = facts.keyspace;
    this.name = facts.name;
    this.columns = new Map(facts.columns.map((column) => [column.name, column]));
    const of = (kind: ColumnKind) => facts.columns.filter((column) => column.kind === kind);
    const byPosition = (a: Column, b: Column) => a.position - b.position;
    const bytes = (name: string) => Buffer.from(name);
    const byName = (a: Column, b: Column) => {
      // Columns in parts come after the others within a row.
      if (a.type.isMultiCell !== b.type.isMultiCell) return a.type.isMultiCell ? 1 : -1;
      return Buffer.compare(bytes(a.name), bytes(b.name));
    };
    const plainByName = (a: Column, b: Column) => Buffer.compare(bytes(a.name), bytes(b.name));
    this.partitionKey = of("partition_key").sort(byPosition);
    this.clustering = of("clustering").sort(byPosition);
    this.statics = of("static").sort(byName);
    this.regulars = of("regular").sort(byName);
    this.all = [
      ...this.partitionKey,
      ...this.clustering,
      ...of("static").sort(plainByName),
      ...of("regular").sort(plainByName),
    ];
    this.compact = facts.compact;
    if (facts.dropped.length > 0) {
      this.present = new Uint8Array(facts.nextColumn);
      for (const column of facts.columns) this.present[column.id] = 1;
    }
    this.isCounter = facts.columns.some(
      ({ kind, type }) => (kind === "regular" || kind === "static") && type.isCounter,
    );
  }

  /** Whether each column number stands for a column that is there; undefined where none was dropped. */
  readonly present: Uint8Array | undefined;

  get fullName(): string {
    return `${this.keyspace}.${this.name}`;
  }

  get isVirtual(): boolean {
    return this.facts.isVirtual;
  }

  get defaultTtl(): number {
    return Number(this.facts.options.get("default_time_to_live") ?? 0);
  }

  get gcGraceSeconds(): number {
    return Number(this.facts.options.get("gc_grace_seconds") ?? 864_000);
  }

  with(changes: Partial<TableFacts>): Table {
    return new Table({ ...this.facts, ...changes });
  }
}
