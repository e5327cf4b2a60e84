import { remembered } from "../remembered.js";
import { type ExpressionName, ExpressionReader } from "./reader.js";
import type { Action, Comparator, Condition, Operand, Path } from "./syntax.js";

/**
 * A Pratt parser of DynamoDB's expressions.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */

/** How strongly operators bind; a prefix NOT binds more than AND. */
const bindingPower: Readonly<Record<string, number>> = { OR: 1, AND: 2, NOT: 3, BETWEEN: 4, IN: 4 };
const comparators: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);
const conditionWords: ReadonlySet<string> = new Set(["AND", "OR", "NOT", "BETWEEN", "IN"]);
const sectionWords: ReadonlySet<string> = new Set(["SET", "REMOVE", "ADD", "DELETE"]);

/** What a part of a condition turned out to be. */
type Part =
  | { readonly is: "operand"; readonly operand: Operand; readonly parens: boolean }
  | { readonly is: "condition"; readonly condition: Condition; readonly parens: boolean };

/** Reads one expression of any kind. */
class Parser extends ExpressionReader {
  #arguments(): Operand[] {
    const args: Operand[] = [];
    this.expect("(");
    if (!this.isSymbol(")")) {
      for (;;) {
        args.push(this.deeper(() => (this.name === "UpdateExpression" ? this.#updateOperand() : this.#plainOperand())));
        if (!this.isSymbol(",")) break;
        this.at++;
      }
    }
    this.expect(")");
    return args;
  }

  /** A value, a call or a path, without parentheses. */
  #simple(): Operand {
    const token = this.token;
    if (token.kind === ":value") {
      this.at++;
      return { kind: "value", name: token.text };
    }
    const following = this.tokens[this.at + 1];
    if (token.kind === "name" && following?.kind === "symbol" && following.text === "(") {
      this.at++;
      this.count();
      return { kind: "call", name: token.text, args: this.#arguments() };
    }
    return { kind: "path", path: this.path() };
  }

  /** An operand of a condition, in parentheses or not. */
  #plainOperand(): Operand {
    const part = this.#part(bindingPower["BETWEEN"]!);
    if (part.is === "condition") throw this.syntax();
    return part.operand;
  }

  // ---- conditions

  condition(): Condition {
    const part = this.#part(0);
    return this.#asCondition(part);
  }

  /** A call that stands where a condition is wanted is one; another operand is not. */
  #asCondition(part: Part): Condition {
    if (part.is === "condition") return part.condition;
    if (part.operand.kind === "call") return part.operand;
    throw this.syntax();
  }

  #asOperand(part: Part, at: number): Operand {
    if (part.is === "condition") throw this.syntax(at);
    return part.operand;
  }

  #prefix(): Part {
    if (this.isSymbol("(")) {
      this.at++;
      const inner = this.deeper(() => this.#part(0));
      this.expect(")");
      if (inner.parens) this.note("The expression has redundant parentheses;");
      return { ...inner, parens: true };
    }
    if (this.isWord("NOT")) {
      this.at++;
      this.count();
      const operand = this.deeper(() => this.#asCondition(this.#part(bindingPower["NOT"]!)));
      return { is: "condition", condition: { kind: "not", operand }, parens: false };
    }
    const token = this.token;
    // Words of the language are no paths; other reserved words are told apart from syntax errors.
    if (token.kind === "name" && conditionWords.has(token.text.toUpperCase())) throw this.syntax();
    return { is: "operand", operand: this.#simple(), parens: false };
  }

  /** Goes on as long as operators bind more strongly than `power`. */
  #part(power: number): Part {
    let left = this.#prefix();
    for (;;) {
      const token = this.token;
      const at = this.at;
      const operator = token.kind === "name" ? token.text.toUpperCase() : token.text;
      const strength =
        token.kind === "symbol" && comparators.has(operator)
          ? 4
          : token.kind === "name" && operator !== "NOT"
            ? (bindingPower[operator] ?? 0)
            : 0;
      if (strength <= power) return left;
      this.at++;
      this.count();
      let condition: Condition;
      if (operator === "AND" || operator === "OR") {
        const first = this.#logical(left, at);
        const second = this.#logical(
          this.deeper(() => this.#part(strength)),
          this.at,
        );
        condition = { kind: operator === "AND" ? "and" : "or", left: first, right: second };
      } else if (operator === "BETWEEN") {
        const operand = this.#asOperand(left, at);
        const low = this.#plainOperand();
        if (!this.isWord("AND")) throw this.syntax();
        this.at++;
        condition = { kind: "between", operand, low, high: this.#plainOperand() };
      } else if (operator === "IN") {
        const operand = this.#asOperand(left, at);
        this.expect("(");
        const list: Operand[] = [];
        for (;;) {
          list.push(this.#plainOperand());
          if (!this.isSymbol(",")) break;
          this.at++;
        }
        this.expect(")");
        condition = { kind: "in", operand, list };
      } else {
        const first = this.#asOperand(left, at);
        condition = { kind: "compare", operator: operator as Comparator, left: first, right: this.#plainOperand() };
      }
      left = { is: "condition", condition, parens: false };
    }
  }

  #logical(part: Part, at: number): Condition {
    if (part.is === "condition") return part.condition;
    if (part.operand.kind === "call") return part.operand;
    throw this.syntax(at);
  }

  // ---- projections

  paths(): Path[] {
    const paths: Path[] = [];
    for (;;) {
      paths.push(this.path());
      if (!this.isSymbol(",")) return paths;
      this.at++;
    }
  }

  // ---- updates

  #sum(): Operand {
    const left = this.#updateOperand();
    if (!this.isSymbol("+") && !this.isSymbol("-")) return left;
    const operator = this.next().text as "+" | "-";
    this.count();
    return { kind: "sum", operator, left, right: this.#updateOperand() };
  }

  #updateOperand(): Operand {
    if (!this.isSymbol("(")) return this.#simple();
    this.at++;
    const redundant = this.isSymbol("(");
    const inner = this.deeper(() => this.#sum());
    this.expect(")");
    if (redundant) this.note("The expression has redundant parentheses;");
    return inner;
  }

  actions(): Action[] {
    const actions: Action[] = [];
    const seen = new Set<string>();
    do {
      const token = this.token;
      const section = token.text.toUpperCase();
      if (token.kind !== "name" || !sectionWords.has(section)) throw this.syntax();
      if (seen.has(section)) this.note(`The "${section}" section can only be used once in an update expression;`);
      seen.add(section);
      this.at++;
      for (;;) {
        actions.push(this.#action(section));
        if (!this.isSymbol(",")) break;
        this.at++;
      }
    } while (this.token.kind !== "end");
    return actions;
  }

  #action(section: string): Action {
    const path = this.path();
    if (section === "REMOVE") return { kind: "remove", path };
    if (section === "SET") {
      this.expect("=");
      return { kind: "set", path, operand: this.#sum() };
    }
    const token = this.token;
    if (token.kind !== ":value") throw this.syntax();
    this.at++;
    return { kind: section === "ADD" ? "add" : "delete", path, operand: { kind: "value", name: token.text } };
  }
}

/** Parses a condition; of any parameter that has one. */
export const parseCondition: (name: ExpressionName, text: string) => Condition = remembered((name, text) => {
  const parser = new Parser(name, text);
  const condition = parser.condition();
  parser.end();
  return condition;
});

export const parseProjection: (name: ExpressionName, text: string) => readonly Path[] = remembered((name, text) => {
  const parser = new Parser(name, text);
  const paths = parser.paths();
  parser.end();
  return paths;
});

export const parseUpdate: (name: ExpressionName, text: string) => readonly Action[] = remembered((name, text) => {
  const parser = new Parser(name, text);
  const actions = parser.actions();
  parser.end();
  return actions;
});
