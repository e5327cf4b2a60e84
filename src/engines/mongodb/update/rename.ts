import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { elementText } from "../data/text.js";
import { badValue, mongoError } from "../errors.js";
import { arrayIndex } from "../query/path-walk.js";
import { type ApplyContext, elementIdentifier, noChange, type UpdateLeaf } from "./tree.js";

/** Holds the place of a `$rename`'s source in the tree, so that no other operator works on it. */
export const renamedSource: UpdateLeaf = { kind: "leaf", creates: () => false, apply: () => noChange };

/**
 * `$rename`, as a leaf at its target: takes the value from the source, and the source away.
 *
 * @throws MongoError 2 when source or target is not a plain path
 */
export function parseRename(source: string, argument: Value): { readonly target: string; readonly leaf: UpdateLeaf } {
  if (typeof argument !== "string") {
    throw badValue(`The 'to' field for $rename must be a string: ${source}: ${elementText(argument)}`);
  }
  const target = argument;
  const named = `${source}: ${elementText(target)}`;
  if (source === target) throw badValue(`The source and target field for $rename must differ: ${named}`);
  const from = source.split(".");
  const to = target.split(".");
  if (source.startsWith(`${target}.`) || target.startsWith(`${source}.`)) {
    throw badValue(`The source and target field for $rename must not be on the same path: ${named}`);
  }
  if (isDynamic(from)) throw badValue(`The source field for $rename may not be dynamic: ${source}`);
  if (isDynamic(to)) throw badValue(`The destination field for $rename may not be dynamic: ${target}`);
  const find = (context: ApplyContext): Value | undefined => {
    let current: Value = context.root;
    for (let i = 0; i < from.length; i++) {
      const part = from[i]!;
      const index = arrayIndex(part);
      if (!(current instanceof Doc) && !(Array.isArray(current) && index >= 0)) {
        throw mongoError(
          28,
          `cannot use the part (${from[i - 1]} of ${source}) to traverse the element ({${from[i - 1]}: ${elementText(current)}})`,
        );
      }
      const next: Value | undefined = current instanceof Doc ? current.get(part) : (current as Value[])[index];
      if (next === undefined) return undefined;
      current = next;
    }
    return current;
  };
  const check = (context: ApplyContext, parts: readonly string[], what: string): void => {
    let current: Value | undefined = context.root;
    for (let i = 0; i < parts.length; i++) {
      if (Array.isArray(current)) {
        throw badValue(
          `The ${what} field cannot be an array element, '${parts.join(".")}' in doc with ${context.idText} has an array field called '${parts[i - 1]}'`,
        );
      }
      if (!(current instanceof Doc)) return;
      current = current.get(parts[i]!);
    }
  };
  return {
    target,
    leaf: {
      kind: "leaf",
      creates: (context) => {
        if (find(context) === undefined) return false;
        check(context, from, "source");
        check(context, to, "destination");
        return true;
      },
      apply: (_value, context) => {
        const value = find(context);
        if (value === undefined) return noChange;
        check(context, from, "source");
        check(context, to, "destination");
        return { kind: "set", value };
      },
    },
  };
}

function isDynamic(parts: readonly string[]): boolean {
  return parts.some((part) => part === "$" || elementIdentifier(part) !== undefined);
}

/** Takes a field away; tells whether it was there. */
export function removeField(doc: Doc, parts: readonly string[]): boolean {
  const [first, ...rest] = parts as [string, ...string[]];
  if (rest.length === 0) return doc.delete(first);
  const child = doc.get(first);
  if (!(child instanceof Doc)) return false;
  const copy = child.clone();
  if (!removeField(copy, rest)) return false;
  doc.set(first, copy);
  return true;
}
