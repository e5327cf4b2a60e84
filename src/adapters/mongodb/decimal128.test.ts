import { Decimal128 } from "bson";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeDecimal, encodeDecimal, normalizeDecimal } from "./decimal128.js";

const scaled = fc.record({
  scale: fc.integer({ min: 0, max: 18 }),
  coefficient: fc.oneof(
    fc.bigInt({ min: -(10n ** 34n - 1n), max: 10n ** 34n - 1n }),
    fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
    fc.bigInt({ min: -2_000n, max: 2_000n }),
  ),
});

function text(coefficient: bigint, scale: number): string {
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${coefficient < 0n ? "-" : ""}${digits.slice(0, point)}${scale === 0 ? "" : `.${digits.slice(point)}`}`;
}

test("every decimal of 34 digits comes back, and its bytes are those that bson itself makes", () => {
  fc.assert(
    fc.property(scaled, ({ scale, coefficient }) => {
      const written = text(coefficient, scale);
      const bytes = encodeDecimal(written, scale)!;
      expect(decodeDecimal(bytes, 0, scale)).toBe(written);
      expect(Buffer.from(bytes).toString("hex")).toBe(
        Buffer.from(Decimal128.fromString(written).bytes).toString("hex"),
      );
    }),
    { numRuns: 2_000 },
  );
});

test("a stored decimal of another exponent is read at the field's scale, or refused when it has more digits", () => {
  const read = (stored: string, scale: number) => decodeDecimal(Decimal128.fromString(stored).bytes, 0, scale);
  expect(read("2.5", 3)).toBe("2.500");
  expect(read("2.5000", 3)).toBe("2.500");
  expect(read("2.5001", 3)).toBeUndefined();
  expect(read("1E+3", 2)).toBe("1000.00");
  expect(read("0E+6000", 2)).toBe("0.00");
  expect(read("-0.00", 2)).toBe("0.00");
  expect(read("1E-10", 3)).toBeUndefined();
  for (const odd of ["NaN", "Infinity", "-Infinity", "1E+6111"]) expect(read(odd, 2)).toBeUndefined();
});

test("what does not fit is not written", () => {
  expect(encodeDecimal("1.234", 2)).toBeUndefined();
  expect(encodeDecimal("1e5", 2)).toBeUndefined();
  expect(encodeDecimal("9".repeat(35), 0)).toBeUndefined();
  expect(normalizeDecimal("007.5", 2)).toBe("7.50");
  expect(normalizeDecimal("-0", 1)).toBe("0.0");
});
