import { bytesOfName, valueSize } from "../bson/raw.js";

/**
 * Finds several top-level fields of raw documents in one pass over the bytes. After {@link find}, `types[i]` is the type
 * byte of the i-th name (0: missing) and `offsets[i]` where its value begins.
 */
export class RawFields {
  readonly types: Uint8Array;
  readonly offsets: Int32Array;
  readonly #names: readonly Uint8Array[];
  /** For each length of a name the places of the names that have it. */
  readonly #byLength: readonly (readonly number[] | undefined)[];
  readonly #longest: number;

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => bytesOfName(name));
    this.types = new Uint8Array(names.length);
    this.offsets = new Int32Array(names.length);
    this.#longest = Math.max(0, ...this.#names.map((name) => name.length));
    this.#byLength = Array.from({ length: this.#longest + 1 }, (_, length) => {
      const places = [...this.#names.keys()].filter((i) => this.#names[i]!.length === length);
      return places.length === 0 ? undefined : places;
    });
  }

  /** Looks at the document that begins at `start`. */
  find(bytes: Buffer, start: number): void {
    const { types, offsets } = this;
    types.fill(0);
    let missing = types.length;
    let at = start + 4;
    for (;;) {
      const type = bytes[at]!;
      if (type === 0) return;
      const nameAt = at + 1;
      let end = nameAt;
      while (bytes[end] !== 0) end++;
      const places = end - nameAt <= this.#longest ? this.#byLength[end - nameAt] : undefined;
      at = end + 1;
      if (places !== undefined) {
        for (let p = 0; p < places.length; p++) {
          const place = places[p]!;
          if (types[place] !== 0 || !this.#is(bytes, nameAt, this.#names[place]!)) continue;
          types[place] = type;
          offsets[place] = at;
          if (--missing === 0) return;
          break;
        }
      }
      // The sizes that occur most, without a call.
      if (type === 0x02)
        at += 4 + (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
      else if (type === 0x10) at += 4;
      else if (type === 0x13) at += 16;
      else if (type === 0x01 || type === 0x09 || type === 0x12) at += 8;
      else at += valueSize(bytes, type, at);
    }
  }

  #is(bytes: Buffer, at: number, name: Uint8Array): boolean {
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
    return true;
  }
}
