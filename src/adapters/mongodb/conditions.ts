import { KeyfoldError } from "../../internal/errors.js";
import type { Condition } from "../../model/description.js";
import { fieldAt } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import type { BsonValues } from "./bson-values.js";
import type { Doc } from "./driver.js";
import { compileEncoder } from "./encode.js";

/** The filter of a write's conditions. */
export function conditionFilter(
  conditions: readonly Condition[],
  collection: MongoCollection,
  values: BsonValues,
): Doc[] {
  const fields = Object.fromEntries(collection.fields.map((stored) => [stored.field, stored.type]));
  return conditions.map((condition) => {
    const field = fieldAt(fields, condition.field);
    if (field === undefined) {
      throw new KeyfoldError("INPUT_INVALID", `${collection.entity} has no field ${condition.field}.`);
    }
    const path = storedPath(condition.field, collection);
    const encode = compileEncoder({ ...field, nullable: true }, values);
    switch (condition.operator) {
      case "exists":
        // A field that holds null counts as absent: other writers store null where keyfold leaves the field out.
        return condition.value === true ? { [path]: { $ne: null } } : { [path]: null };
      case "in":
        return { [path]: { $in: (condition.value as readonly unknown[]).map(encode) } };
      case "eq":
      case "ne":
      case "gt":
      case "gte":
      case "lt":
      case "lte":
        return { [path]: { [`$${condition.operator}`]: encode(condition.value) } };
      default:
        return condition.operator satisfies never;
    }
  });
}

/** Where a field, or a part of one ("address.city"), is in the document. */
export function storedPath(path: string, collection: MongoCollection): string {
  const [head = "", ...rest] = path.split(".");
  const stored = collection.fields.find((each) => each.field === head);
  return [stored?.path ?? head, ...rest].join(".");
}
