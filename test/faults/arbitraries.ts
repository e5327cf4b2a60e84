import fc from "fast-check";
import { BSON } from "mongodb";

// Documents, filters, updates and pipelines, many of them wrong on purpose.

const names = [
  "a",
  "b",
  "c",
  "a.b",
  "a.0",
  "a.b.c",
  "_id",
  "",
  "$x",
  "a.$",
  "a..b",
  ".",
  "a.$[]",
  "a.$[e]",
  "__proto__",
  "constructor",
];
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "c", "a.b", "a.0") },
  { weight: 1, arbitrary: fc.constantFrom(...names) },
);

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1,
    "",
    "a",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    2 ** 53,
    BSON.Long.MAX_VALUE,
    BSON.Long.MIN_VALUE,
    BSON.Decimal128.fromString("1E+6144"),
    BSON.Decimal128.fromString("NaN"),
    BSON.Decimal128.fromString("0.1"),
    new BSON.MinKey(),
    new BSON.MaxKey(),
    new Date(0),
    new Date(8.64e15),
    new BSON.ObjectId("000000000000000000000000"),
    new BSON.Binary(Buffer.from([1, 2]), 0x80),
    new BSON.Timestamp({ t: 1, i: 1 }),
    new BSON.BSONRegExp("^a", "i"),
    new BSON.BSONRegExp("(", ""),
    new BSON.Code("x"),
    "$a",
    "$$ROOT",
    "$$nothing",
    "$",
  ),
  fc.integer(),
  fc.double(),
  fc.string({ maxLength: 12, unit: "grapheme" }),
  fc.integer({ min: 0, max: 5 }).map((n) => new BSON.Int32(n)),
);

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 5, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 4 }) },
    { weight: 2, arbitrary: fc.dictionary(name, tie("value"), { maxKeys: 3 }) },
  ),
}));

const key = fc.constantFrom("a", "b", "c", "d");
export const documents = fc.dictionary(key, value, { maxKeys: 4 });

const comparisons =
  "$eq $ne $gt $gte $lt $lte $in $nin $exists $type $mod $regex $options $size $all $elemMatch $not $bitsAllSet $bitsAnyClear $nosuch $where $expr".split(
    " ",
  );
const logical = ["$and", "$or", "$nor", "$not", "$expr", "$comment", "$nosuch", "$text", "$jsonSchema"];

const { filter } = fc.letrec<{ filter: Record<string, unknown>; condition: unknown }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3 },
    { weight: 2, arbitrary: value },
    {
      weight: 4,
      arbitrary: fc.dictionary(fc.constantFrom(...comparisons), fc.oneof(value, tie("condition")), {
        minKeys: 1,
        maxKeys: 2,
      }),
    },
    { weight: 1, arbitrary: fc.record({ $elemMatch: tie("filter") }) },
  ),
  filter: fc.oneof(
    { maxDepth: 4 },
    { weight: 5, arbitrary: fc.dictionary(name, tie("condition"), { maxKeys: 3 }) },
    {
      weight: 2,
      arbitrary: fc.dictionary(
        fc.constantFrom(...logical),
        fc.oneof(fc.array(tie("filter"), { maxLength: 3 }), value),
        { minKeys: 1, maxKeys: 2 },
      ),
    },
  ),
}));
export const filters = filter;

const updateOperators =
  "$set $unset $inc $mul $min $max $rename $currentDate $setOnInsert $push $pull $pullAll $addToSet $pop $bit $nosuch".split(
    " ",
  );
const modifier = fc.dictionary(fc.constantFrom("$each", "$slice", "$sort", "$position", "$nosuch"), value, {
  maxKeys: 3,
});
export const updates: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.dictionary(
      fc.constantFrom(...updateOperators),
      fc.oneof(fc.dictionary(name, fc.oneof(value, modifier), { maxKeys: 3 }), value),
      { minKeys: 1, maxKeys: 2 },
    ),
  },
  { weight: 1, arbitrary: documents },
  { weight: 1, arbitrary: fc.array(fc.record({ $set: fc.dictionary(name, value, { maxKeys: 2 }) }), { maxLength: 3 }) },
  { weight: 1, arbitrary: value },
);

const expressionNames =
  "$add $subtract $multiply $divide $mod $abs $ceil $pow $sqrt $ln $round $trunc $concat $substrCP $toUpper $split $strLenCP $trim $indexOfCP $regexMatch $replaceAll $arrayElemAt $concatArrays $filter $map $reduce $range $reverseArray $size $slice $zip $in $and $or $not $cmp $eq $gt $cond $ifNull $switch $year $dateToString $dateFromString $dateAdd $dateDiff $dateTrunc $mergeObjects $objectToArray $arrayToObject $getField $setField $setUnion $setIsSubset $convert $toInt $toDate $toDecimal $toString $type $isNumber $literal $let $nosuch".split(
    " ",
  );
const { expression } = fc.letrec<{ expression: unknown }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: scalar },
    { weight: 2, arbitrary: fc.constantFrom("$a", "$b", "$a.b", "$$ROOT", "$$this", "$$value", "$$CURRENT.a") },
    {
      weight: 5,
      arbitrary: fc.dictionary(
        fc.constantFrom(...expressionNames),
        fc.oneof(
          tie("expression"),
          fc.array(tie("expression"), { maxLength: 4 }),
          fc.dictionary(
            fc.constantFrom(
              "input",
              "in",
              "as",
              "cond",
              "if",
              "then",
              "else",
              "initialValue",
              "date",
              "unit",
              "amount",
              "format",
              "to",
              "vars",
              "branches",
              "find",
              "replacement",
              "regex",
            ),
            tie("expression"),
            { maxKeys: 4 },
          ),
        ),
        { minKeys: 1, maxKeys: 1 },
      ),
    },
  ),
}));

const fields = fc.dictionary(name, fc.oneof(expression, fc.constantFrom(0, 1, true)), { maxKeys: 3 });
const accumulator = fc.dictionary(
  fc.constantFrom(
    "$sum",
    "$avg",
    "$min",
    "$max",
    "$first",
    "$last",
    "$push",
    "$addToSet",
    "$count",
    "$mergeObjects",
    "$stdDevPop",
    "$nosuch",
  ),
  expression,
  { minKeys: 1, maxKeys: 1 },
);
const stage: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.record({ $match: filter }),
  fc.record({ $project: fields }),
  fc.record({ $addFields: fields }),
  fc.record({ $unset: fc.oneof(name, fc.array(name, { maxLength: 3 })) }),
  fc.record({
    $group: fc
      .tuple(expression, fc.dictionary(key, accumulator, { maxKeys: 3 }))
      .map(([_id, rest]) => ({ _id, ...rest })),
  }),
  fc.record({ $sort: fc.dictionary(name, fc.constantFrom<unknown>(1, -1, 0, "x"), { maxKeys: 2 }) }),
  fc.record({ $limit: fc.oneof(fc.integer({ min: -1, max: 10 }), value) }),
  fc.record({ $skip: fc.oneof(fc.integer({ min: -1, max: 10 }), value) }),
  fc.record({ $unwind: fc.oneof(fc.constantFrom("$a", "$b", "a"), value) }),
  fc.record({ $count: fc.oneof(name, value) }),
  fc.record({ $replaceRoot: fc.record({ newRoot: expression }) }),
  fc.record({ $sortByCount: expression }),
  fc.record({
    $bucket: fc.record({ groupBy: expression, boundaries: fc.array(value, { maxLength: 4 }), default: value }),
  }),
  fc.record({ $lookup: fc.record({ from: fc.constant("line"), localField: name, foreignField: name, as: name }) }),
  fc.record({ $facet: fc.record({ x: fc.array(fc.record({ $match: filter }), { maxLength: 2 }) }) }),
  fc.record({ $sample: fc.record({ size: fc.oneof(fc.integer({ min: -1, max: 3 }), value) }) }),
);
export const pipelines = fc.array(stage, { maxLength: 4 }) as fc.Arbitrary<BSON.Document[]>;
/** Not even stages. */
export const badPipelines = fc.array(
  fc.dictionary(fc.constantFrom("$match", "$group", "$nosuch", "a", "$out", "$merge"), value, { maxKeys: 2 }),
  {
    maxLength: 3,
  },
) as fc.Arbitrary<BSON.Document[]>;
