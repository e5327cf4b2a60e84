/** Where locks are kept: one server, or a quorum of several. */
export interface LockKeeper {
  /** Takes the lock, or says after how many milliseconds to look again. */
  take(keys: readonly string[], token: string, ttlMs: number, waitMs: number): Promise<Taken | Refused>;
  /** Resolves when this token may have been given the lock, or after `ms`. */
  heard(token: string, ms: number, signal: AbortSignal | undefined): Promise<void>;
  extend(keys: readonly string[], token: string, ttlMs: number): Promise<boolean>;
  /** True when the token held the lock. */
  free(keys: readonly string[], token: string): Promise<boolean>;
  close(): void;
}

export interface Taken {
  readonly fence: number;
}

export interface Refused {
  readonly againMs: number;
}
