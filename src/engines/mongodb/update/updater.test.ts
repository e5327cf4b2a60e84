import { type Document, deserialize, serialize } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Doc, encodeDoc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { compileUpdate } from "./updater.js";

const raw = (object: Document): Doc => Doc.raw(Buffer.from(serialize(object)));
const plain = (doc: Doc): Document => deserialize(encodeDoc(doc));
const now = 1_700_000_000_000;

function apply(doc: Document, update: Document, options: { arrayFilters?: Document[]; position?: number } = {}) {
  const updater = compileUpdate(raw(update), { now, arrayFilters: options.arrayFilters?.map(raw) });
  const result = updater.apply(raw(doc), options.position);
  return { doc: plain(result.doc), modified: result.modified };
}

describe("updates", () => {
  it.each<[Document, Document, Document]>([
    [{ _id: 1 }, { $set: { "a.b.c": 1 } }, { _id: 1, a: { b: { c: 1 } } }],
    [{ _id: 1, a: [1] }, { $set: { "a.3": 4 } }, { _id: 1, a: [1, null, null, 4] }],
    [{ _id: 1, a: 1 }, { $inc: { a: 2, b: 3 } }, { _id: 1, a: 3, b: 3 }],
    [{ _id: 1, a: [3, 1] }, { $push: { a: { $each: [2], $sort: 1, $slice: -2 } } }, { _id: 1, a: [2, 3] }],
    [{ _id: 1, a: [1, 2, 3] }, { $pull: { a: { $gte: 2 } } }, { _id: 1, a: [1] }],
    [{ _id: 1, a: 5 }, { $rename: { a: "b.c" } }, { _id: 1, b: { c: 5 } }],
    [{ _id: 1 }, { $currentDate: { at: true } }, { _id: 1, at: new Date(now) }],
    [{ _id: 1, a: 2 }, { b: 3 }, { _id: 1, b: 3 }],
  ])("%j by %j", (doc, update, wanted) => {
    expect(apply(doc, update)).toEqual({ doc: wanted, modified: true });
  });

  it("reach elements by filters and by the position that matched", () => {
    expect(
      apply({ _id: 1, a: [1, 5] }, { $set: { "a.$[big]": 0 } }, { arrayFilters: [{ big: { $gt: 3 } }] }).doc,
    ).toEqual({ _id: 1, a: [1, 0] });
    expect(apply({ _id: 1, a: [1, 5] }, { $inc: { "a.$": 1 } }, { position: 1 }).doc).toEqual({ _id: 1, a: [1, 6] });
  });

  it.each<[Document, Document, number]>([
    [{ _id: 1, a: 1 }, { $set: { "a.b": 1 } }, 28],
    [{ _id: 1, a: [1] }, { $set: { "a.b.$[]": 1 } }, 2],
    [{ _id: 1, a: "x" }, { $inc: { a: 1 } }, 14],
    [{ _id: 1 }, { $set: { _id: 2 } }, 66],
    [{ _id: 1 }, { $set: { a: 1, "a.b": 2 } }, 40],
    [{ _id: 1, a: [1] }, { $set: { "a.$": 2 } }, 2],
  ])("refuse %j by %j with %i", (doc, update, code) => {
    expect(() => apply(doc, update)).toThrow(expect.objectContaining({ code }));
  });

  it("leave the given document as it is, and change nothing twice", () => {
    const leaf = fc.constantFrom<unknown>(1, "x", null, [1, 2], { b: 1 });
    fc.assert(
      fc.property(leaf, leaf, fc.constantFrom("a", "c", "d.e"), (a, value, path) => {
        const before = raw({ _id: 1, a });
        const bytes = Buffer.from(before.toBytes());
        const updater = compileUpdate(raw({ $set: { [path]: value } }), { now });
        const once = updater.apply(before);
        expect(before.toBytes().equals(bytes)).toBe(true);
        const twice = updater.apply(Doc.raw(encodeDoc(once.doc)));
        expect(twice.modified).toBe(false);
        expect(encodeDoc(twice.doc).equals(encodeDoc(once.doc))).toBe(true);
      }),
    );
  });

  it("count a push as a change although nothing of it stays", () => {
    expect(apply({ _id: 1, a: [1] }, { $push: { a: { $each: [2], $slice: 1 } } })).toEqual({
      doc: { _id: 1, a: [1] },
      modified: true,
    });
    expect(apply({ _id: 1, a: [1] }, { $push: { a: { $each: [] } } }).modified).toBe(false);
  });
});

describe("upserts", () => {
  const inserted = (filter: Document, update: Document | Document[]): Document => {
    const compiled = Array.isArray(update) ? (raw({ list: update }).get("list") as Value[]) : raw(update);
    return plain(compileUpdate(compiled, { now, isUpsert: true }).upsertFrom(raw(filter)));
  };

  it.each<[Document, Document]>([
    [
      { a: 1, "b.c": 2 },
      { a: 1, b: { c: 2 }, z: 1 },
    ],
    [
      { a: { $eq: 1 }, b: { $gt: 1 } },
      { a: 1, z: 1 },
    ],
    [{ $and: [{ a: 1 }, { b: { $in: [2] } }] }, { a: 1, b: 2, z: 1 }],
    [{ $or: [{ a: 1 }, { b: { $in: [] } }] }, { a: 1, z: 1 }],
    [{ $or: [{ a: 1 }, { a: 2 }] }, { z: 1 }],
    [{ a: 1, b: { $in: [] } }, { z: 1 }],
  ])("take from %j", (filter, wanted) => {
    expect(inserted(filter, { $set: { z: 1 } })).toEqual(wanted);
  });

  it("run a pipeline on the equalities, and $setOnInsert", () => {
    expect(inserted({ a: 1 }, [{ $set: { b: { $add: ["$a", 1] } } }])).toEqual({ a: 1, b: 2 });
    expect(inserted({ _id: 7 }, { $setOnInsert: { n: 1 } })).toEqual({ _id: 7, n: 1 });
  });

  it("refuse a field that is demanded twice", () => {
    expect(() => inserted({ a: 1, $and: [{ a: 1 }] }, { $set: { z: 1 } })).toThrow(
      expect.objectContaining({ code: 54 }),
    );
  });
});
