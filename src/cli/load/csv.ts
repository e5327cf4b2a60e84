/**
 * CSV as RFC 4180 has it (https://www.rfc-editor.org/rfc/rfc4180), read in pieces, with a rule for what is broken.
 *
 * The rule: a record that cannot be read costs its first physical line and nothing else. The line is handed out with the
 * reason, and reading starts again at the next line. So an opening quote without its partner does not swallow the rest of
 * the file, as it does in readers that only know the grammar.
 */

/** Takes what a reader finds; `text` is the record as it stands in the file, without its line end. */
export interface RowSink {
  /** A record with as many cells as there are columns. `line` counts physical lines from 1, `row` data records from 1. */
  row(cells: string[], line: number, row: number, text: string): void;
  /** A line that is no record, and why. */
  broken(reason: string, line: number, row: number, text: string): void;
}

/** How a file departs from the defaults. */
export interface CsvOptions {
  /** One character between cells; default a comma. */
  readonly delimiter?: string;
  /** A quoted record may be this long before its closing quote is taken as forgotten; default 1 Mi characters. */
  readonly maxRecordChars?: number;
}

const QUOTE = 34;
const LF = 10;
const CR = 13;

/** Reads text that is handed over in pieces of whole lines; the first record names the columns. */
export class CsvReader {
  readonly #delimiter: string;
  readonly #delimiterCode: number;
  readonly #maxRecordChars: number;
  /** The beginning of a quoted record whose end is not here yet. */
  #rest = "";
  #line = 0;
  #row = 0;
  #header: readonly string[] | undefined;

  constructor(options: CsvOptions = {}) {
    this.#delimiter = options.delimiter ?? ",";
    this.#delimiterCode = this.#delimiter.charCodeAt(0);
    this.#maxRecordChars = options.maxRecordChars ?? 1 << 20;
  }

  /** The names in the first record, once it was read. */
  get header(): readonly string[] | undefined {
    return this.#header;
  }

  /** Physical lines read so far. */
  get line(): number {
    return this.#line;
  }

  /** Takes text that ends with a line end. */
  push(text: string, sink: RowSink): void {
    const all = this.#rest === "" ? text : this.#rest + text;
    this.#rest = "";
    this.#read(all, false, sink);
  }

  /** Takes the last text, which may lack its line end. */
  end(text: string, sink: RowSink): void {
    const all = this.#rest + text;
    this.#rest = "";
    if (all !== "") this.#read(all, true, sink);
  }

  /** Counts a line that never became text (too long to be held), and hands it out as broken. */
  skipLine(reason: string, shown: string, sink: RowSink): void {
    this.#line += 1;
    this.#row += 1;
    sink.broken(reason, this.#line, this.#row, shown);
  }

  #read(text: string, final: boolean, sink: RowSink): void {
    const delimiter = this.#delimiter;
    const size = text.length;
    let pos = 0;
    let quote = text.indexOf('"');
    while (pos < size) {
      let end = text.indexOf("\n", pos);
      if (end === -1) end = size;
      if (quote !== -1 && quote < pos) quote = text.indexOf('"', pos);
      if (quote === -1 || quote > end) {
        const stop = end > pos && text.charCodeAt(end - 1) === CR ? end - 1 : end;
        if (stop === pos) {
          this.#line += 1;
        } else {
          const line = text.slice(pos, stop);
          this.#emit(line.split(delimiter), 1, line, sink);
        }
        pos = end + 1;
        continue;
      }
      const next = this.#quoted(text, pos, end, final, sink);
      if (next === -1) {
        this.#rest = text.slice(pos);
        return;
      }
      pos = next;
    }
  }

  /** Reads the record at `pos`, which has a quote in its first line; returns where the next begins, -1 for "more text is needed". */
  #quoted(text: string, pos: number, firstEnd: number, final: boolean, sink: RowSink): number {
    const size = text.length;
    const cells: string[] = [];
    let end = firstEnd;
    let lines = 1;
    let at = pos;
    for (;;) {
      if (text.charCodeAt(at) === QUOTE) {
        let value = "";
        let from = at + 1;
        let close: number;
        for (;;) {
          close = text.indexOf('"', from);
          if (close === -1 || close - pos > this.#maxRecordChars) {
            if (close === -1 && !final && size - pos <= this.#maxRecordChars) return -1;
            return this.#reject(
              `the quote that opens column ${cells.length + 1} is never closed`,
              text,
              pos,
              firstEnd,
              sink,
            );
          }
          if (text.charCodeAt(close + 1) !== QUOTE) break;
          value += text.slice(from, close + 1);
          from = close + 2;
        }
        cells.push(value + text.slice(from, close));
        at = close + 1;
        while (end < at) {
          end = text.indexOf("\n", end + 1);
          if (end === -1) end = size;
          lines += 1;
        }
        const code = at < size ? text.charCodeAt(at) : LF;
        if (code === this.#delimiterCode) {
          at += 1;
          continue;
        }
        if (code === LF) break;
        if (code === CR && at + 1 === end) break;
        const where = `column ${cells.length}`;
        const reason =
          lines === 1
            ? `text follows the closing quote of ${where}`
            : `the quote that opens ${where} is not closed on its line, and the next one does not close it`;
        return this.#reject(reason, text, pos, firstEnd, sink);
      }
      const length = text.slice(at, end).indexOf(this.#delimiter);
      const last = length === -1;
      const lineStop = end > at && text.charCodeAt(end - 1) === CR ? end - 1 : end;
      const stop = last ? lineStop : at + length;
      const cell = text.slice(at, stop);
      if (cell.includes('"')) {
        return this.#reject(
          `a quote inside column ${cells.length + 1}, which does not begin with one`,
          text,
          pos,
          firstEnd,
          sink,
        );
      }
      cells.push(cell);
      if (last) break;
      at = stop + 1;
    }
    const expected = this.#header?.length;
    if (lines > 1 && expected !== undefined && cells.length !== expected) {
      const reason = `${count(expected, "column")} expected, ${cells.length} found in a record of ${lines} lines: a quote is probably not closed`;
      return this.#reject(reason, text, pos, firstEnd, sink);
    }
    const textEnd = end > pos && text.charCodeAt(end - 1) === CR ? end - 1 : end;
    this.#emit(cells, lines, text.slice(pos, textEnd), sink);
    return end + 1;
  }

  #emit(cells: string[], lines: number, text: string, sink: RowSink): void {
    const line = this.#line + 1;
    this.#line += lines;
    const header = this.#header;
    if (header === undefined) {
      this.#header = cells;
      return;
    }
    this.#row += 1;
    if (cells.length === header.length) sink.row(cells, line, this.#row, text);
    else sink.broken(`${count(header.length, "column")} expected, ${cells.length} found`, line, this.#row, text);
  }

  /** Gives up the first physical line of the record at `pos`; returns where the next line begins. */
  #reject(reason: string, text: string, pos: number, end: number, sink: RowSink): number {
    this.#line += 1;
    const stop = text.charCodeAt(end - 1) === CR ? end - 1 : end;
    if (this.#header === undefined) this.#header = [];
    else this.#row += 1;
    sink.broken(reason, this.#line, this.#row, text.slice(pos, stop));
    return end + 1;
  }
}

/** One record as a line of CSV, quoted where it must be. */
export function csvLine(cells: readonly string[]): string {
  return cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
