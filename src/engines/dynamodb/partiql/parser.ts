import type { Action, Comparator, Condition, Operand, Path } from "../expressions/syntax.js";
import type { Value } from "../values/attribute-value.js";
import { StatementReader, wrong } from "./reader.js";
import type { Returning, Statement } from "./statement.js";

/**
 * A parser of PartiQL as DynamoDB has it.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html
 */

const comparators: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);
/** Reads one statement; `parameters` are what its question marks stand for. */
class Parser extends StatementReader {
  statement(): Statement {
    const statement = this.#statement();
    this.symbol(";");
    if (this.token.kind !== "end") throw wrong();
    this.checkAllUsed();
    return statement;
  }

  #statement(): Statement {
    if (this.word("SELECT")) return { kind: "select", ...this.#select() };
    if (this.word("EXISTS")) {
      this.expect("(");
      this.expectWord("SELECT");
      const select = this.#select();
      this.expect(")");
      return { kind: "exists", ...select };
    }
    const { values } = this;
    if (this.word("INSERT")) {
      this.expectWord("INTO");
      const table = this.name();
      this.expectWord("VALUE");
      return { kind: "insert", table, item: this.value(), values };
    }
    if (this.word("UPDATE")) {
      const table = this.name();
      const actions = this.#actions();
      const where = this.#where();
      return { kind: "update", table, actions, where, returning: this.#returning(), values };
    }
    if (this.word("DELETE")) {
      this.expectWord("FROM");
      const table = this.name();
      const where = this.#where();
      return { kind: "delete", table, where, returning: this.#returning(), values };
    }
    throw wrong();
  }

  #select() {
    let paths: Path[] | undefined;
    if (!this.symbol("*")) {
      paths = [];
      do paths.push(this.path());
      while (this.symbol(","));
    }
    this.expectWord("FROM");
    const table = this.name();
    const index = this.symbol(".") ? this.name() : undefined;
    const where = this.#where();
    let order: { name: string; descending: boolean } | undefined;
    if (this.word("ORDER")) {
      this.expectWord("BY");
      const name = this.name();
      const descending = this.word("DESC");
      if (!descending) this.word("ASC");
      order = { name, descending };
    }
    return { table, index, paths, where, order, values: this.values };
  }

  #where(): Condition | undefined {
    return this.word("WHERE") ? this.#condition() : undefined;
  }

  #returning(): Returning {
    if (!this.word("RETURNING")) return undefined;
    const all = this.word("ALL");
    if (!all) this.expectWord("MODIFIED");
    const old = this.word("OLD");
    if (!old) this.expectWord("NEW");
    this.expect("*");
    return all ? (old ? "ALL_OLD" : "ALL_NEW") : old ? "UPDATED_OLD" : "UPDATED_NEW";
  }

  // ---- conditions

  #condition(): Condition {
    return this.deeper(() => {
      let left = this.#and();
      while (this.word("OR")) left = { kind: "or", left, right: this.#and() };
      return left;
    });
  }

  #and(): Condition {
    let left = this.#not();
    while (this.word("AND")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Condition {
    if (this.word("NOT")) return { kind: "not", operand: this.deeper(() => this.#not()) };
    if (this.isSymbol("(")) {
      this.at++;
      const condition = this.#condition();
      this.expect(")");
      return condition;
    }
    return this.#comparison();
  }

  #comparison(): Condition {
    const left = this.#operand();
    if (this.word("IS")) {
      const negated = this.word("NOT");
      const condition: Condition = this.word("MISSING")
        ? { kind: "call", name: "attribute_not_exists", args: [left] }
        : this.word("NULL")
          ? { kind: "call", name: "attribute_type", args: [left, this.keep({ S: "NULL" })] }
          : this.#isType(left);
      return negated ? { kind: "not", operand: condition } : condition;
    }
    if (this.word("BETWEEN")) {
      const low = this.#operand();
      this.expectWord("AND");
      return { kind: "between", operand: left, low, high: this.#operand() };
    }
    if (this.word("IN")) return this.#in(left);
    const token = this.token;
    if (token.kind === "symbol" && comparators.has(token.text)) {
      this.at++;
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
    const type = types[this.name().toUpperCase()];
    if (type === undefined) throw wrong();
    return { kind: "call", name: "attribute_type", args: [operand, this.keep({ S: type })] };
  }

  #in(operand: Operand): Condition {
    const close = this.symbol("[") ? "]" : ")";
    if (close === ")") this.expect("(");
    const list: Operand[] = [];
    do list.push(this.#operand());
    while (this.symbol(","));
    this.expect(close);
    return { kind: "in", operand, list };
  }

  #operand(): Operand {
    if (this.isValue()) return this.keep(this.value());
    const next = this.tokens[this.at + 1];
    if (this.token.kind === "word" && next?.kind === "symbol" && next.text === "(") {
      const name = this.name().toLowerCase();
      this.expect("(");
      const args: Operand[] = [];
      do args.push(this.deeper(() => this.#operand()));
      while (this.symbol(","));
      this.expect(")");
      return { kind: "call", name, args };
    }
    return { kind: "path", path: this.path() };
  }

  // ---- updates

  #actions(): Action[] {
    const actions: Action[] = [];
    for (;;) {
      if (this.word("SET")) {
        do actions.push(this.#assignment());
        while (this.symbol(","));
      } else if (this.word("REMOVE")) {
        do actions.push({ kind: "remove", path: this.path() });
        while (this.symbol(","));
      } else break;
    }
    if (actions.length === 0) throw wrong();
    return actions;
  }

  #assignment(): Action {
    const path = this.path();
    this.expect("=");
    const left = this.#operand();
    if (left.kind === "call" && (left.name === "set_add" || left.name === "set_delete")) {
      const value = left.args[1];
      if (left.args.length !== 2 || value?.kind !== "value") throw wrong();
      return { kind: left.name === "set_add" ? "add" : "delete", path, operand: value };
    }
    const operator = this.token.text;
    if (this.token.kind === "symbol" && (operator === "+" || operator === "-")) {
      this.at++;
      return { kind: "set", path, operand: { kind: "sum", operator, left, right: this.#operand() } };
    }
    return { kind: "set", path, operand: left };
  }
}

/** Parses a statement with its parameters. Throws DynamoDB's error of one that is not well formed. */
export function parseStatement(text: string, parameters: readonly Value[]): Statement {
  return new Parser(text, parameters).statement();
}
