import fc from "fast-check";
import { expect, test } from "vitest";
import { type BucketUnit, bucketEnd, bucketOf, bucketStart } from "../../model/bucket.js";
import { type BucketSpan, levelsOf, spansOf } from "./buckets.js";

/** Names within a span's bounds, of all names of its level in these years. */
function within(
  { level, min, max }: BucketSpan,
  names: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  return (names[level] ?? []).filter(
    (name) => (min === "-" || name >= min.slice(1)) && (max === "+" || name < max.slice(1)),
  );
}

function namesOf(unit: BucketUnit, end: Date): string[] {
  const names: string[] = [];
  for (let at = new Date("2010-11-01T00:00:00Z"); at < end; ) {
    const name = bucketOf(unit, at);
    names.push(name);
    at = bucketEnd(unit, name);
  }
  return names;
}
/** Over a year's end each; a hundred days of hours are enough of them. */
const [short, long] = [new Date("2011-02-10T00:00:00Z"), new Date("2012-03-01T00:00:00Z")];

test.each(["hour", "day", "month"] as const)("spans of %ss make up the range, once each", (unit) => {
  const end = unit === "hour" ? short : long;
  const names = {
    hour: unit === "hour" ? namesOf("hour", end) : [],
    day: namesOf("day", end),
    month: namesOf("month", end),
  };
  const starts = new Map(names[unit].map((name) => [name, bucketStart(unit, name).getTime()]));
  const bound = fc.option(fc.constantFrom(...names[unit]), { nil: undefined });
  fc.assert(
    fc.property(bound, bound, (from, to) => {
      const spans = spansOf(unit, from, to);
      if (from === undefined && to === undefined) {
        expect(spans).toEqual([{ level: "all", min: "-", max: "+" }]);
        return;
      }
      const fine = spans
        .flatMap((span) =>
          within(span, names).flatMap((name) => {
            const start = bucketStart(span.level as BucketUnit, name).getTime();
            const end = bucketEnd(span.level as BucketUnit, name).getTime();
            return names[unit].filter((one) => {
              const at = starts.get(one)!;
              return at >= start && at < end;
            });
          }),
        )
        .sort();
      const expected = names[unit].filter(
        (one) => (from === undefined || one >= from) && (to === undefined || one < to),
      );
      expect(fine).toEqual(expected);
      // At most two sides of each finer level, and one run of the coarsest.
      expect(spans.length).toBeLessThanOrEqual(2 * levelsOf(unit).length - 1);
    }),
    { numRuns: 200 },
  );
});
