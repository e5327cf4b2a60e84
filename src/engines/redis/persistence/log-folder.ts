import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { emptyManifest, formatManifest, type LogFile, type Manifest, parseManifest } from "./manifest.js";

/** The files of an append-only log in a folder of data, under Redis' own names. */
export class LogFolder {
  /** Where the log's files are. */
  readonly path: string;
  readonly #prefix = "appendonly.aof";
  manifest: Manifest = emptyManifest;

  /** @param dataDir the folder that Redis calls `dir` */
  constructor(dataDir: string) {
    this.path = join(dataDir, "appendonlydir");
    const manifestPath = this.pathOf(`${this.#prefix}.manifest`);
    if (existsSync(manifestPath)) this.manifest = parseManifest(readFileSync(manifestPath, "latin1"), manifestPath);
    const old = join(dataDir, this.#prefix);
    if (existsSync(old) && this.manifest.base === undefined && this.manifest.increments.length === 0) {
      // Up to Redis 6 the log was one file: it becomes the base, as in Redis 7.
      mkdirSync(this.path, { recursive: true });
      this.write({ ...emptyManifest, base: { name: this.#prefix, seq: 1, type: "b" } });
    }
    const { base } = this.manifest;
    if (base?.name === this.#prefix && existsSync(old) && !existsSync(this.pathOf(base.name))) {
      renameSync(old, this.pathOf(base.name));
    }
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** Whether there is a log. */
  get exists(): boolean {
    return this.manifest.base !== undefined || this.manifest.increments.length > 0;
  }

  /** The files that hold the data, in the order in which they are read. */
  get files(): readonly LogFile[] {
    const { base, increments } = this.manifest;
    return base === undefined ? increments : [base, ...increments];
  }

  sizeOf(file: LogFile): number {
    return statSync(this.pathOf(file.name)).size;
  }

  nextIncrement(): LogFile {
    const seq =
      Math.max(
        0,
        ...this.manifest.increments.map((one) => one.seq),
        ...this.manifest.history.filter(({ name }) => name.includes(".incr.")).map((one) => one.seq),
      ) + 1;
    return { name: `${this.#prefix}.${seq}.incr.aof`, seq, type: "i" };
  }

  nextBase(): LogFile {
    const seq = (this.manifest.base?.seq ?? 0) + 1;
    return { name: `${this.#prefix}.${seq}.base.aof`, seq, type: "b" };
  }

  /** The name under which a base is written before it is whole. */
  get temporaryBase(): string {
    return this.pathOf(`temp-rewriteaof-bg-${process.pid}.aof`);
  }

  /** Replaces the manifest: either the old or the new one is there whatever happens. */
  write(manifest: Manifest): void {
    mkdirSync(this.path, { recursive: true });
    const temporary = this.pathOf(`temp-${this.#prefix}.manifest`);
    const fd = openSync(temporary, "w");
    try {
      const bytes = Buffer.from(formatManifest(manifest), "latin1");
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.pathOf(`${this.#prefix}.manifest`));
    syncFolder(this.path);
    this.manifest = manifest;
  }

  /** Deletes files that the manifest calls history. */
  deleteHistory(): void {
    const { history } = this.manifest;
    if (history.length === 0) return;
    for (const { name } of history) rmSync(this.pathOf(name), { force: true });
    this.write({ ...this.manifest, history: [] });
  }
}

/** Makes a folder's entries durable, where the system can. */
export function syncFolder(path: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    fsyncSync(fd);
  } catch {
    // Windows opens no folders; there the rename itself is the best there is.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
