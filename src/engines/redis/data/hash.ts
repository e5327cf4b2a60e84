import { FieldTable } from "./field-table.js";
import { MemberIndex } from "./string-index.js";

/** Up to so many fields are searched one after the other. */
const linearFields = 12;
/** What a field is counted with beside its bytes, measured on 64-bit V8. */
const fieldBytes = 72;
/** From so many bytes of fields and values on they are held in pages, of which each is a megabyte. */
const pagedBytes = 2 ** 19;

/**
 * A hash: fields and values in two arrays, with an index once there are more than a few, and from half a megabyte on in
 * a {@link FieldTable}. Small ones keep the order of insertion as Redis' listpack does; large ones fill the hole of a
 * removed field with the last one, which keeps SCAN's promise because SCAN walks from the end to the beginning (see
 * {@link scanDown}).
 */
export class HashData {
  #fields: string[] = [];
  #values: string[] = [];
  #index: MemberIndex | undefined;
  #table: FieldTable | undefined;
  /** Whether Redis would hold it as a listpack. */
  compact = true;
  /** Of all fields and values. */
  bytes = 0;

  get size(): number {
    return this.#table === undefined ? this.#fields.length : this.#table.size;
  }

  /** An estimate of its memory. */
  get heldBytes(): number {
    const table = this.#table;
    return table === undefined ? this.bytes + this.size * fieldBytes : Math.max(this.bytes, table.heldBytes);
  }

  #find(field: string): number {
    if (this.#index !== undefined) return this.#index.find(field);
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i++) if (fields[i] === field) return i;
    return -1;
  }

  get(field: string): string | undefined {
    if (this.#table !== undefined) return this.#table.get(field);
    const at = this.#find(field);
    return at < 0 ? undefined : this.#values[at];
  }

  has(field: string): boolean {
    return this.#table === undefined ? this.#find(field) >= 0 : this.#table.has(field);
  }

  /** The field at a place of the order; places are below {@link size}. */
  fieldAt(place: number): string {
    return this.#table === undefined ? this.#fields[place]! : this.#table.fieldAt(place);
  }

  valueAt(place: number): string {
    return this.#table === undefined ? this.#values[place]! : this.#table.valueAt(place);
  }

  /** Tells whether the field is new. */
  set(field: string, value: string): boolean {
    if (this.#table !== undefined) {
      const grown = this.#table.set(field, value);
      this.bytes += grown ?? field.length + value.length;
      return grown === undefined;
    }
    const at = this.#find(field);
    if (at >= 0) {
      this.bytes += value.length - this.#values[at]!.length;
      this.#values[at] = value;
      return false;
    }
    const fields = this.#fields;
    this.#index?.add(field, fields.length);
    fields.push(field);
    this.#values.push(value);
    this.bytes += field.length + value.length;
    if (this.#index === undefined && fields.length > linearFields) this.#index = new MemberIndex(fields);
    if (this.bytes >= pagedBytes && !this.compact) this.#page();
    return true;
  }

  #page(): void {
    const table = new FieldTable();
    for (const [i, field] of this.#fields.entries()) table.set(field, this.#values[i]!);
    this.#table = table;
    this.#fields = [];
    this.#values = [];
    this.#index = undefined;
  }

  delete(field: string): boolean {
    if (this.#table !== undefined) {
      const bytes = this.#table.delete(field);
      this.bytes -= bytes ?? 0;
      return bytes !== undefined;
    }
    const at = this.#find(field);
    if (at < 0) return false;
    const [fields, values] = [this.#fields, this.#values];
    this.bytes -= field.length + values[at]!.length;
    this.#index?.remove(field, at);
    if (this.compact) {
      fields.splice(at, 1);
      values.splice(at, 1);
      if (this.#index !== undefined) {
        for (let i = at; i < fields.length; i++) this.#index.move(fields[i]!, i + 1, i);
      }
      return true;
    }
    const lastField = fields.pop()!;
    const lastValue = values.pop()!;
    if (at < fields.length) {
      this.#index?.move(lastField, fields.length, at);
      fields[at] = lastField;
      values[at] = lastValue;
    }
    return true;
  }
}

/**
 * One step of a scan over a dense array in which a removed element's place is taken by the last one. The cursor is how
 * many elements from the beginning are still to be seen, and the walk goes down. What was there all the time is seen:
 * an element only ever moves from a higher place to a lower one, and when it moves below the cursor it is still to be
 * seen (perhaps for a second time, which SCAN allows).
 */
export function scanDown(length: number, cursor: number, count: number): { from: number; to: number; next: number } {
  const to = cursor === 0 ? length : Math.min(cursor, length);
  const from = Math.max(0, to - count);
  return { from, to, next: from };
}
