import { Command, Option } from "commander";
import type { ApplyOptions } from "../apply/command.js";
import { engineNames } from "../engines.js";
import type { Outcome } from "../errors.js";
import { jsonOption } from "../options.js";

/** `keyfold apply`. */
export function applyCommand(outcome: Outcome): Command {
  return new Command("apply")
    .description(
      "Create what a model needs in a database. A second run changes nothing; nothing is dropped without --drop.",
    )
    .argument("<model>", "file that exports the model")
    .requiredOption("--to <url>", "database to apply it to")
    .addOption(
      new Option("--engine <engine>", "engine of the URL, where its beginning does not say").choices([...engineNames]),
    )
    .option("--dry-run", "only say what would be done")
    .option("--drop", "drop indexes that the plan does not have, and make anew those that differ; never data")
    .option(
      "--sweep",
      "read all records, and finish what writers that died left of them (Cassandra and ScyllaDB; others leave nothing)",
    )
    .option("--strict", "apply nothing when a pattern cannot be served")
    .addOption(jsonOption("print what was found and done as one JSON value"))
    .addHelpText(
      "after",
      `
Examples:
  keyfold apply model.ts --to mongodb://127.0.0.1:27017/shop
  keyfold apply model.ts --to $MONGODB_URL --dry-run

Exit codes: 0 everything is as planned; 1 something differs and was left alone, or it did not work; 2 it was asked wrongly.`,
    )
    .action(async (model: string, options: ApplyOptions) => {
      const { runApply } = await import("../apply/command.js");
      outcome.code = await runApply(model, options);
    });
}
