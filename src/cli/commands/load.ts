import { Command, Option } from "commander";
import { engineNames } from "../engines.js";
import type { Outcome } from "../errors.js";
import type { LoadCommandOptions } from "../load/command.js";
import { jsonOption, wholeNumber } from "../options.js";

/** `keyfold load`. */
export function loadCommand(outcome: Outcome): Command {
  return new Command("load")
    .description(
      "Read a CSV or NDJSON file, plain or gzip, into an entity. Safe to repeat: after a cut or a kill, the same command goes on, and nothing is stored twice.",
    )
    .argument(
      "<model>",
      "file that exports the model, and mappings.<entity> for files whose columns are not the fields",
    )
    .argument("<entity>", "name of the entity")
    .argument("<file>", "file to read; - is standard input")
    .requiredOption("--to <url>", "database to load into")
    .addOption(
      new Option("--engine <engine>", "engine of the URL, where its beginning does not say").choices([...engineNames]),
    )
    .addOption(
      new Option("--format <format>", "form of the file (default: by its name, else by its first character)").choices([
        "csv",
        "ndjson",
      ]),
    )
    .option("--delimiter <character>", "between the cells of a CSV line (default: comma; tab for .tsv)")
    .option("--rejects <file>", "where rejected lines are kept (default: FILE.rejects.ndjson)")
    .option("--batch <records>", "records of one request", wholeNumber(1, 100_000), 1_000)
    .option("--in-flight <requests>", "requests under way at once", wholeNumber(1, 64), 4)
    .addOption(jsonOption('end with one line of JSON: {"read":…,"inserted":…,"present":…,"rejected":…}'))
    .addHelpText(
      "after",
      `
Examples:
  keyfold load model.ts line lines.csv.gz --to mongodb://127.0.0.1:27017/shop
  zcat lines.csv.gz | keyfold load model.ts line - --to mongodb://127.0.0.1:27017/shop --json
  keyfold query model.ts linesByDay day=2010-12-01 --at $FROM --json | keyfold load model.ts line - --to $TO

Rejected: a line that is no record (broken quotes, wrong number of columns, not UTF-8), a value that does not fit its
field, another record stored under the same key. Each is kept with its line number, the reason and its text; the rest
goes on. Broken quotes cost the line in which they begin, and reading starts again at the next line. Where two lines
have one key, the first is stored.

Exit codes: 0 all rows are stored; 1 some were rejected, or the load stopped; 2 it was asked wrongly.`,
    )
    .action(async (model: string, entity: string, file: string, options: LoadCommandOptions) => {
      const { runLoad } = await import("../load/command.js");
      outcome.code = await runLoad(model, entity, file, options);
    });
}
