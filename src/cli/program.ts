/** The program: its commands, loaded only where these arguments can reach them. */

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { commands } from "./commands.js";
import { EXIT_USAGE, type Outcome } from "./errors.js";
import { unknownCommand } from "./suggest.js";

/** The program with the commands that these arguments can reach; the others are there by name and summary alone. */
export async function programFor(args: readonly string[], outcome: Outcome, all = false): Promise<Command> {
  const program = new Command("keyfold")
    .description(
      "One model for NoSQL data: design it, apply it, load it, ask it. Embedded engines for laptops and tests.",
    )
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "keyfold: ")) })
    .showHelpAfterError(false)
    .enablePositionalOptions()
    .helpCommand("help [command]", "show the help of a command")
    .option("-V, --version", "print the version")
    .addHelpText(
      "after",
      `
Examples:
  keyfold demo                                      all of it, in one command
  keyfold dev                                       start the embedded engines
  keyfold dev -- npm test                           run a command with their URLs in its environment
  keyfold plan model.ts --engine mongodb            what the model becomes on an engine
  keyfold apply model.ts --to mongodb://127.0.0.1:27017/shop
  keyfold load model.ts line lines.csv.gz --to mongodb://127.0.0.1:27017/shop
  keyfold query model.ts linesByCustomer customerId=17850 --at mongodb://127.0.0.1:27017/shop --limit 5

Exit codes: 0 all is well; 1 it ran and found something wrong; 2 it was asked wrongly.
Errors never show a stack trace, unless KEYFOLD_DEBUG is set.`,
    );
  program.action(async (options: { version?: boolean }) => {
    if (options.version === true) {
      process.stdout.write(`${version()}\n`);
      return;
    }
    program.outputHelp({ error: true });
    outcome.code = EXIT_USAGE;
  });
  const named = args.filter((arg) => !arg.startsWith("-"));
  const wanted = named[0] === "help" ? named[1] : named[0];
  for (const { name, summary, load } of commands) {
    const command = all || name === wanted ? (await load())(outcome) : new Command(name).allowUnknownOption();
    command.summary(summary).exitOverride().configureOutput(program.configureOutput());
    program.addCommand(command);
  }
  program.allowExcessArguments(false);
  // An unknown word would be an "excess argument" of the program itself: say what it is instead.
  if (wanted !== undefined && !commands.some(({ name }) => name === wanted) && wanted !== "help") {
    throw unknownCommand(
      wanted,
      commands.map(({ name }) => name),
    );
  }
  return program;
}

/** The package's version. */
export function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
