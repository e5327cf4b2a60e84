import type { LoadCounts } from "../load/load.js";
import type { Reject } from "../load/rejects.js";
import type { Answer } from "./ask.js";

/** All that a run of the demo came to. */
export interface DemoResult {
  readonly source: string;
  readonly model: string;
  readonly url: string;
  readonly engine: string;
  readonly embedded: boolean;
  readonly engineMs: number;
  /** Collections, or what the engine has in their place, and indexes. */
  readonly design: { readonly collections: number; readonly indexes: number };
  readonly applyMs: number;
  readonly load: LoadCounts & { readonly ms: number; readonly rowsPerSecond: number };
  readonly rejects: readonly Reject[];
  readonly answers: readonly Answer[];
  readonly totalMs: number;
}

/** "840 ms", "2.1 s" */
export function duration(ms: number): string {
  return ms < 1_000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
