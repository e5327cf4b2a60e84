import fc from "fast-check";
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  type Document,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";

/**
 * Generators of documents and of requests in MongoDB's query language. Names and values come from small sets, so that
 * filters match often and values of different types meet; every request is one that a driver can send.
 */

const names = ["a", "b", "c", "0", "1"] as const;

/** Numbers of all four kinds at the places where they differ. */
export const numbers: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 5 }).map((n) => new Int32(n)) },
  fc.integer({ min: -3, max: 5 }).map((n) => new Double(n)),
  fc.integer({ min: -3, max: 5 }).map((n) => Long.fromNumber(n)),
  fc.integer({ min: -3, max: 5 }).map((n) => Decimal128.fromString(String(n))),
  fc
    .constantFrom(
      0.5,
      -0,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      9007199254740992,
      1e300,
      0.1,
    )
    .map((n) => new Double(n)),
  fc
    .constantFrom("9223372036854775807", "-9223372036854775808", "9007199254740993", "2147483648")
    .map((n) => Long.fromString(n)),
  fc.constantFrom(2147483647, -2147483648).map((n) => new Int32(n)),
  fc
    .constantFrom(
      "0.5",
      "1.50",
      "NaN",
      "Infinity",
      "-Infinity",
      "0.1",
      "9223372036854775807",
      "-0",
      "1E+6000",
      "1E-6000",
    )
    .map((n) => Decimal128.fromString(n)),
);

/** Values without fields or elements. */
export const scalars: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: numbers },
  { weight: 3, arbitrary: fc.constantFrom("", "a", "b", "ab", "A", "é", "😀", "\uffff", "2", "a\nb") },
  { weight: 2, arbitrary: fc.constant(null) },
  fc.boolean(),
  fc.constantFrom(0, 1, -1, 1_600_000_000_000, -62135596800000).map((ms) => new Date(ms)),
  fc.constantFrom("0123456789abcdef01234567", "0123456789abcdef01234568").map((id) => new ObjectId(id)),
  fc
    .tuple(fc.constantFrom([], [1], [255, 1], [2]), fc.constantFrom(0, 5))
    .map(([bytes, type]) => new Binary(Buffer.from([...bytes]), type)),
  fc.constantFrom([1, 2], [2, 1], [4294967295, 0]).map(([t, i]) => new Timestamp({ t: t!, i: i! })),
  fc.constantFrom(new BSONRegExp("^a", "i"), new BSONRegExp("b", "")),
  fc.constantFrom(new Code("x"), new Code("y"), new Code("x", { a: 1 }), new Code("x", {})),
  fc.constantFrom(new BSONSymbol("a"), new BSONSymbol("b")),
  fc.constantFrom(new MinKey(), new MaxKey()),
);

const { value: anyValue } = fc.letrec<{ value: unknown; doc: Document; array: unknown[] }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: scalars },
    { weight: 3, arbitrary: tie("array") },
    { weight: 3, arbitrary: tie("doc") },
  ),
  array: fc.array(tie("value"), { maxLength: 4, depthIdentifier: "value" }),
  doc: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...names), tie("value")), {
      maxLength: 3,
      selector: ([name]) => name,
      depthIdentifier: "value",
    })
    .map((entries) => new Map(entries) as unknown as Document),
}));

/** Any value that a document can hold; embedded documents are Maps, which keep integer-like names in their order. */
export const values: fc.Arbitrary<unknown> = anyValue;

/** Documents for a collection, with `_id` from 0. */
export const collections: fc.Arbitrary<Map<string, unknown>[]> = fc
  .array(
    fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c"), values), { maxLength: 3, selector: ([name]) => name }),
    { minLength: 1, maxLength: 6 },
  )
  .map((docs) => docs.map((entries, i) => new Map<string, unknown>([["_id", new Int32(i)], ...entries])));

export const paths: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "c") },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom("a", "b"), fc.constantFrom(...names)).map((parts) => parts.join(".")),
  },
  fc
    .tuple(fc.constantFrom("a", "b"), fc.constantFrom(...names), fc.constantFrom(...names))
    .map((parts) => parts.join(".")),
);

const typeNames = fc.constantFrom(
  "double",
  "string",
  "object",
  "array",
  "binData",
  "objectId",
  "bool",
  "date",
  "null",
  "regex",
  "int",
  "long",
  "decimal",
  "number",
  "minKey",
  "maxKey",
  "timestamp",
  "javascript",
  "undefined",
);
const patterns = fc.constantFrom(
  "^a",
  "b",
  "A",
  "a.b",
  "a$",
  "^$",
  "[[:alpha:]]",
  "(?i)A",
  "a|b",
  "^a\\nb$",
  "\\d",
  "é",
  "^.$",
);

const operators: fc.Arbitrary<Document> = fc.letrec<{ one: Document; many: Document }>((tie) => ({
  one: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"), values)
        .map(([operator, value]) => ({ [operator]: value })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom("$in", "$nin", "$all"), fc.array(values, { maxLength: 3 }))
        .map(([operator, list]) => ({ [operator]: list })),
    },
    fc.boolean().map((yes) => ({ $exists: yes })),
    fc.oneof(typeNames, fc.array(typeNames, { minLength: 1, maxLength: 2 })).map((type) => ({ $type: type })),
    fc.oneof(fc.integer({ min: 0, max: 3 }), values).map((size) => ({ $size: size })),
    fc.tuple(numbers, numbers).map(([divisor, remainder]) => ({ $mod: [divisor, remainder] })),
    fc.tuple(patterns, fc.constantFrom("", "i", "m", "s", "x")).map(([$regex, $options]) => ({ $regex, $options })),
    fc
      .tuple(
        fc.constantFrom("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"),
        fc.oneof(
          fc.constantFrom(0, 1, 3, 5),
          fc.constantFrom([0], [1, 2], [63], [70], []),
          fc.constant(new Binary(Buffer.from([3]))),
        ),
      )
      .map(([operator, mask]) => ({ [operator]: mask })),
    { weight: 2, arbitrary: tie("many").map((inner) => ({ $not: inner })) },
    { weight: 2, arbitrary: tie("many").map((inner) => ({ $elemMatch: inner })) },
    fc
      .array(fc.tuple(fc.constantFrom(...names), fc.oneof(values, tie("many"))), { maxLength: 2 })
      .map((entries) => ({ $elemMatch: Object.fromEntries(entries) })),
  ),
  many: fc.array(tie("one"), { minLength: 1, maxLength: 2 }).map((list) => Object.assign({}, ...list) as Document),
})).many;

/** Filters. */
export const filters: fc.Arbitrary<Document> = fc.letrec<{ filter: Document; fields: Document }>((tie) => ({
  fields: fc
    .array(fc.tuple(paths, fc.oneof({ weight: 3, arbitrary: operators }, { weight: 2, arbitrary: values })), {
      maxLength: 2,
    })
    .map((entries) => Object.fromEntries(entries)),
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: tie("fields") },
    fc
      .tuple(fc.constantFrom("$and", "$or", "$nor"), fc.array(tie("filter"), { minLength: 1, maxLength: 3 }))
      .map(([operator, list]) => ({ [operator]: list })),
  ),
})).filter;

export const sorts: fc.Arbitrary<Document> = fc
  .array(fc.tuple(paths, fc.constantFrom(1, -1)), { minLength: 1, maxLength: 3 })
  // The last field makes the order whole, so that two engines cannot differ in the order of equals.
  .map((entries) => new Map<string, unknown>([...entries, ["_id", 1]]) as unknown as Document);

export const projections: fc.Arbitrary<Document> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.tuple(paths, fc.constantFrom<unknown>(1, 1, 1, 0, true, false)) },
      { weight: 3, arbitrary: fc.tuple(fc.oneof(paths, fc.constant("_id")), fc.constantFrom<unknown>(0, 0, 0, false)) },
      fc.tuple(
        paths,
        fc
          .oneof(
            fc.integer({ min: -3, max: 3 }),
            fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -1, max: 3 })),
          )
          .map(($slice) => ({ $slice })),
      ),
      fc.tuple(
        paths,
        operators.map(($elemMatch) => ({ $elemMatch })),
      ),
      fc.tuple(
        fc.constantFrom("a", "b", "d.e", "d"),
        fc.constantFrom<unknown>("$a", "$a.b", { $literal: 1 }, "x", { $type: "$b" }),
      ),
      fc.tuple(
        paths.map((path) => `${path}.$`),
        fc.constant(1),
      ),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((entries) => new Map<string, unknown>(entries) as unknown as Document);

const updatePaths = fc.oneof(
  { weight: 6, arbitrary: paths },
  fc.constantFrom("d", "d.e", "a.5", "a.$[]", "a.$[e]", "a.$[].b", "a.$[e].b", "a.b.$[]", "a.$", "b.$.a", "b.$"),
);
const filterElement = fc.oneof(operators, values);

const clauses: fc.Arbitrary<Document> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(updatePaths, values).map(([path, value]) => ({ $set: { [path]: value } })) },
  { weight: 2, arbitrary: updatePaths.map((path) => ({ $unset: { [path]: "" } })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom("$inc", "$mul"), updatePaths, fc.oneof({ weight: 8, arbitrary: numbers }, values))
      .map(([operator, path, value]) => ({ [operator]: { [path]: value } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("$min", "$max"), updatePaths, values)
      .map(([operator, path, value]) => ({ [operator]: { [path]: value } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(updatePaths, fc.oneof(updatePaths, fc.constantFrom("d", "d.e")))
      .map(([from, to]) => ({ $rename: { [from]: to } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("$push", "$addToSet", "$pull"), updatePaths, values)
      .map(([operator, path, value]) => ({ [operator]: { [path]: value } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        updatePaths,
        fc.array(values, { maxLength: 3 }),
        fc.record(
          {
            $position: fc.integer({ min: -3, max: 4 }),
            $slice: fc.integer({ min: -3, max: 4 }),
            $sort: fc.constantFrom<unknown>(1, -1, { a: 1 }, { "a.b": -1, b: 1 }),
          },
          { requiredKeys: [] },
        ),
      )
      .map(([path, $each, modifiers]) => ({ $push: { [path]: { $each, ...modifiers } } })),
  },
  fc
    .tuple(updatePaths, fc.array(values, { maxLength: 3 }))
    .map(([path, $each]) => ({ $addToSet: { [path]: { $each } } })),
  fc.tuple(updatePaths, filterElement).map(([path, value]) => ({ $pull: { [path]: value } })),
  fc.tuple(updatePaths, fc.array(values, { maxLength: 3 })).map(([path, list]) => ({ $pullAll: { [path]: list } })),
  fc.tuple(updatePaths, fc.constantFrom(1, -1)).map(([path, end]) => ({ $pop: { [path]: end } })),
  fc
    .tuple(updatePaths, fc.constantFrom("and", "or", "xor"), fc.constantFrom(new Int32(6), Long.fromNumber(5)))
    .map(([path, operator, mask]) => ({ $bit: { [path]: { [operator]: mask } } })),
  fc.tuple(updatePaths, values).map(([path, value]) => ({ $setOnInsert: { [path]: value } })),
);

/** Updates: operators (with the array filter `e` where they use it), replacements, pipelines. */
export const updates: fc.Arbitrary<{ readonly u: unknown; readonly arrayFilters?: Document[] }> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.array(clauses, { minLength: 1, maxLength: 2 }), filterElement).map(([list, element]) => {
      const u: Record<string, Record<string, unknown>> = {};
      for (const clause of list)
        for (const [name, fields] of Object.entries(clause)) u[name] = { ...u[name], ...fields };
      const text = Object.values(u)
        .flatMap((fields) => [...Object.keys(fields), ...Object.values(fields)])
        .join(" ");
      return text.includes("$[e]") ? { u, arrayFilters: [{ e: element }] } : { u };
    }),
  },
  fc
    .array(fc.tuple(fc.constantFrom("a", "b", "d"), values), { maxLength: 3 })
    .map((entries) => ({ u: Object.fromEntries(entries) })),
  fc
    .constantFrom<unknown[]>(
      [{ $set: { d: "$a" } }],
      [{ $unset: "a" }],
      [{ $set: { "a.b": 1 } }],
      [{ $replaceWith: { a: "$b", b: "$a" } }],
      [{ $project: { a: 1 } }],
      [{ $set: { d: { $type: "$a" } } }, { $unset: ["b", "c"] }],
    )
    .map((u) => ({ u })),
);
