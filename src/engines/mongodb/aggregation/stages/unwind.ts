import { bsonTypeName } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { mongoError } from "../../errors.js";
import { isNullish } from "../expressions/expression.js";
import { parsePath } from "../expressions/field-path.js";
import { shallowCopy } from "../expressions/objects.js";
import type { Stage, StageDefinition } from "./stage.js";

interface UnwindOptions {
  readonly path: readonly string[];
  readonly index: readonly string[] | undefined;
  readonly preserve: boolean;
}

/** The value at a path through documents alone. */
function valueAt(doc: Doc, path: readonly string[]): Value | undefined {
  let value: Value | undefined = doc;
  for (const name of path) {
    if (!(value instanceof Doc)) return undefined;
    value = value.get(name);
  }
  return value;
}

/** A copy of a document with the value at a path set, or removed when it is `undefined`. */
export function withValueAt(doc: Doc, path: readonly string[], value: Value | undefined, at = 0): Doc {
  const copy = shallowCopy(doc);
  const name = path[at]!;
  if (at === path.length - 1) {
    if (value === undefined) copy.delete(name);
    else copy.set(name, value);
    return copy;
  }
  const inner = copy.get(name);
  if (inner instanceof Doc) copy.set(name, withValueAt(inner, path, value, at + 1));
  else if (value !== undefined) copy.set(name, withValueAt(new Doc(), path, value, at + 1));
  return copy;
}

function unwinding({ path, index, preserve }: UnwindOptions): Stage {
  const numbered = (doc: Doc, position: Value) => (index === undefined ? doc : withValueAt(doc, index, position));
  return {
    name: "$unwind",
    *run(source) {
      for (const doc of source) {
        const value = valueAt(doc, path);
        if (Array.isArray(value)) {
          if (value.length === 0) {
            if (preserve) yield numbered(withValueAt(doc, path, undefined), null);
            continue;
          }
          for (let i = 0; i < value.length; i++) yield numbered(withValueAt(doc, path, value[i]!), BigInt(i));
        } else if (!isNullish(value) || preserve) {
          yield numbered(doc, null);
        }
      }
    },
  };
}

function readOptions(argument: Value): UnwindOptions {
  let path: string | undefined;
  let index: string | undefined;
  let preserve = false;
  if (typeof argument === "string") path = argument;
  else if (argument instanceof Doc) {
    for (const [name, value] of argument) {
      if (name === "path") {
        if (typeof value !== "string") {
          throw mongoError(28808, `expected a string as the path for $unwind stage, got ${bsonTypeName(value)}`);
        }
        path = value;
      } else if (name === "preserveNullAndEmptyArrays") {
        if (typeof value !== "boolean") {
          throw mongoError(
            28809,
            `expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage, got ${bsonTypeName(value)}`,
          );
        }
        preserve = value;
      } else if (name === "includeArrayIndex") {
        if (typeof value !== "string" || value === "") {
          throw mongoError(
            28810,
            `expected a non-empty string for the includeArrayIndex  option to $unwind stage, got ${bsonTypeName(value)}`,
          );
        }
        if (value.startsWith("$")) {
          throw mongoError(
            28822,
            `includeArrayIndex option to $unwind stage should not be prefixed with a '$': ${value}`,
          );
        }
        index = value;
      } else throw mongoError(28811, `unrecognized option to $unwind stage: ${name}`);
    }
  } else {
    throw mongoError(
      15981,
      `expected either a string or an object as specification for $unwind stage, got ${bsonTypeName(argument)}`,
    );
  }
  if (path === undefined || path === "") throw mongoError(28812, "no path specified to $unwind stage");
  if (!path.startsWith("$")) {
    throw mongoError(28818, `path option to $unwind stage should be prefixed with a '$': ${path}`);
  }
  return {
    path: parsePath(path.slice(1)),
    index: index === undefined ? undefined : parsePath(index),
    preserve,
  };
}

export const unwind: StageDefinition = {
  name: "$unwind",
  summary: "One document for each element of an array.",
  supported: true,
  compile: (argument) => unwinding(readOptions(argument)),
};
