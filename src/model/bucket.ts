import { KeyfoldError } from "../internal/errors.js";

/** Length of a time bucket. Buckets are in UTC. */
export type BucketUnit = "hour" | "day" | "month";

/** The bucket in which a date field lies, as a part of a question. */
export interface Bucket<F extends string, Unit extends string> {
  readonly kind: "bucket";
  readonly field: F;
  readonly unit: Unit;
}

/**
 * The day in UTC of a date field: its parameter is `day: "2010-12-01"`.
 *
 * @example
 * ```ts
 * linesByDay: list(line, { by: [day("at")] })   // shop.linesByDay({ day: "2010-12-01" })
 * ```
 */
export function day<const F extends string>(field: F): Bucket<F, "day"> {
  return { kind: "bucket", field, unit: "day" };
}

/**
 * The hour in UTC of a date field: its parameter is `hour: "2010-12-01T08"`.
 *
 * @example
 * ```ts
 * linesByHour: list(line, { by: [hour("at")] })   // shop.linesByHour({ hour: "2010-12-01T08" })
 * ```
 */
export function hour<const F extends string>(field: F): Bucket<F, "hour"> {
  return { kind: "bucket", field, unit: "hour" };
}

/**
 * The month in UTC of a date field: its parameter is `month: "2010-12"`.
 *
 * @example
 * ```ts
 * linesByMonth: list(line, { by: ["country", month("at")] })   // shop.linesByMonth({ country: "Eire", month: "2010-12" })
 * ```
 */
export function month<const F extends string>(field: F): Bucket<F, "month"> {
  return { kind: "bucket", field, unit: "month" };
}

const formats = {
  hour: { shape: /^\d{4}-\d{2}-\d{2}T\d{2}$/, rest: ":00:00.000Z", example: "2010-12-01T08" },
  day: { shape: /^\d{4}-\d{2}-\d{2}$/, rest: "T00:00:00.000Z", example: "2010-12-01" },
  month: { shape: /^\d{4}-\d{2}$/, rest: "-01T00:00:00.000Z", example: "2010-12" },
} as const satisfies Record<BucketUnit, { shape: RegExp; rest: string; example: string }>;

/** A bucket's name as people write it: "2010-12-01" for a day. */
export function bucketExample(unit: BucketUnit): string {
  return formats[unit].example;
}

/** The name of the bucket in which a moment lies: "2010-12-01" for a day. */
export function bucketOf(unit: BucketUnit, at: Date): string {
  return at.toISOString().slice(0, formats[unit].example.length);
}

/**
 * The first moment of the bucket with this name.
 *
 * @throws KeyfoldError `INPUT_INVALID` when the name is not one of a bucket of this unit.
 */
export function bucketStart(unit: BucketUnit, name: string): Date {
  const format = formats[unit];
  const start = format.shape.test(name) ? new Date(name + format.rest) : undefined;
  // The round trip refuses what Date repairs: "2011-02-30" would become March 2nd.
  if (start === undefined || Number.isNaN(start.getTime()) || bucketOf(unit, start) !== name) {
    throw new KeyfoldError("INPUT_INVALID", `${JSON.stringify(name)} is not ${unit === "hour" ? "an" : "a"} ${unit}`, {
      fix: `Write ${unit === "hour" ? "an" : "a"} ${unit} in UTC as in "${format.example}".`,
    });
  }
  return start;
}

/** The first moment after the bucket with this name; throws as {@link bucketStart} does. */
export function bucketEnd(unit: BucketUnit, name: string): Date {
  const start = bucketStart(unit, name);
  switch (unit) {
    case "hour":
      return new Date(start.getTime() + 3_600_000);
    case "day":
      return new Date(start.getTime() + 86_400_000);
    case "month":
      return new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1));
    default:
      return unit satisfies never;
  }
}
