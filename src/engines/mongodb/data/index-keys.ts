import { BsonType, bytesOfName, findElement, nameEnd, valueSize } from "../bson/raw.js";
import { mongoError } from "../errors.js";
import { KeyBuilder } from "./key-encoding.js";

/** A field of an index, taken apart. */
export interface KeyField {
  readonly path: string;
  readonly parts: readonly string[];
  readonly partBytes: readonly Uint8Array[];
  readonly descending: boolean;
}

/** Takes the path of an index field apart. */
export function keyField(path: string, descending: boolean): KeyField {
  const parts = path.split(".");
  return { path, parts, partBytes: parts.map(bytesOfName), descending };
}

/** The keys of one document in one index. */
export interface DocumentKeys {
  /** Distinct keys, without the record's id. */
  readonly keys: readonly string[];
  /** For each field the number of path components up to the first array on its way, or 0 where there is none. */
  readonly arrays: readonly number[] | undefined;
  /** None of the fields exists. */
  readonly allMissing: boolean;
}

const builder = new KeyBuilder();

// Places of values are those of their element's type byte; these stand for values that have no bytes.
const missing = -1;
const undefinedValue = -2;

/**
 * The keys of a document: its fields' values, a missing one as null; one key for each element where a field is an
 * array, `undefined` for an empty one.
 *
 * @throws MongoError 171 when two fields go through different arrays
 */
export function documentKeys(bytes: Buffer, start: number, fields: readonly KeyField[]): DocumentKeys {
  builder.reset();
  let found = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    const parts = field.partBytes;
    let document = start;
    let element = missing;
    for (let part = 0; ; part++) {
      element = findElement(bytes, document, parts[part]!);
      if (element < 0) break;
      const type = bytes[element]!;
      if (type === BsonType.array) return keysWithArrays(bytes, start, fields);
      if (part === parts.length - 1) break;
      if (type !== BsonType.document) {
        element = missing;
        break;
      }
      document = element + 2 + parts[part]!.length;
    }
    if (element < 0) builder.nullField(field.descending);
    else {
      found++;
      builder.field(bytes, bytes[element]!, element + 2 + parts[parts.length - 1]!.length, field.descending);
    }
  }
  return { keys: [builder.key()], arrays: undefined, allMissing: found === 0 };
}

interface Slot {
  /** How many components of the path are behind us; all of them when the value is known. */
  done: number;
  /** The element, once known. */
  value: number;
  /** Whether the value is known. */
  fixed: boolean;
  found: boolean;
}

/**
 * Where the values of one key of a document lie, as offsets of their elements' type bytes; below 0 where a value has no
 * bytes.
 */
export function keyPlaces(bytes: Buffer, start: number, fields: readonly KeyField[], key: string): readonly number[] {
  let places: readonly number[] = fields.map(() => missing);
  keysWithArrays(bytes, start, fields, (each, slots) => {
    if (each === key) places = slots.map((slot) => slot.value);
  });
  return places;
}

function keysWithArrays(
  bytes: Buffer,
  start: number,
  fields: readonly KeyField[],
  onKey?: (key: string, slots: readonly Slot[]) => void,
): DocumentKeys {
  const keys = new Set<string>();
  const arrays = fields.map(() => 0);
  let allMissing = true;

  const emit = (slots: readonly Slot[]): void => {
    builder.reset();
    for (let i = 0; i < fields.length; i++) {
      const { value, found } = slots[i]!;
      const { descending } = fields[i]!;
      if (found) allMissing = false;
      if (value === missing) builder.nullField(descending);
      else if (value === undefinedValue) builder.undefinedField(descending);
      else builder.field(bytes, bytes[value]!, nameEnd(bytes, value + 1) + 1, descending);
    }
    const key = builder.key();
    keys.add(key);
    onKey?.(key, slots);
  };

  /** `document` is where the slots that are not fixed go on; -1 stands for an empty document. */
  const expand = (before: readonly Slot[], document: number): void => {
    const slots = before.map((slot) => ({ ...slot }));
    let array = -1;
    let arrayPath = "";
    const inArray: number[] = [];
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (slot.fixed) continue;
      const field = fields[i]!;
      let at = document;
      for (;;) {
        const element = at < 0 ? -1 : findElement(bytes, at, field.partBytes[slot.done]!);
        if (element < 0) {
          slot.fixed = true;
          slot.value = missing;
          break;
        }
        slot.done++;
        const type = bytes[element]!;
        const value = nameEnd(bytes, element + 1) + 1;
        if (type === BsonType.array) {
          const position =
            slot.done < field.parts.length ? positionalElement(bytes, value, field.parts[slot.done]!) : -1;
          if (position >= 0) {
            // "a.0": this element alone.
            slot.done++;
            arrays[i] ||= slot.done - 1;
            if (slot.done === field.parts.length) {
              slot.fixed = true;
              slot.found = true;
              slot.value = position;
              break;
            }
            if (bytes[position] !== BsonType.document) {
              slot.fixed = true;
              slot.value = missing;
              break;
            }
            at = nameEnd(bytes, position + 1) + 1;
            continue;
          }
          const path = field.parts.slice(0, slot.done).join(".");
          if (array >= 0 && array !== value) {
            throw mongoError(171, `cannot index parallel arrays [${lastPart(path)}] [${lastPart(arrayPath)}]`);
          }
          array = value;
          arrayPath = path;
          arrays[i] ||= slot.done;
          inArray.push(i);
          break;
        }
        if (slot.done === field.parts.length) {
          slot.fixed = true;
          slot.found = true;
          slot.value = element;
          break;
        }
        if (type !== BsonType.document) {
          slot.fixed = true;
          slot.value = missing;
          break;
        }
        at = value;
      }
    }
    if (array < 0) {
      emit(slots);
      return;
    }
    const each = (element: number): void => {
      for (const i of inArray) {
        const slot = slots[i]!;
        if (slot.done < fields[i]!.parts.length) continue;
        slot.fixed = true;
        slot.found = true;
        slot.value = element;
      }
      const isDocument = element >= 0 && bytes[element] === BsonType.document;
      expand(slots, isDocument ? nameEnd(bytes, element + 1) + 1 : -1);
    };
    if (bytes[array + 4] === 0) each(undefinedValue);
    else {
      let element = array + 4;
      while (bytes[element] !== 0) {
        each(element);
        const value = nameEnd(bytes, element + 1) + 1;
        element = value + valueSize(bytes, bytes[element]!, value);
      }
    }
  };

  expand(
    fields.map(() => ({ done: 0, value: missing, fixed: false, found: false })),
    start,
  );
  return { keys: [...keys], arrays, allMissing };
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function positionalElement(bytes: Buffer, array: number, part: string): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(part)) return -1;
  return findElement(bytes, array, bytesOfName(part));
}
