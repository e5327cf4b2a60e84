import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CsvOptions, CsvReader, csvLine, type RowSink } from "./csv.js";

interface Read {
  readonly rows: { cells: string[]; line: number; row: number; text: string }[];
  readonly broken: { reason: string; line: number; row: number; text: string }[];
}

/** Reads text in pieces of whole lines, `linesPerPiece` at a time. */
function read(
  text: string,
  options: CsvOptions = {},
  linesPerPiece = Number.POSITIVE_INFINITY,
): Read & { header: readonly string[] } {
  const reader = new CsvReader(options);
  const found: Read = { rows: [], broken: [] };
  const sink: RowSink = {
    row: (cells, line, row, source) => found.rows.push({ cells, line, row, text: source }),
    broken: (reason, line, row, source) => found.broken.push({ reason, line, row, text: source }),
  };
  const lines = text.split(/(?<=\n)/);
  const last = text.endsWith("\n") ? "" : (lines.pop() ?? "");
  for (let at = 0; at < lines.length; at += linesPerPiece)
    reader.push(lines.slice(at, at + linesPerPiece).join(""), sink);
  reader.end(last, sink);
  return { ...found, header: reader.header ?? [] };
}

describe("well-formed CSV", () => {
  test.each([
    ["plain cells", "a,b\n1,2\n", [["1", "2"]]],
    ["no line end at the end", "a,b\n1,2", [["1", "2"]]],
    [
      "CRLF",
      'a,b\r\n1,2\r\n"3","4"\r\n',
      [
        ["1", "2"],
        ["3", "4"],
      ],
    ],
    ["a delimiter in quotes", 'a,b\n"1,5",2\n', [["1,5", "2"]]],
    ["a doubled quote", 'a,b\n"say ""hi""",2\n', [['say "hi"', "2"]]],
    ["an empty quoted cell", 'a,b\n"",""\n', [["", ""]]],
    [
      "a line end in quotes",
      'a,b\n"1\n2",3\n4,5\n',
      [
        ["1\n2", "3"],
        ["4", "5"],
      ],
    ],
    ["a quoted last cell without a line end", 'a,b\n1,"2"', [["1", "2"]]],
    ["blank lines between", "a,b\n\n1,2\n\n", [["1", "2"]]],
    ["blanks are kept", "a,b\n 1 ,2\n", [[" 1 ", "2"]]],
  ])("%s", (_, text, rows) => {
    const found = read(text);
    expect(found.rows.map(({ cells }) => cells)).toEqual(rows);
    expect(found.broken).toEqual([]);
  });

  test("another delimiter", () => {
    expect(read('a;b\n"1;5";2,5\n', { delimiter: ";" }).rows[0]?.cells).toEqual(["1;5", "2,5"]);
  });

  test("lines are physical, rows are records", () => {
    const { rows } = read('a,b\n1,"x\ny\nz"\n\n2,3\n');
    expect(rows.map(({ line, row }) => [line, row])).toEqual([
      [2, 1],
      [6, 2],
    ]);
  });

  test("agrees with csv-parse on whatever can be written, in pieces of any size", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "é", "1", " ", ",", '"', "\n", "\r\n", "x"), maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (rows, pieces) => {
          const text = [["a", "b", "c"], ...rows].map((row) => `${csvLine(row)}\n`).join("");
          // A carriage return at the end of an unquoted cell belongs to the line end; csvLine quotes those.
          expect(read(text, {}, pieces).rows.map(({ cells }) => cells)).toEqual(parse(text, { from: 2 }));
        },
      ),
    );
  });
});

describe("broken CSV", () => {
  test.each([
    ["a quote that is never closed", 'a,b\n1,"x\n2,y\n3,z\n', 2, /column 2 is never closed/, ["2", "3"]],
    [
      "a quote that the next quoted cell seems to close",
      'a,b\n1,"x\n2,"y"\n3,z\n',
      2,
      /not closed on its line/,
      ["2", "3"],
    ],
    ["text after a closing quote", 'a,b\n1,"x"y\n2,z\n', 2, /text follows the closing quote of column 2/, ["2"]],
    ["a quote inside a bare cell", 'a,b\n1,5" nail\n2,z\n', 2, /a quote inside column 2/, ["2"]],
    ["too few columns", "a,b\n1\n2,z\n", 2, /2 columns expected, 1 found/, ["2"]],
    ["too many columns", "a,b\n1,2,3\n2,z\n", 2, /2 columns expected, 3 found/, ["2"]],
  ])("%s costs its line alone", (_, text, line, reason, kept) => {
    const found = read(text);
    expect(found.broken).toHaveLength(1);
    expect(found.broken[0]).toMatchObject({ line, text: text.split("\n")[line - 1] });
    expect(found.broken[0]?.reason).toMatch(reason);
    expect(found.rows.map(({ cells }) => cells[0])).toEqual(kept);
  });

  test("a rejected line keeps its row number, so later rows keep theirs", () => {
    expect(read('a,b\n1,"x\n2,y\n').rows.map(({ row, line }) => [row, line])).toEqual([[2, 3]]);
  });

  test("one quote more or less in one line never costs another line", () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "b", " ", ",", '"'), maxLength: 5 });
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(rows, fc.nat(), fc.nat(), fc.boolean(), (all, which, where, remove) => {
        const lines = all.map((row, at) => csvLine([`${at}`, ...row]));
        const hit = which % lines.length;
        const line = lines[hit] as string;
        const at = remove ? line.indexOf('"', where % (line.length + 1)) : where % (line.length + 1);
        if (at === -1) return;
        lines[hit] = remove ? line.slice(0, at) + line.slice(at + 1) : `${line.slice(0, at)}"${line.slice(at)}`;
        const text = `n,a,b,c\n${lines.join("\n")}\n`;
        const found = read(text, {}, 3);
        // With further quotes to lean on, a broken line can look like the beginning of a longer record: RFC 4180 allows
        // that reading, and no reader can tell. All other text is accounted for, in order and once.
        const texts = [...found.rows, ...found.broken].sort((a, b) => a.line - b.line).map((one) => one.text);
        expect(texts.join("\n")).toBe(lines.join("\n"));
      }),
      { numRuns: 2_000 },
    );
  });

  test("an open quote is given up after the longest record, and memory stays bounded", () => {
    const lines = Array.from({ length: 1_000 }, (_, at) => `${at},abcdefghij`);
    const found = read(`a,b\nx,"open\n${lines.join("\n")}\n`, { maxRecordChars: 500 }, 10);
    expect(found.broken).toHaveLength(1);
    expect(found.rows).toHaveLength(1_000);
  });
});
