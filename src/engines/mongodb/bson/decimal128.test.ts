import { Decimal128 } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addDecimals,
  compareDecimals,
  DecimalSum,
  decimalOfDouble,
  divideDecimals,
  doubleOfDecimal,
  integerOfDecimal,
  multiplyDecimals,
  quantize,
  sqrtDecimal,
  subtractDecimals,
} from "./decimal128.js";

const decimal = (text: string): Decimal128 => Decimal128.fromString(text);
const small = fc.tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.integer({ min: -8, max: 8 }));
const written = ([digits, exponent]: [bigint, number]): Decimal128 => decimal(`${digits}E${exponent}`);
/** The value × 10^8, exactly. */
const scaled = ([digits, exponent]: [bigint, number]): bigint => digits * 10n ** BigInt(exponent + 8);

describe("decimals", () => {
  it("add, subtract, multiply and compare as integers do", () => {
    fc.assert(
      fc.property(small, small, (x, y) => {
        const [a, b] = [written(x), written(y)];
        const units = (value: Decimal128, places: bigint): bigint | undefined =>
          integerOfDecimal(multiplyDecimals(value, decimal(`1E+${places}`)));
        expect(units(addDecimals(a, b), 8n)).toBe(scaled(x) + scaled(y));
        expect(units(subtractDecimals(a, b), 8n)).toBe(scaled(x) - scaled(y));
        expect(Math.sign(compareDecimals(a, b))).toBe(Number(scaled(x) > scaled(y)) - Number(scaled(x) < scaled(y)));
        expect(units(multiplyDecimals(written([x[0], -8]), written([y[0] % 1000n, -8])), 16n)).toBe(
          x[0] * (y[0] % 1000n),
        );
      }),
    );
  });

  it("come back from doubles", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.integer({ min: -6, max: 6 }), (n, e) => {
        const double = Number(`${n}e${e}`);
        expect(doubleOfDecimal(decimalOfDouble(double))).toBe(double);
      }),
    );
  });

  it.each([
    ["0.1 + 0.2", addDecimals(decimal("0.1"), decimal("0.2")), "0.3"],
    ["1E+3 + 0", addDecimals(decimal("1E+3"), decimal("0")), "1000"],
    ["1.50 × 2.0", multiplyDecimals(decimal("1.50"), decimal("2.0")), "3.000"],
    ["1 / 3", divideDecimals(decimal("1"), decimal("3")), `0.${"3".repeat(34)}`],
    ["2 / 3", divideDecimals(decimal("2"), decimal("3")), `0.${"6".repeat(33)}7`],
    ["√2", sqrtDecimal(decimal("2")), "1.414213562373095048801688724209698"],
    ["∞ - ∞", subtractDecimals(decimal("Infinity"), decimal("Infinity")), "NaN"],
    [
      "9.99…E+6144 + the same",
      addDecimals(decimal(`9.${"9".repeat(33)}E+6144`), decimal(`9.${"9".repeat(33)}E+6144`)),
      "Infinity",
    ],
    ["2.5 to an integer", quantize(decimal("2.5"), 0, "half-even"), "2"],
    ["3.5 to an integer", quantize(decimal("3.5"), 0, "half-even"), "4"],
    ["-1.29 cut", quantize(decimal("-1.29"), 1, "down"), "-1.2"],
  ])("%s", (_, got, wanted) => {
    expect(got.toString()).toBe(wanted);
  });

  it("sum in any number like one by one", () => {
    fc.assert(
      fc.property(fc.array(small.map(written)), (list) => {
        const sum = new DecimalSum();
        for (const each of list) sum.add(each);
        expect(compareDecimals(sum.total, list.reduce(addDecimals, decimal("0")))).toBe(0);
      }),
    );
  });
});
