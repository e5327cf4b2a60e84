import { readdirSync, readFileSync } from "node:fs";
import { BSON, type Document } from "mongodb";
import type { Outcome, Request, Target } from "./targets.js";

/** One case of the tables: a request and what MongoDB answers. Values are canonical EJSON. */
export interface Case extends Request {
  readonly name: string;
  /** The page of MongoDB's manual that the case follows. */
  readonly manual: string;
  /** The documents (of an update: the counts, then the collection), bare or as `docs`, or the code of the error. */
  readonly expect: readonly Document[] | { readonly docs?: readonly Document[]; readonly code?: number };
}

const folder = new URL("./cases/", import.meta.url);

/** All case files: name and cases. */
export function readCaseFiles(): { readonly file: string; readonly cases: readonly Case[] }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => ({ file, cases: parseCases(readFileSync(new URL(file, folder), "utf8")) }));
}

// EJSON takes `{"$regex": …, "$options": …}` for a regular expression; in the tables it is the query operator.
const hidden = "\ue000";

function parseCases(text: string): Case[] {
  const safe = text.replaceAll('"$regex":', `"${hidden}regex":`).replaceAll('"$options":', `"${hidden}options":`);
  return restore(BSON.EJSON.parse(safe, { relaxed: false })) as Case[];
}

function restore(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restore);
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.replace(hidden, "$"), restore(each)]));
}

/** Runs a case; gives the two sides to compare. */
export async function runCase(target: Target, each: Case): Promise<{ readonly got: Outcome; readonly want: Outcome }> {
  const { docs, code } = await target.run(each);
  const { expect } = each;
  const wanted = "length" in expect ? { docs: expect } : expect;
  return {
    got: code === undefined ? { docs: docs! } : { code },
    want:
      wanted.code === undefined
        ? { docs: (wanted.docs ?? []).map((doc) => BSON.EJSON.stringify(doc, { relaxed: false })) }
        : { code: Number(wanted.code) },
  };
}
