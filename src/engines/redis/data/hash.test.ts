import fc from "fast-check";
import { expect, it } from "vitest";
import { HashData } from "./hash.js";

const field = fc.integer({ min: 0, max: 40 }).map((n) => (n % 9 === 0 ? `${n}`.padEnd(300, "f") : `field:${n}`));
const value = fc
  .tuple(fc.integer({ min: 0, max: 1100 }), fc.integer({ min: 0, max: 255 }))
  .map(([length, code]) => String.fromCharCode(code).repeat(length));
const steps = fc.array(fc.tuple(fc.constantFrom("set", "set", "set", "get", "delete"), field, value), {
  maxLength: 300,
});

/** Few enough that all are held in arrays, and so many that they are held in pages. */
const fillings = [0, 30, 9_000];

it.each(fillings)("holds what a Map holds beside %i fields", (filling) => {
  fc.assert(
    fc.property(steps, (changes) => {
      const hash = new HashData();
      hash.compact = false;
      const model = new Map<string, string>();
      for (let i = 0; i < filling; i++) {
        hash.set(`filling:${i}`, "x".repeat(50));
        model.set(`filling:${i}`, "x".repeat(50));
      }
      for (const [what, name, text] of changes) {
        if (what === "set") {
          expect(hash.set(name, text)).toBe(!model.has(name));
          model.set(name, text);
        } else if (what === "get") {
          expect(hash.get(name)).toBe(model.get(name));
          expect(hash.has(name)).toBe(model.has(name));
        } else expect(hash.delete(name)).toBe(model.delete(name));
      }
      const found = new Map(Array.from({ length: hash.size }, (_, i) => [hash.fieldAt(i), hash.valueAt(i)]));
      expect(found).toEqual(model);
      expect(hash.size).toBe(model.size);
      expect(hash.bytes).toBe([...model].reduce((sum, [name, text]) => sum + name.length + text.length, 0));
      expect(hash.heldBytes).toBeGreaterThanOrEqual(hash.bytes);
    }),
    { numRuns: filling > 1_000 ? 20 : 100 },
  );
});

it("gives its memory back when most of a large one is deleted", () => {
  const hash = new HashData();
  hash.compact = false;
  for (let i = 0; i < 50_000; i++) hash.set(`field:${i}`, `${i}`.padEnd(100, "."));
  const full = hash.heldBytes;
  expect(full).toBeLessThan(1.6 * hash.bytes);
  for (let i = 0; i < 50_000; i++) if (i % 50 !== 0) expect(hash.delete(`field:${i}`)).toBe(true);
  for (let i = 0; i < 50_000; i += 50) expect(hash.get(`field:${i}`)).toBe(`${i}`.padEnd(100, "."));
  expect(hash.heldBytes).toBeLessThan(full / 2);
});
