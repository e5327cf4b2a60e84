import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Database } from "../data/database.js";
import type { Entry } from "../data/entry.js";
import { scriptingOf } from "../scripting/scripting.js";
import type { RedisServer } from "../state.js";
import { KeyWalk } from "./key-walk.js";
import { rebuild } from "./rebuild.js";
import { ChangeWriter, requestText } from "./request-text.js";

/** A file of all keys that is being made. */
export interface SnapshotForm {
  /** Adds a key. */
  key(db: Database, entry: Entry): void;
  /** Bytes that wait to be taken. */
  readonly size: number;
  take(): Buffer;
  /** The last piece. */
  end(): Buffer;
}

/** All keys as commands that make them: the base of an append-only file. */
export class CommandForm implements SnapshotForm {
  readonly #writer = new ChangeWriter();
  #text = "";

  constructor(server: RedisServer) {
    for (const { code } of scriptingOf(server).libraries.libraries.values()) {
      this.#text += requestText(["FUNCTION", "LOAD", code]);
    }
  }

  key(db: Database, entry: Entry): void {
    for (const args of rebuild(entry)) this.#text += this.#writer.one(db.index, args);
  }

  get size(): number {
    return this.#text.length;
  }

  take(): Buffer {
    const bytes = Buffer.from(this.#text, "latin1");
    this.#text = "";
    return bytes;
  }

  end(): Buffer {
    return this.take();
  }
}

/** How long a piece of the walk may hold the other clients. */
const stepMs = 1;
const writeAbove = 256 * 1024;

/** A snapshot that is written beside other work; it shows the data of the moment at which it was made. */
export class BackgroundSnapshot {
  readonly startedAt = performance.now();
  readonly #walk: KeyWalk;
  readonly #form: SnapshotForm;
  #cancelled = false;

  constructor(server: RedisServer, form: SnapshotForm) {
    this.#form = form;
    this.#walk = new KeyWalk(server, (db, entry) => form.key(db, entry));
  }

  /** Ends it; {@link write} then fails. */
  cancel(): void {
    this.#cancelled = true;
    this.#walk.cancel();
  }

  /** Writes the file and brings it to the disk; gives its size. */
  async write(path: string): Promise<number> {
    const form = this.#form;
    let bytes = 0;
    try {
      const file = await open(path, "w");
      try {
        while (true) {
          if (this.#cancelled) throw new Error("it was ended");
          const done = this.#walk.done || this.#walk.step(stepMs);
          if (done || form.size > writeAbove) {
            const piece = form.take();
            await file.writeFile(piece);
            bytes += piece.length;
          } else await new Promise((resolve) => setImmediate(resolve));
          if (done) break;
        }
        const last = form.end();
        await file.writeFile(last);
        await file.sync();
        return bytes + last.length;
      } finally {
        await file.close();
      }
    } catch (error) {
      this.#walk.cancel();
      rmSync(path, { force: true });
      throw error;
    }
  }
}

/** Writes a snapshot while all else waits; the file is there whole or not at all. */
export function writeSnapshot(server: RedisServer, form: SnapshotForm, path: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, "w");
  try {
    const put = (bytes: Buffer): void => {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    };
    for (const db of server.dbs) {
      for (const entry of db.entries()) {
        form.key(db, entry);
        if (form.size > writeAbove) put(form.take());
      }
    }
    put(form.end());
    fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
