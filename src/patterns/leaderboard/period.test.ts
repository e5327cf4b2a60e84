import { expect, it } from "vitest";
import { Periods } from "./period.js";

const at = (options: ConstructorParameters<typeof Periods>[0], time: string) => {
  const { label, from, to, expireAt } = new Periods(options).at(Date.parse(time));
  return [label, ...[from, to, expireAt].map((ms) => new Date(ms).toISOString().replace(":00.000Z", ""))];
};

it("finds days, weeks and months in a time zone, over changes of the clock", () => {
  expect(at({ every: "day" }, "2026-11-28T23:59:59.999Z")).toEqual([
    "2026-11-28",
    "2026-11-28T00:00",
    "2026-11-29T00:00",
    "2026-11-30T00:00",
  ]);
  // Oslo leaves summer time on 25 October 2026: that day has 25 hours.
  expect(at({ every: "day", timeZone: "Europe/Oslo" }, "2026-10-25T12:00:00Z")).toEqual([
    "2026-10-25",
    "2026-10-24T22:00",
    "2026-10-25T23:00",
    "2026-10-26T23:00",
  ]);
  expect(at({ every: "day", timeZone: "Europe/Oslo" }, "2026-10-24T22:30:00Z")[0]).toBe("2026-10-25");
  expect(at({ every: "week", timeZone: "Asia/Tokyo", keep: 0 }, "2026-11-29T15:00:00Z")).toEqual([
    "2026-11-30",
    "2026-11-29T15:00",
    "2026-12-06T15:00",
    "2026-12-06T15:00",
  ]);
  expect(at({ every: "week" }, "2026-11-29T12:00:00Z")[0]).toBe("2026-11-23");
  expect(at({ every: "month", timeZone: "America/New_York" }, "2027-01-01T04:59:00Z")).toEqual([
    "2026-12",
    "2026-12-01T05:00",
    "2027-01-01T05:00",
    "2027-02-01T05:00",
  ]);
  // Midnight is skipped where summer time begins at 0:00.
  expect(at({ every: "day", timeZone: "Africa/Cairo" }, "2026-04-24T12:00:00Z").slice(0, 2)).toEqual([
    "2026-04-24",
    "2026-04-23T22:00",
  ]);
});

it("refuses what is no time zone or period", () => {
  expect(() => new Periods({ every: "day", timeZone: "Europe/Atlantis" })).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID" }),
  );
  expect(() => new Periods({ every: "year" as never })).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
});
