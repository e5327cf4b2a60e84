/** The table of commands. Each is loaded only when it is asked for. */

import type { Command } from "commander";
import type { Outcome } from "./errors.js";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<(outcome: Outcome) => Command>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "real-looking events through a model into a database and back as answers, in one command",
    load: async () => (await import("./commands/demo.js")).demoCommand,
  },
  {
    name: "dev",
    summary: "start the embedded engines, or run a command with them",
    load: async () => (await import("./commands/dev.js")).devCommand,
  },
  {
    name: "plan",
    summary: "show what a model becomes on an engine: design, requests, estimates, findings",
    load: async () => (await import("./commands/plan.js")).planCommand,
  },
  {
    name: "apply",
    summary: "create what a model needs; a second run changes nothing",
    load: async () => (await import("./commands/apply.js")).applyCommand,
  },
  {
    name: "load",
    summary: "read a CSV or NDJSON file into an entity; resumable, rejected lines are kept",
    load: async () => (await import("./commands/load.js")).loadCommand,
  },
  {
    name: "query",
    summary: "ask an access pattern",
    load: async () => (await import("./commands/query.js")).queryCommand,
  },
  {
    name: "fold",
    summary: "replace closed buckets of top patterns by their sums, where the engine keeps such",
    load: async () => (await import("./commands/fold.js")).foldCommand,
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    load: async () => (await import("./commands/completion.js")).completionCommand,
  },
];
