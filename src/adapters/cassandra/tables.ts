import { bucketOf } from "../../model/bucket.js";
import { type Field, type Fields, fieldAt } from "../../model/field.js";
import { AMOUNT, GROUP } from "../../plan/cassandra/names.js";
import { deleteText, insertText, type Qualify } from "../../plan/cassandra/statements.js";
import type { CqlContribution, CqlTable, KeyColumn, KeySource, StoredColumn } from "../../plan/cassandra/types.js";
import { shardOf } from "../../plan/shard.js";
import type { RecordData } from "../port/adapter.js";
import { walkedBucket } from "../port/bucket-walk.js";
import { compileConditions, compilePath } from "../port/conditions.js";
import { compileJsonEncoder } from "../port/json-values.js";
import { compileKeyCheck, type KeyCheck } from "./keys.js";
import type { Statement } from "./requests.js";
import { compileEncoder, type Encode } from "./values.js";

/** A row that is made of a record and written with it. */
export interface DerivedRow {
  readonly table: CompiledTable;
  /** Values of the row's key. */
  readonly key: readonly unknown[];
  /** Values of the other columns; undefined: the record has none. */
  readonly values: readonly unknown[];
  /** Of a contribution in a bucket: the bucket, which must be open. */
  readonly bucket: string | undefined;
  /** Where the table is cut by time: the group and its bucket. */
  readonly listed: readonly unknown[] | undefined;
  /** When the record ends; undefined: never. */
  readonly until: Date | undefined;
}

/** One table, compiled. */
export interface CompiledTable {
  readonly plan: CqlTable;
  readonly keyColumns: readonly string[];
  /** Values of the key of a record, in the order of `keyColumns`. */
  key(record: RecordData, identity: string): readonly unknown[];
  /** What the server would refuse about a key. */
  readonly fault: KeyCheck;
  /** What it would refuse about the key of a record's row; undefined: nothing, or the record has none there. */
  faultOf(record: RecordData, identity: string): ReturnType<KeyCheck>;
  /** Values of the other columns of a record's row, in the plan's order; undefined: it has none. */
  values(record: RecordData): unknown[];
  /** The row of a record; undefined: it has none there, or one that no server takes. */
  row(record: RecordData, identity: string): DerivedRow | undefined;
  readonly insert: Statement;
  /** The same with a TTL as the last value. */
  readonly insertFor: Statement;
  readonly remove: Statement;
  /** Says that a group has a bucket; where records end, with a timestamp and a TTL as the last values. */
  readonly list: Statement | undefined;
}

/** Compiles a table of an entity. */
export function compileTable(
  plan: CqlTable,
  entity: string,
  stored: readonly StoredColumn[],
  contribution: CqlContribution | undefined,
  expires: string | undefined,
  qualify: Qualify,
  bigints: boolean,
): CompiledTable {
  const fields: Fields = Object.fromEntries(stored.map(({ field, type }) => [field, type]));
  const keys = [...plan.partition, ...plan.clustering];
  const keyColumns = keys.map(({ name }) => name);
  const makeKey = keys.map((column) => compileKeyColumn(column, bigints));
  const columns = plan.columns.map(({ name }) => compileColumn(name, stored, contribution, fields, bigints));
  const needed = plan.has.map(compilePath);
  const meets = compileConditions(plan.where, fields);
  const moment = contribution?.bucket === undefined ? undefined : compilePath(contribution.bucket.field);
  const listedColumns = plan.partition.flatMap(({ source }, at) => (source.kind === "shard" ? [] : [at]));
  const columnNames = [...keyColumns, ...plan.columns.map(({ name }) => name)];
  const statement = (operation: string, query: string): Statement => ({ query, operation, table: plan.name });
  const fault = compileKeyCheck(plan, entity);
  const belongs = (record: RecordData): boolean => {
    for (const read of needed) {
      const value = read(record);
      if (value === undefined || value === null) return false;
    }
    return meets(record);
  };
  const compiled: CompiledTable = {
    plan,
    keyColumns,
    fault,
    faultOf: (record, identity) => (belongs(record) ? fault(compiled.key(record, identity)) : undefined),
    key: (record, identity) => makeKey.map((make) => make(record, identity)),
    values: (record) => columns.map((make) => make(record)),
    row(record, identity) {
      if (!belongs(record)) return undefined;
      const key = compiled.key(record, identity);
      // A record that somebody else wrote, or an earlier keyfold: it is in no list that has no place for it.
      if (fault(key) !== undefined) return undefined;
      return {
        table: compiled,
        key,
        values: compiled.values(record),
        bucket:
          moment === undefined || contribution?.bucket === undefined
            ? undefined
            : bucketOf(contribution.bucket.unit, moment(record) as Date),
        listed: plan.bucketsTable === undefined ? undefined : listedColumns.map((at) => key[at]),
        until: endOf(record, expires),
      };
    },
    insert: statement("INSERT", insertText(plan.name, columnNames, qualify)),
    insertFor: statement("INSERT", insertText(plan.name, columnNames, qualify, " USING TTL ?")),
    remove: statement("DELETE", deleteText(plan.name, keyColumns, qualify)),
    list:
      plan.bucketsTable === undefined
        ? undefined
        : {
            query: insertText(
              plan.bucketsTable,
              listedColumns.map((at) => keyColumns[at] as string),
              qualify,
              expires === undefined ? "" : " USING TIMESTAMP ? AND TTL ?",
            ),
            operation: "INSERT",
            table: plan.bucketsTable,
          },
  };
  return compiled;
}

/** When a record ends; undefined: never. */
export function endOf(record: RecordData, expires: string | undefined): Date | undefined {
  const until = expires === undefined ? undefined : record[expires];
  return until instanceof Date ? until : undefined;
}

type MakeValue = (record: RecordData, identity: string) => unknown;

function compileKeyColumn({ source }: KeyColumn, bigints: boolean): MakeValue {
  switch (source.kind) {
    case "field": {
      const read = compilePath(source.field);
      const encode = compileEncoder(source.type, bigints);
      return (record) => encode(read(record));
    }
    case "bucket": {
      const read = compilePath(source.field);
      const nameOf = bucketNaming(source);
      return (record) => nameOf(source.unit, read(record) as Date);
    }
    case "shard":
      return (_, identity) => shardOf(identity, source.count);
    default:
      return source satisfies never;
  }
}

/** How a key's buckets are named: as the question does that asks for one, else so that those of a walk sort as time does. */
export function bucketNaming({ asked }: KeySource & { readonly kind: "bucket" }): typeof bucketOf {
  return asked ? bucketOf : walkedBucket;
}

function compileColumn(
  name: string,
  stored: readonly StoredColumn[],
  contribution: CqlContribution | undefined,
  fields: Fields,
  bigints: boolean,
): (record: RecordData) => unknown {
  const own = stored.find((one) => one.name === name);
  if (own !== undefined) {
    const encode = storedEncoder(own, bigints);
    const { field } = own;
    return (record) => {
      const value = record[field];
      return value === undefined ? undefined : encode(value);
    };
  }
  const path = name === GROUP ? contribution?.by : name === AMOUNT ? contribution?.sum : undefined;
  // keyfold's own columns of a home are set by the statement that writes them.
  if (path === undefined) return () => undefined;
  const read = compilePath(path);
  const encode = compileEncoder(fieldAt(fields, path) as Field, bigints);
  return (record) => {
    const value = read(record);
    return value === undefined ? undefined : encode(value);
  };
}

/** The encoder of a field as it is stored. */
export function storedEncoder({ as, type }: StoredColumn, bigints: boolean): Encode {
  return as === "json" ? compileJsonEncoder(type) : compileEncoder(type, bigints);
}
