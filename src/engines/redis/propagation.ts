/**
 * Takes every change of the data as a command that repeats it: for the append-only file (and one day for replicas).
 * Commands come in an order and form in which running them again gives the same data: SPOP as SREM, relative times as
 * absolute ones, blocking pops as what they did. A transaction or a script that changes several things comes as a whole.
 */
export interface Propagator {
  /** What one command, transaction or script changed, in order, each with the number of its database. */
  write(changes: readonly Change[]): void;
}

export interface Change {
  readonly db: number;
  readonly args: readonly string[];
}
