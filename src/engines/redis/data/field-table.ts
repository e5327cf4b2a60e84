import { CompactStrings, longestKey, longestValue } from "./compact-strings.js";
import { NOWHERE, StringIndex } from "./string-index.js";

/** A field that is too long to be held as bytes, or whose value is. */
interface LongField {
  readonly field: string;
  value: string;
}

/** What a field is counted with beside the pages: its places in the order and the index. */
const placeBytes = 24;

/**
 * The fields of a large hash with their values, all in one dense order (see `scanDown`): as bytes in pages
 * ({@link CompactStrings}), which the garbage collector neither looks through nor moves. What the index gives for a field
 * is its place in the order, or below -1 a compact string's reference.
 */
export class FieldTable extends StringIndex {
  readonly #order: (LongField | number)[] = [];
  readonly #compact = new CompactStrings((field, from, to) => {
    this.#order[this.#compact.place(to)] = to;
    this.move(field, from, to);
  });

  get size(): number {
    return this.#order.length;
  }

  /** Memory that it takes, but for long fields and values. */
  get heldBytes(): number {
    return this.#compact.heldBytes + this.size * placeBytes;
  }

  protected holds(ref: number, field: string): boolean {
    return ref >= 0 ? (this.#order[ref] as LongField).field === field : this.#compact.hasKey(ref, field);
  }

  has(field: string): boolean {
    return this.find(field) !== NOWHERE;
  }

  get(field: string): string | undefined {
    const ref = this.find(field);
    if (ref < NOWHERE) return this.#compact.value(ref);
    return ref === NOWHERE ? undefined : (this.#order[ref] as LongField).value;
  }

  fieldAt(place: number): string {
    const one = this.#order[place]!;
    return typeof one === "number" ? this.#compact.key(one) : one.field;
  }

  valueAt(place: number): string {
    const one = this.#order[place]!;
    return typeof one === "number" ? this.#compact.value(one) : one.value;
  }

  /** Sets a field; tells by how many bytes its value grew, or undefined when the field is new. */
  set(field: string, value: string): number | undefined {
    const ref = this.find(field);
    const compact = this.#compact;
    if (ref >= 0) {
      const long = this.#order[ref] as LongField;
      const grown = value.length - long.value.length;
      long.value = value;
      return grown;
    }
    const isShort = field.length <= longestKey && value.length <= longestValue;
    if (ref === NOWHERE) {
      const place = this.#order.length;
      const made = isShort ? compact.add(field, value, place, 0) : place;
      this.#order.push(isShort ? made : { field, value });
      this.add(field, made);
      return undefined;
    }
    const grown = field.length + value.length - compact.length(ref);
    if (isShort && compact.overwrite(ref, value, 0)) return grown;
    const place = compact.place(ref);
    const made = isShort ? compact.add(field, value, place, 0) : place;
    this.#order[place] = isShort ? made : { field, value };
    this.move(field, ref, made);
    // Last, as it may move others.
    compact.remove(ref);
    return grown;
  }

  /** Takes a field out, whose place the last one gets; tells the bytes that it had, or undefined when it was not there. */
  delete(field: string): number | undefined {
    const ref = this.find(field);
    if (ref === NOWHERE) return undefined;
    const order = this.#order;
    const compact = this.#compact;
    const place = ref >= 0 ? ref : compact.place(ref);
    const bytes = ref >= 0 ? field.length + (order[ref] as LongField).value.length : compact.length(ref);
    this.remove(field, ref);
    const last = order.pop()!;
    if (place < order.length) {
      order[place] = last;
      if (typeof last === "number") compact.setPlace(last, place);
      else this.move(last.field, order.length, place);
    }
    if (ref < NOWHERE) compact.remove(ref);
    return bytes;
  }
}
