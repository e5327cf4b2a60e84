import { Binary, BSONRegExp, BSONSymbol, Code, Decimal128, MaxKey, MinKey, ObjectId, Timestamp } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareValues } from "../bson/compare.js";
import { Doc, int32 } from "../bson/doc.js";
import { DateTime, UNDEFINED, type Value } from "../bson/values.js";
import { encodeValue, inverted, recordId, recordNumber } from "./key-encoding.js";

const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 34n - 1n }), fc.integer({ min: -60, max: 60 }))
  .map(([negative, digits, exponent]) => Decimal128.fromString(`${negative ? "-" : ""}${digits}E${exponent}`));

/** Numbers that lie close to each other in different types. */
const near = fc
  .tuple(
    fc.constantFrom(0n, 1n, 2n ** 53n, -(2n ** 53n), 2n ** 62n, 9007199254740993n),
    fc.bigInt({ min: -3n, max: 3n }),
  )
  .chain(([base, off]): fc.Arbitrary<Value> => {
    const value = base + off;
    return fc.constantFrom<Value>(
      value,
      Number(value),
      Decimal128.fromString(String(value)),
      Decimal128.fromString(`${value}.1`),
      Decimal128.fromString(`${value}.0`),
    );
  });

const number: fc.Arbitrary<Value> = fc.oneof(
  fc.double(),
  fc.integer().map((value) => int32(value)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  decimal,
  near,
  fc.constantFrom<Value>(
    Number.NaN,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.MIN_VALUE,
    Number.MAX_VALUE,
    Decimal128.fromString("NaN"),
    Decimal128.fromString("Infinity"),
    Decimal128.fromString("-Infinity"),
    Decimal128.fromString("1E-6176"),
    Decimal128.fromString("-1E-6176"),
    Decimal128.fromString("9.999999999999999999999999999999999E6144"),
    Decimal128.fromString("-0"),
    Decimal128.fromString("0.1"),
    0.1,
    Decimal128.fromString("2.550"),
    Decimal128.fromString("2.55"),
    2.55,
  ),
);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 5 }),
  fc.constantFrom("", "\0", "a\0b", "a", "a\0", "\u00ff", "𐀀", "\uffff"),
);

const scalar: fc.Arbitrary<Value> = fc.oneof(
  number,
  number,
  text,
  fc.boolean(),
  fc.constant(null),
  fc.constant(UNDEFINED as Value),
  fc.integer({ min: -8640000000000, max: 8640000000000 }).map((ms) => new DateTime(ms)),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  fc.tuple(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(0, 4, 128)).map(([bytes, type]) => new Binary(bytes, type)),
  fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new Timestamp({ t, i })),
  fc.constantFrom<Value>(
    new MinKey(),
    new MaxKey(),
    new BSONRegExp("a", "i"),
    new BSONRegExp("a", ""),
    new Code("x"),
    new BSONSymbol("a"),
  ),
);

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    { weight: 8, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 3 }) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.tuple(fc.constantFrom("a", "b", "", "aa"), tie("value")), { maxLength: 3 })
        .map((entries) => Doc.from(entries)),
    },
  ),
})).value;

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

describe("keys of an index", () => {
  it("lie in MongoDB's order of values, and are equal when the values are", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(order(encodeValue(a), encodeValue(b))).toBe(Math.sign(compareValues(a, b)) + 0);
      }),
      { numRuns: 5000 },
    );
  });

  it("order numbers of all types, close ones too", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(order(encodeValue(a), encodeValue(b))).toBe(Math.sign(compareValues(a, b)) + 0);
      }),
      { numRuns: 5000 },
    );
  });

  it("lie the other way round in a descending field", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const end = recordId(1);
        expect(order(encodeValue(a, true) + end, encodeValue(b, true) + end)).toBe(-Math.sign(compareValues(a, b)) + 0);
        expect(encodeValue(a, true)).toBe(inverted(encodeValue(a)));
      }),
      { numRuns: 2000 },
    );
  });

  it("order several fields as their first difference does", () => {
    fc.assert(
      fc.property(value, value, value, value, fc.boolean(), fc.boolean(), (a1, a2, b1, b2, down1, down2) => {
        const a = encodeValue(a1, down1) + encodeValue(a2, down2) + recordId(1);
        const b = encodeValue(b1, down1) + encodeValue(b2, down2) + recordId(1);
        const first = Math.sign(compareValues(a1, b1)) * (down1 ? -1 : 1);
        const second = Math.sign(compareValues(a2, b2)) * (down2 ? -1 : 1);
        expect(order(a, b)).toBe((first === 0 ? second : first) + 0);
      }),
      { numRuns: 3000 },
    );
  });

  it("never begin with a byte that ends or escapes a field", () => {
    fc.assert(
      fc.property(value, (a) => {
        for (const key of [encodeValue(a), encodeValue(a, true)]) {
          expect(key.charCodeAt(0)).toBeGreaterThan(0);
          expect(key.charCodeAt(0)).toBeLessThan(255);
        }
      }),
    );
  });

  it("hold the record's id in order", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 46 }), fc.integer({ min: 0, max: 2 ** 46 }), (a, b) => {
        expect(recordNumber(recordId(a))).toBe(a);
        expect(order(recordId(a), recordId(b))).toBe(Math.sign(a - b));
      }),
    );
  });
});
