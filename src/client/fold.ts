import type { Adapter, FoldCall, FoldedBucket, FoldState } from "../adapters/port/adapter.js";
import type { Capability } from "../adapters/port/capability.js";
import { type AnyModel, describe } from "../model/model.js";
import { checkArguments } from "./connect.js";
import type { CallOptions } from "./types.js";

/** What `fold` may be told. */
export interface FoldOptions extends CallOptions {
  /** Told of each bucket. */
  readonly onProgress?: (bucket: FoldedBucket) => void;
}

/**
 * Replaces what `top` patterns read of closed buckets by sums per group, so that a range of months is a few reads. Safe
 * to run at any time, from anywhere, also twice at once: a record that comes late opens its bucket again, and the next
 * fold takes it in. Engines that compute sums themselves have nothing to fold.
 *
 * @throws KeyfoldError `INPUT_INVALID` for what is no model or adapter; `UNAVAILABLE`, `UNAUTHORIZED`, `DEADLINE_EXCEEDED` …
 *
 * @example
 * ```ts
 * const { buckets } = await fold(model, mongodb(client.db("shop")));   // []: MongoDB computes its sums
 * ```
 */
export async function fold<C extends Capability>(
  model: AnyModel,
  adapter: Adapter<C>,
  { deadlineMs, signal, onProgress }: FoldOptions = {},
): Promise<FoldState> {
  checkArguments("fold()", model, adapter);
  const store = adapter.bind(describe(model));
  const call: FoldCall = {
    ...(deadlineMs === undefined ? {} : { deadlineAt: Date.now() + deadlineMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  try {
    return (await store.fold?.(call)) ?? { buckets: [] };
  } finally {
    await store.close();
  }
}
