/** Where a command's results and messages go: results to standard output, everything else to standard error. */

import { once } from "node:events";
import type { Writable } from "node:stream";

type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** Makes text stand out, where that can be seen. */
export type Paint = (style: Style, text: string) => string;

/** Colours for a terminal; plain text for a pipe, a file, or with NO_COLOR set (https://no-color.org). */
export function painter(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const on =
    env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0"
      ? true
      : stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  if (!on) return (_style, text) => text;
  return (style, text) => `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`;
}

/** Writes text, and waits when the reader is slower. */
export async function write(stream: Writable, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}

/** Standard output; a reader that has seen enough (`| head`) ends the program quietly, as it ends others. */
export async function print(text: string): Promise<void> {
  await write(process.stdout, text);
}

/** A message for the person, on standard error, so that it never mixes with results. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Ends the program without a word when standard output is closed by its reader. */
export function quitWhenReaderIsGone(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}
