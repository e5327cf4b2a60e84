/** CREATE, ALTER, DROP, DESCRIBE, and what is refused. */
import { invalid, syntaxError } from "../errors.js";
import type {
  ColumnSpec,
  CreateTableStatement,
  DescribeStatement,
  IndexTarget,
  OptionValue,
  RefusedStatement,
  Statement,
  TableName,
} from "./ast.js";
import { parseTerm, parseType } from "./terms.js";
import type { Tokens } from "./tokens.js";

function optionValue(t: Tokens): OptionValue {
  if (t.isSymbol("{")) {
    const term = parseTerm(t, false);
    const text = (each: typeof term, property = ""): string => {
      if (each.kind === "null") throw syntaxError(`Invalid property value: NULL for property: '${property}'`);
      if (each.kind === "literal") return each.text;
      throw syntaxError("Invalid property value: only literals can stand in the map of a property");
    };
    if (term.kind === "set" && term.items.length === 0) return new Map();
    if (term.kind === "map") {
      const map = new Map<string, string>();
      for (const [key, value] of term.entries) {
        const name = text(key);
        if (map.has(name)) throw syntaxError(`Multiple definition for property ${name}`);
        map.set(name, text(value, name));
      }
      return map;
    }
    if (term.kind === "set") throw syntaxError("Invalid property value: a map is expected, not a set");
    throw t.fail();
  }
  const sign = t.symbol("-") ? "-" : "";
  const { kind, text } = t.next;
  if (kind === "string" || kind === "integer" || kind === "float" || kind === "uuid" || kind === "hex") {
    t.take();
    return sign + text;
  }
  if (kind === "word") {
    t.take();
    return text;
  }
  throw t.fail();
}

function parseOptions(t: Tokens): Map<string, OptionValue> {
  const options = new Map<string, OptionValue>();
  do oneOption(t, options);
  while (t.words("and"));
  return options;
}

function oneOption(t: Tokens, options: Map<string, OptionValue>): void {
  const name = t.name();
  t.expectSymbol("=");
  if (options.has(name)) throw syntaxError(`Multiple definitions for property '${name}'`);
  options.set(name, optionValue(t));
}

function clusteringOrder(t: Tokens): { column: string; descending: boolean }[] {
  const order: { column: string; descending: boolean }[] = [];
  t.expectSymbol("(");
  do {
    const column = t.name();
    const descending = t.words("desc");
    if (!descending && !t.words("asc")) throw t.fail();
    order.push({ column, descending });
  } while (t.symbol(","));
  t.expectSymbol(")");
  return order;
}

function createTable(t: Tokens): CreateTableStatement {
  const ifNotExists = t.ifNotExists();
  const table = t.tableName();
  const columns: ColumnSpec[] = [];
  const partitionKeys: string[][] = [];
  let clustering: string[] = [];
  t.expectSymbol("(");
  do {
    // A comma may have no column after it.
    if (columns.length > 0 && (t.isSymbol(",") || t.isSymbol(")"))) continue;
    if (t.words("primary", "key")) {
      t.expectSymbol("(");
      if (t.symbol("(")) {
        const key = [t.name()];
        while (t.symbol(",")) key.push(t.name());
        t.expectSymbol(")");
        partitionKeys.push(key);
      } else partitionKeys.push([t.name()]);
      const rest: string[] = [];
      while (t.symbol(",")) rest.push(t.name());
      clustering = rest;
      t.expectSymbol(")");
      continue;
    }
    const name = t.name();
    const type = parseType(t);
    const isStatic = t.words("static");
    columns.push({ name, type, isStatic });
    if (t.words("masked")) throw invalid("Cannot mask columns because dynamic data masking is not enabled.");
    if (t.words("primary", "key")) partitionKeys.push([name]);
  } while (t.symbol(","));
  t.expectSymbol(")");
  const options = new Map<string, OptionValue>();
  let order: { column: string; descending: boolean }[] = [];
  let compactStorage = false;
  if (t.words("with")) {
    do {
      if (t.words("compact", "storage")) compactStorage = true;
      else if (t.words("clustering", "order", "by")) order = [...order, ...clusteringOrder(t)];
      else oneOption(t, options);
    } while (t.words("and"));
  }
  return {
    kind: "create table",
    table,
    ifNotExists,
    columns,
    partitionKeys,
    clustering,
    clusteringOrder: order,
    compactStorage,
    options,
  };
}

function createIndex(t: Tokens, custom: boolean): Statement {
  const ifNotExists = t.ifNotExists();
  let name: string | undefined;
  let nameKeyspace: string | undefined;
  if (!t.isWord("on")) {
    name = t.name();
    if (t.symbol(".")) {
      nameKeyspace = name;
      name = t.name();
    }
  }
  t.expectWord("on");
  const table = t.tableName();
  t.expectSymbol("(");
  const targets: IndexTarget[] = [];
  if (!t.isSymbol(")")) {
    do {
      const of = (["keys", "values", "entries", "full"] as const).find((word) => t.isWord(word) && t.isSymbol("(", 1));
      if (of === undefined) targets.push({ column: t.name(), of: undefined });
      else {
        t.take();
        t.take();
        targets.push({ column: t.name(), of });
        t.expectSymbol(")");
      }
    } while (t.symbol(","));
  }
  t.expectSymbol(")");
  const using = t.words("using") ? t.string() : undefined;
  const options = t.words("with") ? parseOptions(t) : new Map<string, OptionValue>();
  return {
    kind: "create index",
    name,
    nameKeyspace,
    table,
    targets,
    ifNotExists,
    custom,
    using,
    options,
  };
}

function createType(t: Tokens): Statement {
  const ifNotExists = t.ifNotExists();
  const type = t.tableName();
  t.expectSymbol("(");
  const fields: [string, ReturnType<typeof parseType>][] = [];
  do {
    if (fields.length > 0 && (t.isSymbol(",") || t.isSymbol(")"))) continue;
    const name = t.name();
    fields.push([name, parseType(t)]);
  } while (t.symbol(","));
  t.expectSymbol(")");
  return { kind: "create type", type, ifNotExists, fields };
}

function renames(t: Tokens): [string, string][] {
  const pairs: [string, string][] = [];
  do {
    const from = t.name();
    t.expectWord("to");
    pairs.push([from, t.name()]);
  } while (t.words("and"));
  return pairs;
}

function alterTable(t: Tokens): Statement {
  const ifExists = t.ifExists();
  const table = t.tableName();
  const done = (change: Extract<Statement, { kind: "alter table" }>["change"]): Statement => ({
    kind: "alter table",
    table,
    ifExists,
    change,
  });
  if (t.words("alter")) {
    const column = t.name();
    if (t.words("masked") || t.words("drop", "masked"))
      throw invalid("Cannot mask columns because dynamic data masking is not enabled.");
    t.expectWord("type");
    parseType(t);
    return done({ kind: "type", column });
  }
  if (t.words("add")) {
    const ifNotExists = t.ifNotExists();
    const columns: ColumnSpec[] = [];
    const brackets = t.symbol("(");
    do {
      const name = t.name();
      const type = parseType(t);
      columns.push({ name, type, isStatic: t.words("static") });
    } while (t.symbol(","));
    if (brackets) t.expectSymbol(")");
    return done({ kind: "add", columns, ifNotExists });
  }
  if (t.words("drop")) {
    if (t.words("compact", "storage")) return done({ kind: "drop compact storage" });
    const dropIfExists = t.ifExists();
    const columns: string[] = [];
    const brackets = t.symbol("(");
    do columns.push(t.name());
    while (t.symbol(","));
    if (brackets) t.expectSymbol(")");
    const timestamp = t.words("using", "timestamp") ? t.integer() : undefined;
    return done({ kind: "drop", columns, ifExists: dropIfExists, timestamp });
  }
  if (t.words("rename")) {
    const renameIfExists = t.ifExists();
    return done({ kind: "rename", pairs: renames(t), ifExists: renameIfExists });
  }
  t.expectWord("with");
  return done({ kind: "options", options: parseOptions(t) });
}

function alterType(t: Tokens): Statement {
  const ifExists = t.ifExists();
  const type = t.tableName();
  if (t.words("add")) {
    const ifNotExists = t.ifNotExists();
    const field = t.name();
    return { kind: "alter type", type, ifExists, change: { kind: "add", field, type: parseType(t), ifNotExists } };
  }
  if (t.words("rename")) {
    const fieldIfExists = t.ifExists();
    return {
      kind: "alter type",
      type,
      ifExists,
      change: { kind: "rename", pairs: renames(t), ifExists: fieldIfExists },
    };
  }
  t.expectWord("alter");
  const field = t.name();
  t.expectWord("type");
  parseType(t);
  return { kind: "alter type", type, ifExists, change: { kind: "alter", field } };
}

/** Takes what is left of a statement that is refused whatever it says. */
function refused(t: Tokens, statement: string, named = true): RefusedStatement {
  const ifNotExists = t.ifNotExists();
  const ifExists = t.ifExists() || ifNotExists;
  let name: TableName | undefined;
  if (named && (t.isName() || t.next.kind === "string")) {
    name = t.next.kind === "string" ? { keyspace: undefined, name: t.take().text } : t.tableName();
  }
  while (t.next.kind !== "end" && !t.isSymbol(";")) t.take();
  return { kind: "refused", statement, name, ifExists };
}

export function parseCreate(t: Tokens): Statement {
  t.expectWord("create");
  if (t.words("keyspace")) {
    const ifNotExists = t.ifNotExists();
    const name = t.name();
    t.expectWord("with");
    return { kind: "create keyspace", name, ifNotExists, options: parseOptions(t) };
  }
  if (t.words("table") || t.words("columnfamily")) return createTable(t);
  if (t.words("type")) return createType(t);
  if (t.words("custom", "index")) return createIndex(t, true);
  if (t.words("index")) return createIndex(t, false);
  if (t.words("materialized", "view")) return refused(t, "CREATE MATERIALIZED VIEW");
  if (t.words("or", "replace", "function") || t.words("function")) return refused(t, "CREATE FUNCTION");
  if (t.words("or", "replace", "aggregate") || t.words("aggregate")) return refused(t, "CREATE AGGREGATE");
  if (t.words("trigger")) return refused(t, "CREATE TRIGGER");
  if (t.words("role")) return refused(t, "CREATE ROLE");
  if (t.words("user")) return refused(t, "CREATE USER");
  throw t.fail();
}

export function parseAlter(t: Tokens): Statement {
  t.expectWord("alter");
  if (t.words("keyspace")) {
    const ifExists = t.ifExists();
    const name = t.name();
    t.expectWord("with");
    return { kind: "alter keyspace", name, ifExists, options: parseOptions(t) };
  }
  if (t.words("table") || t.words("columnfamily")) return alterTable(t);
  if (t.words("type")) return alterType(t);
  if (t.words("materialized", "view")) return refused(t, "ALTER MATERIALIZED VIEW");
  if (t.words("role")) return refused(t, "ALTER ROLE");
  if (t.words("user")) return refused(t, "ALTER USER");
  throw t.fail();
}

export function parseDrop(t: Tokens): Statement {
  t.expectWord("drop");
  if (t.words("keyspace")) {
    const ifExists = t.ifExists();
    return { kind: "drop keyspace", name: t.name(), ifExists };
  }
  if (t.words("table") || t.words("columnfamily")) {
    const ifExists = t.ifExists();
    return { kind: "drop table", table: t.tableName(), ifExists };
  }
  if (t.words("type")) {
    const ifExists = t.ifExists();
    return { kind: "drop type", type: t.tableName(), ifExists };
  }
  if (t.words("index")) {
    const ifExists = t.ifExists();
    return { kind: "drop index", index: t.tableName(), ifExists };
  }
  if (t.words("materialized", "view")) return refused(t, "DROP MATERIALIZED VIEW");
  if (t.words("function")) return refused(t, "DROP FUNCTION");
  if (t.words("aggregate")) return refused(t, "DROP AGGREGATE");
  if (t.words("trigger")) return refused(t, "DROP TRIGGER");
  if (t.words("role")) return refused(t, "DROP ROLE");
  if (t.words("user")) return refused(t, "DROP USER");
  if (t.words("identity")) return refused(t, "DROP IDENTITY");
  throw t.fail();
}

export function parseDescribe(t: Tokens): DescribeStatement {
  if (!t.words("describe")) t.expectWord("desc");
  let name: TableName | undefined;
  const what = ((): DescribeStatement["what"] => {
    if (t.words("full", "schema")) return "full schema";
    for (const word of ["cluster", "schema", "keyspaces", "tables", "types", "functions", "aggregates"] as const)
      if (t.isWord(word) && (t.peek().kind === "end" || t.isSymbol(";", 1) || t.isWord("with", 1))) {
        t.take();
        return word;
      }
    if (t.words("only", "keyspace")) {
      if (t.isName()) name = { keyspace: undefined, name: t.name() };
      return "only keyspace";
    }
    if (t.words("keyspace")) {
      if (t.isName()) name = { keyspace: undefined, name: t.name() };
      return "keyspace";
    }
    const kinds: [string[], DescribeStatement["what"]][] = [
      [["table"], "table"],
      [["columnfamily"], "table"],
      [["index"], "index"],
      [["type"], "type"],
      [["materialized", "view"], "view"],
      [["function"], "function"],
      [["aggregate"], "aggregate"],
    ];
    for (const [words, kind] of kinds)
      if (t.words(...words)) {
        name = t.tableName();
        return kind;
      }
    name = t.tableName();
    return "any";
  })();
  const internals = t.words("with", "internals");
  return { kind: "describe", what, name, internals };
}

/** GRANT, REVOKE, LIST and the like. */
export function parseAccess(t: Tokens): RefusedStatement {
  const first = t.take().lower;
  if (first === "add" && t.isWord("identity")) return refused(t, "ADD IDENTITY", false);
  if (first === "grant") return refused(t, "GRANT", false);
  if (first === "revoke") return refused(t, "REVOKE", false);
  if (t.words("roles")) return refused(t, "LIST ROLES", false);
  if (t.words("users")) return refused(t, "LIST USERS", false);
  return refused(t, "LIST PERMISSIONS", false);
}
