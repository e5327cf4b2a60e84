import { describe, expect, it } from "vitest";
import { bucketEnd, bucketOf, bucketStart } from "./bucket.js";

describe("buckets", () => {
  it.each([
    ["hour", "2010-12-01T08", "2010-12-01T08:00:00.000Z", "2010-12-01T09:00:00.000Z"],
    ["day", "2010-12-31", "2010-12-31T00:00:00.000Z", "2011-01-01T00:00:00.000Z"],
    ["month", "2010-12", "2010-12-01T00:00:00.000Z", "2011-01-01T00:00:00.000Z"],
    ["day", "2012-02-29", "2012-02-29T00:00:00.000Z", "2012-03-01T00:00:00.000Z"],
  ] as const)("%s %s is [%s, %s)", (unit, name, from, to) => {
    expect(bucketStart(unit, name).toISOString()).toBe(from);
    expect(bucketEnd(unit, name).toISOString()).toBe(to);
    expect(bucketOf(unit, new Date(from))).toBe(name);
    expect(bucketOf(unit, new Date(Date.parse(to) - 1))).toBe(name);
  });

  it.each([
    ["day", "2011-02-30"],
    ["day", "2010-12"],
    ["day", "2010-12-01T08"],
    ["hour", "2010-12-01T24"],
    ["month", "2010-13"],
    ["day", ""],
    ["day", " 2010-12-01"],
  ] as const)("refuses the %s %j", (unit, name) => {
    expect(() => bucketStart(unit, name)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
