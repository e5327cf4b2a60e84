/**
 * Requests as data. A template is the request's JSON with slots in place of values; `RequestValue` says where each
 * slot's value comes from. What `plan` prints and what an adapter sends are made from the same template.
 */

import type { BucketUnit } from "../model/bucket.js";
import type { Field } from "../model/field.js";

/** Stands for the value with this name. */
export interface Slot {
  readonly $slot: string;
}

/** An object that is made of fixed members and slots. A member whose value is a missing optional value is left out, and so is an object that is empty for that reason. */
export interface TemplateObject {
  readonly [key: string]: Template;
}
export type Template = null | boolean | number | string | Slot | readonly Template[] | TemplateObject;

/** Where a slot's value comes from. */
export type ValueSource =
  /** The call's parameter. */
  | { readonly kind: "param"; readonly param: string }
  /** First moment of the bucket that the parameter names. */
  | { readonly kind: "bucketStart"; readonly param: string; readonly unit: BucketUnit }
  /** First moment after the bucket that the parameter names. */
  | { readonly kind: "bucketEnd"; readonly param: string; readonly unit: BucketUnit }
  /** The cursor's value at this position of the pattern's order. */
  | { readonly kind: "after"; readonly position: number }
  /** BSON's MaxKey or the like: greater than any value. */
  | { readonly kind: "greatest" }
  /** The number of rows asked for. */
  | { readonly kind: "limit" }
  /** A value of the model, which has no literal in JSON (a date, a decimal). */
  | { readonly kind: "constant"; readonly value: unknown };

export interface RequestValue {
  readonly name: string;
  readonly source: ValueSource;
  /** The type in which the value is sent, as a field of the model; a codec encodes it as it would encode the field. */
  readonly type: Field;
  /** The parameter may be left out; see {@link TemplateObject}. */
  readonly optional: boolean;
  /** What stands in for a parameter that is left out; without it the member is left out. */
  readonly otherwise?: "greatest";
}

/** Whether a node of a template is a slot. */
export function isSlot(template: Template): template is Slot {
  return (
    typeof template === "object" &&
    template !== null &&
    !Array.isArray(template) &&
    typeof (template as Slot).$slot === "string"
  );
}
