import { fromBase64Url, toBase64Url } from "../../internal/bytes.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { StoreSession } from "../port/adapter.js";

/** Partitions of a Cluster that a session remembers the primaries of. */
const MOST_PLACES = 1_000;

/**
 * What a session has seen, kept as the run id of the primary that it saw it on. As long as that primary runs, it has
 * every write that it acknowledged; another one, promoted in its place, may lack some, and then the session says so.
 */
export class RedisSession implements StoreSession {
  /** Run ids by place: "" on a single server; on a Cluster what a partition's keys begin with. */
  readonly #primaries = new Map<string, string>();

  constructor(token?: string) {
    if (token === undefined) return;
    const bytes = fromBase64Url(token);
    let data: unknown;
    try {
      data = bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString());
    } catch {
      data = undefined;
    }
    const { f, r } = (data ?? {}) as { readonly f?: unknown; readonly r?: unknown };
    if (f !== "redis1" || !Array.isArray(r) || !r.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      throw new KeyfoldError("INPUT_INVALID", "This is no session token of a Redis client.", {
        fix: "Pass what $token() gave.",
      });
    }
    for (const [place, id] of r as [string, string][]) this.#primaries.set(place, id);
  }

  /** Whether a read at this place will be checked. */
  knows(place: string): boolean {
    return this.#primaries.has(place);
  }

  /** Run id of the primary that the session saw at this place. */
  primaryOf(place: string): string | undefined {
    return this.#primaries.get(place);
  }

  /** The place is another primary's now, with all that was there. */
  moved(place: string, runId: string): void {
    this.#primaries.set(place, runId);
  }

  /** Notes which primary answered; throws when it is not the one that the session saw before. */
  see(place: string, runId: string): void {
    const known = this.#primaries.get(place);
    if (known === undefined) {
      if (this.#primaries.size >= MOST_PLACES) this.#primaries.delete(this.#primaries.keys().next().value!);
      this.#primaries.set(place, runId);
    } else if (known !== runId) {
      throw new KeyfoldError(
        "CONSISTENCY_UNAVAILABLE",
        "Redis has another primary, or was started again, since this session began: it may lack what the session wrote.",
        {
          fix: 'Begin a new session with $session(), or read at "eventual".',
          data: { expected: known, found: runId },
        },
      );
    }
  }

  token(): string {
    return toBase64Url(Buffer.from(JSON.stringify({ f: "redis1", r: [...this.#primaries] })));
  }

  async close(): Promise<void> {}
}
