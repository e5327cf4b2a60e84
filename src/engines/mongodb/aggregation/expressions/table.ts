import { arithmeticOperators } from "./arithmetic.js";
import { arrayElementOperators } from "./array-elements.js";
import { arrayOrderOperators } from "./array-order.js";
import { arrayOperators } from "./arrays.js";
import { dateArithmeticOperators } from "./date-arithmetic.js";
import { dateOperators } from "./dates.js";
import { type ExpressionOperator, unsupported } from "./expression.js";
import { logicOperators } from "./logic.js";
import { objectOperators } from "./objects.js";
import { percentileOperators } from "./percentile.js";
import { setOperators } from "./sets.js";
import { stringOperators } from "./strings.js";
import { totalOperators } from "./totals.js";
import { trigonometryOperators } from "./trigonometry.js";
import { typeOperators } from "./types.js";

/** Every expression operator of MongoDB 7.0, sorted by name; those not supported are refused as unknown ones. */
export const expressionOperators: readonly ExpressionOperator[] = [
  ...arithmeticOperators,
  ...arrayOperators,
  ...arrayElementOperators,
  ...arrayOrderOperators,
  ...dateOperators,
  ...dateArithmeticOperators,
  ...logicOperators,
  ...objectOperators,
  ...percentileOperators,
  ...setOperators,
  ...stringOperators,
  ...totalOperators,
  ...trigonometryOperators,
  ...typeOperators,
  unsupported("$function", "A JavaScript function."),
  unsupported("$meta", "What the query knows of a document, such as a text score."),
  unsupported("$toHashedIndexKey", "The hash of a value as hashed indexes compute it."),
].sort((a, b) => (a.name < b.name ? -1 : 1));
