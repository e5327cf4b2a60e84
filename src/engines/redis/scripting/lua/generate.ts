import type {
  AssignmentStatement,
  Chunk as Ast,
  CallExpression,
  Expression,
  ForGenericStatement,
  ForNumericStatement,
  FunctionDeclaration,
  Identifier,
  IfStatement,
  IndexExpression,
  LocalStatement,
  MemberExpression,
  Statement,
  StringCallExpression,
  TableCallExpression,
  TableConstructorExpression,
} from "luaparse";
import type { Site } from "./runtime.js";

type Call = CallExpression | StringCallExpression | TableCallExpression;

/** JavaScript for a parsed chunk, and the sites that its messages name. */
export interface Generated {
  readonly source: string;
  readonly sites: readonly Site[];
}

interface FunctionScope {
  readonly parent: FunctionScope | undefined;
  readonly isVararg: boolean;
  usesDots: boolean;
  usesArg: boolean;
  temporaries: number;
}

/**
 * Writes JavaScript that does what a Lua 5.1 chunk does. Lua's locals become JavaScript's `let`, so that closures,
 * shadowing and fresh variables per loop turn are JavaScript's own and V8 compiles the script like any other code.
 * The names are all made here (`L7`, `t3`) and strings are written as JSON, so nothing of a script's text is code.
 *
 * In the generated code `$` is the machine, `K` this chunk, `G` the globals; the helpers are named in compile.ts.
 * With `coroutines` every function is also a generator, which `coroutine.yield` can suspend; with `pauses` its loops
 * pause now and then, so that others get their turn.
 */
export function generate(ast: Ast, text: string, coroutines: boolean, pauses: boolean): Generated {
  return new Generator(text, coroutines, pauses).chunk(ast);
}

class Generator {
  /** The script, to see parentheses, which the parser leaves out of its tree. */
  readonly #text: string;
  readonly #coroutines: boolean;
  /** What stands at the beginning of functions and loop turns. */
  readonly #tick: string;
  readonly #sites: Site[] = [];
  #blocks: Map<string, string>[] = [];
  #nextLocal = 0;
  #function: FunctionScope = { parent: undefined, isVararg: true, usesDots: false, usesArg: false, temporaries: 0 };

  constructor(text: string, coroutines: boolean, pauses: boolean) {
    this.#tick = pauses ? "if($pausing())yield $pause;" : "$tick();";
    this.#text = text;
    this.#coroutines = coroutines;
  }

  chunk(ast: Ast): Generated {
    const body = this.#functionOf([], true, ast.body);
    return { source: `return ${body};`, sites: this.#sites };
  }

  // Functions and blocks

  #functionOf(
    parameters: readonly (Identifier | { type: "VarargLiteral" })[],
    vararg: boolean,
    body: readonly Statement[],
    self = false,
  ): string {
    const outer = this.#function;
    this.#function = { parent: outer, isVararg: vararg, usesDots: false, usesArg: false, temporaries: 0 };
    this.#blocks.push(new Map());
    if (vararg && outer.parent !== undefined) this.#blocks.at(-1)!.set("arg", argTable);
    const names = self ? [this.#declare("self")] : [];
    for (const parameter of parameters) if (parameter.type === "Identifier") names.push(this.#declare(parameter.name));
    if (vararg) names.push("...V");
    const code = this.#statements(body);
    this.#blocks.pop();
    const { temporaries, usesArg, usesDots } = this.#function;
    this.#function = outer;
    const declared = Array.from({ length: temporaries }, (_, at) => `t${at}`).join(",");
    const head = [
      declared === "" ? "" : `let ${declared};`,
      usesArg ? (usesDots ? "let A;" : "let A=$argTable(V);") : "",
      this.#tick,
    ].join("");
    const text = `(${names.join(",")}){${head}${code}return $none;}`;
    return this.#coroutines ? `$function(function*${text})` : `(function${text})`;
  }

  #block(body: readonly Statement[]): string {
    this.#blocks.push(new Map());
    const code = this.#statements(body);
    this.#blocks.pop();
    return code;
  }

  #statements(body: readonly Statement[]): string {
    return body.map((statement) => this.#statement(statement)).join("");
  }

  #declare(name: string): string {
    const local = `L${this.#nextLocal++}`;
    this.#blocks.at(-1)!.set(name, local);
    return local;
  }

  #resolve(name: string): string | undefined {
    for (let at = this.#blocks.length - 1; at >= 0; at--) {
      const local = this.#blocks[at]!.get(name);
      if (local === undefined) continue;
      if (local === argTable) {
        let owner = this.#function;
        while (!owner.isVararg) owner = owner.parent!;
        owner.usesArg = true;
      }
      return local;
    }
    return undefined;
  }

  #temporary(): string {
    return `t${this.#function.temporaries++}`;
  }

  #site(node: { loc?: { start: { line: number } } | undefined }, what?: string): number {
    this.#sites.push({ line: node.loc?.start.line ?? 0, what });
    return this.#sites.length - 1;
  }

  #line(node: Statement): string {
    return `$.line=${node.loc?.start.line ?? 0};`;
  }

  // Statements

  #statement(statement: Statement): string {
    switch (statement.type) {
      case "LocalStatement":
        return this.#line(statement) + this.#local(statement);
      case "AssignmentStatement":
        return this.#line(statement) + this.#assignment(statement);
      case "CallStatement":
        return `${this.#line(statement)}${this.#call(statement.expression)};`;
      case "DoStatement":
        return `{${this.#block(statement.body)}}`;
      case "WhileStatement":
        return `while(${this.#condition(statement.condition)}){${this.#tick}${this.#block(statement.body)}}`;
      case "RepeatStatement": {
        // The condition sees the locals of the body.
        this.#blocks.push(new Map());
        const body = this.#statements(statement.body);
        const condition = this.#condition(statement.condition);
        this.#blocks.pop();
        // A body that ends in return or break never reaches its condition.
        const last = statement.body.at(-1)?.type;
        const end = last === "ReturnStatement" || last === "BreakStatement" ? "" : `if(${condition})break;`;
        return `while(true){${this.#tick}${body}${end}}`;
      }
      case "IfStatement":
        return this.#if(statement);
      case "ForNumericStatement":
        return this.#line(statement) + this.#forNumeric(statement);
      case "ForGenericStatement":
        return this.#line(statement) + this.#forGeneric(statement);
      case "FunctionDeclaration":
        return this.#line(statement) + this.#functionStatement(statement);
      case "ReturnStatement":
        return `${this.#line(statement)}return ${this.#returned(statement.arguments)};`;
      case "BreakStatement":
        return "break;";
      default:
        throw new Error(`Lua 5.1 has no ${statement.type}`);
    }
  }

  #local(statement: LocalStatement): string {
    const values = this.#adjusted(statement.init, statement.variables.length);
    const names = statement.variables.map((variable) => this.#declare(variable.name));
    return `${values.before}let ${names.map((name, at) => `${name}=${values.values[at]}`).join(",")};`;
  }

  /** Expressions for exactly `count` values; `before` evaluates what must be evaluated first. */
  #adjusted(init: readonly Expression[], count: number): { before: string; values: string[] } {
    const last = init.at(-1);
    if (last !== undefined && this.#isMulti(last) && count > init.length) {
      const values = init.slice(0, -1).map((expression) => this.#expression(expression));
      const rest = this.#temporary();
      const kept = values.map(() => this.#temporary());
      const before = `${values.map((value, at) => `${kept[at]}=${value};`).join("")}${rest}=${this.#list(last)};`;
      const tail = Array.from({ length: count - values.length }, (_, at) => `${rest}[${at}]`);
      return { before, values: [...kept, ...tail] };
    }
    const values = init.map((expression) => this.#expression(expression));
    const extra = values.slice(count);
    return {
      before: "",
      values: [
        ...values.slice(0, count - 1),
        ...(values.length >= count && count > 0
          ? [withExtra(values[count - 1]!, extra, this.#temporary.bind(this))]
          : []),
        ...Array.from({ length: Math.max(count - values.length, 0) }, () => "undefined"),
      ],
    };
  }

  #assignment(statement: AssignmentStatement): string {
    const { variables, init } = statement;
    if (variables.length === 1 && init.length === 1) return this.#assign(variables[0]!, this.#expression(init[0]!));
    // Objects and keys on the left are evaluated before anything is assigned.
    const targets = variables.map((variable) => {
      if (variable.type === "Identifier")
        return { before: "", store: (value: string) => this.#assign(variable, value) };
      const object = this.#temporary();
      const key = this.#temporary();
      const site = this.#site(variable, this.#what(variable.base));
      return {
        before: `${object}=${this.#expression(variable.base)};${key}=${this.#keyOf(variable)};`,
        store: (value: string) => `$set(${object},${key},${value},${site});`,
      };
    });
    const { before, values } = this.#adjusted(init, variables.length);
    const kept = values.map(() => this.#temporary());
    return [
      ...targets.map((target) => target.before),
      before,
      ...values.map((value, at) => `${kept[at]}=${value};`),
      ...targets.map((target, at) => target.store(kept[at]!)).reverse(),
    ].join("");
  }

  #assign(target: Identifier | IndexExpression | MemberExpression, value: string): string {
    if (target.type === "Identifier") {
      const local = this.#resolve(target.name);
      if (local !== undefined) return `${local}=${value};`;
      return `$set(G,${JSON.stringify(target.name)},${value},${this.#site(target)});`;
    }
    const site = this.#site(target, this.#what(target.base));
    return `$set(${this.#expression(target.base)},${this.#keyOf(target)},${value},${site});`;
  }

  #if(statement: IfStatement): string {
    return statement.clauses
      .map((clause, at) => {
        if (clause.type === "ElseClause") return `else{${this.#block(clause.body)}}`;
        return `${at === 0 ? "" : "else "}if(${this.#condition(clause.condition)}){${this.#block(clause.body)}}`;
      })
      .join("");
  }

  #forNumeric(statement: ForNumericStatement): string {
    const [at, limit, step] = [this.#temporary(), this.#temporary(), this.#temporary()];
    const from = this.#expression(statement.start);
    const to = this.#expression(statement.end);
    const by = statement.step === null ? "1" : `$forNumber(${this.#expression(statement.step)},"step")`;
    this.#blocks.push(new Map());
    const local = this.#declare(statement.variable.name);
    const body = this.#statements(statement.body);
    this.#blocks.pop();
    return (
      `${at}=$forNumber(${from},"initial value");${limit}=$forNumber(${to},"limit");${step}=${by};` +
      `for(let i=${at},n=${limit},s=${step};s>0?i<=n:i>=n;i+=s){${this.#tick}let ${local}=i;${body}}`
    );
  }

  #forGeneric(statement: ForGenericStatement): string {
    const { before, values } = this.#adjusted(statement.iterators, 3);
    this.#blocks.push(new Map());
    const names = statement.variables.map((variable) => this.#declare(variable.name));
    const body = this.#statements(statement.body);
    this.#blocks.pop();
    const site = this.#site(statement);
    const call = this.#coroutines ? `(yield* $yielding($callable(f,${site}),[s,c]))` : "f(s,c)";
    const bind =
      names.length === 1
        ? `let ${names[0]}=r instanceof $Multi?r[0]:r;`
        : `let ${names.map((name, at) => `${name}=${at === 0 ? "r instanceof $Multi?r[0]:r" : `r instanceof $Multi?r[${at}]:undefined`}`).join(",")};`;
    return (
      `${before}{let f=${values[0]},s=${values[1]},c=${values[2]};if(typeof f!=="function")f=$callable(f,${site});` +
      `while(true){${this.#tick}let r=${call};${bind}if(${names[0]}===undefined)break;c=${names[0]};${body}}}`
    );
  }

  #functionStatement(declaration: FunctionDeclaration): string {
    const { identifier } = declaration;
    if (identifier === null) throw new Error("a function statement has a name");
    if (declaration.isLocal && identifier.type === "Identifier") {
      const local = this.#declare(identifier.name);
      return `let ${local};${local}=${this.#functionExpression(declaration)};`;
    }
    const method = identifier.type === "MemberExpression" && identifier.indexer === ":";
    return this.#assign(identifier, this.#functionExpression(declaration, method));
  }

  #functionExpression(declaration: FunctionDeclaration, method = false): string {
    const parameters = declaration.parameters as readonly (Identifier | { type: "VarargLiteral" })[];
    const vararg = parameters.some((parameter) => parameter.type === "VarargLiteral");
    return this.#functionOf(parameters, vararg, declaration.body, method);
  }

  #returned(values: readonly Expression[]): string {
    if (values.length === 0) return "$none";
    if (values.length === 1) {
      const [value] = values as [Expression];
      if (value.type === "VarargLiteral") return `$multi(${this.#list(value)})`;
      return this.#isMulti(value) ? this.#call(value as Call) : this.#expression(value);
    }
    return `$multi([${this.#spread(values)}])`;
  }

  // Expressions

  #condition(expression: Expression): string {
    const { type } = expression;
    if (type === "BinaryExpression" && ["==", "~=", "<", ">", "<=", ">="].includes(expression.operator)) {
      return this.#expression(expression);
    }
    if (type === "UnaryExpression" && expression.operator === "not")
      return `!(${this.#condition(expression.argument)})`;
    if (type === "LogicalExpression") {
      const operator = expression.operator === "and" ? "&&" : "||";
      return `((${this.#condition(expression.left)})${operator}(${this.#condition(expression.right)}))`;
    }
    return `$true(${this.#expression(expression)})`;
  }

  /** JavaScript for exactly one value. */
  #expression(expression: Expression): string {
    switch (expression.type) {
      case "NilLiteral":
        return "undefined";
      case "BooleanLiteral":
        return String(expression.value);
      case "NumericLiteral":
        return expression.value === Number.POSITIVE_INFINITY ? "Infinity" : String(expression.value);
      case "StringLiteral":
        return JSON.stringify(expression.value);
      case "VarargLiteral":
        this.#function.usesDots = true;
        return "V[0]";
      case "Identifier":
        return (
          this.#resolve(expression.name) ?? `$index(G,${JSON.stringify(expression.name)},${this.#site(expression)})`
        );
      case "FunctionDeclaration":
        return this.#functionExpression(expression);
      case "MemberExpression":
      case "IndexExpression": {
        const site = this.#site(expression, this.#what(expression.base));
        return `$index(${this.#expression(expression.base)},${this.#keyOf(expression)},${site})`;
      }
      case "CallExpression":
      case "StringCallExpression":
      case "TableCallExpression":
        return `$first(${this.#call(expression)})`;
      case "TableConstructorExpression":
        return this.#table(expression);
      case "LogicalExpression": {
        const left = this.#temporary();
        const test = `(${left}=${this.#expression(expression.left)},${left}!==undefined&&${left}!==false)`;
        const right = this.#expression(expression.right);
        return expression.operator === "and" ? `(${test}?${right}:${left})` : `(${test}?${left}:${right})`;
      }
      case "UnaryExpression": {
        if (expression.operator === "not") return `!(${this.#condition(expression.argument)})`;
        const operand = this.#expression(expression.argument);
        const site = this.#site(expression, this.#what(expression.argument));
        if (expression.operator === "#") return `$length(${operand},${site})`;
        if (expression.argument.type === "NumericLiteral") return `(-${operand})`;
        return `$minus(${operand},${site})`;
      }
      case "BinaryExpression":
        return this.#binary(expression.operator, expression.left, expression.right, expression);
      default:
        throw new Error(`Lua 5.1 has no ${(expression as Expression).type}`);
    }
  }

  #binary(operator: string, left: Expression, right: Expression, node: Expression): string {
    const a = this.#expression(left);
    const b = this.#expression(right);
    switch (operator) {
      case "==":
        return `$equal(${a},${b})`;
      case "~=":
        return `!$equal(${a},${b})`;
      case "<":
        return `$less(${a},${b},${this.#site(node)})`;
      case "<=":
        return `$lessEqual(${a},${b},${this.#site(node)})`;
      case ">":
        return `$greater(${a},${b},${this.#site(node)})`;
      case ">=":
        return `$greaterEqual(${a},${b},${this.#site(node)})`;
      case "..":
        return `$concat(${a},${b},${this.#site(node, this.#what(right) ?? this.#what(left))})`;
      default:
        return `${arithmetic[operator]}(${a},${b},${this.#site(node, this.#what(left) ?? this.#what(right))})`;
    }
  }

  #keyOf(expression: IndexExpression | MemberExpression): string {
    return expression.type === "MemberExpression"
      ? JSON.stringify(expression.identifier.name)
      : this.#expression(expression.index);
  }

  /** JavaScript for a call: a plain value or a Multi. */
  #call(call: Call): string {
    const list =
      call.type === "CallExpression"
        ? this.#spread(call.arguments, 1)
        : call.type === "StringCallExpression"
          ? this.#expression(call.argument)
          : this.#expression(call.arguments as never);
    const { base } = call;
    let callee: string;
    let given = list;
    if (base.type === "MemberExpression" && base.indexer === ":") {
      const object = this.#temporary();
      const name = base.identifier.name;
      const index = `$index((${object}=${this.#expression(base.base)}),${JSON.stringify(name)},${this.#site(base, this.#what(base.base))})`;
      callee = `$callable(${index},${this.#site(call, `method '${name}'`)})`;
      given = list === "" ? object : `${object},${list}`;
    } else {
      callee = `$callable(${this.#expression(base)},${this.#site(call, this.#what(base))})`;
    }
    return this.#coroutines ? `(yield* $yielding(${callee},[${given}]))` : `${callee}(${given})`;
  }

  /** Arguments or results, the last one with all its values. */
  #spread(values: readonly Expression[], opened = 0): string {
    return values
      .map((value, at) =>
        at === values.length - 1 && this.#isMulti(value, at === 0 ? opened : 0)
          ? `...${this.#list(value)}`
          : this.#expression(value),
      )
      .join(",");
  }

  /** All values of a call or of `...`, as an array. */
  #list(expression: Expression): string {
    if (expression.type === "VarargLiteral") {
      this.#function.usesDots = true;
      return "V";
    }
    return `$all(${this.#call(expression as Call)})`;
  }

  #table(expression: TableConstructorExpression): string {
    const listed: Expression[] = [];
    const keyed: string[] = [];
    for (const field of expression.fields) {
      if (field.type === "TableValue") listed.push(field.value);
      else if (field.type === "TableKeyString")
        keyed.push(JSON.stringify(field.key.name), this.#expression(field.value));
      else keyed.push(this.#expression(field.key), this.#expression(field.value));
    }
    const list = `[${this.#spread(listed)}]`;
    return keyed.length === 0 ? `$list(${list})` : `$table(${list},[${keyed.join(",")}])`;
  }

  /** Whether an expression can give several values: a call or `...` that no parentheses cut to one. */
  #isMulti(expression: Expression, opened = 0): boolean {
    switch (expression.type) {
      case "CallExpression":
      case "StringCallExpression":
      case "TableCallExpression":
      case "VarargLiteral":
        break;
      default:
        return false;
    }
    let at = (expression as { range?: [number, number] }).range![0];
    let parentheses = -opened;
    for (at--; at >= 0; at--) {
      const char = this.#text[at]!;
      if (char === "(") parentheses++;
      else if (char !== " " && char !== "\t" && char !== "\n" && char !== "\r") break;
    }
    return parentheses <= 0;
  }

  /** How a message names what an expression is. */
  #what(expression: Expression): string | undefined {
    switch (expression.type) {
      case "Identifier":
        return this.#resolve(expression.name) === undefined
          ? `global '${expression.name}'`
          : `local '${expression.name}'`;
      case "MemberExpression":
        return `field '${expression.identifier.name}'`;
      case "IndexExpression":
        return "field '?'";
      default:
        return undefined;
    }
  }
}

/** Lua 5.1's local `arg` in functions with `...`; an inner function's hides an outer one's in JavaScript as in Lua. */
const argTable = "A";

const arithmetic: Readonly<Record<string, string>> = {
  "+": "$add",
  "-": "$subtract",
  "*": "$multiply",
  "/": "$divide",
  "%": "$modulo",
  "^": "$power",
};

/** The value, with expressions evaluated after it whose values nobody takes. */
function withExtra(value: string, extra: readonly string[], temporary: () => string): string {
  if (extra.length === 0) return value;
  const kept = temporary();
  return `(${kept}=${value},${extra.join(",")},${kept})`;
}
