import { KeyfoldError } from "../../../internal/errors.js";
import { splitArguments } from "../protocol/inline.js";

/** One file of an append-only log. */
export interface LogFile {
  readonly name: string;
  readonly seq: number;
  /** `b`: the base, a snapshot; `i`: an increment, the commands after it; `h`: history, to be deleted. */
  readonly type: "b" | "i" | "h";
}

/** What an append-only log consists of: at most one base, then increments in order. */
export interface Manifest {
  readonly base: LogFile | undefined;
  readonly increments: readonly LogFile[];
  readonly history: readonly LogFile[];
}

export const emptyManifest: Manifest = { base: undefined, increments: [], history: [] };

function damaged(path: string, line: number, what: string): KeyfoldError {
  return new KeyfoldError("INPUT_INVALID", `The manifest ${path} is damaged in line ${line}: ${what}.`, {
    fix: "Restore the folder from a copy, or write the manifest anew by hand: it lists the files beside it.",
  });
}

/**
 * Reads a manifest as Redis 7 writes it.
 *
 * @throws KeyfoldError where a line is none
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/#append-only-file
 */
export function parseManifest(text: string, path: string): Manifest {
  let base: LogFile | undefined;
  const increments: LogFile[] = [];
  const history: LogFile[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const words = splitArguments(line);
    const fields = new Map<string, string>();
    for (let i = 0; words !== undefined && i + 1 < words.length; i += 2) fields.set(words[i]!, words[i + 1]!);
    const name = fields.get("file");
    const seq = Number(fields.get("seq"));
    const type = fields.get("type");
    if (name === undefined || !Number.isSafeInteger(seq))
      throw damaged(path, at + 1, "a file or its number is missing");
    if (name === "" || /[/\\]/.test(name)) throw damaged(path, at + 1, "a file must be a name, not a path");
    if (type === "b") {
      if (base !== undefined) throw damaged(path, at + 1, "there are two bases");
      base = { name, seq, type };
    } else if (type === "i") {
      const last = increments.at(-1);
      if (last !== undefined && last.seq >= seq) throw damaged(path, at + 1, "the numbers do not grow");
      increments.push({ name, seq, type });
    } else if (type === "h") history.push({ name, seq, type });
    else throw damaged(path, at + 1, "the type is none of b, i and h");
  }
  return { base, increments, history };
}

/** A name as the manifest has it: quoted where it holds more than plain characters. */
function quoted(name: string): string {
  return /^[!#-&(-[\]-~]+$/.test(name) ? name : JSON.stringify(name);
}

/** The manifest's text. */
export function formatManifest({ base, history, increments }: Manifest): string {
  const files = [...(base === undefined ? [] : [base]), ...history, ...increments];
  return files.map(({ name, seq, type }) => `file ${quoted(name)} seq ${seq} type ${type}\n`).join("");
}
