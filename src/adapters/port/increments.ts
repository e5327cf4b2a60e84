import { KeyfoldError } from "../../internal/errors.js";
import type { Field } from "../../model/field.js";
import { scaledInteger, scaledText } from "./conditions.js";

/** 34 digits: what every engine's decimals hold. */
export const MOST_DECIMAL = 10n ** 34n - 1n;

/** A field's value with an amount added to it, where keyfold adds; throws OUT_OF_RANGE, INPUT_INVALID. */
export function addTo(field: Field, stored: unknown, amount: unknown, name: string, entity: string): unknown {
  const beyond = (): KeyfoldError =>
    new KeyfoldError("OUT_OF_RANGE", `The increment would take ${name} of ${entity} out of its type's range.`);
  switch (field.kind) {
    case "int": {
      const sum = Number(stored ?? 0) + (amount as number);
      if (!Number.isSafeInteger(sum)) throw beyond();
      return sum;
    }
    case "int64": {
      const sum = BigInt((stored as bigint | undefined) ?? 0n) + (amount as bigint);
      if (BigInt.asIntN(64, sum) !== sum) throw beyond();
      return sum;
    }
    case "decimal": {
      const sum =
        scaledInteger((stored as string | undefined) ?? "0", field.scale) +
        scaledInteger(amount as string, field.scale);
      if (sum > MOST_DECIMAL || sum < -MOST_DECIMAL) throw beyond();
      return scaledText(sum, field.scale);
    }
    case "double":
      return Number(stored ?? 0) + (amount as number);
    default:
      throw new KeyfoldError("INPUT_INVALID", `${name} of ${entity} is no number and cannot be incremented.`);
  }
}
