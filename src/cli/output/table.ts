/** Plain tables for a terminal: columns aligned, numbers to the right, no lines drawn. */

import type { Paint } from "./terminal.js";

const NUMERIC = /^[-+]?[\d,]+(?:\.\d+)?(?: ?(?:ms|s|%|kB|MB|GB|×))?$/;

/** How many columns a text takes on a terminal; wide characters of East Asian scripts take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x300 && code < 0x370)) continue;
    width += isWide(code) ? 2 : 1;
  }
  return width;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

/** One cell's text: control characters cannot move the cursor, an absent value is a dash. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return "–";
  let text: string;
  if (value instanceof Date) text = value.toISOString();
  else if (value instanceof Uint8Array) text = Buffer.from(value).toString("base64");
  else if (typeof value === "object")
    text = JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}` : inner));
  else text = String(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "�");
}

function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let result = "";
  let used = 0;
  for (const character of text) {
    const next = displayWidth(character);
    if (used + next > width - 1) break;
    result += character;
    used += next;
  }
  return `${result}…`;
}

/** Widths and sides of a table's columns. */
export interface TableLayout {
  readonly widths: readonly number[];
  readonly right: readonly boolean[];
  readonly maxCellWidth: number;
}

/** Fits the columns to these rows. A column whose cells are all numbers is aligned to the right. */
export function layoutOf(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  maxCellWidth = 48,
): TableLayout {
  const widest = (at: number): number =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[at] ?? "")), displayWidth(columns[at] as string));
  return {
    widths: columns.map((_, at) => Math.min(widest(at), maxCellWidth)),
    right: columns.map(
      (_, at) => rows.length > 0 && rows.every((row) => row[at] === "–" || NUMERIC.test(row[at] ?? "")),
    ),
    maxCellWidth,
  };
}

/** One line of a table. */
export function tableLine(row: readonly string[], layout: TableLayout): string {
  return row
    .map((cell, at) => {
      const text = shorten(cell, layout.maxCellWidth);
      const gap = " ".repeat(Math.max(0, (layout.widths[at] as number) - displayWidth(text)));
      return layout.right[at] ? gap + text : text + gap;
    })
    .join("  ")
    .trimEnd();
}

/** All lines of a small table, its column names first. */
export function tableLines(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly paint?: Paint; readonly maxCellWidth?: number; readonly indent?: string } = {},
): string[] {
  const { paint = (_style, text) => text, maxCellWidth, indent = "" } = options;
  const layout = layoutOf(columns, rows, maxCellWidth);
  return [indent + paint("dim", tableLine(columns, layout)), ...rows.map((row) => indent + tableLine(row, layout))];
}
