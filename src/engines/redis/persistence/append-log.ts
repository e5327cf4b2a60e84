import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from "node:fs";

/** The operations on files that can fail while data is written; tests put failing ones in their place. */
export interface LogFiles {
  readonly writeSync: (fd: number, bytes: Buffer, from: number, length: number) => number;
  readonly fdatasyncSync: (fd: number) => void;
}

export const realFiles: LogFiles = {
  writeSync: (fd, bytes, from, length) => writeSync(fd, bytes, from, length),
  fdatasyncSync: (fd) => fdatasyncSync(fd),
};

/** Error texts as `strerror` has them, for the errors that disks give. */
const messages: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EDQUOT: "Disk quota exceeded",
  EFBIG: "File too large",
  EIO: "Input/output error",
  ENOSPC: "No space left on device",
  EROFS: "Read-only file system",
};

/** A system error's text, as Redis shows it. */
export function diskErrorText(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return messages[code ?? ""] ?? message;
}

/**
 * One increment of an append-only file. What is appended gathers in memory; {@link write} hands it to the operating
 * system, after which it survives the death of this process, and {@link sync} brings it to the disk.
 */
export class AppendLog {
  readonly path: string;
  readonly #files: LogFiles;
  readonly #fd: number;
  #text = "";
  /** What was to be written and was not. */
  #rest: Buffer | undefined;
  /** Bytes of the file that are whole units. */
  size: number;
  #syncing = false;
  #closed = false;
  /** Why the last attempt to write failed. */
  failure: string | undefined;
  /** The disk did not take what the file holds: nothing that is added to it can be relied on. */
  broken = false;

  constructor(path: string, size: number, files: LogFiles) {
    this.path = path;
    this.#files = files;
    this.#fd = openSync(path, "a");
    this.size = size;
  }

  append(text: string): void {
    this.#text += text;
  }

  get bufferedBytes(): number {
    return this.#text.length + (this.#rest?.length ?? 0);
  }

  get syncing(): boolean {
    return this.#syncing;
  }

  /** Writes what has gathered; false when it could not be, and is kept for the next attempt. */
  write(): boolean {
    if (this.#text.length === 0 && this.#rest === undefined) return !this.broken;
    let bytes = Buffer.from(this.#text, "latin1");
    this.#text = "";
    if (this.#rest !== undefined) bytes = Buffer.concat([this.#rest, bytes]);
    this.#rest = undefined;
    let done = 0;
    try {
      while (done < bytes.length) done += this.#files.writeSync(this.#fd, bytes, done, bytes.length - done);
    } catch (error) {
      this.failure = diskErrorText(error);
      // Half a request must not stay behind: a reader would find it torn, with more after it.
      if (done > 0) {
        try {
          ftruncateSync(this.#fd, this.size);
          done = 0;
        } catch {
          this.size += done;
        }
      }
      this.#rest = done === 0 ? bytes : bytes.subarray(done);
      return false;
    }
    this.size += bytes.length;
    if (!this.broken) this.failure = undefined;
    return !this.broken;
  }

  /** Brings what is written to the disk before it returns; false when that failed. */
  sync(): boolean {
    try {
      this.#files.fdatasyncSync(this.#fd);
    } catch (error) {
      this.#unsynced(error);
      return false;
    }
    return !this.broken;
  }

  /** The same beside other work; `done` is called when it succeeded. */
  syncLater(done: () => void): void {
    if (this.#syncing) return;
    this.#syncing = true;
    fdatasync(this.#fd, (error) => {
      this.#syncing = false;
      if (error !== null) this.#unsynced(error);
      else done();
      if (this.#closed) closeSync(this.#fd);
    });
  }

  /** After a failed sync the system may have dropped the bytes and reports the next one as a success. */
  #unsynced(error: unknown): void {
    this.broken = true;
    this.failure = diskErrorText(error);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#syncing) closeSync(this.#fd);
  }
}
