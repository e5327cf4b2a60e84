/** Runs a command as if keyfold were not there: its terminal, its signals, its exit code. */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { Exit } from "../errors.js";
import { note } from "../output/terminal.js";

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;
/** What a shell answers for a command that it does not find, and for one that it may not run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** How a command ended. */
export interface Ended {
  /** Its exit code; 128 and the signal's number when a signal ended it, as a shell has it. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

/** Runs it to its end. */
export async function runWith(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Ended> {
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, ...environment } });
  const forward = (signal: NodeJS.Signals): void => {
    // Ctrl-C and Ctrl-\ on a terminal reach the child from there; a second copy would be taken for impatience.
    if ((signal === "SIGINT" || signal === "SIGQUIT") && process.stdin.isTTY) return;
    child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, forward);
  try {
    return await new Promise<Ended>((done, fail) => {
      child.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") note(`keyfold: there is no command ${program}`);
        else if (error.code === "EACCES") note(`keyfold: ${program} may not be run`);
        else {
          fail(error);
          return;
        }
        fail(new Exit(error.code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE));
      });
      child.once("exit", (code, signal) =>
        done({ code: signal === null ? (code ?? 1) : 128 + constants.signals[signal], signal }),
      );
    });
  } finally {
    for (const signal of forwarded) process.off(signal, forward);
  }
}

/** Ends as the command did: where the terminal or a supervisor stopped it, this process is stopped by the same signal. */
export async function endAs({ code, signal }: Ended): Promise<number> {
  if (signal === "SIGINT" || signal === "SIGTERM" || signal === "SIGHUP") {
    process.kill(process.pid, signal);
    // The signal arrives within moments; until then there is nothing to answer.
    await new Promise((done) => setTimeout(done, 1_000));
  }
  return code;
}
