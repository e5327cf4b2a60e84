import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePattern } from "./regex.js";
import { bitsFor, costOf } from "./regex-cost.js";

describe("compilePattern", () => {
  it.each([
    ["a.b", "", "a\nb", false],
    ["a.b", "s", "a\nb", true],
    ["^a$", "", "a\n", true],
    ["^b$", "m", "a\nb\nc", true],
    ["a b # note", "x", "ab", true],
    ["(?i)É", "", "é", true],
    ["a(?i:b)c", "", "aBc", true],
    ["a(?i:b)c", "", "ABc", false],
    ["a++a", "", "aaa", false],
    ["(?>a|ab)c", "", "abc", false],
    ["\\Qa.b\\E", "", "a.b", true],
    ["[[:upper:]]", "", "a", false],
    ["(?P<x>a)(?P=x)", "", "aa", true],
    ["^[^\\D3]$", "", "5", true],
    ["^[^\\D3]$", "", "3", false],
  ])("%s with %j on %j", (pattern, options, text, matches) => {
    expect(compilePattern(pattern, options).test(text)).toBe(matches);
  });

  it.each(["(", "a{2,1}", "*a", "[b-a]", "(?R)", "\\K", "(?(1)a)", "[a"])("refuses %s", (pattern) => {
    expect(() => compilePattern(pattern, "")).toThrow(expect.objectContaining({ code: 51091 }));
  });

  it.each(["^(a+)+$", "^(a|a)+$", "^(a|aa)*$", "^(a?){40}b", "a*a*a*a*a*a*b"])("gives up on %s", (pattern) => {
    const began = performance.now();
    expect(compilePattern(pattern, "").test(`${"a".repeat(3000)}!`)).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(5000);
    // And goes on afterwards.
    expect(compilePattern(pattern, "").test("c")).toBe(false);
  });

  it("finds under the watchdog what is there", () => {
    expect(compilePattern("(a|b)+c", "").test(`${"ab".repeat(5000)}c`)).toBe(true);
    expect(compilePattern("(x+)(y+)z", "", true).exec(`..xx${"y".repeat(5000)}z`, 0)?.[1]).toBe("xx");
  });
});

describe("costOf", () => {
  const bits = (pattern: string, length: number): number => bitsFor(costOf(new RegExp(pattern, "u").source), length);

  it.each([
    ["^abc$", 0],
    ["^a?b?", 2],
    ["^(?:a|ab)", 1],
    ["^(?:a|b)", 0],
    ["^[a|b(]", 0],
    ["^(?<n>a|ab){3}", 3],
    ["^\\(a\\|b\\)", 0],
    ["^(?:a|[ab])*", Number.POSITIVE_INFINITY],
    ["^(?:a*)*", Number.POSITIVE_INFINITY],
    ["^(?:[a-z]+[^a-z])*", Math.log2(1001)],
    ["^(?:[a-z]+[^A-Z])*", Number.POSITIVE_INFINITY],
    ["^(?:foo|bar)+", Math.log2(1001)],
  ])("counts the choices of %s", (pattern, expected) => {
    expect(bits(pattern, 1000)).toBeCloseTo(expected);
  });

  it("is never below the number of ways in which a repeated letter can be split", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 60 }), (stars, length) => {
        // Ways to split n letters among k stars, the rest failing: (n + k) over k.
        let ways = 1;
        for (let i = 1; i <= stars; i++) ways = (ways * (length + i)) / i;
        expect(2 ** bits(`^${"a*".repeat(stars)}$`, length)).toBeGreaterThanOrEqual(ways * 0.99);
      }),
    );
  });
});
