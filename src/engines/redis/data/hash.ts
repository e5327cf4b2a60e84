import { MemberIndex } from "./string-index.js";

/** Up to so many fields are searched one after the other. */
const linearFields = 12;

/**
 * A hash: fields and values in two arrays, with an index once there are more than a few. Small ones keep the order of
 * insertion as Redis' listpack does; large ones fill the hole of a removed field with the last one, which keeps SCAN's
 * promise because SCAN walks from the end to the beginning (see {@link scanDown}).
 */
export class HashData {
  readonly fields: string[] = [];
  readonly values: string[] = [];
  #index: MemberIndex | undefined;
  /** Whether Redis would hold it as a listpack. */
  compact = true;
  bytes = 0;

  get size(): number {
    return this.fields.length;
  }

  #find(field: string): number {
    if (this.#index !== undefined) return this.#index.find(field);
    const { fields } = this;
    for (let i = 0; i < fields.length; i++) if (fields[i] === field) return i;
    return -1;
  }

  get(field: string): string | undefined {
    const at = this.#find(field);
    return at < 0 ? undefined : this.values[at];
  }

  has(field: string): boolean {
    return this.#find(field) >= 0;
  }

  /** Tells whether the field is new. */
  set(field: string, value: string): boolean {
    const at = this.#find(field);
    if (at >= 0) {
      this.bytes += value.length - this.values[at]!.length;
      this.values[at] = value;
      return false;
    }
    const { fields } = this;
    this.#index?.add(field, fields.length);
    fields.push(field);
    this.values.push(value);
    this.bytes += field.length + value.length;
    if (this.#index === undefined && fields.length > linearFields) this.#index = new MemberIndex(fields);
    return true;
  }

  delete(field: string): boolean {
    const at = this.#find(field);
    if (at < 0) return false;
    const { fields, values } = this;
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
