/** How a protocol's frames tell their length. */
export interface FrameShape {
  /** Bytes of the head that {@link length} needs. */
  readonly headBytes: number;
  /** The length of the whole frame that begins at `at`, head included. Throws when no frame may be that long. */
  length(bytes: Buffer, at: number): number;
}

/**
 * Cuts a stream of chunks into frames. A frame that lies within a chunk is a view of it; one that spans chunks is put
 * together once, when it is whole, so that memory is only taken for bytes that have really arrived.
 */
export class FrameReader {
  readonly #shape: FrameShape;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  /** The length of the frame that has begun, or 0 while its head is not whole. */
  #wanted = 0;

  constructor(shape: FrameShape) {
    this.#shape = shape;
  }

  /** Bytes of the frame that has begun. */
  get pendingBytes(): number {
    return this.#chunkBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** The next whole frame. Throws what the shape throws about its head. */
  next(): Buffer | undefined {
    if (this.#wanted === 0) {
      const { headBytes } = this.#shape;
      if (this.#chunkBytes < headBytes) return undefined;
      if (this.#chunks[0]!.length < headBytes) this.#chunks = [Buffer.concat(this.#chunks, this.#chunkBytes)];
      this.#wanted = this.#shape.length(this.#chunks[0]!, 0);
    }
    const wanted = this.#wanted;
    if (this.#chunkBytes < wanted) return undefined;
    let first = this.#chunks[0]!;
    if (first.length < wanted) {
      first = Buffer.concat(this.#chunks, this.#chunkBytes);
      this.#chunks = [first];
    }
    this.#wanted = 0;
    this.#chunkBytes -= wanted;
    if (first.length === wanted) {
      this.#chunks.shift();
      return first;
    }
    this.#chunks[0] = first.subarray(wanted);
    return first.subarray(0, wanted);
  }
}
