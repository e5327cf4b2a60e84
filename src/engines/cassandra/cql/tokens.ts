import { syntaxError } from "../errors.js";
import { reservedWords } from "../types/type.js";
import type { TableName } from "./ast.js";
import { type Token, tokenize, unexpected } from "./lexer.js";

/** How deep terms and types may be nested. */
const deepest = 200;

/** Names of built-in types: they are words, and may be names of tables and columns too. */
export class Tokens {
  readonly text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** Names of the markers that were met, in their order. */
  readonly markers: (string | undefined)[] = [];

  constructor(text: string) {
    this.text = text;
    this.#tokens = tokenize(text);
  }

  get next(): Token {
    return this.#tokens[this.#at]!;
  }

  peek(ahead = 1): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  /** Takes the next token, whatever it is. */
  take(): Token {
    const token = this.next;
    if (token.kind !== "end") this.#at++;
    return token;
  }

  /** Where the parser is; to come back to with {@link back}. */
  get position(): number {
    return this.#at;
  }

  back(position: number): void {
    this.#at = position;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "word" && token.lower === word;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "symbol" && token.text === symbol;
  }

  /** Takes the words when all of them come next. */
  words(...words: string[]): boolean {
    for (let at = 0; at < words.length; at++) if (!this.isWord(words[at]!, at)) return false;
    this.#at += words.length;
    return true;
  }

  symbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#at++;
    return true;
  }

  expectWord(word: string): void {
    if (!this.words(word)) throw unexpected(this.text, this.next, `K_${word.toUpperCase()}`);
  }

  expectSymbol(symbol: string): void {
    if (!this.symbol(symbol)) throw unexpected(this.text, this.next, `'${symbol}'`);
  }

  fail(expecting?: string): Error {
    return unexpected(this.text, this.next, expecting);
  }

  /** Whether the next token can be a name. */
  isName(ahead = 0): boolean {
    const token = this.peek(ahead);
    if (token.kind === "quoted") return true;
    return token.kind === "word" && !reservedWords.has(token.lower);
  }

  /** A name: quoted as written, else in lower case. */
  name(): string {
    const token = this.next;
    if (token.kind === "quoted") {
      this.#at++;
      return token.text;
    }
    if (token.kind === "word" && !reservedWords.has(token.lower)) {
      this.#at++;
      return token.lower;
    }
    throw this.fail();
  }

  tableName(): TableName {
    const first = this.name();
    if (!this.symbol(".")) return { keyspace: undefined, name: first };
    return { keyspace: first, name: this.name() };
  }

  string(): string {
    if (this.next.kind !== "string") throw this.fail("STRING_LITERAL");
    return this.take().text;
  }

  integer(): string {
    const sign = this.symbol("-") ? "-" : "";
    if (this.next.kind !== "integer") throw this.fail("INTEGER");
    return sign + this.take().text;
  }

  ifNotExists(): boolean {
    return this.words("if", "not", "exists");
  }

  ifExists(): boolean {
    return this.words("if", "exists");
  }

  marker(name: string | undefined): number {
    this.markers.push(name);
    if (this.markers.length > 65_535) throw syntaxError("too many bind variables");
    return this.markers.length - 1;
  }

  /** Guards what calls itself. */
  nested<T>(work: () => T): T {
    if (++this.#depth > deepest) throw syntaxError("the statement is nested too deeply");
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  end(): void {
    while (this.symbol(";"));
    if (this.next.kind !== "end") throw this.fail("EOF");
  }
}
