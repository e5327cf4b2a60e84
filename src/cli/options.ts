/** Options that several commands have, and readers of options' values that say what is expected. */

import { InvalidArgumentError, Option } from "commander";

/** `--json`, worded for what the command prints. */
export function jsonOption(what: string): Option {
  return new Option("--json", `${what}; messages go to standard error`);
}

/** A whole number within bounds. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(
      most === Number.MAX_SAFE_INTEGER
        ? `Write a whole number, ${least} or more.`
        : `Write a whole number from ${least} to ${most}.`,
    );
  };
}
