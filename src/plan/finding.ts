/** How much a finding matters: `error`: it will not work; `warning`: it will hurt; `info`: good to know. */
export type Severity = "error" | "warning" | "info";

/** One result of a lint: what was seen, why it matters, what to do. */
export interface Finding {
  /** Stable code in kebab-case. */
  readonly code: string;
  readonly severity: Severity;
  /** What it is about: an entity, a field ("line.tags"), a pattern or an index. */
  readonly subject: string;
  /** What was seen, with its numbers. */
  readonly evidence: string;
  /** Why it matters on this engine. */
  readonly cause: string;
  /** What to do, in one sentence. */
  readonly fix: string;
}

const rankOf: { readonly [S in Severity]: number } = { error: 0, warning: 1, info: 2 };

/** Errors first, then warnings, then what is good to know; each in the order in which they were found. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => rankOf[a.severity] - rankOf[b.severity]);
}
