import { type Document, deserialize, serialize } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Doc, encodeDoc } from "../bson/doc.js";
import { compileFilter } from "./matcher.js";
import { compileProjection } from "./projection.js";
import { compileSort } from "./sort.js";

const raw = (object: Document): Doc => Doc.raw(Buffer.from(serialize(object)));
const decoded = (object: Document): Doc => {
  const doc = raw(object);
  return Doc.of(doc.keys().slice(), doc.values().slice());
};
const plain = (doc: Doc): Document => deserialize(encodeDoc(doc));

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, 0, 1, 2, "a", "b", true),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b"), tie("value"), { maxKeys: 2 }),
  ),
})).value;
const documents = fc.dictionary(fc.constantFrom("a", "b"), json, { maxKeys: 2 });
const paths = fc.constantFrom("a", "b", "a.b", "a.0", "a.b.0", "b.a");
const predicates = fc.oneof(
  json,
  fc.tuple(fc.constantFrom("$gt", "$lte", "$ne", "$eq"), json).map(([name, value]) => ({ [name]: value })),
  fc.array(json, { maxLength: 3 }).map(($in) => ({ $in })),
  fc.boolean().map(($exists) => ({ $exists })),
);

describe("filters", () => {
  it("read bytes as they read values", () => {
    fc.assert(
      fc.property(documents, paths, predicates, (doc, path, predicate) => {
        const matcher = compileFilter(raw({ [path]: predicate }));
        expect(matcher.matches(raw(doc))).toBe(matcher.matches(decoded(doc)));
        expect(matcher.matchWithPosition(raw(doc)).matched).toBe(matcher.matches(raw(doc)));
      }),
      { numRuns: 500 },
    );
  });

  it("negate: $nor is what $or is not", () => {
    fc.assert(
      fc.property(documents, paths, predicates, (doc, path, predicate) => {
        const list = [{ [path]: predicate }];
        expect(compileFilter(raw({ $nor: list })).matches(raw(doc))).toBe(
          !compileFilter(raw({ $or: list })).matches(raw(doc)),
        );
      }),
    );
  });

  it.each<[Document, Document, boolean]>([
    [{ a: [1, 5] }, { a: { $gt: 4, $lt: 2 } }, true],
    [{ a: [1, 5] }, { a: { $elemMatch: { $gt: 4, $lt: 2 } } }, false],
    [{ a: [{ b: 1 }, { b: 2 }] }, { "a.b": 2 }, true],
    [{ a: [[1]] }, { a: [1] }, true],
    [{ a: "5" }, { a: { $gt: 4 } }, false],
    [{}, { a: null }, true],
    [{}, { a: { $ne: 1 } }, true],
  ])("%j against %j", (doc, filter, matches) => {
    expect(compileFilter(raw(filter)).matches(raw(doc))).toBe(matches);
  });

  it("tells the position that matched", () => {
    expect(compileFilter(raw({ a: 7 })).matchWithPosition(raw({ a: [5, 6, 7] }))).toEqual({
      matched: true,
      position: 2,
    });
  });

  it("draws a sample from the random numbers that it is given", () => {
    const numbers = [0.1, 0.9, 0.29, 0.3];
    const matcher = compileFilter(raw({ $sampleRate: 0.3 }), { random: () => numbers.shift()! });
    expect([1, 2, 3, 4].map((_id) => matcher.matches(raw({ _id })))).toEqual([true, false, true, false]);
    expect(() => compileFilter(raw({ $sampleRate: 1.1 }))).toThrow(expect.objectContaining({ code: 2 }));
  });
});

describe("projections", () => {
  it.each<[Document, Document, Document]>([
    [{ _id: 1, a: 2, b: 3 }, { a: 1 }, { _id: 1, a: 2 }],
    [{ _id: 1, a: 2, b: 3 }, { a: 0 }, { _id: 1, b: 3 }],
    [{ _id: 1, a: [{ b: 1, c: 2 }, 5] }, { "a.b": 1, _id: 0 }, { a: [{ b: 1 }] }],
    [{ _id: 1, a: [1, 2, 3, 4] }, { a: { $slice: [1, 2] } }, { _id: 1, a: [2, 3] }],
    [{ _id: 1, a: [{ b: 1 }, { b: 2 }] }, { a: { $elemMatch: { b: 2 } } }, { _id: 1, a: [{ b: 2 }] }],
    [{ _id: 1, a: 4 }, { c: { $add: ["$a", 1] } }, { _id: 1, c: 5 }],
  ])("%j by %j", (doc, spec, wanted) => {
    expect(plain(compileProjection(raw(spec)).apply(raw(doc)))).toEqual(wanted);
    expect(plain(compileProjection(raw(spec)).apply(decoded(doc)))).toEqual(wanted);
  });

  it("refuses to include and exclude", () => {
    expect(() => compileProjection(raw({ a: 1, b: 0 }))).toThrow(expect.objectContaining({ code: 31254 }));
  });
});

describe("sorts", () => {
  it("order by all fields, and turn round with their directions", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ a: fc.integer({ min: 0, max: 2 }), b: fc.string({ maxLength: 1 }) })),
        (list) => {
          const docs = list.map(raw);
          const up = docs.toSorted(compileSort(raw({ a: 1, b: 1 }))).map(plain);
          const down = docs.toSorted(compileSort(raw({ a: -1, b: -1 }))).map(plain);
          expect(down.reverse()).toEqual(up);
          for (let i = 1; i < up.length; i++) expect(up[i]!["a"]).toBeGreaterThanOrEqual(up[i - 1]!["a"]);
        },
      ),
    );
  });

  it("take the smallest element upwards and the largest downwards", () => {
    const docs = [raw({ a: [1, 9] }), raw({ a: 5 }), raw({ a: [] }), raw({})];
    expect(docs.toSorted(compileSort(raw({ a: 1 }))).map(plain)).toEqual([{ a: [] }, {}, { a: [1, 9] }, { a: 5 }]);
    expect(docs.toSorted(compileSort(raw({ a: -1 }))).map(plain)).toEqual([{ a: [1, 9] }, { a: 5 }, {}, { a: [] }]);
  });

  it("read a direction as a whole number", () => {
    expect(compileSort(raw({ a: -1.5 }))(raw({ a: 1 }), raw({ a: 2 }))).toBeGreaterThan(0);
    expect(() => compileSort(raw({ a: 0.5 }))).toThrow(expect.objectContaining({ code: 15975 }));
  });

  it("refuse two arrays side by side, in a single document too", () => {
    const order = compileSort(raw({ a: 1, b: 1 }));
    expect(() => order.keyOf(raw({ a: [1], b: [2] }))).toThrow(expect.objectContaining({ code: 2 }));
  });
});
