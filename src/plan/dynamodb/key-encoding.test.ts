import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Field } from "../../model/field.js";
import { shardOf } from "../shard.js";
import { beyond, decodeComponent, END, encodeComponent, joinKey, splitKey } from "./key-encoding.js";

const always = { optional: false, nullable: false } as const;

/** Order of DynamoDB's strings. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("#", "$", " ", "\0", "a", "b", "!", "%", "é", "\u{1f600}", "\uffff") }),
);
const digits = (max: number): fc.Arbitrary<bigint> =>
  fc
    .integer({ min: 1, max })
    .chain((length) => fc.bigInt({ min: -(10n ** BigInt(length)) + 1n, max: 10n ** BigInt(length) - 1n }));
const scaled = (value: bigint, scale: number): string => {
  const text = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  return `${value < 0n ? "-" : ""}${text.slice(0, -scale)}.${text.slice(-scale)}`;
};

const kinds: readonly {
  readonly field: Field;
  readonly values: fc.Arbitrary<unknown>;
  readonly order: (a: never, b: never) => number;
}[] = [
  { field: { kind: "string", ...always }, values: text, order: byBytes as never },
  {
    field: { kind: "int", ...always },
    values: fc.maxSafeInteger(),
    order: ((a: number, b: number) => a - b) as never,
  },
  {
    field: { kind: "int64", ...always },
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    order: ((a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)) as never,
  },
  {
    field: { kind: "decimal", scale: 3, ...always },
    values: digits(38).map((value) => scaled(value, 3)),
    order: ((a: string, b: string) => {
      const [x, y] = [BigInt(a.replace(".", "")), BigInt(b.replace(".", ""))];
      return x < y ? -1 : x > y ? 1 : 0;
    }) as never,
  },
  {
    field: { kind: "double", ...always },
    values: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
    order: ((a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0)) as never,
  },
  {
    field: { kind: "date", ...always },
    values: fc.date({ noInvalidDate: true }),
    order: ((a: Date, b: Date) => a.getTime() - b.getTime()) as never,
  },
  {
    field: { kind: "boolean", ...always },
    values: fc.boolean(),
    order: ((a: boolean, b: boolean) => Number(a) - Number(b)) as never,
  },
  { field: { kind: "uuid", ...always }, values: fc.uuid(), order: byBytes as never },
];

describe("key components", () => {
  for (const { field, values, order } of kinds) {
    for (const direction of ["asc", "desc"] as const) {
      it(`${field.kind} ${direction}: come back, and sort as their values do, also before further components`, () => {
        const sign = direction === "asc" ? 1 : -1;
        fc.assert(
          fc.property(values, values, text, text, (a, b, restA, restB) => {
            const [x, y] = [a, b].map((value) => encodeComponent(field, direction, value)) as [string, string];
            expect(decodeComponent(field, direction, x)).toEqual(a);
            expect(x).not.toMatch(/[\0-#]/);
            const string: Field = { kind: "string", ...always };
            const keyOf = (one: string, rest: string): string => joinKey([one, encodeComponent(string, "asc", rest)]);
            const expected = Math.sign(order(a as never, b as never)) * sign || Math.sign(byBytes(restA, restB));
            expect(Math.sign(byBytes(keyOf(x, restA), keyOf(y, restB)))).toBe(expected);
            expect(splitKey(keyOf(x, restA))).toHaveLength(2);
          }),
          { numRuns: 500 },
        );
      });
    }
  }

  it("write numbers as people can read them", () => {
    expect(encodeComponent({ kind: "int", ...always }, "asc", 86_903)).toBe("U86903");
    expect(encodeComponent({ kind: "decimal", scale: 3, ...always }, "asc", "-2.5")).toBe("L7499");
    expect(encodeComponent({ kind: "string", ...always }, "asc", "a#b c")).toBe("a$cb$`c");
  });

  it("refuse numbers beyond 38 digits", () => {
    expect(() => encodeComponent({ kind: "decimal", scale: 0, ...always }, "asc", "9".repeat(39))).toThrow(/38/);
  });
});

describe("bounds", () => {
  it("beyond() is above all keys that begin with the prefix and below the next prefix", () => {
    fc.assert(
      fc.property(text, text, text, (prefix, next, rest) => {
        const string: Field = { kind: "string", ...always };
        const [a, b, c] = [prefix, next, rest].map((one) => encodeComponent(string, "asc", one)) as [
          string,
          string,
          string,
        ];
        expect(byBytes(joinKey([a, c]), beyond(joinKey([a])))).toBeLessThan(0);
        if (byBytes(prefix, next) < 0) expect(byBytes(beyond(joinKey([a])), joinKey([b]))).toBeLessThan(0);
      }),
    );
    expect(END).toBe("#");
  });
});

describe("shardOf", () => {
  it("spreads keys evenly", () => {
    const counts = new Array<number>(8).fill(0);
    for (let i = 0; i < 80_000; i++) counts[shardOf(`line#U${i}#`, 8)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(700);
  });
});
