import { Binary, BSONRegExp, Code, Decimal128, MaxKey, MinKey, ObjectId, Timestamp } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareStrings, compareValues, equalValues } from "./compare.js";
import { Doc, int32 } from "./doc.js";
import { DateTime, UNDEFINED, type Value } from "./values.js";

const decimal = (text: string): Decimal128 => Decimal128.fromString(text);
const numbers = fc.oneof(
  fc.double(),
  fc.integer().map((n): Value => int32(n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 33n), max: 10n ** 33n }), fc.integer({ min: -40, max: 40 }))
    .map(([digits, exponent]): Value => decimal(`${digits}E${exponent}`)),
  fc.constantFrom<Value>(Number.NaN, -0, 0, 2 ** 53, 2n ** 53n + 1n, decimal("NaN"), decimal("Infinity"), int32(0)),
);
const values = fc.letrec<{ value: Value; array: Value[] }>((tie) => ({
  array: fc.array(tie("value"), { maxLength: 3 }),
  value: fc.oneof(
    { depthSize: "small" },
    { weight: 4, arbitrary: numbers },
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 3 }) },
    fc.constantFrom<Value>(null, UNDEFINED, true, false, new MinKey(), new MaxKey(), new DateTime(-1), new DateTime(5)),
    fc.constantFrom<Value>(
      new ObjectId("0123456789abcdef01234567"),
      new Binary(Buffer.from([1])),
      new Timestamp({ t: 1, i: 2 }),
      new BSONRegExp("a", "i"),
      new Code("x"),
    ),
    tie("array"),
    tie("array").map((list) =>
      Doc.of(
        list.map((_, i) => "abc"[i]!),
        list,
      ),
    ),
  ),
})).value;

describe("compareValues", () => {
  it("is an order of all values", () => {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        expect(Math.sign(compareValues(a, b)) + Math.sign(compareValues(b, a))).toBe(0);
        expect(compareValues(a, a)).toBe(0);
        const [low, middle, high] = ([a, b, c] as Value[]).sort(compareValues) as [Value, Value, Value];
        expect(compareValues(low, middle)).toBeLessThanOrEqual(0);
        expect(compareValues(middle, high)).toBeLessThanOrEqual(0);
        expect(compareValues(low, high)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it("says the same as equalValues", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        expect(equalValues(a, b)).toBe(compareValues(a, b) === 0);
      }),
    );
  });

  it("puts the types in MongoDB's order", () => {
    const ordered: Value[] = [
      new MinKey(),
      null,
      int32(5),
      "",
      new Doc(),
      [],
      new Binary(Buffer.alloc(0)),
      new ObjectId(),
      false,
      new DateTime(0),
      new Timestamp({ t: 0, i: 0 }),
      new BSONRegExp("", ""),
      new Code(""),
      new MaxKey(),
    ];
    expect([...ordered].reverse().sort(compareValues)).toEqual(ordered);
  });

  it.each<[Value, Value]>([
    [2n ** 53n, 2n ** 53n + 1n],
    [2 ** 53, 2n ** 53n + 1n],
    [Number.NaN, Number.NEGATIVE_INFINITY],
    [decimal("0.1"), 0.1],
    [9.223372036854775e18, 2n ** 63n - 1n],
    [decimal("1E-6000"), Number.MIN_VALUE],
    ["\uffff", "😀"],
    ["Z", "a"],
    [new Binary(Buffer.from([9])), new Binary(Buffer.from([0, 0]))],
    [new DateTime(-1), new DateTime(0)],
  ])("puts the lower first: pair %#", (low, high) => {
    expect(Math.sign(compareValues(low, high))).toBe(-1);
  });

  it("compares strings as their bytes in UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        expect(Math.sign(compareStrings(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});
