import { readdirSync, readFileSync } from "node:fs";
import { type Document, deserialize, EJSON, serialize } from "bson";
import { describe, expect, it } from "vitest";
import { Doc, encodeDoc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { compilePipeline } from "./pipeline.js";

/** The cases of test/mongodb/cases, put to the pipeline itself: their expected values came from MongoDB's own engine. */

interface Case {
  readonly name: string;
  readonly docs: readonly Document[];
  readonly aggregate: readonly Document[];
  readonly expect: readonly Document[] | { readonly code: number; readonly codeName: string };
}

const folder = new URL("../../../../test/mongodb/cases/", import.meta.url);
const files = readdirSync(folder).filter((name) => /^(aggregation|expression)-.*\.json$/.test(name));

function run({ docs, aggregate }: Case, raw: boolean): unknown {
  const stored = docs.map((doc) => Doc.raw(Buffer.from(serialize(doc))));
  const stages = Doc.raw(Buffer.from(serialize({ stages: aggregate }))).get("stages") as Value[];
  const read = () => (raw ? stored : stored.map((doc) => Doc.of(doc.keys().slice(), doc.values().slice())));
  try {
    // Other collections than the one that the cases are about do not exist.
    const pipeline = compilePipeline(stages, {
      db: "cases",
      collection: "c",
      readCollection: (_db, name) => (name === "c" ? read() : []),
    });
    return [...pipeline.runAll(read())].map((doc) =>
      deserialize(encodeDoc(doc), { promoteValues: false, promoteBuffers: false, bsonRegExp: true }),
    );
  } catch (error) {
    const { code, codeName } = error as { code?: number; codeName?: string };
    if (code === undefined) throw error;
    return { code, codeName };
  }
}

describe.each(files)("%s", (file) => {
  const cases = EJSON.parse(readFileSync(new URL(file, folder), "utf8"), { relaxed: false }) as unknown as Case[];

  it.each(cases)("$name", (each) => {
    const expected = EJSON.stringify(each.expect, { relaxed: false });
    expect(EJSON.stringify(run(each, true), { relaxed: false })).toBe(expected);
    expect(EJSON.stringify(run(each, false), { relaxed: false })).toBe(expected);
  });
});
