import { z } from "zod";
import type { Decimal } from "./names.js";

const shape = /^(-?)0*(\d+)(?:\.(\d+))?$/;

/**
 * The one spelling of a decimal with this scale: "2.5" is "2.500" at scale 3; undefined when it is not a plain decimal or
 * has more digits after the point than the scale. Nothing is rounded, "-0" is "0".
 */
export function normalizeDecimal(text: string, scale: number): Decimal | undefined {
  const parts = shape.exec(text);
  if (parts === null) return undefined;
  const [, sign = "", whole = "0", fraction = ""] = parts;
  if (fraction.length > scale) return undefined;
  const digits = scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, "0")}`;
  const negative = sign === "-" && /[1-9]/.test(digits);
  return (negative ? `-${digits}` : digits) as Decimal;
}

/**
 * An exact decimal with `scale` digits after the point: `"2.550"` in JavaScript, an exact number on every engine.
 * Fewer digits are filled up with zeros; more are refused, never rounded.
 *
 * @param scale digits after the point, 0 to 18
 *
 * @example
 * ```ts
 * z.object({ unitPrice: decimal(3), discount: decimal(2).optional() })
 * ```
 */
export function decimal(scale: number): z.ZodType<Decimal, Decimal> {
  const schema = z
    .string()
    .check((context) => {
      if (normalizeDecimal(context.value, scale) === undefined) {
        context.issues.push({
          code: "custom",
          message: `expected a decimal with at most ${scale} digits after the point, such as "${normalizeDecimal("2.5", Math.max(scale, 1))}"`,
          input: context.value,
        });
      }
    })
    .overwrite((text) => normalizeDecimal(text, scale) ?? text)
    .meta({ keyfold: { kind: "decimal", scale } });
  return schema as unknown as z.ZodType<Decimal, Decimal>;
}
