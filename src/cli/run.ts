/** The command line: finds the command, runs it, and turns what happens into an exit code. */

import { CommanderError } from "commander";
import { EXIT_OK, EXIT_USAGE, type Outcome, report } from "./errors.js";
import { note } from "./output/terminal.js";
import { programFor } from "./program.js";

/** Runs a command line (without node and the script) and gives its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const outcome: Outcome = { code: EXIT_OK };
  try {
    if (args[0] === "complete") {
      const { complete } = await import("./completion.js");
      await complete(args.slice(1));
      return EXIT_OK;
    }
    const program = await programFor(args, outcome);
    await program.parseAsync(args, { from: "user" });
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    return report(error, note);
  }
}
