/** Terms and types as error texts show them. */
import type { Term, TypeName } from "../cql/ast.js";
import { quoted } from "../types/type.js";

/** A term as error texts show it. */
export function termText(term: Term): string {
  switch (term.kind) {
    case "literal":
      return term.literal === "STRING" ? `'${term.text}'` : term.text;
    case "null":
      return "null";
    case "marker":
      return term.name === undefined ? "?" : `:${term.name}`;
    case "list":
      return `[${term.items.map(termText).join(", ")}]`;
    case "set":
      return `{${term.items.map(termText).join(", ")}}`;
    case "map":
      return `{${term.entries.map(([key, value]) => `${termText(key)}:${termText(value)}`).join(", ")}}`;
    case "user":
      return `{${term.fields.map(([name, value]) => `${quoted(name)}: ${termText(value)}`).join(", ")}}`;
    case "tuple":
      return `(${term.items.map(termText).join(", ")})`;
    case "hint":
      return `(${typeNameText(term.type)})${termText(term.term)}`;
    case "call":
      return `${term.keyspace === undefined ? "" : `${term.keyspace}.`}${term.name}(${term.args.map(termText).join(", ")})`;
    case "count":
      return "count(*)";
    case "cast":
      return `CAST(${termText(term.term)} AS ${typeNameText(term.type)})`;
    case "arithmetic":
      return `${termText(term.left)} ${term.operator} ${termText(term.right)}`;
    case "negate":
      return `-${termText(term.term)}`;
    case "column":
      return quoted(term.name);
    case "field":
      return `${termText(term.of)}.${term.name}`;
    case "element":
      return `${termText(term.of)}[${termText(term.key)}]`;
    case "slice":
      return `${termText(term.of)}[${term.from === undefined ? "" : termText(term.from)}..${term.to === undefined ? "" : termText(term.to)}]`;
    default: {
      const never: never = term;
      throw new Error(`not a term: ${String(never)}`);
    }
  }
}

export function typeNameText(name: TypeName): string {
  switch (name.kind) {
    case "name":
      return name.keyspace === undefined ? name.name : `${name.keyspace}.${name.name}`;
    case "java":
      return `'${name.text}'`;
    case "map":
      return `map<${typeNameText(name.keys)}, ${typeNameText(name.values)}>`;
    case "tuple":
      return `tuple<${name.of.map(typeNameText).join(", ")}>`;
    case "vector":
      return `vector<${typeNameText(name.of)}, ${name.dimension}>`;
    default:
      return `${name.kind}<${typeNameText(name.of)}>`;
  }
}
