import { KeyfoldError } from "../../internal/errors.js";
import type { PlannedPattern, UnservedPattern } from "../../plan/types.js";

/** Whether a plan is one that the adapter can serve. */
export function isServed<P extends PlannedPattern>(plan: P): plan is Exclude<P, UnservedPattern> {
  return plan.kind !== "unserved";
}

/** What a store answers for a pattern that it does not have: the plan's own sentence, or that there is no such pattern. */
export function noPattern(plan: PlannedPattern | undefined, name: string): KeyfoldError {
  if (plan?.kind === "unserved") {
    return new KeyfoldError("PATTERN_UNSUPPORTED", (plan as UnservedPattern).why, {
      fix: "Run keyfold plan to see what this engine can serve.",
    });
  }
  return new KeyfoldError("INPUT_INVALID", `The model has no pattern ${name}.`);
}
