import type { ReadCall } from "../adapters/port/adapter.js";
import { KeyfoldError } from "../internal/errors.js";
import { type Consistency, consistencyLevels, isAtMost } from "../model/consistency.js";
import type { CapabilityData } from "../plan/types.js";
import { type ClientContext, callOf } from "./calls.js";
import type { ReadOptions } from "./types.js";

/** Makes the port's form of a read's options: checks the level. */
export type ReadCallOf = (options: ReadOptions<Consistency>) => ReadCall;

/**
 * Compiles the level check of one kind of read.
 *
 * @param declared the pattern's own level: the strongest that a call may ask for, and the one of calls that name none
 */
export function compileLevels(
  context: ClientContext,
  what: string,
  kind: string,
  declared: Consistency,
  ceiling: Consistency,
  capability: CapabilityData,
): ReadCallOf {
  const served = capability.serves[kind] ?? [];
  return (options) => {
    const consistency = options.consistency ?? declared;
    if (!served.includes(consistency) || !isAtMost(consistency, ceiling))
      throw unsupported(what, consistency, served, ceiling, context.engine);
    const call = callOf(context, options);
    if (consistency !== "bounded") {
      if (options.maxStalenessMs !== undefined) {
        throw new KeyfoldError(
          "INPUT_INVALID",
          `maxStalenessMs says how far behind a "bounded" read may be; this one is "${consistency}".`,
        );
      }
      return { ...call, consistency };
    }
    const maxStalenessMs = options.maxStalenessMs ?? context.maxStalenessMs;
    if (!(maxStalenessMs >= 0))
      throw new KeyfoldError("INPUT_INVALID", "maxStalenessMs must be a number of milliseconds.");
    return { ...call, consistency, maxStalenessMs };
  };
}

function unsupported(
  what: string,
  asked: Consistency,
  served: readonly Consistency[],
  ceiling: Consistency,
  engine: string,
): KeyfoldError {
  if (!consistencyLevels.includes(asked)) {
    return new KeyfoldError("INPUT_INVALID", `There is no consistency ${JSON.stringify(asked)}.`, {
      fix: `Use one of ${consistencyLevels.join(", ")}.`,
    });
  }
  if (!served.includes(asked)) {
    return new KeyfoldError(
      "CONSISTENCY_UNSUPPORTED",
      `${engine}() cannot read ${what} at "${asked}"; it can at ${served.join(", ")}.`,
      {
        fix: "Ask for a weaker level, or for the record by its key.",
        data: { asked, served },
      },
    );
  }
  return new KeyfoldError(
    "CONSISTENCY_UNSUPPORTED",
    `${what} is declared "${ceiling}": a call cannot ask for "${asked}".`,
    {
      fix: `Declare the pattern with consistency: "${asked}"; its plan may change.`,
      data: { asked, declared: ceiling },
    },
  );
}
