/** CQL text to tokens. The words are those of Cassandra's grammar (src/antlr/Lexer.g). */
import { invalid, syntaxError } from "../errors.js";

export type TokenKind =
  | "word"
  | "quoted"
  | "string"
  | "integer"
  | "float"
  | "uuid"
  | "hex"
  | "duration"
  | "symbol"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  /** A word as written; a quoted name or string without its quotes. */
  readonly text: string;
  /** The word in lower case, or the symbol; what the parser compares. */
  readonly lower: string;
  readonly start: number;
  readonly end: number;
}

const space = /(?:\s+|--[^\n\r]*|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/)*/y;
const word = /[A-Za-z][A-Za-z0-9_]*/y;
const uuid = /[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}/y;
const hex = /0[xX][0-9a-fA-F]*/y;
const duration =
  /(?:(?:\d+(?:mo|ms|us|µs|ns|[yYwWdDhHmMsS]|MO|MS|US|µS|NS|Mo|Ms|Us|Ns))+|P(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?|P\d+W|P\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?![A-Za-z0-9_])/y;
const float = /\d+(?:\.(?!\.)\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)/y;
const integer = /\d+/y;
const symbols = ["<=", ">=", "!=", "+=", "-=", ".."];

/** How much of a statement one may send; the protocol's frames allow more. */
const longestStatement = 64 * 1024 * 1024;

function positionOf(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return `line ${line}:${at - (before.lastIndexOf("\n") + 1)}`;
}

/** The statement around an error, as Cassandra shows it. */
function excerpt(text: string, token: Token): string {
  const from = Math.max(0, text.lastIndexOf(" ", Math.max(0, token.start - 20)));
  const before = (token.start - from > 0 ? text.slice(from, token.start) : "").replace(/^\s+/, from > 0 ? "..." : "");
  const rest = text.slice(token.end);
  return `(${before}[${text.slice(token.start, token.end)}]${rest.trim() === "" ? "" : "..."})`;
}

/** The error for a token that cannot stand where it does. */
export function unexpected(text: string, token: Token, expecting?: string): Error {
  if (token.kind === "end") {
    return syntaxError(
      expecting === undefined
        ? "line 0:-1 no viable alternative at input '<EOF>'"
        : `line 0:-1 mismatched input '<EOF>' expecting ${expecting}`,
    );
  }
  const shown = text.slice(token.start, token.end);
  const where = positionOf(text, token.start);
  if (expecting === undefined)
    return syntaxError(`${where} no viable alternative at input '${shown}' ${excerpt(text, token)}`);
  return syntaxError(`${where} mismatched input '${shown}' expecting ${expecting} ${excerpt(text, token)}`);
}

function closingQuote(text: string, at: number, quote: string): number {
  let end = at + 1;
  for (;;) {
    end = text.indexOf(quote, end);
    if (end === -1) throw syntaxError(`${positionOf(text, at)} mismatched character '<EOF>' expecting '${quote}'`);
    if (text[end + 1] !== quote) return end;
    end += 2;
  }
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Cuts a statement into tokens; the last one is `end`. Throws a syntax error. */
export function tokenize(text: string): Token[] {
  if (text.length > longestStatement) throw invalid("The statement is too long");
  const tokens: Token[] = [];
  let at = 0;
  const push = (kind: TokenKind, shown: string, end: number, lower = shown): void => {
    tokens.push({ kind, text: shown, lower, start: at, end });
    at = end;
  };
  for (;;) {
    at += match(space, text, at)?.length ?? 0;
    if (at >= text.length) {
      push("end", "<EOF>", at);
      return tokens;
    }
    const char = text[at]!;
    if (char === "'") {
      const end = closingQuote(text, at, "'");
      push("string", text.slice(at + 1, end).replaceAll("''", "'"), end + 1);
      continue;
    }
    if (char === "$" && text[at + 1] === "$") {
      const end = text.indexOf("$$", at + 2);
      if (end === -1) throw syntaxError(`${positionOf(text, at)} mismatched character '<EOF>' expecting '$'`);
      push("string", text.slice(at + 2, end), end + 2);
      continue;
    }
    if (char === '"') {
      const end = closingQuote(text, at, '"');
      const name = text.slice(at + 1, end).replaceAll('""', '"');
      if (name === "") throw syntaxError(`${positionOf(text, at)} no viable alternative at input '""'`);
      push("quoted", name, end + 1);
      continue;
    }
    const asUuid = match(uuid, text, at);
    if (asUuid !== undefined) {
      push("uuid", asUuid, at + asUuid.length);
      continue;
    }
    if (char >= "0" && char <= "9") {
      const asHex = match(hex, text, at);
      if (asHex !== undefined) {
        push("hex", asHex, at + asHex.length);
        continue;
      }
      const asDuration = match(duration, text, at);
      if (asDuration !== undefined) {
        push("duration", asDuration, at + asDuration.length);
        continue;
      }
      const asFloat = match(float, text, at);
      if (asFloat !== undefined) {
        push("float", asFloat, at + asFloat.length);
        continue;
      }
      const asInteger = match(integer, text, at)!;
      push("integer", asInteger, at + asInteger.length);
      continue;
    }
    if (char === "P") {
      const asDuration = match(duration, text, at);
      if (asDuration !== undefined && asDuration.length > 1) {
        push("duration", asDuration, at + asDuration.length);
        continue;
      }
    }
    const asWord = match(word, text, at);
    if (asWord !== undefined) {
      push("word", asWord, at + asWord.length, asWord.toLowerCase());
      continue;
    }
    const two = text.slice(at, at + 2);
    if (symbols.includes(two)) {
      push("symbol", two, at + 2);
      continue;
    }
    if ("()[]{}<>,;:.=+-*/%?@".includes(char)) {
      push("symbol", char, at + 1);
      continue;
    }
    throw syntaxError(`${positionOf(text, at)} no viable alternative at character '${char}'`);
  }
}
