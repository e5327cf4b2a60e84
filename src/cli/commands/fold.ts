import { Command, Option } from "commander";
import { engineNames } from "../engines.js";
import type { Outcome } from "../errors.js";
import type { FoldCommandOptions } from "../fold/command.js";
import { jsonOption } from "../options.js";

/** `keyfold fold`. */
export function foldCommand(outcome: Outcome): Command {
  return new Command("fold")
    .description(
      "Replace what top patterns read of closed buckets (days, hours, months that are over) by sums per group. Safe at any time; a late record opens its bucket again, and the next fold takes it in.",
    )
    .argument("<model>", "file that exports the model")
    .requiredOption("--at <url>", "database whose buckets to fold")
    .addOption(
      new Option("--engine <engine>", "engine of the URL, where its beginning does not say").choices([...engineNames]),
    )
    .addOption(jsonOption("print what became of each bucket as one JSON value"))
    .addHelpText(
      "after",
      `
Examples:
  keyfold fold model.ts --at "dynamodb://127.0.0.1:8000/Shop?region=eu-west-1"

MongoDB computes its sums when it is asked: there is nothing to fold.

Exit codes: 0 all closed buckets are folded; 1 it did not work; 2 it was asked wrongly.`,
    )
    .action(async (model: string, options: FoldCommandOptions) => {
      const { runFold } = await import("../fold/command.js");
      outcome.code = await runFold(model, options);
    });
}
