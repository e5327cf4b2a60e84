import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../client.js";
import type { Change, Propagator } from "../propagation.js";
import { err, type Reply, Status } from "../protocol/reply.js";
import type { PersistencePort, RedisServer } from "../state.js";
import { AppendLog, diskErrorText, type LogFiles, realFiles } from "./append-log.js";
import { lockFolder } from "./folder-lock.js";
import { loadData } from "./load.js";
import { LogFolder, syncFolder } from "./log-folder.js";
import type { LogFile } from "./manifest.js";
import { ChangeWriter } from "./request-text.js";
import { Saving } from "./saving.js";
import { BackgroundSnapshot, CommandForm } from "./snapshot.js";

/** How long after a failed rewrite the next one begins by itself; each failure doubles it, up to an hour. */
const firstRetryMs = 1000;
const longestRetryMs = 3_600_000;
const REWRITING = err("Background append only file rewriting already in progress");
const OTHER_CHILD = err(
  "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.",
);

/** A rewrite that is under way. */
interface Rewrite {
  readonly snapshot: BackgroundSnapshot;
  /** The increment that holds what happens since it began; undefined while the log is off. */
  readonly increment: LogFile | undefined;
  /** The log for it while the manifest does not name it yet. */
  readonly next: AppendLog | undefined;
  readonly done: Promise<void>;
}

/**
 * Keeps the data in a folder as Redis does: an append-only log of a base and increments (`appendonlydir/`), and
 * snapshots by SAVE and BGSAVE (`dump.rdb`).
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
 */
export class Persistence implements PersistencePort, Propagator {
  readonly #server: RedisServer;
  readonly #folder: LogFolder;
  readonly #saving: Saving;
  readonly #files: LogFiles;
  readonly #unlock: () => void;
  readonly #writer = new ChangeWriter();
  readonly #nextWriter = new ChangeWriter();
  /** The increment that is written; undefined while the log is off. */
  #log: AppendLog | undefined;
  #on = false;
  #closed = false;
  offset = 0;
  durableOffset = 0;
  #writtenOffset = 0;
  #lastSync = 0;
  #delayedSyncs = 0;
  /** Bytes of the base and of finished increments, and of all after the last rewrite. */
  #finishedBytes = 0;
  #bytesAfterRewrite = 0;

  #rewrite: Rewrite | undefined;
  #rewriteScheduled = false;
  #rewriteOk = true;
  #rewriteSeconds = -1;
  #rewrites = 0;
  #retryMs = firstRetryMs;
  #retryAt = 0;

  private constructor(server: RedisServer, dataDir: string, files: LogFiles) {
    mkdirSync(dataDir, { recursive: true });
    this.#server = server;
    this.#files = files;
    this.#saving = new Saving(server, join(dataDir, "dump.rdb"));
    this.#unlock = lockFolder(dataDir);
    try {
      this.#folder = new LogFolder(dataDir);
    } catch (error) {
      this.#unlock();
      throw error;
    }
  }

  /**
   * Opens a folder of data, which is made when it is missing, and fills the server with what it holds.
   *
   * @throws KeyfoldError when another engine has the folder, or its files are damaged
   */
  static async open(server: RedisServer, dataDir: string, files: LogFiles = realFiles): Promise<Persistence> {
    const persistence = new Persistence(server, dataDir, files);
    try {
      await persistence.#start();
    } catch (error) {
      persistence.#log?.close();
      persistence.#unlock();
      throw error;
    }
    return persistence;
  }

  async #start(): Promise<void> {
    const server = this.#server;
    this.#on = server.config.appendonly;
    const from = await loadData(server, this.#on ? this.#folder : undefined, this.#saving.path);
    if (this.#on) this.#folder.deleteHistory();
    if (!this.#on) {
      // As in Redis: without a log what was saved last is all there is.
    } else if (from === "snapshot") {
      // The log must hold what the snapshot does: a base is written before anything else.
      this.#beginRewrite();
      await this.#rewrite?.done;
      if (this.#log === undefined) throw new Error(`The first append-only file could not be written`);
    } else this.#openLast();
    this.#bytesAfterRewrite = this.#size;
    server.persistence = this;
    server.propagator = this;
  }

  /** Goes on with the last increment, or begins the first. */
  #openLast(): void {
    const folder = this.#folder;
    const { manifest } = folder;
    const last = manifest.increments.at(-1) ?? folder.nextIncrement();
    mkdirSync(folder.path, { recursive: true });
    const known = manifest.increments.includes(last);
    this.#log = new AppendLog(folder.pathOf(last.name), known ? folder.sizeOf(last) : 0, this.#files);
    if (!known) folder.write({ ...manifest, increments: [last] });
    this.#finishedBytes = 0;
    for (const file of folder.files) if (file.name !== last.name) this.#finishedBytes += folder.sizeOf(file);
  }

  get #size(): number {
    return this.#finishedBytes + (this.#log?.size ?? 0);
  }

  get #always(): boolean {
    return this.#server.config.appendfsync === "always";
  }

  write(changes: readonly Change[]): void {
    const { next } = this.#rewrite ?? {};
    if (this.#log === undefined && next === undefined) return;
    const text = this.#writer.unit(changes);
    this.#log?.append(text);
    if (next !== undefined) next.append(this.#nextWriter.unit(changes));
    this.offset += text.length;
    const server = this.#server;
    if (server.unwritten) return;
    server.unwritten = true;
    // Changes without a reply (keys that expire, clients that want none) are written as well.
    setImmediate(() => this.commit());
  }

  commit(client?: Client): boolean {
    const log = this.#log;
    this.#rewrite?.next?.write();
    if (log === undefined) {
      this.#server.unwritten = false;
      return true;
    }
    // A disk that failed is tried again by cron, not for each reply.
    if (log.failure === undefined) this.#attempt(log);
    return !this.#always || client === undefined || client.changedAt <= this.durableOffset;
  }

  #attempt(log: AppendLog): void {
    const server = this.#server;
    const failed = log.failure;
    const { offset } = this;
    let kept = log.write();
    if (kept) {
      this.#writtenOffset = offset;
      if (this.#always) {
        kept = log.sync();
        if (kept) this.durableOffset = offset;
      }
    }
    server.unwritten = !kept;
    if (kept && failed !== undefined) server.log("notice", "The append-only file can be written again.");
    if (!kept && failed === undefined) {
      server.log("warning", `The append-only file cannot be written: ${log.failure}. Writes are refused until it can.`);
    }
  }

  syncSoon(): void {
    const log = this.#log;
    if (log === undefined || this.durableOffset >= this.offset) return;
    this.commit();
    if (log.syncing || log.failure !== undefined) return;
    const upTo = this.#writtenOffset;
    this.#lastSync = performance.now();
    log.syncLater(() => {
      if (upTo > this.durableOffset) this.durableOffset = upTo;
      this.#server.blocking.acknowledged();
    });
  }

  cron(): void {
    const server = this.#server;
    const now = performance.now();
    const log = this.#log;
    if (log !== undefined) {
      if (log.failure !== undefined && !log.broken) this.#attempt(log);
      const due = this.#writtenOffset > this.durableOffset && now - this.#lastSync >= 1000;
      if (due && server.config.appendfsync === "everysec") {
        if (log.syncing) this.#delayedSyncs++;
        else this.syncSoon();
      }
    }
    if (this.#rewrite === undefined && !this.#saving.running) {
      if (this.#saving.scheduled) this.backgroundSave(false);
      else if (this.#rewriteDue(now)) this.#beginRewrite();
      else if (this.#saving.due) this.backgroundSave(false);
    }
  }

  #rewriteDue(now: number): boolean {
    if (this.#rewriteScheduled) return true;
    if (!this.#on || now < this.#retryAt) return false;
    // The log is being turned on, or its file cannot be relied on any more.
    if (this.#log === undefined || this.#log.broken) return true;
    const { autoRewritePercentage, autoRewriteMinSize } = this.#server.config;
    const size = this.#size;
    if (autoRewritePercentage === 0 || size <= autoRewriteMinSize) return false;
    const base = Math.max(1, this.#bytesAfterRewrite);
    return (size * 100) / base - 100 >= autoRewritePercentage;
  }

  /** Begins a base of the data as it is now; what follows goes into a new increment. */
  #beginRewrite(): void {
    const server = this.#server;
    const folder = this.#folder;
    this.#rewriteScheduled = false;
    let increment: LogFile | undefined;
    let next: AppendLog | undefined;
    try {
      mkdirSync(folder.path, { recursive: true });
      if (this.#on) {
        increment = folder.nextIncrement();
        const path = folder.pathOf(increment.name);
        rmSync(path, { force: true });
        next = new AppendLog(path, 0, this.#files);
        const old = this.#log;
        if (old !== undefined && !old.broken) {
          this.commit();
          if (old.failure !== undefined || !old.sync()) throw new Error(old.failure);
          // From here on the new increment is a part of the log, whatever becomes of the base.
          folder.write({ ...folder.manifest, increments: [...folder.manifest.increments, increment] });
          this.durableOffset = this.offset;
          this.#finishedBytes += old.size;
          old.close();
          this.#log = next;
          this.#writer.reset();
          next = undefined;
        }
      }
    } catch (error) {
      next?.close();
      if (increment !== undefined) rmSync(folder.pathOf(increment.name), { force: true });
      this.#rewriteFailed(error);
      return;
    }
    this.#nextWriter.reset();
    const snapshot = new BackgroundSnapshot(server, new CommandForm(server));
    const done = snapshot.write(folder.temporaryBase).then(
      (bytes) => this.#rewritten(bytes),
      (error: unknown) => this.#rewriteEnded(error),
    );
    this.#rewrite = { snapshot, increment, next, done };
  }

  /** The base is whole: it takes the place of all before it. */
  #rewritten(bytes: number): void {
    const { increment, next, snapshot } = this.#rewrite!;
    const folder = this.#folder;
    try {
      if (next !== undefined && (!next.write() || !next.sync())) throw new Error(next.failure);
      const base = folder.nextBase();
      renameSync(folder.temporaryBase, folder.pathOf(base.name));
      syncFolder(folder.path);
      const { manifest } = folder;
      const old = folder.files.filter(({ name }) => name !== increment?.name);
      folder.write({
        base,
        increments: increment === undefined ? [] : [increment],
        history: [...manifest.history, ...old.map((file) => ({ ...file, type: "h" as const }))],
      });
    } catch (error) {
      this.#rewriteEnded(error);
      return;
    }
    this.#rewrite = undefined;
    if (next !== undefined) {
      this.#log?.close();
      this.#log = next;
      this.#writer.reset();
      this.#writtenOffset = this.offset;
      this.durableOffset = this.offset;
      this.#server.unwritten = false;
    }
    this.#finishedBytes = bytes;
    this.#bytesAfterRewrite = this.#size;
    this.#rewriteOk = true;
    this.#retryMs = firstRetryMs;
    this.#retryAt = 0;
    this.#rewrites++;
    this.#rewriteSeconds = Math.floor((performance.now() - snapshot.startedAt) / 1000);
    try {
      folder.deleteHistory();
    } catch (error) {
      this.#server.log("warning", `Old append-only files could not be deleted: ${diskErrorText(error)}`);
    }
  }

  #rewriteEnded(error: unknown): void {
    const { increment, next } = this.#rewrite!;
    this.#rewrite = undefined;
    rmSync(this.#folder.temporaryBase, { force: true });
    if (next !== undefined) {
      next.close();
      rmSync(this.#folder.pathOf(increment!.name), { force: true });
    }
    if (!this.#closed) this.#rewriteFailed(error);
  }

  #rewriteFailed(error: unknown): void {
    this.#rewriteOk = false;
    this.#retryAt = performance.now() + this.#retryMs;
    this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
    this.#server.log("warning", `The append-only file could not be rewritten: ${diskErrorText(error)}`);
  }

  rewrite(): Reply {
    if (this.#rewrite !== undefined) return REWRITING;
    if (this.#saving.running || this.#server.inUnit) {
      this.#rewriteScheduled = true;
      return new Status("Background append only file rewriting scheduled");
    }
    this.#beginRewrite();
    if (this.#rewrite === undefined) {
      return err("Can't execute an AOF background rewriting. Please check the server logs for more information.");
    }
    return new Status("Background append only file rewriting started");
  }

  save(): Reply {
    return this.#saving.save();
  }

  backgroundSave(scheduled: boolean): Reply {
    if (!this.#saving.running && (this.#rewrite !== undefined || this.#server.inUnit)) {
      if (!scheduled && !this.#server.inUnit) return OTHER_CHILD;
      this.#saving.scheduled = true;
      return new Status("Background saving scheduled");
    }
    return this.#saving.begin();
  }

  configured(): void {
    const wanted = this.#server.config.appendonly;
    if (wanted === this.#on || this.#closed) return;
    this.#on = wanted;
    if (wanted) {
      this.#retryAt = 0;
      // Within a transaction the base would hold what the increment is about to get as well: then cron begins.
      if (this.#rewrite === undefined && !this.#saving.running && !this.#server.inUnit) this.#beginRewrite();
      return;
    }
    this.#rewriteScheduled = false;
    this.#rewrite?.snapshot.cancel();
    const log = this.#log;
    if (log === undefined) return;
    log.write();
    log.sync();
    log.close();
    this.#log = undefined;
    this.#server.unwritten = false;
  }

  get bufferedBytes(): number {
    return this.#log?.bufferedBytes ?? 0;
  }

  info(): readonly (readonly [string, string | number])[] {
    const rewriting = this.#rewrite;
    const seconds = (since: number): number => Math.floor((performance.now() - since) / 1000);
    const out: (readonly [string, string | number])[] = [
      ...this.#saving.info(),
      ["aof_enabled", this.#on ? 1 : 0],
      ["aof_rewrite_in_progress", rewriting === undefined ? 0 : 1],
      ["aof_rewrite_scheduled", this.#rewriteScheduled ? 1 : 0],
      ["aof_last_rewrite_time_sec", this.#rewriteSeconds],
      ["aof_current_rewrite_time_sec", rewriting === undefined ? -1 : seconds(rewriting.snapshot.startedAt)],
      ["aof_last_bgrewrite_status", this.#rewriteOk ? "ok" : "err"],
      ["aof_rewrites", this.#rewrites],
      ["aof_last_write_status", this.#log?.failure === undefined ? "ok" : "err"],
      ["aof_last_cow_size", 0],
    ];
    if (this.#on) {
      out.push(
        ["aof_current_size", this.#size],
        ["aof_base_size", this.#bytesAfterRewrite],
        ["aof_pending_rewrite", this.#rewriteScheduled ? 1 : 0],
        ["aof_buffer_length", this.bufferedBytes],
        ["aof_pending_bio_fsync", this.#log?.syncing ? 1 : 0],
        ["aof_delayed_fsync", this.#delayedSyncs],
      );
    }
    return out;
  }

  failure(): string | undefined {
    const failure = this.#log?.failure;
    return this.#saving.failure ?? (failure && `MISCONF Errors writing to the AOF file: ${failure}`);
  }

  async close(save: boolean | undefined): Promise<void> {
    if (this.#closed) return;
    if (save ?? this.#server.config.savePoints.length > 0) {
      await this.#saving.cancel(false);
      // Its failure is in the log; the log of commands holds all the same.
      this.save();
    }
    this.#closed = true;
    this.#rewrite?.snapshot.cancel();
    await this.#saving.cancel(true);
    await this.#rewrite?.done;
    const log = this.#log;
    this.#server.propagator = undefined;
    if (log !== undefined) {
      log.write();
      log.sync();
      log.close();
      this.#log = undefined;
    }
    this.#server.unwritten = false;
    this.#unlock();
  }
}
