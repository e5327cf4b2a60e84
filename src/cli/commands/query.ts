import { Command, Option } from "commander";
import { engineNames } from "../engines.js";
import type { Outcome } from "../errors.js";
import { jsonOption, wholeNumber } from "../options.js";
import type { QueryOptions } from "../query/command.js";

/** `keyfold query`. */
export function queryCommand(outcome: Outcome): Command {
  return new Command("query")
    .description("Ask an access pattern of the model, and print its records.")
    .argument("<model>", "file that exports the model")
    .argument("<pattern>", "name of the pattern")
    .argument("[param...]", "parameters, each as name=value")
    .requiredOption("--at <url>", "database to ask")
    .addOption(
      new Option("--engine <engine>", "engine of the URL, where its beginning does not say").choices([...engineNames]),
    )
    .option("--limit <records>", "stop after so many (default: all)", wholeNumber(1))
    .addOption(
      new Option("--consistency <level>", "what the read promises, at most what the pattern declares").choices([
        "strong",
        "session",
        "bounded",
        "eventual",
      ]),
    )
    .option("--max-staleness-ms <ms>", "for --consistency bounded: how far behind the answer may be", wholeNumber(1))
    .option("--explain", "print the request and what the engine says about it, in place of records")
    .addOption(jsonOption("print records as NDJSON: dates in ISO 8601, decimals and 64-bit integers as strings"))
    .addHelpText(
      "after",
      `
Examples:
  keyfold query model.ts lineBySeq seq=1 --at mongodb://127.0.0.1:27017/shop
  keyfold query model.ts linesByCustomer customerId=17850 --at $URL --limit 5 --json
  keyfold query model.ts topCustomers from=2010-12-01 to=2011-01-01 --at $URL --limit 10
  keyfold query model.ts linesByDay day=2010-12-01 --at $URL --explain`,
    )
    .action(async (model: string, pattern: string, params: string[], options: QueryOptions) => {
      const { runQuery } = await import("../query/command.js");
      outcome.code = await runQuery(model, pattern, params, options);
    });
}
