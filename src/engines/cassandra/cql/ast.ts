/** What a statement says, before names and types are looked up. */
import type { LiteralKind } from "../types/native.js";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";

/** A value or an expression; which of them may stand where is for the statement to check. */
export type Term =
  | { readonly kind: "literal"; readonly literal: LiteralKind; readonly text: string }
  | { readonly kind: "null" }
  | { readonly kind: "marker"; readonly index: number; readonly name: string | undefined }
  | { readonly kind: "list"; readonly items: readonly Term[] }
  /** `{a, b}`; `{}` is an empty set or map. */
  | { readonly kind: "set"; readonly items: readonly Term[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [Term, Term])[] }
  | { readonly kind: "user"; readonly fields: readonly (readonly [string, Term])[] }
  | { readonly kind: "tuple"; readonly items: readonly Term[] }
  | { readonly kind: "hint"; readonly type: TypeName; readonly term: Term }
  | {
      readonly kind: "call";
      readonly keyspace: string | undefined;
      readonly name: string;
      readonly args: readonly Term[];
    }
  | { readonly kind: "count" }
  | { readonly kind: "cast"; readonly term: Term; readonly type: TypeName }
  | { readonly kind: "arithmetic"; readonly operator: ArithmeticOperator; readonly left: Term; readonly right: Term }
  | { readonly kind: "negate"; readonly term: Term }
  | { readonly kind: "column"; readonly name: string }
  | { readonly kind: "field"; readonly of: Term; readonly name: string }
  | { readonly kind: "element"; readonly of: Term; readonly key: Term }
  | { readonly kind: "slice"; readonly of: Term; readonly from: Term | undefined; readonly to: Term | undefined };

/** A type as written. */
export type TypeName =
  | { readonly kind: "name"; readonly keyspace: string | undefined; readonly name: string; readonly quoted: boolean }
  | { readonly kind: "list" | "set" | "frozen"; readonly of: TypeName }
  | { readonly kind: "map"; readonly keys: TypeName; readonly values: TypeName }
  | { readonly kind: "tuple"; readonly of: readonly TypeName[] }
  | { readonly kind: "vector"; readonly of: TypeName; readonly dimension: number }
  | { readonly kind: "java"; readonly text: string };

export type Operator = "=" | "<" | "<=" | ">" | ">=" | "!=" | "IN" | "CONTAINS" | "CONTAINS KEY" | "LIKE" | "IS NOT";

export type Relation =
  | { readonly kind: "single"; readonly column: string; readonly operator: Operator; readonly value: Term }
  | {
      readonly kind: "entry";
      readonly column: string;
      readonly key: Term;
      readonly operator: Operator;
      readonly value: Term;
    }
  | { readonly kind: "multi"; readonly columns: readonly string[]; readonly operator: Operator; readonly value: Term }
  | { readonly kind: "token"; readonly columns: readonly string[]; readonly operator: Operator; readonly value: Term };

/** `IN (a, b)` and `IN ?`: the first is a `tuple` term, the second a marker. */
export type Where = readonly Relation[];

export interface TableName {
  readonly keyspace: string | undefined;
  readonly name: string;
}

export interface Selector {
  readonly term: Term;
  readonly alias: string | undefined;
}

export interface SelectStatement {
  readonly kind: "select";
  readonly table: TableName;
  /** None: `*`. */
  readonly selectors: readonly Selector[];
  readonly distinct: boolean;
  readonly json: boolean;
  readonly where: Where;
  readonly groupBy: readonly Term[];
  readonly orderBy: readonly { readonly column: string; readonly descending: boolean; readonly ann?: Term }[];
  readonly perPartitionLimit: Term | undefined;
  readonly limit: Term | undefined;
  readonly allowFiltering: boolean;
}

export interface Using {
  readonly timestamp?: Term;
  readonly ttl?: Term;
}

export type Condition =
  | { readonly kind: "column"; readonly column: string; readonly operator: Operator; readonly value: Term }
  | {
      readonly kind: "element";
      readonly column: string;
      readonly key: Term;
      readonly operator: Operator;
      readonly value: Term;
    }
  | {
      readonly kind: "field";
      readonly column: string;
      readonly field: string;
      readonly operator: Operator;
      readonly value: Term;
    };

/** `IF NOT EXISTS`, `IF EXISTS`, or conditions. */
export type If =
  | { readonly kind: "not exists" }
  | { readonly kind: "exists" }
  | { readonly kind: "conditions"; readonly conditions: readonly Condition[] };

export type Assignment =
  | { readonly kind: "set"; readonly column: string; readonly value: Term }
  | { readonly kind: "add" | "subtract" | "prepend"; readonly column: string; readonly value: Term }
  | { readonly kind: "element"; readonly column: string; readonly key: Term; readonly value: Term }
  | { readonly kind: "field"; readonly column: string; readonly field: string; readonly value: Term };

export type Deletion =
  | { readonly kind: "column"; readonly column: string }
  | { readonly kind: "element"; readonly column: string; readonly key: Term }
  | { readonly kind: "field"; readonly column: string; readonly field: string };

export interface InsertStatement {
  readonly kind: "insert";
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly values: readonly Term[];
  readonly json: { readonly value: Term; readonly defaultUnset: boolean } | undefined;
  readonly using: Using;
  readonly condition: If | undefined;
}

export interface UpdateStatement {
  readonly kind: "update";
  readonly table: TableName;
  readonly assignments: readonly Assignment[];
  readonly where: Where;
  readonly using: Using;
  readonly condition: If | undefined;
}

export interface DeleteStatement {
  readonly kind: "delete";
  readonly table: TableName;
  readonly deletions: readonly Deletion[];
  readonly where: Where;
  readonly using: Using;
  readonly condition: If | undefined;
}

export type Modification = InsertStatement | UpdateStatement | DeleteStatement;

export interface BatchStatement {
  readonly kind: "batch";
  readonly type: "logged" | "unlogged" | "counter";
  readonly using: Using;
  readonly statements: readonly Modification[];
}

/** Options after WITH: texts, numbers, or maps of texts. */
export type OptionValue = string | ReadonlyMap<string, string>;

export interface ColumnSpec {
  readonly name: string;
  readonly type: TypeName;
  readonly isStatic: boolean;
}

export interface CreateTableStatement {
  readonly kind: "create table";
  readonly table: TableName;
  readonly ifNotExists: boolean;
  readonly columns: readonly ColumnSpec[];
  readonly partitionKeys: readonly (readonly string[])[];
  readonly clustering: readonly string[];
  readonly clusteringOrder: readonly { readonly column: string; readonly descending: boolean }[];
  readonly compactStorage: boolean;
  readonly options: ReadonlyMap<string, OptionValue>;
}

export interface IndexTarget {
  readonly column: string;
  readonly of: "keys" | "values" | "entries" | "full" | undefined;
}

export type SchemaStatement =
  | {
      readonly kind: "create keyspace";
      readonly name: string;
      readonly ifNotExists: boolean;
      readonly options: ReadonlyMap<string, OptionValue>;
    }
  | {
      readonly kind: "alter keyspace";
      readonly name: string;
      readonly ifExists: boolean;
      readonly options: ReadonlyMap<string, OptionValue>;
    }
  | { readonly kind: "drop keyspace"; readonly name: string; readonly ifExists: boolean }
  | CreateTableStatement
  | {
      readonly kind: "alter table";
      readonly table: TableName;
      readonly ifExists: boolean;
      readonly change:
        | { readonly kind: "add"; readonly columns: readonly ColumnSpec[]; readonly ifNotExists: boolean }
        | {
            readonly kind: "drop";
            readonly columns: readonly string[];
            readonly ifExists: boolean;
            readonly timestamp: string | undefined;
          }
        | {
            readonly kind: "rename";
            readonly pairs: readonly (readonly [string, string])[];
            readonly ifExists: boolean;
          }
        | { readonly kind: "type"; readonly column: string }
        | { readonly kind: "options"; readonly options: ReadonlyMap<string, OptionValue> }
        | { readonly kind: "drop compact storage" };
    }
  | { readonly kind: "drop table"; readonly table: TableName; readonly ifExists: boolean }
  | {
      readonly kind: "create type";
      readonly type: TableName;
      readonly ifNotExists: boolean;
      readonly fields: readonly (readonly [string, TypeName])[];
    }
  | {
      readonly kind: "alter type";
      readonly type: TableName;
      readonly ifExists: boolean;
      readonly change:
        | { readonly kind: "add"; readonly field: string; readonly type: TypeName; readonly ifNotExists: boolean }
        | {
            readonly kind: "rename";
            readonly pairs: readonly (readonly [string, string])[];
            readonly ifExists: boolean;
          }
        | { readonly kind: "alter"; readonly field: string };
    }
  | { readonly kind: "drop type"; readonly type: TableName; readonly ifExists: boolean }
  | {
      readonly kind: "create index";
      readonly name: string | undefined;
      readonly nameKeyspace: string | undefined;
      readonly table: TableName;
      readonly targets: readonly IndexTarget[];
      readonly ifNotExists: boolean;
      readonly custom: boolean;
      readonly using: string | undefined;
      readonly options: ReadonlyMap<string, OptionValue>;
    }
  | { readonly kind: "drop index"; readonly index: TableName; readonly ifExists: boolean };

export interface DescribeStatement {
  readonly kind: "describe";
  readonly what:
    | "cluster"
    | "schema"
    | "full schema"
    | "keyspaces"
    | "tables"
    | "types"
    | "functions"
    | "aggregates"
    | "keyspace"
    | "only keyspace"
    | "table"
    | "index"
    | "type"
    | "view"
    | "function"
    | "aggregate"
    | "any";
  readonly name: TableName | undefined;
  readonly internals: boolean;
}

/** A statement that is known, and answered with the error that Cassandra has for it where the feature is off. */
export interface RefusedStatement {
  readonly kind: "refused";
  /** As in the table of statements. */
  readonly statement: string;
  readonly name: TableName | undefined;
  readonly ifExists: boolean;
}

export type Statement =
  | SelectStatement
  | Modification
  | BatchStatement
  | SchemaStatement
  | { readonly kind: "use"; readonly keyspace: string }
  | { readonly kind: "truncate"; readonly table: TableName }
  | DescribeStatement
  | RefusedStatement;

/** A statement and the markers in it, in their order. */
export interface Parsed {
  readonly statement: Statement;
  readonly markers: readonly (string | undefined)[];
}
