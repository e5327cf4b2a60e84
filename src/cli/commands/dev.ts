import { Command, Option } from "commander";
import { type EngineName, engineNames } from "../../testing/registry.js";
import type { DevOptions } from "../dev/dev.js";
import { factsOf } from "../engines.js";
import { type Outcome, UsageError } from "../errors.js";
import { jsonOption, wholeNumber } from "../options.js";
import { didYouMean } from "../suggest.js";

/** `keyfold dev`. */
export function devCommand(outcome: Outcome): Command {
  const command = new Command("dev")
    .description(
      "Start the embedded engines and print their URLs, until Ctrl-C. With -- COMMAND: run it with the URLs in its environment, and end with it and its exit code.",
    )
    .argument("[command...]", "after --: a command and its arguments")
    .usage("[options] [-- COMMAND...]")
    .option("--only <engines>", `start these, separated by commas: ${engineNames.join(", ")} (default: all of them)`)
    .option("--any-port", "take any free port, in place of the usual ones (the default with -- COMMAND)")
    .option("--host <address>", "listen on this address; any other than loopback needs --auth", "127.0.0.1")
    .option("--auth <user:password>", "ask clients for these credentials")
    .option("--data <dir>", "keep the data in this folder (default: in memory, gone at the end)")
    .option("--env", "print the variables that drivers read, as lines for a shell or an .env file")
    .addOption(
      new Option(
        "--cassandra-nodes <count>",
        "start Cassandra as a cluster, on 127.0.0.1 and the addresses after it",
      ).argParser(wholeNumber(1, 9)),
    )
    .option("--throughput", "throttle DynamoDB's tables and partitions as AWS does")
    .addOption(jsonOption("print one line of JSON, engine to URL, when all of them accept connections"));
  for (const name of engineNames) {
    command.addOption(
      new Option(
        `--${name}-port <port>`,
        `port of ${name}; 0 takes any (usually ${factsOf(name).usualPort})`,
      ).argParser(wholeNumber(0, 65_535)),
    );
  }
  return command
    .addHelpText(
      "after",
      `
Examples:
  keyfold dev                                   the engines on their usual ports, in memory
  keyfold dev --only mongodb --any-port --json  {"mongodb":"mongodb://127.0.0.1:40771"}
  keyfold dev --data .keyfold                   keep the data
  keyfold dev -- npm test                       MONGODB_URL and its like are set for npm test
  keyfold dev --env > .env &                    the same variables for other programs
  keyfold dev --host 0.0.0.0 --auth app:secret  let other machines in, with a password

The text for people hides the password of --auth; --json, --env and COMMAND's environment have it.`,
    )
    .action(async (words: string[], options: Record<string, unknown>) => {
      const { dev } = await import("../dev/dev.js");
      outcome.code = await dev(devOptions(words, options, command));
    });
}

function devOptions(words: readonly string[], options: Record<string, unknown>, command: Command): DevOptions {
  // Commander drops the "--", but a word before it would be a slip: "keyfold dev mongodb".
  const raw = command.parent?.args ?? [];
  const dashes = raw.indexOf("--");
  if (words.length > 0 && dashes === -1) {
    throw new UsageError(
      `dev takes no argument, and ${words[0]} is one`,
      engineNames.includes(words[0] as EngineName)
        ? `To start this engine alone: keyfold dev --only ${words[0]}`
        : `To run a command with the engines: keyfold dev -- ${words.join(" ")}`,
    );
  }
  const only = options["only"] as string | undefined;
  const engines =
    only === undefined ? engineNames : [...new Set(only.split(",").map((name) => checkedEngine(name.trim())))];
  const auth = options["auth"] as string | undefined;
  const colon = auth?.indexOf(":") ?? -1;
  if (auth !== undefined && (colon < 1 || colon === auth.length - 1)) {
    throw new UsageError("--auth is not of the form user:password", "Write for example --auth app:secret");
  }
  const host = options["host"] as string;
  if (auth === undefined && !isLoopback(host)) {
    throw new UsageError(
      `--host ${host} lets other machines in, and there is no password`,
      "Add --auth user:password, or leave --host out to serve this machine alone.",
    );
  }
  const ports: Partial<Record<EngineName, number>> = {};
  for (const name of engineNames) {
    const port = options[`${name}Port`] as number | undefined;
    if (port === undefined) continue;
    if (!engines.includes(name)) throw new UsageError(`--${name}-port is given, and --only leaves ${name} out`);
    ports[name] = port;
  }
  return {
    engines,
    ports,
    anyPort: options["anyPort"] === true,
    host,
    auth: auth === undefined ? undefined : { user: auth.slice(0, colon), password: auth.slice(colon + 1) },
    data: options["data"] as string | undefined,
    env: options["env"] === true,
    throughput: options["throughput"] === true,
    cassandraNodes: options["cassandraNodes"] as number | undefined,
    json: options["json"] === true,
    command: words,
  };
}

function checkedEngine(name: string): EngineName {
  if (engineNames.includes(name as EngineName)) return name as EngineName;
  throw new UsageError(
    `--only: there is no embedded engine ${name === "" ? "with an empty name" : name}`,
    didYouMean(name, engineNames),
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
