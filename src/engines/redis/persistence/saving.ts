import { renameSync } from "node:fs";
import { ErrorReply, err, OK, type Reply, Status } from "../protocol/reply.js";
import type { RedisServer } from "../state.js";
import { diskErrorText } from "./append-log.js";
import { RdbFileWriter } from "./rdb-file.js";
import { BackgroundSnapshot, writeSnapshot } from "./snapshot.js";

/** How long after a failed snapshot the save points start the next one. */
const retryMs = 5000;

const SAVE_FAILED =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
const SAVING = err("Background save already in progress");

/** Snapshots of the data in `dump.rdb`: at once, in the background, and by the save points of the settings. */
export class Saving {
  readonly path: string;
  readonly #server: RedisServer;
  #running: { readonly snapshot: BackgroundSnapshot; readonly done: Promise<void> } | undefined;
  #closed = false;
  /** BGSAVE SCHEDULE: one begins as soon as nothing else is written. */
  scheduled = false;
  #succeeded = true;
  #seconds = -1;
  #saves = 0;
  #dirtyAtSave = 0;
  #lastTry = 0;

  constructor(server: RedisServer, path: string) {
    this.#server = server;
    this.path = path;
  }

  /** Whether one is written in the background. */
  get running(): boolean {
    return this.#running !== undefined;
  }

  /** SAVE: all else waits. */
  save(): Reply {
    if (this.running) return SAVING;
    try {
      writeSnapshot(this.#server, new RdbFileWriter(this.#server), this.path);
    } catch (error) {
      this.#server.log("warning", `The snapshot could not be written: ${diskErrorText(error)}`);
      return new ErrorReply("ERR");
    }
    this.#saved(this.#server.dirty);
    return OK;
  }

  #saved(dirty: number): void {
    const server = this.#server;
    this.#dirtyAtSave = dirty;
    this.#succeeded = true;
    this.#saves++;
    server.lastSave = Math.floor(server.clock.now() / 1000);
  }

  /** BGSAVE: written beside the clients. */
  begin(): Reply {
    if (this.running) return SAVING;
    const server = this.#server;
    const { dirty } = server;
    this.scheduled = false;
    this.#lastTry = server.now;
    const snapshot = new BackgroundSnapshot(server, new RdbFileWriter(server));
    const temporary = `${this.path}.${process.pid}.tmp`;
    const done = snapshot
      .write(temporary)
      .then(() => {
        renameSync(temporary, this.path);
        this.#saved(dirty);
        this.#seconds = Math.floor((performance.now() - snapshot.startedAt) / 1000);
      })
      .catch((error: unknown) => {
        if (this.#closed) return;
        this.#succeeded = false;
        server.log("warning", `The snapshot could not be written: ${diskErrorText(error)}`);
      })
      .finally(() => {
        this.#running = undefined;
      });
    this.#running = { snapshot, done };
    return new Status("Background saving started");
  }

  /** Whether a save point asks for one. */
  get due(): boolean {
    const server = this.#server;
    const changes = server.dirty - this.#dirtyAtSave;
    const seconds = Math.floor(server.now / 1000) - server.lastSave;
    if (!this.#succeeded && server.now - this.#lastTry <= retryMs) return false;
    return server.config.savePoints.some((point) => changes >= point.changes && seconds > point.seconds);
  }

  /** Why writes are refused for now, or undefined. */
  get failure(): string | undefined {
    const { stopWritesOnSaveError, savePoints } = this.#server.config;
    return !this.#succeeded && stopWritesOnSaveError && savePoints.length > 0 ? SAVE_FAILED : undefined;
  }

  /** Fields of INFO's persistence section. */
  info(): readonly (readonly [string, string | number])[] {
    const running = this.#running;
    return [
      ["rdb_changes_since_last_save", this.#server.dirty - this.#dirtyAtSave],
      ["rdb_bgsave_in_progress", running === undefined ? 0 : 1],
      ["rdb_last_save_time", this.#server.lastSave],
      ["rdb_last_bgsave_status", this.#succeeded ? "ok" : "err"],
      ["rdb_last_bgsave_time_sec", this.#seconds],
      [
        "rdb_current_bgsave_time_sec",
        running === undefined ? -1 : Math.floor((performance.now() - running.snapshot.startedAt) / 1000),
      ],
      ["rdb_saves", this.#saves],
      ["rdb_last_cow_size", 0],
    ];
  }

  /** Ends what runs in the background; `last` when the server closes, and nobody is to be told. */
  async cancel(last: boolean): Promise<void> {
    this.#closed ||= last;
    this.#running?.snapshot.cancel();
    await this.#running?.done;
  }
}
