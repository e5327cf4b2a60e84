/** NDJSON: one JSON object on each line (https://github.com/ndjson/ndjson-spec). */

/** Takes what {@link NdjsonReader} finds; lines and rows count from 1. */
export interface ObjectSink {
  object(value: Record<string, unknown>, line: number, row: number, text: string): void;
  broken(reason: string, line: number, row: number, text: string): void;
}

/** Reads text that is handed over in pieces of whole lines. A line that is no JSON object is handed out as broken. */
export class NdjsonReader {
  #line = 0;
  #row = 0;

  get line(): number {
    return this.#line;
  }

  push(text: string, sink: ObjectSink): void {
    let pos = 0;
    while (pos < text.length) {
      let end = text.indexOf("\n", pos);
      if (end === -1) end = text.length;
      this.#line += 1;
      const line = text.slice(pos, end).trim();
      pos = end + 1;
      if (line === "") continue;
      this.#row += 1;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch (error) {
        sink.broken(`not JSON: ${(error as Error).message}`, this.#line, this.#row, line);
        continue;
      }
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        sink.object(value as Record<string, unknown>, this.#line, this.#row, line);
      } else {
        sink.broken("a JSON object is expected on each line", this.#line, this.#row, line);
      }
    }
  }

  skipLine(reason: string, shown: string, sink: ObjectSink): void {
    this.#line += 1;
    this.#row += 1;
    sink.broken(reason, this.#line, this.#row, shown);
  }
}
