/** What `keyfold plan` does. */

import { readFileSync } from "node:fs";
import { planDocument, planDocuments, planFor, renderPlanJson, renderPlanText } from "../../plan/plan.js";
import type { DesignFacts, UnservedPattern } from "../../plan/types.js";
import { engineNames } from "../engines.js";
import { EXIT_OK, EXIT_WRONG, UsageError } from "../errors.js";
import { loadModelFile } from "../model-file.js";
import { note, painter, print } from "../output/terminal.js";

export interface PlanOptions {
  readonly engine?: string;
  readonly grants?: boolean;
  readonly emit?: string;
  readonly prices?: string;
  readonly database: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** Runs the command; gives its exit code. */
export async function runPlan(modelPath: string, options: PlanOptions): Promise<number> {
  const { data } = await loadModelFile(modelPath);
  if (options.engine === undefined) {
    throw new UsageError("plan needs an engine", `Add --engine with one of ${engineNames.join(", ")}.`);
  }
  const plan = planFor(data, options.engine, options.prices === undefined ? {} : { prices: pricesOf(options.prices) });
  const document = options.emit ?? (options.grants ? "grants" : undefined);
  if (document !== undefined) {
    const known = planDocuments(plan.engine);
    if (!known.includes(document)) {
      throw new UsageError(`--emit: there is no ${document} for ${plan.engine}`, `Write one of ${known.join(", ")}.`);
    }
    await print(
      options.json && document === "grants"
        ? `${JSON.stringify(plan.grants, null, 2)}\n`
        : planDocument(plan, document, options.database),
    );
  } else {
    await print(options.json ? renderPlanJson(plan) : renderPlanText(plan));
  }
  const errors = plan.findings.filter((finding) => finding.severity === "error");
  const unserved = unservedOf(plan);
  if (options.json && plan.findings.length > 0) {
    note(
      `keyfold: ${plan.findings.length} finding${plan.findings.length === 1 ? "" : "s"}, ${errors.length} of them errors`,
    );
  }
  if (options.strict && unserved.length > 0) noteUnserved(unserved, true);
  const own = errors.filter((finding) => !unserved.some(({ pattern }) => pattern === finding.subject));
  return own.length > 0 || (options.strict && unserved.length > 0) ? EXIT_WRONG : EXIT_OK;
}

const PRICES = ["millionReadUnits", "millionWriteUnits", "gibMonth"] as const;

/** Prices from a file. */
function pricesOf(file: string): Record<(typeof PRICES)[number], number> {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`--prices: ${file} cannot be read as JSON: ${(error as Error).message}`);
  }
  const prices = found as Record<(typeof PRICES)[number], number>;
  const missing = PRICES.find((name) => !(typeof prices?.[name] === "number" && prices[name] >= 0));
  if (missing !== undefined) {
    throw new UsageError(`--prices: ${file} has no number ${missing}`, `It needs ${PRICES.join(", ")}.`);
  }
  return prices;
}

/** The patterns that the plan's engine cannot serve. */
export function unservedOf({ patterns }: Pick<DesignFacts, "patterns">): UnservedPattern[] {
  return Object.values(patterns).filter((pattern): pattern is UnservedPattern => pattern.kind === "unserved");
}

/** Lists them on standard error. */
export function noteUnserved(unserved: readonly UnservedPattern[], strict: boolean): void {
  const paint = painter(process.stderr);
  for (const { pattern, why } of unserved)
    note(`${paint(strict ? "red" : "yellow", strict ? "error" : "not served")}  ${pattern}: ${why}`);
}
