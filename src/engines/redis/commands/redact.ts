import type { Command } from "./spec.js";

/** Arguments without what must stay secret: for the slow log and for monitors. */
export function redacted(command: Command, args: readonly string[]): readonly string[] {
  if (command.name === "auth") return args.map((arg, i) => (i === 0 ? arg : "(redacted)"));
  if (command.name === "hello") {
    const at = args.findIndex((arg) => arg.toLowerCase() === "auth");
    return at < 0 ? args : args.map((arg, i) => (i === at + 1 || i === at + 2 ? "(redacted)" : arg));
  }
  if (command.fullName === "config|set") {
    return args.map((arg, i) =>
      i >= 3 && i % 2 === 1 && args[i - 1]!.toLowerCase() === "requirepass" ? "(redacted)" : arg,
    );
  }
  if (command.fullName === "acl|setuser" || command.fullName === "acl|deluser") {
    return args.map((arg, i) => (i >= 2 ? "(redacted)" : arg));
  }
  return args;
}
