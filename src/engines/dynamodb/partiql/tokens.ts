import { validation } from "../errors.js";
import { remembered } from "../remembered.js";

/** The tokens of PartiQL. */

export interface PartiqlToken {
  readonly kind: "word" | "quoted" | "text" | "number" | "symbol" | "end";
  /** Without its quotes. */
  readonly text: string;
  readonly at: number;
}

const scanner =
  /\s*(?:([A-Za-z_][A-Za-z0-9_$]*)|"((?:[^"]|"")*)"|'((?:[^']|'')*)'|((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(<<|>>|<>|<=|>=|!=|[\s\S]))/y;
const onlySpace = /\s*$/y;
/** Characters that a statement may have. */
const longest = 8192;
/** Statements whose tokens are kept: those with literals in them are all different, and their tokens take room. */
const mostKept = 200;

/** Cuts a statement into tokens. */
export const tokenizeStatement: (text: string) => readonly PartiqlToken[] = remembered((text: string) => {
  if (text.length > longest) {
    throw validation(
      `1 validation error detected: Value at 'statement' failed to satisfy constraint: Member must have length less than or equal to ${longest}`,
    );
  }
  const tokens: PartiqlToken[] = [];
  let at = 0;
  for (;;) {
    onlySpace.lastIndex = at;
    if (onlySpace.test(text)) break;
    scanner.lastIndex = at;
    const match = scanner.exec(text)!;
    const [, word, quoted, literal, number, symbol] = match;
    at = scanner.lastIndex;
    if (word !== undefined) tokens.push({ kind: "word", text: word, at });
    else if (quoted !== undefined) tokens.push({ kind: "quoted", text: quoted.replaceAll('""', '"'), at });
    else if (literal !== undefined) tokens.push({ kind: "text", text: literal.replaceAll("''", "'"), at });
    else if (number !== undefined) tokens.push({ kind: "number", text: number, at });
    else tokens.push({ kind: "symbol", text: symbol!, at });
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}, mostKept);
