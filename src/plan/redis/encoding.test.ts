import fc from "fast-check";
import { expect, test } from "vitest";
import type { Field } from "../../model/field.js";
import { decimalOfDigits, formOf, readableText, tagText, textDecoder, textEncoder, wholeText } from "./encoding.js";

const facts = { optional: false, nullable: false };
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const text = fc.string({ unit: "binary", maxLength: 12 }).filter((value) => !/\p{Surrogate}/u.test(value));

interface Kind {
  readonly field: Field;
  readonly values: fc.Arbitrary<unknown>;
  readonly compare: (a: never, b: never) => number;
}
const numbers = (a: number, b: number): number => a - b;
const kinds: readonly Kind[] = [
  { field: { kind: "string", ...facts }, values: text, compare: byBytes },
  { field: { kind: "int", ...facts }, values: fc.maxSafeInteger(), compare: numbers },
  {
    field: { kind: "int64", ...facts },
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  },
  {
    field: { kind: "decimal", scale: 3, ...facts },
    values: fc
      .bigInt({ min: -(10n ** 34n) + 1n, max: 10n ** 34n - 1n })
      .map((whole) => decimalOfDigits(String(whole), 3)),
    compare: (a: string, b: string) => {
      const [x, y] = [BigInt(a.replace(".", "")), BigInt(b.replace(".", ""))];
      return x < y ? -1 : x > y ? 1 : 0;
    },
  },
  {
    field: { kind: "double", ...facts },
    values: fc.double({ noNaN: true, noDefaultInfinity: true }),
    compare: numbers,
  },
  {
    field: { kind: "date", ...facts },
    values: fc.date({ noInvalidDate: true }),
    compare: (a: Date, b: Date) => a.getTime() - b.getTime(),
  },
  {
    field: { kind: "boolean", ...facts },
    values: fc.boolean(),
    compare: (a: boolean, b: boolean) => Number(a) - Number(b),
  },
];

test.each(kinds)(
  "$field.kind: text sorts like the values, both ways, and is read back",
  ({ field, values, compare }) => {
    const encode = textEncoder(field);
    const reversed = textEncoder(field, true);
    const decode = textDecoder(field);
    fc.assert(
      fc.property(values, values, (a, b) => {
        const expected = Math.sign(compare(a as never, b as never));
        // A term is closed by the least byte wherever something follows.
        expect(Math.sign(byBytes(`${encode(a)}\0z`, `${encode(b)}\0z`))).toBe(expected);
        expect(Math.sign(byBytes(`${reversed(a)}\0z`, `${reversed(b)}\0z`))).toBe(expected === 0 ? 0 : -expected);
        expect(Math.sign(byBytes(encode(a), encode(b)))).toBe(expected);
        expect(encode(decode(encode(a)))).toBe(encode(a));
        if (!Object.is(a, -0)) expect(decode(encode(a))).toEqual(a);
      }),
      { numRuns: 400 },
    );
  },
);

test("numbers read well, and what cannot be in an index says so", () => {
  expect([0, 5, 541_909, -5, -12].map((value) => wholeText(String(value)))).toEqual([
    "A0",
    "A5",
    "F541909",
    "-z4",
    "-y87",
  ]);
  expect(wholeText("-0")).toBe(wholeText("0"));
  expect(() => wholeText("1".repeat(53))).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  expect(() => textEncoder({ kind: "json", ...facts })).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  expect(readableText(formOf({ kind: "decimal", scale: 2, ...facts }), 2, wholeText("-250"))).toBe("-2.50");
});

test("text of a hash tag keeps no brace", () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(tagText(a)).not.toMatch(/[{}]/);
      expect(tagText(a) === tagText(b)).toBe(a === b);
    }),
  );
});
