/** How events become text. */
export interface Codec<E> {
  encode(event: E): string;
  decode(stored: string): E;
}

/** What is kept of a stream; see `Stream.trim`. */
export interface TrimOptions {
  /** At least so many entries. Default 0. */
  readonly length?: number;
  /** Entries of at least the last so many milliseconds. Default 0. */
  readonly ms?: number;
}
