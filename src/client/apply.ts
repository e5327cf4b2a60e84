import type { Adapter, ApplyProgress, DesignState } from "../adapters/port/adapter.js";
import type { Capability } from "../adapters/port/capability.js";
import { type AnyModel, describe } from "../model/model.js";
import { checkArguments } from "./connect.js";
import type { CallOptions } from "./types.js";

/** What `apply` may be told. */
export interface ApplyOptions extends CallOptions {
  /** Told of each step, and of a long index build's progress. */
  readonly onProgress?: (progress: ApplyProgress) => void;
  /** Only say what would be done. Default false. */
  readonly dryRun?: boolean;
  /** Drop indexes that the plan has not, and make anew those that differ. Data is never dropped. Default false. */
  readonly drop?: boolean;
  /**
   * Also read all records, and finish what writers that died left of them. Only Cassandra and ScyllaDB leave anything: on
   * the others a write is done or not, and there is nothing to sweep. Default false.
   */
  readonly sweep?: boolean;
}

/**
 * Makes the database as the model's plan has it: creates what is missing, tells what differs, drops nothing unless told
 * to. A second run changes nothing. The command line's `keyfold apply` does the same.
 *
 * @throws KeyfoldError `INPUT_INVALID` for what is no model or adapter; `UNAVAILABLE`, `UNAUTHORIZED`, `DEADLINE_EXCEEDED` …
 *
 * @example
 * ```ts
 * const { ready, items } = await apply(model, mongodb(client.db("shop")));
 * ```
 */
export async function apply<C extends Capability>(
  model: AnyModel,
  adapter: Adapter<C>,
  { deadlineMs, signal, ...options }: ApplyOptions = {},
): Promise<DesignState> {
  checkArguments("apply()", model, adapter);
  const store = adapter.bind(describe(model));
  try {
    return await store.apply({
      ...options,
      ...(deadlineMs === undefined ? {} : { deadlineAt: Date.now() + deadlineMs }),
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    await store.close();
  }
}
