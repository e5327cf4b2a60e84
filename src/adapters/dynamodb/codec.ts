import { KeyfoldError } from "../../internal/errors.js";
import { bucketOf } from "../../model/bucket.js";
import type { Fields } from "../../model/field.js";
import type { AttributeValue, Item } from "../../patterns/dynamodb/driver.js";
import { decodeComponent, splitKey } from "../../plan/dynamodb/key-encoding.js";
import { AMOUNT, attributeOf, ENTITY, EXPIRES, GROUP, PLACE, VERSION, WRITES } from "../../plan/dynamodb/names.js";
import type { DynamoEntity, DynamoEntry, DynamoFieldSource } from "../../plan/dynamodb/types.js";
import type { RecordData } from "../port/adapter.js";
import { compileConditions, compilePath } from "../port/conditions.js";
import { compileDecoder, compileEncoder, type Encode, Misfit, misfit } from "./attribute-values.js";
import { compileIdentity, compileKey, type Key } from "./keys.js";
import type { TableKey } from "./table-key.js";

/** A stored home item, read. */
export interface StoredItem {
  readonly record: Record<string, unknown>;
  /** 0: written by someone who keeps no version. */
  readonly version: number;
  /** Ids of the last writes, newest first. */
  readonly writes: readonly string[];
  /** Moment from which on the record is not there, in milliseconds; undefined: it stays. */
  readonly expiresAt: number | undefined;
}

/** An item that is made of a record and written with it. */
export interface Derived {
  readonly kind: "copy" | "contribution" | "unique";
  readonly place: string;
  readonly key: Key;
  readonly item: Item;
  /** Of a contribution: its bucket, which must be open. */
  readonly bucket: string | undefined;
  /** Of a unique value: the fields. */
  readonly fields: readonly string[];
}

/** Records of one entity ↔ items. */
export interface Codec {
  readonly entity: DynamoEntity;
  /** The attributes of the table's key. */
  readonly tableKey: TableKey;
  readonly fields: Fields;
  /** The key of the home item of a record, or of a record's key. */
  key(record: RecordData): Key;
  keyItem(record: RecordData): Item;
  /** Equal for equal keys only. */
  identity(record: RecordData): string;
  /** The fields' attributes, put into an item where one is given. */
  attributes(record: RecordData, into?: Item): Item;
  /** The keys of the record's entries in indexes, and its time to live; undefined: it has no entry there, or stays. */
  entries(record: RecordData): { readonly [attribute: string]: AttributeValue | undefined };
  /** What is written beside the home item. */
  derive(record: RecordData): readonly Derived[];
  /** Some of its places are cut by time. */
  readonly cutByTime: boolean;
  /** The items that say that a record's groups have its buckets. */
  listed(record: RecordData): readonly { readonly place: string; readonly key: Key }[];
  /** Whether a change of these fields touches an entry, a copy, a contribution or a unique value. */
  touches(fields: Iterable<string>): boolean;
  attribute(field: string): string;
  encoder(field: string): Encode;
  record(item: Item): Record<string, unknown>;
  /** Reads some fields of an item or of an index's entry. */
  reading(sources: readonly DynamoFieldSource[]): (item: Item) => Record<string, unknown>;
  stored(item: Item): StoredItem;
}

/** Owner of a unique value. */
export const OWNER = "o";
/** Of a unique value: until when its owner has it, as the owner's date is written. */
export const UNTIL = "u";

/** Compiles the codec of an entity once. */
export function compileCodec(entity: DynamoEntity, tableKey: TableKey): Codec {
  const fields: Fields = Object.fromEntries(entity.attributes.map(({ field, type }) => [field, type]));
  const attributes = entity.attributes.map(({ field, attribute, type }) => ({
    field,
    attribute,
    type,
    optional: type.optional,
    encode: compileEncoder(type),
    decode: compileDecoder(type),
  }));
  const byField = new Map(attributes.map((one) => [one.field, one]));
  const identity = compileIdentity(entity.key, fields);
  const home = compileKey(entity.home);
  const places = entity.indexed.map((entry) => ({
    ...entry.attributes,
    make: compileEntry(entry, fields),
  }));
  const copies = entity.copies.map((entry) => ({ place: entry.name, make: compileEntry(entry, fields) }));
  const listed = [...entity.indexed, ...entity.copies].flatMap((entry) =>
    entry.listed === undefined
      ? []
      : [{ place: entry.name, make: compileEntry({ ...entry, key: entry.listed }, fields) }],
  );
  const contributions = entity.contributions.map((entry) => {
    const by = compilePath(entry.by);
    const sum = entry.sum === undefined ? undefined : compilePath(entry.sum);
    const moment = entry.bucket === undefined ? undefined : compilePath(entry.bucket.field);
    return {
      entry,
      make: compileEntry(entry, fields),
      group: compileEncoder({ ...typeAt(fields, entry.by), nullable: false }),
      amount: entry.sum === undefined ? undefined : compileEncoder({ ...typeAt(fields, entry.sum), nullable: false }),
      by,
      sum,
      bucket: (record: RecordData) =>
        entry.bucket === undefined || moment === undefined
          ? undefined
          : bucketOf(entry.bucket.unit, moment(record) as Date),
    };
  });
  const uniques = entity.uniques.map((entry) => ({ entry, make: compileEntry(entry, fields) }));
  const touched = touchedFields(entity);
  const typeName: AttributeValue = { S: entity.entity };
  const { expires } = entity;
  const expiresAt = (record: RecordData): number | undefined => {
    const date = expires === undefined ? undefined : record[expires];
    return date instanceof Date ? date.getTime() : undefined;
  };
  /** DynamoDB may delete an item in the second after it expired, and not before. */
  const timeToLive = (record: RecordData): AttributeValue | undefined => {
    const at = expiresAt(record);
    return at === undefined ? undefined : { N: String(Math.ceil(at / 1000)) };
  };

  const encodeAll = (record: RecordData, item: Item = {}): Item => {
    for (const { field, attribute, encode } of attributes) {
      const value = record[field];
      if (value !== undefined) item[attribute] = encode(value);
    }
    return item;
  };

  const mismatch = (item: Item, path: readonly (string | number)[], cause: Misfit): KeyfoldError => {
    const key: Record<string, unknown> = {};
    for (const name of entity.key) {
      const stored = item[byField.get(name)?.attribute ?? name];
      try {
        if (stored !== undefined) key[name] = byField.get(name)?.decode(stored);
      } catch {
        // The key itself does not fit: its text is in the item's key.
      }
    }
    const shown = Object.entries(key).map(
      ([name, value]) => `${name} ${typeof value === "bigint" ? value : JSON.stringify(value)}`,
    );
    return new KeyfoldError(
      "SCHEMA_MISMATCH",
      `A stored record of ${entity.entity} (${shown.length === 0 ? tableKey.of(item).pk : shown.join(", ")}) does not fit the schema at ${path.join(".")}: ${cause.message}.`,
      {
        cause,
        fix: "Correct the stored item, or make the schema as wide as what is stored.",
        data: { entity: entity.entity, key, path },
      },
    );
  };

  const readRecord = (item: Item): Record<string, unknown> => {
    const record: Record<string, unknown> = {};
    let at = "";
    try {
      for (const { field, attribute, type, optional, decode } of attributes) {
        const value = item[attribute];
        if (value === undefined && optional) continue;
        at = field;
        record[field] = value === undefined ? misfit(type.kind, undefined) : decode(value);
      }
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      throw mismatch(item, [at, ...error.path], error);
    }
    return record;
  };
  const readSome = (sources: readonly DynamoFieldSource[]) => {
    const read = sources.map(({ field, attribute, component, type }) => {
      const { optional, decode } = byField.get(field)!;
      const value = (item: Item): unknown => {
        const stored = item[attribute];
        if (component !== undefined)
          return decodeComponent(type, component.direction, splitKey(stored?.S ?? "")[component.at] ?? "");
        if (stored !== undefined) return decode(stored);
        return optional ? undefined : misfit(type.kind, undefined);
      };
      return { field, value };
    });
    return (item: Item): Record<string, unknown> => {
      const record: Record<string, unknown> = {};
      let at = "";
      try {
        for (const { field, value } of read) {
          at = field;
          const found = value(item);
          if (found !== undefined) record[field] = found;
        }
      } catch (error) {
        if (!(error instanceof Misfit)) throw error;
        throw mismatch(item, [at, ...error.path], error);
      }
      return record;
    };
  };

  return {
    entity,
    tableKey,
    fields,
    key: (record) => home(record, identity(record)),
    keyItem(record) {
      return tableKey.item(home(record, identity(record)));
    },
    identity,
    attributes: encodeAll,
    entries(record) {
      const found: Record<string, AttributeValue | undefined> = {};
      const own = identity(record);
      for (const { partition, sort, make } of places) {
        const key = make(record, own);
        if (partition !== undefined) found[partition] = key && { S: key.pk };
        found[sort] = key && { S: key.sk };
      }
      if (expires !== undefined) found[EXPIRES] = timeToLive(record);
      return found;
    },
    derive(record) {
      const own = identity(record);
      const derived: Derived[] = [];
      const ends = timeToLive(record);
      const ending: Item = ends === undefined ? {} : { [EXPIRES]: ends };
      for (const { place, make } of copies) {
        const key = make(record, own);
        if (key === undefined) continue;
        const item = {
          ...tableKey.item(key),
          [ENTITY]: typeName,
          [PLACE]: { S: place },
          ...encodeAll(record),
          ...ending,
        };
        derived.push({ kind: "copy", place, key, item, bucket: undefined, fields: [] });
      }
      for (const one of contributions) {
        const group = one.by(record);
        const key = group === undefined || group === null ? undefined : one.make(record, own);
        if (key === undefined) continue;
        const item: Item = { ...tableKey.item(key), [GROUP]: one.group(group) };
        const amount = one.sum?.(record);
        if (one.amount !== undefined && amount !== undefined && amount !== null) item[AMOUNT] = one.amount(amount);
        derived.push({
          kind: "contribution",
          place: one.entry.name,
          key,
          item,
          bucket: one.bucket(record),
          fields: [],
        });
      }
      for (const { entry, make } of uniques) {
        const key = make(record, own);
        if (key === undefined) continue;
        const item: Item = { ...tableKey.item(key), [OWNER]: { S: own }, ...ending };
        const until = expires === undefined ? undefined : record[expires];
        if (until instanceof Date) item[UNTIL] = { S: until.toISOString() };
        derived.push({ kind: "unique", place: entry.name, key, item, bucket: undefined, fields: entry.fields });
      }
      return derived;
    },
    cutByTime: listed.length > 0,
    listed(record) {
      return listed.flatMap(({ place, make }) => {
        const key = make(record, "");
        return key === undefined ? [] : [{ place, key }];
      });
    },
    touches(changed) {
      if (entity.copies.length > 0) return true;
      for (const field of changed) if (touched.has(field)) return true;
      return false;
    },
    attribute: (field) => byField.get(field)?.attribute ?? attributeOf(field, fields, tableKey),
    encoder: (field) => byField.get(field)!.encode,
    record: readRecord,
    reading: readSome,
    stored(item) {
      const record = readRecord(item);
      return {
        record,
        expiresAt: expiresAt(record),
        version: Number(item[VERSION]?.N ?? 0),
        // Few look at them.
        get writes() {
          return WRITES.flatMap((name) => item[name]?.S ?? []);
        },
      };
    },
  };
}

function typeAt(fields: Fields, path: string): Fields[string] {
  let at: Fields[string] | undefined;
  let inside: Fields | undefined = fields;
  for (const step of path.split(".")) {
    at = inside?.[step];
    inside = at?.kind === "object" ? at.fields : undefined;
  }
  if (at === undefined) throw new TypeError(`there is no field "${path}"`);
  return at;
}

/** A record's key in a place; undefined: it is not there. */
function compileEntry(entry: DynamoEntry, fields: Fields): (record: RecordData, identity: string) => Key | undefined {
  const make = compileKey(entry.key);
  const needed = entry.has.map(compilePath);
  const meets = compileConditions(entry.where, fields);
  return (record, identity) => {
    for (const read of needed) {
      const value = read(record);
      if (value === undefined || value === null) return undefined;
    }
    return meets(record) ? make(record, identity) : undefined;
  };
}

/** Top-level fields that decide keys, contributions and conditions. */
function touchedFields(entity: DynamoEntity): ReadonlySet<string> {
  const places: readonly DynamoEntry[] = [...entity.indexed, ...entity.contributions, ...entity.uniques];
  const paths = places.flatMap(({ key, has, where }) => [
    ...[...key.partition, ...key.sort].flatMap((part) =>
      part.kind === "field" || part.kind === "bucket" ? [part.field] : [],
    ),
    ...has,
    ...where.map(({ field }) => field),
  ]);
  const amounts = entity.contributions.flatMap(({ by, sum }) => [by, ...(sum === undefined ? [] : [sum])]);
  const ends = entity.expires === undefined ? [] : [entity.expires];
  return new Set([...paths, ...amounts, ...ends].map((path) => path.split(".")[0] as string));
}
