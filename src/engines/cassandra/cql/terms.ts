/** Terms, selectors and types. */
import { invalid } from "../errors.js";
import type { Term, TypeName } from "./ast.js";
import type { Tokens } from "./tokens.js";

/** A term; names of columns are allowed where `columns` says so. */
export function parseTerm(t: Tokens, columns: boolean): Term {
  return t.nested(() => addition(t, columns));
}

function addition(t: Tokens, columns: boolean): Term {
  let left = multiplication(t, columns);
  for (;;) {
    const operator = t.isSymbol("+") ? "+" : t.isSymbol("-") ? "-" : undefined;
    if (operator === undefined) return left;
    t.take();
    left = { kind: "arithmetic", operator, left, right: multiplication(t, columns) };
  }
}

function multiplication(t: Tokens, columns: boolean): Term {
  let left = unary(t, columns);
  for (;;) {
    const operator = t.isSymbol("*") ? "*" : t.isSymbol("/") ? "/" : t.isSymbol("%") ? "%" : undefined;
    if (operator === undefined) return left;
    t.take();
    left = { kind: "arithmetic", operator, left, right: unary(t, columns) };
  }
}

function unary(t: Tokens, columns: boolean): Term {
  if (!t.symbol("-")) return postfix(t, columns);
  const { kind, text, lower } = t.next;
  if (kind === "integer" || kind === "float" || kind === "duration") {
    t.take();
    const literal = kind === "integer" ? "INTEGER" : kind === "float" ? "FLOAT" : "DURATION";
    return { kind: "literal", literal, text: `-${text}` };
  }
  if (kind === "word" && (lower === "nan" || lower === "infinity")) {
    t.take();
    return { kind: "literal", literal: "FLOAT", text: lower === "nan" ? "NaN" : "-Infinity" };
  }
  return { kind: "negate", term: t.nested(() => unary(t, columns)) };
}

function postfix(t: Tokens, columns: boolean): Term {
  let term = primary(t, columns);
  if (!columns) return term;
  for (;;) {
    if (t.symbol(".")) {
      term = { kind: "field", of: term, name: t.name() };
    } else if (t.symbol("[")) {
      const from = t.isSymbol("..") ? undefined : parseTerm(t, columns);
      if (t.symbol("..")) {
        const to = t.isSymbol("]") ? undefined : parseTerm(t, columns);
        term = { kind: "slice", of: term, from, to };
      } else term = { kind: "element", of: term, key: from! };
      t.expectSymbol("]");
    } else return term;
  }
}

const literals = {
  string: "STRING",
  integer: "INTEGER",
  float: "FLOAT",
  uuid: "UUID",
  hex: "HEX",
  duration: "DURATION",
};

/** Terms up to a closing symbol, which is taken. */
export function termsUntil(t: Tokens, end: string, columns: boolean): Term[] {
  const items: Term[] = [];
  if (t.symbol(end)) return items;
  do items.push(parseTerm(t, columns));
  while (t.symbol(","));
  t.expectSymbol(end);
  return items;
}

function primary(t: Tokens, columns: boolean): Term {
  const token = t.next;
  const literal = (literals as Record<string, Extract<Term, { kind: "literal" }>["literal"] | undefined>)[token.kind];
  if (literal !== undefined) {
    t.take();
    return { kind: "literal", literal, text: token.text };
  }
  if (t.symbol("?")) return { kind: "marker", index: t.marker(undefined), name: undefined };
  if (t.symbol(":")) {
    const name = t.name();
    return { kind: "marker", index: t.marker(name), name };
  }
  if (t.symbol("[")) return { kind: "list", items: termsUntil(t, "]", columns) };
  if (t.symbol("{")) return braces(t, columns);
  if (t.symbol("(")) return parenthesis(t, columns);
  if (token.kind === "word") {
    const { lower } = token;
    if (lower === "null") {
      t.take();
      return { kind: "null" };
    }
    if (lower === "nan" || lower === "infinity") {
      t.take();
      return { kind: "literal", literal: "FLOAT", text: lower === "nan" ? "NaN" : "Infinity" };
    }
    if ((lower === "true" || lower === "false") && !t.isSymbol("(", 1)) {
      t.take();
      return { kind: "literal", literal: "BOOLEAN", text: lower };
    }
    if (lower === "token" && t.isSymbol("(", 1)) {
      t.take();
      t.take();
      return { kind: "call", keyspace: undefined, name: "token", args: termsUntil(t, ")", columns) };
    }
    if (lower === "cast" && t.isSymbol("(", 1) && columns) {
      t.take();
      t.take();
      const term = parseTerm(t, columns);
      t.expectWord("as");
      const type = parseType(t);
      t.expectSymbol(")");
      return { kind: "cast", term, type };
    }
    if (lower === "count" && t.isSymbol("(", 1) && t.isSymbol("*", 2) && t.isSymbol(")", 3)) {
      for (let i = 0; i < 4; i++) t.take();
      return { kind: "count" };
    }
  }
  if (!t.isName()) throw t.fail();
  // A function, perhaps of a keyspace; else the name of a column.
  if (t.isSymbol(".", 1) && t.isName(2) && t.isSymbol("(", 3)) {
    const keyspace = t.name();
    t.take();
    const name = t.name();
    t.take();
    return { kind: "call", keyspace, name, args: termsUntil(t, ")", columns) };
  }
  if (t.isSymbol("(", 1)) {
    const name = t.name();
    t.take();
    return { kind: "call", keyspace: undefined, name, args: termsUntil(t, ")", columns) };
  }
  if (!columns) throw t.fail();
  return { kind: "column", name: t.name() };
}

function braces(t: Tokens, columns: boolean): Term {
  if (t.symbol("}")) return { kind: "set", items: [] };
  // {name: value} is a user type; a name never begins a term that is a key of a map, but for functions.
  if (t.isName() && t.isSymbol(":", 1)) {
    const fields: [string, Term][] = [];
    do {
      const name = t.name();
      t.expectSymbol(":");
      fields.push([name, parseTerm(t, columns)]);
    } while (t.symbol(","));
    t.expectSymbol("}");
    return { kind: "user", fields };
  }
  const first = parseTerm(t, columns);
  if (!t.symbol(":")) {
    const items = [first];
    while (t.symbol(",")) items.push(parseTerm(t, columns));
    t.expectSymbol("}");
    return { kind: "set", items };
  }
  const entries: [Term, Term][] = [[first, parseTerm(t, columns)]];
  while (t.symbol(",")) {
    const key = parseTerm(t, columns);
    t.expectSymbol(":");
    entries.push([key, parseTerm(t, columns)]);
  }
  t.expectSymbol("}");
  return { kind: "map", entries };
}

/** `(a, b)` is a tuple, `(int) a` a hint of the type, `(a + b)` the term itself. */
function parenthesis(t: Tokens, columns: boolean): Term {
  const start = t.position;
  if (t.next.kind === "word" || t.next.kind === "quoted") {
    const markers = t.markers.length;
    try {
      const type = parseType(t);
      if (t.symbol(")") && startsTerm(t, columns)) {
        return { kind: "hint", type, term: t.nested(() => unary(t, columns)) };
      }
    } catch {
      // It was no type.
    }
    t.markers.length = markers;
    t.back(start);
  }
  const items = termsUntil(t, ")", columns);
  if (items.length === 0) throw t.fail();
  const [only] = items;
  const groups = only!.kind === "arithmetic" || only!.kind === "negate";
  return items.length === 1 && groups ? only! : { kind: "tuple", items };
}

function startsTerm(t: Tokens, columns: boolean): boolean {
  const { kind, text, lower } = t.next;
  if (kind === "symbol") return ["(", "[", "{", "?", ":", "-"].includes(text);
  if (kind === "end") return false;
  if (kind === "quoted") return columns || t.isSymbol("(", 1);
  if (kind === "word") {
    if (["null", "nan", "infinity", "true", "false"].includes(lower)) return true;
    return t.isSymbol("(", 1) || (columns && t.isName() && lower !== "as");
  }
  return true;
}

/** A type as it is written in a statement. */
export function parseType(t: Tokens): TypeName {
  return t.nested(() => typeOf(t));
}

function typeOf(t: Tokens): TypeName {
  if (t.next.kind === "string") return { kind: "java", text: t.take().text };
  const { kind, lower } = t.next;
  if (kind === "word" && t.isSymbol("<", 1)) {
    switch (lower) {
      case "list":
      case "set":
      case "frozen": {
        t.take();
        t.take();
        const of = parseType(t);
        t.expectSymbol(">");
        return { kind: lower, of };
      }
      case "map": {
        t.take();
        t.take();
        const keys = parseType(t);
        t.expectSymbol(",");
        const values = parseType(t);
        t.expectSymbol(">");
        return { kind: "map", keys, values };
      }
      case "tuple": {
        t.take();
        t.take();
        const of = [parseType(t)];
        while (t.symbol(",")) of.push(parseType(t));
        t.expectSymbol(">");
        return { kind: "tuple", of };
      }
      case "vector": {
        t.take();
        t.take();
        const of = parseType(t);
        t.expectSymbol(",");
        const dimension = Number(t.integer());
        t.expectSymbol(">");
        if (dimension <= 0) throw invalid(`vectors may only have positive dimensions; given ${dimension}`);
        return { kind: "vector", of, dimension };
      }
    }
  }
  const isQuoted = kind === "quoted";
  const first = t.name();
  if (t.symbol(".")) return { kind: "name", keyspace: first, quoted: isQuoted, name: t.name() };
  return { kind: "name", keyspace: undefined, quoted: isQuoted, name: first };
}
