/** Moves rows of a file into an entity: reads ahead of the server, never further than a few batches. */

import { isDeepStrictEqual } from "node:util";
import type { InsertedMany } from "../../client/types.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { EntityData } from "../../model/description.js";
import type { MappingData } from "../../model/mapping.js";
import { type Converter, csvConverter, jsonConverter, type RecordValue } from "./convert.js";
import { CsvReader, type RowSink } from "./csv.js";
import type { Input } from "./input.js";
import { NdjsonReader, type ObjectSink } from "./ndjson.js";
import type { Reject, RejectSink } from "./rejects.js";
import { LineText, NOT_UTF8, type TextSink } from "./text.js";
import { ValueError } from "./values.js";

export type Format = "csv" | "ndjson";

/** The part of an entity's client that a load needs. */
export interface LoadTarget {
  insertMany(records: RecordValue[]): Promise<InsertedMany>;
  getMany(keys: RecordValue[]): Promise<(RecordValue | undefined)[]>;
}

/** What became of the rows: `read` is the sum of the others, once all is done. */
export interface LoadCounts {
  /** Data rows. */
  read: number;
  /** Stored by this run. */
  inserted: number;
  /** There before, equal. */
  present: number;
  /** Kept in the file of rejected lines. */
  rejected: number;
}

export interface LoadOptions {
  readonly entity: EntityData;
  readonly mapping: MappingData;
  readonly format: Format;
  readonly delimiter?: string;
  readonly rejects: RejectSink;
  /** Records of one request; default 1,000. */
  readonly batchRecords?: number;
  /** Requests under way at once; default 4. */
  readonly inFlight?: number;
  /** Called after each batch. */
  readonly onProgress?: (counts: Readonly<LoadCounts>) => void;
  /** Stops reading; what is under way is finished. */
  readonly signal?: AbortSignal;
}

/** Text of one batch at most, so that large documents do not fill the memory. */
const BATCH_CHARS = 4 << 20;

interface Row {
  readonly record: RecordValue;
  readonly line: number;
  readonly row: number;
  readonly text: string;
}

type Key = string | number;

/** One request: its rows, and their keys. */
class Batch {
  readonly rows: Row[] = [];
  readonly keys: Key[] = [];
  chars = 0;
  done: Promise<void> | undefined;
}

/**
 * Loads all rows. Where two rows of the file have one key, the earlier one is stored, whatever the number of requests
 * under way: so a run that was cut and repeated ends with the same records as one that was not.
 *
 * @throws KeyfoldError when the input cannot be read on, or the server no longer takes records; what was stored stays.
 */
export async function load(target: LoadTarget, input: Input, options: LoadOptions): Promise<LoadCounts> {
  return new Load(target, options).run(input);
}

class Load {
  readonly #target: LoadTarget;
  readonly #options: LoadOptions;
  readonly #batchRecords: number;
  readonly #inFlight: number;
  readonly #counts: LoadCounts = { read: 0, inserted: 0, present: 0, rejected: 0 };
  readonly #keyOf: (record: RecordValue) => Key;
  #rows: Row[] = [];
  #rejects: Reject[] = [];
  #batch = new Batch();
  readonly #sent = new Set<Batch>();
  /** Which batch, not yet answered, holds a key. */
  readonly #holders = new Map<Key, Batch>();
  #failure: unknown;
  /** The last rows were there already: see {@link Load.#absent}. */
  #repeating = false;

  constructor(target: LoadTarget, options: LoadOptions) {
    this.#target = target;
    this.#options = options;
    this.#batchRecords = options.batchRecords ?? 1_000;
    this.#inFlight = options.inFlight ?? 4;
    this.#keyOf = keyReader(options.entity);
  }

  async run(input: Input): Promise<LoadCounts> {
    const source = this.#options.format === "csv" ? this.#csv() : this.#ndjson();
    const lines = new LineText();
    const { signal } = this.#options;
    // Wakes a read of standard input for which nothing comes.
    signal?.addEventListener("abort", input.close, { once: true });
    try {
      for await (const chunk of input.chunks) {
        lines.push(chunk, source.sink);
        await this.#drain();
        if (signal?.aborted) break;
      }
      // The end of a run that was stopped may lie in the midst of a line: half a line is no row.
      if (!signal?.aborted) {
        lines.end(source.sink);
        source.end();
        await this.#drain();
      }
    } catch (error) {
      if (!signal?.aborted || error === this.#failure) throw error;
    } finally {
      signal?.removeEventListener("abort", input.close);
      // Also when reading failed: what was read is stored, so that a repeated run has the less to do.
      if (this.#failure === undefined && this.#batch.rows.length > 0) this.#send();
      while (this.#sent.size > 0) await this.#settled();
      await this.#options.rejects.write(this.#take());
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#counts;
  }

  #csv(): { sink: TextSink; end(): void } {
    const reader = new CsvReader(this.#options.delimiter === undefined ? {} : { delimiter: this.#options.delimiter });
    let converter: Converter<string[]> | undefined;
    let doubtful = false;
    const rows: RowSink = {
      row: (cells, line, row, text) => {
        converter ??= csvConverter(this.#options.entity, this.#options.mapping, reader.header ?? []);
        if (doubtful && text.includes(NOT_UTF8)) this.#notUtf8(line, row, text);
        else this.#convert(converter, cells, line, row, text);
      },
      broken: (reason, line, row, text) => {
        if (row === 0) {
          throw new KeyfoldError(
            "INPUT_INVALID",
            `the first line, which names the columns, cannot be read: ${reason}`,
            {
              fix: "Is this a CSV file with a header? NDJSON is read with --format ndjson.",
            },
          );
        }
        if (doubtful && text.includes(NOT_UTF8)) this.#notUtf8(line, row, text);
        else this.#reject(reason, line, row, text);
      },
    };
    return {
      sink: {
        text: (text, unsure) => {
          doubtful ||= unsure;
          if (text.endsWith("\n")) reader.push(text, rows);
          else reader.end(text, rows);
        },
        tooLong: (bytes, beginning) => reader.skipLine(tooLong(bytes), beginning, rows),
      },
      end: () => {
        reader.end("", rows);
        if (reader.header === undefined) {
          throw new KeyfoldError(
            "INPUT_INVALID",
            "the file is empty: a CSV file begins with a line that names its columns",
          );
        }
        // A file without rows is checked as well: its columns may be the wrong ones.
        if (this.#counts.read === 0) csvConverter(this.#options.entity, this.#options.mapping, reader.header);
      },
    };
  }

  #ndjson(): { sink: TextSink; end(): void } {
    const reader = new NdjsonReader();
    const converter = jsonConverter(this.#options.entity, this.#options.mapping);
    let doubtful = false;
    const objects: ObjectSink = {
      object: (cells, line, row, text) => {
        if (doubtful && text.includes(NOT_UTF8)) this.#notUtf8(line, row, text);
        else this.#convert(converter, cells, line, row, text);
      },
      broken: (reason, line, row, text) => {
        if (doubtful && text.includes(NOT_UTF8)) this.#notUtf8(line, row, text);
        else this.#reject(reason, line, row, text);
      },
    };
    return {
      sink: {
        text: (text, unsure) => {
          doubtful ||= unsure;
          reader.push(text, objects);
        },
        tooLong: (bytes, beginning) => reader.skipLine(tooLong(bytes), beginning, objects),
      },
      end: () => {},
    };
  }

  #convert<Cells>(converter: Converter<Cells>, cells: Cells, line: number, row: number, text: string): void {
    let record: RecordValue;
    try {
      record = converter.convert(cells, line, row);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.#reject(error.message, line, row, text);
      return;
    }
    this.#counts.read += 1;
    this.#rows.push({ record, line, row, text });
  }

  #notUtf8(line: number, row: number, text: string): void {
    // The text holds each byte as the character of that number, and says so by its name.
    const reason = "the line is not UTF-8; `text` has it read as Latin-1";
    this.#reject(reason, line, row, text.replaceAll(NOT_UTF8, ""));
  }

  #reject(reason: string, line: number, row: number, text: string): void {
    this.#counts.read += 1;
    this.#counts.rejected += 1;
    this.#rejects.push({ line, row, reason, text });
  }

  #take(): Reject[] {
    const rejects = this.#rejects;
    this.#rejects = [];
    return rejects;
  }

  /** Puts the rows that were read into batches, and sends those that are full. */
  async #drain(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    for (const row of rows) {
      const key = this.#keyOf(row.record);
      for (let holder = this.#holders.get(key); holder !== undefined; holder = this.#holders.get(key)) {
        if (holder === this.#batch) this.#send();
        await holder.done;
        if (this.#failure !== undefined) throw this.#failure;
      }
      const batch = this.#batch;
      batch.rows.push(row);
      batch.keys.push(key);
      batch.chars += row.text.length;
      this.#holders.set(key, batch);
      if (batch.rows.length >= this.#batchRecords || batch.chars >= BATCH_CHARS) {
        this.#send();
        while (this.#sent.size >= this.#inFlight) await this.#settled();
        if (this.#failure !== undefined) throw this.#failure;
      }
    }
    if (this.#rejects.length > 0) await this.#options.rejects.write(this.#take());
  }

  async #settled(): Promise<void> {
    await Promise.race([...this.#sent].map((batch) => batch.done));
  }

  #send(): void {
    const batch = this.#batch;
    this.#batch = new Batch();
    this.#sent.add(batch);
    batch.done = this.#insert(batch).then(
      () => this.#finish(batch),
      (error: unknown) => {
        this.#failure ??= error;
        this.#finish(batch);
      },
    );
  }

  #finish(batch: Batch): void {
    for (const key of batch.keys) this.#holders.delete(key);
    this.#sent.delete(batch);
    this.#options.onProgress?.(this.#counts);
  }

  async #insert(batch: Batch): Promise<void> {
    const rows = this.#repeating ? await this.#absent(batch.rows) : batch.rows;
    if (rows.length === 0) return;
    const result = await this.#target.insertMany(rows.map((row) => row.record));
    this.#counts.inserted += result.applied;
    this.#counts.present += result.present;
    this.#repeating ||= result.present > result.applied;
    for (const { index, result: one } of result.failures) {
      if (!("error" in one)) continue;
      const stored = result.applied + result.present;
      if (one.outcome === "unknown" || (one.outcome === "failed" && !isRowsFault(one.error, stored))) throw one.error;
      const row = rows[index] as Row;
      this.#counts.rejected += 1;
      this.#rejects.push({ line: row.line, row: row.row, reason: reasonOf(one.error), text: row.text });
    }
  }

  /**
   * A repeated load finds nearly everything there. Reading is then much cheaper than inserts that are refused one by
   * one; what is not there, or not plainly equal, is inserted as ever, and the insert decides.
   */
  async #absent(rows: readonly Row[]): Promise<readonly Row[]> {
    const { key } = this.#options.entity;
    const found = await this.#target.getMany(
      rows.map(({ record }) => Object.fromEntries(key.map((field) => [field, record[field]]))),
    );
    const absent = rows.filter(({ record }, at) => !isDeepStrictEqual(record, found[at]));
    this.#counts.present += rows.length - absent.length;
    if (absent.length === rows.length) this.#repeating = false;
    return absent;
  }
}

const ROWS_FAULTS: ReadonlySet<string> = new Set([
  "TOO_LARGE",
  "OUT_OF_RANGE",
  "INPUT_INVALID",
  "CONFLICT",
  "SCHEMA_MISMATCH",
]);

/**
 * Whether one record was refused for what it is, rather than the server being unable to take any: the first is a
 * rejected row, the second ends the load. An error of the server that neither says is the row's when others of its batch were stored.
 */
function isRowsFault(error: Error, stored: number): boolean {
  if (!(error instanceof KeyfoldError)) return false;
  return ROWS_FAULTS.has(error.code) || (error.code === "DRIVER_ERROR" && stored > 0);
}

function reasonOf(error: Error): string {
  if (!(error instanceof KeyfoldError) || error.issues.length === 0) return error.message;
  return error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
}

function tooLong(bytes: number): string {
  return `a line of ${bytes.toLocaleString("en")} bytes: longer than can be read; \`text\` is its beginning`;
}

/** Equal keys give equal values, different ones different values. */
function keyReader(entity: EntityData): (record: RecordValue) => Key {
  const [first] = entity.key as [string];
  const kind = entity.fields[first]?.kind;
  if (entity.key.length === 1 && (kind === "int" || kind === "string" || kind === "enum" || kind === "double")) {
    return (record) => record[first] as Key;
  }
  return (record) =>
    JSON.stringify(entity.key.map((field) => (typeof record[field] === "bigint" ? `${record[field]}` : record[field])));
}
