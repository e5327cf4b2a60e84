import { Decimal128, Int32 } from "bson";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { int32 } from "./doc.js";
import { add, divide, multiply, type NumberValue, remainder, subtract } from "./numbers.js";

const decimal = (text: string): Decimal128 => Decimal128.fromString(text);
const shown = (value: NumberValue | undefined): string =>
  value === undefined ? "undefined" : `${value instanceof Int32 ? "int" : typeof value} ${value}`;
const most = 2n ** 63n - 1n;

describe("arithmetic", () => {
  it.each<[string, NumberValue | undefined, NumberValue | undefined]>([
    ["int + int", add(int32(1), int32(2)), int32(3)],
    ["int + int over the edge", add(int32(2147483647), int32(1)), 2147483648n],
    ["int + long", add(int32(1), 2n), 3n],
    ["long + double", add(1n, 0.5), 1.5],
    ["long over the edge", add(most, int32(1)), 2 ** 63],
    ["long over the edge of an update", add(most, int32(1), "fail"), undefined],
    ["double + decimal", add(0.1, decimal("0.2")), decimal("0.300000000000000")],
    ["int - int over the edge", subtract(int32(-2147483648), int32(1)), -2147483649n],
    ["int × int over the edge", multiply(int32(65536), int32(65536)), 4294967296n],
    ["long × long over the edge", multiply(most, 2n), 2 ** 64],
    ["long × long of an update", multiply(most, 2n, "fail"), undefined],
    ["0 × -1", multiply(int32(0), int32(-1)), int32(0)],
    ["int / int", divide(int32(7), int32(2)), 3.5],
    ["int / decimal", divide(int32(1), decimal("3")), decimal(`0.${"3".repeat(34)}`)],
    ["-7 mod 2", remainder(int32(-7), int32(2)), int32(-1)],
    ["long mod int", remainder(7n, int32(4)), 3n],
    ["decimal mod", remainder(decimal("7.5"), int32(2)), decimal("1.5")],
  ])("%s", (_, got, wanted) => {
    expect(shown(got)).toBe(shown(wanted));
  });

  it("keeps integers exact for as long as they fit", () => {
    const long = fc.bigInt({ min: -(2n ** 63n), max: most });
    fc.assert(
      fc.property(long, long, (a, b) => {
        const fits = (n: bigint): boolean => BigInt.asIntN(64, n) === n;
        expect(add(a, b, "fail")).toBe(fits(a + b) ? a + b : undefined);
        expect(multiply(a, b, "fail")).toBe(fits(a * b) ? a * b : undefined);
      }),
    );
  });
});
