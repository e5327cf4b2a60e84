import type { RedisArgument } from "../redis/link.js";
import type { Serializer } from "./serializer.js";

/**
 * A stored entry: a head of fixed width, tags, a line feed, the value.
 *
 * kind (v value, n null, u undefined) · server's milliseconds at which it becomes stale (13 digits) · milliseconds from
 * then until Redis drops it (8, base 36) · milliseconds that loading took (6, base 36) · JSON of its tags' versions
 */
const HEAD = 28;

/** An entry as it was read. */
export class Entry<V> {
  readonly value: V;
  /** On the server's clock. */
  readonly staleAt: number;
  readonly #stored: string | Buffer;
  readonly #end: number;

  constructor(stored: string | Buffer, end: number, value: V) {
    this.value = value;
    this.#stored = stored;
    this.#end = end;
    this.staleAt = digits(stored, 1, 14, 10);
  }

  /** Tells it from any other entry under its key. */
  get head(): string {
    return typeof this.#stored === "string"
      ? this.#stored.slice(0, this.#end)
      : this.#stored.toString("utf8", 0, this.#end);
  }

  get goneAt(): number {
    return this.staleAt + digits(this.#stored, 14, 22, 36);
  }

  get loadMs(): number {
    return digits(this.#stored, 22, HEAD, 36);
  }

  /** Versions of its tags when it was loaded; undefined where it has none. */
  get tags(): Readonly<Record<string, number>> | undefined {
    return this.#end === HEAD ? undefined : (JSON.parse(this.head.slice(HEAD)) as Record<string, number>);
  }

  get tagged(): boolean {
    return this.#end !== HEAD;
  }
}

/** A number of the head: its digits one by one, since a text cut out for each number costs more than all of them. */
function digits(stored: string | Buffer, from: number, to: number, base: number): number {
  let number = 0;
  for (let i = from; i < to; i++) {
    const code = typeof stored === "string" ? stored.charCodeAt(i) : stored[i]!;
    number = number * base + code - (code < 97 ? 48 : 87);
  }
  return number;
}

const base36 = (value: number, width: number): string =>
  Math.min(Math.max(0, Math.round(value)), 36 ** width - 1)
    .toString(36)
    .padStart(width, "0");

/** What the publishing script puts around the time at which the entry becomes stale. */
export function encodeEntry<V>(
  value: V,
  serializer: Serializer<V>,
  entry: {
    readonly staleMs: number;
    readonly loadMs: number;
    readonly tags: Readonly<Record<string, number>> | undefined;
  },
): { readonly kind: string; readonly rest: string; readonly body: RedisArgument } {
  const kind = value === null ? "n" : value === undefined ? "u" : "v";
  const body = kind === "v" ? serializer.encode(value) : "";
  const tags = entry.tags === undefined ? "" : JSON.stringify(entry.tags);
  return {
    kind,
    rest: `${base36(entry.staleMs, 8)}${base36(entry.loadMs, 6)}${tags}\n`,
    body: typeof body === "string" ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  };
}

/** Reads an entry; undefined for what this cache did not write. */
export function decodeEntry<V>(stored: string | Buffer, serializer: Serializer<V>): Entry<V> | undefined {
  const isText = typeof stored === "string";
  const kind = isText ? stored.charCodeAt(0) : stored[0];
  const end = stored.indexOf("\n", HEAD);
  if (end < 0 || (kind !== 118 && kind !== 110 && kind !== 117)) return undefined;
  if (kind !== 118) return new Entry(stored, end, (kind === 110 ? null : undefined) as V);
  const body = isText ? stored.slice(end + 1) : stored.subarray(end + 1);
  return new Entry(stored, end, serializer.decode(body));
}
