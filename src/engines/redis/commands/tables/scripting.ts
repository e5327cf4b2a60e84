import * as runServer from "../server.js";
import type { CommandEntry } from "../spec.js";

/** Commands of the group scripting, by name. */
export const scriptingCommands: readonly CommandEntry[] = [
  {
    name: "function",
    arity: -2,
    flags: "",
    since: "7.0.0",
    summary: "A container of commands about functions.",
    subcommands: [
      {
        name: "flush",
        arity: -2,
        flags: "noscript write",
        categories: "scripting",
        since: "7.0.0",
        summary: "Deletes all libraries.",
        run: runServer.functionFlush,
      },
    ],
  },
];
