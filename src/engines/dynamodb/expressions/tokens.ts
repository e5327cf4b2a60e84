/** The tokens of DynamoDB's expressions. */

export type TokenKind = "name" | "#name" | ":value" | "number" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As it is written; `<EOF>` at the end. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What a name is made of; placeholders likewise. */
const scanner = /\s*(?:([A-Za-z][A-Za-z0-9_]*)|(#[A-Za-z0-9_]*)|(:[A-Za-z0-9_]*)|([0-9]+)|(<>|<=|>=|[\s\S]))/y;
const onlySpace = /\s*$/y;

/** Cuts an expression into tokens; what is no token of the language is one of a single character. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    onlySpace.lastIndex = at;
    if (onlySpace.test(text)) break;
    scanner.lastIndex = at;
    const match = scanner.exec(text)!;
    const [, name, hash, colon, number, symbol] = match;
    const end = scanner.lastIndex;
    const written = name ?? hash ?? colon ?? number ?? symbol!;
    const kind: TokenKind =
      name !== undefined
        ? "name"
        : hash !== undefined && hash.length > 1
          ? "#name"
          : colon !== undefined && colon.length > 1
            ? ":value"
            : number !== undefined
              ? "number"
              : "symbol";
    tokens.push({ kind, text: written, start: end - written.length, end });
    at = end;
  }
  tokens.push({ kind: "end", text: "<EOF>", start: text.length, end: text.length });
  return tokens;
}
