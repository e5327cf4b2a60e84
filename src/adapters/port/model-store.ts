import { KeyfoldError } from "../../internal/errors.js";
import type { DesignFacts, PlannedPattern, UnservedPattern } from "../../plan/types.js";
import type { ApplyCall, Call, DesignState, EntityStore, PatternStore, Store } from "./adapter.js";
import { selecting } from "./select.js";
import { isServed, noPattern } from "./unserved.js";

/** Compares a database with a plan, and makes it so. */
export interface Design {
  inspect(call: Call): Promise<DesignState>;
  apply(call: ApplyCall): Promise<DesignState>;
}

/** What an engine's store is made of. */
export interface StoreParts extends Pick<Store, "session" | "close" | "fold" | "transact"> {
  readonly plan: DesignFacts;
  readonly design: Design;
  /** By the entity's name. */
  readonly entities: ReadonlyMap<string, EntityStore>;
  /** By the pattern's name; those that the plan serves. */
  readonly patterns: ReadonlyMap<string, PatternStore>;
}

/** One model on one database, from its parts. */
export function modelStore({ plan, design, entities, patterns, ...own }: StoreParts): Store {
  return {
    ...own,
    plan,
    entity(name) {
      const store = entities.get(name);
      if (store === undefined) throw new KeyfoldError("INPUT_INVALID", `The model has no entity ${name}.`);
      return store;
    },
    pattern(name) {
      const store = patterns.get(name);
      if (store === undefined) throw noPattern(plan.patterns[name], name);
      return store;
    },
    inspect: (call) => design.inspect(call),
    apply: (call) => design.apply(call),
  };
}

/** A store for each pattern that the plan serves. */
export function patternStores<P extends PlannedPattern>(
  patterns: { readonly [pattern: string]: P },
  make: (plan: Exclude<P, UnservedPattern>) => PatternStore,
): ReadonlyMap<string, PatternStore> {
  return new Map(
    Object.values(patterns)
      .filter(isServed)
      .map((plan) => {
        const store = make(plan as Exclude<P, UnservedPattern>);
        return [plan.pattern, plan.select === undefined ? store : selecting(store, plan.select)];
      }),
  );
}
