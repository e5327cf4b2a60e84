import { Doc } from "../bson/doc.js";
import { failedToParse, MongoError, mongoError } from "../errors.js";
import type { FilterNode } from "../query/filter.js";
import { compileFilter, type Matcher } from "../query/matcher.js";
import type { ElementTest } from "./apply.js";

/**
 * Compiles the array filters of an update, by their identifiers.
 *
 * @throws MongoError 9 and 2, with MongoDB's texts, when one is not valid
 */
export function compileArrayFilters(filters: readonly Doc[], now: number): Map<string, ElementTest> {
  const tests = new Map<string, ElementTest>();
  for (const filter of filters) {
    if (usesExpr(filter)) {
      throw mongoError(224, "Error parsing array filter :: caused by :: $expr is not allowed in this context");
    }
    let matcher: Matcher;
    try {
      matcher = compileFilter(filter, { now: () => now });
    } catch (error) {
      if (error instanceof MongoError) error.message = `Error parsing array filter :: caused by :: ${error.message}`;
      throw error;
    }
    const names = new Set<string>();
    collectNames(matcher.tree, names);
    const [name, other] = [...names];
    if (name === undefined) {
      throw failedToParse("Cannot use an expression without a top-level field name in arrayFilters");
    }
    if (other !== undefined) {
      throw failedToParse(
        `Error parsing array filter :: caused by :: Expected a single top-level field name, found '${name}' and '${other}'`,
      );
    }
    if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) {
      throw mongoError(
        2,
        `Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '${name}'`,
      );
    }
    if (tests.has(name)) {
      throw failedToParse(`Found multiple array filters with the same top-level field name ${name}`);
    }
    tests.set(name, (element) => matcher.matches(Doc.of([name], [element])));
  }
  return tests;
}

function usesExpr(filter: Doc): boolean {
  return filter.has("$expr");
}

function collectNames(node: FilterNode, names: Set<string>): void {
  switch (node.kind) {
    case "and":
    case "or":
    case "nor":
      for (const child of node.children) collectNames(child, names);
      return;
    case "not":
      collectNames(node.child, names);
      return;
    case "expr":
    case "always":
      return;
    default:
      names.add(node.path.split(".")[0]!);
  }
}
