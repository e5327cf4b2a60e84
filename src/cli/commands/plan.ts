import { Command, Option } from "commander";
import { engineNames } from "../engines.js";
import type { Outcome } from "../errors.js";
import { jsonOption } from "../options.js";
import type { PlanOptions } from "../plan/command.js";

/** `keyfold plan`. */
export function planCommand(outcome: Outcome): Command {
  return new Command("plan")
    .description(
      "Show what a model becomes on an engine: what is stored, the exact request of each pattern, estimates at the declared workload, findings. No server is asked.",
    )
    .argument("<model>", "file that exports the model")
    .addOption(
      new Option("--engine <engine>", "engine to plan for")
        .choices([...engineNames])
        .default(engineNames.length === 1 ? engineNames[0] : undefined),
    )
    .option("--grants", "print the least rights that the client and apply need, in place of the plan")
    .option("--emit <document>", "print a document for another tool, in place of the plan; grants for every engine")
    .option(
      "--prices <file>",
      "JSON with the prices of DynamoDB's units and storage: the plan then says what it costs a month",
    )
    .option("--database <name>", "for --grants and --emit: name of the database or table", "shop")
    .option("--strict", "exit 1 when a pattern cannot be served, too")
    .addOption(jsonOption("print the plan as JSON, the same bytes for the same model"))
    .addHelpText(
      "after",
      `
Examples:
  keyfold plan model.ts --engine mongodb
  keyfold plan model.ts --engine mongodb --json > design.json     keep it beside the code, and see it change in reviews
  keyfold plan model.ts --engine mongodb --grants --database shop
  keyfold plan model.ts --engine mongodb --strict                 for CI

A file for --prices: {"millionReadUnits": 0.125, "millionWriteUnits": 0.625, "gibMonth": 0.25}

Exit codes: 0 the plan has no errors; 1 a finding is an error (or, with --strict, a pattern cannot be served), or the
model is wrong; 2 it was asked wrongly.`,
    )
    .action(async (model: string, options: PlanOptions) => {
      const { runPlan } = await import("../plan/command.js");
      outcome.code = await runPlan(model, options);
    });
}
