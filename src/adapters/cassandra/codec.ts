import type { KeyfoldError } from "../../internal/errors.js";
import type { Fields } from "../../model/field.js";
import { DEAD, DONE, GONE, VERSION, WRITES } from "../../plan/cassandra/names.js";
import type { Qualify } from "../../plan/cassandra/statements.js";
import type { CqlEntity, CqlTable } from "../../plan/cassandra/types.js";
import type { RecordData } from "../port/adapter.js";
import { compileJsonDecoder, compileJsonEncoder } from "../port/json-values.js";
import { Misfit, mismatch } from "../port/misfit.js";
import type { Row } from "./driver.js";
import { type CompiledTable, compileTable, type DerivedRow, endOf, storedEncoder } from "./tables.js";
import { compileDecoder, type Encode, jsonText, put, wholeNumber } from "./values.js";

/** A stored home row, read. */
export interface StoredRow {
  /** Undefined: it was deleted, or has expired; the row remembers the version for a while. */
  readonly record: Record<string, unknown> | undefined;
  /** 0: written by someone who keeps no version. */
  readonly version: number;
  /** The last writes, newest first. */
  readonly writes: readonly string[];
  /** What is made of this version is not known to be written. */
  readonly dirty: boolean;
  /** Fields of the record before this version that named rows which this version takes away. */
  readonly gone: RecordData | undefined;
}

/** Records of one entity ↔ rows. */
export interface Codec {
  readonly entity: CqlEntity;
  readonly fields: Fields;
  /** Date field at which a record ends. */
  readonly expires: string | undefined;
  readonly home: CompiledTable;
  /** Query tables and contributions. */
  readonly beside: readonly CompiledTable[];
  readonly uniques: readonly CompiledTable[];
  /** Equal for equal keys only. */
  identity(record: RecordData): string;
  /** The key behind an identity. */
  keyOf(identity: string): RecordData;
  /** The rows that are made of a record, beside its home. */
  derive(record: RecordData): readonly DerivedRow[];
  /** Why no server takes the record: a key of one of its rows. */
  fault(record: RecordData): KeyfoldError | undefined;
  /** Values of the record's own columns beside the key, by column; undefined: it has none. */
  values(record: RecordData): readonly (readonly [column: string, value: unknown])[];
  /** The fields that name rows beside the home, as text; undefined: there are none. */
  traces(record: RecordData): string | undefined;
  /** A row of any table that holds records; not of a home that has rows of deleted ones. */
  record(row: Row): Record<string, unknown>;
  /** Reads these fields of such a row; undefined: all. */
  reading(fields: readonly string[] | undefined): (row: Row) => Record<string, unknown>;
  /** The key's fields of a home row, whatever else is left of it. */
  keyIn(row: Row): Record<string, unknown>;
  stored(row: Row, now: number): StoredRow | undefined;
}

/** Compiles the codec of an entity once. */
export function compileCodec(
  entity: CqlEntity,
  expires: string | undefined,
  qualify: Qualify,
  bigints: boolean,
): Codec {
  const fields: Fields = Object.fromEntries(entity.columns.map(({ field, type }) => [field, type]));
  const compile = (table: CqlTable): CompiledTable =>
    compileTable(
      table,
      entity.entity,
      entity.columns,
      entity.contributions.find((one) => one.table === table.name),
      expires,
      qualify,
      bigints,
    );
  const [home, ...others] = entity.tables.map(compile) as [CompiledTable, ...CompiledTable[]];
  const beside = others.filter(({ plan }) => plan.role !== "unique");
  const uniques = others.filter(({ plan }) => plan.role === "unique");
  const columns = entity.columns.map((column) => ({
    ...column,
    encode: storedEncoder(column, bigints) as Encode,
    decode: column.as === "json" ? jsonText(column.type) : compileDecoder(column.type),
  }));
  const keyOf = [...home.plan.partition, ...home.plan.clustering].flatMap(({ name, source }) =>
    source.kind === "field" ? [{ name, field: source.field, decode: compileDecoder(source.type) }] : [],
  );
  const own = columns.filter(({ name }) => !home.keyColumns.includes(name));
  const keyText = entity.key.map((name) => [name, compileJsonEncoder(fields[name]!)] as const);
  const traced = [...tracedFields(entity)].map((name) => ({
    name,
    head: `${JSON.stringify(name)}:`,
    encode: compileJsonEncoder(fields[name]!),
    decode: compileJsonDecoder(fields[name]!),
  }));
  const tracks = beside.length + uniques.length > 0 && entity.writes === "conditional";

  const reader = (read: typeof columns) => {
    return (row: Row): Record<string, unknown> => {
      const record: Record<string, unknown> = {};
      let at = 0;
      try {
        for (; at < read.length; at++) {
          const { field, name, type, decode } = read[at]!;
          put(record, field, row[name], type, decode);
        }
      } catch (error) {
        throw error instanceof Misfit ? mismatch(entity, record, error.at(read[at]!.field)) : error;
      }
      return record;
    };
  };
  const readRecord = reader(columns);

  return {
    entity,
    fields,
    expires,
    home,
    beside,
    uniques,
    identity(record) {
      if (keyText.length === 1) return keyText[0]![1](record[keyText[0]![0]]);
      return keyText.map(([name, encode]) => encode(record[name])).join(",");
    },
    keyOf(identity) {
      const values = JSON.parse(`[${identity}]`) as readonly unknown[];
      return Object.fromEntries(
        entity.key.map((name, at) => [name, compileJsonDecoder(fields[name]!)(values[at])] as const),
      );
    },
    derive(record) {
      const identity = this.identity(record);
      const rows: DerivedRow[] = [];
      for (const table of beside) {
        const row = table.row(record, identity);
        if (row !== undefined) rows.push(row);
      }
      return rows;
    },
    fault(record) {
      const identity = this.identity(record);
      for (const table of [home, ...others]) {
        const found = table.faultOf(record, identity);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    values: (record) =>
      own.map(({ name, field, encode }) => {
        const value = record[field];
        return [name, value === undefined ? undefined : encode(value)] as const;
      }),
    traces(record) {
      if (traced.length === 0) return undefined;
      const parts: string[] = [];
      for (const { name, head, encode } of traced) {
        const value = record[name];
        if (value !== undefined) parts.push(head + encode(value));
      }
      return `{${parts.join(",")}}`;
    },
    record: readRecord,
    reading: (wanted) =>
      wanted === undefined ? readRecord : reader(columns.filter(({ field }) => wanted.includes(field))),
    keyIn: (row) => Object.fromEntries(keyOf.map(({ name, field, decode }) => [field, decode(row[name])])),
    stored(row, now) {
      const version = wholeNumber(row[VERSION]);
      // A row of which only keyfold's own cells are left is no record.
      const empty = row[VERSION] === null || row[VERSION] === undefined;
      const isNull = (name: string): boolean => row[name] === null || row[name] === undefined;
      if (empty && own.every(({ name }) => isNull(name)) && (own.length > 0 || !isNull(DONE))) return undefined;
      const gone = row[GONE] as string | null | undefined;
      const books = {
        version,
        writes: (row[WRITES] as readonly string[] | null | undefined) ?? [],
        dirty: tracks && version > 0 && wholeNumber(row[DONE]) < version,
        gone: gone === null || gone === undefined ? undefined : untraced(gone, traced),
      };
      if (row[DEAD] === true) return { ...books, record: undefined };
      const record = readRecord(row);
      return { ...books, record: isOver(record, expires, now) ? undefined : record };
    },
  };
}

/** Whether a record's own date says that it is not there any more. */
export function isOver(record: RecordData, expires: string | undefined, now: number): boolean {
  const until = endOf(record, expires);
  return until !== undefined && until.getTime() <= now;
}

function untraced(
  text: string,
  traced: readonly { readonly name: string; readonly decode: (raw: unknown) => unknown }[],
): RecordData {
  const parsed = JSON.parse(text) as Record<string, unknown>;
  const record: Record<string, unknown> = {};
  for (const { name, decode } of traced) if (parsed[name] !== undefined) record[name] = decode(parsed[name]);
  return record;
}

/** Top-level fields that decide which rows there are beside the home: keys, conditions, groups; and the record's key. */
function tracedFields(entity: CqlEntity): ReadonlySet<string> {
  const tables = entity.tables.filter(({ role }) => role !== "home");
  if (tables.length === 0) return new Set();
  const paths = tables.flatMap(({ partition, clustering, has, where }) => [
    ...[...partition, ...clustering].flatMap(({ source }) => (source.kind === "shard" ? [] : [source.field])),
    ...has,
    ...where.map(({ field }) => field),
  ]);
  return new Set([...entity.key, ...paths].map((path) => path.split(".")[0] as string));
}
