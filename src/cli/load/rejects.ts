/** The file that keeps rejected lines: NDJSON, one object per line with its place, the reason and the text. */

import { constants } from "node:fs";
import { access, type FileHandle, open, rm } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { KeyfoldError } from "../../internal/errors.js";

/** One line of the input that is not stored, and why. */
export interface Reject {
  readonly line: number;
  /** Position among the data rows, from 1. */
  readonly row: number;
  readonly reason: string;
  /** The line as it stands in the file. */
  readonly text: string;
}

/** Where rejected lines go. */
export interface RejectSink {
  write(rejects: readonly Reject[]): Promise<void>;
  close(): Promise<void>;
}

/** `FILE.rejects.ndjson` beside the input; in the current folder where that one cannot be written to, and for standard input. */
export async function defaultRejectsPath(input: string): Promise<string> {
  if (input === "-") return "stdin.rejects.ndjson";
  const beside = `${input}.rejects.ndjson`;
  try {
    await access(dirname(resolve(input)), constants.W_OK);
    return beside;
  } catch {
    return basename(beside);
  }
}

/** Opens the file at the first rejected line; what an earlier run of the same load left there is removed first. */
export async function rejectsFile(path: string): Promise<RejectSink> {
  await rm(path, { force: true }).catch((error: unknown) => {
    throw cannotWrite(path, error);
  });
  let file: FileHandle | undefined;
  return {
    async write(rejects) {
      if (rejects.length === 0) return;
      try {
        file ??= await open(path, "w");
        await file.write(rejects.map((reject) => `${JSON.stringify(reject)}\n`).join(""));
      } catch (error) {
        throw cannotWrite(path, error);
      }
    },
    async close() {
      await file?.close();
    },
  };
}

function cannotWrite(path: string, error: unknown): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", `rejected lines cannot be written to ${path}: ${(error as Error).message}`, {
    cause: error,
    fix: "Name another file with --rejects.",
  });
}
