import { type Document, Double, deserialize, serialize } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Doc, encodeDoc } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { compilePipeline } from "./pipeline.js";

const raw = (object: Document): Doc => Doc.raw(Buffer.from(serialize(object)));

function compile(stages: Document[], foreign: Document[] = [], reads = { count: 0 }) {
  return compilePipeline(raw({ stages }).get("stages") as Value[], {
    db: "d",
    collection: "c",
    readCollection: () => {
      reads.count++;
      return foreign.map(raw);
    },
    random: () => 0.5,
  });
}

function run(docs: Document[], stages: Document[], foreign: Document[] = []): Document[] {
  return [...compile(stages, foreign).runAll(docs.map(raw))].map((doc) => deserialize(encodeDoc(doc)));
}

describe("pipelines", () => {
  it("tell what an index can do: the stages at the head", () => {
    const { leading } = compile([{ $match: { a: 1 } }, { $sort: { b: -1 } }, { $limit: 3 }, { $set: { x: 1 } }]);
    expect(deserialize(encodeDoc(leading.filter!))).toEqual({ a: 1 });
    expect(deserialize(encodeDoc(leading.sort!))).toEqual({ b: -1 });
    expect(leading.limit).toBe(3);
  });

  it("stop reading when they have enough", () => {
    let read = 0;
    const source = function* (): Iterable<Doc> {
      for (;;) {
        read++;
        yield raw({ _id: read });
      }
    };
    expect([...compile([{ $set: { x: 1 } }, { $limit: 3 }]).runAll(source())]).toHaveLength(3);
    expect(read).toBe(3);
  });

  it("group like a table of sums", () => {
    const rows = fc.array(fc.record({ k: fc.constantFrom("x", "y", "z"), n: fc.integer({ min: -50, max: 50 }) }));
    fc.assert(
      fc.property(rows, (docs) => {
        const wanted = new Map<string, { s: number; c: number; hi: number; all: number[] }>();
        for (const { k, n } of docs) {
          const group = wanted.get(k) ?? { s: 0, c: 0, hi: n, all: [] };
          wanted.set(k, { s: group.s + n, c: group.c + 1, hi: Math.max(group.hi, n), all: [...group.all, n] });
        }
        const got = run(docs, [
          {
            $group: { _id: "$k", s: { $sum: "$n" }, c: { $count: {} }, hi: { $max: "$n" }, all: { $push: "$n" } },
          },
        ]);
        expect(new Map(got.map(({ _id, ...rest }) => [_id, rest]))).toEqual(wanted);
      }),
    );
  });

  it("group equal numbers of different types, null and missing together", () => {
    const groups = run(
      [{ a: 1 }, { a: new Double(1) }, { a: 1.5 }, {}, { a: null }, { a: null }, { a: [7] }],
      [{ $group: { _id: "$a", n: { $sum: 1 } } }, { $sort: { n: -1, _id: 1 } }],
    );
    expect(groups).toEqual([
      { _id: null, n: 3 },
      { _id: 1, n: 2 },
      { _id: 1.5, n: 1 },
      { _id: [7], n: 1 },
    ]);
  });

  it("keep the first of an order as sorting and cutting does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), fc.integer({ min: 1, max: 5 }), (list, n) => {
        const docs = list.map((a, _id) => ({ _id, a }));
        const [top] = run(docs, [
          { $group: { _id: null, t: { $topN: { n, sortBy: { a: -1, _id: 1 }, output: "$_id" } } } },
        ]);
        const cut = run(docs, [{ $sort: { a: -1, _id: 1 } }, { $limit: n }]).map((doc) => doc["_id"]);
        expect(top?.["t"] ?? []).toEqual(cut);
      }),
    );
  });

  it("look up through one reading of the other collection", () => {
    const reads = { count: 0 };
    const pipeline = compile(
      [{ $lookup: { from: "f", localField: "a", foreignField: "k", as: "r" } }],
      [{ k: 1 }, { k: [1, 2] }, {}],
      reads,
    );
    const got = [...pipeline.runAll([{ a: 1 }, { a: [2, 5] }, {}].map(raw))].map((doc) => deserialize(encodeDoc(doc)));
    expect(got.map((doc) => doc["r"])).toEqual([[{ k: 1 }, { k: [1, 2] }], [{ k: [1, 2] }], [{}]]);
    expect(reads.count).toBe(1);
  });

  it("do not look at the place of a number that is not there", () => {
    expect(run([{ _id: 1 }], [{ $project: { x: { $round: ["$none", { $divide: ["$_id", 0] }] } } }])).toEqual([
      { _id: 1, x: null },
    ]);
  });

  it.each<[Document, number]>([
    [{ $nope: 1 }, 40324],
    [{ $limit: 0 }, 15958],
    [{ $group: {} }, 15955],
    [{ $set: { a: { $nope: 1 } } }, 168],
    [{ $project: { a: { $regexMatch: { input: `${"a".repeat(60)}!`, regex: "^(a|a)+$" } } } }, 51156],
  ])("refuse %j with %i", (stage, code) => {
    expect(() => run([{ _id: 1 }], [stage])).toThrow(expect.objectContaining({ code }));
  });
});
