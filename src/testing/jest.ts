import { type SharedEngines, type SharedEnginesOptions, startShared } from "./shared.js";

/** The part of Jest's project configuration that is read here. */
export interface JestProjectConfig {
  /** `globals: { keyfold: { mongodb: true } }` names the engines; without it, all there are. */
  readonly globals?: { readonly keyfold?: SharedEnginesOptions };
}

// Jest loads the teardown as a module of its own, in the same process.
const key = Symbol.for("keyfold.testing.jest");
const holder = globalThis as unknown as { [key]: SharedEngines | undefined };

/**
 * Jest's `globalSetup: "keyfold/testing/jest"`: starts the engines, whose URLs tests read in `process.env`. Jest takes a
 * setup's default export and nothing else.
 */
export default async function setup(_global?: unknown, project?: JestProjectConfig): Promise<void> {
  holder[key] = await startShared(project?.globals?.keyfold);
}

/** Jest's `globalTeardown: "keyfold/testing/jest-teardown"`: closes them. */
export async function teardown(): Promise<void> {
  await holder[key]?.close();
  holder[key] = undefined;
}
