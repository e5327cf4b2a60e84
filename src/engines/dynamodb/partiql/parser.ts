import { validation } from "../errors.js";
import type { Action, Comparator, Condition, Operand, Path } from "../expressions/syntax.js";
import { type Item, setAttribute, type Value } from "../values/attribute-value.js";
import { canonicalNumber } from "../values/number.js";
import type { Returning, Statement } from "./statement.js";
import { type PartiqlToken, tokenizeStatement } from "./tokens.js";

/**
 * A parser of PartiQL as DynamoDB has it.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html
 */

const comparators: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);
const deepest = 100;

function wrong(): Error {
  return validation("Statement wasn't well formed, can't be processed: Unexpected token");
}

/** Reads one statement; `parameters` are what its question marks stand for. */
class Parser {
  readonly #tokens: PartiqlToken[];
  readonly #parameters: readonly Value[];
  #at = 0;
  #used = 0;
  #depth = 0;
  readonly values: Item = {};
  #valueCount = 0;

  constructor(text: string, parameters: readonly Value[]) {
    this.#tokens = tokenizeStatement(text);
    this.#parameters = parameters;
  }

  get #token(): PartiqlToken {
    return this.#tokens[this.#at]!;
  }

  #isWord(word: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === "word" && token.text.toUpperCase() === word;
  }

  #word(word: string): boolean {
    if (!this.#isWord(word)) return false;
    this.#at++;
    return true;
  }

  #expectWord(word: string): void {
    if (!this.#word(word)) throw wrong();
  }

  #isSymbol(symbol: string): boolean {
    return this.#token.kind === "symbol" && this.#token.text === symbol;
  }

  #symbol(symbol: string): boolean {
    if (!this.#isSymbol(symbol)) return false;
    this.#at++;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#symbol(symbol)) throw wrong();
  }

  #name(): string {
    const token = this.#token;
    if (token.kind !== "word" && token.kind !== "quoted") throw wrong();
    this.#at++;
    return token.text;
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > deepest) throw validation("Nesting Levels have exceeded supported limits");
    const result = parse();
    this.#depth--;
    return result;
  }

  statement(): Statement {
    const statement = this.#statement();
    this.#symbol(";");
    if (this.#token.kind !== "end") throw wrong();
    if (this.#used !== this.#parameters.length) {
      throw validation("Number of parameters in request and statement don't match.");
    }
    return statement;
  }

  #statement(): Statement {
    if (this.#word("SELECT")) return { kind: "select", ...this.#select() };
    if (this.#word("EXISTS")) {
      this.#expect("(");
      this.#expectWord("SELECT");
      const select = this.#select();
      this.#expect(")");
      return { kind: "exists", ...select };
    }
    const { values } = this;
    if (this.#word("INSERT")) {
      this.#expectWord("INTO");
      const table = this.#name();
      this.#expectWord("VALUE");
      return { kind: "insert", table, item: this.#value(), values };
    }
    if (this.#word("UPDATE")) {
      const table = this.#name();
      const actions = this.#actions();
      const where = this.#where();
      return { kind: "update", table, actions, where, returning: this.#returning(), values };
    }
    if (this.#word("DELETE")) {
      this.#expectWord("FROM");
      const table = this.#name();
      const where = this.#where();
      return { kind: "delete", table, where, returning: this.#returning(), values };
    }
    throw wrong();
  }

  #select() {
    let paths: Path[] | undefined;
    if (!this.#symbol("*")) {
      paths = [];
      do paths.push(this.#path());
      while (this.#symbol(","));
    }
    this.#expectWord("FROM");
    const table = this.#name();
    const index = this.#symbol(".") ? this.#name() : undefined;
    const where = this.#where();
    let order: { name: string; descending: boolean } | undefined;
    if (this.#word("ORDER")) {
      this.#expectWord("BY");
      const name = this.#name();
      const descending = this.#word("DESC");
      if (!descending) this.#word("ASC");
      order = { name, descending };
    }
    return { table, index, paths, where, order, values: this.values };
  }

  #where(): Condition | undefined {
    return this.#word("WHERE") ? this.#condition() : undefined;
  }

  #returning(): Returning {
    if (!this.#word("RETURNING")) return undefined;
    const all = this.#word("ALL");
    if (!all) this.#expectWord("MODIFIED");
    const old = this.#word("OLD");
    if (!old) this.#expectWord("NEW");
    this.#expect("*");
    return all ? (old ? "ALL_OLD" : "ALL_NEW") : old ? "UPDATED_OLD" : "UPDATED_NEW";
  }

  #path(): Path {
    const parts: (string | number)[] = [this.#name()];
    for (;;) {
      if (this.#symbol(".")) parts.push(this.#name());
      else if (this.#symbol("[")) {
        const token = this.#token;
        if (token.kind === "text") parts.push(token.text);
        else if (token.kind === "number" && /^[0-9]+$/.test(token.text)) parts.push(Number(token.text));
        else throw wrong();
        this.#at++;
        this.#expect("]");
      } else return parts;
    }
  }

  // ---- values

  #keep(value: Value): Operand {
    const name = `:p${this.#valueCount++}`;
    setAttribute(this.values, name, value);
    return { kind: "value", name };
  }

  /** Whether a literal value begins here. */
  #isValue(): boolean {
    const { kind, text } = this.#token;
    if (kind === "text" || kind === "number") return true;
    if (kind === "symbol") return text === "?" || text === "{" || text === "[" || text === "<<" || text === "-";
    return kind === "word" && ["TRUE", "FALSE", "NULL"].includes(text.toUpperCase());
  }

  #value(): Value {
    return this.#deeper(() => this.#literal());
  }

  #literal(): Value {
    const token = this.#token;
    if (!this.#isValue()) throw wrong();
    this.#at++;
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
        const number = this.#token;
        if (number.kind !== "number") throw wrong();
        this.#at++;
        return { N: canonicalNumber(`-${number.text}`) };
      }
      case "[": {
        const list: Value[] = [];
        if (this.#symbol("]")) return { L: list };
        do list.push(this.#value());
        while (this.#symbol(","));
        this.#expect("]");
        return { L: list };
      }
      case "<<":
        return this.#set();
      default: {
        const map: Item = {};
        if (this.#symbol("}")) return { M: map };
        do {
          const name = this.#token;
          if (name.kind !== "text" && name.kind !== "quoted" && name.kind !== "word") throw wrong();
          this.#at++;
          this.#expect(":");
          setAttribute(map, name.text, this.#value());
        } while (this.#symbol(","));
        this.#expect("}");
        return { M: map };
      }
    }
  }

  #set(): Value {
    const members: Value[] = [];
    do members.push(this.#value());
    while (this.#symbol(","));
    this.#expect(">>");
    const type = members[0]!.S !== undefined ? "S" : members[0]!.N !== undefined ? "N" : "B";
    if (members.some((each) => each[type] === undefined)) {
      throw validation("Unexpected from source: all members of a set must be of one scalar type");
    }
    return { [`${type}S`]: members.map((each) => each[type]) };
  }

  // ---- conditions

  #condition(): Condition {
    return this.#deeper(() => {
      let left = this.#and();
      while (this.#word("OR")) left = { kind: "or", left, right: this.#and() };
      return left;
    });
  }

  #and(): Condition {
    let left = this.#not();
    while (this.#word("AND")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Condition {
    if (this.#word("NOT")) return { kind: "not", operand: this.#deeper(() => this.#not()) };
    if (this.#isSymbol("(")) {
      this.#at++;
      const condition = this.#condition();
      this.#expect(")");
      return condition;
    }
    return this.#comparison();
  }

  #comparison(): Condition {
    const left = this.#operand();
    if (this.#word("IS")) {
      const negated = this.#word("NOT");
      const condition: Condition = this.#word("MISSING")
        ? { kind: "call", name: "attribute_not_exists", args: [left] }
        : this.#word("NULL")
          ? { kind: "call", name: "attribute_type", args: [left, this.#keep({ S: "NULL" })] }
          : this.#isType(left);
      return negated ? { kind: "not", operand: condition } : condition;
    }
    if (this.#word("BETWEEN")) {
      const low = this.#operand();
      this.#expectWord("AND");
      return { kind: "between", operand: left, low, high: this.#operand() };
    }
    if (this.#word("IN")) return this.#in(left);
    const token = this.#token;
    if (token.kind === "symbol" && comparators.has(token.text)) {
      this.#at++;
      const operator = (token.text === "!=" ? "<>" : token.text) as Comparator;
      return { kind: "compare", operator, left, right: this.#operand() };
    }
    if (left.kind === "call") return left;
    throw wrong();
  }

  #isType(operand: Operand): Condition {
    const types: Readonly<Record<string, string>> = {
      STRING: "S",
      NUMBER: "N",
      BINARY: "B",
      BOOLEAN: "BOOL",
      LIST: "L",
      MAP: "M",
    };
    const type = types[this.#name().toUpperCase()];
    if (type === undefined) throw wrong();
    return { kind: "call", name: "attribute_type", args: [operand, this.#keep({ S: type })] };
  }

  #in(operand: Operand): Condition {
    const close = this.#symbol("[") ? "]" : ")";
    if (close === ")") this.#expect("(");
    const list: Operand[] = [];
    do list.push(this.#operand());
    while (this.#symbol(","));
    this.#expect(close);
    return { kind: "in", operand, list };
  }

  #operand(): Operand {
    if (this.#isValue()) return this.#keep(this.#value());
    const next = this.#tokens[this.#at + 1];
    if (this.#token.kind === "word" && next?.kind === "symbol" && next.text === "(") {
      const name = this.#name().toLowerCase();
      this.#expect("(");
      const args: Operand[] = [];
      do args.push(this.#deeper(() => this.#operand()));
      while (this.#symbol(","));
      this.#expect(")");
      return { kind: "call", name, args };
    }
    return { kind: "path", path: this.#path() };
  }

  // ---- updates

  #actions(): Action[] {
    const actions: Action[] = [];
    for (;;) {
      if (this.#word("SET")) {
        do actions.push(this.#assignment());
        while (this.#symbol(","));
      } else if (this.#word("REMOVE")) {
        do actions.push({ kind: "remove", path: this.#path() });
        while (this.#symbol(","));
      } else break;
    }
    if (actions.length === 0) throw wrong();
    return actions;
  }

  #assignment(): Action {
    const path = this.#path();
    this.#expect("=");
    const left = this.#operand();
    if (left.kind === "call" && (left.name === "set_add" || left.name === "set_delete")) {
      const value = left.args[1];
      if (left.args.length !== 2 || value?.kind !== "value") throw wrong();
      return { kind: left.name === "set_add" ? "add" : "delete", path, operand: value };
    }
    const operator = this.#token.text;
    if (this.#token.kind === "symbol" && (operator === "+" || operator === "-")) {
      this.#at++;
      return { kind: "set", path, operand: { kind: "sum", operator, left, right: this.#operand() } };
    }
    return { kind: "set", path, operand: left };
  }
}

/** Parses a statement with its parameters. Throws DynamoDB's error of one that is not well formed. */
export function parseStatement(text: string, parameters: readonly Value[]): Statement {
  return new Parser(text, parameters).statement();
}
