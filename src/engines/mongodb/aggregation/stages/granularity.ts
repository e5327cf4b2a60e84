import { Decimal128 } from "bson";
import { int32 } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";

/** The series of preferred numbers that `$bucketAuto` can round its boundaries to: Renard, E, 1-2-5, powers of two. */

const seriesByName: Readonly<Record<string, readonly number[] | "powers">> = {
  R5: [10, 16, 25, 40, 63],
  R10: [100, 125, 160, 200, 250, 315, 400, 500, 630, 800],
  R20: [100, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 560, 630, 710, 800, 900],
  R40: [
    100, 106, 112, 118, 125, 132, 140, 150, 160, 170, 180, 190, 200, 212, 224, 236, 250, 265, 280, 300, 315, 355, 375,
    400, 425, 450, 475, 500, 530, 560, 600, 630, 670, 710, 750, 800, 850, 900, 950,
  ],
  R80: [
    103, 109, 115, 122, 128, 136, 145, 155, 165, 175, 185, 195, 206, 218, 230, 243, 258, 272, 290, 307, 325, 345, 365,
    387, 412, 437, 462, 487, 515, 545, 575, 615, 650, 690, 730, 775, 825, 875, 925, 975,
  ],
  "1-2-5": [10, 20, 50],
  E6: [10, 15, 22, 33, 47, 68],
  E12: [10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82],
  E24: [10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91],
  E48: [
    100, 105, 110, 115, 121, 127, 133, 140, 147, 154, 162, 169, 178, 187, 196, 205, 215, 226, 237, 249, 261, 274, 287,
    301, 316, 332, 348, 365, 383, 402, 422, 442, 464, 487, 511, 536, 562, 590, 619, 649, 681, 715, 750, 787, 825, 866,
    909, 953,
  ],
  E96: [
    100, 102, 105, 107, 110, 113, 115, 118, 121, 124, 127, 130, 133, 137, 140, 143, 147, 150, 154, 158, 162, 165, 169,
    174, 178, 182, 187, 191, 196, 200, 205, 210, 215, 221, 226, 232, 237, 243, 249, 255, 261, 267, 274, 280, 287, 294,
    301, 309, 316, 324, 332, 340, 348, 357, 365, 374, 383, 392, 402, 412, 422, 432, 442, 453, 464, 475, 487, 499, 511,
    523, 536, 549, 562, 576, 590, 604, 619, 634, 649, 665, 681, 698, 715, 732, 750, 768, 787, 806, 825, 845, 866, 887,
    909, 931, 953, 976,
  ],
  POWERSOF2: "powers",
};

export type Series = readonly number[] | "powers";

/** The series of a name, if there is one. */
export function seriesOf(name: string): Series | undefined {
  return Object.hasOwn(seriesByName, name) ? seriesByName[name] : undefined;
}

/** A power of two of an integer is one, too; all else is a double. */
export function boundaryOf(series: Series, value: Value, boundary: number): Value {
  if (series !== "powers" || typeof value === "number" || value instanceof Decimal128 || boundary < 1) return boundary;
  return (boundary | 0) === boundary ? int32(boundary) : BigInt(boundary);
}

/** The smallest number of the series that is greater than a value. */
export function roundUp(series: Series, value: number): number {
  if (value === 0) return 0;
  if (series === "powers") return 2 ** (Math.floor(Math.log2(value)) + 1);
  for (let power = Math.floor(Math.log10(value)) - 3; ; power++) {
    for (const each of series) {
      const candidate = Number(`${each}e${power}`);
      if (candidate > value) return candidate;
    }
  }
}

/** The largest number of the series that is less than a value. */
export function roundDown(series: Series, value: number): number {
  if (value === 0) return 0;
  if (series === "powers") return 2 ** (Math.ceil(Math.log2(value)) - 1);
  for (let power = Math.ceil(Math.log10(value)) + 1; ; power--) {
    for (let i = series.length - 1; i >= 0; i--) {
      const candidate = Number(`${series[i]}e${power}`);
      if (candidate < value) return candidate;
    }
  }
}
