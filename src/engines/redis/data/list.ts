/** A list: a ring of strings, so that both ends and any index cost the same however long it is. */
export class ListData {
  #ring: (string | undefined)[] = new Array(8).fill(undefined);
  #head = 0;
  #length = 0;
  /** Bytes of all elements. */
  bytes = 0;
  /** Whether Redis would by now hold it in several nodes; it goes back only when it has become much smaller. */
  quick = false;

  get length(): number {
    return this.#length;
  }

  #grow(): void {
    const old = this.#ring;
    const mask = old.length - 1;
    const ring: (string | undefined)[] = new Array(old.length * 2).fill(undefined);
    for (let i = 0; i < this.#length; i++) ring[i] = old[(this.#head + i) & mask];
    this.#ring = ring;
    this.#head = 0;
  }

  /** Gives room back after much was taken out. */
  #shrink(): void {
    const old = this.#ring;
    if (old.length <= 64 || this.#length * 4 > old.length) return;
    const mask = old.length - 1;
    const ring: (string | undefined)[] = new Array(old.length / 2).fill(undefined);
    for (let i = 0; i < this.#length; i++) ring[i] = old[(this.#head + i) & mask];
    this.#ring = ring;
    this.#head = 0;
  }

  pushRight(value: string): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = value;
    this.#length++;
    this.bytes += value.length;
  }

  pushLeft(value: string): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = value;
    this.#length++;
    this.bytes += value.length;
  }

  popLeft(): string | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#ring[this.#head]!;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    this.bytes -= value.length;
    if (this.#length * 8 < this.#ring.length) this.#shrink();
    return value;
  }

  popRight(): string | undefined {
    if (this.#length === 0) return undefined;
    const at = (this.#head + this.#length - 1) & (this.#ring.length - 1);
    const value = this.#ring[at]!;
    this.#ring[at] = undefined;
    this.#length--;
    this.bytes -= value.length;
    if (this.#length * 8 < this.#ring.length) this.#shrink();
    return value;
  }

  /** The element at an index from the left; the index must exist. */
  at(index: number): string {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!;
  }

  set(index: number, value: string): void {
    const at = (this.#head + index) & (this.#ring.length - 1);
    this.bytes += value.length - this.#ring[at]!.length;
    this.#ring[at] = value;
  }

  /** Elements from `from` to `to`, both included, both existing. */
  range(from: number, to: number): string[] {
    const out: string[] = new Array(to - from + 1);
    const ring = this.#ring;
    const mask = ring.length - 1;
    let at = (this.#head + from) & mask;
    for (let i = 0; i < out.length; i++) {
      out[i] = ring[at]!;
      at = (at + 1) & mask;
    }
    return out;
  }

  #replace(items: readonly string[]): void {
    let size = 8;
    while (size < items.length) size *= 2;
    const ring: (string | undefined)[] = new Array(size).fill(undefined);
    let bytes = 0;
    for (let i = 0; i < items.length; i++) {
      ring[i] = items[i];
      bytes += items[i]!.length;
    }
    this.#ring = ring;
    this.#head = 0;
    this.#length = items.length;
    this.bytes = bytes;
  }

  insert(index: number, value: string): void {
    if (index === 0) {
      this.pushLeft(value);
      return;
    }
    this.pushRight(value);
    const ring = this.#ring;
    const mask = ring.length - 1;
    for (let i = this.#length - 1; i > index; i--) ring[(this.#head + i) & mask] = ring[(this.#head + i - 1) & mask];
    ring[(this.#head + index) & mask] = value;
  }

  /** Keeps the elements from `from` to `to`, both included. */
  trim(from: number, to: number): void {
    const left = from;
    const right = this.#length - 1 - to;
    for (let i = 0; i < left; i++) this.popLeft();
    for (let i = 0; i < right; i++) this.popRight();
  }

  /** Takes out up to `limit` elements equal to a value, from the left or the right; tells how many. */
  remove(value: string, limit: number, fromRight: boolean): number {
    const items = this.range(0, this.#length - 1);
    const kept: string[] = [];
    let removed = 0;
    if (fromRight) {
      for (let i = items.length - 1; i >= 0; i--) {
        if (removed < limit && items[i] === value) removed++;
        else kept.push(items[i]!);
      }
      kept.reverse();
    } else {
      for (const item of items) {
        if (removed < limit && item === value) removed++;
        else kept.push(item);
      }
    }
    if (removed > 0) this.#replace(kept);
    return removed;
  }
}
