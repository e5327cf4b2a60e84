/** SELECT, INSERT, UPDATE, DELETE, BATCH. */
import { invalid, syntaxError } from "../errors.js";
import type {
  Assignment,
  BatchStatement,
  Condition,
  DeleteStatement,
  Deletion,
  If,
  InsertStatement,
  Modification,
  Operator,
  Relation,
  Selector,
  SelectStatement,
  Term,
  UpdateStatement,
  Using,
} from "./ast.js";
import { parseTerm, termsUntil } from "./terms.js";
import type { Tokens } from "./tokens.js";

export function parseSelect(t: Tokens): SelectStatement {
  t.expectWord("select");
  // `json` and `distinct` are names too: SELECT json FROM t.
  const flagged = (word: string): boolean => {
    if (!t.isWord(word) || t.isSymbol(",", 1) || t.isSymbol("(", 1) || t.isWord("from", 1) || t.isWord("as", 1))
      return false;
    t.take();
    return true;
  };
  const json = flagged("json");
  const distinct = flagged("distinct");
  const selectors: Selector[] = [];
  if (!t.symbol("*")) {
    do {
      const term = parseTerm(t, true);
      selectors.push({ term, alias: t.words("as") ? t.name() : undefined });
    } while (t.symbol(","));
  }
  t.expectWord("from");
  const table = t.tableName();
  const where = t.words("where") ? parseWhere(t) : [];
  const groupBy: Term[] = [];
  if (t.words("group", "by")) {
    do groupBy.push(parseTerm(t, true));
    while (t.symbol(","));
  }
  const orderBy: { column: string; descending: boolean; ann?: Term }[] = [];
  if (t.words("order", "by")) {
    do {
      const column = t.name();
      if (t.words("ann", "of")) {
        orderBy.push({ column, descending: false, ann: parseTerm(t, false) });
        continue;
      }
      const descending = t.words("desc");
      if (!descending) t.words("asc");
      orderBy.push({ column, descending });
    } while (t.symbol(","));
  }
  const perPartitionLimit = t.words("per", "partition", "limit") ? limitTerm(t) : undefined;
  const limit = t.words("limit") ? limitTerm(t) : undefined;
  const allowFiltering = t.words("allow", "filtering");
  return {
    kind: "select",
    table,
    selectors,
    distinct,
    json,
    where,
    groupBy,
    orderBy,
    perPartitionLimit,
    limit,
    allowFiltering,
  };
}

function limitTerm(t: Tokens): Term {
  if (t.isSymbol("?") || t.isSymbol(":")) return parseTerm(t, false);
  return { kind: "literal", literal: "INTEGER", text: t.integer() };
}

export function parseWhere(t: Tokens): Relation[] {
  const relations: Relation[] = [];
  do parseRelation(t, relations);
  while (t.words("and"));
  return relations;
}

function comparison(t: Tokens): Operator {
  for (const operator of ["=", "<=", "<", ">=", ">", "!="] as const) if (t.symbol(operator)) return operator;
  throw t.fail();
}

function inValues(t: Tokens): Term {
  if (t.symbol("(")) return { kind: "tuple", items: termsUntil(t, ")", false) };
  if (!t.isSymbol("?") && !t.isSymbol(":")) throw t.fail();
  return parseTerm(t, false);
}

function parseRelation(t: Tokens, out: Relation[]): void {
  if (t.isWord("token") && t.isSymbol("(", 1)) {
    t.take();
    t.take();
    const columns = [t.name()];
    while (t.symbol(",")) columns.push(t.name());
    t.expectSymbol(")");
    if (t.words("in")) throw t.fail();
    out.push({ kind: "token", columns, operator: comparison(t), value: parseTerm(t, false) });
    return;
  }
  if (t.isWord("expr") && t.isSymbol("(", 1)) {
    throw invalid("Expressions on custom indexes are not supported");
  }
  if (t.symbol("(")) {
    // A relation in brackets, or several columns.
    if (t.isName() && (t.isSymbol(",", 1) || t.isSymbol(")", 1))) {
      const columns = [t.name()];
      while (t.symbol(",")) columns.push(t.name());
      t.expectSymbol(")");
      if (t.words("in")) {
        out.push({ kind: "multi", columns, operator: "IN", value: inValues(t) });
        return;
      }
      const operator = comparison(t);
      out.push({ kind: "multi", columns, operator, value: parseTerm(t, false) });
      return;
    }
    parseRelation(t, out);
    t.expectSymbol(")");
    return;
  }
  const column = t.name();
  if (t.symbol("[")) {
    const key = parseTerm(t, false);
    t.expectSymbol("]");
    out.push({ kind: "entry", column, key, operator: comparison(t), value: parseTerm(t, false) });
    return;
  }
  if (t.words("in")) {
    out.push({ kind: "single", column, operator: "IN", value: inValues(t) });
    return;
  }
  if (t.words("contains")) {
    const operator = t.words("key") ? "CONTAINS KEY" : "CONTAINS";
    out.push({ kind: "single", column, operator, value: parseTerm(t, false) });
    return;
  }
  if (t.words("like")) {
    out.push({ kind: "single", column, operator: "LIKE", value: parseTerm(t, false) });
    return;
  }
  if (t.words("is", "not")) {
    t.expectWord("null");
    out.push({ kind: "single", column, operator: "IS NOT", value: { kind: "null" } });
    return;
  }
  out.push({ kind: "single", column, operator: comparison(t), value: parseTerm(t, false) });
}

function parseUsing(t: Tokens, ttlToo: boolean): Using {
  const using: { timestamp?: Term; ttl?: Term } = {};
  if (!t.words("using")) return using;
  do {
    const integerOrMarker = (): Term =>
      t.isSymbol("?") || t.isSymbol(":")
        ? parseTerm(t, false)
        : { kind: "literal", literal: "INTEGER", text: t.integer() };
    if (t.words("timestamp")) using.timestamp = integerOrMarker();
    else if (ttlToo && t.words("ttl")) using.ttl = integerOrMarker();
    else throw t.fail();
  } while (t.words("and"));
  return using;
}

function parseIf(t: Tokens): If | undefined {
  if (!t.words("if")) return undefined;
  if (t.words("not", "exists")) return { kind: "not exists" };
  if (t.isWord("exists") && !["=", "<", ">", "<=", ">=", "!=", "[", "."].some((symbol) => t.isSymbol(symbol, 1))) {
    t.take();
    return { kind: "exists" };
  }
  const conditions: Condition[] = [];
  do conditions.push(parseCondition(t));
  while (t.words("and"));
  return { kind: "conditions", conditions };
}

function conditionOperator(t: Tokens, whole: boolean): { operator: Operator; value: Term } {
  if (t.words("in")) return { operator: "IN", value: inValues(t) };
  if (whole && t.words("contains")) {
    const operator = t.words("key") ? "CONTAINS KEY" : "CONTAINS";
    return { operator, value: parseTerm(t, false) };
  }
  return { operator: comparison(t), value: parseTerm(t, false) };
}

function parseCondition(t: Tokens): Condition {
  const column = t.name();
  if (t.symbol("[")) {
    const key = parseTerm(t, false);
    t.expectSymbol("]");
    return { kind: "element", column, key, ...conditionOperator(t, false) };
  }
  if (t.symbol(".")) {
    const field = t.name();
    return { kind: "field", column, field, ...conditionOperator(t, false) };
  }
  return { kind: "column", column, ...conditionOperator(t, true) };
}

export function parseInsert(t: Tokens): InsertStatement {
  t.expectWord("insert");
  t.expectWord("into");
  const table = t.tableName();
  if (t.words("json")) {
    const value = parseTerm(t, false);
    let defaultUnset = false;
    if (t.words("default")) {
      defaultUnset = t.words("unset");
      if (!defaultUnset) t.expectWord("null");
    }
    const condition = insertIf(t);
    return {
      kind: "insert",
      table,
      columns: [],
      values: [],
      json: { value, defaultUnset },
      using: parseUsing(t, true),
      condition,
    };
  }
  t.expectSymbol("(");
  const columns = [t.name()];
  while (t.symbol(",")) columns.push(t.name());
  t.expectSymbol(")");
  t.expectWord("values");
  t.expectSymbol("(");
  const values = termsUntil(t, ")", false);
  const condition = insertIf(t);
  return { kind: "insert", table, columns, values, json: undefined, using: parseUsing(t, true), condition };
}

function insertIf(t: Tokens): If | undefined {
  if (!t.words("if")) return undefined;
  if (!t.words("not", "exists")) throw t.fail();
  return { kind: "not exists" };
}

export function parseUpdate(t: Tokens): UpdateStatement {
  t.expectWord("update");
  const table = t.tableName();
  const using = parseUsing(t, true);
  t.expectWord("set");
  const assignments: Assignment[] = [];
  do assignments.push(parseAssignment(t));
  while (t.symbol(","));
  t.expectWord("where");
  const where = parseWhere(t);
  return { kind: "update", table, assignments, where, using, condition: parseIf(t) };
}

function parseAssignment(t: Tokens): Assignment {
  const column = t.name();
  if (t.symbol("[")) {
    const key = parseTerm(t, false);
    t.expectSymbol("]");
    t.expectSymbol("=");
    return { kind: "element", column, key, value: parseTerm(t, false) };
  }
  if (t.symbol(".")) {
    const field = t.name();
    t.expectSymbol("=");
    return { kind: "field", column, field, value: parseTerm(t, false) };
  }
  if (t.symbol("+=")) return { kind: "add", column, value: parseTerm(t, false) };
  if (t.symbol("-=")) return { kind: "subtract", column, value: parseTerm(t, false) };
  t.expectSymbol("=");
  // column = column + value, column = value + column
  if (t.isName() && (t.isSymbol("+", 1) || t.isSymbol("-", 1)) && !t.isSymbol("(", 1)) {
    const source = t.name();
    const kind = t.take().text === "+" ? "add" : "subtract";
    const value = parseTerm(t, false);
    if (source !== column) throw syntaxError("Only expressions of the form X = X +<value> are supported.");
    return { kind, column, value };
  }
  const value = parseTerm(t, true);
  if (value.kind === "arithmetic" && value.operator === "+" && value.right.kind === "column") {
    if (value.right.name !== column) throw syntaxError("Only expressions of the form X = <value> + X are supported.");
    return { kind: "prepend", column, value: value.left };
  }
  if (value.kind === "column") throw t.fail();
  return { kind: "set", column, value };
}

export function parseDelete(t: Tokens): DeleteStatement {
  t.expectWord("delete");
  const deletions: Deletion[] = [];
  if (!t.isWord("from")) {
    do {
      const column = t.name();
      if (t.symbol("[")) {
        deletions.push({ kind: "element", column, key: parseTerm(t, false) });
        t.expectSymbol("]");
      } else if (t.symbol(".")) deletions.push({ kind: "field", column, field: t.name() });
      else deletions.push({ kind: "column", column });
    } while (t.symbol(","));
  }
  t.expectWord("from");
  const table = t.tableName();
  const using = parseUsing(t, false);
  t.expectWord("where");
  const where = parseWhere(t);
  return { kind: "delete", table, deletions, where, using, condition: parseIf(t) };
}

export function parseBatch(t: Tokens): BatchStatement {
  t.expectWord("begin");
  const type = t.words("unlogged") ? "unlogged" : t.words("counter") ? "counter" : "logged";
  t.expectWord("batch");
  const using = parseUsing(t, false);
  const statements: Modification[] = [];
  while (!t.isWord("apply")) {
    if (t.isWord("insert")) statements.push(parseInsert(t));
    else if (t.isWord("update")) statements.push(parseUpdate(t));
    else if (t.isWord("delete")) statements.push(parseDelete(t));
    else throw t.fail();
    t.symbol(";");
  }
  t.expectWord("apply");
  t.expectWord("batch");
  return { kind: "batch", type, using, statements };
}
