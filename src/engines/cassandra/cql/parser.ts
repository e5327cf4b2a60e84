/** CQL 3.4 by recursive descent: https://cassandra.apache.org/doc/5.0/cassandra/developing/cql/ */
import { syntaxError } from "../errors.js";
import type { Parsed, Statement } from "./ast.js";
import { parseAccess, parseAlter, parseCreate, parseDescribe, parseDrop } from "./schema-statements.js";
import { parseBatch, parseDelete, parseInsert, parseSelect, parseUpdate } from "./statements.js";
import { Tokens } from "./tokens.js";

function parseStatement(t: Tokens): Statement {
  if (t.next.kind !== "word") throw t.fail();
  switch (t.next.lower) {
    case "select":
      return parseSelect(t);
    case "insert":
      return parseInsert(t);
    case "update":
      return parseUpdate(t);
    case "delete":
      return parseDelete(t);
    case "begin":
      return parseBatch(t);
    case "create":
      return parseCreate(t);
    case "alter":
      return parseAlter(t);
    case "drop":
      return parseDrop(t);
    case "use":
      t.take();
      if (t.isSymbol("?")) throw syntaxError("Bind variables cannot be used for keyspace names");
      return { kind: "use", keyspace: t.name() };
    case "truncate": {
      t.take();
      if (!t.words("table")) t.words("columnfamily");
      return { kind: "truncate", table: t.tableName() };
    }
    case "describe":
    case "desc":
      return parseDescribe(t);
    case "grant":
    case "revoke":
    case "list":
    case "add":
      return parseAccess(t);
    default:
      throw t.fail();
  }
}

/** Reads one statement. Throws a syntax error. */
export function parse(text: string): Parsed {
  const t = new Tokens(text);
  const statement = parseStatement(t);
  t.end();
  return { statement, markers: t.markers };
}
