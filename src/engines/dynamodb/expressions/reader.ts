import { type DynamoError, validation } from "../errors.js";
import { isReserved } from "./reserved-words.js";
import type { Path } from "./syntax.js";
import { type Token, tokenize } from "./tokens.js";

/** The parameter that an expression came in; its name is in every error. */
export type ExpressionName =
  | "ConditionExpression"
  | "FilterExpression"
  | "KeyConditionExpression"
  | "ProjectionExpression"
  | "UpdateExpression";

/** Bytes that an expression may have. */
const longest = 4096;
/** Operators and functions that an expression may have; it nests no deeper. */
const mostOperators = 300;

/** The tokens of one expression, and what is wrong with them. */
export class ExpressionReader {
  protected readonly name: ExpressionName;
  protected readonly tokens: readonly Token[];
  /** The current token's place. */
  protected at = 0;
  readonly #text: string;
  #operators = 0;
  #depth = 0;
  /** The first thing that is wrong beside the syntax; syntax errors come before it. */
  #fault: DynamoError | undefined;

  constructor(name: ExpressionName, text: string) {
    this.name = name;
    this.#text = text;
    if (text === "") throw this.error("The expression can not be empty;");
    const size = Buffer.byteLength(text);
    if (size > longest) {
      throw this.error(`Expression size has exceeded the maximum allowed size; expression size: ${size}`);
    }
    this.tokens = tokenize(text);
    if (this.tokens.length === 1) throw this.error("The expression can not be empty;");
  }

  error(message: string): DynamoError {
    return validation(`Invalid ${this.name}: ${message}`);
  }

  /** Notes what is wrong, to be told when the syntax is right. */
  protected note(message: string): void {
    this.#fault ??= this.error(message);
  }

  protected get token(): Token {
    return this.tokens[this.at]!;
  }

  protected next(): Token {
    return this.tokens[this.at++]!;
  }

  /** The error at a token, shown with its neighbours. */
  protected syntax(at = this.at): DynamoError {
    const token = this.tokens[at]!;
    const first = this.tokens[at - 1] ?? token;
    const last = this.tokens[at + 1] ?? token;
    return this.error(
      `Syntax error; token: "${token.text}", near: "${this.#text.slice(first.start, last.end).trim()}"`,
    );
  }

  /** Whether the current token is this word, in any case. */
  protected isWord(word: string): boolean {
    const token = this.token;
    return token.kind === "name" && token.text.toUpperCase() === word;
  }

  protected isSymbol(symbol: string): boolean {
    const token = this.token;
    return token.kind === "symbol" && token.text === symbol;
  }

  protected expect(symbol: string): void {
    if (!this.isSymbol(symbol)) throw this.syntax();
    this.at++;
  }

  protected count(): void {
    this.#operators++;
  }

  protected deeper<T>(parse: () => T): T {
    // What nests so deeply has more operators than it may have, or parentheses that are redundant.
    if (++this.#depth > mostOperators) {
      throw this.error(`The expression contains too many operators; operator count: ${this.#depth}`);
    }
    const result = parse();
    this.#depth--;
    return result;
  }

  end(): void {
    if (this.token.kind !== "end") throw this.syntax();
    if (this.#operators > mostOperators) {
      throw this.error(`The expression contains too many operators; operator count: ${this.#operators}`);
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  protected path(): Path {
    const parts: (string | number)[] = [];
    const element = (): void => {
      const token = this.token;
      if (token.kind !== "name" && token.kind !== "#name") throw this.syntax();
      if (token.kind === "name" && isReserved(token.text)) {
        this.note(`Attribute name is a reserved keyword; reserved keyword: ${token.text}`);
      }
      parts.push(token.text);
      this.at++;
    };
    element();
    for (;;) {
      if (this.isSymbol(".")) {
        this.at++;
        element();
      } else if (this.isSymbol("[")) {
        this.at++;
        if (this.token.kind !== "number") throw this.syntax();
        parts.push(Number(this.next().text));
        this.expect("]");
      } else break;
      if (parts.length > 32) {
        this.note(`The document path has too many nesting levels; nesting levels: ${parts.length}`);
      }
    }
    return parts;
  }
}
