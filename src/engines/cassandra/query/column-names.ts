/** The names that the columns of a result have. */
import type { Term } from "../cql/ast.js";
import { termText, typeNameText } from "./term-text.js";

/** One side of an operator, in parentheses where the operator would else take a part of it. */
function operandName(term: Term, operator: string, isRight: boolean): string {
  const name = columnName(term);
  if (term.kind !== "arithmetic") return name;
  const binds = (each: string): number => (each === "+" || each === "-" ? 1 : 2);
  const holds = binds(term.operator) > binds(operator) || (!isRight && binds(term.operator) === binds(operator));
  return holds ? name : `(${name})`;
}

/** The name that a result's column has. */
export function columnName(term: Term): string {
  switch (term.kind) {
    case "column":
      return term.name;
    case "count":
      return "count";
    case "call": {
      if (term.keyspace === undefined && ["writetime", "ttl", "maxwritetime"].includes(term.name))
        return `${term.name}(${term.args.map(columnName).join(", ")})`;
      if (term.name === "count" && term.args.length === 1 && term.args[0]!.kind === "literal") return "count";
      return `${term.keyspace ?? "system"}.${term.name}(${term.args.map(columnName).join(", ")})`;
    }
    case "cast":
      return `cast(${columnName(term.term)} as ${typeNameText(term.type)})`;
    case "field":
      return `${columnName(term.of)}.${term.name}`;
    case "element":
      return `${columnName(term.of)}[${columnName(term.key)}]`;
    case "slice":
      return `${columnName(term.of)}[${term.from === undefined ? "" : columnName(term.from)}..${term.to === undefined ? "" : columnName(term.to)}]`;
    case "arithmetic":
      return `${operandName(term.left, term.operator, false)} ${term.operator} ${operandName(term.right, term.operator, true)}`;
    case "negate":
      return `-${operandName(term.term, "*", true)}`;
    case "hint":
      return `(${typeNameText(term.type)})${operandName(term.term, "*", true)}`;
    case "tuple":
      return term.items.length === 1 ? columnName(term.items[0]!) : `(${term.items.map(columnName).join(", ")})`;
    case "list":
      return `[${term.items.map(columnName).join(", ")}]`;
    case "set":
      return `{${term.items.map(columnName).join(", ")}}`;
    case "map":
      return `{${term.entries.map(([key, item]) => `${columnName(key)}: ${columnName(item)}`).join(", ")}}`;
    case "user":
      return `{${term.fields.map(([name, item]) => `${name}: ${columnName(item)}`).join(", ")}}`;
    default:
      return termText(term);
  }
}
