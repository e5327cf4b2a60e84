import type { PatternData } from "../model/description.js";
import type { CapabilityData, UnservedPattern } from "./types.js";

/** The sentence that types, plan and client say of a pattern that an engine cannot serve. */
export function cannotServe(engine: string, kind: string): string {
  return `${engine}() cannot serve "${kind}" patterns: see keyfold plan`;
}

/** The pattern as unserved, when the engine's capability does not have its kind. */
export function unserved(capability: CapabilityData, pattern: PatternData): UnservedPattern | undefined {
  if (capability.serves[pattern.kind] !== undefined) return undefined;
  return { kind: "unserved", pattern: pattern.name, why: cannotServe(capability.engine, pattern.kind) };
}
