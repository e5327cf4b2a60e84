import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalizeDecimal } from "../../model/decimal.js";
import type { Field } from "../../model/field.js";
import { toJsonLine } from "../output/json.js";
import { fromJson, textReader } from "./values.js";

const facts = { optional: false, nullable: false };
const int: Field = { kind: "int", ...facts };
const money: Field = { kind: "decimal", scale: 3, ...facts };
const date: Field = { kind: "date", ...facts };

describe("values from text", () => {
  test.each<[Field, string, unknown]>([
    [int, "6", 6],
    [int, "-12", -12],
    [int, "-0", 0],
    [int, "+7", 7],
    [int, "9007199254740991", 9007199254740991],
    [{ kind: "int64", ...facts }, "9223372036854775807", 9223372036854775807n],
    [money, "2.55", "2.550"],
    [money, "2", "2.000"],
    [money, "2.", "2.000"],
    [money, "002.5", "2.500"],
    [money, "0.0010", "0.001"],
    [money, "-11062.06", "-11062.060"],
    [money, "-0", "0.000"],
    [{ kind: "decimal", scale: 0, ...facts }, "12.0", "12"],
    [date, "2010-12-01T08:26:00Z", new Date("2010-12-01T08:26:00Z")],
    [date, "2010-12-01", new Date("2010-12-01T00:00:00Z")],
    [date, "2010-12-01 08:26:00+01:00", new Date("2010-12-01T07:26:00Z")],
    [{ kind: "boolean", ...facts }, "0", false],
    [{ kind: "json", ...facts }, '{"a":[1]}', { a: [1] }],
    [{ kind: "array", element: money, ...facts }, '["1.5"]', ["1.500"]],
  ])("%j reads %j", (field, text, value) => {
    expect(textReader(field)(text)).toEqual(value);
  });

  test.each<[Field, string, RegExp]>([
    [int, "six", /"six" is not a whole number/],
    [int, "6.0", /not a whole number/],
    [int, "-", /not a whole number/],
    [int, "9007199254740992", /declare the field as int64/],
    [{ kind: "int64", ...facts }, "9223372036854775808", /beyond the signed 64-bit range/],
    [{ kind: "double", ...facts }, "1e999", /not a finite number/],
    [money, "2.5555", /more than 3 digits after the point, and nothing is rounded/],
    [money, "1e5", /not a decimal/],
    [money, ".5", /not a decimal/],
    [date, "2011-02-30", /is not a date/],
    [date, "2010-12-01T08:26", /is not a date/],
    [date, "12/1/2010 8:26", /is not a date/],
    [{ kind: "uuid", ...facts }, "abc", /not a UUID/],
    [{ kind: "enum", values: ["a", "b"], ...facts }, "c", /"c" is none of a, b/],
  ])("%j refuses %j", (field, text, message) => {
    expect(() => textReader(field)(text)).toThrow(message);
  });

  test("decimals are spelt as the schema spells them", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789.-"), maxLength: 9 }), (text) => {
        const expected = normalizeDecimal(text, 3);
        if (expected !== undefined) expect(textReader(money)(text)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test("whole numbers are read as Number reads them", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        expect(textReader(int)(String(number))).toBe(number);
      }),
    );
  });
});

describe("values from JSON", () => {
  const everything: Field = {
    kind: "object",
    ...facts,
    fields: {
      int,
      money,
      date,
      big: { kind: "int64", ...facts },
      bytes: { kind: "bytes", ...facts },
      list: { kind: "array", element: { kind: "int64", ...facts }, ...facts },
      map: { kind: "map", value: date, ...facts },
      none: { kind: "string", optional: false, nullable: true },
    },
  };

  test("what query prints is what load reads", () => {
    const value = {
      int: 6,
      money: "2.550",
      date: new Date("2010-12-01T08:26:00.123Z"),
      big: 2n ** 62n,
      bytes: new Uint8Array([0, 255, 7]),
      list: [1n, -1n],
      map: { a: new Date(0) },
      none: null,
    };
    expect(fromJson(everything, JSON.parse(toJsonLine(value)))).toEqual(value);
  });

  test("a decimal may be a number only while the number is exact", () => {
    expect(fromJson(money, 2.55)).toBe("2.550");
    expect(() => fromJson(money, 12345678.123456789)).toThrow(/not exact/);
    expect(() => fromJson(money, 1e30)).toThrow(/not exact/);
  });

  test("an error names the member", () => {
    expect(() => fromJson(everything, { map: { a: "x" } })).toThrow('map: a: "x" is not a date');
  });
});
