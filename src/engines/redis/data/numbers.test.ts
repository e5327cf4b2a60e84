import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDouble } from "./numbers.js";

const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength });
const decimal = fc
  .tuple(fc.constantFrom("", "-", "+"), digits(18), fc.constantFrom("", "."), digits(18))
  .map(([sign, whole, point, fraction]) => sign + whole + point + fraction)
  .filter((text) => /[0-9]/.test(text));

describe("parseDouble", () => {
  it("reads decimals as the nearest double", () => {
    fc.assert(
      fc.property(decimal, (text) => {
        expect(parseDouble(text)).toBe(Number(text));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["-0", -0],
    ["5.", 5],
    [".5", 0.5],
    ["000000012345", 12345],
    ["1e3", 1000],
    ["-inf", Number.NEGATIVE_INFINITY],
    ["0x10", 16],
  ])("reads %j", (text, value) => expect(parseDouble(text)).toBe(value));

  it.each(["", "-", ".", "-.", "1.2.3", "1 ", " 1", "1x", "nan", "1e400", "1e-400"])("refuses %j", (text) =>
    expect(parseDouble(text)).toBeNaN(),
  );
});
