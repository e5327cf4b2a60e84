import { Decimal128 } from "bson";
import { bsonTypeName } from "../../bson/compare.js";
import { decimalOfDouble } from "../../bson/decimal128.js";
import { isNumber, type NumberValue, toDecimal, toDouble } from "../../bson/numbers.js";
import { mongoError } from "../../errors.js";
import { decimalAtan2, decimalTrigonometry } from "../decimal-functions.js";
import { showDouble } from "../show.js";
import { numeric } from "./arithmetic.js";
import { binary, type ExpressionOperator, isNullish, type Result } from "./expression.js";

interface Domain {
  readonly holds: (value: number) => boolean;
  readonly text: string;
}

const finite: Domain = { holds: Number.isFinite, text: "(-inf,inf)" };
const unit: Domain = { holds: (value) => value >= -1 && value <= 1, text: "[-1,1]" };
const fromOne: Domain = { holds: (value) => value >= 1, text: "[1,inf]" };

function trigonometric(
  name: string,
  summary: string,
  run: (value: number) => number,
  domain?: Domain,
): ExpressionOperator {
  return numeric(name, summary, (value: NumberValue) => {
    const double = toDouble(value);
    if (domain !== undefined && !Number.isNaN(double) && !domain.holds(double)) {
      throw mongoError(50989, `cannot apply ${name} to ${showDouble(double)}, value must be in ${domain.text}`);
    }
    if (!(value instanceof Decimal128)) return run(double);
    return decimalTrigonometry(name, value) ?? decimalOfDouble(run(double));
  });
}

function atan2(y: Result, x: Result): Result {
  if (isNullish(y) || isNullish(x)) return null;
  if (!isNumber(y)) throw mongoError(51044, `$atan2 only supports numeric types, not ${bsonTypeName(y)}`);
  if (!isNumber(x)) throw mongoError(51045, `$atan2 only supports numeric types, not ${bsonTypeName(x)}`);
  const double = Math.atan2(toDouble(y), toDouble(x));
  if (!(y instanceof Decimal128) && !(x instanceof Decimal128)) return double;
  return decimalAtan2(toDecimal(y), toDecimal(x)) ?? decimalOfDouble(double);
}

/** The trigonometric and hyperbolic operators. */
export const trigonometryOperators: readonly ExpressionOperator[] = [
  trigonometric("$acos", "The arc cosine of a number.", Math.acos, unit),
  trigonometric("$acosh", "The inverse hyperbolic cosine of a number.", Math.acosh, fromOne),
  trigonometric("$asin", "The arc sine of a number.", Math.asin, unit),
  trigonometric("$asinh", "The inverse hyperbolic sine of a number.", Math.asinh),
  trigonometric("$atan", "The arc tangent of a number.", Math.atan),
  binary("$atan2", "The angle of the point (x, y), given y and x.", atan2),
  trigonometric("$atanh", "The inverse hyperbolic tangent of a number.", Math.atanh, unit),
  trigonometric("$cos", "The cosine of an angle.", Math.cos, finite),
  trigonometric("$cosh", "The hyperbolic cosine of a number.", Math.cosh),
  trigonometric("$degreesToRadians", "An angle in radians.", (value) => value * (Math.PI / 180)),
  trigonometric("$radiansToDegrees", "An angle in degrees.", (value) => value * (180 / Math.PI)),
  trigonometric("$sin", "The sine of an angle.", Math.sin, finite),
  trigonometric("$sinh", "The hyperbolic sine of a number.", Math.sinh),
  trigonometric("$tan", "The tangent of an angle.", Math.tan, finite),
  trigonometric("$tanh", "The hyperbolic tangent of a number.", Math.tanh),
];
