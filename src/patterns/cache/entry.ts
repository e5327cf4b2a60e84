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
export interface Entry<V> {
  readonly value: V;
  /** On the server's clock. */
  readonly staleAt: number;
  readonly goneAt: number;
  readonly loadMs: number;
  /** Versions of its tags when it was loaded; undefined where it has none. */
  readonly tags: Readonly<Record<string, number>> | undefined;
  /** Tells it from any other entry under its key. */
  readonly head: string;
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
  if (typeof stored !== "string") return decodeBytes(stored, serializer);
  const end = stored.charCodeAt(HEAD) === 10 ? HEAD : stored.indexOf("\n", HEAD);
  if (end < 0) return undefined;
  const kind = stored.charCodeAt(0);
  if (kind === 118) return entryOf(stored.slice(0, end), serializer.decode(stored.slice(end + 1)));
  return empty(kind, stored.slice(0, end));
}

function decodeBytes<V>(stored: Buffer, serializer: Serializer<V>): Entry<V> | undefined {
  const end = stored.indexOf(10, HEAD);
  if (end < 0) return undefined;
  const kind = stored[0]!;
  const head = stored.toString("utf8", 0, end);
  if (kind !== 118) return empty(kind, head);
  const body = stored.subarray(end + 1);
  return entryOf(head, serializer.decode(serializer.bytes === true ? body : body.toString()));
}

function empty<V>(kind: number, head: string): Entry<V> | undefined {
  if (kind !== 110 && kind !== 117) return undefined;
  return entryOf(head, (kind === 110 ? null : undefined) as V);
}

function entryOf<V>(head: string, value: V): Entry<V> {
  const staleAt = Number(head.slice(1, 14));
  const bare = head.length === HEAD;
  return {
    value,
    staleAt,
    goneAt: staleAt + Number.parseInt(head.slice(14, 22), 36),
    loadMs: Number.parseInt(head.slice(22, HEAD), 36),
    tags: bare ? undefined : (JSON.parse(head.slice(HEAD)) as Record<string, number>),
    head,
  };
}
