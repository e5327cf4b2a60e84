import { Command } from "commander";
import type { DemoOptions } from "../demo/demo.js";
import type { Outcome } from "../errors.js";
import { jsonOption, wholeNumber } from "../options.js";

/** `keyfold demo`. */
export function demoCommand(outcome: Outcome): Command {
  return new Command("demo")
    .description(
      "Start the embedded engine, apply the model of an online shop, load its invoice lines, ask every pattern, and show answers and times.",
    )
    .argument("[file]", "the Online Retail data set as CSV, plain or gzip (default: lines of the same shape, made up)")
    .option("--lines <number>", "how many lines to make up", wholeNumber(100, 10_000_000), 50_000)
    .option("--seed <number>", "another seed makes up other lines", wholeNumber(0, 4_294_967_295), 1)
    .option("--to <url>", "use this database in place of the embedded engine")
    .addOption(jsonOption("print counts, answers and times as one JSON value"))
    .addHelpText(
      "after",
      `
Examples:
  keyfold demo
  keyfold demo online-retail.csv.gz
  keyfold demo --lines 500000 --seed 7
  keyfold demo --to mongodb://127.0.0.1:27017/demo`,
    )
    .action(async (file: string | undefined, options: DemoOptions) => {
      const { demo } = await import("../demo/demo.js");
      outcome.code = await demo(file, options);
    });
}
