/** Bytes in, text of whole lines out: the part of reading that CSV and NDJSON share. */

import { isUtf8 } from "node:buffer";

/** Takes the text that {@link LineText} cuts. */
export interface TextSink {
  /** Whole lines; `doubtful` when some of them are not UTF-8, and then {@link NOT_UTF8} stands at the end of each such line. */
  text(text: string, doubtful: boolean): void;
  /** A line longer than can be held: how many bytes it had, and how it begins. */
  tooLong(bytes: number, beginning: string): void;
}

/** Marks a line whose bytes are not UTF-8: half a surrogate pair, which no UTF-8 text can decode to. */
export const NOT_UTF8 = "\ud800";

const LF = 10;
const BEGINNING_BYTES = 1_000;

/** Cuts a stream of bytes into text at line ends, in constant memory. */
export class LineText {
  readonly #maxLineBytes: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes already dropped of a line that is too long; 0 when there is none. */
  #dropped = 0;
  #beginning = "";
  #first = true;

  constructor(options: { readonly maxLineBytes?: number } = {}) {
    this.#maxLineBytes = options.maxLineBytes ?? 32 << 20;
  }

  push(chunk: Buffer, sink: TextSink): void {
    let bytes = chunk;
    if (this.#dropped > 0) {
      const end = bytes.indexOf(LF);
      if (end === -1) {
        this.#dropped += bytes.length;
        return;
      }
      sink.tooLong(this.#dropped + end, this.#beginning);
      this.#dropped = 0;
      bytes = bytes.subarray(end + 1);
    }
    const last = bytes.lastIndexOf(LF);
    if (last === -1) {
      this.#hold(bytes);
      return;
    }
    const whole = this.#take(bytes.subarray(0, last + 1));
    if (last + 1 < bytes.length) this.#hold(bytes.subarray(last + 1));
    this.#decode(whole, sink);
  }

  /** The last line, where the bytes do not end with a line end; an empty string otherwise. */
  end(sink: TextSink): void {
    if (this.#dropped > 0) sink.tooLong(this.#dropped, this.#beginning);
    else if (this.#held > 0) this.#decode(this.#take(Buffer.alloc(0)), sink);
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#held + bytes.length > this.#maxLineBytes) {
      const line = this.#take(bytes);
      this.#beginning = line.subarray(0, BEGINNING_BYTES).toString();
      this.#dropped = line.length;
      return;
    }
    this.#pieces.push(bytes);
    this.#held += bytes.length;
  }

  #take(end: Buffer): Buffer {
    if (this.#held === 0) return end;
    this.#pieces.push(end);
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#held = 0;
    return all;
  }

  #decode(bytes: Buffer, sink: TextSink): void {
    let all = bytes;
    if (this.#first) {
      this.#first = false;
      if (all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf) all = all.subarray(3);
    }
    if (all.length === 0) return;
    if (isUtf8(all)) sink.text(all.toString("utf8"), false);
    else sink.text(decodeLineByLine(all), true);
  }
}

function decodeLineByLine(bytes: Buffer): string {
  let text = "";
  let from = 0;
  while (from < bytes.length) {
    const at = bytes.indexOf(LF, from);
    const end = at === -1 ? bytes.length : at;
    const line = bytes.subarray(from, end);
    // Latin-1 gives each byte its own character: whoever knows the right encoding can restore the line from it.
    text += isUtf8(line) ? line.toString("utf8") : line.toString("latin1") + NOT_UTF8;
    if (at !== -1) text += "\n";
    from = end + 1;
  }
  return text;
}
