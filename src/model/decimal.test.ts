import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decimal, normalizeDecimal } from "./decimal.js";

describe("decimals", () => {
  it.each([
    ["2.55", 3, "2.550"],
    ["-0.0", 3, "0.000"],
    ["007", 0, "7"],
    ["-0.5", 2, "-0.50"],
    ["12345678901234567890.1", 1, "12345678901234567890.1"],
  ])("%s at scale %i is %s", (text, scale, expected) => {
    expect(normalizeDecimal(text, scale)).toBe(expected);
  });

  it.each([
    ["2.5501", 3],
    ["1e5", 3],
    [" 1", 3],
    ["0x10", 3],
    ["", 3],
    [".5", 3],
    ["1.", 3],
    ["+1", 3],
    ["1.0", 0],
    ["NaN", 3],
  ])("refuses %j at scale %i", (text, scale) => {
    expect(normalizeDecimal(text, scale)).toBeUndefined();
  });

  it("keep their value and are their own spelling", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.nat({ max: 6 }), (units, scale) => {
        const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
        const text = `${units < 0n ? "-" : ""}${digits.slice(0, digits.length - scale)}${scale === 0 ? "" : `.${digits.slice(digits.length - scale)}`}`;
        const normal = normalizeDecimal(text, scale);
        expect(normal).toBeDefined();
        expect(BigInt((normal ?? "").replace(".", ""))).toBe(units);
        expect(normalizeDecimal(normal ?? "", scale)).toBe(normal);
      }),
    );
  });

  it("are filled up by the schema, and refused with a reason", () => {
    expect(decimal(3).safeParse("2.5").data).toBe("2.500");
    const refused = decimal(3).safeParse("2.5501");
    expect(refused.success).toBe(false);
    expect(refused.error?.issues[0]?.message).toBe(
      'expected a decimal with at most 3 digits after the point, such as "2.500"',
    );
  });
});
