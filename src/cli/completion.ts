/** What the shells' completion scripts ask: `keyfold complete -- WORDS`, answered from the commands and the model file. */

import type { Command, Option } from "commander";
import { EXIT_OK } from "./errors.js";
import { print } from "./output/terminal.js";
import { programFor } from "./program.js";

/** The last line of an answer: whether the shell should offer files as well. */
const PATHS = 0;
const NO_PATHS = 4;

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** Candidates for the last word; `paths` when the shell should offer files as well. */
export interface Candidates {
  readonly items: readonly Candidate[];
  readonly paths: boolean;
}

/** Prints the candidates in the scripts' form. Never fails: a mistake must not spoil the person's prompt. */
export async function complete(args: readonly string[]): Promise<void> {
  const words = args[0] === "--" ? args.slice(1) : args;
  let found: Candidates = { items: [], paths: false };
  try {
    found = await candidates(words);
  } catch {
    // A model that does not load has no patterns to offer.
  }
  const lines = found.items.map(({ value, description }) => `${value}\t${description.split("\n")[0]}\n`);
  await print(`${lines.join("")}:${found.paths ? PATHS : NO_PATHS}\n`);
}

/** What may stand in the place of the last word. */
export async function candidates(words: readonly string[]): Promise<Candidates> {
  const program = await programFor([], { code: EXIT_OK }, true);
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const dashes = before.indexOf("--");
  if (dashes !== -1) return { items: [], paths: true };
  const command = program.commands.find((one) => one.name() === before[0]);
  if (command === undefined) {
    if (before.some((word) => !word.startsWith("-")) && before[0] !== "help") return { items: [], paths: false };
    const items = current.startsWith("-")
      ? [
          { value: "--help", description: "show the help" },
          { value: "--version", description: "print the version" },
        ]
      : program.commands.map((one) => ({ value: one.name(), description: one.summary() }));
    return { items: begin(items, current), paths: false };
  }
  const given = before.slice(1);
  const awaiting = given.length > 0 ? optionOf(command, given.at(-1) as string) : undefined;
  if (awaiting !== undefined && takesValue(awaiting)) return optionValues(awaiting, current);
  if (current.startsWith("-")) {
    const items = command.options
      .filter((option) => !option.hidden && option.long !== undefined)
      .map((option) => ({ value: option.long as string, description: option.description }));
    return { items: begin([...items, { value: "--help", description: "show the help" }], current), paths: false };
  }
  return positional(command, operandsOf(command, given), current);
}

async function positional(command: Command, operands: readonly string[], current: string): Promise<Candidates> {
  const argument = command.registeredArguments[Math.min(operands.length, command.registeredArguments.length - 1)];
  if (argument === undefined) return { items: [], paths: false };
  const variadic = argument.variadic || operands.length < command.registeredArguments.length;
  if (!variadic) return { items: [], paths: false };
  if (argument.argChoices !== undefined) {
    return {
      items: begin(
        argument.argChoices.map((value) => ({ value, description: "" })),
        current,
      ),
      paths: false,
    };
  }
  const name = argument.name();
  if (name === "model" || name === "file") return { items: [], paths: true };
  if ((name !== "entity" && name !== "pattern" && name !== "param") || operands[0] === undefined)
    return { items: [], paths: false };
  const { loadModelFile } = await import("./model-file.js");
  const { data } = await loadModelFile(operands[0]);
  if (name === "entity") {
    return {
      items: begin(
        Object.values(data.entities).map((one) => ({ value: one.name, description: "entity" })),
        current,
      ),
      paths: false,
    };
  }
  if (name === "pattern") {
    const items = Object.values(data.patterns).map((one) => ({
      value: one.name,
      description: `${one.kind} of ${one.entity}`,
    }));
    return { items: begin(items, current), paths: false };
  }
  const pattern = data.patterns[operands[1] ?? ""];
  if (pattern === undefined) return { items: [], paths: false };
  const { paramsOf } = await import("./query/params.js");
  const items = paramsOf(data, pattern)
    .filter((param) => !operands.slice(2).some((word) => word.startsWith(`${param.name}=`)))
    .map((param) => ({ value: `${param.name}=`, description: param.expects }));
  return { items: begin(items, current), paths: false };
}

function optionValues(option: Option, current: string): Candidates {
  if (option.argChoices !== undefined) {
    return {
      items: begin(
        option.argChoices.map((value) => ({ value, description: "" })),
        current,
      ),
      paths: false,
    };
  }
  return { items: [], paths: option.long === "--data" || option.long === "--rejects" };
}

function optionOf(command: Command, word: string): Option | undefined {
  return command.options.find((option) => option.long === word || option.short === word);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** The words that are neither options nor their values. */
function operandsOf(command: Command, words: readonly string[]): string[] {
  const operands: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (!word.startsWith("-") || word === "-") {
      operands.push(word);
      continue;
    }
    const option = optionOf(command, word);
    if (option !== undefined && takesValue(option)) at += 1;
  }
  return operands;
}

function begin(items: readonly Candidate[], current: string): Candidate[] {
  return items.filter(({ value }) => value.startsWith(current));
}
