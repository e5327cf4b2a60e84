import { Doc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";

/** The values that `distinct` sees at a path of a document: elements of arrays one by one, missing fields not at all. */
export function distinctValues(doc: Doc, path: string): Value[] {
  const out: Value[] = [];
  collect(doc, path.split("."), 0, out);
  return out;
}

function collect(value: Value, parts: readonly string[], at: number, out: Value[]): void {
  if (at === parts.length) {
    if (Array.isArray(value)) out.push(...value);
    else out.push(value);
    return;
  }
  const part = parts[at]!;
  if (value instanceof Doc) {
    const next = value.get(part);
    if (next !== undefined) collect(next, parts, at + 1, out);
  } else if (Array.isArray(value)) {
    if (/^\d+$/.test(part)) {
      const next = value[Number(part)];
      if (next !== undefined) collect(next, parts, at + 1, out);
    }
    for (const each of value) if (each instanceof Doc) collect(each, parts, at, out);
  }
}
