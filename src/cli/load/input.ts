/** Opens what `load` reads: a file or standard input, plain or gzip, and says how far it has been read. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { KeyfoldError } from "../../internal/errors.js";

const CHUNK_BYTES = 256 * 1024;

/** Bytes to read, unpacked, in pieces. */
export interface Input {
  readonly chunks: AsyncIterable<Buffer>;
  /** Bytes of the file, packed as it is; undefined where that is not known beforehand. */
  readonly totalBytes: number | undefined;
  /** Bytes of the file taken so far. */
  bytesRead(): number;
  /** Reads no further; a read under way ends. */
  readonly close: () => void;
}

/** Opens a file by path; `-` is standard input. */
export async function openInput(path: string): Promise<Input> {
  if (path === "-") return inputFrom(process.stdin, undefined, "standard input");
  let size: number;
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      throw new KeyfoldError("INPUT_INVALID", `${path} is a folder`, { fix: "Name a file, or - for standard input." });
    }
    // A pipe or a device has no size that could be shown as progress.
    size = found.isFile() ? found.size : 0;
  } catch (error) {
    if (error instanceof KeyfoldError) throw error;
    throw cannotRead(path, error);
  }
  return inputFrom(createReadStream(path, { highWaterMark: CHUNK_BYTES }), size === 0 ? undefined : size, path);
}

/** Reads a stream; gzip is known by its first two bytes, so a name does not matter. */
export function inputFrom(stream: Readable, totalBytes: number | undefined, name: string): Input {
  let read = 0;
  async function* packed(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of stream) {
        const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Buffer);
        read += bytes.length;
        yield bytes;
      }
    } catch (error) {
      throw cannotRead(name, error);
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    const source = packed();
    const first = await beginning(source);
    if (first.length >= 2 && first[0] === 0x1f && first[1] === 0x8b) {
      yield* gunzip(first, source, name);
      return;
    }
    if (first.length > 0) yield first;
    yield* source;
  }
  return { chunks: chunks(), totalBytes, bytesRead: () => read, close: () => stream.destroy() };
}

async function beginning(source: AsyncGenerator<Buffer>): Promise<Buffer> {
  let first: Buffer = Buffer.alloc(0);
  while (first.length < 2) {
    const next = await source.next();
    if (next.done) break;
    first = first.length === 0 ? next.value : Buffer.concat([first, next.value]);
  }
  return first;
}

async function* gunzip(first: Buffer, rest: AsyncGenerator<Buffer>, name: string): AsyncGenerator<Buffer> {
  const unpack = createGunzip({ chunkSize: CHUNK_BYTES });
  let sourceError: unknown;
  const feed = async (): Promise<void> => {
    try {
      for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await following(rest)) {
        if (unpack.destroyed) return;
        if (!unpack.write(chunk)) {
          await new Promise<void>((resolve) => {
            const go = (): void => {
              unpack.off("drain", go).off("close", go);
              resolve();
            };
            unpack.once("drain", go).once("close", go);
          });
        }
      }
      unpack.end();
    } catch (error) {
      sourceError = error;
      unpack.destroy();
    }
  };
  const fed = feed();
  try {
    for await (const chunk of unpack) yield chunk as Buffer;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throw new KeyfoldError(
      "INPUT_INVALID",
      `${name}: the gzip data is damaged or cut off (${(error as Error).message})`,
      {
        cause: error,
        fix: "Fetch or pack the file again, then repeat the load: what is stored already is found and left alone.",
      },
    );
  } finally {
    unpack.destroy();
    await rest.return(undefined);
    await fed;
  }
}

async function following(source: AsyncGenerator<Buffer>): Promise<Buffer | undefined> {
  const next = await source.next();
  return next.done ? undefined : next.value;
}

function cannotRead(name: string, error: unknown): KeyfoldError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") {
    return new KeyfoldError("NOT_FOUND", `there is no file ${name}`, {
      cause: error,
      fix: "Check the path; - reads standard input.",
    });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new KeyfoldError("INPUT_INVALID", `${name} may not be read by this user`, {
      cause: error,
      fix: "Check the file's permissions.",
    });
  }
  return new KeyfoldError("INPUT_INVALID", `${name} cannot be read: ${(error as Error).message}`, { cause: error });
}
