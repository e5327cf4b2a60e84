import type { ModelData } from "./description.js";

export function checkModel(_spec: unknown): ModelData {
  throw new Error("not yet");
}
