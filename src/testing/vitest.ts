import type {} from "vitest";
import { type SharedEngines, type SharedEnginesOptions, startShared } from "./shared.js";

export type { SharedEnginesOptions } from "./shared.js";

/** What `inject("keyfold")` gives a test. */
export interface KeyfoldProvided {
  /** The engines' URLs by name. */
  readonly urls: SharedEngines["urls"];
  /** For `attachEngines(address)`, which takes it by itself. */
  readonly address: string;
}

declare module "vitest" {
  interface ProvidedContext {
    keyfold: KeyfoldProvided;
  }
}

/** The part of what vitest hands to a global setup that is used here. */
export interface SetupContext {
  provide(key: "keyfold", value: KeyfoldProvided): void;
}

/** A pair that a vitest global setup file exports. */
export interface EngineSetup {
  setup(context: SetupContext): Promise<void>;
  teardown(): Promise<void>;
}

/**
 * Makes a global setup that starts the named engines; without names, all there are.
 *
 * @example
 * ```ts
 * // test/engines.ts, named in vitest.config.ts as globalSetup
 * import { engineSetup } from "keyfold/testing/vitest";
 * export const { setup, teardown } = engineSetup({ mongodb: { auth: { user: "app", password: "secret" } } });
 * ```
 */
export function engineSetup(options?: SharedEnginesOptions): EngineSetup {
  let shared: SharedEngines | undefined;
  return {
    setup: async (context) => {
      shared = await startShared(options);
      context.provide("keyfold", { urls: shared.urls, address: shared.address });
    },
    teardown: async () => {
      await shared?.close();
      shared = undefined;
    },
  };
}

/** `globalSetup: ["keyfold/testing/vitest"]` starts every engine; tests read `inject("keyfold").urls`. */
export const { setup, teardown } = engineSetup();
