/** How values become what Redis stores. */
export interface Serializer<V> {
  /** Stored values are bytes; without it they are text. */
  readonly bytes?: boolean;
  encode(value: V): string | Uint8Array;
  decode(stored: string | Buffer): V;
}

/** Values as JSON: the default. */
export const json: Serializer<unknown> = {
  encode: (value) => JSON.stringify(value),
  decode: (stored) => JSON.parse(stored as string),
};

/** Values that are text already. */
export const text: Serializer<string> = {
  encode: (value) => value,
  decode: (stored) => stored as string,
};

/**
 * Values as MessagePack, through a library of yours.
 *
 * @param library the functions of `@msgpack/msgpack`, or those of `msgpackr` under these names
 * @example
 * ```ts
 * import { decode, encode } from "@msgpack/msgpack";
 * const users = cache(redis, { prefix: "user", ttlMs: 60_000, load, serializer: messagePack({ encode, decode }) });
 * ```
 */
export function messagePack<V = unknown>(library: {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}): Serializer<V> {
  return {
    bytes: true,
    encode: (value) => library.encode(value),
    // A plain view: libraries hand out bytes of the kind that they were given.
    decode: (stored) => {
      const { buffer, byteOffset, byteLength } = stored as Buffer;
      return library.decode(new Uint8Array(buffer, byteOffset, byteLength)) as V;
    },
  };
}
