/**
 * What a read promises, strongest first.
 *
 * - `strong`: it sees every write that was acknowledged before it began, whoever made it.
 * - `session`: it sees every write of its own session, and never an older state than the session saw before.
 * - `bounded`: it lags by at most the bound that the call names.
 * - `eventual`: it may lag.
 */
export type Consistency = "strong" | "session" | "bounded" | "eventual";

/** All levels, strongest first. */
export const consistencyLevels = ["strong", "session", "bounded", "eventual"] as const satisfies readonly Consistency[];

/** The declared level and every weaker one: what a call may ask for. */
export type AtMost<Level extends Consistency> = {
  strong: "strong" | "session" | "bounded" | "eventual";
  session: "session" | "bounded" | "eventual";
  bounded: "bounded" | "eventual";
  eventual: "eventual";
}[Level];

/** Whether `level` promises no more than `declared`. */
export function isAtMost(level: Consistency, declared: Consistency): boolean {
  return consistencyLevels.indexOf(level) >= consistencyLevels.indexOf(declared);
}
