/** What a person is told when a command does not work: what was wrong, where, what to do. Never a stack trace. */

import { KeyfoldError } from "../internal/errors.js";

/** It did what it was asked and all is well. */
export const EXIT_OK = 0;
/** It ran and found something wrong. */
export const EXIT_WRONG = 1;
/** It was asked wrongly. */
export const EXIT_USAGE = 2;

/** What a command leaves for the program: its exit code, where that is not 0. */
export interface Outcome {
  code: number;
}

/** The command line is wrong: an option, an argument, a name that does not exist. */
export class UsageError extends Error {
  readonly fix: string | undefined;
  constructor(message: string, fix?: string) {
    super(message);
    this.name = "UsageError";
    this.fix = fix;
  }
}

/** Ends the command with this code; everything was said already. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Reports an error on standard error and gives the exit code for it. */
export function report(error: unknown, say: (text: string) => void): number {
  if (error instanceof Exit) return error.code;
  say(describeError(error));
  if (process.env["KEYFOLD_DEBUG"] && error instanceof Error) say(`\n${stackOf(error)}`);
  return error instanceof UsageError ? EXIT_USAGE : EXIT_WRONG;
}

/** The text for a person. */
export function describeError(error: unknown): string {
  if (error instanceof UsageError) return lines(error.message, error.fix);
  if (isKeyfoldError(error)) {
    const issues = error.issues.map((issue) => {
      const where = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
      return `  - ${where}${issue.message}\n    ${issue.fix}`;
    });
    // A list of issues says each fix beside its issue.
    return [lines(error.message, issues.length > 0 ? undefined : error.fix), ...issues].join("\n");
  }
  const message = error instanceof Error ? error.message : String(error);
  return lines(
    `something unexpected went wrong: ${message}`,
    "Run it again with KEYFOLD_DEBUG=1 to see where, and please report it with that text.",
  );
}

function lines(message: string, fix: string | undefined): string {
  const text = `keyfold: ${redact(message)}`;
  return fix === undefined ? text : `${text}\n  ${redact(fix)}`;
}

/** A model file loads keyfold by a way of its own, so its errors may be of another copy of the class. */
export function isKeyfoldError(error: unknown): error is KeyfoldError {
  return (
    error instanceof KeyfoldError || (error instanceof Error && error.name === "KeyfoldError" && "issues" in error)
  );
}

function stackOf(error: Error): string {
  const stack = redact(error.stack ?? error.message);
  return error.cause instanceof Error ? `${stack}\ncaused by: ${stackOf(error.cause)}` : stack;
}

/** Hides passwords in URLs. */
export function redact(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]*@/gi, "$1:***@");
}
