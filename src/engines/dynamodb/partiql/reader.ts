import { validation } from "../errors.js";
import type { Operand, Path } from "../expressions/syntax.js";
import { type Item, setAttribute, type Value } from "../values/attribute-value.js";
import { canonicalNumber } from "../values/number.js";
import { type PartiqlToken, tokenizeStatement } from "./tokens.js";

const deepest = 100;

/** The error of a statement that is not well formed. */
export function wrong(): Error {
  return validation("Statement wasn't well formed, can't be processed: Unexpected token");
}

/** The tokens of one statement, its names, paths and values; `parameters` are what its question marks stand for. */
export class StatementReader {
  /** Values of the statement by the names that its conditions and updates have for them. */
  readonly values: Item = {};
  protected readonly tokens: readonly PartiqlToken[];
  /** The current token's place. */
  protected at = 0;
  readonly #parameters: readonly Value[];
  #used = 0;
  #depth = 0;
  #valueCount = 0;

  constructor(text: string, parameters: readonly Value[]) {
    this.tokens = tokenizeStatement(text);
    this.#parameters = parameters;
  }

  protected get token(): PartiqlToken {
    return this.tokens[this.at]!;
  }

  /** Throws when there are parameters that nothing stands for. */
  protected checkAllUsed(): void {
    if (this.#used !== this.#parameters.length) {
      throw validation("Number of parameters in request and statement don't match.");
    }
  }

  protected isWord(word: string, ahead = 0): boolean {
    const token = this.tokens[this.at + ahead];
    return token?.kind === "word" && token.text.toUpperCase() === word;
  }

  protected word(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.at++;
    return true;
  }

  protected expectWord(word: string): void {
    if (!this.word(word)) throw wrong();
  }

  protected isSymbol(symbol: string): boolean {
    return this.token.kind === "symbol" && this.token.text === symbol;
  }

  protected symbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.at++;
    return true;
  }

  protected expect(symbol: string): void {
    if (!this.symbol(symbol)) throw wrong();
  }

  protected name(): string {
    const token = this.token;
    if (token.kind !== "word" && token.kind !== "quoted") throw wrong();
    this.at++;
    return token.text;
  }

  protected deeper<T>(parse: () => T): T {
    if (++this.#depth > deepest) throw validation("Nesting Levels have exceeded supported limits");
    const result = parse();
    this.#depth--;
    return result;
  }

  protected path(): Path {
    const parts: (string | number)[] = [this.name()];
    for (;;) {
      if (this.symbol(".")) parts.push(this.name());
      else if (this.symbol("[")) {
        const token = this.token;
        if (token.kind === "text") parts.push(token.text);
        else if (token.kind === "number" && /^[0-9]+$/.test(token.text)) parts.push(Number(token.text));
        else throw wrong();
        this.at++;
        this.expect("]");
      } else return parts;
    }
  }

  protected keep(value: Value): Operand {
    const name = `:p${this.#valueCount++}`;
    setAttribute(this.values, name, value);
    return { kind: "value", name };
  }

  /** Whether a literal value begins here. */
  protected isValue(): boolean {
    const { kind, text } = this.token;
    if (kind === "text" || kind === "number") return true;
    if (kind === "symbol") return text === "?" || text === "{" || text === "[" || text === "<<" || text === "-";
    return kind === "word" && ["TRUE", "FALSE", "NULL"].includes(text.toUpperCase());
  }

  protected value(): Value {
    return this.deeper(() => this.#literal());
  }

  #literal(): Value {
    const token = this.token;
    if (!this.isValue()) throw wrong();
    this.at++;
    switch (token.kind) {
      case "text":
        return { S: token.text };
      case "number":
        return { N: canonicalNumber(token.text) };
      case "word": {
        const word = token.text.toUpperCase();
        return word === "NULL" ? { NULL: true } : { BOOL: word === "TRUE" };
      }
      default:
    }
    switch (token.text) {
      case "?": {
        const value = this.#parameters[this.#used++];
        if (value === undefined) throw validation("Number of parameters in request and statement don't match.");
        return value;
      }
      case "-": {
        const number = this.token;
        if (number.kind !== "number") throw wrong();
        this.at++;
        return { N: canonicalNumber(`-${number.text}`) };
      }
      case "[": {
        const list: Value[] = [];
        if (this.symbol("]")) return { L: list };
        do list.push(this.value());
        while (this.symbol(","));
        this.expect("]");
        return { L: list };
      }
      case "<<":
        return this.#set();
      default: {
        const map: Item = {};
        if (this.symbol("}")) return { M: map };
        do {
          const name = this.token;
          if (name.kind !== "text" && name.kind !== "quoted" && name.kind !== "word") throw wrong();
          this.at++;
          this.expect(":");
          setAttribute(map, name.text, this.value());
        } while (this.symbol(","));
        this.expect("}");
        return { M: map };
      }
    }
  }

  #set(): Value {
    const members: Value[] = [];
    do members.push(this.value());
    while (this.symbol(","));
    this.expect(">>");
    const type = members[0]!.S !== undefined ? "S" : members[0]!.N !== undefined ? "N" : "B";
    if (members.some((each) => each[type] === undefined)) {
      throw validation("Unexpected from source: all members of a set must be of one scalar type");
    }
    return { [`${type}S`]: members.map((each) => each[type]) };
  }
}
