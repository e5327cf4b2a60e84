import fc from "fast-check";
import { Decimal128, type Document, Double, Int32, Long } from "mongodb";
import { filters, numbers, paths, scalars, values } from "../generators.js";

/**
 * Generators of aggregation expressions and pipelines. Every generated pipeline has one right order of its results: what
 * groups is followed by a sort, and what MongoDB leaves open (the order of `$addToSet`, random numbers) is not generated.
 */

const small = fc.integer({ min: -3, max: 6 }).map((n) => new Int32(n));
const texts = fc.constantFrom("", "a", "ab", "aXbX", "é", "😀x", "A b", " a ");
const dates = fc
  .constantFrom(0, 951_782_400_000, 1_583_020_799_999, 1_604_210_400_000, -86_400_001, 1_700_000_000_123)
  .map((ms) => new Date(ms));
const zones = fc.constantFrom("UTC", "America/New_York", "Europe/London", "+05:30", "-0800", "Asia/Kolkata");
const units = fc.constantFrom("year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond");
const literals = fc
  .oneof(
    { weight: 3, arbitrary: numbers },
    { weight: 2, arbitrary: scalars },
    values,
    texts,
    fc.array(numbers, { maxLength: 4 }),
  )
  .map(($literal) => ({ $literal }));

const unaryNumeric = fc.constantFrom("$abs", "$ceil", "$floor", "$sqrt", "$bitNot");
const unaryAny = fc.constantFrom(
  "$not",
  "$type",
  "$isArray",
  "$isNumber",
  "$size",
  "$reverseArray",
  "$first",
  "$last",
  "$objectToArray",
  "$arrayToObject",
  "$toUpper",
  "$toLower",
  "$strLenCP",
  "$strLenBytes",
  "$toBool",
  "$toInt",
  "$toLong",
  "$toDouble",
  "$toDecimal",
  "$toDate",
  "$allElementsTrue",
  "$anyElementTrue",
  "$bsonSize",
  "$year",
  "$month",
  "$dayOfMonth",
  "$hour",
  "$dayOfWeek",
  "$dayOfYear",
  "$isoWeek",
  "$isoWeekYear",
  "$week",
);
const binaryAny = fc.constantFrom(
  "$eq",
  "$ne",
  "$gt",
  "$gte",
  "$lt",
  "$lte",
  "$cmp",
  "$subtract",
  "$divide",
  "$mod",
  "$in",
  "$arrayElemAt",
  "$split",
  "$strcasecmp",
  "$setDifference",
  "$setIsSubset",
  "$setEquals",
  "$slice",
  "$range",
  "$indexOfArray",
  "$indexOfCP",
  "$pow",
  "$round",
  "$trunc",
);
const variadic = fc.constantFrom(
  "$add",
  "$multiply",
  "$and",
  "$or",
  "$concat",
  "$concatArrays",
  "$setUnion",
  "$setIntersection",
  "$mergeObjects",
  "$min",
  "$max",
  "$sum",
  "$avg",
  "$bitAnd",
  "$bitOr",
  "$bitXor",
);

/** Expressions over the fields a, b and c. */
export const expressions: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    { weight: 5, arbitrary: paths.map((path) => `$${path}`) },
    { weight: 3, arbitrary: literals },
    { weight: 1, arbitrary: fc.constantFrom<unknown>("$_id", "$$ROOT", "$$CURRENT.a", "$nope", "$$REMOVE") },
    { weight: 2, arbitrary: small },
  ),
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 3, arbitrary: tie("leaf") },
    fc.tuple(unaryNumeric, tie("any")).map(([name, a]) => ({ [name]: a })),
    { weight: 3, arbitrary: fc.tuple(unaryAny, tie("any")).map(([name, a]) => ({ [name]: [a] })) },
    { weight: 4, arbitrary: fc.tuple(binaryAny, tie("any"), tie("any")).map(([name, a, b]) => ({ [name]: [a, b] })) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(variadic, fc.array(tie("any"), { minLength: 1, maxLength: 3 }))
        .map(([name, list]) => ({ [name]: list })),
    },
    fc.tuple(tie("any"), tie("any"), tie("any")).map((list) => ({ $cond: list })),
    fc.tuple(tie("any"), tie("any")).map((list) => ({ $ifNull: list })),
    fc
      .tuple(tie("any"), tie("any"), tie("any"))
      .map(([when, then, otherwise]) => ({ $switch: { branches: [{ case: when, then }], default: otherwise } })),
    fc
      .tuple(tie("any"), tie("any"))
      .map(([input, inner]) => ({ $map: { input, as: "e", in: { $ifNull: ["$$e.a", inner] } } })),
    tie("any").map((input) => ({ $filter: { input, cond: { $gt: ["$$this", 0] } } })),
    tie("any").map((input) => ({
      $reduce: { input, initialValue: [], in: { $concatArrays: ["$$value", [{ $type: "$$this" }]] } },
    })),
    fc.tuple(tie("any"), tie("any")).map(([x, inner]) => ({ $let: { vars: { x }, in: ["$$x", inner] } })),
    fc.tuple(tie("any"), fc.constantFrom<unknown>(1, -1, { a: 1 })).map(([input, sortBy]) => ({
      $sortArray: { input, sortBy },
    })),
    fc
      .tuple(fc.constantFrom("$firstN", "$lastN", "$maxN", "$minN"), small, tie("any"))
      .map(([name, n, input]) => ({ [name]: { n, input } })),
    fc.tuple(tie("any"), tie("any")).map(([a, b]) => ({ x: a, y: { z: b } })),
    fc.tuple(tie("any"), tie("any")).map(([a, b]) => [a, b]),
    fc
      .tuple(fc.constantFrom("$dateAdd", "$dateSubtract"), dates, units, small, zones)
      .map(([name, startDate, unit, amount, timezone]) => ({ [name]: { startDate, unit, amount, timezone } })),
    fc
      .tuple(dates, dates, units, zones)
      .map(([startDate, endDate, unit, timezone]) => ({ $dateDiff: { startDate, endDate, unit, timezone } })),
    fc
      .tuple(dates, units, fc.integer({ min: 1, max: 9 }), zones)
      .map(([date, unit, binSize, timezone]) => ({ $dateTrunc: { date, unit, binSize, timezone } })),
    fc.tuple(dates, zones).map(([date, timezone]) => ({
      $dateToString: { date, timezone, format: "%Y-%m-%dT%H:%M:%S.%L%z %G-W%V-%u %j %U %w" },
    })),
    fc.tuple(dates, zones, fc.boolean()).map(([date, timezone, iso8601]) => ({
      $dateToParts: { date, timezone, iso8601 },
    })),
    fc
      .tuple(fc.constantFrom("$trim", "$ltrim", "$rtrim"), tie("any"), fc.constantFrom(" ", "aX", "é"))
      .map(([name, input, chars]) => ({ [name]: { input, chars } })),
    fc
      // An empty `find` would put the replacement between the bytes of a character.
      .tuple(
        fc.oneof(texts, tie("any")),
        texts.filter((text) => text !== ""),
        texts,
      )
      .map(([input, find, replacement]) => ({ $replaceAll: { input, find, replacement } })),
    fc.tuple(fc.oneof(texts, tie("any")), small, small).map(([text, from, count]) => ({
      $substrCP: [text, from, count],
    })),
    fc
      .tuple(
        fc.constantFrom("$regexFind", "$regexFindAll", "$regexMatch"),
        texts,
        fc.constantFrom("a", "X$", "^.", "(a)(b)?", "", "é|x"),
      )
      .map(([name, input, regex]) => ({ [name]: { input, regex } })),
  ),
})).any;

const fields = fc.constantFrom("a", "b", "c", "d", "a.b", "d.e", "b.a");
const accumulators: fc.Arbitrary<Document> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$stdDevPop", "$stdDevSamp"),
      fc.oneof(
        paths.map((path) => `$${path}`),
        numbers,
      ),
    )
    .map(([name, operand]) => ({ [name]: operand })),
  fc.constant({ $count: {} }),
  fc
    .tuple(fc.constantFrom("$firstN", "$lastN"), paths)
    .map(([name, path]) => ({ [name]: { n: 2, input: `$${path}` } })),
  fc
    .tuple(fc.constantFrom("$topN", "$bottomN"), paths)
    .map(([name, path]) => ({ [name]: { n: 2, sortBy: { _id: -1 }, output: `$${path}` } })),
);

const wholeOrder = { $sort: { _id: 1 } };

const stages: fc.Arbitrary<Document[]> = fc.oneof<fc.MaybeWeightedArbitrary<Document[]>[]>(
  { weight: 2, arbitrary: filters.map(($match) => [{ $match }]) },
  {
    weight: 4,
    arbitrary: fc
      .array(fc.tuple(fields, expressions), { minLength: 1, maxLength: 2 })
      .map((entries) => [{ $addFields: Object.fromEntries(entries) }]),
  },
  {
    weight: 4,
    arbitrary: fc
      .array(fc.tuple(fields, fc.oneof(expressions, fc.constantFrom<unknown>(1, 1, true, 0))), {
        minLength: 1,
        maxLength: 3,
      })
      .map((entries) => [{ $project: Object.fromEntries(entries) }]),
  },
  fc.uniqueArray(fields, { minLength: 1, maxLength: 2 }).map(($unset) => [{ $unset }]),
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.oneof(
          paths.map((path) => `$${path}`),
          paths.map((path) => ({ x: `$${path}` })),
          fc.constant(null),
        ),
        accumulators,
        accumulators,
      )
      // The order of the groups is open, so they are sorted.
      .map(([_id, x, y]) => [{ $group: { _id, x, y } }, wholeOrder]),
  },
  fc
    .tuple(paths, fc.boolean())
    .map(([path, keep]) => [
      { $unwind: { path: `$${path}`, preserveNullAndEmptyArrays: keep, includeArrayIndex: "i" } },
    ]),
  fc
    .tuple(fc.constantFrom("a", "b", "_id"), fc.constantFrom("a", "b", "c"))
    .map(([localField, foreignField]) => [
      { $lookup: { from: "c", localField, foreignField, as: "r" } },
      { $set: { r: "$r._id" } },
    ]),
  paths.map((path) => [
    {
      $lookup: {
        from: "c",
        let: { v: `$${path}` },
        pipeline: [{ $match: { $expr: { $lt: ["$_id", "$$v"] } } }, { $project: { _id: 1 } }],
        as: "r",
      },
    },
  ]),
  expressions.map((newRoot) => [{ $replaceRoot: { newRoot } }]),
  fc
    .tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 3 }))
    .map(([$skip, $limit]) => [wholeOrder, { $skip }, { $limit }]),
  fc.constant([{ $count: "n" }]),
  paths.map((path) => [{ $facet: { all: [{ $sort: { [path]: -1, _id: 1 } }, { $limit: 2 }], n: [{ $count: "n" }] } }]),
  // With an _id of their own, so that a sort by _id stays a whole order.
  fc
    .integer({ min: 1000, max: 1_000_000 })
    .map((id) => [
      { $unionWith: { coll: "c", pipeline: [{ $match: { _id: 0 } }, { $set: { _id: { $add: ["$_id", id] } } }] } },
    ]),
  fc
    .constantFrom<unknown[]>([0, 2, 5], [new Double(-1), Long.fromNumber(1), Decimal128.fromString("2.5"), 10])
    .map((boundaries) => [{ $bucket: { groupBy: "$_id", boundaries, default: "rest", output: { n: { $sum: 1 } } } }]),
);

/** Pipelines over a collection of {@link collections}, which name it `c`. */
export const pipelines: fc.Arbitrary<Document[]> = fc
  .array(stages, { minLength: 1, maxLength: 3 })
  .map((list) => list.flat());
