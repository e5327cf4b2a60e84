import type { Field } from "../../model/field.js";
import type { AttributeValue, Doc, Item } from "../../patterns/dynamodb/driver.js";
import { checkSize, itemSize } from "../../patterns/dynamodb/item-size.js";
import { ENTITY, VERSION, WRITES } from "../../plan/dynamodb/names.js";
import type { Changes, RecordData } from "../port/adapter.js";
import { addTo } from "../port/increments.js";
import type { Derived, StoredItem } from "./codec.js";
import { keptText, Placeholders } from "./expressions.js";
import type { TableKey } from "./table-key.js";
import type { StoredEntity } from "./write.js";

/** What a write makes of a record whose stored form was read. */
export interface SeenChange {
  /** The record as it will be. */
  readonly record: RecordData;
  readonly set: { readonly [attribute: string]: AttributeValue };
  readonly remove: readonly string[];
}

/** The change that follows from what is stored; undefined: nothing is. */
export type ChangeOf = (stored: StoredItem | undefined) => SeenChange;

/** The whole record, whatever was there: fields that it has not are removed. */
export function putChange(record: RecordData, { codec }: StoredEntity): SeenChange {
  const { entity, attributes } = codec.entity;
  const encoded = codec.attributes(record);
  checkSize(itemSize(encoded), entity);
  const set: Record<string, AttributeValue> = { [ENTITY]: { S: entity } };
  const remove: string[] = [];
  for (const { attribute } of attributes) {
    const value = encoded[attribute];
    if (value === undefined) remove.push(attribute);
    else set[attribute] = value;
  }
  return { record, set, remove };
}

/** Some fields: set, removed, or added to. */
export function updateChange(changes: Changes, { codec }: StoredEntity): ChangeOf {
  const set: Item = {};
  for (const [name, value] of Object.entries(changes.set)) {
    if (value !== undefined) set[codec.attribute(name)] = codec.encoder(name)(value);
  }
  const remove = changes.unset.map((name) => codec.attribute(name));
  return (stored) => {
    const record: Record<string, unknown> = { ...(stored as StoredItem).record };
    for (const [name, value] of Object.entries(changes.set)) if (value !== undefined) record[name] = value;
    for (const name of changes.unset) delete record[name];
    const sums = { ...set };
    for (const [name, amount] of Object.entries(changes.increment)) {
      if (amount === undefined) continue;
      record[name] = addTo(codec.fields[name] as Field, record[name], amount, name, codec.entity.entity);
      sums[codec.attribute(name)] = codec.encoder(name)(record[name]);
    }
    return { record, set: sums, remove };
  };
}

/** What a read found under a key, and the record that is there: what has expired is found and not there. */
export interface Seen {
  readonly found: StoredItem | undefined;
  readonly stored: StoredItem | undefined;
}

/** An UpdateItem that holds only if nobody wrote since the record was read, and what it takes beside the home item. */
export function seenUpdate(
  key: RecordData,
  { found, stored }: Seen,
  change: SeenChange,
  demandsOf: (to: Placeholders) => readonly string[],
  writeId: string,
  { requests, codec }: StoredEntity,
): { readonly update: Doc; readonly version: number } & Moves {
  checkSize(itemSize(codec.attributes(change.record)), codec.entity.entity);
  const before = stored === undefined ? [] : codec.derive(stored.record);
  const entries = codec.entries(change.record);
  const version = stored === undefined ? requests.nextVersion() : stored.version + 1;
  const to = new Placeholders();
  const sets = setsOf({ ...change.set, ...present(entries), [VERSION]: { N: String(version) } }, to);
  sets.push(...remember(writeId, to).sets);
  const removes = [...change.remove, ...absent(entries)].map((name) => to.name(name));
  const conditions = [sameVersion(found, requests.key, to), ...demandsOf(to)];
  const update: Doc = {
    TableName: requests.table,
    Key: codec.keyItem(key),
    UpdateExpression: keptText(`SET ${sets.join(", ")}${removes.length === 0 ? "" : ` REMOVE ${removes.join(", ")}`}`),
    ConditionExpression: keptText(conditions.join(" AND ")),
    ...to.members(),
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  };
  return { update, version, ...movesOf(before, codec.derive(change.record)) };
}

/** What is written and removed beside a home item. */
export interface Moves {
  readonly puts: readonly Derived[];
  readonly gone: readonly Derived[];
}

/** What must be written and removed beside the home item: what stays as it is, is left alone. */
function movesOf(before: readonly Derived[], after: readonly Derived[]): Moves {
  const keyOf = ({ key }: Derived): string => `${key.pk}\0${key.sk}`;
  const old = new Map(before.map((one) => [keyOf(one), one]));
  const kept = new Set(after.map(keyOf));
  const puts = after.filter((one) => {
    const was = old.get(keyOf(one));
    return was === undefined || JSON.stringify(was.item) !== JSON.stringify(one.item);
  });
  return { puts, gone: before.filter((one) => !kept.has(keyOf(one))) };
}

/** Assignments of attributes. */
export function setsOf(values: { readonly [attribute: string]: AttributeValue }, to: Placeholders): string[] {
  return Object.entries(values).map(([name, value]) => `${to.name(name)} = ${to.value(value)}`);
}

/** Entries in indexes that the record has. */
export function present(entries: Entries): Record<string, AttributeValue> {
  const found: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(entries)) if (value !== undefined) found[name] = value;
  return found;
}

/** Attributes of the entries that it has not. */
export function absent(entries: Entries): string[] {
  return Object.entries(entries).flatMap(([name, value]) => (value === undefined ? [name] : []));
}

/** In place of the id of a write that there was not. */
export const NO_WRITE: AttributeValue = { S: "-" };

/** Puts a write's id before those of the writes before it; all right sides are read before anything is set. */
export function remember(writeId: string, to: Placeholders): { readonly sets: readonly string[]; readonly id: string } {
  const none = to.value(NO_WRITE);
  const id = to.value({ S: writeId });
  const sets = WRITES.map((name, index) => {
    const older = WRITES[index - 1];
    return older === undefined
      ? `${to.name(name)} = ${id}`
      : `${to.name(name)} = if_not_exists(${to.name(older)}, ${none})`;
  });
  return { sets, id };
}

type Entries = { readonly [attribute: string]: AttributeValue | undefined };

/** Records of other writers have no version: they count as version 0. */
export function hasVersion(version: number, to: Placeholders): string {
  const name = to.name(VERSION);
  const equal = `${name} = ${to.value({ N: String(version) })}`;
  return version === 0 ? `(attribute_not_exists(${name}) OR ${equal})` : equal;
}

/** Nobody wrote the record since it was read. */
export function sameVersion(stored: StoredItem | undefined, { partition }: TableKey, to: Placeholders): string {
  const key = to.key(partition);
  if (stored === undefined) return `attribute_not_exists(${key})`;
  return `attribute_exists(${key}) AND ${hasVersion(stored.version, to)}`;
}
